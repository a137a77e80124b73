"""The oracle against rows written by hand: what judges the engine is itself looked at."""

import gzip
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from tests.analysis.oracle import QUESTIONS, answer
from tests.analysis.oracle.story import records, row, traces

Fields = dict[str, Any]
SAMPLES = Path(__file__).parents[4] / "shared" / "samples" / "mail-items-accessed"
COLUMNS = {
    "throttling": "mailbox throttled_at blind_until record_id",
    "syncs": "time mailbox user folder client_ip client_info client_process client_version session_id logon_type"
    " record_id",
    "contexts": "mailbox user client_ip client_info session_id logon_type app_id binds syncs messages folders"
    " first_seen last_seen",
    "binds": "time mailbox user internet_message_id folder client_ip client_info session_id logon_type app_id size"
    " record_id",
    "sessions": "session_id mailbox user client_ips first_seen last_seen records operations messages synced_folders",
    "messages": "internet_message_id mailbox user folders folder_count accesses sessions client_ips first_accessed"
    " last_accessed",
    "folders": "mail_access_type folder_name folder_path mailbox user",
    "emails": "internet_message_id mailbox subject sender recipients received size statuses from_ip trace reason",
}
MEGAN = "megan@contoso.example.org"


def lay(
    run: Path, source: str, rows: Iterable[Fields], *, part: str | None = None, status: str = "complete", plain: int = 0
) -> Path:
    """Add a slice to what looks like a run: enough for the oracle, and no evidence."""
    journal = run / "custody" / "journal.jsonl"
    journal.parent.mkdir(parents=True, exist_ok=True)
    number = len(journal.read_bytes().splitlines()) if journal.exists() else 0
    path = f"data/{source}/{number:06}.jsonl{'' if plain else '.gz'}"
    content = "".join(json.dumps(one) + "\n" for one in rows).encode()
    (run / path).parent.mkdir(parents=True, exist_ok=True)
    (run / path).write_bytes(content if plain else gzip.compress(content))
    commit = {"event": "commit", "source": source, "part": part, "start": None, "end": None, "status": status}
    with journal.open("a") as file:
        file.write(json.dumps(commit | {"reason": None, "chunks": [{"path": path}]}) + "\n")
    return run


def record(identity: str | None, access: str = "Bind", hour: int = 0, **members: Any) -> Fields:
    fields = {
        "CreationTime": f"2026-11-10T{hour:02}:00:00",
        "Id": identity,
        "Operation": "MailItemsAccessed",
        "UserId": MEGAN,
        "MailboxGuid": "g1",
        "MailboxOwnerUPN": MEGAN,
        "OperationProperties": [{"Name": "IsThrottled", "Value": "False"}, {"Name": "MailAccessType", "Value": access}],
        **members,
    }
    return {name: value for name, value in fields.items() if value is not None}


def named(*ids: str | None, path: str = "\\Inbox") -> list[Fields]:
    items = [{"InternetMessageId": one} if one else {} for one in ids]
    return [{"Path": path, "FolderItems": items}]


def test_every_question_has_the_columns_of_the_design_and_each_id_once(tmp_path: Path) -> None:
    made = records(1, 400)
    lay(tmp_path / "a", "unified-audit-log", map(row, made))
    lay(tmp_path / "b", "management-activity", [one for one in made if one.get("Id")], plain=1)
    lay(tmp_path / "b", "message-trace", traces(1, made))
    for question in QUESTIONS:
        rows = answer(question, [tmp_path])
        assert rows
        assert all(list(one) == COLUMNS[question].split() for one in rows)
        assert answer(question, [tmp_path / "a", tmp_path / "b", tmp_path]) == rows
        json.dumps(rows, ensure_ascii=False).encode()
    assert {one["trace"] for one in answer("emails", [tmp_path])} == {"found", "not-found"}


def test_the_story_is_the_same_for_the_same_seed() -> None:
    assert records(7, 300) == records(7, 300) != records(8, 300)
    assert traces(7, records(7, 300)) == traces(7, records(7, 300))
    assert len(records(7, 300)) == 300


def test_variants_are_united_and_the_fuller_one_speaks(tmp_path: Path) -> None:
    one = record("a", Folders=named("<1@x>", "<1@x>", "<2@x>"), ClientIPAddress="[2001:db8::1]:443")
    other = record("A", Folders=named("1@x", "<3@x>"), ClientIPAddress="192.0.2.1")
    lay(tmp_path, "management-activity", [one, other, one])
    rows = answer("binds", [tmp_path])
    assert sorted(one["internet_message_id"] for one in rows) == ["1@x", "<1@x>", "<2@x>", "<3@x>"]
    assert {(one["record_id"], one["client_ip"]) for one in rows} == {("a", "2001:db8::1")}


def test_a_mailbox_is_its_guid_and_has_its_latest_name(tmp_path: Path) -> None:
    old = record("1", hour=1, MailboxOwnerUPN="Old@contoso.example.org")
    lost = record("2", hour=2, MailboxGuid=None, MailboxOwnerUPN="OLD@contoso.example.org")
    lay(tmp_path, "management-activity", [old, lost, record("3", hour=3), record("4", MailboxGuid="g2")])
    found = answer("contexts", [tmp_path], mailbox=["old@CONTOSO.example.org"])
    assert [(one["mailbox"], one["binds"]) for one in found] == [(MEGAN, 3)]
    assert len(answer("contexts", [tmp_path])) == 2


def test_a_throttling_is_found_by_the_day_that_follows(tmp_path: Path) -> None:
    lay(tmp_path, "management-activity", [record("1", OperationProperties=["IsThrottled:True"])])
    shown = {"mailbox": MEGAN, "throttled_at": "2026-11-10T00:00:00Z", "blind_until": "2026-11-11T00:00:00Z"}
    assert answer("throttling", [tmp_path], since="2026-11-10T23:59:59Z") == [shown | {"record_id": "1"}]
    assert answer("throttling", [tmp_path], since="2026-11-11T00:00:00Z") == []
    assert answer("throttling", [tmp_path], until="2026-11-10T00:00:00Z") == []


def test_networks_hold_addresses_in_any_dress(tmp_path: Path) -> None:
    dresses = ("192.0.2.5:80", "::ffff:192.0.2.5", "[::ffff:192.0.2.5]:80", "198.51.100.1")
    lay(tmp_path, "management-activity", [record(one, "Sync", ClientIP=one) for one in dresses])
    rows = answer("syncs", [tmp_path], ip=["192.0.2.0/24"])
    assert [one["client_ip"] for one in rows] == ["192.0.2.5", "::ffff:192.0.2.5", "::ffff:192.0.2.5"]
    assert len(answer("syncs", [tmp_path], ip=["::ffff:192.0.2.0/120", "198.51.100.1"])) == 4


def test_items_without_a_name_are_rows_and_no_messages(tmp_path: Path) -> None:
    lay(tmp_path, "management-activity", [record("1", Folders=named(None, None, "<1@x>"), OperationCount="5")])
    assert [one["accesses"] for one in answer("messages", [tmp_path])] == [1, 2]
    (session,) = answer("sessions", [tmp_path])
    assert (session["messages"], session["operations"], session["session_id"]) == (1, 5, None)
    (narrowed,) = answer("sessions", [tmp_path], message_id=["1@X"])
    assert (narrowed["messages"], narrowed["records"]) == (1, 1)


@pytest.mark.parametrize(
    ("slices", "expected"),
    [
        ([], "out-of-reach"),
        ([(None, "complete"), (None, "empty")], "not-found"),
        ([(None, "complete"), (None, "gap")], "out-of-reach"),
        ([(f"sender:{MEGAN}", "complete")], "out-of-reach"),
        ([(f"sender:{MEGAN}", "complete"), (f"recipient:{MEGAN}", "empty")], "not-found"),
        ([(f"sender:{MEGAN}", "complete"), (f"recipient:{MEGAN}", "gap")], "out-of-reach"),
        ([(None, "complete"), ("sender:other@contoso.example.org", "gap")], "not-found"),
    ],
)
def test_what_was_not_traced_is_out_of_reach(
    tmp_path: Path, slices: list[tuple[str | None, str]], expected: str
) -> None:
    lay(tmp_path, "management-activity", [record("1", Folders=named("<1@x>"))])
    for part, status in slices:
        lay(tmp_path, "message-trace", [], part=part, status=status)
    (email,) = answer("emails", [tmp_path])
    assert email["trace"] == expected
    assert email["reason"]


def test_a_trace_is_joined_exactly_else_without_case(tmp_path: Path) -> None:
    lay(tmp_path, "management-activity", [record("1", Folders=named("aB@x", "<Ab@x>", "<c@x>"))])
    common = {"Size": "7", "Received": "2026-11-09T00:00:00.1234567Z", "Status": "Delivered", "FromIP": ""}
    rows = [{"MessageId": one, "Subject": one, **common} for one in ("<aB@x>", "C@X")]
    lay(tmp_path, "message-trace", rows)
    found = {one["internet_message_id"]: one for one in answer("emails", [tmp_path])}
    assert {name: one["subject"] for name, one in found.items()} == {
        "aB@x": "<aB@x>",
        "<Ab@x>": "<aB@x>",
        "<c@x>": "C@X",
    }
    assert (found["aB@x"]["size"], found["aB@x"]["received"]) == (7, "2026-11-09T00:00:00.123456Z")
    assert (found["aB@x"]["from_ip"], found["aB@x"]["reason"]) == (None, None)


@pytest.mark.skipif(not SAMPLES.is_dir(), reason="the published samples are not here")
def test_the_published_samples(tmp_path: Path) -> None:
    samples = [json.loads(one.read_text("utf-8")) for one in sorted(SAMPLES.glob("*.json"))]
    audit = [one for one in samples if isinstance(one, dict)]
    lay(tmp_path, "management-activity", audit)
    lay(tmp_path, "unified-audit-log", [one for rows in samples if isinstance(rows, list) for one in rows])
    items = [item for one in audit for folder in one.get("Folders", []) for item in folder["FolderItems"]]
    assert len(answer("binds", [tmp_path])) == len(items)
    assert {one["folder"] for one in answer("syncs", [tmp_path])} >= {"Boîte d'envoi", "Inbox"}
    assert {one["folder_path"] for one in answer("folders", [tmp_path])} == {"Not Available"}
    assert sum(one["operations"] for one in answer("sessions", [tmp_path])) == sum(
        one["OperationCount"] for one in audit if "Folders" in one
    )
