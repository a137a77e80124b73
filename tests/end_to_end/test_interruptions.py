"""A run that is stopped, or killed, at any moment: the same command finishes it, with the records of a quiet run."""

import random
import signal
from functools import partial

import pytest

from collector.errors import ExitCode
from collector.simulator import Fault, Kind, Quotas
from tests.end_to_end.conftest import Staging
from tests.end_to_end.stage import (
    QUICK,
    STORY,
    Tripwire,
    assert_collected,
    assert_sealed_and_sound,
    audit_in,
    audit_of,
    coverage_of,
    ended,
    kill,
    traces_in,
    traces_of,
)

MAILBOXES = [mailbox.upn for mailbox in STORY.mailboxes[:2]]
KILLS = 12


@pytest.mark.parametrize(("number", "at"), [(signal.SIGINT, 7), (signal.SIGTERM, 1)])
def test_a_stopped_run_ends_tidily_and_is_taken_up_again(number: signal.Signals, at: int, staged: Staging) -> None:
    wire = Tripwire()
    stage = staged(Fault(Kind.STATUS, wire), tenant={"latency": 0.2})
    with stage.running() as process:
        wire.set(at, lambda: kill(process, number))
        stopped = ended(process)
    assert stopped.code == ExitCode.INTERRUPTED, stopped
    assert "run the same command again" in stopped.err
    assert "Traceback" not in stopped.err
    interrupted = stage.run_folder
    shown = stage.collector("status", stage.evidence)
    assert "open" in shown.out.splitlines()[0]
    assert "not-collected" in shown.out
    assert stage.collector("verify", interrupted).code == ExitCode.TEMPORARY
    assert stage.run().code == ExitCode.COMPLETE
    assert stage.run_folder == interrupted
    assert_collected(interrupted)
    assert_sealed_and_sound(stage, interrupted)


def test_a_second_ctrl_c_does_not_wait_for_anything(staged: Staging) -> None:
    wire = Tripwire()

    def twice() -> None:
        kill(process, signal.SIGINT)
        kill(process, signal.SIGINT)

    stage = staged(Fault(Kind.STATUS, wire), Fault(Kind.SLOW, seconds=60.0, times=None))
    with stage.running() as process:
        wire.set(1, twice)
        assert ended(process).code == ExitCode.INTERRUPTED


@pytest.mark.timeout(300)
def test_killed_a_dozen_times_nothing_is_lost_and_nothing_stands_twice(staged: Staging) -> None:
    moments, wire = random.Random(1), Tripwire()
    stage = staged(
        Fault(Kind.STATUS, wire),
        tenant={"quotas": Quotas(trace_requests=100_000), "latency": 0.01},
        mailboxes=MAILBOXES,
        sources={"unified-audit-log": {}, "message-trace": {"for": "mailboxes"}},
        limits={"default": QUICK, "message-trace": {"rate": "100000/5m"}},
    )
    killed = 0
    for _ in range(KILLS):
        with stage.running() as process:
            wire.set(moments.randint(2, 14), partial(kill, process, signal.SIGKILL))
            code = ended(process).code
        killed += code == -signal.SIGKILL
        if code == ExitCode.COMPLETE:
            break
    assert killed >= 3
    wire.set(0, bool)
    if not (stage.run_folder / "bagit.txt").exists():
        assert stage.run().code == ExitCode.COMPLETE
    run = stage.run_folder
    assert audit_of(run) == audit_in(STORY)
    assert traces_of(run) == traces_in(STORY, *MAILBOXES)
    assert_sealed_and_sound(stage, run)


def test_the_sources_join_without_hole_or_overlap_after_an_interruption(staged: Staging) -> None:
    wire = Tripwire()
    stage = staged(Fault(Kind.STATUS, wire))
    with stage.running() as process:
        wire.set(9, lambda: kill(process, signal.SIGKILL))
        ended(process)
    assert stage.run().code == ExitCode.COMPLETE
    slices = coverage_of(stage.run_folder)["slices"]
    for source in ("unified-audit-log", "message-trace"):
        edges = [(one["start"], one["end"]) for one in slices if one["source"] == source]
        assert [start for start, _ in edges[1:]] == [end for _, end in edges[:-1]]
        assert edges[0][0] == stage.tenant.engagement()["window"]["start"]
        assert edges[-1][1] == stage.tenant.engagement()["window"]["end"]
