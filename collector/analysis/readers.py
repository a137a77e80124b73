"""Lines of evidence to rows, by source.

Invariants: a line is taken apart whole or is a row of `unread` with its reason, never passed over in silence; what a
source without a reader holds is not looked at.
"""

from collections.abc import Callable
from typing import Any

import msgspec

from collector.analysis.access_record import message_key, take
from collector.analysis.audit_record import unwrap
from collector.analysis.covers import AUDIT_LOG, FEED
from collector.analysis.reading import clean, members, number, text
from collector.analysis.rows import Place, RawRow, TraceRow, UnreadRow
from collector.model import utc

TRACE = "message-trace"

Rows = dict[str, list[tuple[Any, ...]]]
"""Rows by the name of their table."""


def read_line(line: bytes, place: Place, rows: Rows) -> None:
    """Add the rows of a line of evidence."""
    try:
        READERS[place.source](line, place, rows)
    except ValueError as error:
        rows["unread"].append(UnreadRow(place.source, place.file, place.line, clean(str(error))))


def _audit_row(line: bytes, place: Place, rows: Rows) -> None:
    data, identity = unwrap(line)
    _record(data, place, rows, identity)


def _feed_record(line: bytes, place: Place, rows: Rows) -> None:
    _record(line, place, rows, None)


def _record(record: bytes, place: Place, rows: Rows, identity: str | None) -> None:
    taken = take(record, place, identity)
    rows["records"].append(taken.record)
    rows["items"] += taken.items
    rows["addresses"] += taken.addresses
    rows["apps"] += taken.apps
    rows["raw"].append(_raw(record, place))


class _Trace(msgspec.Struct, gc=False):
    """The members of a row of Get-MessageTraceV2; protocol.md C4."""

    MessageTraceId: Any = None
    MessageId: Any = None
    Received: Any = None
    SenderAddress: Any = None
    RecipientAddress: Any = None
    FromIP: Any = None
    ToIP: Any = None
    Subject: Any = None
    Status: Any = None
    Size: Any = None


_trace_decoder = msgspec.json.Decoder(_Trace)


def _trace(line: bytes, place: Place, rows: Rows) -> None:
    found = members(line, _trace_decoder)
    received = utc(found.Received) if isinstance(found.Received, str) else None
    message_id = text(found.MessageId)
    row = TraceRow(
        *place,
        message=message_key(message_id),
        message_trace_id=text(found.MessageTraceId),
        message_id=message_id,
        received=received.replace(tzinfo=None) if received else None,
        sender=text(found.SenderAddress),
        recipient=text(found.RecipientAddress),
        subject=text(found.Subject),
        status=text(found.Status),
        size=number(found.Size),
        from_ip=text(found.FromIP),
        to_ip=text(found.ToIP),
    )
    rows["traces"].append(row)
    rows["raw"].append(_raw(line, place))


def _raw(text_: bytes, place: Place) -> RawRow:
    return RawRow(place.row_id, text_.decode("utf-8", "backslashreplace"))


READERS: dict[str, Callable[[bytes, Place, Rows], None]] = {
    AUDIT_LOG: _audit_row,
    FEED: _feed_record,
    TRACE: _trace,
}
"""The sources whose lines are read, and how."""
