"""`message-trace-detail`: what happened to a message on its way to one recipient, event by event.

Invariant: each row of a trace is asked for by itself and committed by itself, in the order in which it stands in the
plan, so that hours of a narrow quota can be cut off and gone on with. Source: protocol.md C5.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta

from collector.model import Traced, iso
from collector.sources.cmdlets import Call
from collector.sources.message_trace import MessageTrace

MESSAGE_TRACE_DETAIL = "message-trace-detail"
CMDLET = "Get-MessageTraceDetailV2"

_BEFORE = timedelta(hours=1)
_AFTER = timedelta(days=9)
"""How far around its receipt the events of a message are looked for: a question spans ten days at most."""


def calls(rows: Iterable[Traced], now: datetime) -> dict[str, Call]:
    """Return the call for each row of a trace, by part; of rows of one message and recipient the first counts."""
    found: dict[tuple[str, str], Traced] = {}
    for row in rows:
        found.setdefault((row.message_trace_id.lower(), row.recipient.lower()), row)
    return {f"{row.message_trace_id} {row.recipient}": _call(row, now) for row in found.values()}


def _call(row: Traced, now: datetime) -> Call:
    """Return the call for a row. Near the retention's end it begins with the receipt: a run may take a day to ask."""
    received = row.received.replace(microsecond=0)
    start = min(received, max(received - _BEFORE, now - MessageTrace.retention + timedelta(days=1)))
    end = min(received + _AFTER, max(now, received + _BEFORE))
    parameters = {
        "MessageTraceId": row.message_trace_id,
        "RecipientAddress": row.recipient,
        "StartDate": iso(start),
        "EndDate": iso(end.replace(microsecond=0)),
    }
    return Call(CMDLET, parameters)
