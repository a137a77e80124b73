"""What one cycle of a watch asks for. Pure.

Invariants: what has passed and was not asked for is asked for; what was is asked for again only behind that, and never
behind the beginning of the watch; nothing is asked of the time to come.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

import msgspec

from collector.evidence import Commit, remaining
from collector.model import SourcePlan, Window
from collector.run.plan import slices_of
from collector.run.wiring import Due
from collector.sources.base import spanned

EACH_CYCLE = timedelta(hours=2)
EACH_HOUR = timedelta(hours=24)
BEFORE_A_SEAL = timedelta(hours=48)
"""How far is looked back for records that come late: protocol.md A4, C1 (60 to 90 minutes as a rule, 24 hours and more
at times), and for traces whose status changes (C4)."""

_HOUR = 3600.0


def lookback(since_last_long: float | None, *, sealing: bool) -> timedelta:
    """Return how far a cycle looks back; `since_last_long` is seconds since one looked back a day or more, if any."""
    if sealing:
        return BEFORE_A_SEAL
    return EACH_HOUR if since_last_long is None or since_last_long >= _HOUR else EACH_CYCLE


def due(
    planned: SourcePlan,
    commits: Sequence[Commit],
    now: datetime,
    back: timedelta,
    *,
    horizon: datetime,
    longest: timedelta,
) -> Iterator[Due]:
    """Yield what is to be asked of a source at `now` on its axis: what has passed, and the look-back behind it."""
    window = planned.window
    if window is None:
        yield Due(slices_of(planned, remaining(planned, commits), horizon, longest))
        return
    if window.start >= now:
        return
    passed = msgspec.structs.replace(planned, window=Window(window.start, min(window.end, now)))
    left = remaining(passed, commits)
    yield Due(slices_of(passed, left, horizon, longest))
    again = {part: _behind(passed, windows, back) for part, windows in left.items()}
    yield Due(slices_of(passed, again, horizon, longest), recheck=True)


def frontier(planned: SourcePlan, commits: Sequence[Commit]) -> datetime | None:
    """Return up to where all parts of a source were asked for without a hole; None for one without a window."""
    if planned.window is None:
        return None
    end = planned.window.end
    holes = (hole for windows in remaining(planned, commits).values() for hole in windows)
    return min((hole.start for hole in holes if hole), default=end)


def _behind(passed: SourcePlan, left: Sequence[Window | None], back: timedelta) -> tuple[Window, ...]:
    """Return the look-back of one part: behind what is left of it, as far as it was ever asked for."""
    window = spanned(passed.window)
    edge = min((hole.start for hole in left if hole), default=window.end)
    start = max(edge - back, passed.since or window.start)
    return (Window(start, edge),) if start < edge else ()
