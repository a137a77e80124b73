"""Start-HistoricalSearch and Get-HistoricalSearch, and the CSV that an operator downloads; C6."""

import codecs
import csv
from collections import Counter
from datetime import datetime, timedelta
from io import StringIO
from typing import Any

import pytest

from collector.simulator import (
    MESSAGE_TRACE,
    MESSAGE_TRACE_DETAIL,
    Behaviour,
    Quotas,
    ReportBehaviour,
    Scenario,
    SignInWall,
    report,
    takeover,
)
from collector.simulator.cast import MEGAN
from collector.simulator.report_csv import HEADERS

from .conftest import NOW, START, WINDOW, Caller, calling, dates, trace_row

BEGIN, LOOK = "Start-HistoricalSearch", "Get-HistoricalSearch"
STORY = takeover(start=START, days=2, records=60, traces=300)
ASKED: dict[str, Any] = {
    "ReportTitle": "case 7", "ReportType": "MessageTrace", "RecipientAddress": [MEGAN.upn], **dates(STORY.window),
}  # fmt: skip
HERE, THERE = "a@contoso.example.org", "b@contoso.example.org"
AT = "2026-10-01T08:00:00.0480001Z"


def begin(caller: Caller, **more: Any) -> str:
    (row,) = caller.rows(BEGIN, ASKED | more)
    return str(row["JobId"])


def statuses(caller: Caller, job: str, polls: int) -> list[str]:
    return [caller.rows(LOOK, {"JobId": job})[0]["Status"] for _ in range(polls)]


def read(file: bytes) -> list[dict[str, str]]:
    text = file.removeprefix(codecs.BOM_UTF16_LE).decode("utf-16-le")
    return list(csv.DictReader(StringIO(text, newline="")))


def reporting(**how: Any) -> dict[str, Any]:
    return {"behaviour": Behaviour(reports=ReportBehaviour(**how))}


def test_a_job_goes_from_not_started_to_done_and_then_has_rows_and_an_address() -> None:
    with calling(STORY) as caller:
        job = begin(caller)
        early, running, done = (caller.rows(LOOK, {"JobId": job})[0] for _ in range(3))
        rows = read(caller.tenant.download(job))
    assert [row["Status"] for row in (early, running, done)] == ["NotStarted", "InProgress", "Done"]
    assert (early["FileUrl"], early["Rows"], done["ReportTitle"]) == ("", 0, "case 7")
    assert done["Rows"] == done["FileRows"] == len(rows) > 0
    assert job in done["FileUrl"]
    assert done["SubmitDate"] == "2026-10-20T00:00:00.0000000+00:00"


@pytest.mark.parametrize(
    ("how", "expected"),
    [
        ({"polls": 0}, ["Done", "Done"]),
        ({"polls": 2}, ["NotStarted", "NotStarted", "InProgress", "InProgress", "Done"]),
        ({"fails": True}, ["NotStarted", "InProgress", "Failed", "Failed"]),
        ({"polls": 0, "takes": timedelta(hours=2)}, ["NotStarted"] * 3),
    ],
)
def test_how_often_it_was_asked_for_decides(how: dict[str, Any], expected: list[str]) -> None:
    with calling(STORY, **reporting(**how)) as caller:
        assert statuses(caller, begin(caller), len(expected)) == expected


def test_the_clock_decides_too() -> None:
    clock = [NOW]
    with calling(STORY, **reporting(polls=0, takes=timedelta(hours=2)), now=lambda: clock[0]) as caller:
        job = begin(caller)
        found = []
        for minutes in (0, 30, 119, 120):
            clock[0] = NOW + timedelta(minutes=minutes)
            caller.sign_in()
            found += statuses(caller, job, 1)
    assert found == ["NotStarted", "InProgress", "InProgress", "Done"]


def test_a_failed_job_says_why_and_has_no_address() -> None:
    with calling(STORY, **reporting(polls=0, fails=True)) as caller:
        (row,) = caller.rows(LOOK, {"JobId": begin(caller)})
    assert row["ErrorDescription"]
    assert row["FileUrl"] == ""


def test_without_a_job_those_of_ten_days_are_listed_the_newest_first() -> None:
    clock = [NOW]
    with calling(STORY, now=lambda: clock[0]) as caller:
        jobs = []
        for days in (0, 1, 11):
            clock[0] = NOW + timedelta(days=days)
            caller.sign_in()
            jobs.append(begin(caller))
        listed = [row["JobId"] for row in caller.rows(LOOK, {})]
    assert listed == [jobs[2], jobs[1]]


@pytest.mark.parametrize(
    "more",
    [
        {"RecipientAddress": []},
        {"RecipientAddress": [f"r{n}@x" for n in range(101)]},
        {"ReportType": "Gossip"},
        {"StartDate": (NOW - timedelta(days=90, seconds=1)).isoformat()},
        {"EndDate": (NOW - timedelta(hours=4) + timedelta(seconds=1)).isoformat()},
        {"EndDate": START.isoformat()},
        {"Colour": "red"},
        {"NotifyAddress": ["operator@example.org"]},
        {"Direction": "Sideways"},
        {"DeliveryStatus": "Pending"},
    ],
)
def test_what_the_service_does_not_report_on_is_400(more: dict[str, Any]) -> None:
    with calling(STORY) as caller:
        assert caller.send(BEGIN, ASKED | more).status_code == 400


@pytest.mark.parametrize("missing", ["ReportTitle", "ReportType", "StartDate", "EndDate", "RecipientAddress"])
def test_what_a_job_must_have_is_asked_for(missing: str) -> None:
    with calling(STORY) as caller:
        answer = caller.send(BEGIN, {name: value for name, value in ASKED.items() if name != missing})
    assert answer.status_code == 400


def test_the_251st_job_of_a_day_is_refused_and_the_next_day_has_room() -> None:
    clock = [NOW]
    with calling(STORY, quotas=Quotas(report_jobs=2), now=lambda: clock[0]) as caller:
        begin(caller)
        begin(caller)
        refused = caller.send(BEGIN, ASKED).status_code
        clock[0] += timedelta(hours=24)
        caller.sign_in()
        begin(caller)
    assert refused == 400


def test_an_unknown_job_is_404() -> None:
    with calling(STORY) as caller:
        assert caller.send(LOOK, {"JobId": "00000000-0000-0000-0000-000000000000"}).status_code == 404
        with pytest.raises(KeyError):
            caller.tenant.download("unknown")


@pytest.mark.parametrize("wall", SignInWall)
def test_the_address_wants_a_browser_whatever_token_is_shown(wall: SignInWall) -> None:
    with calling(STORY, **reporting(polls=0, wall=wall)) as caller:
        (row,) = caller.rows(LOOK, {"JobId": begin(caller)})
        seen = len(caller.tenant.requests)
        first = caller.session.get(row["FileUrl"], headers=caller.headers, allow_redirects=False)
        page = caller.session.get(row["FileUrl"], headers=caller.headers)
        assert len(caller.tenant.requests) > seen
    assert first.status_code == (302 if wall is SignInWall.REDIRECT else 200)
    assert page.status_code == 200
    assert page.headers["Content-Type"].startswith("text/html")
    assert b"message_id" not in page.content


@pytest.mark.parametrize("kind", [MESSAGE_TRACE, MESSAGE_TRACE_DETAIL])
@pytest.mark.parametrize("mark", [True, False])
def test_the_file_is_utf_16_with_or_without_a_mark_and_has_the_columns(kind: str, mark: bool) -> None:
    with calling(STORY) as caller:
        job = begin(caller, ReportType=kind)
        file = caller.tenant.download(job, mark=mark)
    assert file.startswith(codecs.BOM_UTF16_LE) is mark
    text = file.removeprefix(codecs.BOM_UTF16_LE).decode("utf-16-le")
    assert text.startswith(",".join(HEADERS[kind]) + "\r\n")
    assert "Überweisung" in text


def test_a_message_has_one_row_with_what_happened_to_each_recipient() -> None:
    rows = [
        trace_row(AT, HERE, 1, subject='Re: "figures", final'),
        trace_row(AT, THERE, 1, status="Failed", subject='Re: "figures", final'),
        trace_row(AT, HERE, 2),
    ]
    first, second = read(report(MESSAGE_TRACE, rows))
    assert first["recipient_status"] == f"{HERE}##Receive, Deliver;{THERE}##Receive, Fail"
    assert (first["origin_timestamp_utc"], first["message_subject"]) == (AT, 'Re: "figures", final')
    assert (first["message_id"], first["network_message_id"]) == ("<m1@fabrikam.example.org>", "trace-1")
    assert (first["directionality"], second["network_message_id"]) == ("Incoming", "trace-2")


def test_a_detailed_report_has_a_row_for_each_event_and_recipient() -> None:
    trace_id = "0a1b2c3d-0000-4000-8000-000000000001"
    rows = [trace_row(AT, who, 1, message_trace_id=trace_id, sender="x@contoso.example.org") for who in (HERE, THERE)]
    found = read(report(MESSAGE_TRACE_DETAIL, rows))
    assert Counter(row["event_id"] for row in found) == {"RECEIVE": 2, "DELIVER": 2}
    assert {row["recipient_count"] for row in found} == {"2"}
    assert {row["directionality"] for row in found} == {"Originating"}
    assert {row["recipient_address"] for row in found} == {HERE, THERE}


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ({"RecipientAddress": [HERE]}, {"trace-1", "trace-2"}),
        ({"RecipientAddress": [HERE], "SenderAddress": ["BOSS@contoso.example.org"]}, {"trace-2"}),
        ({"MessageID": ["<m3@fabrikam.example.org>"]}, {"trace-3"}),
        ({"SenderAddress": ["orders@fabrikam.example.org"], "DeliveryStatus": "Failed"}, {"trace-3"}),
        ({"RecipientAddress": [HERE], "Direction": "Sent"}, {"trace-2"}),
        ({"RecipientAddress": [HERE], "Direction": "Received"}, {"trace-1"}),
        ({"RecipientAddress": [HERE], "Direction": "All", "NetworkMessageID": ["trace-1"]}, {"trace-1"}),
        ({"RecipientAddress": [HERE], "OriginalClientIP": "192.0.2.99"}, {"trace-2"}),
        ({"RecipientAddress": [HERE], "EndDate": AT}, set()),
    ],
)
def test_filters_let_through_what_they_name(more: dict[str, Any], expected: set[str]) -> None:
    rows = [
        trace_row(AT, HERE, 1),
        trace_row(AT, HERE, 2, sender="boss@contoso.example.org", from_ip="192.0.2.99"),
        trace_row(AT, THERE, 3, status="Failed"),
    ]
    usual = {"ReportTitle": "t", "ReportType": "MessageTrace", **dates(WINDOW)}
    with calling(Scenario.of(traces=rows, window=WINDOW)) as caller:
        (started,) = caller.rows(BEGIN, usual | more)
        found = read(caller.tenant.download(started["JobId"]))
    assert {row["network_message_id"] for row in found} == expected


def test_a_report_has_no_more_rows_than_the_limit() -> None:
    rows = [trace_row(AT, HERE, number) for number in range(5)]
    with calling(Scenario.of(traces=rows, window=WINDOW), quotas=Quotas(report_rows=3)) as caller:
        (started,) = caller.rows(BEGIN, {**ASKED, **dates(WINDOW), "RecipientAddress": [HERE]})
        assert len(read(caller.tenant.download(started["JobId"]))) == 3


def test_a_report_tells_what_the_trace_tells() -> None:
    with calling(STORY) as caller:
        rows = read(caller.tenant.download(begin(caller)))
        traced = caller.trace(STORY.window, RecipientAddress=[MEGAN.upn], ResultSize=5000)
    assert {(row["message_id"], row["origin_timestamp_utc"]) for row in rows} == {
        (row["MessageId"], row["Received"]) for row in traced
    }
    assert all(datetime.fromisoformat(row["origin_timestamp_utc"]) < STORY.window.end for row in rows)
