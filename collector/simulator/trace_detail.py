"""Get-MessageTraceDetailV2; protocol.md C5.

Invariant: without MessageTraceId or RecipientAddress it answers nothing, and says nothing of it.
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from functools import cached_property
from typing import Any

from collector.simulator.behaviour import Quotas
from collector.simulator.message_trace import known_at, traced_window
from collector.simulator.parameters import Reader, bind, each_of, text, texts, tick
from collector.simulator.scenario import Scenario, TraceRow
from collector.simulator.trace_events import EVENTS, TraceEvent, events
from collector.simulator.wire import Answer

PARAMETERS: dict[str, Reader] = {
    "MessageTraceId": text,
    "RecipientAddress": text,
    "MessageId": text,
    "SenderAddress": text,
    "StartDate": tick,
    "EndDate": tick,
    "Event": each_of(*EVENTS),
    "Action": texts,
}
_COLUMNS: dict[str, Callable[[TraceRow], str]] = {
    "RecipientAddress": lambda row: row.recipient,
    "MessageId": lambda row: row.message_id,
    "SenderAddress": lambda row: row.sender,
}


class TraceDetail:
    """The events of the messages that a scenario's trace tells of."""

    def __init__(self, scenario: Scenario, quotas: Quotas, now: Callable[[], datetime]) -> None:
        self._traces = scenario.traces
        self._quotas = quotas
        self._now = now

    def detail(self, given: Mapping[str, Any]) -> Answer:
        """Answer one call; raises CmdletError for parameters that do not bind, and for a window that is not served."""
        asked = bind(given, PARAMETERS)
        now = self._now()
        start, end = traced_window(asked, self._quotas, now)
        if not (asked.get("MessageTraceId") and asked.get("RecipientAddress")):
            return Answer()
        known = known_at(now)
        same = self._by_trace.get(asked["MessageTraceId"].casefold(), ())
        found = [row.at(now) for row in same if start <= row.received <= end and known(row) and _named(row, asked)]
        return Answer([_render(row, event) for row in found for event in events(row) if _wanted(event, asked)])

    @cached_property
    def _by_trace(self) -> Mapping[str, list[TraceRow]]:
        """The rows by their MessageTraceId; each of them may be asked for on its own."""
        rows: dict[str, list[TraceRow]] = {}
        for row in self._traces:
            rows.setdefault(row.message_trace_id.casefold(), []).append(row)
        return rows


def _named(row: TraceRow, asked: Mapping[str, Any]) -> bool:
    return all(column(row).casefold() == asked.get(name, column(row)).casefold() for name, column in _COLUMNS.items())


def _wanted(event: TraceEvent, asked: Mapping[str, Any]) -> bool:
    action = event.action.casefold()
    return event.event in asked.get("Event", EVENTS) and action in asked.get("Action", (action,))


def _render(row: TraceRow, event: TraceEvent) -> dict[str, Any]:
    return {
        "MessageTraceId": row.message_trace_id,
        "MessageId": row.message_id,
        "Date@data.type": "System.DateTime",
        "Date": event.stamp,
        "Event": event.event.title(),
        "Action": event.action,
        "Detail": event.detail,
        "Data": event.data,
    }
