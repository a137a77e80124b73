"""How an entry of a mailbox's own audit log is written: the columns of protocol.md C2.

Invariant: every row has every column of its form; one that a record says nothing for is null.
"""

import base64
import json
from collections.abc import Mapping
from typing import Any

from collector.simulator.directory import Mailbox
from collector.simulator.rows import Guid, typed
from collector.simulator.scenario import AuditRow

LOGON_TYPES = {0: "Owner", 1: "Admin", 2: "Delegate"}
"""The words for the LogonType of a record; protocol.md C2, F2."""

_COPIED = (
    "Operation", "OperationResult", "LogonType", "ExternalAccess", "FolderId", "FolderPathName", "FolderName",
    "DestFolderId", "DestFolderPathName", "MemberRights", "MemberSid", "MemberUpn", "ClientInfoString",
    "ClientIPAddress", "ClientIP", "ClientMachineName", "ClientProcessName", "ClientVersion", "InternalLogonType",
    "MailboxOwnerUPN", "MailboxOwnerSid", "DestMailboxOwnerUPN", "DestMailboxOwnerSid", "DestMailboxGuid",
    "CrossMailboxOperation", "LogonUserDisplayName", "LogonUserSid", "SourceItems", "SourceFolders",
    "SourceItemIdsList", "SourceItemSubjectsList", "SourceItemAttachmentsList", "SourceItemFolderPathNamesList",
    "SourceFolderPathNamesList", "SourceItemInternetMessageIdsList", "ItemId", "ItemSubject", "ItemAttachments",
    "ItemInternetMessageId", "DirtyProperties", "OriginatingServer", "SessionId", "OperationProperties",
    "AuditOperationsCountInAggregatedRecord", "AggregatedRecordFoldersData", "AppId", "ClientAppId", "ItemIsRecord",
    "ItemComplianceLabel",
)  # fmt: skip
"""The columns up to the mailbox's own, in their order."""


def details(box: Mailbox, row: AuditRow, fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return the row that ShowDetails gives for an audit record of a mailbox."""
    told = {**dict.fromkeys(_COPIED), **{name: value for name, value in fields.items() if name in _COPIED}}
    address = fields.get("ClientIPAddress", fields.get("ClientIP"))
    return typed({**told, **_renamed(fields), **_folders(fields), "ClientIP": address, **_ending(box, row)})


def summary(box: Mailbox, row: AuditRow) -> dict[str, Any]:
    """Return the row of a mailbox without ShowDetails, given its latest entry."""
    return typed(_ending(box, row))


def _ending(box: Mailbox, row: AuditRow) -> dict[str, Any]:
    return {
        "MailboxGuid": Guid(box.guid),
        "MailboxResolvedOwnerName": box.name,
        "LastAccessed": row.created,
        "Identity": base64.b64encode(f"{box.guid}/{row.identity}".encode()).decode(),
        "IsValid": True,
        "ObjectState": "New",
    }


def _renamed(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the old store says in words of its own."""
    pairs = fields.get("OperationProperties")
    internal = fields.get("InternalLogonType", 0)
    return {
        "OperationResult": fields.get("ResultStatus"),
        "LogonType": LOGON_TYPES.get(fields.get("LogonType", 0)),
        "InternalLogonType": LOGON_TYPES.get(internal, str(internal)),
        "OperationProperties": [f"{pair['Name']}:{pair['Value']}" for pair in pairs] if pairs else None,
    }


def _folders(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return where the messages of a Bind, or the folder of a Sync, stand."""
    parent = fields.get("Item", {}).get("ParentFolder", {})
    synced = {"FolderId": parent.get("Id"), "FolderName": parent.get("Name"), "FolderPathName": parent.get("Path")}
    if "Folders" not in fields:
        return synced
    return {
        **synced,
        "AuditOperationsCountInAggregatedRecord": fields.get("OperationCount"),
        "AggregatedRecordFoldersData": json.dumps(fields["Folders"], ensure_ascii=False, separators=(",", ":")),
    }
