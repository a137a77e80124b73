"""The cmdlets that tell how a tenant is set up; protocol.md C3, B3, B4."""

from datetime import UTC, datetime
from typing import Any

import pytest

from collector.simulator import Configuration, InboxRule, Mailbox, MailboxKind, Permission, Scenario, Standing, takeover
from collector.simulator.cast import MEGAN, NOAH, PRIYA
from collector.simulator.contoso import BYPASSED, CUSTOMISED, FINANCE, INACTIVE, SOFT_DELETED, UNAUDITED, UNLICENSED

from .conftest import START, WINDOW, Caller, calling

STORY = takeover(start=START, days=2, records=100, traces=50)
MORE_RESULTS = "There are more results available than are currently displayed."
ALL = {"ResultSize": "Unlimited"}
NEW = [
    "Get-CASMailbox", "Get-Recipient", "Get-User", "Get-InboxRule", "Get-MailboxFolderStatistics",
    "Get-MailboxPermission", "Get-RecipientPermission", "Get-MailboxFolderPermission", "Get-TransportRule",
    "Get-MailboxAuditBypassAssociation",
]  # fmt: skip


@pytest.fixture(scope="module")
def story() -> Any:
    with calling(STORY) as caller:
        yield caller


def upns(rows: list[dict[str, Any]]) -> set[str]:
    return {row["UserPrincipalName"] for row in rows}


def mailboxes(count: int) -> Scenario:
    boxes = [Mailbox(f"m{n}@contoso.example.org", f"guid-{n}", f"M {n}") for n in range(count)]
    return Scenario.of(window=WINDOW, mailboxes=boxes)


def kind_of(answer: Any) -> str:
    return str(answer.json()["error"]["details"][0]["message"]).split("|")[1].rpartition(".")[2]


def test_a_mailbox_is_told_with_sidecars_dates_time_spans_and_sizes(story: Caller) -> None:
    (row,) = story.rows("Get-Mailbox", {"Identity": MEGAN.upn})
    assert row["ExchangeGuid@data.type"] == "System.Guid"
    assert row["AuditOwner@odata.type"] == "#Collection(String)"
    assert row["WhenCreated@data.type"] == "System.DateTime"
    assert row["WhenCreated"] == "2022-09-21T08:07:47.0000000+00:00"
    assert row["AuditLogAgeLimit"] == "90.00:00:00"
    assert row["ProhibitSendQuota"] == "99 GB (106,300,440,576 bytes)"
    assert row["ExchangeGuid"] == MEGAN.mailbox_guid
    assert row["ExternalDirectoryObjectId"] == MEGAN.object_id
    assert {"MailItemsAccessed", "Send"} <= set(row["AuditOwner"])
    assert "Send" not in row["AuditDelegate"]
    assert row["DefaultAuditSet"] == ["Admin", "Delegate", "Owner"]


@pytest.mark.parametrize("name", [MEGAN.upn.upper(), MEGAN.mailbox_guid, MEGAN.object_id, "megan.owner", "Megan Owner"])
def test_every_name_of_a_mailbox_finds_it(story: Caller, name: str) -> None:
    assert upns(story.rows("Get-Mailbox", {"Identity": name})) == {MEGAN.upn}


def test_an_alias_finds_a_shared_mailbox(story: Caller) -> None:
    (row,) = story.rows("Get-Mailbox", {"Identity": "invoices@contoso.example.org"})
    assert (row["UserPrincipalName"], row["IsShared"]) == (FINANCE.upn, True)
    assert row["EmailAddresses"] == [f"SMTP:{FINANCE.upn}", "smtp:invoices@contoso.example.org"]


@pytest.mark.parametrize(
    ("asked", "present", "missing"),
    [
        ({}, {MEGAN.upn, FINANCE.upn}, {INACTIVE.upn, SOFT_DELETED.upn}),
        ({"InactiveMailboxOnly": True}, {INACTIVE.upn}, {MEGAN.upn, SOFT_DELETED.upn}),
        ({"IncludeInactiveMailbox": True}, {MEGAN.upn, INACTIVE.upn}, {SOFT_DELETED.upn}),
        ({"SoftDeletedMailbox": True}, {INACTIVE.upn, SOFT_DELETED.upn}, {MEGAN.upn}),
        ({"RecipientTypeDetails": ["SharedMailbox"]}, {FINANCE.upn}, {MEGAN.upn}),
    ],
)
def test_switches_say_which_mailboxes(
    story: Caller, asked: dict[str, Any], present: set[str], missing: set[str]
) -> None:
    found = upns(story.rows("Get-Mailbox", {**ALL, **asked}))
    assert present <= found
    assert found.isdisjoint(missing)


def test_an_inactive_mailbox_is_found_by_name_only_when_it_is_asked_for(story: Caller) -> None:
    assert story.send("Get-Mailbox", {"Identity": INACTIVE.upn}).status_code == 404
    (row,) = story.rows("Get-Mailbox", {"Identity": INACTIVE.upn, "IncludeInactiveMailbox": True})
    assert row["IsInactiveMailbox"] is True
    assert row["WhenSoftDeleted"]


def test_some_mailboxes_are_not_audited_as_they_should_be(story: Caller) -> None:
    rows = {row["UserPrincipalName"]: row for row in story.rows("Get-Mailbox", ALL)}
    assert "MailItemsAccessed" not in rows[CUSTOMISED.upn]["AuditOwner"]
    assert rows[CUSTOMISED.upn]["DefaultAuditSet"] == ["Admin", "Delegate"]
    assert rows[UNAUDITED.upn]["AuditEnabled"] is False
    assert "M365Auditing" not in rows[UNLICENSED.upn]["PersistedCapabilities"]


def test_a_thousand_mailboxes_are_the_default_and_the_rest_is_a_warning() -> None:
    with calling(mailboxes(1001)) as caller:
        short = caller.send("Get-Mailbox", {}).json()
        few = caller.send("Get-Mailbox", {"ResultSize": 7}).json()
        exact = caller.send("Get-Mailbox", {"ResultSize": 1001}).json()
    assert (len(short["value"]), len(few["value"])) == (1000, 7)
    assert all(answer["@adminapi.warnings"][0].startswith(MORE_RESULTS) for answer in (short, few))
    assert exact["@adminapi.warnings"] == []


def test_select_names_the_columns() -> None:
    with calling(mailboxes(1)) as caller:
        (row,) = caller.send("Get-Mailbox", {}, url=f"{caller.url}?$select=Name,guid").json()["value"]
    assert set(row) == {"Name", "Guid", "Guid@data.type"}


def test_the_audit_settings_of_a_tenant_are_those_of_its_configuration() -> None:
    off = Configuration(ingestion=False, first_opt_in=None, audit_disabled=True)
    with calling(Scenario.of(window=WINDOW, configuration=off)) as caller:
        (config,) = caller.rows("Get-AdminAuditLogConfig", {})
        (organization,) = caller.rows("Get-OrganizationConfig", {})
    assert (config["UnifiedAuditLogIngestionEnabled"], config["UnifiedAuditLogFirstOptInDate"]) == (False, None)
    assert config["AdminAuditLogAgeLimit"] == "90.00:00:00"
    assert organization["AuditDisabled"] is True


def test_most_bypass_associations_are_the_systems_and_some_do_not_say(story: Caller) -> None:
    rows = story.rows("Get-MailboxAuditBypassAssociation", ALL)
    said = [row.get("AuditBypassEnabled") for row in rows]
    assert len(rows) > 240
    assert said.count(None) > 20
    assert [row["Name"] for row in rows if row.get("AuditBypassEnabled")] == [BYPASSED.name]


def test_one_bypass_association_is_found_by_name(story: Caller) -> None:
    for name, on in ((BYPASSED.upn, True), (MEGAN.upn, False)):
        (row,) = story.rows("Get-MailboxAuditBypassAssociation", {"Identity": name})
        assert row["AuditBypassEnabled"] is on
    arbitration = "SystemMailbox{bb558c35-97f1-4cb9-8ff7-d53741dc928c}"
    (row,) = story.rows("Get-MailboxAuditBypassAssociation", {"Identity": arbitration})
    assert row["Name"] == arbitration


def test_the_attackers_rule_stands_in_the_mailbox(story: Caller) -> None:
    (rule,) = story.rows("Get-InboxRule", {"Mailbox": MEGAN.upn})
    assert (rule["Name"], rule["MoveToFolder"], rule["Enabled"], rule["MarkAsRead"]) == ("..", "RSS Feeds", True, True)
    assert 'move the message to folder "RSS Feeds"' in rule["Description"]
    assert story.rows("Get-InboxRule", {"Mailbox": MEGAN.upn, "Identity": ".."}) == [rule]


def test_hidden_rules_are_told_to_who_asks_for_them(story: Caller) -> None:
    names = [row["Name"] for row in story.rows("Get-InboxRule", {"Mailbox": PRIYA.upn, "IncludeHidden": True})]
    assert names == ["Junk E-mail Rule"]
    assert story.rows("Get-InboxRule", {"Mailbox": PRIYA.upn}) == []


def test_a_rule_that_forwards_says_so() -> None:
    rule = InboxRule("m0@contoso.example.org", "out", 1, forward_to=("drop@example.org",), delete=True)
    scenario = mailboxes(1)
    forwarding = Scenario.of(
        window=WINDOW, mailboxes=scenario.mailboxes, configuration=Configuration(inbox_rules=(rule,))
    )
    with calling(forwarding) as caller:
        (row,) = caller.rows("Get-InboxRule", {"Mailbox": "m0"})
    assert (row["ForwardTo"], row["DeleteMessage"]) == (["drop@example.org"], True)
    assert "forward the message to drop@example.org\r\n\tand delete the message" in row["Description"]


def test_the_delegate_may_open_the_mailbox_and_the_service_may_too(story: Caller) -> None:
    rows = story.rows("Get-MailboxPermission", {"Identity": MEGAN.upn})
    rights = {row["User"]: (row["AccessRights"], row["IsInherited"]) for row in rows}
    assert rights["NT AUTHORITY\\SELF"] == (["FullAccess", "ReadPermission"], False)
    assert rights[PRIYA.upn] == (["FullAccess"], False)
    assert any(inherited for _, inherited in rights.values())
    (own,) = story.rows("Get-MailboxPermission", {"Identity": MEGAN.upn, "User": PRIYA.upn})
    assert own["User"] == PRIYA.upn
    assert story.rows("Get-MailboxPermission", {"Identity": MEGAN.upn, "Owner": True})[0]["Owner"]


def test_who_may_send_as_somebody_is_told_of_one_or_of_all(story: Caller) -> None:
    one = story.rows("Get-RecipientPermission", {"Identity": FINANCE.upn})
    everybody = story.rows("Get-RecipientPermission", ALL)
    assert [row["Trustee"] for row in one] == ["NT AUTHORITY\\SELF", MEGAN.upn]
    assert [row for row in everybody if row["Trustee"] != "NT AUTHORITY\\SELF"] == one[1:]
    assert story.rows("Get-RecipientPermission", {"Trustee": MEGAN.upn, "AccessRights": ["SendAs"]}) == one[1:]


@pytest.mark.parametrize(
    ("identity", "expected"),
    [
        (f"{MEGAN.upn}:\\Inbox", [(PRIYA.upn, ["Editor"]), ("Default", ["None"]), ("Anonymous", ["None"])]),
        (f"{MEGAN.upn}:\\Inbox\\Finance", [("Default", ["None"]), ("Anonymous", ["None"])]),
        (f"{NOAH.upn}:\\Calendar",
         [(MEGAN.upn, ["Reviewer"]), ("Default", ["AvailabilityOnly"]), ("Anonymous", ["None"])]),
        (MEGAN.upn, [("Default", ["None"]), ("Anonymous", ["None"])]),
    ],
)  # fmt: skip
def test_the_rights_on_a_folder_are_told(story: Caller, identity: str, expected: list[Any]) -> None:
    rows = story.rows("Get-MailboxFolderPermission", {"Identity": identity})
    assert [(row["User"], row["AccessRights"]) for row in rows] == expected


def test_folders_are_those_of_the_audit_records(story: Caller) -> None:
    rows = {row["FolderPath"]: row for row in story.rows("Get-MailboxFolderStatistics", {"Identity": MEGAN.upn})}
    accessed = "".join(row.raw_auditdata for row in STORY.audit_rows)
    inbox, finance = rows["/Inbox"], rows["/Inbox/Finance"]
    assert inbox["FolderId"] in accessed
    assert inbox["ItemsInFolderAndSubfolders"] == inbox["ItemsInFolder"] + finance["ItemsInFolder"]
    assert inbox["FolderSize"].endswith(" bytes)")
    assert {"Calendar", "RecoverableItemsRoot"} <= {row["FolderType"] for row in rows.values()}
    assert inbox["OldestItemReceivedDate"] is None


def test_a_folder_scope_is_the_folder_and_what_is_below_it(story: Caller) -> None:
    asked = {"Identity": MEGAN.upn, "FolderScope": "Inbox", "IncludeOldestAndNewestItems": True}
    rows = story.rows("Get-MailboxFolderStatistics", asked)
    assert [row["FolderPath"] for row in rows] == ["/Inbox", "/Inbox/Finance"]
    oldest, newest = (datetime.fromisoformat(rows[0][f"{which}ItemReceivedDate"]) for which in ("Oldest", "Newest"))
    assert datetime(2026, 8, 31, tzinfo=UTC) < oldest < newest < STORY.window.end


def test_transport_rules_are_told(story: Caller) -> None:
    warning, journal = story.rows("Get-TransportRule", {})
    assert (warning["SetHeaderName"], warning["State"], warning["Priority"]) == ("X-External", "Enabled", 0)
    assert journal["BlindCopyTo"] == ["archive@contoso.example.org"]
    assert story.rows("Get-TransportRule", {"State": "Disabled"}) == [journal]
    assert story.rows("Get-TransportRule", {"Identity": "external WARNING"}) == [warning]


def test_users_recipients_and_protocols_are_those_of_the_mailboxes(story: Caller) -> None:
    (user,) = story.rows("Get-User", {"Identity": MEGAN.upn})
    (recipient,) = story.rows("Get-Recipient", {"Identity": MEGAN.upn})
    (access,) = story.rows("Get-CASMailbox", {"Identity": MEGAN.upn})
    assert (user["FirstName"], user["AccountDisabled"]) == ("Megan", False)
    assert (recipient["ExchangeGuid"], access["ImapEnabled"]) == (MEGAN.mailbox_guid, True)
    assert user["Guid"] == recipient["Guid"] == access["Guid"] != recipient["ExchangeGuid"]


@pytest.mark.parametrize("cmdlet", NEW)
def test_an_unknown_parameter_is_400_and_an_unknown_object_404(story: Caller, cmdlet: str) -> None:
    name = "Mailbox" if cmdlet == "Get-InboxRule" else "Identity"
    unknown = story.send(cmdlet, {"Colour": "red"})
    absent = story.send(cmdlet, {name: "nobody@contoso.example.org"})
    assert (unknown.status_code, kind_of(unknown)) == (400, "AmbiguousParameterSetException")
    assert (absent.status_code, kind_of(absent)) == (404, "ManagementObjectNotFoundException")
    assert "object 'nobody@contoso.example.org' couldn't be found on" in absent.text


@pytest.mark.parametrize(
    ("cmdlet", "parameters", "kind"),
    [
        ("Get-Mailbox", {"InactiveMailboxOnly": "yes"}, "ParameterTransformationException"),
        ("Get-Mailbox", {"ResultSize": True}, "ParameterTransformationException"),
        ("Get-Mailbox", {"RecipientTypeDetails": ["Fridge"]}, "ParameterTransformationException"),
        ("Get-Mailbox", {"Identity": 7}, "ParameterTransformationException"),
        ("Get-MailboxFolderStatistics", {"Identity": MEGAN.upn, "FolderScope": "Attic"},
         "ParameterTransformationException"),
        ("Get-InboxRule", {}, "TaskArgumentException"),
        ("Get-MailboxPermission", {}, "TaskArgumentException"),
        ("Get-MailboxFolderPermission", {}, "TaskArgumentException"),
        ("Get-MailboxFolderStatistics", {}, "TaskArgumentException"),
    ],
)  # fmt: skip
def test_a_wrong_or_missing_parameter_is_400(story: Caller, cmdlet: str, parameters: Any, kind: str) -> None:
    answer = story.send(cmdlet, parameters)
    assert (answer.status_code, kind_of(answer)) == (400, kind)


@pytest.mark.parametrize(
    ("cmdlet", "parameters"),
    [
        ("Get-InboxRule", {"Mailbox": MEGAN.upn, "Identity": "no such rule"}),
        ("Get-MailboxFolderPermission", {"Identity": f"{MEGAN.upn}:\\Attic"}),
    ],
)
def test_an_unknown_part_of_a_mailbox_is_404(story: Caller, cmdlet: str, parameters: Any) -> None:
    assert story.send(cmdlet, parameters).status_code == 404


def test_what_the_settings_say_of_forwarding_and_kind_is_what_the_mailbox_is() -> None:
    box = Mailbox("r@x", "g", "R", MailboxKind.ROOM, Standing.ACTIVE, forwards_to="drop@example.org", imap=False)
    rights = Configuration(permissions=(Permission("r@x", "s@x", ("FullAccess",)),))
    with calling(Scenario.of(window=WINDOW, mailboxes=[box], configuration=rights)) as caller:
        (row,) = caller.rows("Get-Mailbox", {})
        (access,) = caller.rows("Get-CASMailbox", {})
        users = [right["User"] for right in caller.rows("Get-MailboxPermission", {"Identity": "r@x"})]
    assert (row["RecipientTypeDetails"], row["ForwardingSmtpAddress"]) == ("RoomMailbox", "smtp:drop@example.org")
    assert (row["DeliverToMailboxAndForward"], access["ImapEnabled"]) == (True, False)
    assert "s@x" in users
