"""What to do next about a slice, from what asking for it has shown so far. Pure; design 1.4.

Invariants: `complete` needs a whole session that holds every identity which an earlier one delivered, or two that
agree where the service's count is no count; `empty` needs two answers in a row; a slice that can be made smaller is
made smaller before it is given up; what is given up is a gap with a reason.
"""

from datetime import datetime, timedelta
from typing import NamedTuple

from collector.model import Status, Window
from collector.run.slicing import pieces_for
from collector.sources.base import MARGIN, STANDS_STILL, Finding, Kind

LACKING = "lacks-earlier-rows"
COUNT_UNUSABLE = "count-unusable"
BEYOND_RETENTION = "beyond-retention"

AGING = timedelta(minutes=1)
"""How near the edge of the retention a question may come to be too old before it is answered."""


class Asked(NamedTuple):
    """One asking: what it found, the identities it delivered inside the slice, and those known before it."""

    finding: Finding
    delivered: frozenset[bytes]
    before: frozenset[bytes]


class Situation(NamedTuple):
    """What there is to decide on. `horizon` is how far back the service keeps records, `window` the slice's if any."""

    history: tuple[Asked, ...]
    spent: bool
    divisible: bool
    window: Window | None
    horizon: datetime
    page_sizes_left: int


class Settle(NamedTuple):
    """The slice is done: commit what it has."""

    status: Status
    reason: str | None = None


class Again(NamedTuple):
    """Ask once more, under a new session; with smaller pages where said."""

    smaller: bool = False
    wait: bool = True


class Split(NamedTuple):
    """Ask for parts of it: two, cut at `at`, or `pieces`. `failing` where that is to narrow down a fault."""

    pieces: int = 2
    at: datetime | None = None
    failing: bool = False


Step = Settle | Again | Split


def decide(situation: Situation) -> Step:
    """Return the next step."""
    last = situation.history[-1]
    match last.finding.kind:
        case Kind.WHOLE if last.before <= last.delivered:
            return Settle(Status.COMPLETE)
        case Kind.EMPTY if last.before <= last.delivered:
            return _empty(situation)
        case Kind.UNCOUNTED if _agreed(situation.history):
            return Settle(Status.COMPLETE, COUNT_UNUSABLE)
        case Kind.TOO_LARGE:
            return _too_large(situation, last.finding)
        case Kind.REFUSED | Kind.WITHHELD:
            return _refused(situation, last.finding)
    return _failed(situation, reason_of(last))


def reason_of(asked: Asked) -> str:
    """Return the word for what an asking came to, were it to end as a gap."""
    match asked.finding.kind:
        case Kind.WHOLE | Kind.EMPTY:
            return LACKING
        case _:
            return asked.finding.reason or asked.finding.kind.value


def _agreed(history: tuple[Asked, ...]) -> bool:
    """Whether an earlier uncounted session delivered the same identities, and all that are known."""
    last = history[-1]
    same = (a for a in history[:-1] if a.finding.kind is Kind.UNCOUNTED and a.delivered == last.delivered)
    return last.before <= last.delivered and next(same, None) is not None


def _empty(situation: Situation) -> Step:
    earlier = situation.history[:-1]
    if not earlier or earlier[-1].finding.kind is not Kind.EMPTY:
        return Again(wait=False)
    if situation.window and situation.window.end <= situation.horizon:
        return Settle(Status.GAP, BEYOND_RETENTION)
    reason = situation.history[-1].finding.reason
    return Settle(Status.GAP, reason) if reason else Settle(Status.EMPTY)


def _too_large(situation: Situation, finding: Finding) -> Step:
    """Try an answer of too many bytes with fewer rows first; too many rows need a shorter slice."""
    if finding.reason == "answer-too-large" and situation.page_sizes_left:
        return Again(smaller=True, wait=False)
    window = situation.window
    if window and finding.reason == STANDS_STILL and window.start < window.end - 2 * MARGIN:
        return Split(at=window.end - 2 * MARGIN, failing=True)  # the moment that fills a page, and a margin before it
    if situation.divisible:
        return Split(pieces_for(finding.expected, len(situation.history[-1].delivered)))
    return Settle(Status.GAP, finding.reason)


def _refused(situation: Situation, finding: Finding) -> Step:
    """Tell a refusal of what is too old from others: a slice at the edge of the retention is parted there."""
    edge, window = situation.horizon + AGING, situation.window
    final = finding.forbidden or finding.kind is Kind.WITHHELD
    if final or window is None or edge <= window.start:
        return Settle(Status.GAP, finding.reason)
    if edge < window.end:
        return Split(at=edge)
    return Settle(Status.GAP, BEYOND_RETENTION)


def _failed(situation: Situation, reason: str) -> Step:
    if not situation.spent:
        return Again(smaller=_failures(situation.history) >= 2)
    if situation.divisible:
        return Split(failing=True)
    return Settle(Status.GAP, reason)


def _failures(history: tuple[Asked, ...]) -> int:
    return sum(1 for asked in history if asked.finding.kind is not Kind.EMPTY)
