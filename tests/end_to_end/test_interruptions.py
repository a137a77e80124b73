"""A run that is stopped by a signal: the same command finishes it, with the records of a quiet run."""

import signal

import pytest

from collector.errors import ExitCode
from collector.simulator import Fault, Kind
from tests.end_to_end.conftest import Staging
from tests.end_to_end.stage import Tripwire, assert_collected, assert_sealed_and_sound, coverage_of, ended, kill


@pytest.mark.tries("SIGINT or SIGTERM amid the questions")
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
