"""Entries of mailboxes' own logs: read as the accesses they tell of, counted only where nothing else tells of them."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from collector.analysis.filters import Filters
from collector.analysis.investigation import investigate
from collector.analysis.mailbox_entry import take
from collector.analysis.questions import question
from collector.model import Axis, SourcePlan, Status
from tests.analysis.cases import APP, ATTACKER_IP, GRAPH, MEGAN, OWA, ask, ready
from tests.analysis.feeds import ASKED, Collected, Piece, at, audit_log, collect, feed, record, row, window

LOG = "mailbox-audit-log"
OFFER, PAYROLL = "<offer@mail.example.org>", "<payroll@mail.example.org>"
DAY = (0.0, 24.0)
FOLDERS = [
    {"Id": "f-1", "Path": "\\Boîte", "FolderItems": [{"InternetMessageId": OFFER, "SizeInBytes": 7}, {"Id": "x"}]}
]
BIND: dict[str, Any] = {
    "OperationProperties": ["MailAccessType:Bind", "IsThrottled:False"],
    "AuditOperationsCountInAggregatedRecord": 2,
    "AggregatedRecordFoldersData": json.dumps(FOLDERS),
}
SYNC: dict[str, Any] = {
    "OperationProperties": ["IsThrottled:False", "MailAccessType:Sync"],
    "FolderId": "f-1",
    "FolderName": "Inbox",
    "FolderPathName": "Not Available",
    "ClientProcessName": "OUTLOOK.EXE",
}


def entry(identity: object, hour: float, **members: object) -> bytes:
    fields = {
        "Operation": "MailItemsAccessed",
        "LogonType": "Owner",
        "MailboxGuid": "guid-m",
        "MailboxGuid@data.type": "System.Guid",
        "MailboxOwnerUPN": MEGAN,
        "MailboxOwnerSid": "S-1-5-21-1",
        "MailboxResolvedOwnerName": "Megan Owner",
        "LogonUserSid": "S-1-5-21-1",
        "ClientIPAddress": ATTACKER_IP,
        "ClientIP": ATTACKER_IP,
        "ClientInfoString": OWA,
        "SessionId": "s-1",
        "AppId": GRAPH,
        "ClientAppId": APP,
        "LastAccessed": f"{at(hour):%Y-%m-%dT%H:%M:%S}.0000000+00:00",
        "Identity": identity,
        **members,
    }
    return json.dumps(fields).encode()


def old_store(*pieces: Piece, part: str = MEGAN) -> Collected:
    hours = (min(piece.hours[0] for piece in pieces), max(piece.hours[1] for piece in pieces))
    plan = SourcePlan(LOG, Axis.EVENT, window(hours), (part,), {"cmdlet": "Search-MailboxAuditLog"})
    return Collected(plan, [piece._replace(part=part) for piece in pieces])


def told(line: bytes, column: str) -> object:
    return take(line)[0].told[column]


def test_a_bind_names_its_messages_from_the_text_of_its_folders() -> None:
    taken, trouble = take(entry("e1", 1, **BIND))
    assert trouble is None
    assert [(item.internet_message_id, item.item_id, item.size) for item in taken.items] == [
        (OFFER, None, 7),
        (None, "x", None),
    ]
    assert taken.items[0].folder == ("f-1", "\\Boîte")
    assert {
        name: taken.told[name] for name in ("record_id", "access", "throttled", "operation_count", "is_access")
    } == {
        "record_id": "e1",
        "access": "Bind",
        "throttled": False,
        "operation_count": 2,
        "is_access": True,
    }
    assert taken.context[:3] == ("guid-m", MEGAN, MEGAN)
    assert (taken.context.client_ip, taken.context.session_id, taken.context.app_id) == (ATTACKER_IP, "s-1", APP)


def test_a_sync_names_its_folder() -> None:
    taken, _ = take(entry("e1", 1, **SYNC))
    assert (taken.told["access"], taken.told["folder_id"], taken.told["folder_name"]) == ("Sync", "f-1", "Inbox")
    assert taken.items == ()
    assert taken.context.client_process == "OUTLOOK.EXE"


@pytest.mark.parametrize(
    "properties", ["MailAccessType:Bind;IsThrottled:True", ["isthrottled: true", "MAILACCESSTYPE:bind"]]
)
def test_properties_are_texts_in_any_order(properties: object) -> None:
    line = entry("e1", 1, **{**BIND, "OperationProperties": properties})
    assert (told(line, "access"), told(line, "throttled")) == ("Bind", True)


@pytest.mark.parametrize(
    ("said", "number"), [("Owner", 0), ("Admin", 1), ("delegate", 2), ("Delegated", 2), (2, 2), ("Nobody", None)]
)
def test_logon_types_are_the_numbers_of_an_audit_record(said: object, number: int | None) -> None:
    assert take(entry("e1", 1, LogonType=said))[0].context.logon_type == number


@pytest.mark.parametrize(
    ("fields", "user"),
    [
        ({}, MEGAN),
        ({"LogonUserSid": None}, MEGAN),
        ({"LogonUserSid": "S-1-5-21-2"}, "S-1-5-21-2"),
        ({"LogonType": "Delegate", "LogonUserSid": "S-1-5-21-2"}, "S-1-5-21-2"),
        ({"LogonType": "Delegate", "LogonUserDisplayName": "Priya", "LogonUserSid": "S-1-5-21-2"}, "Priya"),
        ({"LogonType": "Admin", "LogonUserSid": None}, None),
    ],
)
def test_an_owner_is_known_by_the_mailboxs_name_and_nobody_else_is(fields: dict[str, object], user: str | None) -> None:
    assert take(entry("e1", 1, **fields))[0].context.user_id == user


OWN_ID = "RgAAAAD2IPIHi+5hRbpG6a+Y0KnMBwDP0tqHmzKnRYIeTca3"


def test_entries_whose_identities_differ_by_case_alone_are_two() -> None:
    assert take(entry(f"{OWN_ID}a=", 1))[0].key != take(entry(f"{OWN_ID}A=", 1))[0].key


def test_an_entry_with_an_identity_of_its_own_is_one_in_whatever_it_says() -> None:
    told_once, told_again = entry(OWN_ID, 1, ItemSubject="a"), entry(OWN_ID, 1, ItemSubject="b")
    assert take(told_once)[0].key == take(told_again)[0].key != take(entry(OWN_ID, 2, ItemSubject="a"))[0].key


@pytest.mark.parametrize(
    "identity",
    [
        "contoso.onmicrosoft.com/Megan",
        "/o=ExchangeLabs/ou=Exchange Administrative Group (FYDIBOHF23SPDLT)/cn=Recipients/cn=0a1b2c3d-Megan",
        "CN=Megan,OU=contoso.onmicrosoft.com,OU=Microsoft Exchange Hosted Organizations,DC=EURPR01A001,DC=PROD",
        "0A1B2C3D-0000-4000-8000-0A1B2C3D4E5F",
        "megan",
    ],
)
def test_entries_that_bear_the_mailboxs_identity_in_any_form_keep_their_own_addresses(
    tmp_path: Path, identity: str
) -> None:
    lines = [entry(identity, 1, **{**BIND, "ClientIPAddress": f"192.0.2.{number}"}) for number in (1, 2)]
    prepared = ready([collect(tmp_path, old_store(Piece(DAY, [*lines, lines[0]])))])
    found = [one["client_ip"] for one in ask(prepared, "binds") if one["internet_message_id"] == OFFER]
    assert sorted(found) == ["192.0.2.1", "192.0.2.2"]


@pytest.mark.parametrize("identity", [None, "", "guid-M", "Megan Owner", MEGAN.upper()])
def test_an_entry_without_an_identity_of_its_own_is_named_by_all_that_it_says(identity: object) -> None:
    first, second = take(entry(identity, 1, ItemSubject="a"))[0], take(entry(identity, 1, ItemSubject="b"))[0]
    assert first.key != second.key
    assert first.told["record_id"] not in (None, identity, second.told["record_id"])


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"ItemInternetMessageId": OFFER, "ItemId": "x"}, [OFFER]),
        ({"ItemId": "x", "AggregatedRecordFoldersData": ""}, [None]),
        ({"SourceItemInternetMessageIdsList": f"{OFFER}; {PAYROLL}"}, [OFFER, PAYROLL]),
        ({"AggregatedRecordFoldersData": json.dumps({"Folders": FOLDERS})}, [OFFER, None]),
        ({"AggregatedRecordFoldersData": FOLDERS}, [OFFER, None]),
    ],
)
def test_messages_are_found_wherever_an_entry_names_them(fields: dict[str, object], named: list[str | None]) -> None:
    line = entry("e1", 1, **{**BIND, "AggregatedRecordFoldersData": None, **fields})
    assert [item.internet_message_id for item in take(line)[0].items] == named


def test_folders_that_cannot_be_read_are_told_and_the_access_counts(tmp_path: Path) -> None:
    line = entry("e1", 1, **{**BIND, "AggregatedRecordFoldersData": '[{"Id":"f-1","FolderItems":[{"Intern'})
    prepared = ready([collect(tmp_path, old_store(Piece(DAY, [line])))])
    with investigate(prepared, question("sessions"), Filters(), ASKED) as found:
        kinds = [one.kind for one in found.limits]
        assert any("AggregatedRecordFoldersData" in one.text for one in found.limits if one.kind == "unread")
    assert {"unread", "incomplete-records"} <= set(kinds)
    assert [one["records"] for one in ask(prepared, "sessions")] == [1]


@pytest.mark.parametrize(
    "line", [b"[1]", b"{", b'{"Identity":"\\ud800","LastAccessed":7,"OperationProperties":{"a":1}}']
)
def test_a_hostile_line_is_read_or_named(tmp_path: Path, line: bytes) -> None:
    prepared = ready([collect(tmp_path, old_store(Piece(DAY, [line])))])
    with investigate(
        prepared, "SELECT (SELECT count(*) FROM records) + (SELECT count(*) FROM unread)", Filters(), ASKED
    ) as found:
        assert found.answer.first(1) == [(1,)]


BINDS = [entry(f"e{hour}", hour, **BIND) for hour in (2, 14)]
SAME = [
    row(
        f"r{hour}",
        hour,
        MailboxGuid="guid-m",
        MailboxOwnerUPN=MEGAN,
        OperationProperties=[{"Name": "MailAccessType", "Value": "Bind"}],
        Folders=FOLDERS,
    )
    for hour in (2, 14)
]


def counted(tmp_path: Path, *feeds: Collected, **narrowing: Any) -> list[str]:
    """Return the sources' record ids in the answer to binds, each once."""
    prepared = ready([collect(tmp_path, old_store(Piece(DAY, BINDS)), *feeds)])
    return sorted({one["record_id"] for one in ask(prepared, "binds", **narrowing)})


def test_entries_answer_where_nothing_else_was_collected(tmp_path: Path) -> None:
    assert counted(tmp_path) == ["e14", "e2"]


def test_entries_do_not_count_where_the_unified_log_is_whole(tmp_path: Path) -> None:
    assert counted(tmp_path, audit_log(Piece(DAY, SAME))) == ["r14", "r2"]
    assert counted(tmp_path / "all", audit_log(Piece(DAY, SAME), question={})) == ["r14", "r2"]


@pytest.mark.parametrize("status", [Status.EMPTY, Status.COMPLETE])
def test_entries_count_where_the_unified_log_was_asked_too_soon(tmp_path: Path, status: Status) -> None:
    assert counted(tmp_path, audit_log(Piece(DAY, status=status, settled=False))) == ["e14", "e2"]
    half = audit_log(Piece((0.0, 12.0), SAME[:1]), Piece((12.0, 24.0), SAME[1:], settled=False))
    assert counted(tmp_path / "half", half) == ["e14", "r14", "r2"]
    assert sorted(said(tmp_path / "said", half)[1]) == ["counted-beside", "narrowed", "not-settled"]


def test_an_answer_that_is_empty_tells_of_nothing_an_entry_does(tmp_path: Path) -> None:
    half = audit_log(Piece((0.0, 12.0), SAME[:1]), Piece((12.0, 24.0), status=Status.EMPTY))
    assert counted(tmp_path, half) == ["e14", "r2"]


def test_entries_count_where_they_are_asked_for(tmp_path: Path) -> None:
    both = audit_log(Piece(DAY, SAME))
    assert counted(tmp_path / "1", both, source=[LOG]) == ["e14", "e2"]
    assert counted(tmp_path / "2", both, source=[LOG, "unified-audit-log"]) == ["e14", "e2", "r14", "r2"]


def test_entries_stand_in_for_a_gap_and_only_there(tmp_path: Path) -> None:
    gap = audit_log(Piece((0.0, 12.0), SAME[:1]), Piece((12.0, 24.0), status=Status.GAP))
    assert counted(tmp_path, gap) == ["e14", "r2"]


@pytest.mark.parametrize(
    "question_",
    [
        {"Operations": ["Send"]},
        {"Operations": ["MailItemsAccessed"], "UserIds": ["x"]},
        {"Operations": ["MailItemsAccessed"], "FreeText": "x"},
    ],
)
def test_a_source_that_was_narrowed_is_whole_for_nobody(tmp_path: Path, question_: dict[str, Any]) -> None:
    assert counted(tmp_path, audit_log(Piece(DAY), question=question_)) == ["e14", "e2"]


def test_a_record_type_is_not_all_there_is(tmp_path: Path) -> None:
    part = "ExchangeItemAggregated"
    assert counted(tmp_path, audit_log(Piece(DAY, part=part), parts=(part,))) == ["e14", "e2"]


def test_the_activity_feed_is_whole_a_day_before_its_listing_ends(tmp_path: Path) -> None:
    records = [record("r2", 2, MailboxGuid="guid-m", Folders=FOLDERS, OperationProperties={"MailAccessType": "Bind"})]
    assert counted(tmp_path, feed(Piece((0.0, 30.0), records))) == ["e14", "r2"]


def test_what_is_not_an_access_is_told_elsewhere_only_by_what_was_asked_for_it(tmp_path: Path) -> None:
    line = entry("d1", 2, Operation="HardDelete")
    for folder, asked_for, expected in (("a", ["MailItemsAccessed"], 1), ("b", ["harddelete"], 0), ("c", [], 0)):
        log = audit_log(Piece(DAY), question={"Operations": asked_for})
        prepared = ready([collect(tmp_path / folder, old_store(Piece(DAY, [line])), log)])
        with investigate(prepared, "SELECT count(*) FROM records", Filters(), ASKED) as found:
            assert found.answer.first(1) == [(expected,)]


def test_another_tenants_log_tells_nothing_of_this_ones_mailboxes(tmp_path: Path) -> None:
    runs = [
        collect(tmp_path / "a", old_store(Piece(DAY, BINDS)), tenant="contoso.example.org"),
        collect(tmp_path / "b", audit_log(Piece(DAY)), tenant="fabrikam.example.org"),
    ]
    assert len({one["record_id"] for one in ask(ready(runs), "binds")}) == 2


def test_another_run_of_the_tenant_does(tmp_path: Path) -> None:
    runs = [collect(tmp_path, old_store(Piece(DAY, BINDS))), collect(tmp_path, audit_log(Piece(DAY, SAME)))]
    assert {one["record_id"] for one in ask(ready(runs), "binds")} == {"r2", "r14"}


def said(tmp_path: Path, *feeds: Collected, **narrowing: Any) -> tuple[Sequence[str], list[str]]:
    prepared = ready([collect(tmp_path, old_store(Piece(DAY, BINDS)), *feeds)])
    with investigate(prepared, question("syncs"), Filters(**narrowing), ASKED) as found:
        return found.remarks, [one.kind for one in found.limits]


def test_it_is_said_what_is_not_counted_and_what_may_count_twice(tmp_path: Path) -> None:
    whole, gap = audit_log(Piece(DAY, SAME)), audit_log(Piece(DAY, SAME, status=Status.GAP))
    remarks, kinds = said(tmp_path / "1", whole)
    assert "2 entries of mailbox-audit-log are not counted" in remarks[0]
    assert kinds == ["narrowed"]
    remarks, kinds = said(tmp_path / "2", gap)
    assert remarks == ()
    assert sorted(kinds) == ["counted-beside", "gap", "narrowed"]
    assert said(tmp_path / "3", whole, source=(LOG,)) == ((), ["narrowed"])
    assert said(tmp_path / "4") == ((), ["narrowed"])


def test_the_same_entry_in_two_runs_counts_once(tmp_path: Path) -> None:
    runs = [collect(tmp_path, old_store(Piece(DAY, BINDS))) for _ in range(2)]
    assert len(ask(ready(runs), "binds")) == 4


def test_what_is_left_out_is_left_out_with_its_items_and_addresses(tmp_path: Path) -> None:
    prepared = ready([collect(tmp_path, old_store(Piece(DAY, BINDS)), audit_log(Piece(DAY)))])
    for view in ("items", "addresses", "apps"):
        with investigate(prepared, f"SELECT count(*) FROM {view}", Filters(), ASKED) as found:
            assert found.answer.first(1) == [(0,)]
    with investigate(prepared, "SELECT count(*) FROM raw", Filters(), ASKED) as found:
        assert found.answer.first(1) == [(2,)]
