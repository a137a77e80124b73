"""Graph's listings: their pages, the links between them, and what goes wrong with both; protocol.md D.

Invariants: the pages of a listing are those of the moment when its first one was asked for; a $skiptoken is good for
the path that it was given for, and for no other. Rows are rendered when their page is asked for.
"""

import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlencode

from collector.model import Window
from collector.simulator.faults import Kind
from collector.simulator.graph_call import Call, Due
from collector.simulator.graph_errors import good, stale
from collector.simulator.wire import Reply


@dataclass(frozen=True)
class Page:
    """Some of a listing's rows, from `start` on. `about` is what its context names, `window` what was asked for."""

    path: str
    about: str
    rows: Sequence[Any]
    write: Callable[[Any], Mapping[str, Any]]
    size: int
    window: Window | None = None
    start: int = 0

    @property
    def number(self) -> int:
        """Which page it is, from 1."""
        return self.start // self.size + 1

    @property
    def is_last(self) -> bool:
        """Whether no row stands behind it."""
        return self.start + self.size >= len(self.rows)


class Pages:
    """The next links that one tenant's Graph has given."""

    def __init__(self, address: str) -> None:
        self._address = address
        self._given: dict[str, Page] = {}

    def pointed_at(self, call: Call) -> Page | None:
        """Return the page that a $skiptoken leads to, None without one or for one that is stale."""
        page = self._given.get(call.cursor or "")
        return page if page and page.path == call.request.path else None

    def resumed(self, call: Call) -> Page | None:
        """Return the page that a $skiptoken leads to, None without one; raises GraphError for one that is stale."""
        page = self.pointed_at(call)
        if call.cursor is not None and page is None:
            raise stale()
        return page

    def reply(self, call: Call, page: Page, due: Due) -> Reply:
        """Write a page, rightly or as the faults that are due have it."""
        page = _shifted(page, due)
        document: dict[str, Any] = {"@odata.context": self.context(call, page.about)}
        if link := self._link(call, page, due):
            document["@odata.nextLink"] = link
        return good({**document, "value": [page.write(row) for row in _shown(page, due)]})

    def context(self, call: Call, about: str) -> str:
        """Return the @odata.context of an answer."""
        return f"{self._address}/{call.version}/$metadata#{about}"

    def _link(self, call: Call, page: Page, due: Due) -> str | None:
        """Return where the next page is said to be, None behind the last one; a loop leads to where it stands."""
        foreign = due.get(Kind.FOREIGN_LINK)
        place = f"{foreign.base if foreign else self._address}{call.request.path}"
        if Kind.LINK_LOOP in due and call.cursor is not None:
            return f"{place}?{call.request.query}"
        start = _next_start(page, due)
        if start is None:
            return None
        cursor = secrets.token_urlsafe(24)
        self._given[cursor] = replace(page, start=start)
        return f"{place}?{urlencode({**call.query, '$skiptoken': cursor}, safe='$')}"


def _shifted(page: Page, due: Due) -> Page:
    """Return the page that is given instead: the one before, or the one behind."""
    if Kind.REPEAT in due:
        return replace(page, start=max(0, page.start - page.size))
    return replace(page, start=page.start + page.size) if Kind.HOLE in due else page


def _shown(page: Page, due: Due) -> Sequence[Any]:
    if Kind.EMPTY in due or Kind.EMPTY_PAGE in due:
        return ()
    rows = page.rows[page.start : page.start + page.size]
    return (rows[:-1] or rows) if Kind.LOST_ROW in due else rows


def _next_start(page: Page, due: Due) -> int | None:
    """Return where the next page begins, rightly or by a fault; None for no next page."""
    if Kind.EMPTY in due or Kind.SHORT_SESSION in due:
        return None
    if Kind.EMPTY_PAGE in due or Kind.LINK_LOOP in due:
        return page.start
    if not page.is_last:
        return page.start + page.size
    if Kind.CYCLE in due:
        return 0
    return len(page.rows) if Kind.FOREIGN_LINK in due else None
