"""Exports as their makers write them, made up: of the same few audit records, and of the same messages."""

import csv
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

Line = dict[str, Any]
Table = Sequence[Mapping[str, object]]

RUNSPACE = {"RunspaceId": "2850e838-0000-4b61-a2e6-90e8c9b49bbb", "PSComputerName": "outlook.example.org"}
LOGONS = ("Owner", "Admin", "Delegated")
RECORD_TYPES = {1: "ExchangeAdmin", 2: "ExchangeItem", 50: "ExchangeItemAggregated", 15: "AzureActiveDirectoryStsLogon"}


def table(rows: Table, delimiter: str = ",", *, above: str = "", encoding: str = "utf-8", quote: bool = True) -> bytes:
    """Write rows as Export-Csv does: the columns are those of the first, all of it is quoted."""
    output = io.StringIO(newline="")
    names = list(rows[0])
    how = csv.QUOTE_ALL if quote else csv.QUOTE_MINIMAL
    writer = csv.DictWriter(output, names, delimiter=delimiter, quoting=how, extrasaction="ignore", restval="")
    writer.writeheader()
    writer.writerows([{name: _cell(value) for name, value in row.items()} for row in rows])
    return (above + output.getvalue()).encode(encoding)


def _cell(value: object) -> object:
    """Write a value as PowerShell does, which makes a word of a list."""
    if isinstance(value, list):
        return "System.Object[]"
    return "" if value is None else value


def ual_rows(records: Sequence[Line]) -> list[Line]:
    """Wrap records as Search-UnifiedAuditLog does, with what PowerShell adds."""
    return [
        {
            "RecordType": RECORD_TYPES.get(one.get("RecordType", 0), "Unknown"),
            "CreationDate": one.get("CreationTime", ""),
            "UserIds": one.get("UserId", ""),
            "Operations": one.get("Operation", ""),
            "AuditData": json.dumps(one, separators=(",", ":")),
            "ResultIndex": place,
            "ResultCount": len(records),
            "Identity": one.get("Id", ""),
            "IsValid": True,
            "ObjectState": "Unchanged",
            **RUNSPACE,
        }
        for place, one in enumerate(records, 1)
    ]


def portal_rows(records: Iterable[Line]) -> list[Line]:
    return [
        {
            "RecordId": one["Id"],
            "CreationDate": f"{one['CreationTime']}.0000000Z",
            "RecordType": one["RecordType"],
            "Operation": one["Operation"],
            "UserId": one["UserId"],
            "AuditData": json.dumps(one),
            "AssociatedAdminUnits": "",
            "AssociatedAdminUnitsNames": "",
        }
        for one in records
    ]


def office_rows(records: Iterable[Line], time: str = "TimeGenerated") -> list[Line]:
    """Flatten records as Sentinel does: lists and objects are JSON texts, numbers of types are words."""
    return [
        {
            "TenantId": "workspace",
            time: one["CreationTime"] + "Z",
            "RecordType": RECORD_TYPES[one["RecordType"]],
            "Operation": one["Operation"],
            "OrganizationId": one.get("OrganizationId"),
            "UserType": "Regular",
            "UserId": one["UserId"],
            "OfficeWorkload": "Exchange",
            "OfficeId": one["Id"],
            "Client_IPAddress": one.get("ClientIPAddress", one.get("Client_IPAddress")),
            "ClientIP": one.get("ClientIP"),
            "ActorIpAddress": one.get("ActorIpAddress"),
            "ClientInfoString": one.get("ClientInfoString"),
            "ClientProcessName": one.get("ClientProcessName"),
            "ClientVersion": one.get("ClientVersion"),
            "SessionId": one.get("SessionId"),
            "Logon_Type": LOGONS[one.get("LogonType", 0)],
            "MailboxGuid": one.get("MailboxGuid"),
            "MailboxOwnerUPN": one.get("MailboxOwnerUPN"),
            "AppId": one.get("AppId"),
            "ClientAppId": one.get("ClientAppId"),
            "AppAccessContext": _text(one.get("AppAccessContext")),
            "OperationProperties": _text(one.get("OperationProperties")),
            "OperationCount": one.get("OperationCount"),
            "Folders": _text(one.get("Folders")),
            "Item": _text(one.get("Item")),
            "Type": "OfficeActivity",
        }
        for one in records
    ]


def _text(value: object) -> str:
    return "" if value is None else json.dumps(value)


def mes_json(records: Sequence[Line]) -> bytes:
    """Write rows as Microsoft-Extractor-Suite does: AuditData taken apart, an array for each call."""
    rows = [{**row, "AuditData": json.loads(row["AuditData"])} for row in ual_rows(records)]
    half = len(rows) // 2 or 1
    return "\r\n\r\n\r\n".join(json.dumps(part, indent=2) for part in (rows[:half], rows[half:]) if part).encode()


def graph_rows(records: Iterable[Line]) -> list[Line]:
    """Wrap records as Graph does; what it calls userId is the UserKey."""
    return [
        {
            "id": one["Id"],
            "createdDateTime": one["CreationTime"] + "Z",
            "auditLogRecordType": RECORD_TYPES[one["RecordType"]],
            "operation": one["Operation"],
            "userId": "key",
            "userPrincipalName": one["UserId"],
            "auditData": {"@odata.type": "#microsoft.graph.security.defaultAuditData", **one},
        }
        for one in records
    ]


def hawk_simple(records: Iterable[Line]) -> list[Line]:
    """Flatten records as Hawk's Simple_ files do: the row's columns, the record's beside and partly under new names."""
    return [
        {
            "RecordType": RECORD_TYPES[one["RecordType"]],
            "CreationDate": "1/2/2026 3:04:05 AM",
            "AuditCreationTime": one["CreationTime"],
            "AuditId": one["Id"],
            "AuditRecordType": one["RecordType"],
            "AADSessionId": (one.get("AppAccessContext") or {}).get("AADSessionId"),
            "FullCommand": one["Operation"],
            **{name: value for name, value in one.items() if name not in {"RecordType", "AppAccessContext"}},
        }
        for one in records
    ]


def traces(rows: Iterable[Line], received: str = "Received") -> list[Line]:
    """Write rows of Get-MessageTraceV2 as PowerShell does."""
    return [
        {
            "MessageTraceId": one["MessageTraceId"],
            "MessageId": one["MessageId"],
            received: one["Received"],
            "SenderAddress": one["SenderAddress"],
            "RecipientAddress": one["RecipientAddress"],
            "FromIP": one.get("FromIP", ""),
            "ToIP": "",
            "Subject": one["Subject"],
            "Status": one["Status"],
            "Size": one["Size"],
            **RUNSPACE,
        }
        for one in rows
    ]


def lines(records: Iterable[Line]) -> bytes:
    """Write one record a line, as AuditData alone, or as JSONL."""
    return b"".join(json.dumps(one).encode() + b"\r\n" for one in records)
