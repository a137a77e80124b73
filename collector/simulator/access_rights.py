"""The cmdlets that tell who may open a mailbox or a folder, or send as somebody; protocol.md C3."""

from collections.abc import Iterable, Mapping
from typing import Any

from collector.simulator.address_book import AddressBook
from collector.simulator.directory import Configuration, Mailbox, Permission
from collector.simulator.parameters import bind, each_of, flag, required, size_or_unlimited, text
from collector.simulator.rows import limited, typed
from collector.simulator.wire import Answer

SELF = "NT AUTHORITY\\SELF"
_INHERITED = (
    Permission("", "EURPR04A009\\Organization Management", ("FullAccess",)),
    Permission("", "NT AUTHORITY\\SYSTEM", ("FullAccess",)),
    Permission("", "EURPR04A009\\Exchange Servers", ("FullAccess", "ReadPermission")),
)
"""What the service itself may do with every mailbox."""


class AccessRights:
    """The permissions of a tenant."""

    def __init__(self, configuration: Configuration, book: AddressBook) -> None:
        self._configuration = configuration
        self._book = book

    def mailbox(self, given: Mapping[str, Any]) -> Answer:
        """Answer Get-MailboxPermission."""
        known = {"Identity": text, "User": text, "Owner": flag, "ResultSize": size_or_unlimited}
        asked = bind(given, known)
        required(asked, "Identity")
        box = self._book.one(asked["Identity"])
        if asked.get("Owner"):
            return Answer([typed({"Identity": box.name, "Owner": SELF})])
        own = (Permission(box.upn, SELF, ("FullAccess", "ReadPermission")),)
        granted = [*own, *_on(box, self._configuration.permissions)]
        rows = [_mailbox_right(box, each, inherited=False) for each in granted]
        rows += [_mailbox_right(box, each, inherited=True) for each in _INHERITED]
        return limited(_of_trustee(rows, "User", asked.get("User")), asked.get("ResultSize", 1000))

    def recipient(self, given: Mapping[str, Any]) -> Answer:
        """Answer Get-RecipientPermission, of all recipients where none is named."""
        known = {
            "Identity": text,
            "Trustee": text,
            "AccessRights": each_of("SendAs"),
            "ResultSize": size_or_unlimited,
        }
        asked = bind(given, known)
        rows = [
            _send_as(box, trustee)
            for box in self._book.chosen(asked.get("Identity"))
            for trustee in (SELF, *(each.trustee for each in _on(box, self._configuration.send_as)))
        ]
        return limited(_of_trustee(rows, "Trustee", asked.get("Trustee")), asked.get("ResultSize", 1000))

    def folder(self, given: Mapping[str, Any]) -> Answer:
        """Answer Get-MailboxFolderPermission."""
        known = {"Identity": text, "User": text, "ResultSize": size_or_unlimited}
        asked = bind(given, known)
        required(asked, "Identity")
        box, folder = self._book.folder(asked["Identity"])
        name = folder.path.rpartition("/")[2]
        granted = [
            *_on(box, self._configuration.folder_permissions, folder.path),
            Permission(box.upn, "Default", ("AvailabilityOnly" if folder.kind == "Calendar" else "None",)),
            Permission(box.upn, "Anonymous", ("None",)),
        ]
        rows = [_folder_right(box, name, each) for each in granted]
        return limited(_of_trustee(rows, "User", asked.get("User")), asked.get("ResultSize", 1000))


def _on(box: Mailbox, permissions: Iterable[Permission], folder: str | None = None) -> list[Permission]:
    return [each for each in permissions if (each.mailbox, each.folder) == (box.upn, folder)]


def _of_trustee(rows: list[dict[str, Any]], column: str, wanted: str | None) -> list[dict[str, Any]]:
    return [row for row in rows if wanted is None or row[column].casefold() == wanted.casefold()]


def _mailbox_right(box: Mailbox, permission: Permission, *, inherited: bool) -> dict[str, Any]:
    fields = {
        "Identity": box.name,
        "User": permission.trustee,
        "AccessRights": permission.rights,
        "IsInherited": inherited,
        "Deny": False,
        "InheritanceType": "All",
        "IsValid": True,
        "ObjectState": "Unchanged",
    }
    return typed(fields)


def _send_as(box: Mailbox, trustee: str) -> dict[str, Any]:
    fields = {
        "Identity": box.name,
        "Trustee": trustee,
        "AccessControlType": "Allow",
        "AccessRights": ["SendAs"],
        "IsInherited": False,
        "InheritanceType": "None",
    }
    return typed(fields)


def _folder_right(box: Mailbox, folder: str, permission: Permission) -> dict[str, Any]:
    fields = {
        "Identity": f"{box.name}:\\{folder}",
        "FolderName": folder,
        "User": permission.trustee,
        "AccessRights": permission.rights,
        "SharingPermissionFlags": None,
        "IsValid": True,
        "ObjectState": "Unchanged",
    }
    return typed(fields)
