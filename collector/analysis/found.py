"""What a run holds, by mailbox: a first look, read from its committed files and nothing else.

Invariants: Bind and Sync are told by MailAccessType in OperationProperties, by name and never by RecordType or
client (protocol.md F3); a record Id counts once; a line that cannot be read is counted, never dropped in silence.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from collector.evidence import lines, read
from collector.model import Chunk

AUDIT, TRACE = "unified-audit-log", "message-trace"


@dataclass(slots=True)
class Mailbox:
    """What was found of one mailbox; sessions are distinct SessionIds, traces rows that it sent or received."""

    name: str
    records: int = 0
    binds: int = 0
    syncs: int = 0
    sessions: set[str] = field(default_factory=set)
    traces: int = 0


@dataclass(slots=True)
class Found:
    """What a run holds; `unreadable` counts lines that could not be read, `others` records without a mailbox."""

    mailboxes: tuple[Mailbox, ...]
    others: int
    unreadable: int


class _Property(msgspec.Struct):
    Name: str | None = None
    Value: Any = None


class _Record(msgspec.Struct):
    """The members of an audit record that are looked at; every one may be missing (protocol.md F2)."""

    Id: str | None = None
    Operation: str | None = None
    MailboxGuid: str | None = None
    MailboxOwnerUPN: str | None = None
    SessionId: str | None = None
    OperationProperties: list[_Property] | None = None


class _AuditRow(msgspec.Struct):
    AuditData: str


class _TraceRow(msgspec.Struct):
    SenderAddress: str | None = None
    RecipientAddress: str | None = None


def found(run: Path) -> Found:
    """Read a run's committed records; raises IntegrityError where it is no run."""
    account = read(run)
    tally = _Tally()
    for commit in account.commits:
        for chunk in commit.chunks:
            tally.take(commit.source, run, chunk)
    return tally.result()


class _Tally:
    def __init__(self) -> None:
        self._mailboxes: dict[str, Mailbox] = {}
        self._addresses: dict[str, int] = {}
        self._ids: set[str] = set()
        self._others = 0
        self._unreadable = 0

    def take(self, source: str, run: Path, chunk: Chunk) -> None:
        """Count a chunk's records."""
        count = {AUDIT: self._audit, TRACE: self._trace}.get(source)
        if count is None:  # the feed's copies of the same records
            return
        for line in lines(run, chunk):
            try:
                count(line)
            except (msgspec.MsgspecError, UnicodeDecodeError):
                self._unreadable += 1

    def result(self) -> Found:
        """Return the mailboxes, the busiest first."""
        for mailbox in self._mailboxes.values():
            mailbox.traces = self._addresses.get(mailbox.name.lower(), 0)
        order = sorted(self._mailboxes.values(), key=lambda m: (-m.records, m.name))
        return Found(tuple(order), self._others, self._unreadable)

    def _audit(self, line: bytes) -> None:
        record = msgspec.json.decode(msgspec.json.decode(line, type=_AuditRow).AuditData, type=_Record)
        if record.Id is not None and record.Id in self._ids:
            return
        self._ids.add(record.Id or "")
        if record.MailboxOwnerUPN is None:
            self._others += 1
            return
        key = (record.MailboxGuid or record.MailboxOwnerUPN).lower()
        mailbox = self._mailboxes.setdefault(key, Mailbox(record.MailboxOwnerUPN))
        mailbox.records += 1
        access = _access_type(record) if record.Operation == "MailItemsAccessed" else None
        mailbox.binds += access == "bind"
        mailbox.syncs += access == "sync"
        if record.SessionId:
            mailbox.sessions.add(record.SessionId)

    def _trace(self, line: bytes) -> None:
        row = msgspec.json.decode(line, type=_TraceRow)
        for address in {(row.SenderAddress or "").lower(), (row.RecipientAddress or "").lower()}:
            self._addresses[address] = self._addresses.get(address, 0) + 1


def _access_type(record: _Record) -> str | None:
    values: Iterator[Any] = (
        one.Value for one in record.OperationProperties or () if (one.Name or "").lower() == "mailaccesstype"
    )
    value = next(values, None)
    return value.lower() if isinstance(value, str) else None
