"""The rows of the tables that evidence is turned into: named, typed columns, each row with the line that it came from.

Invariants: times are UTC, without zone; a column that its record does not fill is None; what no column holds is in
the raw text. `row_id` numbers the lines of a run's tables, and joins them.
"""

from datetime import datetime
from typing import NamedTuple


class Place(NamedTuple):
    """Where a line stands: its source, its file below the run, its number counted from 1; `row_id` is ours."""

    row_id: int
    source: str
    file: str
    line: int


class Context(NamedTuple):
    """Who used which mailbox, from where and with what: the same for many records, and so written once a part."""

    mailbox_guid: str | None
    mailbox_upn: str | None
    user_id: str | None
    user_type: int | None
    client_ip: str | None
    client_info: str | None
    client_process: str | None
    client_version: str | None
    session_id: str | None
    logon_type: int | None
    app_id: str | None


class ContextRow(NamedTuple):
    """A context, the number by which records name it, and the latest time of theirs."""

    context_id: int
    latest: datetime | None
    mailbox_guid: str | None
    mailbox_upn: str | None
    user_id: str | None
    user_type: int | None
    client_ip: str | None
    client_info: str | None
    client_process: str | None
    client_version: str | None
    session_id: str | None
    logon_type: int | None
    app_id: str | None


class RecordRow(NamedTuple):
    """An audit record as one line shows it; the fields of protocol.md F2.

    `key` is the same for all lines of a record, `content` for all that say the same; `named` counts its items;
    `is_access` says that it is of MailItemsAccessed. The folder is that of a Sync.
    """

    row_id: int
    source: str
    file: str
    line: int
    context_id: int
    key: str
    content: int
    named: int
    record_id: str | None
    time: datetime | None
    operation: str | None
    record_type: int | None
    workload: str | None
    organization_id: str | None
    is_access: bool
    access: str | None
    throttled: bool
    operation_count: int | None
    folder_id: str | None
    folder_name: str | None
    folder_path: str | None


class Folder(NamedTuple):
    """A folder that a Bind names: its id, and its path as `folder`."""

    folder_id: str | None
    folder: str | None


class FolderRow(NamedTuple):
    """A folder, and the number by which items name it."""

    folder_number: int
    folder_id: str | None
    folder: str | None


class ItemRow(NamedTuple):
    """A FolderItem of a Bind. `message` is what its message is compared by: no angle brackets, or the item's Id.

    `repeat` counts, from 0, the items before it in its record that are the same.
    """

    row_id: int
    folder_number: int
    message: str | None
    internet_message_id: str | None
    item_id: str | None
    subject: str | None
    size: int | None
    repeat: int


class AddressRow(NamedTuple):
    """An address in a record, by the key that networks are compared with."""

    row_id: int
    address: str


class AppRow(NamedTuple):
    """The id of an application in a record, in small letters."""

    row_id: int
    app: str


class TraceRow(NamedTuple):
    """A row of a message trace: one recipient of one message. `message` as in `ItemRow`."""

    row_id: int
    source: str
    file: str
    line: int
    message: str | None
    message_trace_id: str | None
    message_id: str | None
    received: datetime | None
    sender: str | None
    recipient: str | None
    subject: str | None
    status: str | None
    size: int | None
    from_ip: str | None
    to_ip: str | None


class DetailRow(NamedTuple):
    """What happened to a message on its way to one recipient. `message` as in `ItemRow`, `data` XML in a text."""

    row_id: int
    source: str
    file: str
    line: int
    message: str | None
    message_trace_id: str | None
    message_id: str | None
    recipient: str | None
    date: datetime | None
    event: str | None
    action: str | None
    detail: str | None
    data: str | None


class SignInRow(NamedTuple):
    """A sign-in as one line tells of it. `key` is the same in both logs that have it, `address` as in `AddressRow`.

    `interactive` is whether a person was asked for anything, None where the log does not tell.
    """

    row_id: int
    source: str
    file: str
    line: int
    key: str | None
    record_id: str | None
    time: datetime | None
    user_id: str | None
    succeeded: bool | None
    error: str | None
    client_ip: str | None
    session_id: str | None
    app_id: str | None
    app_name: str | None
    user_agent: str | None
    device: str | None
    interactive: bool | None
    address: str | None


class SettingRow(NamedTuple):
    """One setting of an object, as text or JSON; `mailbox` is that which it was asked of, else that which it names."""

    row_id: int
    source: str
    file: str
    line: int
    cmdlet: str
    mailbox: str | None
    object: str | None
    setting: str
    value: str | None


class RawRow(NamedTuple):
    """The untouched text of a line; of a row of Search-UnifiedAuditLog its AuditData, so that both feeds read alike."""

    row_id: int
    text: str


class UnreadRow(NamedTuple):
    """A line that could not be read, and why; line 0 is a file that could not be read to its end."""

    source: str
    file: str
    line: int
    reason: str


TABLES: dict[str, type[tuple[object, ...]]] = {
    "contexts": ContextRow,
    "records": RecordRow,
    "folders": FolderRow,
    "items": ItemRow,
    "addresses": AddressRow,
    "apps": AppRow,
    "traces": TraceRow,
    "details": DetailRow,
    "sign_ins": SignInRow,
    "settings": SettingRow,
    "raw": RawRow,
    "unread": UnreadRow,
}
"""The tables, by name."""

SORTED_BY = {"items": "message", "traces": "message"}
"""The column that the rows of a table are sorted by: rows of a message lie together, and are sooner gathered."""
