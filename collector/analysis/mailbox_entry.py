"""An entry of a mailbox's own audit log, as Search-MailboxAuditLog gave it, read as the audit record it stands for.

Invariants: it has no AuditData Id, and so is never taken for a record of another source; two entries are one only where
they say the same, or bear one Identity, at one time, that can be nothing but an entry's own; what cannot be read of its
messages is told, and the entry counts all the same.
Source: protocol.md C2 for the columns, F2 for what they are in an audit record. AppAccessContext is none of them: where
a record names the session there alone, its entry names none.
"""

import json
import re
from typing import Any

import msgspec

from collector.analysis.access_record import LOGON_TYPES, Record, Taken, access_of, properties_of, taken, whole
from collector.analysis.reading import members, objects, text
from collector.model import utc

_OWN = re.compile(r"(?=.*[A-Z])(?=.*[a-z])(?=.*[0-9+/])[A-Za-z0-9+/]{40,}={0,2}", re.ASCII)
"""An Identity that can be nothing but an entry's own: base64, longer than names are."""


class _Entry(msgspec.Struct, gc=False):
    Identity: Any = None
    LastAccessed: Any = None
    Operation: Any = None
    LogonType: Any = None
    LogonUserDisplayName: Any = None
    LogonUserSid: Any = None
    MailboxGuid: Any = None
    MailboxOwnerUPN: Any = None
    MailboxOwnerSid: Any = None
    MailboxResolvedOwnerName: Any = None
    ClientIPAddress: Any = None
    ClientIP: Any = None
    ClientInfoString: Any = None
    ClientProcessName: Any = None
    ClientVersion: Any = None
    SessionId: Any = None
    AppId: Any = None
    ClientAppId: Any = None
    OperationProperties: Any = None
    AuditOperationsCountInAggregatedRecord: Any = None
    AggregatedRecordFoldersData: Any = None
    FolderId: Any = None
    FolderName: Any = None
    FolderPathName: Any = None
    ItemId: Any = None
    ItemSubject: Any = None
    ItemInternetMessageId: Any = None
    SourceItemInternetMessageIdsList: Any = None


_decoder = msgspec.json.Decoder(_Entry)

_ALIKE = tuple(name for name in _Entry.__struct_fields__ if name in Record.__struct_fields__)
"""The columns that an audit record has too, under the same name and in the same form."""


def take(line: bytes) -> tuple[Taken, str | None]:
    """Take an entry apart; the second value is why its messages could not be read, None where they could.

    Its record_id is its Identity, and a digest of all that it says where it is the mailbox's. Raises ValueError
    where it cannot be read at all or is no JSON object.
    """
    entry = members(line, _decoder)
    found = Record(**{name: getattr(entry, name) for name in _ALIKE})
    found.CreationTime = entry.LastAccessed
    found.UserId = _user(entry)
    found.LogonType = LOGON_TYPES.get(_word(entry.LogonType), entry.LogonType)
    found.OperationCount = entry.AuditOperationsCountInAggregatedRecord
    found.Item = {"ParentFolder": {"Id": entry.FolderId, "Name": entry.FolderName, "Path": entry.FolderPathName}}
    trouble = None
    if access_of(properties_of(entry.OperationProperties)) == "Bind":
        found.Folders, trouble = _folders(entry)
    identity, digest = _own_identity(entry), whole(line)
    if identity is None or not _OWN.fullmatch(identity):
        return taken(found, identity or digest, f"whole:{digest}"), trouble
    at = utc(entry.LastAccessed) if isinstance(entry.LastAccessed, str) else None
    return taken(found, identity, f"{identity} {at}"), trouble


def _own_identity(entry: _Entry) -> str | None:
    """Return the Identity where it is not known to be the mailbox's; without details it is, in some form."""
    identity = text(entry.Identity)
    names = (entry.MailboxGuid, entry.MailboxOwnerUPN, entry.MailboxResolvedOwnerName)
    mailbox = {str(name).lower() for name in names}
    return None if identity is None or identity.lower() in mailbox else identity


def _user(entry: _Entry) -> str | None:
    """Return who acted, by the best name there is: an entry has no UserId.

    An owner is known by the mailbox's own UPN, as an audit record has it, unless two security ids say that somebody
    else was at work. Of all others an entry tells only the display name and the security id.
    """
    sid, owner = text(entry.LogonUserSid), text(entry.MailboxOwnerSid)
    is_owner = _word(entry.LogonType) in ("owner", "0") and (sid is None or owner in (None, sid))
    upn = text(entry.MailboxOwnerUPN) if is_owner else None
    return upn or text(entry.LogonUserDisplayName) or sid


def _word(value: Any) -> str:
    return str(value).strip().lower()


def _folders(entry: _Entry) -> tuple[list[dict[str, Any]], str | None]:
    """Return the folders with the messages of a Bind as audit records have them; and why not, where that is so."""
    data = entry.AggregatedRecordFoldersData
    if isinstance(data, str) and data.strip():
        try:
            data = json.loads(data, strict=False)
        except (ValueError, RecursionError):
            return [], "AggregatedRecordFoldersData, which names its messages, is no JSON"
    within = data.get("Folders", data) if isinstance(data, dict) else data
    return objects(within) or _single(entry), None


def _single(entry: _Entry) -> list[dict[str, Any]]:
    """Return the folder with the messages that an entry names outside of any list of folders, if it does."""
    listed = re.findall(r"<[^<>\s]+>", text(entry.SourceItemInternetMessageIdsList) or "")
    items = [{"InternetMessageId": message} for message in listed]
    if text(entry.ItemInternetMessageId) or text(entry.ItemId):
        own = {"InternetMessageId": entry.ItemInternetMessageId, "Id": entry.ItemId, "Subject": entry.ItemSubject}
        items.insert(0, own)
    path = text(entry.FolderPathName) or text(entry.FolderName)
    return [{"Id": entry.FolderId, "Path": path, "FolderItems": items}] if items else []
