"""AuditData as the service writes it: the fields of protocol.md F2, in their order, rendered when asked for.

Invariant: what is the same for all records of a context is rendered once; a record's text is the same each time.
"""

import json
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any, NamedTuple

from collector.simulator.cast import Person
from collector.simulator.mail import Folder
from collector.simulator.scenario import DOMAIN, TENANT_ID, AuditRow

OWNER, DELEGATED = 0, 2
_SERVER = "DB7PR04MB4346 (15.20.2878.014)\r\n"
_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


@dataclass(frozen=True)
class Context:
    """Who opened a mailbox, from where and with what: all that is constant in the records of one session."""

    mailbox: Person
    user: str
    ip: str
    client_info: str
    sync: bool = False
    user_type: int = 0
    user_key: str = ""
    sid: str = ""
    logon_type: int = OWNER
    session: str | None = None
    aad_session: str | None = None
    app_id: str | None = None
    client_app_id: str | None = None
    throttled: bool = False

    @cached_property
    def head(self) -> str:
        """The JSON members from Operation up to what the record lists, with a comma behind them."""
        fields = {**self._common(), **self._client(), **self._mailbox()}
        return _encode({name: value for name, value in fields.items() if value is not None})[1:-1] + ","

    def _common(self) -> dict[str, Any]:
        return {
            "Operation": "MailItemsAccessed",
            "OrganizationId": TENANT_ID,
            "RecordType": 2 if self.sync else 50,
            "ResultStatus": "Succeeded",
            "UserKey": self.user_key or self.mailbox.key,
            "UserType": self.user_type,
            "Version": 1,
            "Workload": "Exchange",
            "ClientIP": self.ip if self.sync else None,
            "UserId": self.user,
        }

    def _client(self) -> dict[str, Any]:
        return {
            "AppId": self.app_id,
            "ClientAppId": self.client_app_id,
            "AppAccessContext": {"AADSessionId": self.aad_session} if self.aad_session else None,
            "ClientIPAddress": self.ip,
            "ClientInfoString": self.client_info,
            "ClientProcessName": "OUTLOOK.EXE" if self.sync else None,
            "ClientVersion": "16.0.17328.20206" if self.sync else None,
        }

    def _mailbox(self) -> dict[str, Any]:
        properties = {"MailAccessType": "Sync" if self.sync else "Bind", "IsThrottled": str(self.throttled)}
        return {
            "ExternalAccess": False,
            "InternalLogonType": 0,
            "LogonType": self.logon_type,
            "LogonUserSid": self.sid or self.mailbox.sid,
            "MailboxGuid": self.mailbox.mailbox_guid,
            "MailboxOwnerSid": self.mailbox.sid,
            "MailboxOwnerUPN": self.mailbox.upn,
            "OperationProperties": [{"Name": name, "Value": value} for name, value in properties.items()],
            "OrganizationName": DOMAIN,
            "OriginatingServer": _SERVER,
            "SessionId": self.session,
        }


class Pick(NamedTuple):
    """Some neighbouring items of a folder."""

    folder: Folder
    first: int
    length: int


class Bind(NamedTuple):
    """A Bind record's AuditData: the messages of two minutes, by folder."""

    created: datetime
    identity: str
    context: Context
    picks: tuple[Pick, ...]

    def __str__(self) -> str:
        folders = ",".join(
            f'{{"FolderItems":[{",".join(folder.items[first : first + length])}],{folder.bind_members}}}'
            for folder, first, length in self.picks
        )
        count = sum(pick.length for pick in self.picks)
        return (
            f'{_start(self.created, self.identity)}{self.context.head}"Folders":[{folders}],"OperationCount":{count}}}'
        )


class Sync(NamedTuple):
    """A Sync record's AuditData: a folder, all of whose items are taken to have been copied."""

    created: datetime
    identity: str
    context: Context
    folder: Folder

    def __str__(self) -> str:
        return f'{_start(self.created, self.identity)}{self.context.head}"Item":{self.folder.sync_item}}}'


class Event(NamedTuple):
    """The AuditData of any other operation."""

    created: datetime
    identity: str
    fields: dict[str, Any]

    def __str__(self) -> str:
        return f"{_start(self.created, self.identity)}{_encode(self.fields)[1:]}"


def _start(created: datetime, identity: str) -> str:
    return f'{{"CreationTime":"{created.isoformat(timespec="seconds")[:19]}","Id":"{identity}",'


def accessed(body: Bind | Sync) -> AuditRow:
    """Return the row of a MailItemsAccessed record; a Sync is of another record type than a Bind."""
    kind = 2 if body.context.sync else 50
    return AuditRow(body.created, body.identity, kind, body.context.user, "MailItemsAccessed", body)


def event(created: datetime, identity: str, operation: str, kind: int, user: Person, **more: Any) -> AuditRow:
    """Return the row of another operation on mail; `kind` is its record type, `more` its own fields."""
    fields = {
        "Operation": operation,
        "OrganizationId": TENANT_ID,
        "RecordType": kind,
        "ResultStatus": "Succeeded",
        "UserKey": user.key,
        "UserType": 0,
        "Version": 1,
        "Workload": "Exchange",
        "UserId": user.upn,
        **more,
    }
    return AuditRow(created, identity, kind, user.upn, operation, Event(created, identity, fields))
