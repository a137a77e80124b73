"""Get-MessageTraceV2 as protocol.md C4 tells it."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from collector.model import Window
from collector.simulator import Quotas, Scenario

from .conftest import NOW, START, WINDOW, Caller, calling, dates, trace_row

TRACE = "Get-MessageTraceV2"
SAME = "2026-10-01T08:00:00.0480001Z"


def scenario_of(*rows: Any) -> Scenario:
    return Scenario.of(traces=rows, window=WINDOW)


def hourly(count: int) -> Scenario:
    return scenario_of(*(trace_row(f"2026-10-01T{n:02}:00:00.0000000Z", "a@x", n) for n in range(count)))


def follow(caller: Caller, **parameters: Any) -> list[dict[str, Any]]:
    """Page as the warning says, to the end or until the cursor does not move."""
    rows, asked = [], dates(WINDOW) | parameters
    while True:
        answer = caller.send(TRACE, asked).json()
        rows += answer["value"]
        if not answer["@adminapi.warnings"]:
            return rows
        told = dict(re.findall(r'-(\w+) "([^"]*)"', answer["@adminapi.warnings"][0]))
        cursor = {name: told[name] for name in ("EndDate", "StartingRecipientAddress")}
        if cursor.items() <= asked.items():
            return rows
        asked |= cursor


def test_rows_come_newest_first_and_those_of_one_moment_by_recipient() -> None:
    rows = [trace_row(SAME, "c@x"), trace_row(SAME, "a@x"), trace_row("2026-10-01T09:00:00.0000000Z", "b@x")]
    with calling(scenario_of(*rows)) as caller:
        assert [row["RecipientAddress"] for row in caller.trace()] == ["b@x", "a@x", "c@x"]


def test_a_row_looks_as_measured() -> None:
    with calling(scenario_of(trace_row(SAME, "a@x", subject="Überweisung"))) as caller:
        (row,) = caller.trace()
    assert list(row) == [
        "MessageTraceId", "MessageId", "Received@data.type", "Received", "SenderAddress", "RecipientAddress",
        "FromIP", "ToIP", "Subject", "Status", "Size@data.type", "Size",
    ]  # fmt: skip
    assert (row["Received"], row["Subject"], row["ToIP"]) == (SAME, "Überweisung", "")


def test_a_truncated_answer_has_no_next_link_only_the_next_command() -> None:
    with calling(hourly(6)) as caller:
        answer = caller.send(TRACE, dates(WINDOW) | {"ResultSize": 4}).json()
    (warning,) = answer["@adminapi.warnings"]
    assert "@odata.nextLink" not in answer
    assert warning.startswith("There are more results, use the following command to get more.")
    assert '-EndDate "2026-10-01T02:00:00.0000000Z" -StartingRecipientAddress "a@x" -ResultSize 4' in warning


def test_an_answer_that_is_just_full_does_not_warn() -> None:
    with calling(hourly(6)) as caller:
        assert caller.send(TRACE, dates(WINDOW) | {"ResultSize": 6}).json()["@adminapi.warnings"] == []


def test_following_the_cursor_loses_nothing_and_repeats_the_row_it_names() -> None:
    rows = [trace_row(SAME, f"r{n:02}@x") for n in range(7)]
    with calling(scenario_of(*rows)) as caller:
        found = [row["RecipientAddress"] for row in follow(caller, ResultSize=3)]
    assert set(found) == {row.recipient for row in rows}
    assert found.count("r02@x") == 2


def test_a_cursor_can_stand_still() -> None:
    rows = [trace_row(SAME, "a@x", n) for n in range(5)]
    with calling(scenario_of(*rows)) as caller:
        assert len(follow(caller, ResultSize=2)) == 4


def test_the_seventh_digit_of_the_cursor_counts() -> None:
    rows = [trace_row("2026-10-01T08:00:00.0000001Z", "a@x", 1), trace_row("2026-10-01T08:00:00.0000002Z", "a@x", 2)]
    with calling(scenario_of(*rows)) as caller:
        found = caller.trace(EndDate=rows[0].received, StartingRecipientAddress="a@x")
    assert [row["MessageTraceId"] for row in found] == ["trace-1"]


def test_without_dates_the_last_48_hours_are_shown() -> None:
    inside = trace_row("2026-10-18T00:00:00.0000000Z", "a@x", 1)
    outside = trace_row("2026-10-17T23:59:59.0000000Z", "a@x", 2)
    with calling(scenario_of(inside, outside)) as caller:
        assert [row["MessageTraceId"] for row in caller.rows(TRACE, {})] == ["trace-1"]


def test_a_thousand_rows_are_the_default() -> None:
    with calling(scenario_of(*(trace_row(SAME, f"r{n}@x") for n in range(1001)))) as caller:
        assert len(caller.trace()) == 1000


@pytest.mark.parametrize(
    "parameters",
    [
        dates(Window(NOW - timedelta(days=10, seconds=1), NOW)),
        dates(Window(NOW - timedelta(days=90, seconds=1), NOW - timedelta(days=85))),
        {"StartDate": START.isoformat()},
        dates(WINDOW) | {"ResultSize": 5001},
        dates(WINDOW) | {"ResultSize": 0},
        dates(WINDOW) | {"EndDate": "10/02/2026 00:00"},
        {"StartDate": "2026-10-02", "EndDate": "2026-10-01"},
    ],
)
def test_a_question_outside_the_rules_is_refused(parameters: dict[str, Any]) -> None:
    with calling(hourly(1)) as caller:
        assert caller.send(TRACE, parameters).status_code == 400


def test_the_whole_of_ten_days_is_served() -> None:
    with calling(hourly(1)) as caller:
        assert caller.send(TRACE, dates(Window(NOW - timedelta(days=10), NOW))).status_code == 200


@pytest.mark.parametrize(
    "filters",
    [
        {"SenderAddress": ["Boss@x"]},
        {"RecipientAddress": ["b@x", "nobody@x"]},
        {"MessageId": ["<m1@fabrikam.example.org>"]},
        {"MessageTraceId": "trace-1"},
        {"FromIP": "192.0.2.99"},
        {"ToIP": "192.0.2.98"},
        {"Status": ["Quarantined"]},
        {"Subject": "figures"},
        {"Subject": "quarterly", "SubjectFilterType": "StartsWith"},
        {"Subject": "figures 1", "SubjectFilterType": "EndsWith"},
    ],
)
def test_every_filter_finds_the_one_row(filters: dict[str, Any]) -> None:
    one = trace_row(SAME, "b@x", 1, subject="Quarterly figures 1", status="Quarantined", from_ip="192.0.2.99")
    one = one._replace(sender="boss@x", to_ip="192.0.2.98")
    other = trace_row(SAME, "a@x", 2, subject="Lunch")
    with calling(scenario_of(one, other)) as caller:
        assert [row["MessageTraceId"] for row in caller.trace(**filters)] == ["trace-1"]


def test_the_hundred_and_first_request_waits_as_told() -> None:
    clock = [NOW]
    with calling(hourly(1), quotas=Quotas(trace_requests=2), now=lambda: clock[0]) as caller:
        caller.trace()
        clock[0] += timedelta(seconds=100)
        caller.trace()
        refused = caller.send(TRACE, dates(WINDOW))
        clock[0] += timedelta(seconds=int(refused.headers["Retry-After"]))
        after = caller.send(TRACE, dates(WINDOW))
    assert (refused.status_code, refused.headers["Retry-After"], after.status_code) == (429, "200", 200)


def test_other_cmdlets_do_not_spend_the_quota() -> None:
    with calling(hourly(1), quotas=Quotas(trace_requests=1)) as caller:
        caller.search()
        assert caller.trace(Window(datetime(2026, 10, 1, tzinfo=UTC), datetime(2026, 10, 2, tzinfo=UTC)))


def test_a_trace_that_comes_late_is_found_from_its_moment_on() -> None:
    rows = [trace_row(f"2026-10-01T0{n}:00:00.0000000Z", "a@x", n) for n in range(3)]
    rows[1] = rows[1]._replace(known_from=NOW)
    for now, found in ((NOW - timedelta(seconds=1), ["trace-2", "trace-0"]), (NOW, ["trace-2", "trace-1", "trace-0"])):
        with calling(Scenario.of(traces=rows, window=WINDOW), now=lambda now=now: now) as caller:
            assert [row["MessageTraceId"] for row in caller.trace()] == found


def test_a_trace_that_has_not_happened_yet_is_not_found() -> None:
    rows = [trace_row(f"2026-10-01T0{n}:00:00.0000000Z", "a@x", n) for n in range(3)]
    with calling(Scenario.of(traces=rows, window=WINDOW), now=lambda: START + timedelta(hours=1)) as caller:
        assert [row["MessageTraceId"] for row in caller.trace()] == ["trace-1", "trace-0"]


def test_the_status_of_a_trace_changes_at_its_moment() -> None:
    row = trace_row("2026-10-01T01:00:00.0000000Z", "a@x", settled_from=NOW)
    for now, status in ((NOW - timedelta(seconds=1), "Pending"), (NOW, "Delivered")):
        with calling(Scenario.of(traces=[row], window=WINDOW), now=lambda now=now: now) as caller:
            assert [found["Status"] for found in caller.trace()] == [status]
            assert [found["Status"] for found in caller.trace(Status=[status])] == [status]
