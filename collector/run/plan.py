"""What a run asks for: pure functions from the engagement to the plan, and from the plan to its first slices.

Invariants: the slices of a window join without hole or overlap and end on whole seconds; the same plan and the same
commits always leave the same slices to ask for.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import msgspec

from collector import config
from collector.config import Engagement
from collector.errors import UsageError
from collector.evidence import SliceCoverage
from collector.model import Axis, Plan, Slice, SourcePlan, Status, Window, iso
from collector.run.registry import FEEDS
from collector.run.slicing import PIECES, between, cut
from collector.sources import message_trace, unified_audit_log
from collector.sources.management_activity import ManagementActivity
from collector.sources.message_trace import MessageTrace
from collector.sources.unified_audit_log import UnifiedAuditLog

_AGING = timedelta(hours=1)
_AT_THE_START = timedelta(minutes=1)


def make_plan(engagement: Engagement, now: datetime, ahead: timedelta = timedelta(0)) -> Plan:
    """Freeze the engagement's windows and questions as they stand at `now`.

    `ahead` is how far the clock of the Activity API is ahead of ours: its windows go by that.
    """
    return Plan(engagement.engagement, engagement.tenant, now, tuple(_source_plans(engagement, now, ahead)))


def gaps_plan(plan: Plan, run_id: str, slices: Iterable[SliceCoverage]) -> Plan:
    """Return a plan that asks, of what another run asked for, only for its gaps and what was not settled."""
    by_name = {source.source: source for source in plan.sources}
    missing = (one for one in slices if one.status is Status.GAP or one.settled is False)
    sources = tuple(
        msgspec.structs.replace(by_name[one.source], window=_window(one), parts=(one.part,), since=None)
        for one in missing
    )
    return msgspec.structs.replace(plan, sources=sources, gaps_of=run_id, watch=False)


def _window(one: SliceCoverage) -> Window | None:
    return Window(one.start, one.end) if one.start and one.end else None


class Forecast(msgspec.Struct, frozen=True):
    """What asking for one part of a source will take at least; `seconds` is what its quota makes of it, if any."""

    source: str
    part: str | None
    start: datetime
    end: datetime
    slices: int
    requests: int
    seconds: float | None


def forecast(engagement: Engagement, now: datetime) -> list[Forecast]:
    """Tell what the engagement would ask for: two requests a slice at least, one to get it and one to see its end."""
    return [one for planned in make_plan(engagement, now).sources for one in _forecasts(planned, engagement, now)]


def _forecasts(planned: SourcePlan, engagement: Engagement, now: datetime) -> Iterator[Forecast]:
    feed = FEEDS[planned.source]
    window = planned.window
    assert window is not None  # noqa: S101 - each source has one
    left = dict.fromkeys(planned.parts, (window,))
    slices = Counter(one.part for one in slices_of(planned, left, now - feed.retention, feed.longest))
    rate = engagement.limits_of(planned.source).rate
    for part in planned.parts:
        requests = 2 * slices[part]
        seconds = requests / rate.requests * rate.period if rate else None
        yield Forecast(planned.source, part, window.start, window.end, slices[part], requests, seconds)


def _source_plans(engagement: Engagement, now: datetime, ahead: timedelta) -> Iterator[SourcePlan]:
    asked = engagement.sources
    if asked.unified_audit_log is not None:
        source = asked.unified_audit_log
        question = {"cmdlet": unified_audit_log.CMDLET, **unified_audit_log.fixed_parameters(source)}
        yield SourcePlan(
            UnifiedAuditLog.name,
            Axis.EVENT,
            engagement.freeze(source.window, now),
            audit_parts(source),
            question,
        )
    if asked.message_trace is not None:
        trace = asked.message_trace
        question_for: dict[str, Any] = {"cmdlet": message_trace.CMDLET, "for": trace.audience}
        yield SourcePlan(
            MessageTrace.name,
            Axis.EVENT,
            engagement.freeze(trace.window, now),
            trace_parts(trace, engagement.mailboxes),
            question_for,
        )
    if asked.management_activity is not None:
        yield _activity_plan(engagement, asked.management_activity, now + ahead)


def _activity_plan(engagement: Engagement, asked: config.ManagementActivity, now: datetime) -> SourcePlan:
    """Plan along availability, to the service's now: what happened in the window may still become available.

    A window that is as long as content is listed for starts a little later, or its start would be too old by the time
    that it is asked for.
    """
    frozen = engagement.freeze(asked.window, now)
    end = now.replace(microsecond=0)
    oldest = end - ManagementActivity.retention
    start = oldest + _AT_THE_START if frozen.start == oldest else frozen.start
    if start >= end:
        raise UsageError(
            f"{ManagementActivity.name}: its window has not begun by the service's clock, which shows {iso(end)}",
            remedy="set this machine's clock, or start the window earlier",
        )
    question = {"api": "Office 365 Management Activity API"}
    return SourcePlan(ManagementActivity.name, Axis.AVAILABLE, Window(start, end), asked.content_types, question)


def audit_parts(asked: config.UnifiedAuditLog) -> tuple[str | None, ...]:
    """Return the record types asked for, each a part, since the cmdlet takes one (protocol.md C1); else [None]."""
    return tuple(dict.fromkeys(asked.record_types)) or (None,)


def trace_parts(asked: config.MessageTrace, mailboxes: tuple[str, ...]) -> tuple[str | None, ...]:
    """Return each mailbox as sender and as recipient, or [None] for the tenant as a whole."""
    if asked.audience == "tenant":
        return (None,)
    return tuple(kind + mailbox for mailbox in mailboxes for kind in (message_trace.SENDER, message_trace.RECIPIENT))


def slices_of(
    planned: SourcePlan, left: Mapping[str | None, Sequence[Window | None]], horizon: datetime, longest: timedelta
) -> list[Slice]:
    """Return what is to be asked for of what is `left`; `horizon` is how far back the service keeps records."""
    todo = [(part, window) for part, windows in left.items() for window in windows if window is not None]
    return [
        Slice(planned.source, part, planned.axis, piece)
        for part, window in todo
        for aged in _at_horizon(window, horizon)
        for piece in cut(aged, longest, PIECES // len(todo))
    ]


def _at_horizon(window: Window, horizon: datetime) -> list[Window]:
    """Part what the service may no longer keep from what it does, with the hour in between that ages while we ask."""
    return between(window, (horizon, horizon + _AGING))
