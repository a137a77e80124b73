"""The audit log queries of Microsoft Graph: submitted, followed, read; protocol.md D1.

Invariants: a query finds what was known when it was submitted, each record once and in no order; it is never deleted,
and every caller sees all of them.
"""

import threading
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from random import Random
from typing import Any

from collector.model import Window, iso
from collector.simulator.activity_feed import content_type_of
from collector.simulator.audit_log import found
from collector.simulator.behaviour import AUDIT_QUERIES, Behaviour, QueryEnd, Quotas
from collector.simulator.faults import Kind
from collector.simulator.graph_call import Call, Due
from collector.simulator.graph_errors import GraphError, bad, good, throttled
from collector.simulator.graph_pages import Page, Pages
from collector.simulator.graph_records import record
from collector.simulator.progress import stage
from collector.simulator.query_body import Question, read_question
from collector.simulator.scenario import AuditRow, Scenario, read_auditdata
from collector.simulator.throttle import Throttle
from collector.simulator.wire import Reply

MOST_ASKED = 10**9
"""No bound of $top is known; a page is no larger for it than the service has it."""

_ACTIVE = ("notStarted", "running")
_TYPE = "security/auditLog/queries"


@dataclass
class _Query:
    identity: str
    submitted: datetime
    question: Question
    rows: Sequence[AuditRow]
    exceeded: bool
    end: QueryEnd
    polls: int = 0


class AuditQueries:
    """The queries of one tenant."""

    def __init__(
        self, pages: Pages, scenario: Scenario, behaviour: Behaviour, quotas: Quotas, now: Callable[[], datetime]
    ) -> None:
        self._pages = pages
        self._rows = scenario.audit_rows
        self._end_inclusive = behaviour.end_inclusive
        self._behaviour = behaviour.graph
        self._quotas = quotas
        self._now = now
        self._submissions = Throttle(quotas.query_submissions, quotas.query_period, now)
        self._queries: dict[str, _Query] = {}
        self._lock = threading.Lock()

    def window(self, call: Call) -> Window | None:
        """Return the window of the query that a call is about, or of the one that it would make."""
        query = self._queries.get(call.identity)
        if query or call.identity:
            return query.question.window if query else None
        try:
            return read_question(call.posted).window
        except GraphError:
            return None

    def submit(self, call: Call, due: Due) -> Reply:
        """Take a new query; raises GraphError for one that cannot be read or is too many."""
        question = read_question(call.posted)
        with self._lock:
            active = sum(self._status(query) in _ACTIVE for query in self._queries.values())
            if active >= self._quotas.queries_active:
                raise throttled(60, told=self._behaviour.retry_after)
            if (wait := self._submissions.wait()) is not None:
                raise throttled(wait, told=self._behaviour.retry_after)
            query = self._made(call, question)
            self._queries[query.identity] = query
        return good(self._context(call, self._told(due, query)), 201)

    def queries(self, call: Call, due: Due) -> Reply:
        """List the queries, the newest first."""
        size = min(call.top(MOST_ASKED, self._behaviour.page_rows), self._behaviour.page_rows)
        page = self._pages.resumed(call)
        if page is None:
            with self._lock:
                rows = tuple(reversed(self._queries.values()))
            page = Page(call.request.path, _TYPE, rows, partial(self._told, due), size)
        return self._pages.reply(call, page, due)

    def query(self, call: Call, due: Due) -> Reply:
        """Tell of one query."""
        query = self._one(call)
        with self._lock:
            query.polls += 1
        return good(self._context(call, self._told(due, query)))

    def records(self, call: Call, due: Due) -> Reply:
        """Give a page of the records of a query."""
        query = self._one(call)
        size = min(call.top(MOST_ASKED, self._behaviour.page_rows), self._behaviour.page_rows)
        page = self._pages.resumed(call)
        if page is None:
            write = partial(record, zoned=self._behaviour.zoned_times)
            about = f"{_TYPE}('{query.identity}')/records"
            page = Page(call.request.path, about, self._readable(query), write, size, query.question.window)
        return self._pages.reply(call, page, due)

    def _one(self, call: Call) -> _Query:
        query = self._queries.get(call.identity)
        if query is None:
            raise GraphError(404, f"The query '{call.identity}' was not found.")
        return query

    def _made(self, call: Call, question: Question) -> _Query:
        number = len(self._queries)
        order = Random(f"{number}")  # noqa: S311 - an order that looks like none, the same each time
        hits = list(self._hits(call, question))
        most = self._quotas.query_records
        rows = order.sample(hits, min(len(hits), most))
        end = self._behaviour.ends[min(number, len(self._behaviour.ends) - 1)]
        return _Query(str(uuid.uuid4()), self._now(), question, rows, len(hits) > most, end)

    def _hits(self, call: Call, question: Question) -> list[AuditRow]:
        """Return what a query finds; who may read Exchange's records alone finds no others."""
        now = self._now()
        window = max(question.window.start, now - self._quotas.audit_retention), question.window.end
        rows = found(self._rows, window, question.filters, now, end_inclusive=self._end_inclusive)
        unbounded = AUDIT_QUERIES in call.permissions
        return [
            row
            for row in rows
            if not question.told["administrativeUnitIdFilters"]
            and (not question.record_types or row.record_type in question.record_types)
            and (not question.services or _workload(row) in question.services)
            and (unbounded or content_type_of(row.record_type) == "Audit.Exchange")
        ]

    def _readable(self, query: _Query) -> Sequence[AuditRow]:
        """Return the records that are there: all of a query that succeeded; raises GraphError where none may be."""
        if self._status(query) == QueryEnd.SUCCEEDED:
            return query.rows
        if not self._behaviour.early_records:
            raise bad("The query is not ready.")
        return query.rows[: len(query.rows) // 2]

    def _status(self, query: _Query) -> str:
        """Return how far a query has come, by how often it was asked for and by the clock, whichever is less."""
        quiet, takes = self._behaviour.polls, self._behaviour.takes
        reached = stage(polls=query.polls, quiet=quiet, elapsed=self._now() - query.submitted, takes=takes)
        return (*_ACTIVE, query.end.value)[reached]

    def _told(self, due: Due, query: _Query) -> dict[str, Any]:
        status, window = self._status(query), query.question.window
        times = {"filterStartDateTime": iso(window.start), "filterEndDateTime": iso(window.end)}
        document = {"id": query.identity, **query.question.told, **times, "status": status}
        if not self._behaviour.limit_told:
            return document
        done = status == QueryEnd.SUCCEEDED
        off = due[Kind.MISCOUNT].by if Kind.MISCOUNT in due else 0
        return {
            **document,
            "approximateReturnedRecordCount": len(query.rows) + off if done else None,
            "recordCountLimit": self._quotas.query_records,
            "isRecordCountLimitExceeded": done and query.exceeded,
        }

    def _context(self, call: Call, document: dict[str, Any]) -> dict[str, Any]:
        return {"@odata.context": self._pages.context(call, f"{_TYPE}/$entity"), **document}


def _workload(row: AuditRow) -> str:
    return str(read_auditdata(row.raw_auditdata).get("Workload")).casefold()
