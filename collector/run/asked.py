"""What an engagement asks of each source, frozen as the source's part of the plan. Pure.

Invariants: the questions stand in the plan whole, so that a run asks the same whenever it is taken up; what is sought
for in earlier evidence stands in the order in which it was found there: what tells most first.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from collector import config
from collector.config import Engagement
from collector.errors import UsageError
from collector.model import Axis, Sought, SourcePlan, Window, iso
from collector.sources import (
    audit_query,
    cmdlets,
    graph_message_trace,
    historical_search,
    mailbox_audit_log,
    message_trace,
    message_trace_detail,
    tenant_settings,
    unified_audit_log,
)
from collector.sources.graph_message_trace import GraphMessageTrace
from collector.sources.historical_search import HistoricalSearch
from collector.sources.mailbox_audit_log import MailboxAuditLog
from collector.sources.management_activity import ManagementActivity
from collector.sources.message_trace import MessageTrace
from collector.sources.message_trace_detail import MESSAGE_TRACE_DETAIL
from collector.sources.purview_audit_query import PurviewAuditQuery
from collector.sources.tenant_settings import TENANT_SETTINGS
from collector.sources.unified_audit_log import UnifiedAuditLog

_AT_THE_START = timedelta(minutes=1)


class Asked(NamedTuple):
    """The engagement, the time, how far the Activity API's clock is ahead, and what earlier evidence names."""

    engagement: Engagement
    now: datetime
    ahead: timedelta
    sought: Sought


def of_audit_log(asked: Asked) -> SourcePlan:
    """Plan unified-audit-log; each record type is a part, since the cmdlet takes one (protocol.md C1)."""
    source = asked.engagement.sources.unified_audit_log or config.UnifiedAuditLog()
    question = {"cmdlet": unified_audit_log.CMDLET, **unified_audit_log.fixed_parameters(source)}
    parts = tuple(dict.fromkeys(source.record_types)) or (None,)
    window = asked.engagement.freeze(source.window, asked.now)
    return SourcePlan(UnifiedAuditLog.name, Axis.EVENT, window, parts, question)


def of_mailbox_log(asked: Asked) -> SourcePlan:
    """Plan mailbox-audit-log: each mailbox of interest is a part, by the name that the file has for it."""
    source = asked.engagement.sources.mailbox_audit_log or config.MailboxAuditLog()
    question = {"cmdlet": mailbox_audit_log.CMDLET, **mailbox_audit_log.FIXED}
    window = asked.engagement.freeze(source.window, asked.now)
    return SourcePlan(MailboxAuditLog.name, Axis.EVENT, window, tuple(asked.engagement.mailboxes), question)


def of_trace(asked: Asked) -> SourcePlan:
    """Plan message-trace: the tenant as a whole, each mailbox as sender and as recipient, or messages by their ids."""
    source = asked.engagement.sources.message_trace or config.MessageTrace()
    question: dict[str, Any] = {"cmdlet": message_trace.CMDLET, "for": source.audience}
    parts: tuple[str | None, ...] = (None,)
    if source.audience == "mailboxes":
        parts = tuple(by_mailbox(asked.engagement.mailboxes))
    if source.audience == "accessed":
        dealt = batches(_accessed(asked, MessageTrace.name), message_trace.IDS_AT_ONCE)
        question[message_trace.MESSAGE_IDS] = {
            part: [form for one in ids for form in message_trace.forms(one)] for part, ids in dealt.items()
        }
        parts = tuple(dealt)
    window = asked.engagement.freeze(source.window, asked.now)
    return SourcePlan(MessageTrace.name, Axis.EVENT, window, parts, question)


def of_audit_query(asked: Asked) -> SourcePlan:
    """Plan purview-audit-query: one question for all that it names, for a query takes lists (protocol.md D1)."""
    source = asked.engagement.sources.purview_audit_query or config.PurviewAuditQuery()
    question = {"api": f"Microsoft Graph {audit_query.PATH}", **audit_query.filters_of(source)}
    window = asked.engagement.freeze(source.window, asked.now)
    return SourcePlan(PurviewAuditQuery.name, Axis.EVENT, window, (None,), question)


def of_graph_trace(asked: Asked) -> SourcePlan:
    """Plan graph-message-trace: the tenant as a whole, or each mailbox as sender and as recipient."""
    source = asked.engagement.sources.graph_message_trace or config.GraphMessageTrace()
    question = {"api": f"Microsoft Graph {graph_message_trace.PATH}", "for": source.audience}
    parts = tuple(by_mailbox(asked.engagement.mailboxes)) if source.audience == "mailboxes" else (None,)
    window = asked.engagement.freeze(source.window, asked.now)
    return SourcePlan(GraphMessageTrace.name, Axis.EVENT, window, parts, question)


def of_historical_search(asked: Asked) -> SourcePlan:
    """Plan historical-search: reports of each mailbox as sender and as recipient, or of messages by their ids.

    How the service joins senders with recipients is not documented, so that no job names both.
    """
    source = asked.engagement.sources.historical_search or config.HistoricalSearch()
    question: dict[str, Any] = {"cmdlet": historical_search.START, historical_search.REPORT: source.report}
    parts: tuple[str | None, ...] = tuple(by_mailbox(asked.engagement.mailboxes))
    if source.audience == "accessed":
        named = [form for one in _accessed(asked, HistoricalSearch.name) for form in message_trace.forms(one)]
        question[message_trace.MESSAGE_IDS] = batches(named, historical_search.VALUES_AT_ONCE)
        parts = tuple(question[message_trace.MESSAGE_IDS])
    window = asked.engagement.freeze(source.window, asked.now)
    return SourcePlan(HistoricalSearch.name, Axis.EVENT, window, parts, question)


def of_activity(asked: Asked) -> SourcePlan:
    """Plan management-activity along availability, to the service's now: what happened may still become available.

    A window that is as long as content is listed for starts a little later, or its start would be too old by the time
    that it is asked for.
    """
    source = asked.engagement.sources.management_activity or config.ManagementActivity()
    frozen = asked.engagement.freeze(source.window, asked.now + asked.ahead)
    end = (asked.now + asked.ahead).replace(microsecond=0)
    oldest = end - ManagementActivity.retention
    start = oldest + _AT_THE_START if frozen.start == oldest else frozen.start
    if start >= end:
        raise UsageError(
            f"{ManagementActivity.name}: its window has not begun by the service's clock, which shows {iso(end)}",
            remedy="set this machine's clock, or start the window earlier",
        )
    question = {"api": "Office 365 Management Activity API"}
    return SourcePlan(ManagementActivity.name, Axis.AVAILABLE, Window(start, end), source.content_types, question)


def _accessed(asked: Asked, source: str) -> Sequence[str]:
    """Return the messages that the attacker accessed; raises UsageError where earlier evidence names none."""
    if not asked.sought.message_ids:
        raise UsageError(
            f"{source}: the evidence of {asked.engagement.engagement} names no message that the attacker accessed",
            remedy="collect unified-audit-log first; `collector investigate binds` shows what was accessed by whom",
        )
    return asked.sought.message_ids


def of_detail(asked: Asked) -> SourcePlan:
    """Plan message-trace-detail: a part for each row of a trace; raises UsageError where no trace tells of any."""
    if not asked.sought.traced:
        raise UsageError(
            f"{MESSAGE_TRACE_DETAIL}: no trace of {asked.engagement.engagement} tells of the messages asked for",
            remedy=f"collect message-trace first, with {MESSAGE_TRACE_DETAIL} left out of the file until then",
        )
    return cmdlets.planned(MESSAGE_TRACE_DETAIL, message_trace_detail.calls(asked.sought.traced, asked.now))


def of_settings(asked: Asked) -> SourcePlan:
    """Plan tenant-settings: the tenant's, and those of each mailbox of interest."""
    return cmdlets.planned(TENANT_SETTINGS, tenant_settings.calls(asked.engagement.mailboxes))


def by_mailbox(mailboxes: Iterable[str]) -> Iterable[str]:
    """Yield the parts of a trace for each mailbox: what it sent, and what it received."""
    return (kind + mailbox for mailbox in mailboxes for kind in (message_trace.SENDER, message_trace.RECIPIENT))


def batches(message_ids: Sequence[str], most: int) -> dict[str, Sequence[str]]:
    """Deal message ids out, in their order, to parts of so many at most."""
    dealt = [message_ids[start : start + most] for start in range(0, len(message_ids), most)]
    return {f"{message_trace.MESSAGE_IDS}:{number}": ids for number, ids in enumerate(dealt, 1)}


PLANS: Mapping[str, Callable[[Asked], SourcePlan]] = {
    UnifiedAuditLog.name: of_audit_log,
    MailboxAuditLog.name: of_mailbox_log,
    MessageTrace.name: of_trace,
    MESSAGE_TRACE_DETAIL: of_detail,
    HistoricalSearch.name: of_historical_search,
    ManagementActivity.name: of_activity,
    PurviewAuditQuery.name: of_audit_query,
    GraphMessageTrace.name: of_graph_trace,
    TENANT_SETTINGS: of_settings,
}
"""How each source that an engagement file can name is planned."""
