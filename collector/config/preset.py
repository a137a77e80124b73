"""The operations of the unified audit log that a mailbox case needs, each with its reason.

Names are those that records carry (Operation), some with a full stop. Source: protocol.md C1, F; design 1.6 on what
else a verdict looks at.
"""

from collections.abc import Iterator, Mapping

MAILBOX_CASE: Mapping[str, Mapping[str, str]] = {
    "access: what was read": {
        "MailItemsAccessed": "messages opened (Bind), folders copied (Sync), throttling",
        "AttachmentAccess": "attachments opened by themselves",
        "SearchQueryInitiatedExchange": "what was searched for in the mailbox",
    },
    "rules and forwarding: other ways out": {
        "New-InboxRule": "a rule that forwards, hides or deletes",
        "Set-InboxRule": "the same, of a rule that was there",
        "Enable-InboxRule": "a rule that slept",
        "Disable-InboxRule": "a rule put to sleep again",
        "Remove-InboxRule": "a rule whose traces are removed",
        "UpdateInboxRules": "rules made in Outlook, not by cmdlet",
        "Set-Mailbox": "forwarding of all mail; audit sets changed",
        "New-TransportRule": "copies of the whole tenant's mail",
        "Set-TransportRule": "the same, of a rule that was there",
    },
    "permissions: others who may open it": {
        "Add-MailboxPermission": "full access for another",
        "Remove-MailboxPermission": "access taken back, perhaps after use",
        "Add-RecipientPermission": "the right to send in its name",
        "Add-MailboxFolderPermission": "access to a folder",
        "Set-MailboxFolderPermission": "access to a folder, changed",
        "AddFolderPermissions": "the same, made in Outlook",
        "ModifyFolderPermissions": "the same, made in Outlook",
        "UpdateFolderPermissions": "the same, made in Outlook",
        "UpdateCalendarDelegation": "a delegate of the calendar",
    },
    "sign-ins and consents: how they came in": {
        "UserLoggedIn": "sessions and addresses, the owner's beside the attacker's",
        "UserLoginFailed": "what was tried",
        "MailboxLogin": "sign-ins to the mailbox itself",
        "Consent to application.": "an application let in",
        "Add OAuth2PermissionGrant.": "what it may do for a user",
        "Add app role assignment grant to user.": "who may use it",
        "Add service principal.": "an application new to the tenant",
    },
    "audit settings: whether the records can be whole": {
        "Set-AdminAuditLogConfig": "the audit log switched off or on",
        "Set-OrganizationConfig": "mailbox auditing switched off or on",
        "Set-MailboxAuditBypassAssociation": "an account whose actions are not audited",
    },
}
"""By purpose, the operations and their reasons."""

IF_NEEDED: Mapping[str, str] = {
    "Send": "mail sent from it; SendAs and SendOnBehalf by another",
    "MoveToDeletedItems": "mail put out of sight",
    "SoftDelete": "mail removed from the deleted items",
    "HardDelete": "mail purged",
}
"""Operations of which a tenant has so many that they are asked for where the case needs them."""


def preset_lines() -> Iterator[str]:
    """Yield the operations as the lines of a YAML list, each purpose and reason as a comment."""
    for purpose, operations in MAILBOX_CASE.items():
        yield f"      # {purpose}"
        for operation, reason in operations.items():
            yield f"      - {operation:<38} # {reason}"
    yield "      # many records in any tenant: take the # away where the case needs them"
    for operation, reason in IF_NEEDED.items():
        yield f"      # - {operation:<36} # {reason}"
