"""Rows of exports as tables have them."""

import json
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from collector.analysis.filters import Filters
from collector.analysis.imported import events_of, imported, is_interactive, traces_of
from collector.analysis.investigation import investigate
from collector.analysis.rows import Place
from collector.model import IMPORT, Axis, SourcePlan, Status
from tests.analysis.cases import ready
from tests.analysis.feeds import ASKED, HOURLESS, Collected, Piece, collect

PLACE = Place(1, "import", "data/import/a.csv/000001.jsonl", 1)
ROW = {
    "origin_timestamp_utc": "2026-11-01T08:00:00.1234567Z",
    "sender_address": "a@fabrikam.example.org",
    "recipient_status": "b@contoso.com##Receive, Deliver;c@contoso.com##Receive, Fail",
    "message_subject": "Invoice",
    "total_bytes": "12345",
    "message_id": "<1@x>",
    "network_message_id": "guid",
    "original_client_ip": "192.0.2.7",
}


def line(**more: Any) -> bytes:
    return json.dumps({"file": "a.csv", "kind": "historical-search-trace", "line": 2, "row": ROW} | more).encode()


def test_each_recipient_of_a_message_is_a_row_with_what_became_of_it() -> None:
    one, two = traces_of(imported(line()).row, PLACE)
    assert [(row.recipient, row.status) for row in (one, two)] == [
        ("b@contoso.com", "Receive, Deliver"),
        ("c@contoso.com", "Receive, Fail"),
    ]
    assert (one.message, one.size, one.from_ip, one.subject) == ("1@x", 12345, "192.0.2.7", "Invoice")
    assert one.received == datetime.fromisoformat("2026-11-01T08:00:00.123456")
    assert one.message_trace_id == "guid"


@pytest.mark.parametrize("told", ["", None, ";", 7])
def test_a_message_whose_recipients_cannot_be_told_is_a_row_all_the_same(told: Any) -> None:
    rows = list(traces_of(ROW | {"recipient_status": told}, PLACE))
    assert [row.message_id for row in rows] == ["<1@x>"]


def test_the_columns_names_are_told_by_their_letters() -> None:
    (row,) = traces_of({"Message ID": "<1@x>", "Recipient_Status": "b@x##Deliver"}, PLACE)
    assert (row.message_id, row.recipient, row.received) == ("<1@x>", "b@x", None)


def test_an_event_of_a_detail_report_is_a_detail_and_tells_of_the_message() -> None:
    row = ROW | {"date_time_utc": "2026-11-01T08:00:00Z", "event_id": "DELIVER", "source": "STOREDRIVER"}
    ((trace, detail),) = events_of(row | {"recipient_address": "b@contoso.com", "recipient_status": "ok"}, PLACE)
    assert (detail.event, detail.action, detail.detail, detail.recipient) == (
        "DELIVER",
        "STOREDRIVER",
        "ok",
        "b@contoso.com",
    )
    assert (trace.status, trace.received, detail.date) == (
        "DELIVER",
        detail.date,
        datetime.fromisoformat("2026-11-01T08:00:00"),
    )


@pytest.mark.parametrize("more", [{"row": None}, {"row": []}, {"kind": 7}])
def test_a_line_that_is_no_row_is_unread(more: Any) -> None:
    with pytest.raises(ValueError, match="no row"):
        imported(line(**more))


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("InteractiveSignIns_2026-11-01_2026-11-08.csv", True),
        ("NonInteractiveSignIns_2026-11-01.csv", False),
        ("export.json", None),
        ("NonInteractive.zip/InteractiveSignIns.csv", True),
    ],
)
def test_the_portals_name_tells_whether_a_person_was_asked(name: str, expected: bool | None) -> None:
    assert is_interactive(name) is expected


def test_a_message_that_two_reports_of_one_import_hold_counts_once(tmp_path: Path) -> None:
    plan = SourcePlan(IMPORT, Axis.EVENT, None, ("a.csv", "b.csv"), {"files": {}})
    other = line(row=ROW | {"message_id": "<2@x>"})
    reports = [
        Piece(HOURLESS, lines, part, Status.GAP) for part, lines in (("a.csv", [line()]), ("b.csv", [line(), other]))
    ]
    prepared = ready([collect(tmp_path, Collected(plan, reports))])
    with investigate(
        prepared, "SELECT message, count(*) FROM traces GROUP BY ALL ORDER BY ALL", Filters(), ASKED
    ) as found:
        assert found.answer.first(9) == [("1@x", 2), ("2@x", 2)]
