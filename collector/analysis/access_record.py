"""An audit record of either feed, taken apart into the rows of the tables.

Invariants (protocol.md F2, F3): Bind and Sync are told by MailAccessType, looked up by name in OperationProperties,
never by RecordType or client; every member may be missing or of an odd type, and then its column is None; an
InternetMessageId is never changed; the same record gives the same `key` and `content`, whichever feed delivered it.
"""

import hashlib
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any, NamedTuple

import msgspec

from collector.analysis.addresses import address
from collector.analysis.reading import members, number, objects, text
from collector.analysis.rows import Context, Folder
from collector.model import utc

_OPERATION = "mailitemsaccessed"
_ACCESS = {"bind": "Bind", "sync": "Sync"}
_ADDRESS_FIELDS = ("ClientIPAddress", "ClientIP", "ActorIP", "ActorIpAddress", "Client_IPAddress")
"""The fields that --ip looks at (design 1.5); the first that is there is shown."""


LOGON_TYPES = {
    "owner": 0,
    "admin": 1,
    "delegate": 2,
    "delegated": 2,
    "transport": 3,
    "systemservice": 4,
    "bestaccess": 5,
    "delegatedadmin": 6,
}
"""The words for LogonType, in small letters; protocol.md C2, F2."""


class Item(NamedTuple):
    """A FolderItem, as `ItemRow` has it, with its folder."""

    folder: Folder
    message: str | None
    internet_message_id: str | None
    item_id: str | None
    subject: str | None
    size: int | None
    repeat: int


class Taken(NamedTuple):
    """What one record says; the same for each line that holds it. `told` are columns of `RecordRow`, by name.

    `addresses` are the keys that networks are compared with, `apps` the ids of applications in small letters.
    """

    key: str
    content: int
    context: Context
    told: dict[str, Any]
    items: tuple[Item, ...]
    addresses: tuple[str, ...]
    apps: tuple[str, ...]


class Record(msgspec.Struct, gc=False):
    """The members of an audit record that are read; protocol.md F2."""

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


_decoder = msgspec.json.Decoder(Record)


def take(record: bytes, identity: str | None = None) -> Taken:
    """Take a record apart; `identity` names one that shows no Id.

    Raises ValueError where it cannot be read at all or is no JSON object.
    """
    found = members(record, _decoder)
    record_id = text(found.Id) or identity
    return taken(found, record_id, record_id.lower() if record_id else f"whole:{whole(record)}")


def taken(found: Record, record_id: str | None, key: str) -> Taken:
    """Return what a record says whose members were read; `key` is what tells it from others."""
    addresses = [address(one) for name in _ADDRESS_FIELDS if (one := text(getattr(found, name)))]
    within = objects(found.AppAccessContext)
    apps = [text(found.ClientAppId), text(found.AppId), *(text(one.get("ClientAppId")) for one in within)]
    sessions = [text(found.SessionId), *(text(one.get("AADSessionId")) for one in within)]
    context = Context(
        mailbox_guid=text(found.MailboxGuid),
        mailbox_upn=text(found.MailboxOwnerUPN),
        user_id=text(found.UserId),
        user_type=number(found.UserType),
        client_ip=next((one.shown for one in addresses), None),
        client_info=text(found.ClientInfoString),
        client_process=text(found.ClientProcessName),
        client_version=text(found.ClientVersion),
        session_id=next(filter(None, sessions), None),
        logon_type=number(found.LogonType),
        app_id=apps[0] or apps[1],
    )
    told = {"record_id": record_id, **_told(found)}
    items = tuple(_items(found.Folders))
    content = _digest([*context, *told.values(), *items])
    return Taken(
        key=key,
        content=content,
        context=context,
        told=told,
        items=items,
        addresses=tuple(dict.fromkeys(one.key for one in addresses if one.key)),
        apps=tuple(dict.fromkeys(app.lower() for app in apps if app)),
    )


def _told(found: Record) -> dict[str, Any]:
    properties = properties_of(found.OperationProperties)
    folder = next(iter(objects(_member(found.Item, "ParentFolder"))), {})
    created = utc(found.CreationTime) if isinstance(found.CreationTime, str) else None
    operation, access = text(found.Operation), access_of(properties)
    return {
        "time": created.replace(tzinfo=None) if created else None,
        "operation": operation,
        "record_type": number(found.RecordType),
        "workload": text(found.Workload),
        "organization_id": text(found.OrganizationId),
        "is_access": operation.lower() == _OPERATION if operation else access is not None,
        "access": access,
        "throttled": properties.get("isthrottled") == "true",
        "operation_count": number(found.OperationCount),
        "folder_id": text(folder.get("Id")),
        "folder_name": text(folder.get("Name")),
        "folder_path": text(folder.get("Path")),
    }


def access_of(properties: Mapping[str, str]) -> str | None:
    """Return Bind or Sync as the properties of an operation tell it, None where they do not."""
    return _ACCESS.get(properties.get("mailaccesstype", ""))


def message_key(recorded: str | None) -> str | None:
    """Return what a message is compared by: its InternetMessageId without its angle brackets; protocol.md F3."""
    return recorded.removeprefix("<").removesuffix(">") if recorded else None


def _items(folders: Any) -> Iterator[Item]:
    seen: Counter[tuple[str | None, str | None]] = Counter()
    for one in objects(folders):
        folder = Folder(text(one.get("Id")), text(one.get("Path")))
        for item in objects(one.get("FolderItems")):
            internet_message_id, item_id = text(item.get("InternetMessageId")), text(item.get("Id"))
            message = message_key(internet_message_id) or item_id
            subject, size = text(item.get("Subject")), number(item.get("SizeInBytes"))
            repeat = seen[folder.folder, message]
            seen[folder.folder, message] += 1
            yield Item(folder, message, internet_message_id, item_id, subject, size, repeat)


def properties_of(listed: Any) -> dict[str, str]:
    """Read OperationProperties, names and values in small letters.

    It is a list of names and values (protocol.md F2) or of texts `Name:Value` (C2), which may stand in one text; their
    order is not promised.
    """
    if isinstance(listed, str):
        listed = re.split("[;,]", listed)
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


def whole(record: bytes) -> str:
    """Return a digest of all that a record says, in whatever order and spelling: what names one that shows no Id."""
    with suppress(msgspec.MsgspecError, UnicodeError, RecursionError):  # such a one is the same only to the byte
        record = msgspec.json.encode(msgspec.json.decode(record), order="deterministic")
    return hashlib.sha256(record).hexdigest()


def _digest(values: list[Any]) -> int:
    packed = hashlib.blake2b(msgspec.msgpack.encode(values), digest_size=8).digest()
    return int.from_bytes(packed, signed=True)
