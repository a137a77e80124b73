"""`collector investigate` as the shell sees it: exit codes, remedies, files that are whole, readers that leave."""

import csv
import json
import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from collector.cli.app import app
from collector.errors import ExitCode, UsageError
from tests.analysis.damaged import DAY, chunk_of, flip, listing, row_of_bind, small
from tests.analysis.feeds import Piece, audit_log, collect
from tests.end_to_end.stage import TIMEOUT, Ended, collector, environment

ROWS = 4000
HOUR = "2026-11-10T01:00:00Z"


@pytest.fixture(scope="module")
def evidence(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two Binds, sealed, their tables made."""
    folder = tmp_path_factory.mktemp("evidence")
    small(folder)
    assert collector("investigate", "binds", folder, cwd=folder).code == 0
    return folder


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """More rows than a pipe holds, their tables made."""
    folder = tmp_path_factory.mktemp("large")
    rows = [row_of_bind(f"b{number:04}", number / 1000, f"<m{number}@x>") for number in range(ROWS)]
    collect(folder, audit_log(Piece(DAY, rows)))
    assert collector("investigate", "throttling", folder, cwd=folder).code == 0
    return folder


def investigate(*words: str | Path, cwd: Path) -> Ended:
    return collector("investigate", *words, cwd=cwd)


USAGE = {
    "unknown-question": (["bind", "{evidence}"], "did you mean binds?"),
    "no-question-like-it": (["mails", "{evidence}"], "emails"),
    "no-folder": (["binds"], "name a run's folder"),
    "no-run": (["binds", "{empty}"], "name a run's folder"),
    "no-such-folder": (["binds", "{empty}/nowhere"], "name a run's folder"),
    "no-address": (["binds", "{evidence}", "--ip", "203.0.113"], "203.0.113.0/24"),
    "since-without-zone": (["binds", "{evidence}", "--since", "2026-11-10T00:00:00"], "ISO with Z"),
    "until-local": (["binds", "{evidence}", "--until", "2026-11-10T00:00:00+01:00"], "ISO with Z"),
    "until-is-since": (["binds", "{evidence}", "--since", HOUR, "--until", HOUR], "an earlier --since"),
    "unknown-source": (["binds", "{evidence}", "--source", "unified-audit"], "did you mean unified-audit-log?"),
    "parquet-to-the-screen": (["binds", "{evidence}", "--format", "parquet"], "--output"),
    "form-not-told": (["binds", "{evidence}", "--output", "{empty}/answer"], "--format"),
    "table-to-a-file": (["binds", "{evidence}", "--format", "table", "--output", "{empty}/a.csv"], "--format"),
    "output-in-a-run": (["binds", "{evidence}", "--output", "{run}/answer.csv"], "--output elsewhere"),
    "output-deep-in-a-run": (["binds", "{evidence}", "--output", "{run}/data/answer.csv"], "--output elsewhere"),
    "no-such-sql": (["--sql", "{empty}/no.sql", "{evidence}"], "name a file that can be"),
    "sql-is-a-folder": (["--sql", "{empty}", "{evidence}"], "name a file that can be"),
}


@pytest.mark.parametrize(("words", "remedy"), USAGE.values(), ids=USAGE)
def test_a_word_that_is_wrong_is_for_the_operator_to_mend(
    tmp_path: Path, evidence: Path, words: list[str], remedy: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (run,) = evidence.glob("*/2*Z")
    before = listing(evidence)
    named = [word.format(evidence=evidence, empty=tmp_path, run=run) for word in words]
    with pytest.raises(UsageError) as error:
        app(["investigate", *named], standalone_mode=False)
    assert remedy in error.value.remedy
    assert capsys.readouterr().out == ""
    assert listing(evidence) == before
    assert not list(tmp_path.iterdir())


def test_what_is_for_the_operator_to_mend_is_2_with_a_remedy(tmp_path: Path, evidence: Path) -> None:
    done = investigate("bind", evidence, cwd=tmp_path)
    assert (done.code, done.out) == (ExitCode.USAGE, "")
    assert done.err == "collector: 'bind' is not a question\nremedy: did you mean binds?\n"


@pytest.mark.parametrize("words", [["--format", "xml"], ["--no-such-option"]])
def test_a_word_that_is_no_option_is_2(tmp_path: Path, evidence: Path, words: list[str]) -> None:
    done = investigate("binds", evidence, *words, cwd=tmp_path)
    assert (done.code, done.out) == (ExitCode.USAGE, "")
    assert words[-1] in done.err


@pytest.mark.parametrize("text", [b"SELECT '\xff'", b"", b"DELETE FROM wanted", b"SELECT 1; SELECT 2", b"SELEC 1"])
def test_sql_that_is_not_one_select_is_for_the_analyst_to_mend(tmp_path: Path, evidence: Path, text: bytes) -> None:
    (tmp_path / "my.sql").write_bytes(text)
    with pytest.raises(UsageError) as error:
        app(["investigate", "--sql", str(tmp_path / "my.sql"), str(evidence)], standalone_mode=False)
    assert error.value.remedy


@pytest.mark.parametrize("text", ["SELECT nope FROM records", "SELECT * FROM read_text('/etc/passwd')"])
def test_sql_that_cannot_be_answered_is_2(tmp_path: Path, evidence: Path, text: str) -> None:
    (tmp_path / "my.sql").write_text(text, encoding="utf-8")
    done = investigate("--sql", "my.sql", evidence, cwd=tmp_path)
    assert (done.code, "remedy:" in done.err) == (ExitCode.USAGE, True)


@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_sql_of_the_analyst_s_own_is_answered(tmp_path: Path, evidence: Path, mark: str) -> None:
    text = f"{mark}-- who?\nSELECT record_id, user_id FROM records ORDER BY ALL;\n"
    (tmp_path / "my.sql").write_text(text, encoding="utf-8")
    done = investigate("--sql", "my.sql", evidence, "--format", "json", cwd=tmp_path)
    assert done.code == 0
    assert [one["record_id"] for one in json.loads(done.out)] == ["b1", "b2"]
    table = investigate("--sql", "my.sql", evidence, cwd=tmp_path)
    assert table.out.splitlines()[0] == "my.sql"
    assert table.out.splitlines()[-1] == "2 rows"


@pytest.mark.parametrize("folder", ["nowhere/answer.csv"])
def test_a_folder_to_write_to_that_is_none_is_7(tmp_path: Path, evidence: Path, folder: str) -> None:
    (tmp_path / "file").write_bytes(b"")
    done = investigate("binds", evidence, "--output", folder, cwd=tmp_path)
    assert (done.code, "remedy:" in done.err) == (ExitCode.DISK, True)


def test_a_run_is_not_written_to_by_a_link_either(tmp_path: Path, evidence: Path) -> None:
    (run,) = evidence.glob("*/2*Z")
    (tmp_path / "link").symlink_to(run)
    done = investigate("binds", evidence, "--output", "link/answer.csv", cwd=tmp_path)
    assert done.code == ExitCode.USAGE


def test_damage_is_6_and_with_unverified_it_is_said(tmp_path: Path) -> None:
    run = small(tmp_path)
    assert investigate("binds", run, cwd=tmp_path).code == 0
    flip(chunk_of(run), 4)  # the time in the gzip header: the records can be read all the same
    refused = investigate("binds", run, "--format", "json", cwd=tmp_path)
    assert (refused.code, refused.out) == (ExitCode.INTEGRITY, "")
    assert "--unverified" in refused.err.partition("remedy:")[2]
    done = investigate("binds", run, "--unverified", "--output", "answer.json", cwd=tmp_path)
    assert done.code == 0
    assert "not covered" in done.err
    assert "fails verification" in done.err
    assert len(json.loads((tmp_path / "answer.json").read_bytes())) == 2
    notes = json.loads((tmp_path / "answer.json.notes.json").read_bytes())
    assert {limit["kind"] for limit in notes["limits"]} == {"unverified"}
    assert {limit["run"] for limit in notes["limits"]} == {str(run)}


def test_notes_say_what_was_asked_and_searched(tmp_path: Path, evidence: Path) -> None:
    words = ("--user", "nobody", "--since", HOUR, "--output", "answer.parquet")
    done = investigate("binds", evidence, *words, cwd=tmp_path)
    assert (done.code, done.out) == (0, "")
    assert "wrote 0 rows to answer.parquet" in done.err
    assert (tmp_path / "answer.parquet").read_bytes()[:4] == b"PAR1"
    notes = json.loads((tmp_path / "answer.parquet.notes.json").read_bytes())
    assert (notes["question"], notes["rows"], notes["limits"]) == ("binds", 0, [])
    assert notes["filters"] == {"user": ["nobody"], "since": HOUR}
    (what,) = notes["searched"]
    assert (what["source"], what["start"], what["records"]) == ("unified-audit-log", "2026-11-10T00:00:00Z", 2)


def test_an_empty_case_is_0_with_an_empty_array_and_says_what_was_searched(tmp_path: Path) -> None:
    run = collect(tmp_path, audit_log(Piece(DAY)))
    done = investigate("contexts", tmp_path, "--format", "json", cwd=tmp_path)
    assert (done.code, json.loads(done.out)) == (0, [])
    assert f"searched: {run}: unified-audit-log, 2026-11-10T00:00:00Z to 2026-11-11T00:00:00Z: 0 records" in done.err
    assert "not covered: nothing that is known of" in done.err
    table = investigate("contexts", tmp_path, cwd=tmp_path)
    assert (table.code, table.out.splitlines()[-1]) == (0, "0 rows")


@pytest.mark.parametrize("form", ["json", "csv", "table"])
def test_standard_output_holds_the_answer_and_nothing_else(tmp_path: Path, large: Path, form: str) -> None:
    done = investigate("binds", large, "--format", form, cwd=tmp_path)
    assert done.code == 0
    if form == "json":
        assert len(json.loads(done.out)) == ROWS
    elif form == "csv":
        assert len(list(csv.DictReader(done.out.splitlines()))) == ROWS
    else:
        assert done.out.splitlines()[-1].startswith(f"{ROWS:,} rows, 50 of them shown")


@pytest.mark.parametrize("form", ["json", "csv", "table"])
def test_a_reader_that_leaves_early_is_no_fault(tmp_path: Path, large: Path, form: str) -> None:
    command = [sys.executable, "-m", "collector", "investigate", "binds", str(large), "--format", form]
    with subprocess.Popen(
        command, cwd=tmp_path, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout
        assert process.stderr
        process.stdout.read(10)
        process.stdout.close()
        said = process.stderr.read().decode()
        assert process.wait(TIMEOUT) == 0
    assert "fault of ours" not in said
    assert "searched: " in said


def test_a_reader_of_both_outputs_that_leaves_early_is_no_fault(tmp_path: Path, large: Path) -> None:
    command = [sys.executable, "-m", "collector", "investigate", "binds", str(large), "--format", "csv"]
    with subprocess.Popen(
        command, cwd=tmp_path, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    ) as process:
        assert process.stdout
        process.stdout.read(10)
        process.stdout.close()
        assert process.wait(TIMEOUT) == 0


@pytest.mark.parametrize("form", ["json", "csv"])
def test_a_full_disk_behind_standard_output_is_7(tmp_path: Path, evidence: Path, form: str) -> None:
    command = [sys.executable, "-m", "collector", "investigate", "binds", str(evidence), "--format", form]
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            command, cwd=tmp_path, env=environment(), stdout=full, stderr=subprocess.PIPE, timeout=TIMEOUT, check=False
        )
    assert done.returncode == ExitCode.DISK


@pytest.mark.parametrize("form", ["json", "csv", "parquet"])
def test_an_output_is_whole_or_absent(tmp_path: Path, large: Path, form: str) -> None:
    def little_room() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))

    words = ["investigate", "binds", str(large), "--format", form, "--output", "answer"]
    (tmp_path / "answer").write_bytes(b"the answer before")
    done = collector(*words, cwd=tmp_path, preexec_fn=little_room)
    assert done.code == ExitCode.DISK
    assert "answer cannot be written" in done.err
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {"answer": b"the answer before"}
    assert collector(*words, cwd=tmp_path).code == 0
    assert {path.name for path in tmp_path.iterdir()} == {"answer", "answer.notes.json"}


def test_what_is_no_plain_file_is_not_replaced(tmp_path: Path, evidence: Path) -> None:
    target = tmp_path / "null"
    os.mkfifo(target)
    investigate("binds", evidence, "--format", "csv", "--output", target, cwd=tmp_path)
    assert target.is_fifo()


def test_help_tells_bind_from_sync_and_shows_an_example_of_each_question(tmp_path: Path) -> None:
    done = investigate("--help", cwd=tmp_path)
    assert done.code == 0
    flat = " ".join(done.out.replace("│", " ").split())
    for name in ("throttling", "syncs", "contexts", "binds", "sessions", "messages", "folders", "emails"):
        assert f"collector investigate {name} " in flat
    assert "A Bind is the access to a single message" in flat
    assert "all that lay in the folder must be taken as copied" in flat
