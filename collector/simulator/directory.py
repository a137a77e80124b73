"""What is set up in a tenant: its mailboxes, who may open them, its rules and audit settings; protocol.md C3.

Values only. A mailbox is named by its user principal name wherever a value speaks of one.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import NamedTuple
from uuid import NAMESPACE_URL, uuid5

ADMIN_SET = (
    "Update", "MoveToDeletedItems", "SoftDelete", "HardDelete", "SendAs", "SendOnBehalf", "Create",
    "UpdateFolderPermissions", "UpdateInboxRules", "UpdateCalendarDelegation", "ApplyRecord", "MailItemsAccessed",
    "Send",
)  # fmt: skip
DELEGATE_SET = tuple(action for action in ADMIN_SET if action != "Send")
OWNER_SET = (
    "Update", "MoveToDeletedItems", "SoftDelete", "HardDelete", "UpdateFolderPermissions", "UpdateInboxRules",
    "UpdateCalendarDelegation", "ApplyRecord", "MailItemsAccessed", "Send",
)  # fmt: skip
"""The actions that Microsoft has audited by default, as captured; protocol.md C3."""


class MailboxKind(StrEnum):
    """The RecipientTypeDetails of a mailbox."""

    USER = "UserMailbox"
    SHARED = "SharedMailbox"
    ROOM = "RoomMailbox"
    DISCOVERY = "DiscoveryMailbox"


class Standing(StrEnum):
    """Whether a mailbox is in use, kept by a hold after its user went, or deleted and not yet purged."""

    ACTIVE = "active"
    INACTIVE = "inactive"
    SOFT_DELETED = "soft-deleted"


class AuditSettings(NamedTuple):
    """What is audited of a mailbox; a logon type that `managed` lacks does not receive Microsoft's new defaults."""

    enabled: bool = True
    admin: tuple[str, ...] = ADMIN_SET
    delegate: tuple[str, ...] = DELEGATE_SET
    owner: tuple[str, ...] = OWNER_SET
    managed: tuple[str, ...] = ("Admin", "Delegate", "Owner")
    age_limit: timedelta = timedelta(days=90)
    capabilities: tuple[str, ...] = ("BPOS_S_Enterprise", "M365Auditing")


class Mailbox(NamedTuple):
    """A mailbox; `guid` is the MailboxGuid of its records. `aliases` are further addresses of it."""

    upn: str
    guid: str
    name: str
    kind: MailboxKind = MailboxKind.USER
    standing: Standing = Standing.ACTIVE
    audit: AuditSettings = AuditSettings()
    aliases: tuple[str, ...] = ()
    forwards_to: str | None = None
    imap: bool = True


class InboxRule(NamedTuple):
    """A rule of a mailbox. `hidden` ones are told only with IncludeHidden."""

    mailbox: str
    name: str
    number: int
    enabled: bool = True
    hidden: bool = False
    subject_words: tuple[str, ...] = ()
    move_to: str | None = None
    forward_to: tuple[str, ...] = ()
    mark_read: bool = False
    delete: bool = False


class TransportRule(NamedTuple):
    """A mail flow rule of the tenant."""

    name: str
    guid: str
    state: str = "Enabled"
    from_scope: str | None = None
    blind_copy_to: tuple[str, ...] = ()
    header: tuple[str, str] | None = None


class Permission(NamedTuple):
    """Rights of `trustee` on a mailbox, or on the folder of it that is named."""

    mailbox: str
    trustee: str
    rights: tuple[str, ...]
    folder: str | None = None


class FolderFacts(NamedTuple):
    """How much a folder holds; `id` is the folder's Id in audit records, `path` has slashes."""

    mailbox: str
    id: str
    path: str
    kind: str
    items: int
    size: int
    oldest: datetime | None = None
    newest: datetime | None = None


@dataclass(frozen=True)
class Configuration:
    """How a tenant is set up. `bypassed` are the accounts whose actions are not mailbox-audited at all.

    `permissions` are on mailboxes, `send_as` on recipients, `folder_permissions` on folders beside the Default and
    Anonymous entries that every folder has.
    """

    ingestion: bool = True
    first_opt_in: datetime | None = datetime(2022, 9, 21, 8, 7, 47, tzinfo=UTC)
    audit_disabled: bool = False
    bypassed: frozenset[str] = frozenset()
    inbox_rules: tuple[InboxRule, ...] = ()
    transport_rules: tuple[TransportRule, ...] = ()
    permissions: tuple[Permission, ...] = ()
    send_as: tuple[Permission, ...] = ()
    folder_permissions: tuple[Permission, ...] = ()
    folders: tuple[FolderFacts, ...] = ()


def external_id(upn: str) -> str:
    """Return the object id that the user of a mailbox has in Entra."""
    return str(uuid5(NAMESPACE_URL, upn))
