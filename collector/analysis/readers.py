"""Lines of evidence to rows, by source.

Invariants: a line is taken apart whole or is a row of `unread` with its reason, never passed over in silence; what a
source without a reader holds is not looked at.
"""

import json
from collections.abc import Callable
from datetime import datetime
from typing import Any

import msgspec

from collector.analysis import imported, mailbox_entry
from collector.analysis.access_record import Taken, message_key, take
from collector.analysis.addresses import address
from collector.analysis.audit_record import unnest, unwrap
from collector.analysis.covers import AUDIT_LOG, AUDIT_QUERY, FEED, MAILBOX_LOG
from collector.analysis.imported import Imported
from collector.analysis.imported_record import record_of
from collector.analysis.reading import clean, members, text
from collector.analysis.rows import (
    TABLES,
    AddressRow,
    AppRow,
    Context,
    ContextRow,
    DetailRow,
    Folder,
    FolderRow,
    ItemRow,
    Place,
    RawRow,
    RecordRow,
    SettingRow,
    SignInRow,
    UnreadRow,
)
from collector.analysis.setting_record import settings_of
from collector.analysis.sign_in_record import OPERATIONS as SIGN_INS
from collector.analysis.sign_in_record import SignIn, of_audit_log, of_entra
from collector.analysis.trace_record import of_cmdlet, of_graph
from collector.model import IMPORT, lenient, utc

TRACE, GRAPH_TRACE = "message-trace", "graph-message-trace"
TRACES = (TRACE, GRAPH_TRACE)
TRACE_DETAIL = "message-trace-detail"
SETTINGS, CMDLET = "tenant-settings", "cmdlet"


class Gathered:
    """The rows of some lines, by table. What many records share is written once, and named by its number.

    `first` is the first of the numbers that this part of a run's lines has for itself; `part` is that of the source
    which the lines at hand are of. The rows of contexts are there once all lines are read.
    """

    def __init__(self, first: int) -> None:
        self.rows: dict[str, list[tuple[Any, ...]]] = {table: [] for table in TABLES}
        self.part: str | None = None
        self._first = first
        self._contexts: dict[Context, int] = {}
        self._latest: dict[int, datetime] = {}
        self._folders: dict[Folder, int] = {}

    def context(self, context: Context, time: datetime | None) -> int:
        """Return the number of a context, which a record of some time shows."""
        number = self._contexts.setdefault(context, self._first + len(self._contexts))
        if time and time >= self._latest.get(number, time):
            self._latest[number] = time
        return number

    def folder(self, folder: Folder) -> int:
        """Return the number of a folder."""
        if folder not in self._folders:
            self._folders[folder] = self._first + len(self._folders)
            self.rows["folders"].append(FolderRow(self._folders[folder], *folder))
        return self._folders[folder]

    def end(self) -> None:
        """Add the rows that all lines together make."""
        self.rows["contexts"] += [
            ContextRow(number, self._latest.get(number), *context) for context, number in self._contexts.items()
        ]


def read_line(line: bytes, place: Place, into: Gathered) -> None:
    """Add the rows of a line of evidence."""
    try:
        READERS[place.source](line, place, into)
    except ValueError as error:
        into.rows["unread"].append(UnreadRow(place.source, place.file, place.line, clean(str(error))))


def _audit_row(line: bytes, place: Place, into: Gathered) -> None:
    data, identity = unwrap(line)
    _audit_record(take(data, identity), data, place, into)


def _nested_record(line: bytes, place: Place, into: Gathered) -> None:
    data, identity = unnest(line)
    _audit_record(take(data, identity), data, place, into)


def _feed_record(line: bytes, place: Place, into: Gathered) -> None:
    _audit_record(take(line), line, place, into)


def _audit_record(taken: Taken, record: bytes, place: Place, into: Gathered) -> None:
    _add(taken, record, place, into)
    if str(taken.told["operation"]).lower() in SIGN_INS:
        _sign_in(of_audit_log(lenient(record)), place, into)


def _sign_in(told: SignIn, place: Place, into: Gathered) -> None:
    key = address(told.client_ip).key if told.client_ip else None
    into.rows["sign_ins"].append(SignInRow(*place, **told._asdict(), address=key))


def _setting(line: bytes, place: Place, into: Gathered) -> None:
    into.rows["settings"] += [
        SettingRow(*place, **one._asdict()) for one in settings_of(into.part or "", lenient(line))
    ]
    into.rows["raw"].append(_raw(line, place))


def _entry(line: bytes, place: Place, into: Gathered) -> None:
    taken, trouble = mailbox_entry.take(line)
    _add(taken, line, place, into)
    if trouble:  # which is of its items alone: who opened the mailbox when is known all the same
        into.rows["unread"].append(UnreadRow(place.source, place.file, place.line, clean(trouble)))


def _add(taken: Taken, record: bytes, place: Place, into: Gathered) -> None:
    row, rows = place.row_id, into.rows
    context = into.context(taken.context, taken.told["time"])
    rows["records"].append(RecordRow(*place, context, taken.key, taken.content, len(taken.items), **taken.told))
    rows["items"] += [ItemRow(row, into.folder(item.folder), *item[1:]) for item in taken.items]
    rows["addresses"] += [AddressRow(row, one) for one in taken.addresses]
    rows["apps"] += [AppRow(row, one) for one in taken.apps]
    rows["raw"].append(_raw(record, place))


def _trace(line: bytes, place: Place, into: Gathered) -> None:
    into.rows["traces"].append(of_cmdlet(line, place))
    into.rows["raw"].append(_raw(line, place))


def _graph_trace(line: bytes, place: Place, into: Gathered) -> None:
    into.rows["traces"].append(of_graph(line, place))
    into.rows["raw"].append(_raw(line, place))


class _Detail(msgspec.Struct, gc=False):
    """The members of a row of Get-MessageTraceDetailV2; protocol.md C5."""

    MessageTraceId: Any = None
    MessageId: Any = None
    Date: Any = None
    Event: Any = None
    Action: Any = None
    Detail: Any = None
    Data: Any = None


_detail_decoder = msgspec.json.Decoder(_Detail)


def _detail(line: bytes, place: Place, into: Gathered) -> None:
    """Add a row of a message's details; whom the message was for stands in the question alone, and so in the part."""
    found = members(line, _detail_decoder)
    date = utc(found.Date) if isinstance(found.Date, str) else None
    message_id = text(found.MessageId)
    row = DetailRow(
        *place,
        message=message_key(message_id),
        message_trace_id=text(found.MessageTraceId),
        message_id=message_id,
        recipient=(into.part or "").partition(" ")[2] or None,
        date=date.replace(tzinfo=None) if date else None,
        event=text(found.Event),
        action=text(found.Action),
        detail=text(found.Detail),
        data=text(found.Data),
    )
    into.rows["details"].append(row)
    into.rows["raw"].append(_raw(line, place))


def _imported(line: bytes, place: Place, into: Gathered) -> None:
    """Add a row of an export; a kind that no question reads is kept as its text alone."""
    found = imported.imported(line)
    try:
        if held := record_of(found):
            _audit_record(take(held.record, held.identity), held.record, place, into)
            _not_told(held.lost, found, place, into)
            return
        if found.kind == imported.PLAN_SCRIPT and str(found.row.get("source")) in _TOLD_BY_PART:
            _asked_row(found, place, into)
            return
        if found.kind == imported.PLAN_SCRIPT:
            _not_told(f"rows of {found.row.get('source')} are not read from the script of a plan", found, place, into)
        _other_row(found, place, into)
    except ValueError as error:
        raise ValueError(f"{found.place}: {error}") from None
    into.rows["raw"].append(_raw(line, place))


_TOLD_BY_PART: dict[str, Callable[[bytes, Place, Gathered], None]] = {SETTINGS: _setting, TRACE_DETAIL: _detail}
"""Sources of which a row does not tell what it is about. Rows of others are named as unread: the entries of a mailbox's
own log would have to give way to other sources, which only a run's accounts tell of (old_store)."""


def _asked_row(found: Imported, place: Place, into: Gathered) -> None:
    """Add a row that stands beside what it was asked for, as if it had been collected."""
    part, into.part = into.part, text(found.row.get("part"))
    try:
        _TOLD_BY_PART[found.row["source"]](json.dumps(found.row.get("row")).encode(), place, into)
    finally:
        into.part = part


def _other_row(found: Imported, place: Place, into: Gathered) -> None:
    """Add a row that is no audit record, and name one whose time cannot be told: no answer about a period shows it."""
    times: list[datetime | None] = []
    if found.kind == imported.TRACE:
        traces = [imported.trace_of(found.row, place)]
    elif found.kind == imported.TRACE_REPORT:
        traces = list(imported.traces_of(found.row, place))
    elif found.kind == imported.DETAIL_REPORT:
        events = list(imported.events_of(found.row, place))
        traces = [trace for trace, _ in events]
        into.rows["details"] += [detail for _, detail in events]
    else:
        traces = []
    if found.kind == imported.SIGN_INS:
        told = of_entra(found.row, interactive=imported.is_interactive(found.file))
        _sign_in(told, place, into)
        times.append(told.time)
    into.rows["traces"] += traces
    times += [trace.received for trace in traces]
    _not_told("its time cannot be told" if None in times else None, found, place, into)


def _not_told(lost: str | None, found: Imported, place: Place, into: Gathered) -> None:
    """Name what an export does not tell of a row, or why it is not read; its text is kept all the same."""
    if lost:
        reason = clean(f"{found.place}: {lost}")
        into.rows["unread"].append(UnreadRow(place.source, place.file, place.line, reason))


def _raw(text_: bytes, place: Place) -> RawRow:
    return RawRow(place.row_id, text_.decode("utf-8", "backslashreplace"))


READERS: dict[str, Callable[[bytes, Place, Gathered], None]] = {
    AUDIT_LOG: _audit_row,
    FEED: _feed_record,
    MAILBOX_LOG: _entry,
    AUDIT_QUERY: _nested_record,
    TRACE: _trace,
    GRAPH_TRACE: _graph_trace,
    TRACE_DETAIL: _detail,
    SETTINGS: _setting,
    CMDLET: _setting,
    IMPORT: _imported,
}
"""The sources whose lines are read, and how."""
