"""What the tests of this room ask for, and how they read what came of it."""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import NamedTuple

from collector.http.client import Effort
from collector.model import Axis, Row, Slice, Window
from collector.sources.base import Finding, Page, Question

HOUR = Window(datetime(2026, 11, 20, 10, tzinfo=UTC), datetime(2026, 11, 20, 11, tzinfo=UTC))


def question(source: str, size: int, *, part: str | None = None, window: Window = HOUR, attempts: int = 6) -> Question:
    return Question(Slice(source, part, Axis.EVENT, window), size, Effort(attempts))


class Asked(NamedTuple):
    """What a source yielded: its pages, and the finding, which is the last and the only one."""

    pages: list[Page]
    finding: Finding

    @property
    def rows(self) -> list[Row]:
        return [row for page in self.pages for row in page.rows]

    @property
    def edges(self) -> list[datetime]:
        """The moments from which all was said to be whole."""
        return [page.whole_from for page in self.pages if page.whole_from is not None]


def asked(items: Iterable[Page | Finding]) -> Asked:
    *pages, finding = items
    assert isinstance(finding, Finding)
    return Asked([page for page in pages if isinstance(page, Page)], finding)
