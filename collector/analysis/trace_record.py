"""Rows of message traces, by cmdlet and by Graph, as one table holds them. Sources: protocol.md C4, D2.

Invariants: every member may be missing or of an odd type, and then its column is None; what both roads tell of a
message reads alike, but for fractions of a second.
"""

from collections.abc import Mapping
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


_EXPORTED = (
    ("messagetraceid", "id"),
    ("messageid",),
    ("received", "receiveddatetime"),
    ("senderaddress",),
    ("recipientaddress",),
    ("fromip",),
    ("toip",),
    ("subject",),
    ("status",),
    ("size",),
)
"""The names of the same columns in an export of either, in small letters and digits, in the same order."""

_decoder, _graph_decoder = msgspec.json.Decoder(_Row), msgspec.json.Decoder(_GraphRow)


def of_cmdlet(line: bytes, place: Place) -> TraceRow:
    """Read a row of Get-MessageTraceV2; raises ValueError for what is no JSON object."""
    return _trace(members(line, _decoder), place)


def of_graph(line: bytes, place: Place) -> TraceRow:
    """Read a row of Graph, whose status is the cmdlet's word but for its first letter; raises as `of_cmdlet` does."""
    return _trace(_Row(*msgspec.structs.astuple(members(line, _graph_decoder))), place)


def of_export(columns: Mapping[str, Any], place: Place) -> TraceRow:
    """Read a row that others exported, by its columns' names in small letters and digits."""
    named = (next(filter(None, map(columns.get, names)), None) for names in _EXPORTED)
    return _trace(_Row(*named), place)


def _trace(row: _Row, place: Place) -> TraceRow:
    received = utc(row.Received) if isinstance(row.Received, str) else None
    message_id, status = text(row.MessageId), text(row.Status)
    return TraceRow(
        *place,
        message=message_key(message_id),
        message_trace_id=text(row.MessageTraceId),
        message_id=message_id,
        received=received.replace(tzinfo=None) if received else None,
        sender=text(row.SenderAddress),
        recipient=text(row.RecipientAddress),
        subject=text(row.Subject),
        status=status and status[:1].upper() + status[1:],
        size=number(row.Size),
        from_ip=text(row.FromIP),
        to_ip=text(row.ToIP),
    )
