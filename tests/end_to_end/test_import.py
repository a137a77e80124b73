"""A report of a historical search from the job to the answer, and what `import` says, as the shell sees it."""

import json
import zipfile
from datetime import datetime

import pytest

from collector.simulator.cast import MEGAN
from tests.end_to_end.stage import assert_sealed_and_sound, coverage_of, lines_of
from tests.sources.exported import table


def emails(stage, name):
    """The messages that were accessed, by whether something tells of them."""
    ended = stage.collector("investigate", "emails", stage.evidence, "--format", "json")
    assert ended.code == 0, ended
    return {row["internet_message_id"]: row for row in json.loads(ended.out) if row["trace"] == name}


def reports_of(stage):
    """The jobs' rows by their ids, of those that found anything."""
    return {row["JobId"]: row for row in lines_of(stage.run_folder, "historical-search") if row["Rows"]}


def test_a_report_is_followed_fetched_by_hand_brought_and_answers(staged):
    stage = staged(sources={"unified-audit-log": {}, "historical-search": {}}, mailboxes=[MEGAN.upn])
    ended = stage.run("--json")
    assert ended.code == 3
    gaps = ended.of_type("gap")
    jobs = reports_of(stage)
    assert {gap["reason"] for gap in gaps} == {f"file-in-browser: {row['FileUrl']}" for row in jobs.values()}
    assert emails(stage, "found") == {}
    files = []
    for number, job in enumerate(jobs):
        files.append(stage.folder / f"report-{number}.csv")
        files[-1].write_bytes(stage.tenant.download(job))
    engagement = stage.run_folder.parent
    brought = stage.collector("import", engagement, *files)
    assert brought.code == 3, brought
    assert "not-known" in brought.out
    first, second = stage.runs
    asked = (one for one in coverage_of(first)["slices"] if one["source"] == "historical-search")
    assert [one["records"] for one in coverage_of(second)["slices"]] == [
        one["expected"] for one in asked if one["expected"]
    ]
    assert_sealed_and_sound(stage, second)
    found = emails(stage, "found")
    traced = {row.message_id: row for row in stage.tenant.scenario.traces if MEGAN.upn in {row.sender, row.recipient}}
    assert found
    told = stage.collector("investigate", "emails", stage.evidence).err
    assert "file-in-browser" in told
    assert "not-known" in told
    assert set(found) <= set(traced)
    for message, row in found.items():
        assert (row["subject"], row["sender"]) == (traced[message].subject, traced[message].sender)
        assert MEGAN.upn in {row["sender"], *row["recipients"]}


def test_the_address_of_a_report_stands_whole_in_the_summary_and_in_status(staged):
    stage = staged(sources={"historical-search": {}}, mailboxes=[MEGAN.upn])
    summary = stage.run().out
    status = stage.collector("status", stage.run_folder).out
    for row in reports_of(stage).values():
        assert row["FileUrl"] in summary
        assert row["FileUrl"] in status


def test_plan_says_that_reports_take_hours(staged):
    stage = staged(sources={"historical-search": {}}, mailboxes=[MEGAN.upn])
    ended = stage.collector("plan", stage.file)
    assert ended.code == 0
    assert "takes hours" in ended.out
    assert not [seen for seen in stage.tenant.requests if seen.cmdlet]


@pytest.mark.parametrize(
    ("words", "remedy"),
    [
        (["{file}"], "known are"),
        (["missing.csv"], "name a file"),
        (["{good}", "--as", "gossip"], "name one of purview-audit-log"),
        (["{good}", "--as", "historical-search-trace"], "known are"),
        (["{good}", "{good}"], "one of the two"),
    ],
)
def test_what_cannot_be_brought_is_exit_2_with_a_remedy_and_nothing_is_written(staged, words, remedy):
    stage = staged()
    good = stage.folder / "good.csv"
    good.write_text("Date (UTC),Request ID,Application,IP address\n1,2,3,4\n", encoding="utf-8")
    given = [word.format(file=stage.file, good=good) for word in words]
    ended = stage.collector("import", stage.evidence / "contoso", *given)
    assert ended.code == 2, ended
    assert remedy in ended.err
    assert not (stage.evidence / "contoso").exists()


def test_sign_ins_that_were_exported_answer_beside_those_of_the_audit_log(staged):
    stage = staged()
    names = ("NonInteractiveSignIns_2026-11-01.csv", "InteractiveSignIns_2026-11-01.csv")
    header = "Date (UTC),Request ID,Username,Application,Application ID ,IP address,Status,Sign-in error code"
    for number, name in enumerate(names):
        row = f"2026-11-01T08:00:0{number}Z,request-{number},{MEGAN.upn},Office,app,203.0.113.66,Success,0"
        (stage.folder / name).write_text(f"{header}\n{row}\n", encoding="utf-8-sig")
    files = [stage.folder / name for name in names]
    assert stage.collector("import", stage.evidence / "contoso", *files).code == 3
    words = ("--source", "import", "--format", "json")
    ended = stage.collector("investigate", "signins", stage.evidence, *words)
    assert ended.code == 0, ended
    rows = json.loads(ended.out)
    assert {(row["client_ip"], row["interactive"]) for row in rows} == {("203.0.113.66", False), ("203.0.113.66", True)}


def answers(stage, folder, question):
    ended = stage.collector("investigate", question, folder, "--format", "json")
    assert ended.code == 0, ended
    return sorted(json.dumps(row) for row in json.loads(ended.out))


def test_what_an_administrator_exported_answers_as_what_was_collected_wherever_we_are(staged):
    stage = staged(sources={"unified-audit-log": {}, "message-trace": {}})
    assert stage.run().code == 0
    rows, traced = lines_of(stage.run_folder, "unified-audit-log"), lines_of(stage.run_folder, "message-trace")
    for number, trace in enumerate(traced):
        moment = datetime.fromisoformat(trace["Received"])
        traced[number] = trace | {"Received": f"{moment:%d.%m.%Y %H:%M:%S}" if moment.day > 12 else trace["Received"]}
    with zipfile.ZipFile(stage.folder / "case.zip", "w") as archive:
        archive.writestr("UAL.csv", table(rows, ";", above="#TYPE Deserialized\r\n", encoding="utf-16"))
        archive.writestr("LogFile.txt", "done")
    (stage.folder / "traces.json").write_text(json.dumps(traced, indent=2), encoding="utf-8-sig")
    stage.environment |= {"TZ": "Pacific/Auckland", "LC_ALL": "de_DE.UTF-8"}
    brought = stage.folder / "brought"
    ended = stage.collector("import", brought / "contoso", stage.folder / "case.zip", stage.folder / "traces.json")
    assert ended.code == 3, ended
    assert "1 rows or files cannot be read" in ended.out
    for question in ("contexts", "binds", "syncs"):
        assert answers(stage, brought, question) == answers(stage, stage.evidence, question)
    assert answers(stage, stage.folder, "binds") == answers(stage, stage.evidence, "binds") != []
    found = {
        row["internet_message_id"]
        for row in map(json.loads, answers(stage, brought, "emails"))
        if row["trace"] == "found"
    }
    assert found
    expected = [row for row in map(json.loads, answers(stage, stage.evidence, "emails")) if row["trace"] == "found"]
    assert found == {row["internet_message_id"] for row in expected}
    assert stage.collector("verify", brought).code == 0
