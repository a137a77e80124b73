"""Any tenant, whatever it gets wrong, is collected whole or to an exact gap; issue 3, design 1.4.

A seed is a tenant with its faults, the same each time: `pytest tests/run/test_any_tenant.py -k "[7]"` tries one alone.
"""

from pathlib import Path

import pytest

from collector import network
from collector.config import load
from collector.errors import AccessError, TemporaryError
from collector.evidence import Store
from collector.http.transport import Received, RequestsTransport, Sent
from collector.model import Status
from collector.run.connection import Seams
from collector.run.engage import Result, run
from collector.simulator import Faults, Kind, MoreRecords, NextLink, ResultCount, SimulatedTenant
from tests.fakes import FakeClock
from tests.run.any_faults import KINDS
from tests.run.any_tenant import Case, draw, told
from tests.run.judgement import judge
from tests.run.tenants import Quiet, engagement_file, tenant

LONG = {12, 42, 48, 51, 54, 66}
"""Seeds whose faults never end and are narrowed down second by second, which takes a while."""

TELLING = (92, 155, 569)
"""Seeds that try what those before them do not: HTML pages, cancelled tasks, uncounted sessions that fall short."""

IN_CI = [seed for seed in (*range(71), *TELLING) if seed not in LONG]
SEEDS = [*IN_CI, *(pytest.param(seed, marks=pytest.mark.soak) for seed in range(1000) if seed not in IN_CI)]


def test_the_seeds_try_every_fault_and_each_side_of_what_the_protocol_leaves_open() -> None:
    cases = [draw(seed) for seed in IN_CI]
    assert {fault.kind for case in cases for fault in case.faults.faults} == {*KINDS, Kind.FORBIDDEN}
    behaviours = [case.behaviour for case in cases]
    assert {one.end_inclusive for one in behaviours} == {True, False}
    assert {one.result_count for one in behaviours} == {*ResultCount}
    assert {one.next_link for one in behaviours} == {*NextLink}
    assert {one.more_records_available for one in behaviours} == {*MoreRecords}
    assert sum(case.passing for case in cases) > len(cases) / 3


class TakingTime:
    """The real transport on a clock that does not run by itself: each answer takes a moment."""

    def __init__(self, transport: RequestsTransport, clock: FakeClock) -> None:
        self._transport = transport
        self._clock = clock

    def send(self, sent: Sent) -> Received:
        try:
            return self._transport.send(sent)
        finally:
            self._clock.move(0.05)


class Trial:
    """A case in a folder, on a clock whose waits pass at once; `requests` counts what the tenant was asked."""

    def __init__(self, case: Case, folder: Path) -> None:
        self._case = case
        self._folder = folder
        self.requests = 0

    def collect(self, faults: Faults, clock: FakeClock) -> Result:
        case = self._case
        behaviour, quotas, access = case.behaviour, case.quotas, case.access
        with tenant(
            case.scenario, faults=faults, behaviour=behaviour, quotas=quotas, access=access, now=clock.now
        ) as served:
            try:
                return run(load(self._file(served), now=clock.now()), self._seams(clock))
            finally:
                self.requests += len(served.requests)

    def _file(self, served: SimulatedTenant) -> Path:
        return engagement_file(served, self._folder, **self._case.engagement)

    def _seams(self, clock: FakeClock) -> Seams:
        return Seams(
            clock=clock,
            store=Store(),
            transport=lambda settings, pool: TakingTime(
                RequestsTransport(
                    network.session(settings, pool=pool),
                    clock=clock,
                    deadline=1e9,  # the clock jumps while an answer is read: another thread has waited
                    largest=self._case.largest,
                ),
                clock,
            ),
            ask=lambda label: "",
            observer=Quiet(),
        )


@pytest.mark.parametrize("seed", SEEDS)
def test_any_tenant_is_collected_whole_or_to_an_exact_gap(seed: int, tmp_path: Path, tally) -> None:
    case, clock = draw(seed), FakeClock()
    trial, stopped = Trial(case, tmp_path), 0
    try:
        result = trial.collect(case.faults, clock)
    except (TemporaryError, AccessError):  # the run is open, and is taken up when the tenant is well again
        assert not case.passing, told(case)
        stopped, result = 1, trial.collect(Faults(), FakeClock(clock.now()))
    verdict = judge(case, result)
    gaps = sum(one.status is Status.GAP for one in result.coverage.slices)
    tally("a random tenant with random faults", lost=verdict.lost, twice=verdict.twice, gaps=gaps, stopped=stopped)
    assert not verdict.problems, "\n".join([told(case), *verdict.problems[:10]])
    assert result.coverage.complete or not case.passing, told(case)
    assert trial.requests <= case.most_requests, told(case)
