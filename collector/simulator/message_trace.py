"""Get-MessageTraceV2; protocol.md C4.

Invariants: newest first, rows of one moment by recipient; a truncated answer says so only in a warning, which holds
the next command. The row that a cursor names comes again.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timedelta
from itertools import islice
from typing import Any

from collector.simulator.behaviour import Behaviour, Quotas
from collector.simulator.parameters import Reader, bind, count, invalid, one_of, required, text, texts, tick
from collector.simulator.scenario import Scenario, TraceRow, ticks
from collector.simulator.wire import Answer

DEFAULT_WINDOW = timedelta(hours=48)

PARAMETERS: dict[str, Reader] = {
    "StartDate": tick,
    "EndDate": tick,
    "SenderAddress": texts,
    "RecipientAddress": texts,
    "MessageId": texts,
    "MessageTraceId": texts,
    "FromIP": texts,
    "ToIP": texts,
    "Status": texts,
    "Subject": text,
    "SubjectFilterType": one_of("Contains", "EndsWith", "StartsWith"),
    "ResultSize": count(1, 5000),
    "StartingRecipientAddress": text,
}

_COLUMNS: dict[str, Callable[[TraceRow], str]] = {
    "SenderAddress": lambda row: row.sender,
    "RecipientAddress": lambda row: row.recipient,
    "MessageId": lambda row: row.message_id,
    "MessageTraceId": lambda row: row.message_trace_id,
    "FromIP": lambda row: row.from_ip,
    "ToIP": lambda row: row.to_ip,
    "Status": lambda row: row.status,
}
_SUBJECT_TESTS: dict[str, Callable[[str, str], bool]] = {
    "Contains": lambda subject, words: words in subject,
    "EndsWith": str.endswith,
    "StartsWith": str.startswith,
}


class MessageTrace:
    """The message trace of a scenario."""

    def __init__(self, scenario: Scenario, behaviour: Behaviour, quotas: Quotas, now: Callable[[], datetime]) -> None:
        self._rows = scenario.traces
        self._behaviour = behaviour
        self._quotas = quotas
        self._now = now

    def trace(self, given: Mapping[str, Any]) -> Answer:
        """Answer one call; raises CmdletError for parameters that do not bind, and for a window that is not served."""
        asked = bind(given, PARAMETERS)
        start, end = traced_window(asked, self._quotas, self._now())
        size = asked.get("ResultSize", 1000)
        most = min(size, self._quotas.page_rows)
        found = list(islice(self._hits(asked, start, end), most + 1))
        rows = found[:most]
        warnings = (_next_command(start, rows[-1], size),) if len(found) > most else ()
        return Answer([_render(row) for row in rows], warnings)

    def _hits(self, asked: Mapping[str, Any], start: str, end: str) -> Iterator[TraceRow]:
        cursor = asked.get("StartingRecipientAddress", "")
        bisect = bisect_right if cursor or self._behaviour.end_inclusive else bisect_left
        low, high = bisect_left(self._rows, start, key=_received), bisect(self._rows, end, key=_received)
        now = self._now()
        tests = [known_at(now), *_tests(asked)]
        newest_first = (self._rows[place].at(now) for place in range(high - 1, low - 1, -1))
        return (
            row
            for row in newest_first
            if not (row.received == end and row.recipient < cursor) and all(test(row) for test in tests)
        )


def traced_window(asked: Mapping[str, Any], quotas: Quotas, now: datetime) -> tuple[str, str]:
    """Return the window that is asked for, the last 48 hours where none is; raises CmdletError for one not served."""
    if "StartDate" not in asked and "EndDate" not in asked:
        return ticks(now - DEFAULT_WINDOW), ticks(now)
    required(asked, "StartDate", "EndDate")
    start, end = asked["StartDate"], asked["EndDate"]
    if start > end:
        raise invalid("The StartDate must be earlier than the EndDate.")
    if datetime.fromisoformat(end) - datetime.fromisoformat(start) > quotas.trace_span:
        raise invalid(f"The date range must not be longer than {quotas.trace_span.days} days.")
    if start < ticks(now - quotas.trace_retention):
        raise invalid(f"The StartDate must be within the last {quotas.trace_retention.days} days.")
    return start, end


def _received(row: TraceRow) -> str:
    return row.received


def known_at(now: datetime) -> Callable[[TraceRow], bool]:
    """Make the test whether the service tells of a row at a moment."""
    stamp = ticks(now)
    return lambda row: row.known_from <= now if row.known_from else row.received <= stamp


def _one_of(column: Callable[[TraceRow], str], wanted: frozenset[str]) -> Callable[[TraceRow], bool]:
    return lambda row: column(row).casefold() in wanted


def _tests(asked: Mapping[str, Any]) -> Iterator[Callable[[TraceRow], bool]]:
    for parameter, column in _COLUMNS.items():
        if wanted := asked.get(parameter):
            yield _one_of(column, wanted)
    if words := asked.get("Subject"):
        matches = _SUBJECT_TESTS[asked.get("SubjectFilterType", "Contains")]
        yield lambda row: matches(row.subject.casefold(), words.casefold())


def _next_command(start: str, last: TraceRow, size: int) -> str:
    return (
        "There are more results, use the following command to get more. Get-MessageTraceV2 "
        f'-StartDate "{start}" -EndDate "{last.received}" '
        f'-StartingRecipientAddress "{last.recipient}" -ResultSize {size}'
    )


def _render(row: TraceRow) -> dict[str, Any]:
    return {
        "MessageTraceId": row.message_trace_id,
        "MessageId": row.message_id,
        "Received@data.type": "System.DateTime",
        "Received": row.received,
        "SenderAddress": row.sender,
        "RecipientAddress": row.recipient,
        "FromIP": row.from_ip,
        "ToIP": row.to_ip,
        "Subject": row.subject,
        "Status": row.status,
        "Size@data.type": "System.Int32",
        "Size": row.size,
    }
