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

from collector.model import Window, utc
from collector.simulator.behaviour import Behaviour, Quotas
from collector.simulator.cmdlets import SEARCH, Cmdlet, Cmdlets
from collector.simulator.conditions import Asked
from collector.simulator.faults import CONCURRENCY, Fault, FaultLine, Kind
from collector.simulator.mishaps import AROUND, INSTEAD, ON_THE_WAY
from collector.simulator.paging import NextLinks
from collector.simulator.rows import selected
from collector.simulator.scenario import DOMAIN, TENANT_ID, Scenario
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
        self._quotas = quotas
        self._tokens = tokens
        self._faults = faults
        self._now = now
        self._cmdlets = Cmdlets(address, scenario, behaviour, quotas, now)
        self._links = NextLinks(address, behaviour, now)
        self._lock = threading.Lock()
        self._running = 0
        self._count = 0
        self._last: dict[str, Answer] = {}
        self._ended: set[str] = set()

    def download(self, job_id: str, *, mark: bool) -> bytes:
        """Return the report of a historical search, as the operator's browser gets it."""
        return self._cmdlets.reports.download(job_id, mark=mark)

    def answer(self, request: Request) -> Reply | None:
        """Answer a request to the admin API, or for a report; None for a path that is none of its own."""
        api, _, rest = request.path.strip("/").partition("/")
        version, _, rest = rest.partition("/")
        tenant, _, endpoint = rest.partition("/")
        if api != "adminapi" or endpoint != "InvokeCommand" or tenant.casefold() not in (TENANT_ID, DOMAIN):
            return self._cmdlets.reports.answer(request)
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
        page = (
            self._cmdlets.audit_log.page(call.session) if call.cmdlet == SEARCH else 1 + (_CURSOR[1] in call.parameters)
        )
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
        cmdlet = self._cmdlets.get(call.cmdlet)
        if cmdlet is None or not self._tokens.may_run(token, call.cmdlet):
            return FORBIDDEN
        wait = self._cmdlets.throttled(call.cmdlet)
        if wait is not None:
            return plain(429, "Too many requests.", Retry_After=str(wait))
        loops = any(fault.kind is Kind.LINK_LOOP for fault in due)
        answer = self._links.resumed(request, call.cmdlet) or self._run(call, cmdlet, due)
        return self._page(request, call, answer, loops=loops)

    def _run(self, call: Call, cmdlet: Cmdlet, due: tuple[Fault, ...]) -> Answer:
        if call.session in self._ended:
            return Answer()
        run = partial(cmdlet, call.parameters)
        last = self._last.get(call.chain, Answer())
        for fault in due:
            if fault.kind in AROUND:
                run = partial(AROUND[fault.kind], fault, run, last)
            if fault.kind is Kind.SHORT_SESSION and call.session:
                self._ended.add(call.session)
            if fault.kind is Kind.CYCLE and call.session:
                self._cmdlets.audit_log.start_over(call.session)
        answer = self._last[call.chain] = run()
        return answer

    def _page(self, request: Request, call: Call, answer: Answer, *, loops: bool) -> Reply:
        """Write an answer, cut where next links are on; a loop's next page is the same again."""
        if loops:
            link: str | None = self._links.link(request, answer)
        else:
            answer, link = self._links.cut(request, call.cmdlet, answer)
        answer = replace(answer, rows=selected(answer.rows, request.query))
        context = f"{self._address}/adminapi/beta/{TENANT_ID}/$metadata#Collection(Exchange.GenericHashTable)"
        return Reply(200, success(answer, context, link), {"Content-Type": CONTENT_TYPE})

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
