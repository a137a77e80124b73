"""The message trace of Microsoft Graph, and the details of a message; protocol.md D2.

Invariants: newest first, rows of one moment by recipient; what a page is cut from is what was known when its first
page was asked for.
"""

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from typing import Any

from collector.model import Window, utc
from collector.simulator.behaviour import GraphBehaviour, Quotas
from collector.simulator.graph_call import Call, Due
from collector.simulator.graph_errors import TRACE_SERVICE, GraphError, bad, throttled
from collector.simulator.graph_pages import Page, Pages
from collector.simulator.message_trace import DEFAULT_WINDOW, known_at
from collector.simulator.scenario import Scenario, TraceRow, ticks
from collector.simulator.throttle import Throttle
from collector.simulator.trace_events import TraceEvent, events
from collector.simulator.trace_filter import TraceFilter, read_filter
from collector.simulator.wire import Reply

_TYPE = "admin/exchange/tracing/messageTraces"
_STATUSES = {
    name.casefold(): name
    for name in ("gettingStatus", "pending", "failed", "delivered", "expanded", "quarantined", "filteredAsSpam")
}
_LATER_STATUS = "recalled"
_UNKNOWN_STATUS = "unknownFutureValue"

_COLUMNS: dict[str, Callable[[TraceRow], str]] = {
    "senderaddress": lambda row: row.sender,
    "recipientaddress": lambda row: row.recipient,
    "messageid": lambda row: row.message_id,
    "id": lambda row: row.message_trace_id,
    "fromip": lambda row: row.from_ip,
    "toip": lambda row: row.to_ip,
    "status": lambda row: row.status,
}
_SUBJECT_TESTS: dict[str, Callable[[str, str], bool]] = {
    "contains": lambda subject, words: words in subject,
    "endswith": str.endswith,
    "startswith": str.startswith,
}
_BOUND_TESTS: dict[str, Callable[[str, str], bool]] = {
    "ge": str.__ge__,
    "gt": str.__gt__,
    "le": str.__le__,
    "lt": str.__lt__,
}


class GraphTraces:
    """The message trace of one tenant, as Graph has it."""

    def __init__(
        self, pages: Pages, scenario: Scenario, behaviour: GraphBehaviour, quotas: Quotas, now: Callable[[], datetime]
    ) -> None:
        self._pages = pages
        self._rows = scenario.traces
        self._behaviour = behaviour
        self._quotas = quotas
        self._now = now
        self._quota = Throttle(quotas.graph_trace_requests, quotas.trace_period, now)

    def window(self, call: Call) -> Window | None:
        """Return the window that a filter asks for, where it asks for one."""
        try:
            asked = read_filter(call.query.get("$filter", ""))
        except GraphError:
            return None
        start, end = (utc(bound) for bound in _bounds(asked))
        return Window(start, end) if start and end and start < end else None

    def traces(self, call: Call, due: Due) -> Reply:
        """Give a page of the trace."""
        self._admit()
        size = min(call.top(5000, 1000), self._quotas.page_rows)
        page = self._pages.resumed(call)
        if page is None:
            asked = self._filter(call)
            whole = "include-unknown-enum-members" in (call.request.headers.get("Prefer") or "")
            rows = tuple(self._hits(asked))
            page = Page(call.request.path, _TYPE, rows, lambda row: _render(row, whole=whole), size, self.window(call))
        return self._pages.reply(call, page, due)

    def details(self, call: Call, due: Due) -> Reply:
        """Give what happened to a message on its way to one recipient: nothing, where it was not sent there."""
        self._admit()
        now, since = self._now(), ticks(self._now() - self._quotas.trace_retention)
        same = [row for row in self._rows if row.message_trace_id.casefold() == call.identity.casefold()]
        known = [row.at(now) for row in same if row.received >= since and known_at(now)(row)]
        if not known:
            raise GraphError(404, f"The message trace '{call.identity}' was not found.")
        told = [row for row in known if row.recipient.casefold() == call.recipient.casefold()]
        steps = [(row, event) for row in told for event in events(row)]
        about = "Collection(microsoft.graph.exchangeMessageTraceDetail)"
        page = Page(call.request.path, about, steps, lambda step: _detail(*step), max(1, len(steps)))
        return self._pages.reply(call, page, due)

    def _admit(self) -> None:
        """Refuse a tenant that was not made ready, and who asks too often."""
        if not self._behaviour.trace_principal:
            text = f"the service principal for App ID {TRACE_SERVICE} was not found."
            raise GraphError(401, f"Service principal-less authentication failed: {text}", code="Unauthorized")
        if (wait := self._quota.wait()) is not None:
            raise throttled(wait, told=self._behaviour.retry_after)

    def _filter(self, call: Call) -> TraceFilter:
        """Read the filter of a first page, with the last 48 hours where it has no bounds; raises GraphError."""
        asked, now = read_filter(call.query.get("$filter", "")), self._now()
        if asked.has_or and not self._behaviour.or_ignored:
            raise bad("The 'or' operator is not supported in the filter.")
        if not asked.bounds:
            asked.bounds = {"ge": ticks(now - DEFAULT_WINDOW), "le": ticks(now)}
        lower, upper = _bounds(asked)
        if lower is None or upper is None or lower > upper:
            raise bad("receivedDateTime must have a lower and an upper bound, in this order.")
        start, end = datetime.fromisoformat(lower), datetime.fromisoformat(upper)
        if end - start > self._quotas.trace_span:
            raise bad(f"The date range must not be longer than {self._quotas.trace_span.days} days.")
        if start < now - self._quotas.trace_retention or end.date() > now.date():
            raise bad(f"The date range must be within the last {self._quotas.trace_retention.days} days.")
        return asked

    def _hits(self, asked: TraceFilter) -> Iterator[TraceRow]:
        now = self._now()
        known = known_at(now)
        rows = (row.at(now) for row in reversed(self._rows) if known(row))
        return (row for row in rows if _passes(row, asked))


def _bounds(asked: TraceFilter) -> tuple[str | None, str | None]:
    """Return the lower and the upper bound of a filter."""
    return asked.bounds.get("ge") or asked.bounds.get("gt"), asked.bounds.get("le") or asked.bounds.get("lt")


def _passes(row: TraceRow, asked: TraceFilter) -> bool:
    subject = row.subject.casefold()
    return (
        all(_BOUND_TESTS[operator](row.received, bound) for operator, bound in asked.bounds.items())
        and all(_COLUMNS[name](row).casefold() == value for name, value in asked.equal.items())
        and all(_SUBJECT_TESTS[function](subject, words) for function, words in asked.subject.items())
    )


def _status(name: str, *, whole: bool) -> str:
    """Return a status as the enumeration has it; one that came later is told to who asks for such."""
    folded = name.casefold()
    later = _LATER_STATUS if whole and folded == _LATER_STATUS else _UNKNOWN_STATUS
    return _STATUSES.get(folded, later)


def _render(row: TraceRow, *, whole: bool) -> Mapping[str, Any]:
    return {
        "id": row.message_trace_id,
        "senderAddress": row.sender,
        "recipientAddress": row.recipient,
        "messageId": row.message_id,
        "receivedDateTime": _moment(row.received),
        "subject": row.subject,
        "size": row.size,
        "fromIP": row.from_ip,
        "toIP": row.to_ip,
        "status": _status(row.status, whole=whole),
    }


def _detail(row: TraceRow, event: TraceEvent) -> Mapping[str, Any]:
    return {
        "id": row.message_trace_id,
        "messageId": row.message_id,
        "dateTime": _moment(event.stamp),
        "event": event.event.title(),
        "action": event.action,
        "description": event.detail,
        "data": event.data,
    }


def _moment(stamp: str) -> str:
    """Write a time as OData does: no more of its fraction than there is."""
    return f"{stamp[:-1].rstrip('0').rstrip('.')}Z" if "." in stamp else stamp
