"""Graph's message trace as protocol.md D2 tells of it."""

from datetime import timedelta
from typing import Any

import pytest

from collector.model import Window, iso
from collector.simulator import Quotas, Scenario, takeover

from .conftest import NOW, START, WINDOW, trace_row
from .graphs import TRACES, Asker, behaving, between, code, graphing, rows

MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)
SAME = "2026-10-01T08:00:00.0480001Z"
STORY = takeover(start=START, days=3, records=60, traces=200)


def scenario_of(*traces: Any) -> Scenario:
    return Scenario.of(traces=traces, window=WINDOW)


def hourly(count: int) -> Scenario:
    return scenario_of(*(trace_row(f"2026-10-01T{n:02}:00:00.0000000Z", "a@x", n) for n in range(count)))


def ids(asker: Asker, *more: str) -> list[str]:
    return [row["id"] for row in rows(asker.traces(between(WINDOW, *more)))]


def test_a_row_looks_as_documented() -> None:
    with graphing(scenario_of(trace_row(SAME, "a@x", subject="Überweisung", status="FilteredAsSpam"))) as asker:
        ((row,),) = asker.pages(asker.traces(between()))
    assert list(row) == [
        "id", "senderAddress", "recipientAddress", "messageId", "receivedDateTime", "subject", "size", "fromIP", "toIP",
        "status",
    ]  # fmt: skip
    assert (row["receivedDateTime"], row["subject"], row["toIP"]) == (SAME, "Überweisung", "")
    assert row["status"] == "filteredAsSpam"


@pytest.mark.parametrize(
    ("received", "told"),
    [
        ("2026-10-01T08:00:10.0000000Z", "2026-10-01T08:00:10Z"),
        ("2026-10-01T08:00:00.0480000Z", "2026-10-01T08:00:00.048Z"),
    ],
)
def test_a_time_has_no_more_of_a_fraction_than_there_is(received: str, told: str) -> None:
    with graphing(scenario_of(trace_row(received, "a@x"))) as asker:
        assert rows(asker.traces(between()))[0]["receivedDateTime"] == told


def test_the_whole_trace_is_read_page_by_page() -> None:
    with graphing(STORY) as asker:
        pages = asker.pages(asker.traces(between(STORY.window), top=60))
    assert [len(page) for page in pages[:-1]] == [60] * (len(pages) - 1)
    found = [(row["id"], row["recipientAddress"]) for page in pages for row in page]
    assert found == [(row.message_trace_id, row.recipient) for row in reversed(STORY.traces)]


def test_a_next_link_holds_what_was_asked_and_only_its_own_path() -> None:
    with graphing(hourly(3)) as asker:
        link = asker.traces(between(), top=2).json()["@odata.nextLink"]
        assert "$top=2" in link
        assert "$filter=" in link
        assert code(asker.ask(link.replace("v1.0", "beta"))) == (400, "BadRequest")
        assert code(asker.traces(between(), skiptoken="stale")) == (400, "BadRequest")
        assert len(rows(asker.ask(link))) == 1


def test_a_row_that_comes_while_pages_are_read_does_not_shift_them() -> None:
    late = trace_row("2026-10-01T03:30:00.0000000Z", "b@x", 9, known_from=NOW + MINUTE)
    with graphing(Scenario.of(traces=[*hourly(5).traces, late], window=WINDOW)) as asker:
        answer = asker.traces(between(), top=2)
        asker.wait(2 * MINUTE)
        assert sum(len(page) for page in asker.pages(answer)) == 5
        assert len(rows(asker.traces(between()))) == 6


@pytest.mark.parametrize(("top", "status"), [("5000", 200), ("5001", 400), ("0", 400)])
def test_the_bounds_of_a_page(top: str, status: int) -> None:
    with graphing(hourly(3), quotas=Quotas(page_rows=2)) as asker:
        answer = asker.traces(between(), top=top)
        assert answer.status_code == status
        assert status == 400 or len(rows(answer)) == 2


def test_without_bounds_it_is_the_last_48_hours() -> None:
    traces = (trace_row(f"{NOW - age:%Y-%m-%dT%H:%M:%S}.0000000Z", "a@x") for age in (DAY, 3 * DAY))
    with graphing(scenario_of(*traces)) as asker:
        assert [
            len(rows(asker.traces())),
            len(rows(asker.traces("senderAddress eq 'orders@fabrikam.example.org'"))),
        ] == [1, 1]


@pytest.mark.parametrize(
    ("window", "status"),
    [
        (Window(NOW - 10 * DAY, NOW), 200),
        (Window(NOW - 10 * DAY - MINUTE, NOW), 400),
        (Window(NOW - 90 * DAY, NOW - 81 * DAY), 200),
        (Window(NOW - 90 * DAY - MINUTE, NOW - 81 * DAY), 400),
        (Window(NOW - DAY, NOW + DAY), 400),
    ],
)
def test_windows_that_are_too_long_too_old_or_to_come_are_refused(window: Window, status: int) -> None:
    with graphing(hourly(1)) as asker:
        assert asker.traces(between(window)).status_code == status


@pytest.mark.parametrize(
    "wrong",
    [
        "receivedDateTime ge 2026-10-01T00:00:00Z",
        "receivedDateTime ge 2026-10-02T00:00:00Z and receivedDateTime le 2026-10-01T00:00:00Z",
        "receivedDateTime ge '2026-10-01T00:00:00Z' and receivedDateTime le 2026-10-02T00:00:00Z",
        "receivedDateTime ge soon and receivedDateTime le later",
        "senderAddress ne 'a@x'",
        "senderAddress eq a@x",
        "subject eq 'x'",
        "size gt 5",
        "senderAddress eq 'a",
    ],
)
def test_a_filter_that_cannot_be_read_is_refused(wrong: str) -> None:
    with graphing(hourly(1)) as asker:
        assert code(asker.traces(wrong)) == (400, "BadRequest")


@pytest.mark.parametrize(
    ("operators", "found"), [("ge le", [3, 2, 1]), ("gt le", [3, 2]), ("ge lt", [2, 1]), ("gt lt", [2])]
)
def test_bounds_hold_what_they_say(operators: str, found: list[int]) -> None:
    lower, upper = operators.split()
    asked = f"receivedDateTime {lower} 2026-10-01T01:00:00Z and receivedDateTime {upper} 2026-10-01T03:00:00Z"
    with graphing(hourly(5)) as asker:
        assert [row["id"] for row in rows(asker.traces(asked))] == [f"trace-{n}" for n in found]


def test_each_filter_narrows() -> None:
    one = trace_row(SAME, "o'brien@x", 1, sender="s@x", from_ip="192.0.2.1", to_ip="192.0.2.2", subject="Invoice 7")
    two = trace_row(SAME, "b@x", 2, status="Failed")
    asked = (
        "recipientAddress eq 'O''Brien@x'",
        "senderAddress eq 's@x'",
        "messageId eq '<m1@fabrikam.example.org>'",
        "id eq 'trace-1'",
        "fromIP eq '192.0.2.1'",
        "toIP eq '192.0.2.2'",
        "status eq 'delivered'",
        "contains(subject, 'voice')",
        "startsWith(subject,'inv') and endswith(subject, '7')",
        "(fromIP eq '192.0.2.1') and (status eq 'delivered')",
    )
    with graphing(scenario_of(one, two)) as asker:
        assert [ids(asker, each) for each in asked] == [["trace-1"]] * len(asked)
        assert ids(asker, "status eq 'failed'") == ["trace-2"]


def test_an_or_is_refused_or_only_the_last_value_survives() -> None:
    asked = "recipientAddress eq 'a@x' or recipientAddress eq 'b@x'"
    traces = scenario_of(trace_row(SAME, "a@x", 1), trace_row(SAME, "b@x", 2))
    with graphing(traces) as asker:
        assert code(asker.traces(between(WINDOW, asked))) == (400, "BadRequest")
    with graphing(traces, **behaving(or_ignored=True)) as asker:
        assert ids(asker, asked) == ["trace-2"]


def test_a_status_that_came_later_is_told_to_who_asks_for_it() -> None:
    with graphing(scenario_of(trace_row(SAME, "a@x", status="Recalled"))) as asker:
        bare = asker.traces(between()).json()["value"]
        prefer = {"Prefer": "include-unknown-enum-members"}
        asked = asker.ask(TRACES, headers=prefer, filter=between()).json()["value"]
    assert (bare[0]["status"], asked[0]["status"]) == ("unknownFutureValue", "recalled")


def test_a_status_settles_later() -> None:
    pending = trace_row(SAME, "a@x", settled_from=NOW + MINUTE)
    with graphing(scenario_of(pending)) as asker:
        first = rows(asker.traces(between()))
        asker.wait(2 * MINUTE)
        second = rows(asker.traces(between()))
    assert [first[0]["status"], second[0]["status"]] == ["pending", "delivered"]


def test_the_quota_is_of_its_own_and_shared_with_the_details() -> None:
    with graphing(hourly(1), quotas=Quotas(graph_trace_requests=2)) as asker:
        asker.traces(between())
        asker.ask(f"{TRACES}/trace-0/getDetailsByRecipient(recipientAddress='a@x')")
        refused = asker.traces(between())
        assert (code(refused), refused.headers["Retry-After"]) == ((429, "TooManyRequests"), "300")
        assert len(asker.caller.trace()) == 1
        asker.wait(5 * MINUTE)
        assert asker.traces(between()).status_code == 200


def test_a_tenant_without_the_service_principal_is_told_which() -> None:
    with graphing(hourly(1), **behaving(trace_principal=False)) as asker:
        refused = asker.traces(between())
        assert code(refused) == (401, "Unauthorized")
        assert "8bd644d1-64a1-4d4b-ae52-2e0cbf64e373" in refused.json()["error"]["message"]


@pytest.mark.parametrize("name", ["getDetailsByRecipient", "microsoft.graph.getDetailsByRecipient"])
def test_the_details_of_a_message_for_one_recipient(name: str) -> None:
    with graphing(scenario_of(trace_row(SAME, "o'brien@x", 1), trace_row(SAME, "b@x", 1))) as asker:
        details = rows(asker.ask(f"{TRACES}/trace-1/{name}(recipientAddress='o''brien%40x')"))
    assert [row["event"] for row in details] == ["Receive", "Send"]
    assert list(details[0]) == ["id", "messageId", "dateTime", "event", "action", "description", "data"]
    assert details[0]["dateTime"].startswith("2026-10-01T08:00:00.048")


def test_details_of_nobody_and_of_nothing() -> None:
    with graphing(hourly(1)) as asker:
        place = "getDetailsByRecipient(recipientAddress='b@x')"
        assert rows(asker.ask(f"{TRACES}/trace-0/{place}")) == []
        assert code(asker.ask(f"{TRACES}/trace-9/{place}")) == (404, "NotFound")


def test_what_was_asked_is_remembered() -> None:
    with graphing(hourly(1)) as asker:
        asker.traces(between(), top=7)
        seen = asker.tenant.requests[-1]
    assert (seen.path, seen.status) == (f"/v1.0/{TRACES}", 200)
    assert seen.query == {"$filter": between(), "$top": "7"}
    assert iso(WINDOW.start) in seen.query["$filter"]
