"""An audit record of either feed, taken apart into the rows of the tables.

Invariants (protocol.md F2, F3): Bind and Sync are told by MailAccessType, looked up by name in OperationProperties,
never by RecordType or client; every member may be missing or of an odd type, and then its column is None; an
InternetMessageId is never changed; the same record gives the same `key` and `content`, whichever feed delivered it.
"""

import hashlib
from collections import Counter
from collections.abc import Iterator
from typing import Any, NamedTuple

import msgspec

from collector.analysis.addresses import address
from collector.analysis.reading import members, number, objects, text
from collector.analysis.rows import AddressRow, AppRow, ItemRow, Place, RecordRow
from collector.model import utc

_ACCESS = {"bind": "Bind", "sync": "Sync"}
_ADDRESS_FIELDS = ("ClientIPAddress", "ClientIP", "ActorIP", "ActorIpAddress", "Client_IPAddress")
"""The fields that --ip looks at (design 1.5); the first that is there is shown."""


class Taken(NamedTuple):
    """The rows of one record; the same ones for each line that holds it, but for `row_id` and its place."""

    record: RecordRow
    items: tuple[ItemRow, ...]
    addresses: tuple[AddressRow, ...]
    apps: tuple[AppRow, ...]


class _Record(msgspec.Struct, gc=False):
    Id: Any = None
    CreationTime: Any = None
    Operation: Any = None
    RecordType: Any = None
    Workload: Any = None
    OrganizationId: Any = None
    UserId: Any = None
    UserType: Any = None
    MailboxGuid: Any = None
    MailboxOwnerUPN: Any = None
    ClientIPAddress: Any = None
    ClientIP: Any = None
    ActorIP: Any = None
    ActorIpAddress: Any = None
    Client_IPAddress: Any = None
    ClientInfoString: Any = None
    ClientProcessName: Any = None
    ClientVersion: Any = None
    SessionId: Any = None
    LogonType: Any = None
    AppId: Any = None
    ClientAppId: Any = None
    AppAccessContext: Any = None
    OperationProperties: Any = None
    OperationCount: Any = None
    Folders: Any = None
    Item: Any = None


_decoder = msgspec.json.Decoder(_Record)


def take(record: bytes, place: Place, identity: str | None = None) -> Taken:
    """Take a record apart; `identity` names one that shows no Id.

    Raises ValueError where it cannot be read at all or is no JSON object.
    """
    found = members(record, _decoder)
    contexts = objects(found.AppAccessContext)
    addresses = [address(one) for name in _ADDRESS_FIELDS if (one := text(getattr(found, name)))]
    apps = [text(found.ClientAppId), text(found.AppId), *(text(one.get("ClientAppId")) for one in contexts)]
    sessions = [text(found.SessionId), *(text(one.get("AADSessionId")) for one in contexts)]
    told = {
        **_told(found),
        "record_id": text(found.Id) or identity,
        "client_ip": next((one.shown for one in addresses), None),
        "session_id": next(filter(None, sessions), None),
        "app_id": apps[0] or apps[1],
    }
    items = tuple(_items(found.Folders, place.row_id))
    content = _digest([*(told[name] for name in sorted(told)), *(item[1:] for item in items)])
    key = told["record_id"].lower() if told["record_id"] else f"content:{content:x}"
    return Taken(
        RecordRow(*place, key=key, content=content, named=len(items), **told),
        items,
        tuple(AddressRow(place.row_id, one) for one in dict.fromkeys(one.key for one in addresses if one.key)),
        tuple(AppRow(place.row_id, one) for one in dict.fromkeys(app.lower() for app in apps if app)),
    )


def _told(found: _Record) -> dict[str, Any]:
    """Return the columns that one member alone fills."""
    properties = _properties(found.OperationProperties)
    folder = next(iter(objects(_member(found.Item, "ParentFolder"))), {})
    created = utc(found.CreationTime) if isinstance(found.CreationTime, str) else None
    return {
        "time": created.replace(tzinfo=None) if created else None,
        "operation": text(found.Operation),
        "record_type": number(found.RecordType),
        "workload": text(found.Workload),
        "organization_id": text(found.OrganizationId),
        "access": _ACCESS.get(properties.get("mailaccesstype", "")),
        "throttled": properties.get("isthrottled") == "true",
        "mailbox_guid": text(found.MailboxGuid),
        "mailbox_upn": text(found.MailboxOwnerUPN),
        "user_id": text(found.UserId),
        "user_type": number(found.UserType),
        "client_info": text(found.ClientInfoString),
        "client_process": text(found.ClientProcessName),
        "client_version": text(found.ClientVersion),
        "logon_type": number(found.LogonType),
        "operation_count": number(found.OperationCount),
        "folder_id": text(folder.get("Id")),
        "folder_name": text(folder.get("Name")),
        "folder_path": text(folder.get("Path")),
    }


def message_key(recorded: str | None) -> str | None:
    """Return what a message is compared by: its InternetMessageId without its angle brackets; protocol.md F3."""
    return recorded.removeprefix("<").removesuffix(">") if recorded else None


def _items(folders: Any, row: int) -> Iterator[ItemRow]:
    seen: Counter[tuple[str | None, str | None]] = Counter()
    for folder in objects(folders):
        folder_id, path = text(folder.get("Id")), text(folder.get("Path"))
        for item in objects(folder.get("FolderItems")):
            internet_message_id, item_id = text(item.get("InternetMessageId")), text(item.get("Id"))
            message = message_key(internet_message_id) or item_id
            size = number(item.get("SizeInBytes"))
            subject = text(item.get("Subject"))
            repeat = seen[path, message]
            seen[path, message] += 1
            yield ItemRow(row, folder_id, path, message, internet_message_id, item_id, subject, size, repeat)


def _properties(listed: Any) -> dict[str, str]:
    """Read OperationProperties, names and values in small letters.

    It is a list of names and values (protocol.md F2) or of texts `Name:Value` (C2), in no promised order.
    """
    if isinstance(listed, dict):
        listed = [{"Name": name, "Value": value} for name, value in listed.items()]
    found: dict[str, str] = {}
    for one in listed if isinstance(listed, list) else ():
        if isinstance(one, str):
            name, _, value = one.partition(":")
        else:
            name, value = _member(one, "Name"), _member(one, "Value")
        found.setdefault(str(name).strip().lower(), str(value).strip().lower())
    return found


def _member(value: Any, name: str) -> Any:
    return value.get(name) if isinstance(value, dict) else None


def _digest(values: list[Any]) -> int:
    packed = hashlib.blake2b(msgspec.msgpack.encode(values), digest_size=8).digest()
    return int.from_bytes(packed, signed=True)
