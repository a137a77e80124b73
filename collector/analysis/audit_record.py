"""An audit record as either feed wrote it, read for what says which record it is and where it belongs.

Invariant: a line that shows no Id, however leniently it is read, is an error for the caller to count and name, never
passed over.
"""

import json
from typing import Any, NamedTuple

import msgspec

from collector.analysis.reading import members, number, text
from collector.model import utc

CONTENT_TYPES = {
    "azureactivedirectory": "Audit.AzureActiveDirectory",
    "exchange": "Audit.Exchange",
    "onedrive": "Audit.SharePoint",
    "sharepoint": "Audit.SharePoint",
}
"""The content type that carries a workload (without case); all other workloads are in Audit.General.

Source: the Activity API's reference on content types and its schema on Workload (protocol.md A1).
"""

_DLP_OPERATIONS = {"dlprulematch", "dlpruleundo", "dlpinfo"}
"""The operations of DLP.All, whatever the workload. Source: the schema's common fields, Operation."""


class AuditRecord(NamedTuple):
    """What is read of a record; `at` is its CreationTime in POSIX seconds; what it does not show is None or empty.

    `content_type` is the one that carries it in the Activity feed.
    """

    id: str
    at: float | None
    operation: str
    user: str
    record_type: int | None
    content_type: str | None


def unwrap(line: bytes) -> tuple[bytes, str | None]:
    """Return the record that a row of Search-UnifiedAuditLog holds, and the row's Identity.

    Raises ValueError where its AuditData is no text.
    """
    row = members(line, _row)
    if not isinstance(row.AuditData, str):
        raise ValueError("AuditData is not a text")  # noqa: TRY004 - the line is at fault, not the caller
    return row.AuditData.encode("utf-8", "surrogatepass"), text(row.Identity)


def unnest(line: bytes) -> tuple[bytes, str | None]:
    """Return the record that a record of Graph's audit queries holds, and that one's id; protocol.md D1.

    Raises ValueError where its auditData is no object.
    """
    row = members(line, _nesting)
    data = row.audit_data
    record = bytes(data) if isinstance(data, msgspec.Raw) else json.dumps(data).encode()
    if not record.startswith(b"{"):
        raise ValueError("auditData is not an object")
    return record, text(row.id)


def read_row(line: bytes) -> AuditRecord:
    """Read a row of Search-UnifiedAuditLog; raises ValueError where its AuditData is no text or holds no Id."""
    return read_record(unwrap(line)[0], None)


def read_record(line: bytes, content_type: str | None) -> AuditRecord:
    """Read a record as the Activity feed holds it; raises ValueError where it is no JSON object or holds no Id.

    `content_type` is the one it was listed under; where None, its workload tells.
    """
    found = members(line, _record)
    if not isinstance(found.Id, str) or not found.Id:
        raise ValueError("there is no Id")
    created = utc(_text(found.CreationTime))
    operation = _text(found.Operation)
    return AuditRecord(
        id=found.Id,
        at=created.timestamp() if created else None,
        operation=operation,
        user=_text(found.UserId),
        record_type=number(found.RecordType),
        content_type=content_type or _content_type(_text(found.Workload), operation),
    )


class _Row(msgspec.Struct, gc=False):
    AuditData: Any = None
    Identity: Any = None


class _Nesting(msgspec.Struct, gc=False, rename="camel"):
    id: Any = None
    audit_data: msgspec.Raw = msgspec.Raw(b"null")


class _Record(msgspec.Struct, gc=False):
    Id: Any = None
    CreationTime: Any = None
    Operation: Any = None
    UserId: Any = None
    RecordType: Any = None
    Workload: Any = None


_row, _record = msgspec.json.Decoder(_Row), msgspec.json.Decoder(_Record)
_nesting = msgspec.json.Decoder(_Nesting)


def _content_type(workload: str, operation: str) -> str | None:
    if operation.lower() in _DLP_OPERATIONS:
        return "DLP.All"
    return CONTENT_TYPES.get(workload.lower(), "Audit.General") if workload else None


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
