"""A simulated tenant on loopback, written from the protocol and not from the client.

`SimulatedTenant(takeover(start=…, days=…, records=…, traces=…))` serves an identity provider, the cmdlets of the
Exchange Online admin API and the Management Activity API over TLS with a CA of its own, correctly or with any of the
faults of `Fault`.
"""

from collector.simulator.activity_feed import CONTENT_TYPES, DLP, ContentBlob, Feed, content_type_of
from collector.simulator.behaviour import Access, Behaviour, FeedBehaviour, MoreRecords, NextLink, Quotas, ResultCount
from collector.simulator.conditions import (
    Asked,
    When,
    any_cmdlet,
    any_feed,
    blob,
    chance,
    cmdlet,
    content_id,
    content_type,
    during,
    every,
    feed_chance,
    from_page,
    larger,
    listing,
    nth,
    operation,
    page,
    path,
    wider,
)
from collector.simulator.faults import CONCURRENCY, OF_THE_FEED, Fault, Faults, Kind
from collector.simulator.publishing import Publishing, publish
from collector.simulator.scenario import DOMAIN, TENANT_ID, AuditRow, Mailbox, Scenario, TraceRow, audit_row, ticks
from collector.simulator.story import takeover
from collector.simulator.tenant import SECRET_VARIABLE, Seen, SimulatedTenant

__all__ = [
    "CONCURRENCY",
    "CONTENT_TYPES",
    "DLP",
    "DOMAIN",
    "OF_THE_FEED",
    "SECRET_VARIABLE",
    "TENANT_ID",
    "Access",
    "Asked",
    "AuditRow",
    "Behaviour",
    "ContentBlob",
    "Fault",
    "Faults",
    "Feed",
    "FeedBehaviour",
    "Kind",
    "Mailbox",
    "MoreRecords",
    "NextLink",
    "Publishing",
    "Quotas",
    "ResultCount",
    "Scenario",
    "Seen",
    "SimulatedTenant",
    "TraceRow",
    "When",
    "any_cmdlet",
    "any_feed",
    "audit_row",
    "blob",
    "chance",
    "cmdlet",
    "content_id",
    "content_type",
    "content_type_of",
    "during",
    "every",
    "feed_chance",
    "from_page",
    "larger",
    "listing",
    "nth",
    "operation",
    "page",
    "path",
    "publish",
    "takeover",
    "ticks",
    "wider",
]
