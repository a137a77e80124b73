"""The CSV of a historical search as an operator downloads it: UTF-16LE, CRLF, the columns of protocol.md C6.

Invariant: both kinds of report tell what the trace tells of the same messages: a row for each message, or one for
each thing that happened to it for each recipient.
"""

import codecs
import csv
from collections.abc import Iterable, Iterator, Sequence
from io import StringIO
from itertools import groupby

from collector.simulator.scenario import DOMAIN, TENANT_ID, TraceRow
from collector.simulator.trace_events import SERVER, TraceEvent, events

MESSAGE_TRACE = "MessageTrace"
MESSAGE_TRACE_DETAIL = "MessageTraceDetail"
"""The kinds of report."""

HEADERS = {
    MESSAGE_TRACE: (
        "origin_timestamp_utc", "sender_address", "recipient_status", "message_subject", "total_bytes", "message_id",
        "network_message_id", "original_client_ip", "directionality", "connector_id", "delivery_priority",
    ),
    MESSAGE_TRACE_DETAIL: (
        "date_time_utc", "client_ip", "client_hostname", "server_ip", "server_hostname", "source_context",
        "connector_id", "source", "event_id", "internal_message_id", "message_id", "network_message_id",
        "recipient_address", "recipient_status", "total_bytes", "recipient_count", "related_recipient_address",
        "reference", "message_subject", "sender_address", "return_path", "message_info", "directionality",
        "tenant_id", "original_client_ip", "original_server_ip", "custom_data",
    ),
}  # fmt: skip


def report(kind: str, traces: Sequence[TraceRow], *, mark: bool = False) -> bytes:
    """Return the file of a report about some trace rows; `mark` puts a byte order mark in front."""
    text = StringIO(newline="")
    writer = csv.DictWriter(text, HEADERS[kind], restval="")
    writer.writeheader()
    writer.writerows(_rows(kind, traces))
    return (codecs.BOM_UTF16_LE if mark else b"") + text.getvalue().encode("utf-16-le")


def row_count(kind: str, traces: Sequence[TraceRow]) -> int:
    """Return how many rows such a report has beneath its header."""
    return sum(1 for _ in _rows(kind, traces))


def _rows(kind: str, traces: Iterable[TraceRow]) -> Iterator[dict[str, str | int]]:
    for _, group in groupby(sorted(traces, key=_order), key=_order):
        message = list(group)
        if kind == MESSAGE_TRACE:
            yield _message(message)
        else:
            yield from (_event(row, event, len(message)) for row in message for event in events(row))


def _order(row: TraceRow) -> tuple[str, str]:
    return row.received, row.message_trace_id


def _message(rows: Sequence[TraceRow]) -> dict[str, str | int]:
    """Return the row of a message, whose recipients each have what happened behind them."""
    first = rows[0]
    told = (f"{row.recipient}##{', '.join(event.event.title() for event in events(row))}" for row in rows)
    return {
        "origin_timestamp_utc": first.received,
        "recipient_status": ";".join(told),
        **_common(first),
        "delivery_priority": "Normal",
    }


def _event(row: TraceRow, event: TraceEvent, recipients: int) -> dict[str, str | int]:
    arrived = event.event == "RECEIVE"
    return {
        "date_time_utc": event.stamp,
        "client_ip": row.from_ip if arrived else "",
        "server_hostname": SERVER,
        "source": "SMTP" if arrived else "STOREDRIVER",
        "event_id": event.event,
        "internal_message_id": str(int(row.message_trace_id.replace("-", "")[:12].encode().hex(), 16) % 10**14),
        "recipient_address": row.recipient,
        "recipient_status": "" if arrived else event.detail,
        "recipient_count": recipients,
        "return_path": row.sender,
        "message_info": "" if arrived else event.stamp,
        "tenant_id": TENANT_ID,
        "custom_data": ";".join(f"S:{name}={value}" for name, value in event.facts.items()),
        **_common(row),
    }


def _common(row: TraceRow) -> dict[str, str | int]:
    own = row.sender.casefold().endswith(f"@{DOMAIN}")
    return {
        "sender_address": row.sender,
        "message_subject": row.subject,
        "total_bytes": row.size,
        "message_id": row.message_id,
        "network_message_id": row.message_trace_id,
        "original_client_ip": row.from_ip,
        "directionality": "Originating" if own else "Incoming",
    }
