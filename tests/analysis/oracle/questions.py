"""The questions that audit records answer alone; the columns are those of design 1.5."""

from collections import defaultdict
from collections.abc import Hashable, Iterable
from datetime import UTC, datetime
from typing import Any

from tests.analysis.oracle.mailboxes import Mailboxes
from tests.analysis.oracle.reading import Evidence
from tests.analysis.oracle.records import BIND, SYNC, Item, Record
from tests.analysis.oracle.values import day_after, folded, shown

Row = dict[str, Any]
_NEVER = datetime.min.replace(tzinfo=UTC)


def throttling(records: list[Record], mailboxes: Mailboxes, _: Evidence) -> list[Row]:
    """Answer when which mailbox was blind."""
    return [
        {
            "mailbox": mailboxes.name(mailboxes.key(record)),
            "throttled_at": shown(record.time),
            "blind_until": shown(day_after(record.time)),
            "record_id": record.record_id,
        }
        for record in records
        if record.throttled
    ]


def syncs(records: list[Record], mailboxes: Mailboxes, _: Evidence) -> list[Row]:
    """Answer which folders were synced, record by record."""
    return [
        {
            "time": shown(record.time),
            "mailbox": mailboxes.name(mailboxes.key(record)),
            "user": record.user,
            "folder": record.folder,
            "client_ip": record.client_ip,
            "client_info": record.client_info,
            "client_process": record.client_process,
            "client_version": record.client_version,
            "session_id": record.session_id,
            "logon_type": record.logon_type,
            "record_id": record.record_id,
        }
        for record in only(records, SYNC)
    ]


def contexts(records: list[Record], mailboxes: Mailboxes, _: Evidence) -> list[Row]:
    """Answer in which contexts mail was accessed."""
    groups: dict[Hashable, list[Record]] = defaultdict(list)
    for one in records:
        told = (one.client_ip, one.client_info, one.session_id, one.logon_type, one.app_id)
        groups[(mailboxes.key(one), folded(one.user), *told)].append(one)
    return [
        {
            "mailbox": mailboxes.name(mailboxes.key(group[0])),
            "user": mailboxes.user(group[0].user),
            "client_ip": group[0].client_ip,
            "client_info": group[0].client_info,
            "session_id": group[0].session_id,
            "logon_type": group[0].logon_type,
            "app_id": group[0].app_id,
            "binds": len(only(group, BIND)),
            "syncs": len(only(group, SYNC)),
            "messages": messages_in(group),
            "folders": len(distinct(one.folder_id or one.folder_name for one in only(group, SYNC))),
            "first_seen": shown(first(group)),
            "last_seen": shown(last(group)),
        }
        for group in groups.values()
    ]


def binds(records: list[Record], mailboxes: Mailboxes, _: Evidence) -> list[Row]:
    """Answer which items were accessed, item by item."""
    return [
        {
            "time": shown(record.time),
            "mailbox": mailboxes.name(mailboxes.key(record)),
            "user": record.user,
            "internet_message_id": item.name,
            "folder": item.folder,
            "client_ip": record.client_ip,
            "client_info": record.client_info,
            "session_id": record.session_id,
            "logon_type": record.logon_type,
            "app_id": record.app_id,
            "size": item.size,
            "record_id": record.record_id,
        }
        for record in only(records, BIND)
        for item in record.items
    ]


def sessions(records: list[Record], mailboxes: Mailboxes, _: Evidence) -> list[Row]:
    """Answer which sessions there were."""
    groups: dict[Hashable, list[Record]] = defaultdict(list)
    for one in records:
        groups[one.session_id, mailboxes.key(one), folded(one.user)].append(one)
    return [
        {
            "session_id": group[0].session_id,
            "mailbox": mailboxes.name(mailboxes.key(group[0])),
            "user": mailboxes.user(group[0].user),
            "client_ips": distinct(one.client_ip for one in group),
            "first_seen": shown(first(group)),
            "last_seen": shown(last(group)),
            "records": len(group),
            "operations": sum(one.operations for one in only(group, BIND)),
            "messages": messages_in(group),
            "synced_folders": distinct(one.folder for one in only(group, SYNC)),
        }
        for group in groups.values()
    ]


def messages(records: list[Record], mailboxes: Mailboxes, _: Evidence) -> list[Row]:
    """Answer which messages were accessed, by whom, how often."""
    groups: dict[Hashable, list[tuple[Record, Item]]] = defaultdict(list)
    for record in only(records, BIND):
        for item in record.items:
            groups[item.message, mailboxes.key(record), folded(record.user)].append((record, item))
    return [_message(pairs, mailboxes) for pairs in groups.values()]


def _message(pairs: list[tuple[Record, Item]], mailboxes: Mailboxes) -> Row:
    group = [record for record, _ in pairs]
    paths = distinct(item.folder for _, item in pairs)
    return {
        "internet_message_id": smallest(item.name for _, item in pairs),
        "mailbox": mailboxes.name(mailboxes.key(group[0])),
        "user": mailboxes.user(group[0].user),
        "folders": paths,
        "folder_count": len(paths),
        "accesses": len(pairs),
        "sessions": distinct(one.session_id for one in group),
        "client_ips": distinct(one.client_ip for one in group),
        "first_accessed": shown(first(group)),
        "last_accessed": shown(last(group)),
    }


def folders(records: list[Record], mailboxes: Mailboxes, _: Evidence) -> list[Row]:
    """Answer which folders were synced."""
    groups: dict[Hashable, list[Record]] = defaultdict(list)
    for one in only(records, SYNC):
        groups[one.folder_name, one.folder_path, mailboxes.key(one), folded(one.user)].append(one)
    return [
        {
            "mail_access_type": "Sync",
            "folder_name": group[0].folder_name,
            "folder_path": group[0].folder_path,
            "mailbox": mailboxes.name(mailboxes.key(group[0])),
            "user": mailboxes.user(group[0].user),
        }
        for group in groups.values()
    ]


def only(records: Iterable[Record], access: str) -> list[Record]:
    """Return the records of one MailAccessType."""
    return [record for record in records if record.access == access]


def distinct(values: Iterable[str | None]) -> list[str]:
    """Return the values, sorted, each once, without null."""
    return sorted({value for value in values if value is not None})


def smallest(values: Iterable[str | None]) -> str | None:
    """Return the smallest text."""
    return min((value for value in values if value is not None), default=None)


def messages_in(records: Iterable[Record]) -> int:
    """Return how many messages the Binds name."""
    return len(distinct(item.message for record in only(records, BIND) for item in record.items))


def first(group: Iterable[Record]) -> datetime | None:
    """Return the earliest time that could be read."""
    return min((one.time for one in group if one.time is not None), default=None)


def last(group: Iterable[Record]) -> datetime | None:
    """Return the latest time that could be read."""
    return max((one.time for one in group if one.time is not None), default=None)
