"""`collector watch` as a stranger uses it: killed, stopped, started twice, and gone on with."""

import json
import signal
from collections import Counter
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from collector.clock import SystemClock
from collector.errors import ExitCode
from collector.simulator import Fault, Kind, Scenario, takeover
from tests.end_to_end.conftest import Staging
from tests.end_to_end.stage import (
    QUICK,
    Stage,
    Tripwire,
    Turnstile,
    assert_sealed_and_sound,
    audit_of,
    coverage_of,
    ended,
    kill,
    started,
    traces_of,
)

DAYS = 2
WATCHED: dict[str, Any] = {
    "window": {"last": f"{DAYS}d"},
    "sources": {
        "unified-audit-log": {"operations": []},
        "message-trace": {"for": "tenant"},
        "management-activity": {"content_types": ["Audit.Exchange"]},
    },
    "limits": {"default": QUICK, "message-trace": {"rate": "100000/5m"}},
}


def story() -> Scenario:
    """Make up a story that ends before the test begins; its window is a little longer than what is watched."""
    now = SystemClock().now().replace(microsecond=0)
    return takeover(seed=5, start=now - timedelta(days=DAYS, minutes=-10), days=DAYS, records=160, traces=80)


def watch(stage: Stage, *words: str) -> Any:
    return started("watch", stage.file, *words, cwd=stage.folder, env=stage.environment)


def assert_whole(stage: Stage, tenant: Scenario) -> None:
    """Every record of the time that was watched stands once, in sealed folders that follow each other."""
    past = SystemClock().now() - timedelta(minutes=1)
    audit, traces = Counter[Any](), Counter[Any]()
    for run in stage.runs:
        audit += audit_of(run)
        traces += traces_of(run)
        assert_sealed_and_sound(stage, run)
    assert {identity for identity, _ in audit} >= {row.identity for row in tenant.audit_rows if row.created < past}
    assert set(audit.values()) == {1}
    assert set(traces.values()) == {1}
    assert {name for name, *_ in traces} >= {
        row.message_trace_id for row in tenant.traces if row.received < f"{past:%Y-%m-%dT%H:%M:%S}"
    }
    edges: dict[tuple[str, str | None], Any] = {}
    for run in stage.runs:
        for one in coverage_of(run)["slices"]:
            key = (one["source"], one["part"])
            assert edges.get(key, one["start"]) == one["start"]
            edges[key] = one["end"]
    assert stage.collector("verify", stage.evidence).code == ExitCode.COMPLETE


def heartbeat(stage: Stage) -> dict[str, Any]:
    (file,) = stage.evidence.glob("*/heartbeat.json")
    found: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    return found


@pytest.mark.tries("SIGKILL amid a watch")
def test_killed_again_and_again_and_gone_on_with(staged: Staging) -> None:
    wire, tenant = Tripwire(), story()
    stage = staged(Fault(Kind.STATUS, wire), story=tenant, tenant={"latency": 0.01}, **WATCHED)
    for at in (1, 9, 25, 40):
        with watch(stage, "--every", "1s", "--seal-every", "2s") as process:
            wire.set(at, lambda: kill(process, signal.SIGKILL))
            assert ended(process).code == -signal.SIGKILL
    done = stage.collector("watch", stage.file, "--every", "1s", "--for", "2s", "--json")
    assert done.code in {ExitCode.COMPLETE, ExitCode.GAPS}, done
    assert done.of_type("cycle")[-1]["outcome"] in {"complete", "gaps"}
    assert stage.tenant.client_secret not in done.out + done.err
    assert heartbeat(stage)["state"] == "ended"
    assert_whole(stage, tenant)


@pytest.mark.parametrize(("number", "at"), [(signal.SIGINT, 5), (signal.SIGTERM, 20)])
def test_stopped_in_the_middle_of_a_cycle_and_gone_on_with(number: signal.Signals, at: int, staged: Staging) -> None:
    wire, tenant = Tripwire(), story()
    stage = staged(Fault(Kind.STATUS, wire), story=tenant, tenant={"latency": 0.05}, **WATCHED)
    with watch(stage) as process:
        wire.set(at, lambda: kill(process, number))
        stopped = ended(process)
    assert stopped.code == ExitCode.INTERRUPTED, stopped
    assert "Traceback" not in stopped.err
    assert heartbeat(stage)["state"] == "interrupted"
    assert "interrupted" in stage.collector("status", stage.evidence).out
    assert stage.collector("watch", stage.file, "--for", "1s").code in {ExitCode.COMPLETE, ExitCode.GAPS}
    assert len(stage.runs) == 1
    assert_whole(stage, tenant)


def test_stopped_while_it_waits_for_the_next_cycle(staged: Staging) -> None:
    stage = staged(story=story(), **WATCHED)
    with watch(stage, "--json") as process:
        assert process.stdout is not None
        for line in process.stdout:
            if json.loads(line)["message_type"] == "cycle":
                break
        kill(process, signal.SIGTERM)
        process.wait(10)
    assert process.returncode == ExitCode.INTERRUPTED
    assert heartbeat(stage)["state"] == "interrupted"


def test_a_second_process_is_told_that_one_is_at_work(staged: Staging) -> None:
    gate = Turnstile()
    stage = staged(Fault(Kind.STATUS, gate), story=story(), **WATCHED)
    with watch(stage) as process:
        gate.await_arrival()
        second = stage.collector("watch", stage.file)
        once = stage.run()
        kill(process, signal.SIGINT)
        gate.open()
        assert ended(process).code == ExitCode.INTERRUPTED
    assert (second.code, once.code) == (ExitCode.LOCKED, ExitCode.LOCKED)


def test_spans_that_cannot_be_read_are_refused_with_their_option(staged: Staging, tmp_path: Path) -> None:
    stage = staged(story=story(), **WATCHED)
    for option in ("--every", "--for", "--seal-every"):
        refused = stage.collector("watch", stage.file, option, "soon")
        assert refused.code == ExitCode.USAGE
        assert option in refused.err
