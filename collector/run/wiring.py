"""Puts a run's parts together: sign-in, one client and one gate for each source, its collection, the crew.

Invariant: a source's quota holds for all that is asked of it, however often it stands in the plan.
"""

from collections.abc import Callable
from contextlib import closing
from typing import NamedTuple

from collector.auth import MsalHttp, OnRequest, SignIn
from collector.clock import Clock
from collector.config import Engagement, Limits, Network
from collector.evidence import RunFolder, Store, remaining
from collector.http.client import Client
from collector.http.limiter import Gate
from collector.http.transport import Transport
from collector.model import Slice, SourcePlan, iso
from collector.run.collect import Collection
from collector.run.crew import Gang, run_all
from collector.run.observe import Observer
from collector.run.outage import Lifeline
from collector.run.plan import slices_of
from collector.run.registry import FEEDS
from collector.run.task import Task
from collector.sources.exchange import Bridge


class Seams(NamedTuple):
    """What a run reaches the world through; tests give fakes."""

    clock: Clock
    store: Store
    transport: Callable[[Network, int], Transport]
    """Makes the way to the APIs for so many connections at once."""
    ask: Callable[[str], str]
    """Asks the operator for a secret."""
    observer: Observer


def collect(engagement: Engagement, run_folder: RunFolder, seams: Seams) -> None:
    """Ask for all that is left of the plan; raises what ended the run before that."""
    names = list(dict.fromkeys(planned.source for planned in run_folder.plan.sources))
    limits = {name: engagement.limits_of(name) for name in names}
    transport = seams.transport(engagement.network, sum(one.concurrency for one in limits.values()))
    log = _log_of_sign_in(run_folder, seams.clock)
    with closing(MsalHttp(engagement, clock=seams.clock, on_request=log)) as http:
        sign_in = SignIn(
            engagement,
            clock=seams.clock,
            http=http,
            ask=seams.ask,
            tell=seams.observer.notice,
            waiting=seams.observer.waiting,
        )
        sign_in.token(engagement.cloud.exchange)
        wiring = _Wiring(engagement, run_folder, seams, sign_in, transport)
        collections = [wiring.collection(name, limits[name]) for name in names]
        run_all([_gang(run_folder, one, limits[one.name]) for one in collections], seams.clock)
        for collection in collections:
            collection.finish()


class _Wiring(NamedTuple):
    """What all sources of a run share."""

    engagement: Engagement
    run_folder: RunFolder
    seams: Seams
    sign_in: SignIn
    transport: Transport

    def collection(self, name: str, limits: Limits) -> Collection:
        """Return a source's collection, with a client and a gate of its own."""
        clock, observer = self.seams.clock, self.seams.observer
        client = Client(
            transport=self.transport,
            sign_in=self.sign_in,
            gate=Gate(concurrency=limits.concurrency, rate=limits.rate, clock=clock, waiting=observer.waiting),
            limits=limits,
            clock=clock,
            log=self.run_folder.log,
            waiting=observer.waiting,
        )
        source = FEEDS[name].make(Bridge(client, self.sign_in, self.engagement.cloud.exchange), self.engagement)
        windows = (one.window for one in self.run_folder.plan.sources if one.source == name)
        window = next(window for window in windows if window is not None)
        lifeline = Lifeline(source, client, window, limits=limits, clock=clock, observer=observer)
        return Collection(source, self.run_folder, lifeline, limits=limits, clock=clock, observer=observer)


def _gang(run_folder: RunFolder, collection: Collection, limits: Limits) -> Gang[Task]:
    """Return all that is left to ask of a source, with the threads that its limits allow."""
    slices = [
        slice_
        for planned in run_folder.plan.sources
        if planned.source == collection.name
        for slice_ in _left(planned, run_folder, collection)
    ]
    return Gang(collection.work, limits.concurrency, collection.tasks(slices))


def _left(planned: SourcePlan, run_folder: RunFolder, collection: Collection) -> list[Slice]:
    left = remaining(planned, run_folder.commits)
    return slices_of(planned, left, collection.horizon, FEEDS[planned.source].longest)


def _log_of_sign_in(run_folder: RunFolder, clock: Clock) -> OnRequest:
    """Let the sign-in's own requests stand in the request log too."""

    def log(method: str, address: str, status: int | None, milliseconds: float) -> None:
        entry = {"time": iso(clock.now()), "purpose": "sign-in", "method": method, "address": address}
        run_folder.log({**entry, "status": status, "milliseconds": round(milliseconds)})

    return log
