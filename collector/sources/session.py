"""Judges one session of Search-UnifiedAuditLog: what its rows and warnings prove. Source: protocol.md C1, design 1.4.

Invariant: `finding` says WHOLE only for a session that was read to its end, whose rows cover ResultIndex 1 to the
largest ResultCount without a hole, below the ceiling, with nothing saying that more was there. A ResultCount that
equals the ResultSize asked for is no count, whether it was reached or not: it may be the one thing mirrored.
"""

from collections.abc import Iterable, Sequence

import msgspec

from collector.sources.base import Finding, Kind, told_by

CEILING = 50_000
"""Rows after which a ReturnLargeSet session delivers nothing more, and says nothing of it."""

NEAR_CEILING = 40_000
"""Rows from which on a slice is cut, where it can be, and not read to a ceiling that might come sooner."""

PATIENCE_WITH_REPEATS = 2
"""Calls in a row that may bring nothing new before the session is held to stand still."""


class Seen(msgspec.Struct, frozen=True, gc=False):
    """What a row says of itself and of its session; None for what it does not say."""

    identity: bytes
    result_index: int | None
    result_count: int | None
    more: bool | None


class Session:
    """One session, call by call. A call is one repetition of the command; zero rows end the session.

    A slice that is `divisible` is given up for shorter ones before it comes near the ceiling; of any other all that
    the service delivers is wanted, though it proves nothing.
    """

    def __init__(self, page_size: int, *, divisible: bool) -> None:
        self._page_size = page_size
        self._divisible = divisible
        self._indices: set[int] = set()
        self._identities: set[bytes] = set()
        self._rows = 0
        self._count = 0
        self._repeats = 0
        self._more = False
        self._at_ceiling = False
        self._ended = False
        self._lost = False
        self._trouble: str | None = None

    def add(self, rows: Sequence[Seen], warnings: Iterable[str], *, lost: bool = False) -> None:
        """Take one call's rows and warnings into account; `lost` where it was asked again for want of an answer.

        The session has moved past what a lost answer held. Only a count can tell that it was not the last.
        """
        self._lost = self._lost or lost
        told = told_by(warnings)
        if told.failed:
            self._trouble = "cancelled-task"
        if any(row.result_index is not None and row.result_index < 0 for row in rows):
            self._trouble = "internal-time-out"
        said_more = told.more or any(row.more for row in rows)
        self._at_ceiling = self._at_ceiling or told.at_ceiling
        self._ended = not rows
        self._more = said_more if rows else self._more or said_more
        self._rows += len(rows)
        self._count = max([self._count, *(row.result_count for row in rows if row.result_count is not None)])
        before = len(self._identities), len(self._indices)
        self._identities.update(row.identity for row in rows)
        self._indices.update(row.result_index for row in rows if row.result_index is not None)
        self._repeats = self._repeats + 1 if before == (len(self._identities), len(self._indices)) else 0

    @property
    def over(self) -> bool:
        """Whether asking on is of no use: it has ended, is in trouble, is too large, or stands still."""
        still = self._repeats >= PATIENCE_WITH_REPEATS
        full = self._too_large if self._divisible else self._rows >= CEILING
        return self._ended or self._trouble is not None or still or full

    @property
    def _too_large(self) -> bool:
        most = NEAR_CEILING if self._divisible else CEILING
        return self._at_ceiling or self._count >= most or self._rows >= most

    def finding(self) -> Finding:
        """Return what the session proves."""
        kind, reason = self._judge()
        if self._lost and kind in (Kind.EMPTY, Kind.UNCOUNTED):
            kind, reason = Kind.FAILED, "answer-lost"
        return Finding(kind, reason, self._count or None)

    def _judge(self) -> tuple[Kind, str | None]:
        if self._trouble:
            return Kind.FAILED, self._trouble
        if self._too_large:
            return Kind.TOO_LARGE, "over-ceiling"
        if not self._ended:
            return Kind.FAILED, "paging-stands-still"
        if self._more:
            return Kind.FAILED, "more-available"
        if not self._rows:
            return Kind.EMPTY, None
        return self._counted()

    def _counted(self) -> tuple[Kind, str | None]:
        """Compare the rows with ResultIndex and ResultCount; protocol.md C1, field-notes 'mirrors ResultSize'."""
        highest = max(self._indices, default=0)
        if len(self._indices) < highest or 0 in self._indices:
            return Kind.FAILED, "hole-in-session"
        if self._count in (0, self._page_size) or highest > self._count:
            return Kind.UNCOUNTED, "count-unusable"
        return (Kind.WHOLE, None) if highest == self._count else (Kind.FAILED, "short-session")
