"""What `status --reconcile` prints: every hour and finding for programs, a bounded answer for people."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from collector.cli import work
from collector.cli.reconciled import SHOWN
from tests.analysis.feeds import Piece, audit_log, collect, feed, record, row

HOURS, FOLLOWED = (0, 3), (0, 27)


def shown(folder: Path, capsys: pytest.CaptureFixture[str], code: int = 0) -> str:
    assert work.reconcile_all(folder, as_json=False) == code
    return capsys.readouterr().out


def told(folder: Path, capsys: pytest.CaptureFixture[str], code: int = 0) -> list[dict[str, Any]]:
    assert work.reconcile_all(folder, as_json=True) == code
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def example(evidence: Path) -> Path:
    return collect(
        evidence,
        audit_log(Piece(HOURS, [row("b", 0), row("l", 1.5), row("file", 1, Workload="OneDrive")])),
        feed(Piece((0, 25.6), [record("b", 0), record("f", 2.75), b"torn", record("rule", 1, Operation="Send")])),
    )


def test_programs_are_told_the_total_every_hour_and_each_finding(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = example(tmp_path)
    total, *hours, first, second, unread = told(tmp_path, capsys)
    log, activity = "unified-audit-log", "management-activity"
    assert total == {
        "message_type": "reconciled",
        "compared": True,
        "reason": None,
        "sources": [log, activity],
        "asked": [{"operations": ["MailItemsAccessed"], "users": None, "record_type": None}],
        "content_types": ["Audit.Exchange"],
        "times": [{"start": "2026-11-10T00:00:00Z", "end": "2026-11-10T03:00:00Z"}],
        "hours": 3,
        "in_both": 1,
        "only_in": {log: 1, activity: 1},
        "findings": 2,
        "not_compared": [
            {"source": activity, "reason": "not-asked", "records": 1},
            {"source": log, "reason": "not-carried", "records": 1},
        ],
        "unread": 1,
        "notes": [],
    }
    assert [(one["message_type"], one["hour"], one["in_both"], one["findings"]) for one in hours] == [
        ("hour", "2026-11-10T00:00:00Z", 1, 0),
        ("hour", "2026-11-10T01:00:00Z", 0, 1),
        ("hour", "2026-11-10T02:00:00Z", 0, 1),
    ]
    assert hours[2]["only_in"] == {log: 0, activity: 1}
    assert first == {
        "message_type": "finding",
        "id": "l",
        "source": log,
        "time": "2026-11-10T01:30:00Z",
        "hour": "2026-11-10T01:00:00Z",
        "run": str(run),
        "file": "data/unified-audit-log/000001.jsonl.gz",
        "line": 2,
    }
    assert (second["id"], second["source"], second["line"]) == ("f", activity, 2)
    assert (unread["message_type"], unread["source"], unread["line"]) == ("unread-line", activity, 3)
    assert (run / unread["file"]).is_file()


def test_people_are_told_what_was_compared_and_what_differs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = example(tmp_path)
    lines = shown(tmp_path, capsys).splitlines()
    assert lines[0] == (
        "unified-audit-log and management-activity compared by record Id, from 2026-11-10T00:00:00Z to "
        "2026-11-10T03:00:00Z: operations MailItemsAccessed; content types Audit.Exchange"
    )
    cells = [line.split() for line in lines]
    assert ["2026-11-10T01:00:00Z", "0", "1", "0", "1"] in cells
    assert ["all", "3", "hours", "1", "1", "1", "2"] in cells
    assert "1 of 3 hours have no difference" in lines
    assert [
        "l",
        "unified-audit-log",
        "2026-11-10T01:30:00Z",
        str(run),
        "data/unified-audit-log/000001.jsonl.gz",
        "2",
    ] in cells
    assert "not compared, of management-activity: 1; unified-audit-log was not asked for records like them" in lines
    assert any(
        line.startswith("not compared, of unified-audit-log: 1; the content type that carries") for line in lines
    )
    assert any(line.endswith("line 3: Expecting value: line 1 column 1 (char 0)") for line in lines)


def test_people_are_told_how_the_log_was_narrowed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    question = {"Operations": ["Send", "New-InboxRule"], "UserIds": ["adele@contoso.example.org"]}
    collect(tmp_path, audit_log(Piece(HOURS, part="ExchangeItem"), question=question, parts=("ExchangeItem",)))
    collect(tmp_path, audit_log(Piece(HOURS), question={}), feed(Piece(FOLLOWED)))
    text = shown(tmp_path, capsys)
    assert (
        ": operations Send, New-InboxRule of adele@contoso.example.org in records of type ExchangeItem; "
        "or all operations; content types" in text
    )
    assert "no findings" in text
    assert "differences that are no findings" not in text


def test_differences_that_may_only_be_late_are_said_to_be(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    collect(tmp_path, audit_log(Piece(HOURS, [row("late", 2)])), feed(Piece((0, 25))))
    text = shown(tmp_path, capsys)
    assert "no findings" in text
    assert "differences that are no findings: 1; " in text


def test_people_see_a_bounded_number_of_findings(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = [row(f"finding-{number}", 1) for number in range(SHOWN + 3)]
    collect(tmp_path, audit_log(Piece(HOURS, rows)), feed(Piece(FOLLOWED, [b"{"] * (SHOWN + 4))))
    text = shown(tmp_path, capsys)
    assert text.count("finding-") == SHOWN
    assert text.count("Expecting property name") == SHOWN
    assert "and 3 more: --json names them all" in text
    assert "and 4 more: --json names them all" in text
    messages = told(tmp_path, capsys)
    assert sum(one["message_type"] == "finding" for one in messages) == SHOWN + 3
    assert sum(one["message_type"] == "unread-line" for one in messages) == SHOWN + 4


def test_no_id_is_obeyed_by_a_terminal_or_breaks_the_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    collect(tmp_path, audit_log(Piece(HOURS, [row("\x1b[2J\ud800[bold]", 1)])), feed(Piece(FOLLOWED)))
    assert "\ufffd[2J\ufffd[bold]" in shown(tmp_path, capsys)
    assert told(tmp_path, capsys)[-1]["id"] == "\x1b[2J?[bold]"


def test_nothing_to_compare_is_said_plainly(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = collect(tmp_path, audit_log(Piece(HOURS, [row("l", 1)])), seal=False)
    assert shown(tmp_path, capsys).splitlines() == [
        f"note: {run}: open, read up to its last commit",
        "unified-audit-log and management-activity cannot be compared: no run here asked for management-activity",
    ]
    (total,) = told(tmp_path, capsys)
    assert (total["compared"], total["reason"]) == (False, "no run here asked for management-activity")


def test_a_run_that_cannot_be_read_is_named_and_the_others_compared(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    example(tmp_path)
    broken = collect(tmp_path, feed(Piece(FOLLOWED)))
    (broken / "custody" / "plan.json").write_bytes(b"{")
    assert f"{broken}: cannot be read" in shown(tmp_path, capsys, code=6)
    messages = told(tmp_path, capsys, code=6)
    assert [one["message_type"] for one in messages][:2] == ["unreadable", "reconciled"]
    assert messages[1]["findings"] == 2


def test_a_journal_that_breaks_off_is_noted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = example(tmp_path)
    journal = run / "custody" / "journal.jsonl"
    first, *_ = journal.read_bytes().splitlines(keepends=True)
    journal.write_bytes(first + b'{"prev":"0"}\n')
    assert f"note: {run}: custody/journal.jsonl: " in shown(tmp_path, capsys, code=6)


def test_the_option_compares_instead_of_listing_slices(tmp_path: Path) -> None:
    example(tmp_path)
    command = [sys.executable, "-m", "collector", "status", "--json", "--reconcile", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=90)
    kinds = [json.loads(line)["message_type"] for line in done.stdout.splitlines()]
    assert kinds == ["reconciled", *["hour"] * 3, *["finding"] * 2, "unread-line"]
