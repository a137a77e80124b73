"""Get-MessageTraceDetailV2 as protocol.md C5 tells it."""

from datetime import timedelta
from typing import Any
from xml.etree import ElementTree

import pytest

from collector.model import Window
from collector.simulator import Quotas, Scenario, TraceRow

from .conftest import NOW, WINDOW, calling, dates, trace_row

DETAIL = "Get-MessageTraceDetailV2"
AT = "2026-10-01T08:00:00.0480001Z"
HERE = "a@contoso.example.org"
ONE = dates(WINDOW) | {"MessageTraceId": "trace-1", "RecipientAddress": HERE}


def told(row: TraceRow, **more: Any) -> list[dict[str, Any]]:
    with calling(Scenario.of(traces=[row], window=WINDOW)) as caller:
        return caller.rows(DETAIL, ONE | more)


def test_a_row_has_the_columns_and_its_data_is_xml() -> None:
    first, last = told(trace_row(AT, HERE, 1, sender='"o\'brien&co"@fabrikam.example.org'))
    assert list(first) == [
        "MessageTraceId", "MessageId", "Date@data.type", "Date", "Event", "Action", "Detail", "Data",
    ]  # fmt: skip
    facts = {mep.get("Name"): mep.get("String") for mep in ElementTree.fromstring(first["Data"]).iter("MEP")}
    assert facts["ClientIP"] == "192.0.2.10"
    assert facts["ReturnPath"] == '"o\'brien&co"@fabrikam.example.org'
    assert (first["Event"], last["Event"]) == ("Receive", "Deliver")
    assert AT[:19] == first["Date"][:19] < last["Date"]
    assert first["MessageId"] == "<m1@fabrikam.example.org>"


@pytest.mark.parametrize(
    ("status", "event", "action"),
    [
        ("Delivered", "Deliver", ""),
        ("FilteredAsSpam", "Deliver", ""),
        ("Failed", "Fail", ""),
        ("Quarantined", "Fail", "Quarantine"),
        ("Expanded", "Expand", ""),
        ("Resolved", "Transfer", ""),
        ("Pending", "Defer", ""),
        ("GettingStatus", "Defer", ""),
    ],
)
def test_the_last_event_is_that_of_the_status(status: str, event: str, action: str) -> None:
    last = told(trace_row(AT, HERE, 1, status=status))[-1]
    assert (last["Event"], last["Action"]) == (event, action)


def test_mail_to_the_outside_is_sent() -> None:
    assert told(trace_row(AT, "x@example.org", 1), RecipientAddress="x@example.org")[-1]["Event"] == "Send"


def test_a_status_that_changes_changes_the_events() -> None:
    row = trace_row(AT, HERE, 1, settled_from=NOW)
    for now, event in ((NOW - timedelta(seconds=1), "Defer"), (NOW, "Deliver")):
        with calling(Scenario.of(traces=[row], window=WINDOW), now=lambda now=now: now) as caller:
            assert caller.rows(DETAIL, ONE)[-1]["Event"] == event


@pytest.mark.parametrize("missing", ["MessageTraceId", "RecipientAddress"])
def test_without_one_of_its_two_keys_it_is_silently_empty(missing: str) -> None:
    with calling(Scenario.of(traces=[trace_row(AT, HERE, 1)], window=WINDOW)) as caller:
        answer = caller.send(DETAIL, {name: value for name, value in ONE.items() if name != missing}).json()
    assert (answer["value"], answer["@adminapi.warnings"]) == ([], [])


@pytest.mark.parametrize(
    ("more", "events"),
    [
        ({"Event": ["RECEIVE"]}, ["Receive"]),
        ({"Event": ["deliver", "FAIL"]}, ["Fail"]),
        ({"Action": ["quarantine"]}, ["Fail"]),
        ({"SenderAddress": "orders@FABRIKAM.example.org"}, ["Receive", "Fail"]),
        ({"MessageId": "<other@x>"}, []),
        ({"SenderAddress": "other@x"}, []),
        ({"RecipientAddress": "other@x"}, []),
        ({"MessageTraceId": "TRACE-1"}, ["Receive", "Fail"]),
        (dates(Window(WINDOW.end, NOW - timedelta(days=10))), []),
    ],
)
def test_filters_let_through_what_they_name(more: dict[str, Any], events: list[str]) -> None:
    rows = told(trace_row(AT, HERE, 1, status="Quarantined"), **more)
    assert [row["Event"] for row in rows] == events


@pytest.mark.parametrize(
    "parameters",
    [
        ONE | dates(Window(NOW - timedelta(days=10, seconds=1), NOW)),
        ONE | dates(Window(NOW - timedelta(days=91), NOW - timedelta(days=85))),
        ONE | {"Event": ["ARRIVE"]},
        ONE | {"MessageTraceId": ["trace-1"]},
        ONE | {"Page": 1},
        ONE | {"ResultSize": 1},
    ],
)
def test_a_question_outside_the_rules_is_refused(parameters: dict[str, Any]) -> None:
    with calling(Scenario.of(window=WINDOW)) as caller:
        assert caller.send(DETAIL, parameters).status_code == 400


def test_trace_and_detail_share_their_quota() -> None:
    with calling(Scenario.of(window=WINDOW), quotas=Quotas(trace_requests=2)) as caller:
        caller.trace()
        caller.rows(DETAIL, ONE)
        refused = [caller.send(name, ONE) for name in (DETAIL, "Get-MessageTraceV2")]
    assert [answer.status_code for answer in refused] == [429, 429]
    assert all(answer.headers["Retry-After"] == "300" for answer in refused)


def test_without_dates_only_the_last_48_hours_are_looked_at() -> None:
    named = {name: ONE[name] for name in ("MessageTraceId", "RecipientAddress")}
    recent = trace_row("2026-10-19T08:00:00.0000000Z", HERE, 1)
    for row, found in ((recent, 2), (trace_row(AT, HERE, 1), 0)):
        with calling(Scenario.of(traces=[row], window=WINDOW)) as caller:
            assert len(caller.rows(DETAIL, named)) == found
