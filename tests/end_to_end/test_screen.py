"""What is shown: JSON lines for programs, silence when asked for, no escape codes where nobody can use them."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from collector import __version__
from collector.simulator import Fault, Kind, cmdlet, during
from collector.simulator import path as on_path
from tests.end_to_end.conftest import Staging
from tests.end_to_end.stage import (
    STORY,
    TIMEOUT,
    Stage,
    Switch,
    assert_collected,
    collector,
    coverage_of,
    digest,
    environment,
)

COMMANDS = ("demo", "init", "plan", "run", "status", "verify")
ESCAPE = "\x1b"


def test_the_version_is_told(tmp_path: Path) -> None:
    assert collector("--version", cwd=tmp_path).out == f"collector {__version__}\n"


@pytest.mark.parametrize("command", [None, *COMMANDS])
def test_there_is_help(command: str | None, tmp_path: Path) -> None:
    done = collector(*([command] if command else []), "--help", cwd=tmp_path)
    assert (done.code, done.err) == (0, "")
    assert "Usage: collector" in done.out
    assert ESCAPE not in done.out


def test_json_tells_all_that_happens_one_object_a_line(staged: Staging) -> None:
    stage = staged()
    done = stage.run("--json")
    assert {message["message_type"] for message in done.messages} == {"planned", "rows", "slice", "summary"}
    summary = done.messages[-1]
    assert summary["records"] == sum(slice_["records"] for slice_ in done.of_type("slice"))
    assert (summary["exit_code"], summary["complete"], summary["gaps"]) == (0, True, 0)
    assert Path(summary["folder"]) == stage.run_folder
    status = stage.collector("status", "--json", stage.evidence)
    assert status.of_type("run")[0]["sealed"] is True
    shown = [{key: one[key] for key in one if key != "message_type"} for one in status.of_type("slice")]
    assert shown == coverage_of(stage.run_folder)["slices"]
    (verified,) = stage.collector("verify", "--json", stage.evidence).of_type("verification")
    assert (verified["intact"], verified["records"]) == (True, summary["records"])
    assert {one["source"] for one in stage.collector("plan", "--json", stage.file).of_type("plan")} == {
        "unified-audit-log",
        "message-trace",
    }


def test_json_tells_gaps_with_their_window_reason_and_what_was_kept(staged: Staging) -> None:
    hour = STORY.window.start.replace(hour=13)
    lost = type(STORY.window)(hour, hour.replace(hour=14))
    stage = staged(Fault(Kind.CUT, during(lost), times=None), sources={"unified-audit-log": {}})
    done = stage.run("--json")
    assert done.code == 3
    gaps = [{key: one[key] for key in one if key != "message_type"} for one in done.of_type("gap")]
    assert gaps == [one for one in coverage_of(stage.run_folder)["slices"] if one["status"] == "gap"]
    assert done.messages[-1]["gaps"] == len(gaps) > 0


@pytest.mark.parametrize("command", ["run", "plan", "status", "verify"])
def test_json_stays_json_when_it_fails(command: str, tmp_path: Path) -> None:
    done = collector(command, "--json", "missing", cwd=tmp_path)
    assert done.code == 2
    (error,) = done.of_type("error")
    assert error["exit_code"] == 2
    assert error["message"] in done.err
    assert error["remedy"]


def test_json_stays_json_in_an_outage(staged: Staging) -> None:
    stage = staged(Fault(Kind.STATUS, times=None))
    done = stage.run("--json")
    assert done.code == 5
    assert done.messages[-1]["message_type"] == "error"
    assert any("does not answer" in one["why"] for one in done.of_type("waiting"))
    assert stage.collector("status", "--json", stage.evidence).of_type("run")[0]["sealed"] is False


def test_quiet_is_silent_when_all_is_well(staged: Staging) -> None:
    stage = staged(Fault(Kind.STATUS, times=1))
    done = stage.run("--quiet")
    assert (done.code, done.err) == (0, "")
    assert "complete: every slice was collected whole" in done.out


def test_a_pipe_gets_no_escape_codes_and_no_trailing_blanks(staged: Staging) -> None:
    stage = staged(Fault(Kind.STATUS, times=1))
    done = [stage.run("--verbose"), *(stage.collector(word, stage.evidence) for word in ("status", "verify"))]
    done += [stage.collector("plan", stage.file), stage.collector("run", "missing")]
    for one in done:
        assert ESCAPE not in one.out + one.err
        assert not re.search(r" $", one.out, re.MULTILINE)


def on_a_terminal(stage: Stage, *words: str | Path, columns: int, **more: str) -> tuple[int, str]:
    """Run a command on a terminal of a width; returns its exit code and all that the terminal was sent."""
    import pty  # noqa: PLC0415 - there is none on Windows

    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "collector", *map(str, words)]
    wide = {"COLUMNS": str(columns), "LINES": "24", "TERM": "xterm", **more}
    with subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs, env=stage.environment | wide) as process:
        os.close(theirs)
        sent = b"".join(iter(lambda: _read(ours), b""))
        process.wait(TIMEOUT)
    os.close(ours)
    return process.returncode, sent.decode()


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 65536)
    except OSError:  # Linux says so when the other end is closed
        return b""


@pytest.mark.skipif(sys.platform == "win32", reason="no pseudo-terminals")
@pytest.mark.parametrize("columns", [12, 100])
def test_a_terminal_of_any_width_shows_the_run(columns: int, staged: Staging) -> None:
    stage = staged(Fault(Kind.STATUS, times=1))
    code, shown = on_a_terminal(stage, "run", stage.file, columns=columns)
    assert code == 0
    assert "complete: every slice was collected whole" in shown
    code, shown = on_a_terminal(stage, "status", stage.evidence, columns=columns)
    assert code == 0
    assert "unified-audit-log" in shown


@pytest.mark.skipif(sys.platform == "win32", reason="no pseudo-terminals")
def test_the_bar_says_what_is_waited_for(staged: Staging) -> None:
    stage = staged(Fault(Kind.STATUS, times=8), limits={"default": {"first_wait": "700ms", "patience": "5s"}})
    code, shown = on_a_terminal(stage, "run", stage.file, columns=160)
    assert code == 0
    assert re.search(r"waiting \d+ s: ", shown)
    assert re.search(r"\d+/16", shown)


@pytest.mark.skipif(sys.platform == "win32", reason="no pseudo-terminals")
def test_no_color_is_heeded_on_a_terminal(staged: Staging) -> None:
    stage = staged()
    stage.run()
    code, shown = on_a_terminal(stage, "status", stage.evidence, columns=160, NO_COLOR="1")
    assert (code, ESCAPE in shown) == (0, False)
    _, coloured = on_a_terminal(stage, "status", stage.evidence, columns=160)
    assert ESCAPE in coloured


def test_a_column_that_holds_nothing_is_left_out(staged: Staging) -> None:
    stage = staged()
    stage.run()
    (head,) = [line for line in stage.collector("status", stage.evidence).out.splitlines() if "settled" in line]
    assert head.split() == ["source", "start", "end", "status", "records", "expected", "settled"]


def test_a_reader_that_has_had_enough_does_not_stop_the_run(staged: Staging) -> None:
    stage = staged()
    with stage.running("--json") as process:
        assert process.stdout is not None
        assert process.stdout.readline()
        process.stdout.close()
        assert process.wait(TIMEOUT) == 0
    assert stage.collector("verify", stage.evidence).code == 0


def test_locale_and_time_zone_change_nothing(staged: Staging) -> None:
    stage = staged()
    plain = {"LC_ALL": "C", "LANG": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    assert stage.run().code == 0
    stage.environment |= {**plain, "TZ": "America/New_York"}
    assert stage.run().code == 0
    here, there = stage.runs
    assert there.name > here.name
    for run in (here, there):
        assert_collected(run)
    windows = [[(one["start"], one["end"]) for one in coverage_of(run)["slices"]] for run in (here, there)]
    assert windows[0] == windows[1]
    assert digest(here / "custody" / "engagement.yaml") == digest(there / "custody" / "engagement.yaml")


def test_the_demo_shows_what_was_found_in_any_locale(tmp_path: Path) -> None:
    plain = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    small = ("--records", "200", "--traces", "50", "--quiet")
    done = collector("demo", *small, cwd=tmp_path, env=environment(**plain))
    other = collector("demo", *small, "--seed", "2", cwd=tmp_path, env=environment())
    assert (done.code, done.err, other.code) == (0, "", 0)
    tables = [one.out.partition("What was found")[2] for one in (done, other)]
    assert "megan.owner@contoso.example.org" in tables[0]
    assert tables[0] != tables[1]
    assert "intact and sealed" in done.out


def test_a_demo_where_a_file_is_in_the_way_is_told(tmp_path: Path) -> None:
    (tmp_path / "demo").write_text("in the way")
    done = collector("demo", "--records", "100", "--traces", "1", cwd=tmp_path)
    assert done.code == 7
    assert "--folder" in done.err


@pytest.mark.parametrize("where", ["/token", "InvokeCommand"])
def test_an_operator_is_told_why_nothing_happens(where: str, staged: Staging) -> None:
    down = Switch(on=True)
    stage = staged(Fault(Kind.STATUS, lambda asked: down.on and on_path(where)(asked), times=None))
    done = stage.run("--verbose")
    assert done.code == 5
    assert "waiting" in done.err


def test_a_source_that_is_missing_is_no_fault_of_the_others_on_screen(staged: Staging) -> None:
    stage = staged(Fault(Kind.FORBIDDEN, cmdlet("Get-MessageTraceV2"), times=None))
    done = stage.run()
    assert done.code == 4
    (row,) = [line for line in done.out.splitlines() if line.startswith("unified-audit-log")]
    assert row.split()[1:5] == ["8", "8", "0", "0"]
