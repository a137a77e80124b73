"""InvokeCommand of the Exchange Online admin REST API: dispatch, roles, errors, next links; protocol.md B.

Invariant: the order of checks is route, token, body, faults, concurrency, role, quota, parameters; each later one
is only seen by who passes the earlier ones.
"""

import json
import threading
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any
from urllib.parse import parse_qs

from collector.model import Window, utc
from collector.simulator.audit_log import AuditLog
from collector.simulator.behaviour import Behaviour, NextLink, Quotas
from collector.simulator.conditions import Asked
from collector.simulator.faults import CONCURRENCY, Fault, FaultLine, Kind
from collector.simulator.message_trace import MessageTrace
from collector.simulator.mishaps import AROUND, INSTEAD, ON_THE_WAY, PAGING_REFUSED
from collector.simulator.scenario import DOMAIN, TENANT_ID, Scenario
from collector.simulator.settings import Settings
from collector.simulator.tokens import Tokens, Unauthorized
from collector.simulator.wire import (
    CONTENT_TYPE,
    FORBIDDEN,
    Answer,
    CmdletError,
    Reply,
    Request,
    failure,
    plain,
    success,
)

LINK_LIFE = timedelta(minutes=30)
SEARCH = "Search-UnifiedAuditLog"
TRACE = "Get-MessageTraceV2"
_CURSOR = ("EndDate", "StartingRecipientAddress")


@dataclass(frozen=True)
class Call:
    """What the body of an InvokeCommand asks for."""

    cmdlet: str
    parameters: Mapping[str, Any]

    @property
    def window(self) -> Window | None:
        """The window that is asked for, where there is one that can be read."""
        start, end = (utc(str(self.parameters.get(name))) for name in ("StartDate", "EndDate"))
        return Window(start, end) if start and end and start < end else None

    @property
    def session(self) -> str | None:
        """The SessionId."""
        return self.parameters.get("SessionId")

    @property
    def chain(self) -> str:
        """What the calls that belong together share: a session, or the same question with another cursor."""
        fixed = {name: value for name, value in self.parameters.items() if name not in _CURSOR}
        return self.session or json.dumps([self.cmdlet, fixed], sort_keys=True)


def read_call(body: bytes) -> Call:
    """Read the CmdletInput envelope; raises CmdletError for anything else. `Parameters` must be an object; B1."""
    try:
        given = json.loads(body)["CmdletInput"]
        name, parameters = given["CmdletName"], given.get("Parameters", {})
    except (ValueError, KeyError, TypeError, AttributeError) as bad:
        raise CmdletError("The request body is not a CmdletInput.", kind="InvalidOperation") from bad
    if not isinstance(name, str) or not isinstance(parameters, dict):
        raise CmdletError("CmdletName must be a string and Parameters an object.", kind="InvalidOperation")
    return Call(name, parameters)


@dataclass(frozen=True)
class _Remainder:
    answer: Answer
    body: bytes
    anchor: str | None
    expires: datetime


class Exchange:
    """The admin REST endpoint of one tenant."""

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
        self._address = address
        self._behaviour = behaviour
        self._quotas = quotas
        self._tokens = tokens
        self._faults = faults
        self._now = now
        self._audit_log = AuditLog(scenario, behaviour, quotas, now)
        self._traces = MessageTrace(scenario, behaviour, quotas, now)
        settings = Settings(scenario)
        self._cmdlets: dict[str, Callable[[Mapping[str, Any]], Answer]] = {
            SEARCH: self._audit_log.search,
            TRACE: self._traces.trace,
            "Get-AdminAuditLogConfig": settings.audit_config,
            "Get-OrganizationConfig": settings.organization,
            "Get-Mailbox": settings.mailbox,
        }
        self._lock = threading.Lock()
        self._running = 0
        self._count = 0
        self._last: dict[str, Answer] = {}
        self._ended: set[str] = set()
        self._remainders: dict[str, _Remainder] = {}

    def answer(self, request: Request) -> Reply | None:
        """Answer a request to the admin API; None for a path that is none of its own."""
        api, _, rest = request.path.strip("/").partition("/")
        version, _, rest = rest.partition("/")
        tenant, _, endpoint = rest.partition("/")
        if api != "adminapi" or endpoint != "InvokeCommand" or tenant.casefold() not in (TENANT_ID, DOMAIN):
            return None
        if version != "beta" or request.method != "POST":
            return plain(405, "The requested resource does not support this method.")
        try:
            reply = self._invoke(request)
        except CmdletError as error:
            reply = failure(error)
        except Unauthorized as no:
            reply = no.reply
        return replace(reply, headers={**reply.headers, **self._headers(request)})

    def _invoke(self, request: Request) -> Reply:
        token = self._tokens.check(request.headers.get("Authorization"))
        call = read_call(request.body)
        due = self._faults.due(self._asked(request, call))
        for fault in due:
            if fault.kind in INSTEAD:
                return INSTEAD[fault.kind](fault)
            if fault.kind in (Kind.UNAUTHORIZED, Kind.CLAIMS):
                return self._tokens.revoke(token, claims=fault.kind is Kind.CLAIMS)
        reply = self._admitted(request, call, token, due)
        for fault in due:
            if fault.kind in ON_THE_WAY and reply.status == 200:
                reply = ON_THE_WAY[fault.kind](fault, reply)
        return reply

    def _asked(self, request: Request, call: Call) -> Asked:
        with self._lock:
            self._count += 1
            number = self._count
        page = self._audit_log.page(call.session) if call.cmdlet == SEARCH else 1 + (_CURSOR[1] in call.parameters)
        return Asked(number, request.path, call.cmdlet, call.parameters, call.window, page)

    def _admitted(self, request: Request, call: Call, token: str, due: tuple[Fault, ...]) -> Reply:
        with self._lock:
            self._running += 1
            crowded = self._quotas.concurrent is not None and self._running > self._quotas.concurrent
        try:
            return plain(429, CONCURRENCY) if crowded else self._permitted(request, call, token, due)
        finally:
            with self._lock:
                self._running -= 1

    def _permitted(self, request: Request, call: Call, token: str, due: tuple[Fault, ...]) -> Reply:
        if call.cmdlet not in self._cmdlets or not self._tokens.may_run(token, call.cmdlet):
            return FORBIDDEN
        wait = self._traces.throttled() if call.cmdlet == TRACE else None
        if wait is not None:
            return plain(429, "Too many requests.", Retry_After=str(wait))
        loops = any(fault.kind is Kind.LINK_LOOP for fault in due)
        return self._page(request, self._resumed(request) or self._run(call, due), loops=loops)

    def _run(self, call: Call, due: tuple[Fault, ...]) -> Answer:
        if call.session in self._ended:
            return Answer()
        run = partial(self._cmdlets[call.cmdlet], call.parameters)
        last = self._last.get(call.chain, Answer())
        for fault in due:
            if fault.kind in AROUND:
                run = partial(AROUND[fault.kind], fault, run, last)
            if fault.kind is Kind.SHORT_SESSION and call.session:
                self._ended.add(call.session)
            if fault.kind is Kind.CYCLE and call.session:
                self._audit_log.start_over(call.session)
        answer = self._last[call.chain] = run()
        return answer

    def _resumed(self, request: Request) -> Answer | None:
        """Return what a next link stands for, None for a request without one; protocol.md B3, G1."""
        skip = parse_qs(request.query).get("$skiptoken")
        if skip is None:
            return None
        rest = self._remainders.get(skip[0])
        same = rest and rest.body == request.body and rest.anchor == request.headers.get("X-AnchorMailbox")
        if not rest or not same or rest.expires < self._now() or self._behaviour.next_link is NextLink.REFUSED:
            raise PAGING_REFUSED
        return rest.answer

    def _page(self, request: Request, answer: Answer, *, loops: bool) -> Reply:
        """Write an answer, cut after a server page where next links are on; a loop's next page is the same again."""
        size, link = self._behaviour.server_page, None
        if loops:
            link = self._link(request, answer)
        elif self._behaviour.next_link is not NextLink.NONE and len(answer.rows) > size:
            link = self._link(request, Answer(answer.rows[size:], answer.warnings))
            answer = Answer(answer.rows[:size], answer.warnings)
        context = f"{self._address}/adminapi/beta/{TENANT_ID}/$metadata#Collection(Exchange.GenericHashTable)"
        return Reply(200, success(answer, context, link), {"Content-Type": CONTENT_TYPE})

    def _link(self, request: Request, rest: Answer) -> str:
        """Return a next link that stands for the rest of an answer."""
        skip = uuid.uuid4().hex
        anchor = request.headers.get("X-AnchorMailbox")
        self._remainders[skip] = _Remainder(rest, request.body, anchor, self._now() + LINK_LIFE)
        return f"{self._address}{request.path}?%24skiptoken={skip}"

    def _headers(self, request: Request) -> dict[str, str]:
        reset = (self._now() + timedelta(minutes=5)).astimezone(UTC)
        headers = {
            "Request-Id": str(uuid.uuid4()),
            "Odata-Version": "4.0",
            "Rate-Limit-Limit": "30000",
            "Rate-Limit-Remaining": str(max(0, 30_000 - self._count)),
            "Rate-Limit-Reset": reset.strftime("%Y-%m-%dT%H:%M:%S.000Z"),
            "X-Concurrencycount": str(self._running + 1),
        }
        for asked, given in {"client-request-id": "client-request-id", "Prefer": "Preference-Applied"}.items():
            if value := request.headers.get(asked):
                headers[given] = value
        return headers
