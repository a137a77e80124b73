"""The sources that there are: what is known of each without asking it, how it is made, what tells its records apart."""

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import NamedTuple

from collector import config
from collector.auth import SignIn
from collector.clock import Clock
from collector.config import Cloud, Engagement
from collector.http.client import Client
from collector.model import Axis
from collector.run.collect import Collection
from collector.run.content import ContentCollection
from collector.sources import management_activity, message_trace, unified_audit_log
from collector.sources.base import Source
from collector.sources.exchange import Bridge
from collector.sources.management_activity import ManagementActivity
from collector.sources.message_trace import MessageTrace
from collector.sources.unified_audit_log import UnifiedAuditLog


class Reach(NamedTuple):
    """What a source is made with: its client, the sign-in, what the engagement asks of it, the time."""

    client: Client
    sign_in: SignIn
    engagement: Engagement
    clock: Clock


class Feed(NamedTuple):
    """One source; `retention` and `longest` are those of `Source`, `key` gives a record's identity and content.

    `api` is the base address that its token is for, `collection` what works on its slices.
    """

    make: Callable[[Reach], Source]
    collection: Callable[..., Collection]
    key: Callable[[bytes], tuple[bytes, bytes]]
    api: Callable[[Cloud], str]
    axis: Axis
    retention: timedelta
    longest: timedelta


def _exchange(cloud: Cloud) -> str:
    return cloud.exchange


def _management(cloud: Cloud) -> str:
    return cloud.management or ""  # the engagement's rules make sure that there is one


def _bridge(reach: Reach) -> Bridge:
    return Bridge(reach.client, reach.sign_in, reach.engagement.cloud.exchange)


def _unified_audit_log(reach: Reach) -> Source:
    return UnifiedAuditLog(_bridge(reach), reach.engagement.sources.unified_audit_log or config.UnifiedAuditLog())


def _message_trace(reach: Reach) -> Source:
    return MessageTrace(_bridge(reach))


def activity(reach: Reach) -> ManagementActivity:
    """Return the Activity API as the engagement asks for it."""
    asked = reach.engagement.sources.management_activity or config.ManagementActivity()
    base = _management(reach.engagement.cloud)
    return ManagementActivity(reach.client, reach.sign_in, base, asked, clock=reach.clock)


FEEDS: Mapping[str, Feed] = {
    UnifiedAuditLog.name: Feed(
        _unified_audit_log,
        Collection,
        unified_audit_log.key,
        _exchange,
        Axis.EVENT,
        UnifiedAuditLog.retention,
        UnifiedAuditLog.longest,
    ),
    MessageTrace.name: Feed(
        _message_trace,
        Collection,
        message_trace.key,
        _exchange,
        Axis.EVENT,
        MessageTrace.retention,
        MessageTrace.longest,
    ),
    ManagementActivity.name: Feed(
        activity,
        ContentCollection,
        management_activity.key,
        _management,
        Axis.AVAILABLE,
        ManagementActivity.retention,
        ManagementActivity.longest,
    ),
}
