"""Random tenants, how they behave and what they get wrong: a case for each seed, the same each time.

Invariant: a case is `passing` only if its faults end, cost less than a slice's attempts, and leave nothing that could
not be asked for; such a tenant must be collected whole. No fault is drawn that a tenant could not be caught at: two
first answers that are empty in a row are emptiness (design 1.4), and what shortens a session without a word is told
by its count alone, so it is not drawn to be endless where the count is none.
"""

from dataclasses import dataclass
from datetime import timedelta
from random import Random
from typing import Any

from collector.model import Window, iso
from collector.simulator import (
    Access,
    Behaviour,
    Faults,
    MoreRecords,
    NextLink,
    Quotas,
    ResultCount,
    Scenario,
)
from tests.fakes import NOW
from tests.run.any_faults import draw_faults
from tests.run.any_records import OPERATIONS, PEOPLE, draw_records, moments

SECOND = timedelta(seconds=1)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
TYPES = ("ExchangeItemAggregated", "ExchangeItem")
RETENTION = timedelta(days=90)


@dataclass(frozen=True)
class Case:
    """A tenant, what goes wrong with it, and what it is asked. `largest` bounds an answer, in bytes."""

    seed: int
    scenario: Scenario
    behaviour: Behaviour
    quotas: Quotas
    access: Access
    faults: Faults
    sources: dict[str, Any]
    concurrency: int
    attempts: int
    largest: int
    passing: bool

    @property
    def engagement(self) -> dict[str, Any]:
        """What the engagement file says beside the tenant."""
        return {
            "sources": self.sources,
            "mailboxes": list(PEOPLE[:2]),
            "limits": {"default": {"concurrency": self.concurrency, "attempts": self.attempts}},
            "evidence": {"folder": "./evidence", "chunk_bytes": "64KiB"},
        }

    @property
    def parts(self) -> dict[tuple[str, str | None], Window]:
        """The window of each source and part that is asked for."""
        audit = self.sources.get("unified-audit-log")
        trace = self.sources.get("message-trace")
        found: list[tuple[str, str | None]] = []
        if audit is not None:
            found += [("unified-audit-log", part) for part in audit.get("record_types") or [None]]
        if trace is not None:
            mailboxes = [f"{kind}:{name}" for name in PEOPLE[:2] for kind in ("sender", "recipient")]
            found += [("message-trace", part) for part in (mailboxes if trace["for"] == "mailboxes" else [None])]
        return dict.fromkeys(found, self.scenario.window)

    @property
    def most_requests(self) -> int:
        """What the tenant may be asked: little more than it holds, or all that a run's budget allows.

        The budget is 400 askings for each of some ten slices of a part, each of five requests or so.
        """
        rows = len(self.scenario.audit_rows) + len(self.scenario.traces)
        return 200 + rows if self.passing else 20_000 * len(self.parts)


def draw(seed: int) -> Case:
    """Draw the case of a seed; two of three have nothing but passing faults."""
    rng = Random(seed)
    window = _window(rng)
    scenario = draw_records(rng, window)
    behaviour, quotas = _behaviour(rng), _quotas(rng, scenario)
    sources = _sources(rng)
    alone = len(sources) == 1 and rng.random() < 0.7
    drawn = draw_faults(rng, window, behaviour.result_count, audit="unified-audit-log" in sources, passing=seed % 3 > 0)
    largest = rng.choice((128 * 2**20,) * 5 + (80_000,))
    return Case(
        seed=seed,
        scenario=scenario,
        behaviour=behaviour,
        quotas=quotas,
        access=Access(token_lifetime=rng.choice((3600, 3600, 60)) if alone else 3600),
        faults=drawn.faults,
        sources=sources,
        concurrency=1 if alone else rng.choice((1, 4)),
        attempts=drawn.attempts,
        largest=largest,
        passing=drawn.passing and largest > 2**20 and _askable(scenario, behaviour, quotas),
    )


def _window(rng: Random) -> Window:
    """Hours to 60 days; one in ten is older than message traces are kept."""
    length = rng.choice((3 * HOUR, 36 * HOUR, 5 * DAY, 16 * DAY, 60 * DAY)) + SECOND * rng.randrange(3600)
    ago = rng.choice((HOUR, 2 * DAY, 20 * DAY)) if rng.random() < 0.9 else RETENTION - length / 2
    end = (NOW - ago).replace(microsecond=0)
    return Window(end - length, end)


def _sources(rng: Random) -> dict[str, Any]:
    operations = rng.choice((["MailItemsAccessed"], [], list(OPERATIONS[:2])))
    audit = {"operations": operations, "record_types": rng.choice(([], [], list(TYPES)))}
    trace = {"for": rng.choice(("tenant", "tenant", "mailboxes"))}
    both = {"unified-audit-log": audit, "message-trace": trace}
    return rng.choice(
        (both, both, {"unified-audit-log": audit}, {"unified-audit-log": audit}, {"message-trace": trace})
    )


def _behaviour(rng: Random) -> Behaviour:
    return Behaviour(
        end_inclusive=rng.random() < 0.5,
        result_count=rng.choice((*ResultCount, ResultCount.TOTAL)),
        next_link=rng.choice((NextLink.NONE, NextLink.HONOURED, NextLink.REFUSED)),
        server_page=rng.choice((1000, 100, 40)),
        more_records_available=rng.choice((*MoreRecords, MoreRecords.ABSENT, MoreRecords.ABSENT)),
    )


def _quotas(rng: Random, scenario: Scenario) -> Quotas:
    """Pages may be short, and sessions end early; not so short that a tenant costs thousands of requests."""
    rows = max(len(scenario.audit_rows), len(scenario.traces))
    return Quotas(
        page_rows=max(rng.choice((5000, 300, 30, 2)), rows // 20),
        session_rows=rng.choice((50_000, 50_000, max(60, rows // 4))),
        concurrent=rng.choice((None, None, 2)),
    )


def _askable(scenario: Scenario, behaviour: Behaviour, quotas: Quotas) -> bool:
    """Whether nothing stands in the way of a whole collection but the faults."""
    most = min(quotas.session_rows, behaviour.server_page if behaviour.next_link is NextLink.REFUSED else 2**30)
    return scenario.window.start > NOW - RETENTION + DAY and _crowd(scenario) < most


def _crowd(scenario: Scenario) -> int:
    """The most rows that one second holds, with the question's margins and a moment more on both sides."""
    found = 0
    for times in moments(scenario):
        first = 0
        for last, moment in enumerate(times):
            while moment - times[first] > 5 * SECOND:
                first += 1
            found = max(found, last - first + 1)
    return found


def told(case: Case) -> str:
    """Say in a few lines what a case is, for a test that failed."""
    rows = f"{len(case.scenario.audit_rows)} records, {len(case.scenario.traces)} traces"
    window = f"{iso(case.scenario.window.start)} to {iso(case.scenario.window.end)}"
    bounds = f"answers up to {case.largest} bytes, passing: {case.passing}"
    parts = (f"seed {case.seed}: {rows}, {window}", bounds, case.engagement, case.behaviour, case.quotas)
    return "\n".join(map(str, (*parts, *case.faults.faults)))
