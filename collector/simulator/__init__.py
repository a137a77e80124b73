"""A simulated tenant on loopback, written from the protocol and not from the client.

`SimulatedTenant(takeover(start=…, days=…, records=…, traces=…))` serves an identity provider and the cmdlets of the
Exchange Online admin API over TLS with a CA of its own, correctly or with any of the faults of `Fault`.
"""

from collector.simulator.behaviour import Access, Behaviour, MoreRecords, NextLink, Quotas, ResultCount
from collector.simulator.conditions import (
    Asked,
    When,
    any_cmdlet,
    chance,
    cmdlet,
    during,
    every,
    from_page,
    larger,
    nth,
    page,
    path,
    wider,
)
from collector.simulator.faults import CONCURRENCY, Fault, Faults, Kind
from collector.simulator.scenario import DOMAIN, TENANT_ID, AuditRow, Mailbox, Scenario, TraceRow, audit_row, ticks
from collector.simulator.story import takeover
from collector.simulator.tenant import SECRET_VARIABLE, Seen, SimulatedTenant

__all__ = [
    "CONCURRENCY",
    "DOMAIN",
    "SECRET_VARIABLE",
    "TENANT_ID",
    "Access",
    "Asked",
    "AuditRow",
    "Behaviour",
    "Fault",
    "Faults",
    "Kind",
    "Mailbox",
    "MoreRecords",
    "NextLink",
    "Quotas",
    "ResultCount",
    "Scenario",
    "Seen",
    "SimulatedTenant",
    "TraceRow",
    "When",
    "any_cmdlet",
    "audit_row",
    "chance",
    "cmdlet",
    "during",
    "every",
    "from_page",
    "larger",
    "nth",
    "page",
    "path",
    "takeover",
    "ticks",
    "wider",
]
