"""Rows of message traces, by cmdlet and by Graph, as one table holds them. Sources: protocol.md C4, D2.

Invariants: every member may be missing or of an odd type, and then its column is None; what both roads tell of a
message reads alike, but for fractions of a second.
"""

from typing import Any

import msgspec

from collector.analysis.access_record import message_key
from collector.analysis.reading import members, number, text
from collector.analysis.rows import Place, TraceRow
from collector.model import utc


class _Row(msgspec.Struct, gc=False):
    """The members of a row of Get-MessageTraceV2."""

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


class _GraphRow(msgspec.Struct, gc=False, rename="camel"):
    """The same of a row of Graph, in the same order."""

    id: Any = None
    message_id: Any = None
    received_date_time: Any = None
    sender_address: Any = None
    recipient_address: Any = None
    from_ip: Any = msgspec.field(name="fromIP", default=None)
    to_ip: Any = msgspec.field(name="toIP", default=None)
    subject: Any = None
    status: Any = None
    size: Any = None


_decoder, _graph_decoder = msgspec.json.Decoder(_Row), msgspec.json.Decoder(_GraphRow)


def of_cmdlet(line: bytes, place: Place) -> TraceRow:
    """Read a row of Get-MessageTraceV2; raises ValueError for what is no JSON object."""
    return _trace(members(line, _decoder), place)


def of_graph(line: bytes, place: Place) -> TraceRow:
    """Read a row of Graph, whose status is the cmdlet's word but for its first letter; raises as `of_cmdlet` does."""
    row = _Row(*msgspec.structs.astuple(members(line, _graph_decoder)))
    status = text(row.Status) or ""
    row.Status = status[:1].upper() + status[1:]
    return _trace(row, place)


def _trace(row: _Row, place: Place) -> TraceRow:
    received = utc(row.Received) if isinstance(row.Received, str) else None
    message_id = text(row.MessageId)
    return TraceRow(
        *place,
        message=message_key(message_id),
        message_trace_id=text(row.MessageTraceId),
        message_id=message_id,
        received=received.replace(tzinfo=None) if received else None,
        sender=text(row.SenderAddress),
        recipient=text(row.RecipientAddress),
        subject=text(row.Subject),
        status=text(row.Status),
        size=number(row.Size),
        from_ip=text(row.FromIP),
        to_ip=text(row.ToIP),
    )
