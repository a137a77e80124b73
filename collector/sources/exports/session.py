"""Rows of Search-UnifiedAuditLog in an export, and what they show of the question that they answer.

Invariant: less is claimed than may be true. Every session numbers its rows from 1 and counts them in each, so that a
number which stands twice, or another count, shows two questions, or one export twice: then nothing is claimed.
Source: protocol.md C1, design 1.4.
"""

from typing import Any

import msgspec

from collector.sources.base import loose

_CEILING = 50_000
"""Rows at which a session ends, whatever else there is."""
_ONE_PAGE, _ROUND = 5_000, 100
"""Without a session ResultCount can be the number that was asked for: up to a page, and a round one; no count then."""


class _Row(msgspec.Struct, gc=False):
    ResultIndex: Any = None
    ResultCount: Any = None


_decoder = msgspec.json.Decoder(_Row)


class Session:
    """The numbers of an export's rows, as they come."""

    def __init__(self) -> None:
        self._seen: set[int] = set()
        self._count = 0
        self._broken = False

    def add(self, row: bytes) -> None:
        """Take another row, of whatever kind of export."""
        if self._broken:
            return
        try:
            found = _decoder.decode(row)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            held = loose(row)
            found = _Row(held.get("ResultIndex"), held.get("ResultCount"))
        index, count = _number(found.ResultIndex), _number(found.ResultCount)
        self._count = self._count or count
        self._broken = index in self._seen or not (0 < index <= count < _CEILING) or count != self._count
        self._seen.add(index)

    @property
    def whole(self) -> bool:
        """Whether the rows are all that one question found."""
        proves = self._count > _ONE_PAGE or self._count % _ROUND != 0
        return not self._broken and len(self._seen) == self._count and proves


def _number(value: Any) -> int:
    """Return a whole number, also one written as text; 0, which no row and no count has, for anything else."""
    told = str(value)
    return int(told) if told.isascii() and told.isdecimal() and len(told) < len(str(_CEILING)) + 1 else 0
