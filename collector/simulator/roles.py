"""Who may run which cmdlet: directory roles, the Exchange roles they carry, and what a cmdlet needs; protocol.md B5.

Invariant: a cmdlet that does not stand in NEEDS may be run by nobody.
"""

from collections.abc import Iterable
from enum import StrEnum

GLOBAL_READER = "f2ef992c-3afb-46b9-b7cf-a126ee74c451"
GLOBAL_ADMINISTRATOR = "62e90394-69f5-4237-9190-012177145e10"
EXCHANGE_ADMINISTRATOR = "29232cdf-9323-42fd-ade2-1d097af3e4de"
EXCHANGE_RECIPIENT_ADMINISTRATOR = "31392ffb-586c-42d1-9346-e59415a2cc4e"
COMPLIANCE_ADMINISTRATOR = "17315797-102d-40b4-93e0-432062caca18"
SECURITY_READER = "5d6b6bb7-de71-4623-b4af-96380a352509"
"""The role template ids that a token's `wids` holds."""


class ExchangeRole(StrEnum):
    """A role of Exchange, as a role group is assigned it; SECURITY_READER stands for what that directory role opens."""

    AUDIT_LOGS = "Audit Logs"
    VIEW_ONLY_AUDIT_LOGS = "View-Only Audit Logs"
    VIEW_ONLY_CONFIGURATION = "View-Only Configuration"
    VIEW_ONLY_RECIPIENTS = "View-Only Recipients"
    MAIL_RECIPIENTS = "Mail Recipients"
    MESSAGE_TRACKING = "Message Tracking"
    SECURITY_READER = "Security Reader"


_ALL = frozenset(ExchangeRole)
_AUDIT = frozenset({ExchangeRole.AUDIT_LOGS, ExchangeRole.VIEW_ONLY_AUDIT_LOGS})
_CONFIGURATION = frozenset({ExchangeRole.VIEW_ONLY_CONFIGURATION})
_MAIL_RECIPIENTS = frozenset({ExchangeRole.MAIL_RECIPIENTS})
_RECIPIENTS = _MAIL_RECIPIENTS | {ExchangeRole.VIEW_ONLY_RECIPIENTS}
_TRACKING = frozenset({ExchangeRole.MESSAGE_TRACKING, ExchangeRole.VIEW_ONLY_RECIPIENTS})
_SECURITY = frozenset({ExchangeRole.SECURITY_READER})

_CARRIED = {
    GLOBAL_READER: _ALL - {ExchangeRole.AUDIT_LOGS, ExchangeRole.MAIL_RECIPIENTS},
    GLOBAL_ADMINISTRATOR: _ALL,
    EXCHANGE_ADMINISTRATOR: _ALL,
    EXCHANGE_RECIPIENT_ADMINISTRATOR: _RECIPIENTS | _TRACKING,
    COMPLIANCE_ADMINISTRATOR: _AUDIT,
    SECURITY_READER: _SECURITY,
}

NEEDS = {
    "Search-UnifiedAuditLog": _AUDIT,
    "Search-MailboxAuditLog": _AUDIT,
    "Get-AdminAuditLogConfig": _AUDIT | _CONFIGURATION | _SECURITY,
    "Get-OrganizationConfig": _CONFIGURATION,
    "Get-TransportRule": _CONFIGURATION,
    "Get-MailboxAuditBypassAssociation": _CONFIGURATION | _RECIPIENTS,
    "Get-MessageTraceV2": _TRACKING | _SECURITY,
    "Get-MessageTraceDetailV2": _TRACKING | _SECURITY,
    "Start-HistoricalSearch": _TRACKING,
    "Get-HistoricalSearch": _TRACKING | _SECURITY,
    # EXOPS/Get-InboxRule: it does not work for View-Only Organization Management, nor for Global Reader.
    "Get-InboxRule": _MAIL_RECIPIENTS,
    **dict.fromkeys(
        (
            "Get-Mailbox",
            "Get-MailboxPermission",
            "Get-RecipientPermission",
            "Get-MailboxFolderPermission",
            "Get-MailboxFolderStatistics",
            "Get-CASMailbox",
            "Get-Recipient",
            "Get-User",
        ),
        _RECIPIENTS,
    ),
}
"""Any one of these roles suffices for a cmdlet."""


def roles_of(wids: Iterable[str]) -> frozenset[ExchangeRole]:
    """Return the Exchange roles that directory roles carry; one that is not known here carries none."""
    return frozenset().union(*(_CARRIED.get(wid, frozenset()) for wid in wids))
