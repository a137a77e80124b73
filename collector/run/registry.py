"""The sources that there are: what is known of each without asking it, how it is made, what tells its records apart."""

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import NamedTuple

from collector import config
from collector.config import Engagement
from collector.sources import message_trace, unified_audit_log
from collector.sources.base import Source
from collector.sources.exchange import Bridge
from collector.sources.message_trace import MessageTrace
from collector.sources.unified_audit_log import UnifiedAuditLog


class Feed(NamedTuple):
    """One source; `retention` and `longest` are those of `Source`, `key` gives a record's identity and content."""

    make: Callable[[Bridge, Engagement], Source]
    key: Callable[[bytes], tuple[bytes, bytes]]
    retention: timedelta
    longest: timedelta


def _unified_audit_log(bridge: Bridge, engagement: Engagement) -> Source:
    return UnifiedAuditLog(bridge, engagement.sources.unified_audit_log or config.UnifiedAuditLog())


def _message_trace(bridge: Bridge, _: Engagement) -> Source:
    return MessageTrace(bridge)


FEEDS: Mapping[str, Feed] = {
    UnifiedAuditLog.name: Feed(
        _unified_audit_log, unified_audit_log.key, UnifiedAuditLog.retention, UnifiedAuditLog.longest
    ),
    MessageTrace.name: Feed(_message_trace, message_trace.key, MessageTrace.retention, MessageTrace.longest),
}
