"""Audit records and traces that others exported: they answer what collected ones do, and one Id counts once."""

import io
import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest

from collector.analysis.imported import imported, trace_of
from collector.analysis.imported_record import record_of
from collector.analysis.investigation import investigate
from collector.analysis.prepare import Prepared
from collector.analysis.questions import question
from collector.analysis.rows import Place
from collector.run.importing import bring_in
from tests.analysis import oracle
from tests.analysis.cases import (
    CASE,
    HOURS,
    MEGAN,
    OF_ACCESSES,
    PAYROLL,
    TRACES,
    Line,
    Row,
    ask,
    encoded,
    filters,
    ready,
    trace,
)
from tests.analysis.feeds import ASKED, Piece, audit_log, collect, record
from tests.run.test_importing import seams
from tests.sources import exported
from tests.sources.exported import table
from tests.sources.test_samples import ROW, SAMPLES, samples

RECORDS: list[Line] = [json.loads(record(name, hour, **fields)) for name, (hour, fields) in CASE.items()]
ACCESSES = [one for one in RECORDS if one["Operation"] == "MailItemsAccessed"]
PLACE = Place(1, "import", "data/import/a.csv/000001.jsonl", 1)
HALF = len(RECORDS) // 2

EXPORTS: dict[str, Callable[[list[Line]], bytes]] = {
    "export-csv": lambda records: table(exported.ual_rows(records), above="#TYPE Deserialized\r\n", encoding="utf-16"),
    "export-csv-culture": lambda records: table(exported.ual_rows(records), ";", encoding="utf-8-sig"),
    "convertto-json": lambda records: json.dumps(exported.ual_rows(records), indent=2).encode("utf-16"),
    "extractor-suite-json": exported.mes_json,
    "extractor-suite-lines": exported.lines,
    "extractor-suite-jsonl": lambda records: exported.lines(exported.ual_rows(records)),
    "extractor-suite-graph": lambda records: json.dumps(exported.graph_rows(records)).encode(),
    "portal": lambda records: table(exported.portal_rows(records)),
    "hawk-json": lambda records: json.dumps(records, indent=2).encode("utf-16-le"),
    "hawk-simple-json": lambda records: json.dumps(exported.hawk_simple(records)).encode(),
    "sentinel-csv": lambda records: table(exported.office_rows(records), encoding="utf-8-sig"),
    "sentinel-json": lambda records: json.dumps(exported.office_rows(records)).encode(),
}


def brought(folder: Path, *files: bytes) -> Path:
    paths = [folder / f"export-{number}" for number in range(len(files))]
    for path, data in zip(paths, files, strict=True):
        path.write_bytes(data)
    return bring_in(folder / "contoso-2026-11", paths, seams()).path


def collected(evidence: Path, records: Iterable[Line] = RECORDS) -> Path:
    rows = encoded(exported.ual_rows(list(records)))
    return collect(evidence, audit_log(Piece(HOURS, rows), question={}), trace(Piece(HOURS, encoded(TRACES))))


def answers(prepared: Prepared) -> dict[str, list[str]]:
    return {name: sorted(json.dumps(_alike(row)) for row in ask(prepared, name)) for name in OF_ACCESSES}


def _alike(row: Row) -> Row:
    """Leave out what depends on what was traced, not on the records."""
    return {**row, "reason": None, "trace": None}


def said(prepared: Prepared, name: str = "binds") -> list[str]:
    with investigate(prepared, question(name), filters({}), ASKED) as found:
        return [limit.text for limit in found.limits]


@pytest.mark.parametrize("name", EXPORTS)
def test_imported_records_answer_as_collected_ones_do(name: str, tmp_path: Path) -> None:
    reference = ready([collected(tmp_path / "collected", ACCESSES)])
    traced = collect(tmp_path / "traced", trace(Piece(HOURS, encoded(TRACES))))
    case = ready([brought(tmp_path, EXPORTS[name](ACCESSES)), traced])
    assert answers(case) == answers(reference)
    assert all(answers(case).values())
    assert not [text for text in said(case) if "could not be read" in text]


@pytest.mark.parametrize("name", EXPORTS)
def test_an_id_counts_once_over_all_roads(name: str, tmp_path: Path) -> None:
    reference = ready([collected(tmp_path / "collected", ACCESSES)])
    overlapping = brought(tmp_path, EXPORTS[name](ACCESSES[HALF - 2 :]), EXPORTS["portal"](ACCESSES))
    first = collected(tmp_path / "first", ACCESSES[:HALF])
    assert answers(ready([first, overlapping])) == answers(reference)


@pytest.mark.parametrize("other", ["portal", "collected"])
def test_a_table_that_leaves_out_sessions_takes_none_from_another(other: str, tmp_path: Path) -> None:
    reference = ready([collected(tmp_path / "collected", ACCESSES)])
    left_out = {"SessionId": "", "AppId": "", "ClientAppId": "", "AppAccessContext": ""}
    flat = table([{**row, **left_out} for row in exported.office_rows(ACCESSES)])
    files = [flat, EXPORTS["portal"](ACCESSES), TRACED["csv"]] if other == "portal" else [flat]
    runs = [brought(tmp_path, *files), *([reference.tables[0].account.path] if other == "collected" else [])]
    for some in (runs, runs[::-1]):
        assert answers(ready(some)) == answers(reference)
    assert [text for text in said(ready(runs)) if "contents that differ" in text]


def test_what_an_import_covers_is_said_with_the_answer(tmp_path: Path) -> None:
    case = ready([brought(tmp_path, EXPORTS["portal"](ACCESSES))])
    assert [text for text in said(case) if "not-known" in text]
    assert "no run here asked for audit records" in said(case)
    assert ask(case, "binds") == ask(case, "binds", source=["import"]) != []


def test_sign_ins_in_an_exported_audit_log_are_sign_ins(tmp_path: Path) -> None:
    sign_in = {
        "CreationTime": "2026-11-10T08:00:00",
        "UserId": MEGAN,
        "Id": "sign-in",
        "Operation": "UserLoggedIn",
        "RecordType": 15,
        "ActorIpAddress": "203.0.113.66",
        "DeviceProperties": [{"Name": "SessionId", "Value": "s-attacker"}],
    }
    for number, data in enumerate((table(exported.ual_rows([sign_in])), table([{**sign_in, "DeviceProperties": "x"}]))):
        (tmp_path / str(number)).mkdir()
        (row,) = ask(ready([brought(tmp_path / str(number), data)]), "signins")
        assert (row["client_ip"], row["record_id"]) == ("203.0.113.66", "sign-in")
        assert row["session_id"] == ("s-attacker" if not number else None)


def test_lists_that_an_export_did_not_write_out_are_named_and_the_record_counts(tmp_path: Path) -> None:
    case = ready([brought(tmp_path, table(ACCESSES))])  # as Hawk's CSV, with System.Object[] for each list
    assert len(ask(case, "binds")) == 0
    lost = [text for text in said(case) if "has lost" in text]
    assert len(lost) == len(ACCESSES)
    assert all("export-0 line" in text and "System.Object[]" in text for text in lost)
    assert [text for text in said(case) if "show neither Bind nor Sync" in text]


@pytest.mark.parametrize(
    ("member", "value", "named"),
    [
        ("Folders", "System.Object[]", True),
        ("Folders", ["@{FolderItems=System.Object[]; Id=x; Path=\\Inbox}"], True),
        ("Folders", [{"Path": "\\Inbox", "FolderItems": "System.Object[]"}], True),
        ("Folders", '[{"Path":"\\\\Inbox","FolderItems":[{"Intern', True),
        ("Item", {"ParentFolder": "@{Name=Inbox}"}, True),
        ("CreationTime", "3/4/2026 5:06:07 AM", True),
        ("Parameters", "System.Object[]", True),
        ("ModifiedProperties", "@{Name=x; NewValue=}", True),
        ("AffectedItems", ["@{Id=1}"], True),
        ("ExchangeMetaData", "System.Collections.Generic.List`1[System.String]", True),
        ("SourceFileName", "System.Web.dll", False),
        ("Subject", "@{you}: [1] System.Object[] is what I see", False),
        ("Folders", [{"Path": "System.", "FolderItems": [{"Subject": "[External] {x}"}]}], False),
        ("Folders", "", False),
        ("OperationProperties", "MailAccessType:Bind", False),
        ("CreationTime", None, False),
    ],
)
def test_what_an_export_lost_is_told_from_what_was_never_there(member: str, value: Any, named: bool) -> None:
    row = {**ACCESSES[0], member: value}
    line = {"file": "a.csv", "line": 7, "kind": "audit-records", "row": row}
    apart = {**line, "kind": "unified-audit-log", "row": {"AuditData": row}}
    for one in (line, apart):
        held = record_of(imported(json.dumps(one).encode()))
        assert held is not None
        assert bool(held.lost) is named
        assert json.loads(held.record)["Id"] == ACCESSES[0]["Id"]


def test_a_record_by_itself_is_what_it_was_and_nothing_is_added() -> None:
    for one in RECORDS:
        held = record_of(imported(json.dumps({"file": "a", "line": 1, "kind": "audit-records", "row": one}).encode()))
        assert held is not None
        assert json.loads(held.record) == one


def test_words_for_numbers_are_numbers() -> None:
    words = {"RecordType": "exchangeItem", "UserType": "ServicePrincipal", "LogonType": "DelegatedAdmin"}
    line = {"file": "a", "line": 1, "kind": "audit-records", "row": {**ACCESSES[0], **words}}
    held = record_of(imported(json.dumps(line).encode()))
    assert held is not None
    told = json.loads(held.record)
    assert (told["RecordType"], told["UserType"], told["LogonType"]) == (2, 6, 6)


def test_a_local_time_that_the_import_could_read_is_the_records_time(tmp_path: Path) -> None:
    dated = [{**one, "CreationTime": f"11/{13 + number}/2026 6:00:00 PM"} for number, one in enumerate(ACCESSES)]
    rows = [
        {**row, "OperationProperties": json.dumps(one["OperationProperties"])}
        for row, one in zip(dated, ACCESSES, strict=True)
    ]
    case = ready([brought(tmp_path, table(rows))])
    shown = {row["time"] for row in ask(case, "syncs")}
    assert shown
    assert all(time.startswith("2026-11-") and time.endswith("T18:00:00Z") for time in shown)


@pytest.mark.parametrize("data", ["{cut", "", "[]", "null", 7, None])
def test_a_row_whose_record_cannot_be_read_is_named_with_its_line(data: Any, tmp_path: Path) -> None:
    rows = exported.ual_rows(ACCESSES)
    rows[1]["AuditData"] = data
    case = ready([brought(tmp_path, json.dumps(rows).encode())])
    (named,) = [text for text in said(case) if "could not be read" in text]
    assert "export-0 line 1: " in named
    assert len(ask(case, "contexts")) > 0


def test_half_a_letter_in_an_exported_record_is_kept(tmp_path: Path) -> None:
    one = {**ACCESSES[1], "Id": "half", "ClientInfoString": "x\ud83d"}
    for number, data in enumerate((json.dumps([one]).encode(), exported.mes_json([one]))):
        (tmp_path / str(number)).mkdir()
        (row, *_) = ask(ready([brought(tmp_path / str(number), data)]), "binds")
        assert row["client_info"] == "x\\ud83d"


US = [{**one, "Received": "11/13/2026 6:00:00 AM"} for one in TRACES]
TRACED = {
    "csv": table(exported.traces(TRACES)),
    "csv-us": table(exported.traces(US), ";", encoding="utf-16"),
    "json": json.dumps(exported.traces(TRACES), indent=1).encode(),
    "powershell-5": json.dumps(exported.traces([{**one, "Received": "/Date(1794549600000)/"} for one in US])).encode(),
    "graph": json.dumps(
        {
            "value": [
                {
                    "id": one["MessageTraceId"],
                    "messageId": one["MessageId"],
                    "receivedDateTime": one["Received"],
                    "senderAddress": one["SenderAddress"],
                    "recipientAddress": one["RecipientAddress"],
                    "subject": one["Subject"],
                    "size": one["Size"],
                    "fromIP": one["FromIP"],
                    "status": one["Status"][:1].lower() + one["Status"][1:],
                }
                for one in TRACES
            ]
        }
    ).encode(),
}


@pytest.mark.parametrize("name", TRACED)
def test_imported_traces_tell_of_the_messages_that_were_accessed(name: str, tmp_path: Path) -> None:
    case = ready([brought(tmp_path, TRACED[name], EXPORTS["portal"](ACCESSES))])
    found = {row["internet_message_id"]: row for row in ask(case, "emails", mailbox=[MEGAN])}
    assert found[PAYROLL]["trace"] == "found"
    assert (found[PAYROLL]["subject"], found[PAYROLL]["size"]) == ("Ångström: payroll", 4321)
    assert found[PAYROLL]["statuses"] == ["Delivered", "FilteredAsSpam"]
    expected = "2026-11-13T06:00:00Z" if name in {"csv-us", "powershell-5"} else "2026-11-10T06:00:00.5Z"
    assert found[PAYROLL]["received"].replace("500000", "5") == expected
    others = {row["trace"] for message, row in found.items() if message.strip("<>") != PAYROLL.strip("<>")}
    assert others == {"out-of-reach"}


def test_a_trace_that_was_collected_and_imported_twice_counts_once(tmp_path: Path) -> None:
    whole_seconds = [{**one, "Received": "2026-11-10T06:00:00Z"} for one in TRACES]
    imports = brought(tmp_path, TRACED["csv"] + b"\r\n", TRACED["json"], table(exported.traces(whole_seconds)))
    runs = [imports, collected(tmp_path / "collected", ACCESSES)]
    for some in (runs, runs[::-1]):
        with investigate(ready(some), "SELECT count(*) AS number FROM traces", filters({}), ASKED) as found:
            output = io.BytesIO()
            found.answer.write(output, "json")
            assert json.loads(output.getvalue()) == [{"number": len(TRACES)}]


def test_a_trace_whose_time_nobody_can_tell_is_named_and_found_all_the_same(tmp_path: Path) -> None:
    rows = [{**one, "Received": "3/4/2026 6:00:00 AM"} for one in TRACES]
    case = ready([brought(tmp_path, table(exported.traces(rows)), EXPORTS["portal"](ACCESSES))])
    assert len([text for text in said(case, "emails") if "time cannot be told" in text]) == len(TRACES)
    (row,) = ask(case, "emails", mailbox=[MEGAN], message_id=[PAYROLL])
    assert (row["trace"], row["received"]) == ("found", None)


def test_a_trace_of_nothing_is_a_row_of_nothing() -> None:
    assert set(trace_of({}, PLACE)[4:]) == {None}


@pytest.mark.skipif(not SAMPLES.is_dir(), reason=f"no published records at {SAMPLES}")
def test_the_published_export_of_the_cmdlet_is_its_record(tmp_path: Path) -> None:
    data = (SAMPLES / ROW).read_bytes()
    (row,) = json.loads(data)
    published = json.loads(row["AuditData"])
    case = ready([brought(tmp_path, data)])
    shown = [(one["record_id"], one["time"], one["folder"], one["internet_message_id"]) for one in ask(case, "binds")]
    assert sorted(shown) == sorted(
        (published["Id"], f"{published['CreationTime']}Z", folder["Path"], item["InternetMessageId"])
        for folder in published["Folders"]
        for item in folder["FolderItems"]
    )


@pytest.mark.skipif(not SAMPLES.is_dir(), reason=f"no published records at {SAMPLES}")
@pytest.mark.parametrize("name", EXPORTS)
def test_published_records_answer_alike_imported_and_collected(name: str, tmp_path: Path) -> None:
    published = [json.loads(one) for one in samples()]
    reference = ready([collected(tmp_path / "collected", published)])
    run = brought(tmp_path, EXPORTS[name](published))
    assert answers(ready([run])) == answers(reference)
    assert answers(ready([run, *[one.account.path for one in reference.tables]])) == answers(reference)
    assert len(ask(ready([run]), "binds")) == len(oracle.answer("binds", [reference.tables[0].account.path]))
