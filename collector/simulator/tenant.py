"""The simulated tenant as its users start it: one address for identity provider, admin API, feed and Graph.

Invariants: nothing of a secret or token is kept in what it remembers of a request; leaving the context ends every
thread and takes the temporary folder away.
"""

import tempfile
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cached_property
from itertools import count
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qs

from collector.clock import SystemClock
from collector.model import iso
from collector.simulator.activity_api import ActivityApi
from collector.simulator.activity_feed import Feed
from collector.simulator.behaviour import Access, Behaviour, Quotas
from collector.simulator.certificates import PFX_PASSWORD, app_key, server_context
from collector.simulator.conditions import Asked
from collector.simulator.exchange import Exchange, read_call
from collector.simulator.faults import FaultLine, Faults
from collector.simulator.feed_call import read_call as read_feed_call
from collector.simulator.graph_api import GraphApi
from collector.simulator.graph_call import read_call as read_graph_call
from collector.simulator.identity import IdentityProvider, form
from collector.simulator.mishaps import INSTEAD
from collector.simulator.publishing import publish
from collector.simulator.scenario import TENANT_ID, Scenario
from collector.simulator.server import Server
from collector.simulator.tokens import CLIENT_ID, Tokens
from collector.simulator.wire import CmdletError, Ending, Reply, Request, plain

_utc_now = SystemClock().now

SECRET_VARIABLE = "COLLECTOR_SIMULATOR_SECRET"  # noqa: S105 - a name, not a secret


@dataclass(frozen=True)
class Seen:
    """What was asked of the tenant, and the status it was answered with (0 where the answer never began).

    `parameters` are the cmdlet's, or grant_type, scope and claims of a token request, or what was posted to the feed
    or to Graph. `query` holds what stands behind the question mark, the values of a name that stands there more than
    once joined by commas. Of an Authorization header only its scheme is kept.
    """

    method: str
    path: str
    headers: Mapping[str, str]
    cmdlet: str | None
    parameters: Mapping[str, Any]
    status: int
    query: Mapping[str, str] = field(default_factory=dict)


class SimulatedTenant:
    """A tenant on loopback; serves from its making until `close` or the end of the context.

    `requests` is what was asked so far, in the order of the answers. `feed` is what the Management Activity API holds;
    None: the scenario, published. `latency` is seconds before each answer of a cmdlet, the feed or Graph. `now` is
    the clock of the service: of its Date header, its tokens, quotas and retention, and of what has happened.
    """

    client_id = CLIENT_ID
    tenant_id = TENANT_ID
    certificate_password = PFX_PASSWORD
    secret_variable = SECRET_VARIABLE

    def __init__(
        self,
        scenario: Scenario,
        *,
        feed: Feed | None = None,
        faults: Faults = Faults(),  # noqa: B008 - frozen
        quotas: Quotas = Quotas(),  # noqa: B008
        behaviour: Behaviour = Behaviour(),  # noqa: B008
        access: Access = Access(),  # noqa: B008
        latency: float = 0.0,
        now: Callable[[], datetime] = _utc_now,
    ) -> None:
        self.scenario = scenario
        self.requests: list[Seen] = []
        self._latency = latency
        self._faults = FaultLine(faults)
        self._others = count(1)
        self._folder = tempfile.TemporaryDirectory(prefix="simulated-tenant-")
        context, self.ca_bundle = server_context(Path(self._folder.name))
        self._server = Server(self._answer, context, now)
        self.address = f"https://127.0.0.1:{self._server.server_port}"
        tokens = Tokens(self.address, access, now)
        self._identity = IdentityProvider(self.address, access, tokens, now)
        self.client_secret = self._identity.client_secret
        world: dict[str, Any] = {"quotas": quotas, "tokens": tokens, "faults": self._faults, "now": now}
        self._exchange = Exchange(self.address, scenario=scenario, behaviour=behaviour, **world)
        self._activity = ActivityApi(
            self.address, feed=lambda: feed or publish(scenario), behaviour=behaviour.feed, **world
        )
        self._graph = GraphApi(self.address, scenario=scenario, behaviour=behaviour, **world)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), name="simulated-tenant")
        self._thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End every connection and thread, and take the temporary folder away."""
        self._server.close()
        self._thread.join()
        self._folder.cleanup()

    @cached_property
    def _certificates(self) -> tuple[Path, Path]:
        return app_key().write(Path(self._folder.name))

    @property
    def certificate(self) -> Path:
        """A PEM file with the app's private key and certificate."""
        return self._certificates[0]

    @property
    def certificate_pfx(self) -> Path:
        """A PFX file with the app's key and certificate, behind `certificate_password`."""
        return self._certificates[1]

    def download(self, job_id: str, *, mark: bool = False) -> bytes:
        """Return the CSV that an operator's browser gets for a historical search; protocol.md C6.

        `mark` puts a byte order mark in front, which is as often not there. Raises KeyError for an unknown JobId.
        """
        return self._exchange.download(job_id, mark=mark)

    def engagement(self, **overrides: Any) -> dict[str, Any]:
        """Return an engagement file for this tenant as a mapping; the secret is expected in `secret_variable`."""
        clouds = ("authority", "exchange", "management", "graph")
        window = self.scenario.window
        return {
            "engagement": "contoso-takeover",
            "tenant": TENANT_ID,
            "cloud": dict.fromkeys(clouds, self.address),
            "auth": {
                "method": "client-secret",
                "client_id": CLIENT_ID,
                "client_secret": f"env:{SECRET_VARIABLE}",
            },
            "window": {"start": iso(window.start), "end": iso(window.end)},
            "sources": {
                "unified-audit-log": {"operations": ["MailItemsAccessed"]},
                "message-trace": {"for": "tenant"},
            },
            "network": {"ca_bundle": str(self.ca_bundle)},
            **overrides,
        }

    def _answer(self, request: Request) -> Reply:
        reply = self._exchange.answer(request) or self._activity.answer(request) or self._graph.answer(request)
        if reply is not None:
            reply = replace(reply, wait=reply.wait + self._latency)
        else:
            reply = self._refusal(request) or self._identity.answer(request) or plain(404, "Not found.")
        self.requests.append(_seen(request, reply))
        return reply

    def _refusal(self, request: Request) -> Reply | None:
        """Return the fault that stands in for an answer of the identity provider."""
        due = self._faults.due(Asked(next(self._others), request.path))
        return next((INSTEAD[fault.kind](fault) for fault in due if fault.kind in INSTEAD), None)


def _seen(request: Request, reply: Reply) -> Seen:
    headers = {name.lower(): value for name, value in request.headers.items()}
    if "authorization" in headers:
        headers["authorization"] = headers["authorization"].split(" ")[0]
    cmdlet, parameters = _told(request)
    status = 0 if reply.ending is Ending.NOTHING else reply.status
    query = {name: ",".join(values) for name, values in parse_qs(request.query, keep_blank_values=True).items()}
    return Seen(request.method, request.path, headers, cmdlet, parameters, status, query)


def _told(request: Request) -> tuple[str | None, Mapping[str, Any]]:
    if request.path.endswith("/InvokeCommand"):
        try:
            call = read_call(request.body)
        except CmdletError:
            return None, {}
        return call.cmdlet, call.parameters
    if posting := read_feed_call(request) or read_graph_call(request):
        return None, posting.posted
    shown = ("grant_type", "scope", "claims")
    return None, {name: value for name, value in form(request).items() if name in shown}
