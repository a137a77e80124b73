"""Any Graph, whatever it gets wrong: each record stands in the run once, or inside a gap that names it.

A seed is a tenant with its faults, the same each time: `pytest tests/run/test_any_graph.py -k "[7]"` tries one alone.
"""

from collections import Counter
from datetime import datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import pytest

from collector import network
from collector.config import load
from collector.errors import TemporaryError
from collector.evidence import Store, verify
from collector.http.transport import RequestsTransport
from collector.model import Status, utc
from collector.run.connection import Seams
from collector.run.engage import Result, run
from collector.simulator import (
    Behaviour,
    Fault,
    Faults,
    GraphBehaviour,
    GraphCall,
    Kind,
    QueryEnd,
    Quotas,
    every,
    graph,
    graph_chance,
    graph_page,
)
from collector.simulator.conditions import Asked, When
from tests.fakes import FakeClock
from tests.run.tenants import END, STORY, Quiet, engagement_file, rows, tenant

ON_THE_WAY = [Kind.CUT, Kind.RESET, Kind.CUT_GZIP, Kind.BROKEN_GZIP, Kind.WRONG_LENGTH, Kind.HTML, Kind.NO_VALUE]
OF_PAGES = [Kind.REPEAT, Kind.CYCLE, Kind.LINK_LOOP, Kind.FOREIGN_LINK, Kind.SHORT_SESSION, Kind.EMPTY_PAGE]
KINDS = [*ON_THE_WAY, *OF_PAGES, Kind.STATUS, Kind.TRANSIENT, Kind.PRETTY, Kind.TWICE, Kind.ERRORS, Kind.PAGING_REFUSED]
ONLY_COUNTED = [Kind.HOLE, Kind.LOST_ROW]
"""What no trace can be caught at: it tells no count."""

LONG = {4, 15, 19}
"""Seeds whose faults never end and are narrowed down second by second, which takes a while."""

IN_CI = [seed for seed in range(24) if seed not in LONG]
SEEDS = [*IN_CI, *(pytest.param(seed, marks=pytest.mark.soak) for seed in range(300) if seed not in IN_CI)]


def of_records(asked: Asked) -> bool:
    return asked.graph is GraphCall.RECORDS


def draw(rng: Random) -> tuple[Behaviour, Quotas, Faults]:
    counted = rng.random() < 0.7
    how = GraphBehaviour(
        polls=rng.randrange(4),
        ends=rng.choice([(QueryEnd.SUCCEEDED,), (QueryEnd.FAILED, QueryEnd.SUCCEEDED), (QueryEnd.UNKNOWN,)]),
        v1_queries=rng.random() < 0.8,
        limit_told=counted,
        page_rows=rng.choice([30, 100, 1000]),
        retry_after=rng.random() < 0.5,
    )
    quotas = Quotas(page_rows=rng.choice([20, 100, 5000]), query_records=rng.choice([120, 10**6]) if counted else 10**6)
    faults = [one for _ in range(rng.randrange(5)) if (one := fault(rng, counted=counted))]
    return Behaviour(graph=how), quotas, Faults(tuple(faults))


def fault(rng: Random, *, counted: bool) -> Fault:
    kind = rng.choice([*KINDS, *(ONLY_COUNTED if counted else [])])
    later: list[When] = [graph_page(rng.randint(2, 3)), graph_page(2, 3, 4)]
    anywhere = [graph_chance(rng.choice([0.1, 0.4]), rng.randrange(99)), graph(rng.choice([*GraphCall])), *later]
    where = [rng.choice(later if kind in {*OF_PAGES, *ONLY_COUNTED} else anywhere)]
    if kind in ONLY_COUNTED:
        where.append(of_records)
    return Fault(kind, every(*where), rng.choice([1, 2, 5, None]), status=rng.choice([429, 500, 503, 504]))


class Trial:
    """A tenant in a folder, on a clock whose waits pass at once."""

    def __init__(self, seed: int, folder: Path) -> None:
        rng = Random(seed)
        self.behaviour, self.quotas, self.faults = draw(rng)
        self._attempts = rng.choice([3, 6])
        self._folder = folder

    def collect(self, faults: Faults, clock: FakeClock) -> Result:
        with tenant(behaviour=self.behaviour, quotas=self.quotas, faults=faults, now=clock.now) as served:
            limits = {"default": {"attempts": self._attempts}}
            sources: dict[str, Any] = {"purview-audit-query": {}, "graph-message-trace": {}}
            file = engagement_file(served, self._folder, sources=sources, limits=limits)
            seams = Seams(
                clock=clock,
                store=Store(),
                transport=lambda settings, pool: RequestsTransport(
                    network.session(settings, pool=pool), clock=clock, deadline=1e9
                ),
                ask=lambda label: "",
                observer=Quiet(),
            )
            return run(load(file, now=clock.now()), seams)


def lost(result: Result, source: str, own: Counter[tuple[str, datetime]], held: Counter[Any]) -> list[Any]:
    gaps = [one for one in result.coverage.slices if one.source == source and one.status is Status.GAP]
    assert all(one.reason for one in gaps)
    missing = (own - held).keys()
    return [one for one in missing if not any(gap.start <= one[1] < gap.end for gap in gaps if gap.start and gap.end)]


@pytest.mark.parametrize("seed", SEEDS)
def test_any_graph_is_collected_whole_or_to_a_gap(seed: int, tmp_path: Path, tally: Any) -> None:
    trial, clock, stopped = Trial(seed, tmp_path), FakeClock(END + timedelta(days=3)), 0
    try:
        result = trial.collect(trial.faults, clock)
    except TemporaryError:  # the run is open, and is taken up when the tenant is well again
        assert any(one.times is None for one in trial.faults.faults)
        stopped, result = 1, trial.collect(Faults(), FakeClock(clock.now()))
    found = rows(result.path, None)
    records = Counter((row["id"], utc(row["createdDateTime"])) for row in found if "auditData" in row)
    traces = Counter((row["id"], utc(row["receivedDateTime"])) for row in found if "messageId" in row)
    own_records = Counter((r.identity, r.created) for r in STORY.audit_rows if r.operation == "MailItemsAccessed")
    own_traces = Counter((r.message_trace_id, utc(r.received)) for r in STORY.traces)
    missing = [
        *lost(result, "purview-audit-query", own_records, records),
        *lost(result, "graph-message-trace", own_traces, traces),
    ]
    twice = [*(records - own_records), *(traces - own_traces)]
    gaps = sum(one.status is Status.GAP for one in result.coverage.slices)
    tally("a random Graph with random faults", lost=len(missing), twice=len(twice), gaps=gaps, stopped=stopped)
    assert (missing, twice) == ([], [])
    assert verify(result.path).problems == ()
    well = not trial.faults.faults and QueryEnd.UNKNOWN not in trial.behaviour.graph.ends
    assert result.coverage.complete or not well
