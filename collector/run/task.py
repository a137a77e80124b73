"""One slice while it is worked on, and the family of slices that a planned one is cut into.

Invariants: rows that arrived are handed on to the parts and never dropped; a family has a budget, so every run ends.
"""

import threading
from collections.abc import Callable, Iterator
from datetime import datetime

from collector.evidence import StagedRow, Staging
from collector.http.client import Effort
from collector.model import Slice, Window
from collector.run.decide import Asked, Split
from collector.run.slicing import around, between
from collector.sources.base import spanned

SESSIONS = 400
"""Askings that one planned slice may cost with all its parts, besides those that its records pay for."""

PAID_BY = 1000
"""Records kept that pay for one more asking."""

HOPELESS = 24
"""Slices of a family that may fail before any records are kept: enough to halve a week down to one second, once."""


class Family:
    """What the parts of one slice share: a budget, and whether any of them was ever kept with records.

    A slice that is halved to narrow down a fault heads a family of its own within its parent's, so that what is
    hopeless is given up where it lies and nowhere else.
    """

    _lock = threading.Lock()

    def __init__(self, parent: "Family | None" = None) -> None:
        self._parent = parent
        self._sessions = 0
        self._records = 0
        self._failed = 0
        self._verdict: str | None = None

    @property
    def verdict(self) -> str | None:
        """The reason with which all that is left of the family ends as a gap, None while there is hope."""
        return self._verdict or (self._parent.verdict if self._parent else None)

    def asked(self) -> None:
        """Count an asking."""
        with self._lock:
            for family in self._line():
                family._sessions += 1
                if family._sessions > SESSIONS + family._records // PAID_BY:
                    family._verdict = family._verdict or "budget-spent"

    def kept(self, records: int) -> None:
        """Note that a slice ended complete or empty."""
        with self._lock:
            for family in self._line():
                family._records += records

    def failed(self, reason: str) -> None:
        """Count a slice that failed; a family of which every part fails is given up."""
        with self._lock:
            for family in self._line():
                family._failed += 1
                if not family._records and family._failed >= HOPELESS:
                    family._verdict = family._verdict or reason

    def _line(self) -> "Iterator[Family]":
        family: Family | None = self
        while family is not None:
            yield family
            family = family._parent


class Task:
    """A slice that is being asked for; `recheck` where that is not for the first time."""

    def __init__(
        self, slice_: Slice, staging: Staging, family: Family, attempts: int, *, recheck: bool = False
    ) -> None:
        self.slice = slice_
        self.staging = staging
        self.family = family
        self.attempts = attempts
        self.recheck = recheck
        self.effort = Effort(attempts)
        self.history: list[Asked] = []
        self.page_size = 0
        """Which of the source's page sizes is used, counted from the largest."""
        self.asked_at: datetime | None = None
        self.expected: int | None = None
        self.unread: bytes | None = None
        """The last answer, where no reader could take it apart."""

    def done(self) -> None:
        """Let go of what mattered only while the slice was asked for."""
        self.staging.release()
        self.history.clear()

    @property
    def window(self) -> Window:
        """The window of a slice that has one."""
        return spanned(self.slice.window)

    @property
    def divisible(self) -> bool:
        """Whether the slice can be made smaller."""
        return self.slice.window is not None and self.slice.window.divisible

    def inside(self, at: float | None) -> bool:
        """Whether a row of this time belongs to the slice; one that shows no time does."""
        if at is None or self.slice.window is None:
            return True
        return self.window.start.timestamp() <= at < self.window.end.timestamp()

    def known(self) -> frozenset[bytes]:
        """Return the identities that this slice's askings have delivered so far."""
        return frozenset(row.identity for row in self.staging.rows if self.inside(row.at))

    def parts(self, split: Split) -> "list[Task]":
        """Return the tasks that this one is cut into, each with the rows of its time."""
        windows = between(self.window, [split.at]) if split.at else self._pieces(split.pieces)
        attempts = max(2, self.attempts // 2) if split.failing else self.attempts
        family = Family(self.family) if split.failing else self.family
        rest, tasks = self.staging, []
        for window in windows[:-1]:
            own, rest = rest.part(before(window.end))
            tasks.append(Task(self.narrowed(window), own, family, attempts, recheck=self.recheck))
        tasks.append(Task(self.narrowed(windows[-1]), rest, family, attempts, recheck=self.recheck))
        for task in tasks:  # rows so big that only the smallest page might hold them are no smaller in a part
            task.page_size = 0 if split.failing else self.page_size
        return tasks

    def _pieces(self, count: int) -> list[Window]:
        times = [row.at for row in self.staging.rows if row.at is not None and self.inside(row.at)]
        return around(self.window, times, count)

    def finished_from(self, edge: datetime) -> "Task | None":
        """Split off what is whole from `edge` on as a task of its own; None where that would hold no row yet."""
        window = self.window
        if not window.start < edge < window.end:
            return None
        if not any(row.at is not None and row.at >= edge.timestamp() for row in self.staging.rows):
            return None
        rest, done = self.staging.part(before(edge))
        finished = Task(self.narrowed(Window(edge, window.end)), done, self.family, self.attempts, recheck=self.recheck)
        finished.asked_at = self.asked_at
        self.slice, self.staging = self.narrowed(Window(window.start, edge)), rest
        return finished

    def narrowed(self, window: Window) -> Slice:
        """Return the slice with another window."""
        return Slice(self.slice.source, self.slice.part, self.slice.axis, window)


def before(edge: datetime) -> Callable[[StagedRow], bool]:
    """Return what tells the rows before a moment from others."""
    moment = edge.timestamp()

    def earlier(row: StagedRow) -> bool:
        return row.at is not None and row.at < moment

    return earlier
