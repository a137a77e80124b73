"""The sources that there are: what is known of each without asking it, how it is made, what tells its records apart."""

from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from typing import NamedTuple

from collector import config
from collector.auth import SignIn
from collector.clock import Clock
from collector.config import Cloud, Engagement
from collector.http.client import Client
from collector.model import SourcePlan
from collector.run.by_mailbox import ByMailbox
from collector.run.collect import Collection
from collector.run.content import ContentCollection
from collector.run.jobs import JobCollection, ReportCollection
from collector.run.slicing import PIECES
from collector.sources import (
    audit_query,
    cmdlets,
    graph_message_trace,
    historical_search,
    mailbox_audit_log,
    management_activity,
    message_trace,
    purview_audit_query,
    unified_audit_log,
)
from collector.sources.base import NO_TIME, Source
from collector.sources.cmdlets import CMDLET, Call, Cmdlets
from collector.sources.exchange import Bridge
from collector.sources.following import Following
from collector.sources.graph import Graph
from collector.sources.graph_message_trace import GraphMessageTrace
from collector.sources.historical_search import HistoricalSearch
from collector.sources.mailbox_audit_log import MailboxAuditLog
from collector.sources.management_activity import ManagementActivity
from collector.sources.message_trace import MessageTrace
from collector.sources.message_trace_detail import MESSAGE_TRACE_DETAIL
from collector.sources.purview_audit_query import PurviewAuditQuery
from collector.sources.tenant_settings import TENANT_SETTINGS, TenantSettings
from collector.sources.unified_audit_log import UnifiedAuditLog


class Reach(NamedTuple):
    """What a source is made with: its client, the sign-in, the engagement, the time, and what of it is planned.

    `run_id` is the run's name, `after` names those whose gaps it asks for, `waiting` is told what is waited for, and
    for how long.
    """

    client: Client
    sign_in: SignIn
    engagement: Engagement
    clock: Clock
    planned: Sequence[SourcePlan]
    run_id: str
    after: Sequence[str]
    waiting: Callable[[str, float], None]


def _exchange(cloud: Cloud) -> str:
    return cloud.exchange


def _management(cloud: Cloud) -> str:
    return cloud.management or ""  # the engagement's rules make sure that there is one


def _graph(cloud: Cloud) -> str:
    return cloud.graph or ""  # the same rules see to it


class Feed(NamedTuple):
    """One source; `retention` and `longest` are those of `Source`, `key` gives a record's identity and content.

    `api` is the base address that its token is for, `collection` what works on its slices. Its window is cut into
    `pieces` at least, and where what happened within `delay` can not be asked for yet. A slice takes `requests` at
    least; `at_once` slices are worked on together where that is not told by how many requests may be in flight.
    """

    make: Callable[[Reach], Source]
    key: Callable[[bytes], tuple[bytes, bytes]]
    retention: timedelta
    longest: timedelta
    collection: Callable[..., Collection] = Collection
    api: Callable[[Cloud], str] = _exchange
    pieces: int = PIECES
    delay: timedelta = NO_TIME
    requests: int = 2
    at_once: int = 1


def _bridge(reach: Reach) -> Bridge:
    return Bridge(reach.client, reach.sign_in, reach.engagement.cloud.exchange)


def _unified_audit_log(reach: Reach) -> Source:
    return UnifiedAuditLog(_bridge(reach), reach.engagement.sources.unified_audit_log or config.UnifiedAuditLog())


def _mailbox_audit_log(reach: Reach) -> Source:
    return MailboxAuditLog(_bridge(reach), reach.engagement.mailboxes)


def _message_trace(reach: Reach) -> Source:
    return MessageTrace(_bridge(reach), _message_ids(reach))


def _message_ids(reach: Reach) -> Mapping[str, Sequence[str]]:
    ids: dict[str, Sequence[str]] = {}
    for planned in reach.planned:
        ids |= planned.question.get(message_trace.MESSAGE_IDS, {})
    return ids


def _historical_search(reach: Reach) -> Source:
    report = reach.planned[0].question[historical_search.REPORT]
    asking = historical_search.Asking(report, _message_ids(reach), reach.run_id, reach.after)
    return HistoricalSearch(_bridge(reach), asking, _following(reach, HistoricalSearch.name))


def _following(reach: Reach, name: str) -> Following:
    return Following(reach.engagement.limits_of(name), reach.clock, reach.waiting)


def _purview_audit_query(reach: Reach) -> Source:
    asked = reach.engagement.sources.purview_audit_query or config.PurviewAuditQuery()
    following = _following(reach, PurviewAuditQuery.name)
    return PurviewAuditQuery(_graph_of(reach), audit_query.filters_of(asked), reach.run_id, following)


def _graph_message_trace(reach: Reach) -> Source:
    return GraphMessageTrace(_graph_of(reach))


def _graph_of(reach: Reach) -> Graph:
    return Graph(reach.client, _graph(reach.engagement.cloud))


def _calls(reach: Reach) -> Mapping[str, Call]:
    return {part: call for planned in reach.planned for part, call in cmdlets.calls_of(planned)}


def _cmdlets(reach: Reach) -> Source:
    return Cmdlets(reach.planned[0].source, _bridge(reach), _calls(reach))


def _tenant_settings(reach: Reach) -> Source:
    return TenantSettings(TENANT_SETTINGS, _bridge(reach), _calls(reach))


def activity(reach: Reach) -> ManagementActivity:
    """Return the Activity API as the engagement asks for it."""
    asked = reach.engagement.sources.management_activity or config.ManagementActivity()
    base = _management(reach.engagement.cloud)
    return ManagementActivity(reach.client, reach.sign_in, base, asked, clock=reach.clock)


_CALLED = Feed(make=_cmdlets, key=cmdlets.key, retention=NO_TIME, longest=NO_TIME, requests=1)

FEEDS: Mapping[str, Feed] = {
    UnifiedAuditLog.name: Feed(
        make=_unified_audit_log,
        key=unified_audit_log.key,
        retention=UnifiedAuditLog.retention,
        longest=UnifiedAuditLog.longest,
    ),
    MailboxAuditLog.name: Feed(
        make=_mailbox_audit_log,
        key=mailbox_audit_log.key,
        retention=MailboxAuditLog.retention,
        longest=MailboxAuditLog.longest,
        collection=ByMailbox,
    ),
    MessageTrace.name: Feed(
        make=_message_trace,
        key=message_trace.key,
        retention=MessageTrace.retention,
        longest=MessageTrace.longest,
    ),
    MESSAGE_TRACE_DETAIL: _CALLED,
    HistoricalSearch.name: Feed(
        make=_historical_search,
        key=historical_search.key,
        retention=HistoricalSearch.retention,
        longest=HistoricalSearch.longest,
        collection=ReportCollection,
        pieces=1,
        delay=historical_search.DELAY,
        requests=3,
        at_once=historical_search.JOBS_A_DAY,
    ),
    ManagementActivity.name: Feed(
        make=activity,
        key=management_activity.key,
        retention=ManagementActivity.retention,
        longest=ManagementActivity.longest,
        collection=ContentCollection,
        api=_management,
    ),
    PurviewAuditQuery.name: Feed(
        make=_purview_audit_query,
        key=purview_audit_query.key,
        retention=PurviewAuditQuery.retention,
        longest=PurviewAuditQuery.longest,
        collection=JobCollection,
        api=_graph,
        pieces=1,
        requests=5,
        at_once=purview_audit_query.QUERIES_AT_ONCE,
    ),
    GraphMessageTrace.name: Feed(
        make=_graph_message_trace,
        key=graph_message_trace.key,
        retention=GraphMessageTrace.retention,
        longest=GraphMessageTrace.longest,
        api=_graph,
        requests=1,
    ),
    TENANT_SETTINGS: _CALLED._replace(make=_tenant_settings),
    CMDLET: _CALLED,
}
