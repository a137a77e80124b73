"""The cmdlets that tell of mailboxes and of the users behind them; protocol.md C3, B3."""

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

from collector.simulator.address_book import AddressBook, user_guid
from collector.simulator.directory import Mailbox, MailboxKind, Standing, external_id
from collector.simulator.parameters import Reader, bind, each_of, flag, size_or_unlimited, text
from collector.simulator.rows import Guid, Size, limited, typed
from collector.simulator.settings import SET_UP
from collector.simulator.wire import Answer

_COMMON: dict[str, Reader] = {
    "Identity": text,
    "ResultSize": size_or_unlimited,
    "RecipientTypeDetails": each_of(*MailboxKind),
}
_STANDINGS = {
    "SoftDeletedMailbox": frozenset({Standing.SOFT_DELETED, Standing.INACTIVE}),
    "InactiveMailboxOnly": frozenset({Standing.INACTIVE}),
    "IncludeInactiveMailbox": frozenset({Standing.ACTIVE, Standing.INACTIVE}),
}
"""The mailboxes that each switch of Get-Mailbox asks for; an inactive one is a soft-deleted one that is on hold."""
_QUOTA = Size(99 * 2**30)
_DELETED = SET_UP + timedelta(days=1400)


class Mailboxes:
    """The mailboxes of a tenant, as four cmdlets show them."""

    def __init__(self, book: AddressBook) -> None:
        self._book = book

    def mailbox(self, given: Mapping[str, Any]) -> Answer:
        """Answer Get-Mailbox."""
        return self._rows(given, _mailbox, dict.fromkeys(_STANDINGS, flag))

    def client_access(self, given: Mapping[str, Any]) -> Answer:
        """Answer Get-CASMailbox."""
        return self._rows(given, _client_access)

    def recipient(self, given: Mapping[str, Any]) -> Answer:
        """Answer Get-Recipient."""
        return self._rows(given, _recipient)

    def user(self, given: Mapping[str, Any]) -> Answer:
        """Answer Get-User."""
        return self._rows(given, _user)

    def _rows(
        self,
        given: Mapping[str, Any],
        render: Callable[[Mailbox], Mapping[str, Any]],
        switches: Mapping[str, Reader] | None = None,
    ) -> Answer:
        asked = bind(given, {**_COMMON, **(switches or {})})
        wanted = (standings for switch, standings in _STANDINGS.items() if asked.get(switch))
        found = self._book.chosen(asked.get("Identity"), next(wanted, frozenset({Standing.ACTIVE})))
        kinds = asked.get("RecipientTypeDetails", frozenset(MailboxKind))
        rows = [typed({**_named(box), **render(box)}) for box in found if box.kind in kinds]
        return limited(rows, asked.get("ResultSize", 1000))


def _named(box: Mailbox) -> dict[str, Any]:
    return {
        "Identity": box.name,
        "Name": box.name,
        "DisplayName": box.name,
        "Alias": box.upn.partition("@")[0],
        "PrimarySmtpAddress": box.upn,
        "RecipientTypeDetails": box.kind.value,
        "Guid": user_guid(box),
        "ExternalDirectoryObjectId": external_id(box.upn),
        "WhenCreated": SET_UP,
        "WhenChanged": SET_UP + timedelta(days=400),
    }


def _addresses(box: Mailbox) -> list[str]:
    return [f"SMTP:{box.upn}", *(f"smtp:{alias}" for alias in box.aliases)]


def _mailbox(box: Mailbox) -> dict[str, Any]:
    inactive = box.standing is Standing.INACTIVE
    return {
        "UserPrincipalName": box.upn,
        "EmailAddresses": _addresses(box),
        "RecipientType": "UserMailbox",
        "ExchangeGuid": Guid(box.guid),
        "IsMailboxEnabled": True,
        "IsShared": box.kind is MailboxKind.SHARED,
        "IsInactiveMailbox": inactive,
        "WhenSoftDeleted": None if box.standing is Standing.ACTIVE else _DELETED,
        "WhenMailboxCreated": SET_UP,
        "LitigationHoldEnabled": inactive,
        "LitigationHoldDuration": "Unlimited",
        "InPlaceHolds": ["UniH7d895d48-7e23-4a8d-8346-533c3beac15d"] if inactive else [],
        "RetainDeletedItemsFor": timedelta(days=14),
        "ProhibitSendQuota": _QUOTA,
        "ForwardingAddress": None,
        "ForwardingSmtpAddress": f"smtp:{box.forwards_to}" if box.forwards_to else None,
        "DeliverToMailboxAndForward": box.forwards_to is not None,
        "HiddenFromAddressListsEnabled": box.kind is MailboxKind.DISCOVERY,
        "GrantSendOnBehalfTo": [],
        **_audited(box),
    }


def _audited(box: Mailbox) -> dict[str, Any]:
    audit = box.audit
    return {
        "AuditEnabled": audit.enabled,
        "AuditLogAgeLimit": audit.age_limit,
        "AuditAdmin": audit.admin,
        "AuditDelegate": audit.delegate,
        "AuditOwner": audit.owner,
        "DefaultAuditSet": audit.managed,
        "PersistedCapabilities": audit.capabilities,
    }


def _client_access(box: Mailbox) -> dict[str, Any]:
    return {
        "EmailAddresses": _addresses(box),
        "ActiveSyncEnabled": True,
        "OWAEnabled": True,
        "PopEnabled": box.imap,
        "ImapEnabled": box.imap,
        "MAPIEnabled": True,
        "EwsEnabled": True,
        "SmtpClientAuthenticationDisabled": None,
        "ActiveSyncAllowedDeviceIDs": [],
    }


def _recipient(box: Mailbox) -> dict[str, Any]:
    return {
        "RecipientType": "UserMailbox",
        "EmailAddresses": _addresses(box),
        "HiddenFromAddressListsEnabled": box.kind is MailboxKind.DISCOVERY,
        "ExchangeGuid": Guid(box.guid),
    }


def _user(box: Mailbox) -> dict[str, Any]:
    first, _, last = box.name.partition(" ")
    return {
        "UserPrincipalName": box.upn,
        "WindowsEmailAddress": box.upn,
        "FirstName": first,
        "LastName": last,
        "RecipientType": "UserMailbox",
        "AccountDisabled": box.kind is not MailboxKind.USER,
        "IsDirSynced": False,
        "AuthenticationPolicy": None,
    }
