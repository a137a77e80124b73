"""Settings, one after the other, as the rows of settings cmdlets have them."""

from collector.analysis.setting_record import Setting, settings_of

MEGAN = "megan@contoso.example.org"


def test_a_row_is_taken_apart_and_its_sidecars_are_passed_over():
    row = {
        "UserPrincipalName": MEGAN,
        "Name": "megan",
        "AuditEnabled": True,
        "AuditOwner@odata.type": "#Collection(String)",
        "AuditOwner": ["MailItemsAccessed", "Send"],
        "ForwardingSmtpAddress": None,
        "ProhibitSendQuota": "99 GB (106,300,440,576 bytes)",
        "Guid@data.type": "System.Guid",
    }
    told = {one.setting: one.value for one in settings_of("Get-Mailbox", row)}
    assert told == {
        "UserPrincipalName": MEGAN,
        "Name": "megan",
        "AuditEnabled": "true",
        "AuditOwner": '["MailItemsAccessed", "Send"]',
        "ForwardingSmtpAddress": None,
        "ProhibitSendQuota": "99 GB (106,300,440,576 bytes)",
    }


def test_the_mailbox_is_the_one_that_was_asked_for_else_the_one_that_the_row_names():
    (of_part,) = settings_of(f"Get-InboxRule {MEGAN}", {"Name": ".."})
    assert of_part == Setting("Get-InboxRule", MEGAN, "..", "Name", "..")
    (listed,) = settings_of("Get-CASMailbox inactive", {"PrimarySmtpAddress": MEGAN})
    assert (listed.cmdlet, listed.mailbox, listed.object) == ("Get-CASMailbox", MEGAN, None)
    (of_tenant,) = settings_of("Get-OrganizationConfig", {"AuditDisabled": False})
    assert of_tenant == Setting("Get-OrganizationConfig", None, None, "AuditDisabled", "false")


def test_a_text_that_no_table_can_hold_is_shown_with_what_is_wrong_in_it():
    settings = list(settings_of("Get-InboxRule", {"Name": "\ud800", "From": ["\ud800"]}))
    assert [one.value for one in settings] == ["\\ud800", '["\\ud800"]']
