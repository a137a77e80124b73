"""Sign-ins: in their own fields, one for each session of the story where they are asked for; protocol.md F3."""

import json
from collections import Counter
from typing import Any

import pytest

from collector.simulator import Scenario, publish, takeover
from collector.simulator.cast import ATTACKER_AAD_SESSION, ATTACKER_IPS, ATTACKER_SESSIONS, MEGAN, NOAH, PRIYA, STAFF

from .conftest import START, calling, searching

HOW = {"seed": 4, "start": START, "days": 7, "records": 900, "traces": 300}
AZURE = "Audit.AzureActiveDirectory"
PLAIN = takeover(**HOW)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def told() -> Scenario:
    return takeover(**HOW, sign_ins=True)  # type: ignore[arg-type]


def records(scenario: Scenario, *operations: str) -> list[dict[str, Any]]:
    return [json.loads(row.raw_auditdata) for row in scenario.audit_rows if row.operation in operations]


def session(record: dict[str, Any]) -> str | None:
    pairs = record["DeviceProperties"]
    return next((pair["Value"] for pair in pairs if pair["Name"] == "SessionId"), None)


def first_of(scenario: Scenario, wanted: str) -> dict[str, Any]:
    return next(record for record in records(scenario, "UserLoggedIn") if session(record) == wanted)


def test_a_sign_in_has_the_fields_of_its_schema() -> None:
    record = first_of(PLAIN, ATTACKER_SESSIONS[0])
    assert {
        "ActorIpAddress", "ClientIP", "ApplicationId", "DeviceProperties", "ExtendedProperties", "ErrorNumber",
        "InterSystemsId", "IntraSystemId", "Target", "TargetContextId", "ActorContextId", "ModifiedProperties",
    } <= set(record)  # fmt: skip
    assert (record["RecordType"], record["Workload"], record["ResultStatus"]) == (15, "AzureActiveDirectory", "Success")
    assert (record["UserId"], record["UserKey"]) == (MEGAN.upn, MEGAN.object_id)
    assert record["Actor"] == [{"ID": MEGAN.object_id, "Type": 0}, {"ID": MEGAN.upn, "Type": 5}]
    assert record["ClientIP"] == record["ActorIpAddress"] == ATTACKER_IPS[0]
    assert record["AzureActiveDirectoryEventType"] == 1
    extended = {pair["Name"]: pair["Value"] for pair in record["ExtendedProperties"]}
    assert extended["UserAgent"].startswith("Mozilla/5.0 (X11; Linux")
    assert record["IntraSystemId"] == record["Id"] != record["InterSystemsId"]


def test_all_else_stays_as_it_is_without_them(told: Scenario) -> None:
    before = {row.raw_auditdata for row in PLAIN.audit_rows}
    assert len(PLAIN.audit_rows) == 900
    assert before <= {row.raw_auditdata for row in told.audit_rows}
    assert {row.record_type for row in told.audit_rows if row.raw_auditdata not in before} == {15}
    assert told.traces == PLAIN.traces


def test_every_session_of_a_person_has_a_sign_in_before_its_first_access(told: Scenario) -> None:
    opened = {session(record): record["CreationTime"] for record in reversed(records(told, "UserLoggedIn"))}
    people = {person.upn for person in STAFF}
    accesses = [record for record in records(told, "MailItemsAccessed") if record["UserId"] in people]
    sessions = [(record["SessionId"], record["CreationTime"]) for record in accesses if "SessionId" in record]
    assert {ATTACKER_SESSIONS[0], ATTACKER_SESSIONS[1], ATTACKER_SESSIONS[2]} <= {one for one, _ in sessions}
    assert all(one in opened for one, _ in sessions)
    theirs = [(one, created) for one, created in sessions if one in ATTACKER_SESSIONS]
    assert all(opened[one] < created for one, created in theirs)


def test_the_attackers_sessions_are_signed_in_from_their_own_address(told: Scenario) -> None:
    for wanted, ip, victim in (
        (ATTACKER_SESSIONS[0], ATTACKER_IPS[0], MEGAN),
        (ATTACKER_SESSIONS[1], ATTACKER_IPS[1], MEGAN),
        (ATTACKER_SESSIONS[2], ATTACKER_IPS[0], NOAH),
        (ATTACKER_AAD_SESSION, ATTACKER_IPS[0], MEGAN),
    ):
        record = first_of(told, wanted)
        assert (record["ClientIP"], record["UserId"]) == (ip, victim.upn)


def test_owners_and_delegates_sign_in_from_where_they_work(told: Scenario) -> None:
    addresses = {(record["UserId"], record["ClientIP"]) for record in records(told, "UserLoggedIn")}
    assert {(MEGAN.upn, MEGAN.ip), (PRIYA.upn, PRIYA.ip)} <= addresses
    assert not any(user.startswith("ServicePrincipal_") for user, _ in addresses)


def test_attempts_failed_before_the_break_in(told: Scenario) -> None:
    failed = records(told, "UserLoginFailed")
    assert {record["ResultStatus"] for record in failed} == {"Failed"}
    assert Counter(record["LogonError"] for record in failed) == {
        "InvalidUserNameOrPassword": len(STAFF) + 2,
        "UserAccountNotFound": 1,
        "IdsLocked": 1,
        "UserStrongAuthClientAuthNRequired": 1,
    }
    assert {record["ErrorNumber"] for record in failed} == {"50126", "50034", "50053", "50076"}
    assert "Not Available" in {record["UserId"] for record in failed}
    assert max(record["CreationTime"] for record in failed) < first_of(told, ATTACKER_SESSIONS[0])["CreationTime"]
    assert {record["ClientIP"] for record in failed} == set(ATTACKER_IPS)
    assert all(session(record) is None for record in failed)


def test_they_are_found_by_operation_user_address_and_record_type(told: Scenario) -> None:
    everybody = {row.identity for row in told.audit_rows if row.record_type == 15}
    with calling(told) as caller:
        by_type = caller.search("a", told.window, RecordType="AzureActiveDirectoryStsLogon")
        by_operation = caller.search("b", told.window, Operations=["UserLoggedIn", "UserLoginFailed"])
        by_address = caller.search("c", told.window, IPAddresses=[ATTACKER_IPS[1]], Operations=["UserLoginFailed"])
        reads = caller.rows("Search-UnifiedAuditLog", searching("d", told.window, Operations=["MailItemsAccessed"]))
    assert {row["Identity"] for row in by_type} == {row["Identity"] for row in by_operation} == everybody
    assert len(by_address) == len(STAFF) + 1
    assert len(reads) == sum(row.operation == "MailItemsAccessed" for row in PLAIN.audit_rows)


def test_they_stand_in_the_content_of_azure_active_directory(told: Scenario) -> None:
    held = {
        kind: {str(record) for blob in publish(told).blobs if blob.content_type == kind for record in blob.records}
        for kind in (AZURE, "Audit.Exchange")
    }
    plain = {
        str(record) for blob in publish(PLAIN).blobs if blob.content_type == "Audit.Exchange" for record in blob.records
    }
    assert held[AZURE] == {row.raw_auditdata for row in told.audit_rows if row.record_type == 15}
    assert held["Audit.Exchange"] == plain


def test_a_story_of_no_records_has_the_attempts_alone() -> None:
    scenario = takeover(start=START, days=1, records=0, traces=0, sign_ins=True)
    assert {row.operation for row in scenario.audit_rows} == {"UserLoginFailed"}
    assert all(scenario.window.start <= row.created < scenario.window.end for row in scenario.audit_rows)


def test_a_seed_gives_the_same_sign_ins() -> None:
    def texts(seed: int) -> list[str]:
        story = takeover(seed=seed, start=START, days=1, records=100, traces=20, sign_ins=True)
        return [row.raw_auditdata for row in story.audit_rows]

    assert texts(5) == texts(5) != texts(6)
