"""SIGKILL at random moments, again and again until the run ends: the records of an undisturbed run, each once.

The moments differ from run to run of the tests; the verdict must not.
"""

import random
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from itertools import count
from pathlib import Path

import pytest

from collector.errors import ExitCode
from collector.simulator import Fault, Kind, Quotas, Scenario
from tests.end_to_end.conftest import Staging
from tests.end_to_end.stage import (
    QUICK,
    STORY,
    Record,
    Stage,
    Tripwire,
    assert_sealed_and_sound,
    audit_in,
    audit_of,
    ended,
    kill,
    traces_in,
    traces_of,
)
from tests.tally import Tally

SECOND = timedelta(seconds=1)
MOST = 8
"""Kills in one engagement; the life after them is left alone."""

LOOK_AFTER = 10
"""Kills after which somebody looks at what is left."""

Process = subprocess.Popen[str]
Aim = Callable[[Process, Stage], None]
MAILBOXES = [mailbox.upn for mailbox in STORY.mailboxes[:3]]
ASKED = {
    "mailboxes": MAILBOXES,
    "sources": {
        "unified-audit-log": {"record_types": ["ExchangeItemAggregated", "ExchangeItem"]},
        "message-trace": {"for": "mailboxes"},
    },
    "limits": {"default": QUICK, "message-trace": {"rate": "100000/5m"}},
    "evidence": {"folder": "./evidence", "chunk_bytes": "4KiB"},
}
"""Many small slices and chunks, so that there is much to be killed in."""


def crowded_edges(story: Scenario) -> Scenario:
    """Put records around every eighth of the window: where slices meet, both ask for them."""
    eighth = story.window.length / 8
    moments = [story.window.start + eighth * n + SECOND * off for n in range(1, 8) for off in (-1, 0, 1)]
    accessed = [row for row in story.audit_rows if row.operation == "MailItemsAccessed"]
    more = [
        row._replace(created=moment, identity=f"edge-{number}")
        for number, (row, moment) in enumerate(zip(accessed, moments, strict=False))
    ]
    return Scenario.of(
        audit=[*story.audit_rows, *more], traces=story.traces, window=story.window, mailboxes=story.mailboxes
    )


TENANT = crowded_edges(STORY)


def records_of(run: Path) -> Counter[Record]:
    return audit_of(run) + traces_of(run)


def chunks_of(stage: Stage) -> int:
    return sum(1 for _ in stage.evidence.glob("*/*/data/**/*.gz"))


@dataclass(frozen=True)
class Undisturbed:
    """What a run took that was left alone."""

    seconds: float
    cmdlets: int
    chunks: int

    @classmethod
    def of(cls, stage: Stage) -> "Undisturbed":
        before = time.monotonic()
        assert stage.run().code == ExitCode.COMPLETE
        seconds = time.monotonic() - before
        return cls(seconds, sum(asked.cmdlet is not None for asked in stage.tenant.requests), chunks_of(stage))


@dataclass(frozen=True)
class Killer:
    """Knows how long an undisturbed run takes, and ends others before."""

    usual: Undisturbed
    wire: Tripwire
    chance: random.Random

    def at_any_question(self, process: Process, _: Stage) -> None:
        """When the tenant hears a question, before it answers; others may be under way."""
        self.wire.set(self.chance.randint(1, self.usual.cmdlets), partial(kill, process, signal.SIGKILL))

    def at_any_time(self, process: Process, _: Stage) -> None:
        """By the clock: while it starts, signs in, waits, reads, writes or seals."""
        with suppress(subprocess.TimeoutExpired):
            process.wait(self.chance.uniform(0, self.usual.seconds))
        kill(process, signal.SIGKILL)

    def at_any_chunk(self, process: Process, stage: Stage) -> None:
        """When a chunk appears among the evidence, which is often before the journal speaks of it."""
        standing = chunks_of(stage)
        last = self.chance.randint(standing, max(standing, self.usual.chunks)) + 1
        while process.poll() is None and chunks_of(stage) < last:
            with suppress(subprocess.TimeoutExpired):
                process.wait(0.001)
        kill(process, signal.SIGKILL)


def deaths(stage: Stage, aim: Aim, at_most: int) -> Iterator[str]:
    """Run until the evidence is sealed; yields what a kill interrupted. After the last one nobody aims any more."""
    while not any((run / "bagit.txt").exists() for run in stage.runs):
        answered = len(stage.tenant.requests)
        with stage.running() as process:
            if at_most:
                aim(process, stage)
            died = ended(process)
        if died.code == -signal.SIGKILL:
            at_most -= 1
            yield doing(stage) if len(stage.tenant.requests) > answered else "starting"
        else:
            assert died.code == ExitCode.COMPLETE, died


def doing(stage: Stage) -> str:
    """Tell from the disk what was interrupted."""
    if not stage.runs:
        return "opening"
    return "sealing" if (stage.run_folder / "custody" / "coverage.json").exists() else "collecting"


def assert_can_be_looked_at(stage: Stage) -> None:
    """Whoever looks at what the kill has left finds an intact run, sealed at most; or none, where none was opened."""
    status, verified = (stage.collector(command, stage.evidence) for command in ("status", "verify"))
    if stage.runs:
        whole = (stage.run_folder / "bagit.txt").exists()
        assert verified.code == (ExitCode.COMPLETE if whole else ExitCode.TEMPORARY), verified
        assert status.code == ExitCode.COMPLETE, status
    else:
        assert (status.code, verified.code) == (ExitCode.USAGE, ExitCode.USAGE)


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("aim", [Killer.at_any_question, Killer.at_any_time, Killer.at_any_chunk])
@pytest.mark.parametrize(
    ("seed", "kills"), [(1, 10), (2, 10), *(pytest.param(seed, 84, marks=pytest.mark.soak) for seed in (3, 4))]
)
def test_killed_again_and_again_until_it_ends(
    aim: Callable[[Killer, Process, Stage], None], seed: int, kills: int, staged: Staging, tally: Tally
) -> None:
    what, wire = f"SIGKILL {aim.__name__}".replace("_", " "), Tripwire()
    served = {"quotas": Quotas(trace_requests=100_000), "latency": 0.03}
    first = staged(Fault(Kind.STATUS, wire), story=TENANT, tenant=served, **ASKED)
    killer = Killer(Undisturbed.of(first), wire, random.Random(seed))
    usual = records_of(first.run_folder)
    assert usual == audit_in(TENANT) + traces_in(TENANT, *MAILBOXES)
    numbers = count()
    while kills:
        stage = first.beside(next(numbers))
        for interrupted in deaths(stage, partial(aim, killer), min(MOST, kills)):
            kills -= 1
            tally(what, **{interrupted: 1})
            if kills % LOOK_AFTER == 0:
                assert_can_be_looked_at(stage)
        tally.records(what, records_of(stage.run_folder), usual, tried=0, engagements=1)
        assert_sealed_and_sound(stage, stage.run_folder)
