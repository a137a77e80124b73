"""The way to one tenant: the sign-in, and for each source a client with its quota.

Invariants: a source's quota holds for all that is asked of it, however many runs that is for; what was asked before a
run was opened stands in that run's request log, before all else.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import timedelta
from typing import NamedTuple, Self

from collector.auth import MsalHttp, SignIn
from collector.clock import Clock
from collector.config import Engagement, Network, quota_of
from collector.errors import AccessError, CollectorError, QuestionError, TemporaryError
from collector.evidence import RunFolder, Store
from collector.http.client import Client, Effort
from collector.http.limiter import Gate
from collector.http.transport import Transport
from collector.model import SourcePlan, iso
from collector.run.observe import Observer
from collector.run.registry import FEEDS, Reach, activity
from collector.sources.management_activity import ManagementActivity


class Seams(NamedTuple):
    """What a run reaches the world through; tests give fakes."""

    clock: Clock
    store: Store
    transport: Callable[[Network, int], Transport]
    """Makes the way to the APIs for so many connections at once."""
    ask: Callable[[str], str]
    """Asks the operator for a secret."""
    observer: Observer


class Connection:
    """What outlives a run: tokens, quotas, the connections themselves. Made without asking anything."""

    def __init__(self, engagement: Engagement, seams: Seams) -> None:
        self._engagement = engagement
        self._seams = seams
        self._transport: Transport | None = None
        self._http = MsalHttp(engagement, clock=seams.clock, on_request=self._log_sign_in)
        self._sign_in: SignIn | None = None
        self._clients: dict[str, Client] = {}
        self._gates: dict[str, Gate] = {}
        self._run: RunFolder | None = None
        self._before: list[Mapping[str, object]] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    def log_to(self, run: RunFolder | None) -> None:
        """Let a run's request log hold what is asked from now on, and what was asked while there was none (None)."""
        self._run = run
        if run is not None:
            for entry in self._before:
                run.log(entry)
            self._before.clear()

    @property
    def sign_in(self) -> SignIn:
        """The sign-in; raises UsageError where the secret or certificate will not do, as it is made."""
        if self._sign_in is None:
            observer = self._seams.observer
            self._sign_in = SignIn(
                self._engagement,
                clock=self._seams.clock,
                http=self._http,
                ask=self._seams.ask,
                tell=observer.notice,
                waiting=observer.waiting,
            )
        return self._sign_in

    def reach(self, name: str, clock: Clock, planned: Sequence[SourcePlan] = ()) -> Reach:
        """Return what a source is made with; `clock` ends its waits."""
        run_id, after = (self._run.run_id, self._run.plan.after) if self._run else ("", ())
        waiting = self._seams.observer.waiting
        return Reach(self._client(name), self.sign_in, self._engagement, clock, planned, run_id, after, waiting)

    def enter(self, names: Sequence[str]) -> None:
        """Sign in to every API that the sources of these names need. Raises what `SignIn.token` raises."""
        for api in dict.fromkeys(FEEDS[name].api(self._engagement.cloud) for name in names):
            self.sign_in.token(api)

    def ask_the_time(self) -> CollectorError | None:
        """Have the Activity API tell its time, if it is a source; returns the sign-in's or outage's error, if any.

        A run is opened all the same, so that its folder says so. Source: protocol.md A4: its bounds hold by its own
        clock.
        """
        name = ManagementActivity.name
        if name not in self._engagement.sources.names:
            return None
        effort = Effort(self._engagement.limits_of(name).attempts)
        try:
            with suppress(QuestionError):  # the run will find the same trouble, and say so
                activity(self.reach(name, self._seams.clock)).subscriptions(effort)
        except (AccessError, TemporaryError) as error:
            return error
        return None

    @property
    def ahead(self) -> timedelta:
        """How far the Activity API's clock is ahead of ours, as it last told; none where it never did."""
        client = self._clients.get(ManagementActivity.name)
        return client.ahead if client else timedelta(0)

    def _client(self, name: str) -> Client:
        if name not in self._clients:
            limits, seams = self._engagement.limits_of(name), self._seams
            waiting = seams.observer.waiting
            self._clients[name] = Client(
                transport=self._way_out(),
                sign_in=self.sign_in,
                gate=self._gate(quota_of(name)),
                limits=limits,
                clock=seams.clock,
                log=self._log,
                waiting=waiting,
            )
        return self._clients[name]

    def _gate(self, quota: str) -> Gate:
        """Return the gate of a quota, which sources may share; that it is named for says how narrow it is."""
        if quota not in self._gates:
            limits, seams = self._engagement.limits_of(quota), self._seams
            waiting = seams.observer.waiting
            gate = Gate(concurrency=limits.concurrency, rate=limits.rate, clock=seams.clock, waiting=waiting)
            self._gates[quota] = gate
        return self._gates[quota]

    def _way_out(self) -> Transport:
        if self._transport is None:
            names = self._engagement.sources.names
            most = sum(self._engagement.limits_of(name).concurrency for name in names)
            self._transport = self._seams.transport(self._engagement.network, most)
        return self._transport

    def _log(self, entry: Mapping[str, object]) -> None:
        if self._run is None:
            self._before.append(entry)
        else:
            self._run.log(entry)

    def _log_sign_in(self, method: str, address: str, status: int | None, milliseconds: float) -> None:
        """Let the sign-in's own requests stand in the request log too."""
        entry = {"time": iso(self._seams.clock.now()), "purpose": "sign-in", "method": method, "address": address}
        self._log({**entry, "status": status, "milliseconds": round(milliseconds)})
