"""Rows of exports that were imported: what each is, and what reports and traces tell of messages.

Invariants: what a row does not tell is None; a recipient is told with what the report says became of it, in its words.
Sources: protocol.md C4, D2, C6 for the columns of traces and of reports.
"""

import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any, NamedTuple

import msgspec

from collector.analysis.access_record import message_key
from collector.analysis.reading import members, number, text
from collector.analysis.rows import DetailRow, Place, TraceRow
from collector.analysis.trace_record import of_export
from collector.model import utc

TRACE_REPORT, DETAIL_REPORT, SIGN_INS = "historical-search-trace", "historical-search-detail", "entra-sign-ins"
TRACE, PLAN_SCRIPT = "message-trace", "plan-script"
"""Kinds of export that tables are made from, beside those of audit records."""


class Imported(NamedTuple):
    """A row of an export: the file's name, where it stands there, its kind, and the row by its columns or members.

    A time that the file writes in another form stands in the row as the import read it.
    """

    file: str
    line: int | None
    kind: str
    row: Mapping[str, Any]

    @property
    def place(self) -> str:
        """Where the row stands, for people."""
        return f"{self.file} line {self.line}"


class _Line(msgspec.Struct, gc=False):
    """The members of a line of an import."""

    file: Any = None
    kind: Any = None
    line: Any = None
    row: Any = None
    times: Any = None


_decoder = msgspec.json.Decoder(_Line)


def imported(line: bytes) -> Imported:
    """Read a line of an import; raises ValueError where it is none."""
    found = members(line, _decoder)
    if not isinstance(found.row, dict) or not isinstance(found.kind, str):
        raise ValueError("it is no row of an import")  # noqa: TRY004 - the line is at fault, not the caller
    times = found.times if isinstance(found.times, dict) else {}
    return Imported(str(found.file), number(found.line), found.kind, found.row | times)


def is_interactive(file: str) -> bool | None:
    """Whether an export of Entra's holds interactive sign-ins, as the portal names it; None where its name is another.

    The portal's files have the same columns: InteractiveSignIns_2026-11-01_2026-11-08.csv, NonInteractiveSignIns_….
    """
    name = re.sub(r"[^a-z]", "", file.rpartition("/")[2].lower())
    return None if "interactive" not in name else "noninteractive" not in name


def traces_of(columns: Mapping[str, Any], place: Place) -> Iterator[TraceRow]:
    """Yield a row for each recipient that a row of a MessageTrace report names."""
    row = by_plain_name(columns)
    for recipient, status in _recipients(text(row.get("recipientstatus"))):
        yield _trace(row, place, "origintimestamputc", recipient, status)


def trace_of(columns: Mapping[str, Any], place: Place) -> TraceRow:
    """Return what a row of a message trace tells, by whichever road its maker had it."""
    return of_export(by_plain_name(columns), place)


def events_of(columns: Mapping[str, Any], place: Place) -> Iterator[tuple[TraceRow, DetailRow]]:
    """Yield for each recipient that a row of a MessageTraceDetail report names the message, and what happened to it."""
    row = by_plain_name(columns)
    for recipient in (text(row.get("recipientaddress")) or "").split(";"):
        event = text(row.get("eventid"))
        trace = _trace(row, place, "datetimeutc", recipient.strip() or None, event)
        yield (
            trace,
            DetailRow(
                *place,
                message=trace.message,
                message_trace_id=trace.message_trace_id,
                message_id=trace.message_id,
                recipient=trace.recipient,
                date=trace.received,
                event=event,
                action=text(row.get("source")),
                detail=text(row.get("recipientstatus")),
                data=text(row.get("customdata")),
            ),
        )


def by_plain_name(columns: Mapping[str, Any]) -> dict[str, Any]:
    """Return a row by its columns' names in small letters and digits: so an export was told to be one.

    Of columns that are then called the same, the first that holds anything counts.
    """
    found: dict[str, Any] = {}
    for name, value in columns.items():
        if found.get(_plain(name)) in (None, ""):
            found[_plain(name)] = value
    return found


@lru_cache(maxsize=4096)
def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())


def _recipients(told: str | None) -> Iterator[tuple[str | None, str | None]]:
    """Yield who is named in `addr##Receive, Deliver;addr2##…` and what became of it; nobody where none is told."""
    for one in [one for one in (told or "").split(";") if one.strip()] or [""]:
        recipient, _, status = one.partition("##")
        yield recipient.strip() or None, status.strip() or None


def _trace(row: Mapping[str, Any], place: Place, time: str, recipient: str | None, status: str | None) -> TraceRow:
    at, message_id = utc(text(row.get(time))), text(row.get("messageid"))
    return TraceRow(
        *place,
        message=message_key(message_id),
        message_trace_id=text(row.get("networkmessageid")),
        message_id=message_id,
        received=at.replace(tzinfo=None) if at else None,
        sender=text(row.get("senderaddress")),
        recipient=recipient,
        subject=text(row.get("messagesubject")),
        status=status,
        size=number(row.get("totalbytes")),
        from_ip=text(row.get("originalclientip")),
        to_ip=None,
    )
