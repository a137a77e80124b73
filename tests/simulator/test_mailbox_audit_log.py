"""Search-MailboxAuditLog tells of the same accesses as the unified audit log, in columns of its own; C2."""

import json
from datetime import datetime, timedelta
from typing import Any

import pytest

from collector.simulator import AuditSettings, Behaviour, Mailbox, OldStore, Scenario, Standing, takeover
from collector.simulator.cast import ATTACKER_SESSIONS, MEGAN, PRIYA
from collector.simulator.contoso import INACTIVE

from .conftest import NOW, START, WINDOW, Caller, calling, dates

SEARCH = "Search-MailboxAuditLog"
STORY = takeover(start=START, days=2, records=300, traces=100)
OF_MEGAN = {"Identity": MEGAN.upn, "ShowDetails": True, "ResultSize": 250_000}
BOX = Mailbox("owner@x", "guid-1", "Owner")


@pytest.fixture(scope="module")
def story() -> Any:
    with calling(STORY) as caller:
        yield caller


@pytest.fixture(scope="module")
def unified() -> list[dict[str, Any]]:
    """What the unified audit log has of Megan's mailbox."""
    records = [json.loads(row.raw_auditdata) for row in STORY.audit_rows]
    return [record for record in records if record.get("MailboxGuid") == MEGAN.mailbox_guid]


def record(number: int, **fields: Any) -> str:
    usual = {"CreationTime": f"2026-10-01T0{number}:00:00", "Id": f"id-{number}", "RecordType": 2, "UserId": "u@x"}
    return json.dumps({**usual, "Operation": "SoftDelete", "MailboxGuid": "guid-1", "LogonType": 0, **fields})


def of(*records: str, **box: Any) -> Scenario:
    return Scenario.of(audit=records, window=WINDOW, mailboxes=[BOX._replace(**box)])


def accessed(record: dict[str, Any]) -> str:
    return f"{record['CreationTime']}.0000000+00:00"


def test_it_has_each_access_of_the_unified_log_once(story: Caller, unified: list[dict[str, Any]]) -> None:
    rows = story.rows(SEARCH, OF_MEGAN)
    expected = sorted((accessed(one), one["Operation"], one.get("SessionId")) for one in unified)
    assert sorted((row["LastAccessed"], row["Operation"], row["SessionId"]) for row in rows) == expected
    assert len({row["Identity"] for row in rows}) == len(rows)


def test_a_bind_names_its_messages_in_json_text(story: Caller, unified: list[dict[str, Any]]) -> None:
    bind = next(one for one in unified if "Folders" in one and one.get("SessionId") == ATTACKER_SESSIONS[0])
    row = next(row for row in story.rows(SEARCH, OF_MEGAN) if row["LastAccessed"] == accessed(bind))
    assert json.loads(row["AggregatedRecordFoldersData"]) == bind["Folders"]
    assert row["AuditOperationsCountInAggregatedRecord"] == bind["OperationCount"]
    assert row["OperationProperties"] == ["MailAccessType:Bind", "IsThrottled:False"]
    assert (row["LogonType"], row["InternalLogonType"], row["OperationResult"]) == ("Owner", "Owner", "Succeeded")
    assert row["ClientIP"] == row["ClientIPAddress"] == bind["ClientIPAddress"]
    assert row["MailboxGuid"] == MEGAN.mailbox_guid
    assert row["MailboxResolvedOwnerName"] == "Megan Owner"


def test_a_sync_names_its_folder(story: Caller) -> None:
    rows = [row for row in story.rows(SEARCH, OF_MEGAN) if row["SessionId"] == ATTACKER_SESSIONS[1]]
    synced = [row for row in rows if "MailAccessType:Sync" in row["OperationProperties"]]
    assert [row["FolderName"] for row in synced] == ["Inbox", "Sent Items"]
    assert all(row["AggregatedRecordFoldersData"] is None and row["FolderId"] for row in synced)


def test_without_details_there_is_a_row_for_each_mailbox_with_its_latest_entry(
    story: Caller, unified: list[dict[str, Any]]
) -> None:
    rows = story.rows(SEARCH, {"Mailboxes": [MEGAN.upn, PRIYA.upn]})
    assert {row["MailboxResolvedOwnerName"] for row in rows} == {"Megan Owner", "Priya Delegate"}
    assert max(map(accessed, unified)) in {row["LastAccessed"] for row in rows}
    assert all("Operation" not in row for row in rows)


def test_logon_types_are_words(story: Caller) -> None:
    delegates = story.rows(SEARCH, {**OF_MEGAN, "LogonTypes": ["Delegate"]})
    owners = story.rows(SEARCH, {**OF_MEGAN, "LogonTypes": ["Owner"]})
    assert {row["LogonUserSid"] for row in delegates} == {PRIYA.sid}
    assert {row["LogonType"] for row in owners} == {"Owner"}
    assert len(story.rows(SEARCH, OF_MEGAN)) == len(delegates) + len(owners)


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ({}, [1, 3]),
        ({"Operations": ["harddelete"]}, [3]),
        ({"ExternalAccess": True}, [2]),
        ({"ExternalAccess": False}, [1, 3]),
        ({"HasAttachments": True}, []),
        ({"LogonTypes": ["Admin", "Delegate"]}, [3]),
        ({"StartDate": "2026-10-01T02:00:00Z"}, [3]),
        (dates(WINDOW) | {"EndDate": "2026-10-01T02:00:00Z"}, [1]),
    ],
)
def test_filters_let_through_what_they_name(filters: dict[str, Any], expected: list[int]) -> None:
    other = record(4, MailboxGuid="guid-2"), record(5, RecordType=1)
    scenario = of(record(1), record(2, ExternalAccess=True), record(3, Operation="HardDelete", LogonType=1), *other)
    with calling(scenario) as caller:
        rows = caller.rows(SEARCH, {"Identity": "owner@x", "ShowDetails": True, **filters})
    assert [datetime.fromisoformat(row["LastAccessed"]).hour for row in rows] == expected


def test_entries_go_with_the_age_limit_of_the_mailbox() -> None:
    young = AuditSettings(age_limit=NOW - START - timedelta(hours=2))
    with calling(of(record(1), record(2), record(3), audit=young)) as caller:
        assert len(caller.rows(SEARCH, {"Identity": "owner@x", "ShowDetails": True})) == 2


def test_a_result_is_cut_with_a_warning() -> None:
    with calling(of(record(1), record(2))) as caller:
        answer = caller.send(SEARCH, {"Identity": "owner@x", "ShowDetails": True, "ResultSize": 1}).json()
    assert len(answer["value"]) == 1
    assert answer["@adminapi.warnings"]


def test_an_inactive_mailbox_is_searched_when_it_is_asked_for() -> None:
    asked = {"Identity": "owner@x", "ShowDetails": True}
    with calling(of(record(1), standing=Standing.INACTIVE)) as caller:
        assert caller.send(SEARCH, asked).status_code == 404
        assert len(caller.rows(SEARCH, {**asked, "IncludeInactiveMailbox": True})) == 1


def test_it_can_be_served_and_hold_nothing() -> None:
    with calling(STORY, behaviour=Behaviour(old_store=OldStore.EMPTY)) as caller:
        assert caller.rows(SEARCH, OF_MEGAN) == []
        assert caller.rows(SEARCH, {}) == []
        assert caller.send(SEARCH, {"Identity": "nobody"}).status_code == 404
        assert caller.rows(SEARCH, {"Identity": INACTIVE.upn, "IncludeInactiveMailbox": True}) == []


@pytest.mark.parametrize(
    "parameters",
    [
        {"Mailboxes": [MEGAN.upn], "ShowDetails": True},
        {"Identity": MEGAN.upn, "LogonTypes": ["Owner"]},
        {"Identity": MEGAN.upn, "LogonTypes": ["Burglar"]},
        {"Identity": MEGAN.upn, "ResultSize": 250_001},
        {"Identity": MEGAN.upn, "ResultSize": 0},
        {"Identity": MEGAN.upn, "ShowDetails": "yes"},
        {"Identity": MEGAN.upn, "FreeText": "x"},
        {"Identity": MEGAN.upn, "StartDate": "2026-10-02", "EndDate": "2026-10-01"},
    ],
)
def test_what_does_not_bind_is_400(story: Caller, parameters: dict[str, Any]) -> None:
    assert story.send(SEARCH, parameters).status_code == 400
