"""What a simulated tenant holds: audit rows, message trace rows, mailboxes, settings. Values only, in time order.

Invariants: `audit_rows` ascend by creation; `traces` read backwards are in the order of Get-MessageTraceV2 (newest
first, rows of one moment by recipient). A row's AuditData may be rendered when it is asked for, and is the same each
time.
"""

import json
import uuid
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, NamedTuple

from collector.model import Window, utc
from collector.simulator.directory import Configuration, Mailbox

TENANT_ID = "11111111-2222-3333-4444-555555555555"
DOMAIN = "contoso.example.org"

RECORD_TYPES = {
    1: "ExchangeAdmin",
    2: "ExchangeItem",
    3: "ExchangeItemGroup",
    4: "SharePoint",
    6: "SharePointFileOperation",
    8: "AzureActiveDirectory",
    15: "AzureActiveDirectoryStsLogon",
    19: "ExchangeAggregatedOperation",
    50: "ExchangeItemAggregated",
}
"""The record types that the simulated tenant knows, by the number in AuditData; protocol.md F1."""


class AuditRow(NamedTuple):
    """One audit record. `body` is the AuditData, or an object whose `str` renders it.

    Search-UnifiedAuditLog returns it from `known_from` on; None: as soon as it happened.
    """

    created: datetime
    identity: str
    record_type: int
    user: str
    operation: str
    body: object
    known_from: datetime | None = None

    @property
    def raw_auditdata(self) -> str:
        """The AuditData as Search-UnifiedAuditLog gives it: JSON in a string."""
        return str(self.body)


class TraceRow(NamedTuple):
    """One (message, recipient) of a message trace. `received` has seven fractional digits and a Z; protocol.md C4.

    Get-MessageTraceV2 returns it from `known_from` on (None: as soon as it was received), until `settled_from` with
    `first_status` for its status.
    """

    received: str
    message_trace_id: str
    message_id: str
    sender: str
    recipient: str
    subject: str
    size: int
    status: str = "Delivered"
    from_ip: str = "192.0.2.10"
    to_ip: str = ""
    known_from: datetime | None = None
    settled_from: datetime | None = None
    first_status: str = "Pending"

    def at(self, now: datetime) -> "TraceRow":
        """Return the row as it is told at a moment."""
        unsettled = self.settled_from is not None and now < self.settled_from
        return self._replace(status=self.first_status) if unsettled else self


@dataclass(frozen=True)
class Scenario:
    """All that a tenant holds and how it is set up, and the window that its story fills."""

    audit_rows: tuple[AuditRow, ...]
    traces: tuple[TraceRow, ...]
    window: Window
    mailboxes: tuple[Mailbox, ...] = ()
    configuration: Configuration = field(default_factory=Configuration)

    @classmethod
    def of(
        cls,
        *,
        audit: Iterable[str | AuditRow] = (),
        traces: Iterable[TraceRow] = (),
        window: Window,
        mailboxes: Iterable[Mailbox] = (),
        configuration: Configuration = Configuration(),  # noqa: B008 - frozen
    ) -> "Scenario":
        """Build a scenario from given records; an AuditData that cannot be read stands at the window's start."""
        rows = [row if isinstance(row, AuditRow) else audit_row(row, window.start) for row in audit]
        by_recipient = sorted(traces, key=lambda row: (row.recipient, row.message_trace_id), reverse=True)
        return cls(
            tuple(sorted(rows, key=lambda row: row.created)),
            tuple(sorted(by_recipient, key=lambda row: row.received)),
            window,
            tuple(mailboxes),
            configuration,
        )


def audit_row(raw: str, fallback: datetime) -> AuditRow:
    """Read what the service would index of an AuditData; `fallback` is the time of one that tells none."""
    fields = read_auditdata(raw)
    kind = fields.get("RecordType")
    return AuditRow(
        created=utc(str(fields.get("CreationTime"))) or fallback,
        identity=str(fields.get("Id") or uuid.uuid5(uuid.NAMESPACE_OID, repr(raw))),
        record_type=kind if isinstance(kind, int) else 50,
        user=str(fields.get("UserId", "")),
        operation=str(fields.get("Operation", "MailItemsAccessed")),
        body=raw,
    )


def read_auditdata(raw: str) -> dict[str, Any]:
    """Read an AuditData leniently: what is no JSON object, or has integers past all reading, gives no fields."""
    try:
        fields = json.loads(raw)
    except (ValueError, RecursionError):
        return {}
    return fields if isinstance(fields, dict) else {}


def ticks(moment: datetime) -> str:
    """Write a time with seven fractional digits and Z, so that texts sort as times do."""
    return f"{moment.astimezone(UTC).isoformat(timespec='microseconds')[:26]}0Z"
