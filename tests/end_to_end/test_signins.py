"""Sign-ins from the tenant to the answer: the audit log's, and beside them an export of Entra's own log."""

import csv
import gzip
import json

from collector.simulator import takeover
from tests.end_to_end.stage import START

STORY = takeover(seed=11, start=START, days=3, records=240, traces=20, sign_ins=True)
ALL = {"sources": {"unified-audit-log": {"operations": ["MailItemsAccessed", "UserLoggedIn", "UserLoginFailed"]}}}


def logged_in(run_folder):
    """Return the audit records of sign-ins that succeeded, from the evidence."""
    for chunk in sorted((run_folder / "data/unified-audit-log").glob("*.jsonl.gz")):
        for line in gzip.decompress(chunk.read_bytes()).splitlines():
            record = json.loads(json.loads(line)["AuditData"])
            if record["Operation"] == "UserLoggedIn":
                yield record


def export_of(record, path):
    """Write the portal's CSV of one sign-in that the audit log has, and of a renewal that it does not have."""
    session = next(pair["Value"] for pair in record["DeviceProperties"] if pair["Name"] == "SessionId")
    names = ("Date (UTC)", "Request ID", "Username", "Application", "IP address", "Status", "Session ID")
    own = (f"{record['CreationTime']}Z", record["IntraSystemId"].upper(), record["UserId"], "Outlook")
    renewed = (f"{record['CreationTime']}Z", "renewal-1", record["UserId"], "Outlook")
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(names)
        writer.writerow([*own, record["ClientIP"], "Success", session])
        writer.writerow([*renewed, "192.0.2.99", "Success", session])
    return session


def test_sign_ins_stand_beside_their_sessions_and_an_export_of_entra_adds_what_the_audit_log_lacks(staged):
    stage = staged(story=STORY, **ALL)
    assert stage.run("-q").code == 0
    records = list(logged_in(stage.run_folder))
    answer = stage.collector("investigate", "signins", stage.evidence, "--format", "json")
    shown = json.loads(answer.out)
    assert {one["record_id"] for one in shown if one["result"] == "success"} == {one["Id"] for one in records}
    assert any(one["session_records"] for one in shown)
    assert any(one["result"] == "failure" and one["error"] for one in shown)
    assert "collector import" in answer.err

    session = export_of(records[0], stage.folder / "NonInteractiveSignIns.csv")
    engagement = stage.run_folder.parent
    assert stage.collector("import", engagement, stage.folder / "NonInteractiveSignIns.csv").code == 3
    both = stage.collector("investigate", "signins", stage.evidence, "--session", session, "--format", "json")
    merged, renewed = sorted(json.loads(both.out), key=lambda one: one["client_ip"] == "192.0.2.99")
    assert merged["sources"] == ["import", "unified-audit-log"]
    assert merged["app"] == "Outlook"
    assert (renewed["client_ip"], renewed["sources"], renewed["interactive"]) == ("192.0.2.99", ["import"], False)
    assert renewed["session_records"] == merged["session_records"]
    assert "not known what it lacks" in both.err


def test_an_audit_log_that_was_not_asked_for_sign_ins_says_that_they_are_missing(staged):
    stage = staged(story=STORY)
    stage.run("-q")
    answer = stage.collector("investigate", "signins", stage.evidence)
    assert answer.code == 0
    assert "not asked for UserLoggedIn, UserLoginFailed" in answer.err


def test_a_sign_in_whose_time_cannot_be_told_is_named(staged):
    stage = staged(story=STORY)
    stage.run("-q")
    file = stage.folder / "InteractiveSignIns.csv"
    file.write_text(
        "Date (UTC),Request ID,Username,Application,IP address,Status\n"
        "yesterday,r-1,megan.owner@contoso.example.org,Outlook,192.0.2.1,Success\n",
        encoding="utf-8",
    )
    assert stage.collector("import", stage.run_folder.parent, file).code == 3
    answer = stage.collector("investigate", "signins", stage.evidence)
    assert "its time cannot be told" in answer.err
    assert "r-1" in answer.out
