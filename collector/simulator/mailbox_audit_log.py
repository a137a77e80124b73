"""Search-MailboxAuditLog, the old store of mailbox audit records; protocol.md C2.

Invariant: it tells of the same accesses as the unified audit log, at the same moments and in its own columns.
"""

from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from functools import cached_property
from typing import Any, NamedTuple

from collector.simulator.address_book import AddressBook
from collector.simulator.behaviour import Behaviour, OldStore, Quotas
from collector.simulator.directory import Mailbox, Standing
from collector.simulator.mailbox_audit_rows import LOGON_TYPES, details, summary
from collector.simulator.parameters import Reader, ambiguous, bind, count, each_of, flag, invalid, moment, text, texts
from collector.simulator.rows import limited
from collector.simulator.scenario import AuditRow, Scenario, read_auditdata
from collector.simulator.wire import Answer

DEFAULT_SIZE = 1000
MAILBOX_RECORD_TYPES = frozenset({2, 3, 19, 50})
PARAMETERS: dict[str, Reader] = {
    "Identity": text,
    "Mailboxes": texts,
    "ShowDetails": flag,
    "StartDate": moment,
    "EndDate": moment,
    "LogonTypes": each_of("Admin", "Delegate", "Owner"),
    "Operations": texts,
    "ExternalAccess": flag,
    "GroupMailbox": flag,
    "HasAttachments": flag,
    "IncludeInactiveMailbox": flag,
    "ResultSize": count(1, 250_000),
}
_DAWN, _DUSK = datetime(1970, 1, 1, tzinfo=UTC), datetime(9999, 1, 1, tzinfo=UTC)


class _Entry(NamedTuple):
    row: AuditRow
    fields: Mapping[str, Any]


class MailboxAuditLog:
    """The audit logs that lie in a scenario's mailboxes."""

    def __init__(
        self,
        scenario: Scenario,
        book: AddressBook,
        behaviour: Behaviour,
        quotas: Quotas,
        now: Callable[[], datetime],
    ) -> None:
        self._rows = scenario.audit_rows
        self._book = book
        self._empty = behaviour.old_store is OldStore.EMPTY
        self._quotas = quotas
        self._now = now

    def search(self, given: Mapping[str, Any]) -> Answer:
        """Answer one call: a row for each entry with ShowDetails, else one for each mailbox that has any."""
        asked = bind(given, PARAMETERS)
        if asked.get("ShowDetails") and "Mailboxes" in asked:
            raise ambiguous("Mailboxes", "ShowDetails")
        if "Owner" in asked.get("LogonTypes", ()) and not asked.get("ShowDetails"):
            raise invalid("The LogonTypes value Owner can be used only with the ShowDetails switch.")
        if asked.get("StartDate", _DAWN) >= asked.get("EndDate", _DUSK):
            raise invalid("The StartDate must be earlier than the EndDate.")
        boxes = self._mailboxes(asked)
        found = [] if self._empty else [(box, entry) for box in boxes for entry in self._entries(box, asked)]
        if asked.get("ShowDetails"):
            rows = [details(box, entry.row, entry.fields) for box, entry in found]
        else:
            latest = {box: entry.row for box, entry in found}
            rows = [summary(box, row) for box, row in latest.items()]
        return limited(rows, asked.get("ResultSize", DEFAULT_SIZE))

    def _mailboxes(self, asked: Mapping[str, Any]) -> list[Mailbox]:
        standings = {Standing.ACTIVE}
        if asked.get("IncludeInactiveMailbox"):
            standings.add(Standing.INACTIVE)
        if "Mailboxes" in asked:
            return [self._book.one(name, standings) for name in sorted(asked["Mailboxes"])]
        return self._book.chosen(asked.get("Identity"), standings)

    def _entries(self, box: Mailbox, asked: Mapping[str, Any]) -> Iterator[_Entry]:
        """Yield the entries of a mailbox, in time order."""
        now = self._now()
        kept = now - min(box.audit.age_limit, self._quotas.mailbox_audit_retention)
        start, end = max(asked.get("StartDate", _DAWN), kept), min(asked.get("EndDate", now), now)
        for row in self._by_mailbox.get(box.guid, ()):
            if start <= row.created <= end:
                fields = read_auditdata(row.raw_auditdata)
                if _wanted(row, fields, asked):
                    yield _Entry(row, fields)

    @cached_property
    def _by_mailbox(self) -> Mapping[str, list[AuditRow]]:
        """The records by the mailbox in whose log they lie, in time order."""
        rows: dict[str, list[AuditRow]] = {}
        for row in self._rows:
            if row.record_type in MAILBOX_RECORD_TYPES:
                guid = read_auditdata(row.raw_auditdata).get("MailboxGuid")
                rows.setdefault(str(guid), []).append(row)
        return rows


def _wanted(row: AuditRow, fields: Mapping[str, Any], asked: Mapping[str, Any]) -> bool:
    """Whether the filters let an entry through: nothing of outsiders unless it is asked for (EXOPS).

    No entry of the story is of a message with attachments.
    """
    logon_type = LOGON_TYPES.get(fields.get("LogonType", 0))
    external = bool(fields.get("ExternalAccess", False))
    return (
        row.operation.casefold() in asked.get("Operations", (row.operation.casefold(),))
        and logon_type in asked.get("LogonTypes", (logon_type,))
        and external == asked.get("ExternalAccess", False)
        and not asked.get("HasAttachments")
    )
