"""An audit record as either feed wrote it, read for what says which record it is and where it belongs.

Invariants: what a strict reader refuses (lone surrogates, integers of any length, control characters, odd types) is
read leniently; a line that still shows no Id is an error for the caller to count and name, never passed over.
"""

import re
from typing import Any, NamedTuple, TypeVar

import msgspec

from collector.model import lenient, utc

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


def read_row(line: bytes) -> AuditRecord:
    """Read a row of Search-UnifiedAuditLog; raises ValueError where its AuditData is no text or holds no Id."""
    data = _members(line, _row).AuditData
    if not isinstance(data, str):
        raise ValueError("AuditData is not a text")  # noqa: TRY004 - the line is at fault, not the caller
    return read_record(data.encode("utf-8", "surrogatepass"), None)


def read_record(line: bytes, content_type: str | None) -> AuditRecord:
    """Read a record as the Activity feed holds it; raises ValueError where it is no JSON object or holds no Id.

    `content_type` is the one it was listed under; where None, its workload tells.
    """
    members = _members(line, _record)
    if not isinstance(members.Id, str) or not members.Id:
        raise ValueError("there is no Id")
    created = utc(_text(members.CreationTime))
    operation = _text(members.Operation)
    return AuditRecord(
        id=members.Id,
        at=created.timestamp() if created else None,
        operation=operation,
        user=_text(members.UserId),
        record_type=_number(members.RecordType),
        content_type=content_type or _content_type(_text(members.Workload), operation),
    )


class _Row(msgspec.Struct, gc=False):
    AuditData: Any = None


class _Record(msgspec.Struct, gc=False):
    Id: Any = None
    CreationTime: Any = None
    Operation: Any = None
    UserId: Any = None
    RecordType: Any = None
    Workload: Any = None


_row, _record = msgspec.json.Decoder(_Row), msgspec.json.Decoder(_Record)
T = TypeVar("T", _Row, _Record)


def _members(line: bytes, decoder: msgspec.json.Decoder[T]) -> T:
    try:
        return decoder.decode(line)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        found = lenient(line)
        return decoder.type(**{name: found.get(name) for name in decoder.type.__struct_fields__})


def _content_type(workload: str, operation: str) -> str | None:
    if operation.lower() in _DLP_OPERATIONS:
        return "DLP.All"
    return CONTENT_TYPES.get(workload.lower(), "Audit.General") if workload else None


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _number(value: object) -> int | None:
    return int(str(value)) if re.fullmatch(r"-?[0-9]{1,18}", str(value)) else None
