"""Lines to records: the MailItemsAccessed among them, each Id once, the items of its variants united."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from tests.analysis.oracle.reading import Line
from tests.analysis.oracle.values import bare, canonical, host, member, moment, number, objects, properties, text

ADDRESSES = ("ClientIPAddress", "ClientIP", "ActorIP", "ActorIpAddress", "Client_IPAddress")
BIND, SYNC = "bind", "sync"


@dataclass(frozen=True)
class Item:
    """One FolderItem; `name` is its InternetMessageId as recorded, else its Id."""

    folder: str | None
    name: str | None
    size: int | None
    subject: str | None

    @property
    def message(self) -> str | None:
        """What tells one message from another."""
        return bare(self.name)


@dataclass(frozen=True)
class Record:
    """One MailItemsAccessed record, with the fields that a question looks at."""

    record_id: str | None
    time: datetime | None
    access: str | None
    throttled: bool
    guid: str | None
    upn: str | None
    user: str | None
    client_ip: str | None
    addresses: tuple[str, ...]
    client_info: str | None
    client_process: str | None
    client_version: str | None
    session_id: str | None
    logon_type: int | None
    app_id: str | None
    apps: tuple[str, ...]
    operations: int
    folder_id: str | None
    folder_name: str | None
    folder_path: str | None
    items: tuple[Item, ...]

    @property
    def folder(self) -> str | None:
        """The folder of a Sync."""
        return self.folder_name or (None if self.folder_path == "Not Available" else self.folder_path)


def records_of(lines: Iterable[Line]) -> list[Record]:
    """Return each record once."""
    variants: dict[tuple[str, str], dict[str, Line]] = defaultdict(dict)
    for line in lines:
        if (text(line.record.get("Operation")) or "").lower() == "mailitemsaccessed":
            content = canonical(line.record)
            variants[_key(line, content)].setdefault(content, line)
    return [_united([_record(one) for _, one in sorted(found.items())]) for found in variants.values()]


def _id(line: Line) -> str | None:
    return text(line.record.get("Id")) or text(line.identity)


def _key(line: Line, content: str) -> tuple[str, str]:
    name = _id(line)
    return ("content", content) if name is None else ("id", name.lower())


def _united(variants: list[Record]) -> Record:
    fullest = max(variants, key=lambda one: (one.access in {"bind", "sync"}, one.time is not None, len(one.items)))
    throttled = any(one.throttled for one in variants)
    return replace(fullest, throttled=throttled, items=tuple(_union(variants)))


def _union(variants: list[Record]) -> list[Item]:
    """Return the items as multisets united: of an item as many as the variant has that has most of it."""
    found: dict[tuple[str | None, str | None, int], list[Item]] = defaultdict(list)
    for variant in variants:
        seen: dict[tuple[str | None, str | None], int] = defaultdict(int)
        for item in variant.items:
            seen[item.folder, item.message] += 1
            found[item.folder, item.message, seen[item.folder, item.message]].append(item)
    return [_same(items) for items in found.values()]


def _same(items: list[Item]) -> Item:
    return Item(
        items[0].folder,
        min((one.name for one in items if one.name is not None), default=None),
        max((one.size for one in items if one.size is not None), default=None),
        min((one.subject for one in items if one.subject is not None), default=None),
    )


def _record(line: Line) -> Record:
    fields = line.record
    said = properties(fields.get("OperationProperties"))
    contexts = _contexts(fields)
    addresses = [found for name in ADDRESSES if (found := host(text(fields.get(name)))) is not None]
    apps = [fields.get("ClientAppId"), fields.get("AppId"), *(one.get("ClientAppId") for one in contexts)]
    sessions = [fields.get("SessionId"), *(one.get("AADSessionId") for one in contexts)]
    parent = member(fields.get("Item"), "ParentFolder")
    count = number(fields.get("OperationCount"))
    return Record(
        record_id=_id(line),
        time=moment(fields.get("CreationTime")),
        access=said.get("mailaccesstype"),
        throttled=said.get("isthrottled") == "true",
        guid=text(fields.get("MailboxGuid")),
        upn=text(fields.get("MailboxOwnerUPN")),
        user=text(fields.get("UserId")),
        client_ip=addresses[0] if addresses else None,
        addresses=tuple(addresses),
        client_info=text(fields.get("ClientInfoString")),
        client_process=text(fields.get("ClientProcessName")),
        client_version=text(fields.get("ClientVersion")),
        session_id=_first(sessions),
        logon_type=number(fields.get("LogonType")),
        app_id=_first(apps[:2]),
        apps=tuple(found for one in apps if (found := text(one)) is not None),
        operations=1 if count is None else count,
        folder_id=text(member(parent, "Id")),
        folder_name=text(member(parent, "Name")),
        folder_path=text(member(parent, "Path")),
        items=tuple(_items(fields.get("Folders"))),
    )


def _contexts(fields: dict[str, Any]) -> list[dict[str, Any]]:
    value = fields.get("AppAccessContext")
    return [value] if isinstance(value, dict) else objects(value)


def _first(values: Iterable[Any]) -> str | None:
    return next((found for one in values if (found := text(one)) is not None), None)


def _items(folders: Any) -> Iterable[Item]:
    for folder in objects(folders):
        path = text(folder.get("Path"))
        for item in objects(folder.get("FolderItems")):
            name = _first((item.get("InternetMessageId"), item.get("Id")))
            yield Item(path, name, number(item.get("SizeInBytes")), text(item.get("Subject")))
