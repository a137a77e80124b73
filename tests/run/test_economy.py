"""Few questions, and none near the ceiling: slices follow what was seen of the tenant, whatever its counts tell.

The audit log here is a list of times. Its sessions come in any order and end at 50,000 rows, as protocol.md C1 has it.
"""

import random
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from collector.model import Row, Window
from collector.sources.base import Finding, Page, Question
from collector.sources.session import CEILING, NEAR_CEILING, Seen, Session
from tests.run.scripted import START, row
from tests.run.test_collect import Bench

FIFTY_DAYS = Window(START - timedelta(days=60), START - timedelta(days=10))

Count = Callable[[int, int], int]
COUNTS: dict[str, Count] = {
    "total": lambda total, size: total,
    "capped": lambda total, size: min(total, CEILING),
    "mirrored": lambda total, size: size,
}


class AuditLog:
    """Answers sessions as the service does, and keeps the tally: calls, and rows of the sessions that were read."""

    def __init__(self, rows: list[Row], count: Count) -> None:
        self.rows = sorted(rows, key=lambda one: one.at or 0.0)
        self.count = count
        self.calls = 0
        self.largest = 0

    def __call__(self, question: Question, _: int) -> Iterator[Page | Finding]:
        window = question.slice.window
        assert window is not None
        hits = [r for r in self.rows if window.start.timestamp() <= (r.at or 0) < window.end.timestamp()]
        random.Random(len(hits)).shuffle(hits)
        count = self.count(len(hits), question.page_size)
        session, read = Session(question.page_size, divisible=window.divisible), 0
        while not session.over:
            page = hits[read : min(read + question.page_size, CEILING)]
            session.add([Seen(r.identity, read + n, count, None) for n, r in enumerate(page, 1)], ())
            yield Page(tuple(page), f"request {self.calls}")
            self.calls += 1
            read += len(page)
        self.largest = max(self.largest, read)
        yield session.finding()


def at(days: float, *, every: float, count: int) -> list[Row]:
    """Make up rows from so many days after the start on, one every so many seconds."""
    first = FIFTY_DAYS.start.timestamp() + days * 86_400
    return [Row(b"{}", b"%f.%d" % (first, n), b"%f.%d" % (first, n), first + n * every) for n in range(count)]


TENANTS: dict[str, tuple[Callable[[], list[Row]], int]] = {
    "a quiet one": (lambda: [row("only", FIFTY_DAYS.start)], 18),
    "three quiet weeks in the middle": (
        lambda: at(0, every=300, count=4000) + at(35, every=300, count=4000),
        28,
    ),
    "a burst of 60,000 in three seconds": (lambda: at(20, every=3 / 60_000, count=60_000), 45),
    "one dense day among quiet weeks": (
        lambda: at(0, every=864, count=5000) + at(30, every=1.5, count=57_600),
        60,
    ),
}
"""What a tenant holds, and how many calls it may cost where the counts are good: 8 slices take 16 at least."""


@pytest.mark.parametrize("kind", COUNTS)
@pytest.mark.parametrize("tenant", TENANTS)
def test_dense_hours_get_short_slices_and_quiet_weeks_long_ones(tmp_path: Path, tenant: str, kind: str) -> None:
    made, most = TENANTS[tenant]
    rows = made()
    log = AuditLog(rows, COUNTS[kind])
    bench = Bench(tmp_path, log, window=FIFTY_DAYS)
    coverage = bench.collect(*bench.first_slices())
    assert coverage.complete
    assert sum(one.records for one in coverage.slices) == len(rows)
    assert log.largest <= NEAR_CEILING
    assert log.calls <= (2 if kind == "mirrored" else 1) * most
