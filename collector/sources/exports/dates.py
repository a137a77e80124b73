r"""Times as a maker's country writes them: read only where the file itself shows how.

Invariants: nothing depends on this computer's country or zone; whether the month or the day comes first is known only
from a number above 12 in the same file, and from no file that shows both; what cannot be told is left as it is. The
clock is UTC: the services write no other (protocol.md C1, C4), and Export-Csv only leaves the zone out.

`11/10/2026 6:00:00 AM`, `10.11.2026 06:00:00` and `10/11/2026 06:00` come of Export-Csv, `11/10/2026, 6:00:00.123 AM`
of Sentinel's portal, `/Date(1794290400000)/`, which needs no telling, of ConvertTo-Json in PowerShell 5.
"""

import re
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Literal

from collector.model import iso

Order = Literal["", "day-first", "month-first"]
"""What a file shows of its dates; nothing where they are not of this form, or do not tell."""

_BLANK = "[\\s\u00a0\u202f]"
_LOCAL = re.compile(
    rf"(\d{{1,2}})([/.-])(\d{{1,2}})\2(\d{{4}}),?{_BLANK}+"
    r"(\d{1,2})[:.](\d\d)(?:[:.](\d\d)(?:\.(\d{1,7}))?)?"
    rf"(?:{_BLANK}*([ap])\.?m\.?)?",
    re.ASCII | re.IGNORECASE,
)
_EPOCH = re.compile(r"/Date\((-?\d{1,15})\)/", re.ASCII)
_MONTHS, _DAYS = 12, 31
_1970 = datetime(1970, 1, 1, tzinfo=UTC)


def order_of(texts: Iterable[str]) -> Order:
    """Return which comes first in the dates of a file."""
    shown: set[Order] = set()
    for text in texts:
        if found := _LOCAL.fullmatch(text.strip()):
            first, second = int(found[1]), int(found[3])
            if min(first, second) <= _MONTHS < max(first, second) <= _DAYS:  # others show nothing, or are no dates
                shown.add("day-first" if first > second else "month-first")
    return shown.pop() if len(shown) == 1 else ""


def in_utc(text: str, order: Order) -> str | None:
    """Return a time that is written so as ISO with Z; None for any other text, and where the order is not known."""
    try:
        if epoch := _EPOCH.fullmatch(text.strip()):
            return iso(_1970 + timedelta(milliseconds=int(epoch[1])))
        found = _LOCAL.fullmatch(text.strip()) if order else None
        return iso(_of(found, order)) if found else None
    except (ValueError, OverflowError):
        return None


def _of(found: re.Match[str], order: Order) -> datetime:
    first, second, year = int(found[1]), int(found[3]), int(found[4])
    day, month = (first, second) if order == "day-first" else (second, first)
    hour = int(found[5])
    if half := (found[9] or "").lower():
        if not 1 <= hour <= _MONTHS:  # a clock of twelve hours
            raise ValueError(hour)
        hour = hour % 12 + (12 if half == "p" else 0)
    fraction = int((found[8] or "").ljust(6, "0")[:6])
    return datetime(year, month, day, hour, int(found[6]), int(found[7] or 0), fraction, tzinfo=UTC)
