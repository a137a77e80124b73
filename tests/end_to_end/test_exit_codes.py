"""Every exit code of design 1.1 that this version can reach, as the shell sees it, and what it leaves behind."""

import os
import resource
import socket
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest

from collector.errors import ExitCode
from collector.model import Window, iso
from collector.simulator import SECRET_VARIABLE, Access, Fault, Kind, cmdlet, during, every
from collector.simulator import path as on_path
from tests.end_to_end.conftest import Staging
from tests.end_to_end.stage import (
    START,
    STORY,
    TIMEOUT,
    Stage,
    Switch,
    Turnstile,
    assert_collected,
    assert_sealed_and_sound,
    audit_in,
    audit_of,
    collector,
    coverage_of,
    digest,
    ended,
    environment,
    traces_in,
    traces_of,
)

TRACE = "Get-MessageTraceV2"
SEARCH = "Search-UnifiedAuditLog"
LOST = Window(START + timedelta(hours=30), START + timedelta(hours=31))
OTHER_TENANT = "99999999-2222-3333-4444-555555555555"


def test_complete_is_0(staged: Staging) -> None:
    stage = staged()
    done = stage.run()
    assert (done.code, done.err) == (ExitCode.COMPLETE, "")
    assert_collected(stage.run_folder)
    assert_sealed_and_sound(stage, stage.run_folder)


def test_a_second_run_after_the_seal_is_a_new_one(staged: Staging) -> None:
    stage = staged()
    assert [stage.run().code, stage.run().code] == [0, 0]
    first, second = stage.runs
    assert audit_of(first) == audit_of(second)
    assert stage.collector("verify", stage.evidence).code == 0


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "empty"),
        ("\tengagement: x\n", "tab"),
        ("- a list\n", "keys with values"),
        ("{engagement: x, tenent: y}\n", "tenant"),
        ("a: [\n", "YAML"),
    ],
    ids=["empty", "tabs", "list", "unknown-key", "not-yaml"],
)
def test_a_wrong_engagement_file_is_2(text: str, said: str, tmp_path: Path) -> None:
    file = tmp_path / "wrong.yaml"
    file.write_text(text, encoding="utf-8")
    done = collector("run", file, cwd=tmp_path)
    assert done.code == ExitCode.USAGE
    assert said in done.err
    assert "remedy: " in done.err
    assert "fault of ours" not in done.err
    assert list(tmp_path.iterdir()) == [file]


@pytest.mark.parametrize(
    "words",
    [
        ["run", "missing.yaml"],
        ["run", "."],
        ["plan", "missing.yaml"],
        ["plan", "."],
        ["run"],
        ["run", "--no-such-option", "x.yaml"],
        ["no-such-command"],
        [],
        ["status", "missing"],
        ["status", "."],
        ["verify", "missing"],
        ["verify", "."],
        ["init", "no/such/folder/x.yaml"],
        ["init", "x.yaml", "--method", "password"],
        ["demo", "--records", "many"],
    ],
    ids=" ".join,
)
def test_a_wrong_command_line_is_2(words: list[str], tmp_path: Path) -> None:
    done = collector(*words, cwd=tmp_path)
    assert done.code == ExitCode.USAGE
    assert "fault of ours" not in done.err
    assert "Traceback" not in done.err
    assert list(tmp_path.iterdir()) == []


def test_an_open_run_and_a_changed_file_are_2_with_the_difference(staged: Staging) -> None:
    down = Switch(on=True)
    stage = staged(Fault(Kind.STATUS, down, times=None))
    assert stage.run().code == ExitCode.TEMPORARY
    stage.write(sources={"unified-audit-log": {"operations": ["MailItemsAccessed", "Send"]}})
    refused = stage.run()
    assert refused.code == ExitCode.USAGE
    assert "sources.unified-audit-log.operations" in refused.err
    assert "sources.message-trace" in refused.err
    assert "--new" in refused.err
    down.on = False
    assert stage.run("--new").code == ExitCode.COMPLETE
    assert len(stage.runs) == 2
    stage.write()
    assert stage.run().code == ExitCode.COMPLETE
    assert len(stage.runs) == 2
    assert_collected(stage.runs[0])


def test_an_hour_that_cannot_be_had_is_a_gap_and_3(staged: Staging) -> None:
    stage = staged(Fault(Kind.TRANSIENT, every(cmdlet(SEARCH), during(LOST)), times=None))
    done = stage.run()
    assert done.code == ExitCode.GAPS
    coverage = coverage_of(stage.run_folder)
    assert coverage["complete"] is False
    (gap,) = [one for one in coverage["slices"] if one["status"] == "gap"]
    assert (gap["source"], gap["reason"]) == ("unified-audit-log", "transient")
    assert gap["start"] <= iso(LOST.start)
    assert gap["end"] >= iso(LOST.end)
    (shown,) = [line for line in done.out.partition("Gaps")[2].splitlines() if line.startswith("unified-audit-log")]
    assert shown.split()[1:] == [gap["start"], gap["end"], "0", "transient"]
    lost = audit_in(STORY) - audit_of(stage.run_folder)
    assert lost
    assert {row.identity for row in STORY.audit_rows if LOST.start <= row.created < LOST.end} >= {
        identity for identity, _ in lost
    }
    assert traces_of(stage.run_folder) == traces_in(STORY)
    assert_sealed_and_sound(stage, stage.run_folder)


def test_asking_for_the_gaps_of_a_run_brings_what_it_lacks(staged: Staging) -> None:
    broken = Switch(on=True)
    stage = staged(Fault(Kind.TRANSIENT, every(broken, cmdlet(SEARCH), during(LOST)), times=None))
    assert stage.run().code == ExitCode.GAPS
    first = stage.run_folder
    broken.on = False
    assert stage.run("--gaps-of", str(first)).code == ExitCode.COMPLETE
    assert audit_of(first) | audit_of(stage.runs[1]) == audit_in(STORY)
    assert_sealed_and_sound(stage, stage.runs[1])
    nothing_left = stage.run("--gaps-of", str(stage.runs[1]))
    assert nothing_left.code == ExitCode.USAGE


def test_a_forbidden_cmdlet_is_4_with_the_rest_collected_and_sealed(staged: Staging) -> None:
    stage = staged(tenant={"access": Access(forbidden=frozenset({TRACE}))})
    done = stage.run()
    assert done.code == ExitCode.ACCESS
    assert "forbidden" in done.out
    assert audit_of(stage.run_folder) == audit_in(STORY)
    assert traces_of(stage.run_folder) == {}
    gaps = [one for one in coverage_of(stage.run_folder)["slices"] if one["status"] == "gap"]
    assert {(one["source"], one["reason"].split(":")[0]) for one in gaps} == {("message-trace", "forbidden")}
    assert (gaps[0]["start"], gaps[-1]["end"]) == (iso(STORY.window.start), iso(STORY.window.end))
    assert_sealed_and_sound(stage, stage.run_folder)


def test_forbidden_goes_before_other_gaps(staged: Staging) -> None:
    stage = staged(
        Fault(Kind.TRANSIENT, every(cmdlet(SEARCH), during(LOST)), times=None),
        tenant={"access": Access(forbidden=frozenset({TRACE}))},
    )
    assert stage.run().code == ExitCode.ACCESS
    reasons = {one["reason"].split(":")[0] for one in coverage_of(stage.run_folder)["slices"] if one["reason"]}
    assert len(reasons) == 2


def test_a_wrong_secret_is_4_and_the_right_one_goes_on_with_the_same_run(staged: Staging) -> None:
    stage = staged()
    right = stage.environment[SECRET_VARIABLE]
    stage.environment[SECRET_VARIABLE] = "wrong-secret-of-nobody"
    done = stage.run()
    assert done.code == ExitCode.ACCESS
    assert "client secret is wrong" in done.err
    assert "wrong-secret-of-nobody" not in done.out + done.err
    opened = stage.run_folder
    assert not (opened / "bagit.txt").exists()
    assert not [asked for asked in stage.tenant.requests if asked.path.startswith("/adminapi")]
    stage.environment[SECRET_VARIABLE] = right
    assert stage.run().code == ExitCode.COMPLETE
    assert stage.run_folder == opened
    assert_collected(opened)


def test_a_token_of_another_tenant_is_4_before_anything_is_asked(staged: Staging) -> None:
    stage = staged(tenant={"access": Access(tid=OTHER_TENANT)})
    done = stage.run()
    assert done.code == ExitCode.ACCESS
    assert OTHER_TENANT in done.err
    assert not [asked for asked in stage.tenant.requests if asked.path.startswith("/adminapi")]


@pytest.mark.parametrize("what", ["cmdlets", "sign-in"])
@pytest.mark.tries("an outage past the patience")
def test_an_outage_past_the_patience_is_5_and_the_run_goes_on_when_it_is_over(staged: Staging, what: str) -> None:
    down = Switch(on=True)
    where = down if what == "cmdlets" else lambda asked: down.on and on_path("/token")(asked)
    stage = staged(Fault(Kind.STATUS, where, times=None))
    done = stage.run()
    assert done.code == ExitCode.TEMPORARY
    assert "run the same command again" in done.err
    assert stage.collector("verify", stage.run_folder).code == ExitCode.TEMPORARY
    down.on = False
    assert stage.run().code == ExitCode.COMPLETE
    assert_collected(stage.run_folder)
    assert_sealed_and_sound(stage, stage.run_folder)


def test_nobody_answers_at_all_is_5(staged: Staging) -> None:
    stage = staged()
    with socket.create_server(("127.0.0.1", 0)) as gone:
        port = gone.getsockname()[1]
    stage.write(cloud=dict.fromkeys(("authority", "exchange", "management", "graph"), f"https://127.0.0.1:{port}"))
    done = stage.run()
    assert done.code == ExitCode.TEMPORARY
    assert "127.0.0.1" in done.err


def _turn_a_byte(path: Path) -> None:
    body = bytearray(path.read_bytes())
    body[len(body) // 2] ^= 1
    path.write_bytes(body)


@pytest.mark.parametrize(
    "name", ["data/unified-audit-log/000001.jsonl.gz", "custody/journal.jsonl", "custody/coverage.json", "bag-info.txt"]
)
def test_a_turned_bit_in_a_sealed_run_is_6(name: str, staged: Staging) -> None:
    stage = staged()
    stage.run()
    _turn_a_byte(stage.run_folder / name)
    done = stage.collector("verify", stage.evidence)
    assert done.code == ExitCode.INTEGRITY
    assert "PROBLEM" in done.out
    assert "NOT INTACT" in done.out or name == "custody/journal.jsonl"


def _interrupted(staged: Staging, *faults: Fault) -> tuple[Stage, Switch]:
    """A run that has committed the traces, and was left open by an outage of the audit log."""
    down = Switch(on=True)
    stage = staged(Fault(Kind.STATUS, lambda asked: down(asked) and asked.cmdlet == SEARCH, times=None), *faults)
    stage.write(limits={"default": {"first_wait": "20ms", "patience": "3s"}})
    assert stage.run().code == ExitCode.TEMPORARY
    return stage, down


def test_an_open_run_that_was_tampered_with_is_6_and_is_left_as_it_is(staged: Staging) -> None:
    stage, down = _interrupted(staged)
    chunk = next(stage.run_folder.glob("data/message-trace/*.gz"))
    _turn_a_byte(chunk)
    before = {path: digest(path) for path in stage.run_folder.rglob("*") if path.is_file()}
    down.on = False
    done = stage.run()
    assert done.code == ExitCode.INTEGRITY
    assert chunk.name in done.err
    assert {path: digest(path) for path in stage.run_folder.rglob("*") if path.is_file()} == before


def test_of_several_runs_the_gravest_verdict_counts(staged: Staging) -> None:
    stage, down = _interrupted(staged)
    down.on = False
    assert stage.run("--new").code == ExitCode.COMPLETE
    assert stage.collector("verify", stage.evidence).code == ExitCode.TEMPORARY
    _turn_a_byte(next(stage.runs[1].glob("data/message-trace/*.gz")))
    assert stage.collector("verify", stage.evidence).code == ExitCode.INTEGRITY


def test_a_file_where_the_evidence_folder_should_be_is_7(staged: Staging) -> None:
    stage = staged()
    stage.evidence.write_text("not a folder")
    done = stage.run()
    assert done.code == ExitCode.DISK
    assert str(stage.evidence) in done.err
    assert stage.tenant.requests == []


@pytest.mark.skipif(sys.platform == "win32", reason="no resource limits")
@pytest.mark.parametrize("size", [4_000, 12_000], ids=["at-the-start", "amid-the-slices"])
@pytest.mark.tries("a disk that takes no more")
def test_a_disk_that_takes_no_more_is_7_and_what_is_committed_goes_on(staged: Staging, size: int) -> None:
    stage = staged()
    done = stage.run(preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (size, size)))
    assert done.code == ExitCode.DISK, done
    assert "remedy: " in done.err
    assert stage.run().code == ExitCode.COMPLETE
    assert_collected(stage.runs[-1])
    assert_sealed_and_sound(stage, stage.runs[-1])


@pytest.mark.skipif(os.name != "posix" or not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write")
def test_a_folder_that_may_not_be_written_is_7(staged: Staging) -> None:
    stage = staged()
    stage.evidence.mkdir(mode=0o500)
    assert stage.run().code == ExitCode.DISK


def test_two_runs_at_once_are_8_for_the_second(staged: Staging) -> None:
    turnstile = Turnstile()
    stage = staged(Fault(Kind.STATUS, turnstile))
    with stage.running() as first:
        turnstile.await_arrival()
        try:
            second = stage.run()
            looked = stage.collector("status", stage.evidence)
        finally:
            turnstile.open()
        assert second.code == ExitCode.LOCKED
        assert "another run is at work" in second.err
        assert looked.code == 0
        assert "open" in looked.out
        assert ended(first).code == ExitCode.COMPLETE
    assert_collected(stage.run_folder)


FAULT = """
import os
from collector.cli.app import app
from collector.cli import main

@app.command("break")
def fail() -> None:
    value = os.environ["OUR_SECRET"]
    raise RuntimeError(f"the token {value} broke us")

main()
"""


def test_a_fault_of_ours_is_1_and_shows_where_but_no_value(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", FAULT, "break"],
        env=environment(OUR_SECRET="s3cr3t-of-a-test"),
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=TIMEOUT,
        check=False,
    )
    assert done.returncode == ExitCode.FAULT
    assert "RuntimeError" in done.stderr
    assert "s3cr3t-of-a-test" not in done.stdout + done.stderr
