"""What happened to a message on its way: each event with whom it was for, its raw line within reach, gaps said."""

import json
from pathlib import Path
from typing import Any

from collector.analysis.case import opened
from collector.analysis.export import export
from collector.analysis.filters import Filters
from collector.analysis.investigation import investigate
from collector.analysis.prepare import Prepared
from collector.model import Axis, SourcePlan, Status
from tests.analysis.cases import encoded, ready
from tests.analysis.feeds import ADELE, ASKED, HOURLESS, LEE, Collected, Piece, collect

DATA = '<root><MEP Name="ServerHostName" String="DB7&amp;4"/></root>'


def event(name: str, second: int, **more: Any) -> dict[str, Any]:
    return {
        "MessageTraceId": "t-1",
        "MessageId": "<m1@x>",
        "Date@data.type": "System.DateTime",
        "Date": f"2026-11-10T08:00:{second:02}.0480001Z",
        "Event": name,
        "Action": "",
        "Detail": f"{name} it",
        "Data": DATA,
        **more,
    }


def details(*pieces: Piece) -> Collected:
    parts = tuple(piece.part for piece in pieces)
    return Collected(SourcePlan("message-trace-detail", Axis.EVENT, None, parts, {"calls": {}}), pieces)


def of(recipient: str, *lines: bytes, status: Status = Status.COMPLETE) -> Piece:
    return Piece(HOURLESS, lines, f"t-1 {recipient}", status)


def asked(prepared: Prepared, sql: str) -> tuple[list[tuple[Any, ...]], list[str]]:
    """Return the rows of an analyst's SQL, and what it does not cover."""
    with investigate(prepared, sql, Filters(), ASKED) as found:
        return found.answer.first(50), [limit.text for limit in found.limits if limit.source == "message-trace-detail"]


def test_each_event_is_a_row_with_the_recipient_whom_only_the_question_names(tmp_path: Path) -> None:
    lines = encoded([event("Receive", 1), event("Deliver", 2, NewIn2027="seen")])
    prepared = ready([collect(tmp_path, details(of(ADELE, *lines), of(LEE, lines[0])))])
    columns = "message_id, recipient, date, event, detail, data"
    rows, missing = asked(prepared, f"SELECT {columns} FROM details ORDER BY recipient, date")
    first = ("<m1@x>", ADELE, "2026-11-10T08:00:01.048000Z", "Receive", "Receive it", DATA)
    assert rows[0] == first
    assert [(row[1], row[3]) for row in rows] == [(ADELE, "Receive"), (ADELE, "Deliver"), (LEE, "Receive")]
    assert missing == []
    sql = "SELECT raw.text ->> '$.NewIn2027' AS n FROM details JOIN raw USING (row_id) WHERE event = 'Deliver'"
    assert asked(prepared, sql)[0] == [("seen",)]


def test_what_several_runs_hold_counts_once(tmp_path: Path) -> None:
    once = details(of(ADELE, *encoded([event("Receive", 1)])))
    prepared = ready([collect(tmp_path, once), collect(tmp_path, once)])
    assert asked(prepared, "SELECT count(*) FROM details")[0] == [(1,)]


def test_a_row_of_odd_types_is_read_as_far_as_it_can_be_and_one_that_cannot_is_named(tmp_path: Path) -> None:
    odd = b'{"MessageTraceId": ["t"], "Date": 5, "Event": "Fail", "Detail": "\\ud800", "Data": null}'
    prepared = ready([collect(tmp_path, details(of(ADELE, odd, b"{")))])
    rows, _ = asked(prepared, "SELECT message_trace_id, date, event, detail, data FROM details")
    assert rows == [(None, None, "Fail", "\\ud800", None)]
    assert asked(prepared, "SELECT source, line FROM unread")[0] == [("message-trace-detail", 2)]


def test_what_could_not_be_collected_is_said_part_by_part(tmp_path: Path) -> None:
    run = collect(tmp_path, details(of(ADELE, status=Status.GAP), of(LEE, *encoded([event("Receive", 1)]))))
    _, missing = asked(ready([run]), "SELECT 1 AS n FROM details")
    assert missing == ["not collected whole: timeout"]


def test_a_gap_is_a_gap_no_more_once_another_run_has_the_part_whatever_else_that_asked_for(tmp_path: Path) -> None:
    line = encoded([event("Receive", 1)])
    first = collect(tmp_path, details(of(ADELE, status=Status.GAP), of(LEE, *line)))
    second = collect(tmp_path, details(of(ADELE, *line)))
    assert asked(ready([first, second]), "SELECT 1 AS n FROM details")[1] == []


def test_events_leave_as_a_table_and_in_a_timeline(tmp_path: Path) -> None:
    run = collect(tmp_path, details(of(ADELE, *encoded([event("Receive", 1)]))))
    with opened(ready([run]).tables, Filters()) as case:
        for form, name in (("jsonl", "details.jsonl"), ("timesketch", "timeline.jsonl")):
            folder = tmp_path / form
            folder.mkdir()
            export(case, folder, form)  # type: ignore[arg-type]
            (row,) = [json.loads(line) for line in (folder / name).read_text().splitlines()]
            assert (row["recipient"], row["run"]) == (ADELE, str(run))
    assert row["datetime"] == "2026-11-10T08:00:01.048000Z"
