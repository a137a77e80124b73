"""Microsoft Graph of one tenant: dispatch, faults, permissions; protocol.md D.

Invariant: the order of checks is token, faults, route, permission, quota, arguments; each later one is only seen by
who passes the earlier ones.
"""

import threading
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import NamedTuple

from collector.simulator.audit_queries import AuditQueries
from collector.simulator.behaviour import AUDIT_QUERIES, EXCHANGE_QUERIES, TRACE_READ, Behaviour, Quotas
from collector.simulator.conditions import Asked, GraphCall
from collector.simulator.faults import Fault, FaultLine, Kind
from collector.simulator.graph_call import Call, Due, read_call
from collector.simulator.graph_errors import INSTEAD as REFUSED
from collector.simulator.graph_errors import GraphError, refusal, signed
from collector.simulator.graph_pages import Pages
from collector.simulator.graph_traces import GraphTraces
from collector.simulator.mishaps import INSTEAD, OF_AN_OBJECT, ON_THE_WAY
from collector.simulator.scenario import TENANT_ID, Scenario
from collector.simulator.tokens import Tokens, Unauthorized
from collector.simulator.wire import Reply, Request

_QUERY_ROLES = frozenset({AUDIT_QUERIES, EXCHANGE_QUERIES})
_TRACE_ROLES = frozenset({TRACE_READ})
_LISTED = frozenset({GraphCall.QUERIES, GraphCall.RECORDS, GraphCall.TRACES, GraphCall.DETAILS})


class _Route(NamedTuple):
    """What answers a call, any one of the roles that open it, and the code of the 403 for who has none."""

    handler: Callable[[Call, Due], Reply]
    roles: frozenset[str]
    refused: str


class GraphApi:
    """The Graph endpoint of one tenant."""

    def __init__(
        self,
        address: str,
        *,
        scenario: Scenario,
        behaviour: Behaviour,
        quotas: Quotas,
        tokens: Tokens,
        faults: FaultLine,
        now: Callable[[], datetime],
    ) -> None:
        self._behaviour = behaviour.graph
        self._tokens = tokens
        self._faults = faults
        self._now = now
        self._lock = threading.Lock()
        self._counts: Counter[GraphCall] = Counter()
        self._pages = Pages(address)
        self._queries = AuditQueries(self._pages, scenario, behaviour, quotas, now)
        self._traces = GraphTraces(self._pages, scenario, behaviour.graph, quotas, now)
        self._routes = self._served()

    def answer(self, request: Request) -> Reply | None:
        """Answer a request to Graph; None for a path that is none of its own."""
        call = read_call(request)
        if call is None:
            return None
        try:
            return signed(self._faulty(call), request)
        except GraphError as error:
            return refusal(error, request, self._now())
        except Unauthorized as no:
            reply = refusal(GraphError(401, "Access token validation failure."), request, self._now())
            return replace(reply, headers={**reply.headers, **no.reply.headers})

    def _served(self) -> Mapping[GraphCall, _Route]:
        queries, traces = self._queries, self._traces
        handlers: dict[GraphCall, Callable[[Call, Due], Reply]] = {
            GraphCall.SUBMIT: queries.submit,
            GraphCall.QUERIES: queries.queries,
            GraphCall.QUERY: queries.query,
            GraphCall.RECORDS: queries.records,
        }
        routes = {kind: _Route(handler, _QUERY_ROLES, "Forbidden") for kind, handler in handlers.items()}
        denied = "Authorization_RequestDenied"
        routes[GraphCall.TRACES] = _Route(traces.traces, _TRACE_ROLES, denied)
        routes[GraphCall.DETAILS] = _Route(traces.details, _TRACE_ROLES, denied)
        return routes

    def _faulty(self, call: Call) -> Reply:
        token = self._tokens.bearer(call.request.headers.get("Authorization"))
        if self._tokens.tenant(token) != TENANT_ID:
            raise GraphError(401, "The tenant of the access token is not known.")
        due = self._due(call)
        for fault in due.values():
            if fault.kind in REFUSED:
                raise REFUSED[fault.kind](fault)
            if fault.kind in INSTEAD:
                return INSTEAD[fault.kind](fault)
            if fault.kind in (Kind.UNAUTHORIZED, Kind.CLAIMS):
                raise Unauthorized(self._tokens.revoke(token, claims=fault.kind is Kind.CLAIMS))
        reply = self._permitted(replace(call, permissions=self._tokens.permissions(token)), due)
        for fault in due.values():
            if fault.kind in ON_THE_WAY and (call.kind in _LISTED or fault.kind not in OF_AN_OBJECT):
                reply = ON_THE_WAY[fault.kind](fault, reply)
        return reply

    def _due(self, call: Call) -> Mapping[Kind, Fault]:
        if call.kind is None:
            return {}
        with self._lock:
            self._counts[call.kind] += 1
            number = self._counts[call.kind]
        page = self._pages.pointed_at(call)
        source = self._traces if call.kind in (GraphCall.TRACES, GraphCall.DETAILS) else self._queries
        window = page.window if page else source.window(call)
        asked = Asked(number, call.request.path, window=window, page=page.number if page else 1, graph=call.kind)
        return {fault.kind: fault for fault in self._faults.due(asked)}

    def _permitted(self, call: Call, due: Due) -> Reply:
        if call.kind is None:
            raise GraphError(404, f"Resource not found for '{call.request.method} {call.request.path}'.")
        route = self._routes[call.kind]
        if route.roles is _QUERY_ROLES and call.version == "v1.0" and not self._behaviour.v1_queries:
            raise GraphError(404, "", code="UnknownError")
        if route.roles.isdisjoint(call.permissions):
            raise GraphError(403, "Insufficient privileges to complete the operation.", code=route.refused)
        return route.handler(call, due)
