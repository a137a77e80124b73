"""What a run asks for: pure functions from the engagement to the plan, and from the plan to its first slices.

Invariants: the slices of a window join without hole or overlap and end on whole seconds; the same plan and the same
commits always leave the same slices to ask for.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta

import msgspec

from collector.config import Engagement, quota_of
from collector.evidence import SliceCoverage
from collector.model import Plan, Slice, Sought, SourcePlan, Status, Window
from collector.run.asked import PLANS, Asked
from collector.run.registry import FEEDS, Feed
from collector.run.slicing import between, cut
from collector.sources.cmdlets import CALLS
from collector.sources.message_trace import MESSAGE_IDS

NOTHING = Sought()

_BY_PART = frozenset({CALLS, MESSAGE_IDS})
"""The members of a question that hold something for each part."""

_AGING = timedelta(hours=1)


def make_plan(engagement: Engagement, now: datetime, ahead: timedelta = timedelta(0), sought: Sought = NOTHING) -> Plan:
    """Freeze the engagement's windows and questions as they stand at `now`, and what is `sought` after.

    `ahead` is how far the clock of the Activity API is ahead of ours: its windows go by that.
    """
    asked = Asked(engagement, now, ahead, sought)
    sources = tuple(PLANS[name](asked) for name in engagement.sources.names)
    return Plan(engagement.engagement, engagement.tenant, now, sources)


def gaps_plan(plan: Plan, run_id: str, slices: Iterable[SliceCoverage]) -> Plan:
    """Return a plan that asks, of what another run asked for, only for its gaps and what was not settled."""
    by_name = {source.source: source for source in plan.sources}
    missing: dict[tuple[str, Window | None], list[str | None]] = {}
    for one in slices:
        if one.status is Status.GAP or one.settled is False:
            missing.setdefault((one.source, _window(one)), []).append(one.part)
    sources = tuple(_narrowed(by_name[name], window, parts) for (name, window), parts in missing.items())
    after = (*plan.after, run_id)
    return msgspec.structs.replace(plan, sources=sources, gaps_of=run_id, watch=False, after=after)


def _narrowed(source: SourcePlan, window: Window | None, parts: Sequence[str | None]) -> SourcePlan:
    """Return what is planned of a source for some of its parts: what its question holds by part, only for these."""
    question = {
        name: {part: held[part] for part in parts} if name in _BY_PART else held
        for name, held in source.question.items()
    }
    return msgspec.structs.replace(source, window=window, parts=tuple(parts), question=question, since=None)


def _window(one: SliceCoverage) -> Window | None:
    return Window(one.start, one.end) if one.start and one.end else None


class Forecast(msgspec.Struct, frozen=True):
    """What asking for one part of a source will take at least; `seconds` is what its quota makes of it, if any.

    A part without a window has neither start nor end.
    """

    source: str
    part: str | None
    start: datetime | None
    end: datetime | None
    slices: int
    requests: int
    seconds: float | None


def forecast(engagement: Engagement, now: datetime, sought: Sought = NOTHING) -> list[Forecast]:
    """Tell what the engagement would ask for: two requests a slice at least, one to get it and one to see its end.

    One call is one request; a report takes one to look for it, one to start it and one to see its end.
    """
    plan = make_plan(engagement, now, sought=sought)
    return [one for planned in plan.sources for one in _forecasts(planned, engagement, now)]


class Together(msgspec.Struct, frozen=True):
    """Sources that share the `allowed` requests of a `period`: what all that is asked of them takes, at least.

    Spans are seconds.
    """

    sources: tuple[str, ...]
    requests: int
    allowed: int
    period: float
    seconds: float


def together(engagement: Engagement, forecasts: Iterable[Forecast]) -> list[Together]:
    """Return what the sources that share a quota take, for each quota that is shared."""
    requests: dict[str, Counter[str]] = {}
    for one in forecasts:
        requests.setdefault(quota_of(one.source), Counter())[one.source] += one.requests
    shared = ((engagement.limits_of(quota).rate, of) for quota, of in requests.items() if len(of) > 1)
    return [
        Together(tuple(of), of.total(), rate.requests, rate.period, of.total() / rate.requests * rate.period)
        for rate, of in shared
        if rate is not None
    ]


def _forecasts(planned: SourcePlan, engagement: Engagement, now: datetime) -> Iterator[Forecast]:
    feed = FEEDS[planned.source]
    slices = Counter(one.part for one in first_slices(planned, now))
    rate = engagement.limits_of(planned.source).rate
    start, end = (planned.window.start, planned.window.end) if planned.window else (None, None)
    for part in planned.parts:
        requests = feed.requests * slices[part]
        seconds = requests / rate.requests * rate.period if rate else None
        yield Forecast(planned.source, part, start, end, slices[part], requests, seconds)


def first_slices(planned: SourcePlan, now: datetime) -> list[Slice]:
    """Return what a source is asked for at first, before anything of it has come."""
    feed = FEEDS[planned.source]
    left = dict.fromkeys(planned.parts, (planned.window,))
    return slices_of(planned, left, now - feed.retention, feed.longest)


def slices_of(
    planned: SourcePlan, left: Mapping[str | None, Sequence[Window | None]], horizon: datetime, longest: timedelta
) -> list[Slice]:
    """Return what is to be asked for of what is `left`; `horizon` is how far back the service keeps records."""
    todo = [(part, window) for part, windows in left.items() for window in windows]
    feed = FEEDS[planned.source]
    edges = _edges(horizon, feed)
    pieces = feed.pieces // max(1, len(todo))
    return [
        Slice(planned.source, part, planned.axis, piece)
        for part, window in todo
        for piece in (_pieces(window, edges, longest, pieces) if window else (None,))
    ]


def _pieces(window: Window, edges: Sequence[datetime], longest: timedelta, pieces: int) -> Iterator[Window]:
    for part in between(window, edges):
        yield from cut(part, longest, pieces)


def _edges(horizon: datetime, feed: Feed) -> Sequence[datetime]:
    """Return what parts what the service no longer keeps, what ages while we ask, and what cannot be asked for yet."""
    young = (horizon + feed.retention - feed.delay,) if feed.delay else ()
    return (horizon, horizon + _AGING, *young)
