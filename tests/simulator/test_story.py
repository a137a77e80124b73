"""The story has what an investigation looks for, at any size, and is the same for a seed."""

import json
from collections import Counter
from datetime import datetime, timedelta
from typing import Any

import pytest

from collector.simulator import TENANT_ID, Scenario, takeover
from collector.simulator.cast import (
    ATTACKER_AAD_SESSION,
    ATTACKER_IPS,
    ATTACKER_SESSIONS,
    FRONT_END_IPS,
    MEGAN,
    NOAH,
    PRIYA,
)

from .conftest import START, calling, searching

DAYS = 14


@pytest.fixture(scope="module")
def scenario() -> Scenario:
    return takeover(seed=1, start=START, days=DAYS, records=3000, traces=2000)


@pytest.fixture(scope="module")
def records(scenario: Scenario) -> list[dict[str, Any]]:
    return [json.loads(row.raw_auditdata) for row in scenario.audit_rows]


def property_of(record: dict[str, Any], name: str) -> str | None:
    return next((pair["Value"] for pair in record.get("OperationProperties", []) if pair["Name"] == name), None)


def accesses(records: list[dict[str, Any]], kind: str, **where: Any) -> list[dict[str, Any]]:
    return [
        record
        for record in records
        if property_of(record, "MailAccessType") == kind
        and all(record.get(name) == value for name, value in where.items())
    ]


def items(records: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [item for record in records for folder in record.get("Folders", []) for item in folder["FolderItems"]]


def test_the_index_of_a_row_agrees_with_its_auditdata(scenario: Scenario, records: list[dict[str, Any]]) -> None:
    for row, record in zip(scenario.audit_rows, records, strict=True):
        assert (row.identity, row.record_type, row.user, row.operation) == (
            record["Id"],
            record["RecordType"],
            record["UserId"],
            record["Operation"],
        )
        assert row.created.isoformat() == f"{record['CreationTime']}+00:00"
        assert record["OrganizationId"] == TENANT_ID


def test_the_attacker_binds_finance_mail_while_megan_works(records: list[dict[str, Any]]) -> None:
    theirs = accesses(records, "Bind", SessionId=ATTACKER_SESSIONS[0])
    assert {folder["Path"] for record in theirs for folder in record["Folders"]} == {"\\Inbox", "\\Inbox\\Finance"}
    times = sorted(record["CreationTime"] for record in theirs)
    hers = accesses(records, "Bind", ClientIPAddress=MEGAN.ip, UserId=MEGAN.upn)
    assert any(times[0] < record["CreationTime"] < times[-1] for record in hers)


def test_the_attacker_syncs_inbox_and_sent_under_a_second_session(records: list[dict[str, Any]]) -> None:
    synced = accesses(records, "Sync", SessionId=ATTACKER_SESSIONS[1])
    assert [record["Item"]["ParentFolder"]["Name"] for record in synced] == ["Inbox", "Sent Items"]
    assert {(record["RecordType"], record["ClientIPAddress"]) for record in synced} == {(2, ATTACKER_IPS[1])}
    assert accesses(records, "Bind", ClientInfoString="Client=MSExchangeRPC")


def test_some_of_it_has_no_session_but_that_of_the_token(records: list[dict[str, Any]]) -> None:
    context = {"AADSessionId": ATTACKER_AAD_SESSION}
    hidden = accesses(records, "Bind", AppAccessContext=context)
    assert hidden
    assert {record["ClientIPAddress"] for record in hidden} == {FRONT_END_IPS[0]}
    assert all("SessionId" not in record for record in hidden)


def test_a_second_victim_is_opened_with_and_without_a_session(records: list[dict[str, Any]]) -> None:
    opened = accesses(records, "Bind", MailboxOwnerUPN=NOAH.upn, ClientIPAddress=ATTACKER_IPS[0])
    assert {record.get("SessionId") for record in opened} == {ATTACKER_SESSIONS[2], None}


def test_a_delegate_and_an_app_are_not_under_the_owners_name(records: list[dict[str, Any]]) -> None:
    others = [
        record for record in accesses(records, "Bind", MailboxOwnerUPN=MEGAN.upn) if record["UserId"] != MEGAN.upn
    ]
    actors = {(record["UserId"], record["LogonType"], record["UserType"]) for record in others}
    assert (PRIYA.upn, 2, 0) in actors
    assert any(user.startswith("ServicePrincipal_") and kind == 5 for user, _, kind in actors)


def test_after_the_throttled_record_no_bind_of_the_mailbox_is_seen_for_a_day(
    scenario: Scenario, records: list[dict[str, Any]]
) -> None:
    (throttled,) = [record for record in records if property_of(record, "IsThrottled") == "True"]
    pairs = zip(scenario.audit_rows, records, strict=True)
    moments = {record["Id"]: row.created for row, record in pairs}
    first = moments[throttled["Id"]]
    binds = [moments[record["Id"]] for record in accesses(records, "Bind", MailboxOwnerUPN=MEGAN.upn)]
    assert not [moment for moment in binds if first < moment < first + timedelta(hours=24)]
    assert [moment for moment in binds if moment >= first + timedelta(hours=24)]


def test_the_shapes_that_trip_readers_are_there(records: list[dict[str, Any]]) -> None:
    binds = accesses(records, "Bind")
    found = items(binds)
    assert any("InternetMessageId" not in item for item in found)
    assert any(set(item) == {"InternetMessageId"} for item in found)
    assert any("SizeInBytes" in item for item in found)
    assert any("Boîte de réception" in folder["Path"] for record in binds for folder in record["Folders"])
    assert max(record["OperationCount"] for record in binds) >= 20
    assert max(len(record["Folders"]) for record in binds) == 2
    assert all(record["OriginatingServer"].endswith("\r\n") for record in binds)
    assert any("SessionId" not in record for record in binds)


def test_other_operations_stand_between_the_accesses(records: list[dict[str, Any]]) -> None:
    counted = Counter(record["Operation"] for record in records)
    assert {"UserLoggedIn", "New-InboxRule", "Send", "MoveToDeletedItems"} < set(counted)
    assert 0.8 < counted["MailItemsAccessed"] / len(records) < 0.97


def test_accessed_messages_have_a_trace_unless_they_are_old(scenario: Scenario, records: list[dict[str, Any]]) -> None:
    named = {item["InternetMessageId"] for item in items(records) if "InternetMessageId" in item}
    traced = {row.message_id for row in scenario.traces}
    assert named & traced
    assert named - traced


def test_a_bind_names_only_mail_that_had_arrived(scenario: Scenario, records: list[dict[str, Any]]) -> None:
    received = {row.message_id: row.received for row in scenario.traces}
    for record in accesses(records, "Bind"):
        arrivals = [received.get(item.get("InternetMessageId", ""), "") for item in items([record])]
        assert all(arrival[:19] <= record["CreationTime"] for arrival in arrivals)


def test_traces_have_several_recipients_and_several_rows_of_one_moment(scenario: Scenario) -> None:
    recipients = Counter(row.message_trace_id for row in scenario.traces)
    messages = {row.received: set() for row in scenario.traces}
    for row in scenario.traces:
        messages[row.received].add(row.message_trace_id)
    assert max(recipients.values()) == 6
    assert max(len(traces) for traces in messages.values()) > 1


def test_days_are_busier_than_nights(scenario: Scenario) -> None:
    hours = Counter(row.created.hour for row in scenario.audit_rows)
    assert hours[10] > 3 * hours[2]


@pytest.mark.parametrize(("records", "traces"), [(0, 0), (1, 1), (59, 7), (500, 333)])
def test_there_are_as_many_as_asked_for_all_in_the_window(records: int, traces: int) -> None:
    made = takeover(start=START, days=1, records=records, traces=traces)
    assert (len(made.audit_rows), len(made.traces)) == (records, traces)
    assert all(made.window.start <= row.created < made.window.end for row in made.audit_rows)
    assert all(made.window.start <= datetime.fromisoformat(row.received) < made.window.end for row in made.traces)
    assert len({row.identity for row in made.audit_rows}) == records


def test_a_seed_tells_the_same_story_and_another_one_another() -> None:
    def told(seed: int) -> list[str]:
        return [
            row.raw_auditdata for row in takeover(seed=seed, start=START, days=2, records=200, traces=50).audit_rows
        ]

    assert told(5) == told(5) != told(6)


def test_the_whole_story_can_be_read_back_from_the_tenant(scenario: Scenario) -> None:
    with calling(scenario) as caller:
        rows = caller.search(window=scenario.window)
        binds = caller.rows("Search-UnifiedAuditLog", searching("m", scenario.window, Operations=["MailItemsAccessed"]))
    assert {row["Identity"]: row["AuditData"] for row in rows} == {
        row.identity: row.raw_auditdata for row in scenario.audit_rows
    }
    assert len(binds) < len(rows)
