"""What stood open, and whether the records could be whole: the settings that were collected, read offline."""

import json
from pathlib import Path
from typing import Any

import pytest

from collector.analysis.filters import Filters
from collector.analysis.investigation import investigate
from collector.analysis.questions import question
from collector.model import Axis, SourcePlan, Status
from tests.analysis.cases import ask, ready
from tests.analysis.feeds import ADELE, ASKED, HOURLESS, LEE, Collected, Piece, collect

ADMIN = {"Name": "Admin Audit Log Settings", "UnifiedAuditLogIngestionEnabled": False, "LogLevel": "None"}
BOX = {
    "UserPrincipalName": ADELE,
    "Name": "adele",
    "AuditEnabled": True,
    "AuditOwner@odata.type": "#Collection(String)",
    "AuditOwner": ["MailItemsAccessed", "Send"],
    "AuditDelegate": ["Send"],
    "ForwardingSmtpAddress": "smtp:drop@example.org",
    "Languages": ["en-US"],
}
RULE = {"Name": "..", "Enabled": True, "ForwardTo": None, "MoveToFolder": "RSS Feeds", "DeleteMessage": False}
RIGHTS = [
    {"Identity": "adele", "User": "NT AUTHORITY\\SELF", "AccessRights": ["FullAccess"], "IsInherited": False},
    {"Identity": "adele", "User": LEE, "AccessRights": ["FullAccess"], "IsInherited": False},
    {"Identity": "adele", "User": "Exchange Servers", "AccessRights": ["FullAccess"], "IsInherited": True},
]
SHARED = [
    {"FolderName": "Inbox", "User": "Default", "AccessRights": ["None"]},
    {"FolderName": "Inbox", "User": "Anonymous", "AccessRights": ["Reviewer"]},
]
BYPASS = [{"Name": "svc", "AuditBypassEnabled": True}, {"Name": "unknown"}, {"Name": "no", "AuditBypassEnabled": False}]
PARTS: dict[str, list[dict[str, Any]]] = {
    "Get-AdminAuditLogConfig": [ADMIN],
    "Get-OrganizationConfig": [{"AuditDisabled": False}],
    "Get-MailboxAuditBypassAssociation": BYPASS,
    f"Get-Mailbox {ADELE}": [BOX],
    f"Get-InboxRule {ADELE}": [RULE],
    f"Get-MailboxPermission {ADELE}": RIGHTS,
    f"Get-MailboxFolderPermission {ADELE}": SHARED,
    f"Get-CASMailbox {LEE}": [{"ImapEnabled": True, "ECPEnabled": True}],
}


def settings(parts: dict[str, list[dict[str, Any]]], **statuses: Status) -> Collected:
    plan = SourcePlan("tenant-settings", Axis.EVENT, None, tuple(parts), {"calls": {}})
    pieces = [
        Piece(HOURLESS, [json.dumps(one).encode() for one in rows], part, statuses.get(part, Status.COMPLETE))
        for part, rows in parts.items()
    ]
    return Collected(plan, pieces)


@pytest.fixture
def case(tmp_path: Path) -> Path:
    return collect(tmp_path, settings(PARTS))


def test_what_bears_on_the_case_is_shown_with_its_warning_and_all_else_is_left_to_sql(case: Path) -> None:
    lines = ask(ready([case]), "settings")
    assert {line["run"] for line in lines} == {case.name}
    found = [tuple(line.values())[:-1] for line in lines]
    warned = [line for line in found if line[5]]
    assert found[: len(warned)] == warned
    assert warned == [
        ("audit", None, "Admin Audit Log Settings", "UnifiedAuditLogIngestionEnabled", "false",
         "no audit records are kept", "Get-AdminAuditLogConfig"),
        ("audit", None, "svc", "AuditBypassEnabled", "true",
         "what this account does to mailboxes is not recorded", "Get-MailboxAuditBypassAssociation"),
        ("audit", ADELE, "adele", "AuditDelegate", '["Send"]', "access by them is not recorded", "Get-Mailbox"),
        ("forwarding", ADELE, "adele", "ForwardingSmtpAddress", "smtp:drop@example.org", "mail goes elsewhere",
         "Get-Mailbox"),
        ("permission", ADELE, LEE, "AccessRights", '["FullAccess"]', "somebody else may open it",
         "Get-MailboxPermission"),
        ("rule", ADELE, "..", "MoveToFolder", "RSS Feeds", "mail is put out of sight", "Get-InboxRule"),
    ]  # fmt: skip
    others = {line[2:5] for line in found[len(warned) :]}
    assert others == {
        (None, "AuditDisabled", "false"),
        ("adele", "AuditOwner", '["MailItemsAccessed", "Send"]'),
        ("Anonymous", "AccessRights", '["Reviewer"]'),
        (None, "ImapEnabled", "true"),
        ("..", "Enabled", "true"),
    }


def test_a_mailbox_is_shown_with_what_holds_for_the_whole_tenant(case: Path) -> None:
    found = ask(ready([case]), "settings", mailbox=[LEE.upper()])
    assert {line["mailbox"] for line in found} == {None, LEE}
    assert ask(ready([case]), "settings", source=["cmdlet"]) == []


def limits(run: Path) -> list[tuple[str, str | None]]:
    with investigate(ready([run]), question("settings"), Filters(), ASKED) as found:
        return [(one.kind, one.part) for one in found.limits]


def test_a_setting_that_could_not_be_asked_for_is_said(tmp_path: Path) -> None:
    run = collect(tmp_path, settings(PARTS, **{"Get-OrganizationConfig": Status.GAP}))
    assert limits(run) == [("gap", "Get-OrganizationConfig")]


def test_settings_that_another_run_has_are_no_gap(tmp_path: Path) -> None:
    lacking = collect(tmp_path, settings(PARTS, **{"Get-OrganizationConfig": Status.GAP}))
    whole = collect(tmp_path, settings(PARTS))
    with investigate(ready([lacking, whole]), question("settings"), Filters(), ASKED) as found:
        assert found.limits == ()
    shown = ask(ready([lacking, whole]), "settings")
    assert len(shown) == 2 * len(ask(ready([whole]), "settings"))
    assert {line["run"] for line in shown} == {lacking.name, whole.name}


def test_every_setting_is_there_for_sql(case: Path) -> None:
    sql = "SELECT value FROM settings WHERE setting = 'Languages'"
    with investigate(ready([case]), sql, Filters(), ASKED) as found:
        assert found.answer.first(2) == [('["en-US"]',)]


ODD = {
    "Get-AdminAuditLogConfig": [{"UnifiedAuditLogIngestionEnabled": "True"}],
    "Get-OrganizationConfig": [{"AuditDisabled": "True"}],
    "Get-MailboxAuditBypassAssociation": [{"Name": "svc", "AuditBypassEnabled": "True"}],
    f"Get-Mailbox {ADELE}": [{"ForwardingSmtpAddress": "", "AuditOwner": [], "AuditEnabled": "False"}],
    f"Get-InboxRule {ADELE}": [
        {"Name": "asleep", "Enabled": False, "ForwardTo": ["drop@example.org"], "RedirectTo": [], "CopyTo": ""}
    ],
    f"Get-MailboxPermission {ADELE}": [{"User": LEE, "AccessRights": ["FullAccess"], "Deny": True}],
}


def test_what_is_empty_denied_asleep_or_written_as_text_is_read_for_what_it_means(tmp_path: Path) -> None:
    found = ask(ready([collect(tmp_path, settings(ODD))]), "settings")
    assert {(line["setting"], line["warning"]) for line in found} == {
        ("UnifiedAuditLogIngestionEnabled", None),
        ("AuditDisabled", "mailboxes are not audited by default"),
        ("AuditBypassEnabled", "what this account does to mailboxes is not recorded"),
        ("AuditOwner", "access by them is not recorded"),
        ("AuditEnabled", None),
        ("ForwardTo", "a rule that is disabled now"),
        ("Enabled", None),
    }


def test_a_mailbox_is_found_by_each_of_its_names_whichever_it_was_asked_by(tmp_path: Path) -> None:
    names = {
        "UserPrincipalName": ADELE,
        "PrimarySmtpAddress": "a.vance@contoso.example.org",
        "EmailAddresses": ["SMTP:a.vance@contoso.example.org", "smtp:Alias@contoso.example.org"],
    }
    asked_by = "alias@contoso.example.org"
    parts = {
        f"Get-Mailbox {asked_by}": [{**names, "AuditOwner": ["Send"]}],
        f"Get-InboxRule {asked_by}": [RULE],
        f"Get-InboxRule {LEE}": [RULE],
    }
    run = collect(tmp_path, settings(parts))
    for name in (ADELE, "A.Vance@contoso.example.org", asked_by):
        found = ask(ready([run]), "settings", mailbox=[name])
        assert {(line["setting"], line["mailbox"]) for line in found} == {
            ("AuditOwner", asked_by),
            ("MoveToFolder", asked_by),
            ("Enabled", asked_by),
        }
    prepared = ready([run])
    stranger = Filters(mailbox=("nobody@contoso.example.org",))
    with investigate(prepared, question("settings"), stranger, ASKED) as found_none:
        assert [one.kind for one in found_none.limits] == ["not-found"]
