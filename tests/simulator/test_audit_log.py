"""Search-UnifiedAuditLog as protocol.md C1 tells it."""

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from collector.model import Window
from collector.simulator import AuditRow, Behaviour, MoreRecords, Quotas, ResultCount, Scenario

from .conftest import NOW, START, WINDOW, Caller, audit_rows, calling, searching


def drain(caller: Caller, session: str = "s1", **more: Any) -> list[list[dict[str, Any]]]:
    pages: list[list[dict[str, Any]]] = []
    while not pages or pages[-1]:
        pages.append(caller.search(session, **more))
    return pages[:-1]


def test_a_session_gives_every_row_once_and_then_nothing() -> None:
    with calling(Scenario.of(audit=audit_rows(25), window=WINDOW)) as caller:
        pages = drain(caller, ResultSize=10)
    rows = [row for page in pages for row in page]
    assert [len(page) for page in pages] == [10, 10, 5]
    assert {row["Identity"] for row in rows} == {f"id-{number}" for number in range(25)}
    assert sorted(row["ResultIndex"] for row in rows) == list(range(1, 26))
    assert {row["ResultCount"] for row in rows} == {25}
    assert max(row["ResultIndex"] for row in pages[0]) == 10


def test_rows_of_a_page_are_in_no_order() -> None:
    with calling(Scenario.of(audit=audit_rows(200), window=WINDOW)) as caller:
        page = caller.search()
    indices = [row["ResultIndex"] for row in page]
    assert indices != sorted(indices)
    assert [row["CreationDate"] for row in page] != sorted(row["CreationDate"] for row in page)


def test_two_sessions_do_not_share_a_cursor(rows_10: Scenario) -> None:
    with calling(rows_10) as caller:
        assert len(caller.search("a")) == len(caller.search("b")) == 10


def test_a_session_keeps_its_first_question(rows_10: Scenario) -> None:
    with calling(rows_10) as caller:
        caller.search("a", ResultSize=5)
        rest = caller.search("a", Window(NOW - timedelta(days=2), NOW))
    assert len(rest) == 5


@pytest.mark.parametrize(
    ("result_count", "expected"),
    [(ResultCount.TOTAL, 25), (ResultCount.CAPPED, 20), (ResultCount.MIRRORED, 10)],
)
def test_the_ceiling_ends_a_session_and_the_count_tells_it_or_not(result_count: ResultCount, expected: int) -> None:
    scenario = Scenario.of(audit=audit_rows(25), window=WINDOW)
    how = {"quotas": Quotas(session_rows=20), "behaviour": Behaviour(result_count=result_count)}
    with calling(scenario, **how) as caller:
        first, second = drain(caller, ResultSize=10)
    assert len(first) + len(second) == 20
    assert {row["ResultCount"] for row in first + second} == {expected}


def test_the_ceiling_is_told_in_a_warning() -> None:
    with calling(Scenario.of(audit=audit_rows(25), window=WINDOW), quotas=Quotas(session_rows=20)) as caller:
        answer = caller.send("Search-UnifiedAuditLog", searching()).json()
    assert "maximum results limitation reached" in answer["@adminapi.warnings"][0]


def test_without_a_session_about_a_hundred_rows_come_whatever_was_asked() -> None:
    parameters = searching(ResultSize=5000)
    del parameters["SessionId"]
    with calling(Scenario.of(audit=audit_rows(300), window=WINDOW)) as caller:
        answer = caller.send("Search-UnifiedAuditLog", parameters).json()
    assert 100 <= len(answer["value"]) <= 120
    assert {row["ResultCount"] for row in answer["value"]} == {5000}
    assert "There are more results available" in answer["@adminapi.warnings"][0]


def test_a_preview_is_sorted_and_ends_at_its_own_ceiling() -> None:
    scenario = Scenario.of(audit=audit_rows(30), window=WINDOW)
    with calling(scenario, quotas=Quotas(preview_rows=20)) as caller:
        pages = drain(caller, SessionCommand="ReturnNextPreviewPage", ResultSize=15)
    dates = [row["CreationDate"] for page in pages for row in page]
    assert len(dates) == 20
    assert dates == sorted(dates, reverse=True)


def test_mixing_session_commands_lowers_the_ceiling() -> None:
    scenario = Scenario.of(audit=audit_rows(30), window=WINDOW)
    with calling(scenario, quotas=Quotas(mixed_rows=12)) as caller:
        first = caller.search("s", ResultSize=10)
        rest = caller.search("s", ResultSize=10, SessionCommand="ReturnNextPreviewPage")
    assert (len(first), len(rest)) == (10, 2)


@pytest.mark.parametrize(("inclusive", "expected"), [(False, 0), (True, 1)])
def test_the_end_of_a_window_is_inclusive_or_not(rows_10: Scenario, inclusive: bool, expected: int) -> None:
    window = Window(START - timedelta(hours=1), START)
    with calling(rows_10, behaviour=Behaviour(end_inclusive=inclusive)) as caller:
        assert len(caller.search(window=window)) == expected


def test_a_date_alone_is_midnight_and_no_zone_is_utc(rows_10: Scenario) -> None:
    with calling(rows_10) as caller:
        whole = caller.search("a", StartDate="2026-10-01", EndDate="2026-10-02")
        part = caller.search("b", StartDate="2026-10-01T00:00:00", EndDate="2026-10-01T12:00:00.0000000Z")
    assert (len(whole), len(part)) == (10, 5)


def test_records_past_the_retention_are_gone(rows_10: Scenario) -> None:
    with calling(rows_10, quotas=Quotas(audit_retention=NOW - START - timedelta(hours=12))) as caller:
        assert len(caller.search()) == 5


RECORDS = {
    "bind": {"Id": "bind", "RecordType": 50, "Operation": "MailItemsAccessed", "ClientIPAddress": "203.0.113.50"},
    "sync": {"Id": "sync", "RecordType": 2, "Operation": "MailItemsAccessed", "ClientIP": "203.0.113.50"},
    "rule": {"Id": "rule", "RecordType": 1, "Operation": "New-InboxRule", "ObjectId": "mailbox-of-megan"},
    "delegate": {"Id": "delegate", "RecordType": 50, "Operation": "MailItemsAccessed", "UserId": "priya@x"},
}


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ({"Operations": ["MailItemsAccessed"]}, {"bind", "sync", "delegate"}),
        ({"Operations": ["mailitemsaccessed", "New-InboxRule"]}, set(RECORDS)),
        ({"RecordType": "ExchangeItemAggregated"}, {"bind", "delegate"}),
        ({"UserIds": ["MEGAN@x"]}, {"bind", "sync", "rule"}),
        ({"IPAddresses": ["203.0.113.50"]}, {"bind", "sync"}),
        ({"ObjectIds": ["mailbox-of-megan"]}, {"rule"}),
        ({"FreeText": "OWNER"}, set(RECORDS)),
        ({"Operations": ["MailItemsAccessed"], "UserIds": ["priya@x"]}, {"delegate"}),
        ({"operations": "New-InboxRule"}, {"rule"}),
    ],
)
def test_filters_are_the_services(filters: dict[str, Any], expected: set[str]) -> None:
    base = {"CreationTime": "2026-10-01T08:00:00", "UserId": "megan@x", "MailboxOwnerUPN": "owner@x"}
    scenario = Scenario.of(audit=[json.dumps(base | record) for record in RECORDS.values()], window=WINDOW)
    with calling(scenario) as caller:
        assert {row["Identity"] for row in caller.search(**filters)} == expected


@pytest.mark.parametrize(
    ("where", "read"),
    [
        (MoreRecords.FLAT, lambda row: row["moreRecordsAvailable"]),
        (MoreRecords.DOTTED, lambda row: row["AuditSearchRequestMetadata.moreRecordsAvailable"]),
        (MoreRecords.OBJECT, lambda row: row["AuditSearchRequestMetadata"]["moreRecordsAvailable"]),
    ],
)
def test_more_records_available_ends_with_the_session(rows_10: Scenario, where: MoreRecords, read: Any) -> None:
    with calling(rows_10, behaviour=Behaviour(more_records_available=where)) as caller:
        first, second = drain(caller, ResultSize=6)
    assert {read(row) for row in first} == {True}
    assert {read(row) for row in second} == {False}


HOSTILE = [
    '{"Id":"nan","Size":NaN}',
    r'{"Id":"surrogate","Subject":"\ud800"}',
    f'{{"Id":"big","Size":{"9" * 30}}}',
    f'{{"Id":"huge","Size":{"9" * 5000}}}',
    "not json at all",
    '["no","object"]',
    '{"Id":"crlf","OriginatingServer":"DB7PR04MB4346\r\n"}',
    '{"Id":"lone","Subject":"\ud800"}',
]


def test_hostile_auditdata_arrives_as_it_was_given() -> None:
    with calling(Scenario.of(audit=HOSTILE, window=WINDOW)) as caller:
        assert {row["AuditData"] for row in caller.search()} == set(HOSTILE)


def test_some_rows_carry_sidecars_and_some_do_not(rows_10: Scenario) -> None:
    with calling(rows_10) as caller:
        rows = caller.search()
    carrying = [row for row in rows if "RecordType@data.type" in row]
    assert 0 < len(carrying) < len(rows)


def test_thirty_thousand_records_in_three_seconds_are_served() -> None:
    base = AuditRow(START, "", 50, "megan.owner@contoso.example.org", "Send", "{}")
    rows = [base._replace(created=START + timedelta(microseconds=100 * n), identity=str(n)) for n in range(30_000)]
    with calling(replace(Scenario.of(window=WINDOW), audit_rows=tuple(rows))) as caller:
        page = caller.search(window=Window(START, START + timedelta(seconds=3)))
    assert len(page) == 5000
    assert {row["ResultCount"] for row in page} == {30_000}


def test_a_record_that_comes_late_is_found_from_its_moment_on() -> None:
    rows = [row._replace(known_from=NOW if row.identity == "id-3" else None) for row in audit_rows(5)]
    for now, found in ((NOW - timedelta(seconds=1), 4), (NOW, 5)):
        with calling(Scenario.of(audit=rows, window=WINDOW), now=lambda now=now: now) as caller:
            assert len(caller.search()) == found


def test_what_has_not_happened_yet_is_not_found() -> None:
    now = START + timedelta(hours=12)
    with calling(Scenario.of(audit=audit_rows(24), window=WINDOW), now=lambda: now) as caller:
        assert len(caller.search()) == 13
