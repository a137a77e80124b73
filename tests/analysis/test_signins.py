"""Who signed in: beside the sessions, from both feeds, with every filter, and what the answer does not cover."""

from pathlib import Path
from typing import Any

import pytest

from collector.analysis.filters import Filters
from collector.analysis.investigation import investigate
from collector.analysis.questions import question
from tests.analysis.cases import ask, ready
from tests.analysis.feeds import ADELE, ASKED, LEE, Piece, audit_log, collect, feed, record, row

DAY = (0, 24)
OWN, FOREIGN = "198.51.100.7", "203.0.113.50"
EVERYTHING: dict[str, Any] = {"cmdlet": "Search-UnifiedAuditLog"}
DIRECTORY = "Audit.AzureActiveDirectory"


def pairs(**told: str) -> list[dict[str, str]]:
    return [{"Name": name, "Value": value} for name, value in told.items()]


def sign_in(session: str | None, ip: str, **more: object) -> dict[str, object]:
    told: dict[str, object] = {
        "Operation": "UserLoggedIn",
        "RecordType": 15,
        "Workload": "AzureActiveDirectory",
        "ActorIpAddress": ip,
        "ApplicationId": "app-1",
        "DeviceProperties": pairs(OS="Linux", **({"SessionId": session} if session else {})),
        "ExtendedProperties": pairs(UserAgent="Mozilla/5.0"),
        "ErrorNumber": "0",
    }
    return {**told, **more}


def access(session: str | None, ip: str) -> dict[str, object]:
    return {"SessionId": session, "ClientIPAddress": ip, "OperationProperties": pairs(MailAccessType="Bind")}


FAILED = {"Operation": "UserLoginFailed", "ErrorNumber": "50126", "LogonError": "InvalidUserNameOrPassword"}
ROWS = [
    row("in-1", 1, **sign_in("S-Owner", OWN)),
    row("in-2", 2, **sign_in(None, FOREIGN, **FAILED)),
    row("in-3", 3, **sign_in("s-attacker", FOREIGN, IntraSystemId="request-3")),
    row("in-4", 4, **sign_in("s-lee", OWN, UserId=LEE, ApplicationId="app-2")),
    row("read-1", 5, **access("s-owner", OWN)),
    row("read-2", 6, **access("s-attacker", FOREIGN)),
    row("read-3", 7, **access("s-attacker", "2001:db8::5")),
    row("read-4", 8, **access(None, FOREIGN)),
]


@pytest.fixture
def case(tmp_path: Path) -> Path:
    return collect(tmp_path, audit_log(Piece(DAY, ROWS), question=EVERYTHING))


def answers(case: Path, **narrowing: Any) -> list[str]:
    return [line["record_id"] for line in ask(ready([case]), "signins", **narrowing)]


def test_a_sign_in_stands_beside_what_its_session_and_its_address_then_did(case: Path) -> None:
    owner, failed, attacker, lee = ask(ready([case]), "signins")
    assert attacker == {
        "time": "2026-11-10T03:00:00Z",
        "user": ADELE,
        "result": "success",
        "error": None,
        "client_ip": FOREIGN,
        "session_id": "s-attacker",
        "app_id": "app-1",
        "app": None,
        "user_agent": "Mozilla/5.0",
        "device": "Linux",
        "interactive": None,
        "session_records": 2,
        "session_ips": ["2001:db8::5", FOREIGN],
        "address_records": 2,
        "sources": ["unified-audit-log"],
        "record_id": "in-3",
    }
    assert (owner["session_records"], owner["session_ips"]) == (1, [OWN])
    assert (failed["result"], failed["error"]) == ("failure", "50126 InvalidUserNameOrPassword")
    assert (failed["session_records"], failed["session_ips"], failed["address_records"]) == (0, [], 2)
    assert (lee["user"], lee["session_records"], lee["session_ips"]) == (LEE, 0, [])


@pytest.mark.parametrize(
    ("narrowing", "expected"),
    [
        ({"user": [LEE.upper()]}, ["in-4"]),
        ({"mailbox": [ADELE]}, ["in-1", "in-2", "in-3"]),
        ({"ip": ["203.0.113.0/24"]}, ["in-2", "in-3"]),
        ({"session": ["s-owner"]}, ["in-1"]),
        ({"app": ["APP-2"]}, ["in-4"]),
        ({"since": "2026-11-10T02:00:00Z", "until": "2026-11-10T04:00:00Z"}, ["in-2", "in-3"]),
        ({"user": [ADELE], "ip": [OWN]}, ["in-1"]),
        ({"source": ["management-activity"]}, []),
    ],
)
def test_each_filter_narrows_the_sign_ins(case: Path, narrowing: dict[str, Any], expected: list[str]) -> None:
    assert answers(case, **narrowing) == expected


def test_the_same_sign_in_of_both_feeds_stands_once_and_says_where(tmp_path: Path) -> None:
    told = sign_in("s-attacker", FOREIGN, IntraSystemId="request-3")
    run = collect(
        tmp_path,
        audit_log(Piece(DAY, [row("in-3", 3, **told)]), question=EVERYTHING),
        feed(Piece(DAY, [record("in-3", 3, **told)], part=DIRECTORY)),
    )
    (line,) = ask(ready([run]), "signins")
    assert line["sources"] == ["management-activity", "unified-audit-log"]


def test_two_ways_in_which_one_request_ended_are_two_rows(tmp_path: Path) -> None:
    both = [
        row("a", 3, **sign_in(None, FOREIGN, IntraSystemId="r", **FAILED)),
        row("b", 3, **sign_in("s", FOREIGN, IntraSystemId="r")),
    ]
    run = collect(tmp_path, audit_log(Piece(DAY, both), question=EVERYTHING))
    assert sorted(line["result"] for line in ask(ready([run]), "signins")) == ["failure", "success"]


def limits(run: Path) -> list[str]:
    with investigate(ready([run]), question("signins"), Filters(), ASKED) as found:
        assert any("import" in remark for remark in found.remarks)
        return [one.text for one in found.limits]


def test_an_audit_log_that_was_not_asked_for_sign_ins_says_so(tmp_path: Path) -> None:
    run = collect(tmp_path, audit_log(Piece(DAY)))
    assert limits(run) == ["it was not asked for UserLoggedIn, UserLoginFailed"]


def test_a_feed_without_the_directorys_records_is_no_source_of_sign_ins(tmp_path: Path) -> None:
    assert limits(collect(tmp_path, feed(Piece(DAY)))) == ["no run here asked for audit records"]
    assert limits(collect(tmp_path, feed(Piece(DAY, part=DIRECTORY)))) == []


def test_a_case_that_asked_for_all_is_covered(case: Path) -> None:
    assert limits(case) == []


def test_two_logs_that_differ_are_found_by_either_and_it_is_said(tmp_path: Path) -> None:
    first = collect(
        tmp_path, audit_log(Piece(DAY, [row("a", 3, **sign_in("s", OWN, IntraSystemId="r"))]), question=EVERYTHING)
    )
    second = collect(
        tmp_path, audit_log(Piece(DAY, [row("b", 3, **sign_in("s", FOREIGN, IntraSystemId="r"))]), question=EVERYTHING)
    )
    prepared = ready([first, second])
    for ip in (OWN, FOREIGN):
        (line,) = ask(prepared, "signins", ip=[ip])
        assert (line["client_ip"], line["record_id"]) == (OWN, "a")
    with investigate(prepared, question("signins"), Filters(), ASKED) as found:
        assert [one.kind for one in found.limits] == ["variants"]


def test_a_sign_in_without_a_time_is_in_no_answer_about_a_period_and_that_is_said(tmp_path: Path) -> None:
    timeless = row("a", 3, **sign_in("s", OWN), CreationTime="11/1/2026, 10:00:00 AM")
    prepared = ready([collect(tmp_path, audit_log(Piece(DAY, [timeless]), question=EVERYTHING))])
    assert len(ask(prepared, "signins")) == 1
    narrowed = Filters(since=ASKED.replace(month=11, day=10))
    with investigate(prepared, question("signins"), narrowed, ASKED) as found:
        assert found.answer.count() == 0
        assert "incomplete-records" in [one.kind for one in found.limits]


def test_two_attempts_of_one_request_that_failed_differently_are_two_rows(tmp_path: Path) -> None:
    second = {**FAILED, "ErrorNumber": "50074", "LogonError": "MfaRequired"}
    both = [
        row("a", 3, **sign_in(None, FOREIGN, IntraSystemId="r", **FAILED)),
        row("b", 3, **sign_in(None, FOREIGN, IntraSystemId="r", **second)),
    ]
    run = collect(tmp_path, audit_log(Piece(DAY, both), question=EVERYTHING))
    assert [line["error"] for line in ask(ready([run]), "signins")] == [
        "50126 InvalidUserNameOrPassword",
        "50074 MfaRequired",
    ]
