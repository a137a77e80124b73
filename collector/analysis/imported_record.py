"""Audit records in the rows of exports, put back into the form in which the Activity feed has them.

Invariants: a record says no more than its row does, and the same as the record itself, wherever the export kept that;
what an export has lost of a record is told, and the record counts all the same.

Sources: protocol.md C1, D1 for the columns that hold a record, F2 for its members and the numbers of its types; the
reference of Sentinel's table OfficeActivity and the exporting code of Hawk for the names that its members have there.
"""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import msgspec

from collector.analysis.access_record import LOGON_TYPES
from collector.analysis.covers import RECORD_TYPES
from collector.analysis.imported import Imported, by_plain_name
from collector.analysis.reading import text
from collector.model import utc

_HOLDING = ("unified-audit-log", "purview-audit-log", "purview-audit-query")
"""The kinds of export of which a row holds the record, as a text or as an object, in its AuditData."""

_RECORDS, _OFFICE_ACTIVITY = "audit-records", "office-activity"
"""The kinds of export of which a row is the record: under its own names, and flattened."""

_OFFICE_NAMES = {
    "Id": ("officeid", "sourcerecordid"),
    "CreationTime": ("timegenerated", "timegeneratedutc"),
    "Workload": ("officeworkload",),
    "LogonType": ("logontype",),
    "Client_IPAddress": ("clientipaddress",),
}
"""Members of a record that have other names in OfficeActivity, there in small letters and digits."""
_HAWK_NAMES = {"Id": ("auditid",), "CreationTime": ("auditcreationtime",), "RecordType": ("auditrecordtype",)}
"""The same in Hawk's simple tables, where other members stand under their own names."""

_NESTED = ("AppAccessContext", "DeviceProperties", "ExtendedProperties", "Folders", "Item", "OperationProperties")
"""Members that are lists or objects, and JSON texts where a row has none."""
_WITHIN = ("FolderItems", "ParentFolder")
_STAND_INS = ("System.", "@{")
"""What PowerShell writes in place of a list or an object that it does not write out."""
_STAND_IN = re.compile(
    r"\s*(?:@\{(?:\w[\w .@#-]*=.*|\})|System\.(?:[\w.]+(?:\[\]|`\d\[.*\])|Collections\.(?:Hashtable|ArrayList)))\s*",
    re.DOTALL,
)
"""The same in a member that can be any text, as a file's name: System.Object[], @{Name=x}, List`1[System.String]."""

_USER_TYPES = (
    *("regular", "reserved", "admin", "dcadmin", "system", "application", "serviceprincipal", "custompolicy"),
    *("systempolicy", "partnertechnician", "guest"),
)
"""The words for UserType, in the order of their numbers."""
_NUMBERS: Mapping[str, Mapping[str, int]] = {
    "LogonType": LOGON_TYPES,
    "RecordType": {name.lower(): number for name, number in RECORD_TYPES.items()},
    "UserType": {name: number for number, name in enumerate(_USER_TYPES)},
}
"""Numbers for which exports write words, by member and word in small letters."""


class Held(NamedTuple):
    """A record as the Activity feed would have it, the Id that its row names it by, and what of it is lost, if any."""

    record: bytes
    identity: str | None
    lost: str | None


def record_of(found: Imported) -> Held | None:
    """Return the audit record in a row of an export, None for a row of another kind.

    Raises ValueError where the row should hold a record and holds none.
    """
    if found.kind in _HOLDING:
        row = by_plain_name(found.row)
        identity = next(filter(None, (text(row.get(name)) for name in ("identity", "recordid", "id"))), None)
        return _held(row.get("auditdata"), identity)
    if found.kind not in (_RECORDS, _OFFICE_ACTIVITY):
        return None
    return _taken_apart(_record(found.row, _OFFICE_NAMES if found.kind == _OFFICE_ACTIVITY else _HAWK_NAMES), None)


def _held(data: Any, identity: str | None) -> Held:
    if isinstance(data, str):
        return Held(data.encode("utf-8", "surrogatepass"), identity, None)
    if not isinstance(data, dict):
        raise ValueError("AuditData is neither a text nor an object")  # noqa: TRY004 - the line is at fault
    return _taken_apart(data, identity)


def _taken_apart(record: Mapping[str, Any], identity: str | None) -> Held:
    return Held(_encoded(record), identity, "; ".join(_lost(record)) or None)


def _encoded(record: Mapping[str, Any]) -> bytes:
    try:
        return msgspec.json.encode(record)
    except UnicodeEncodeError:  # half a letter
        return json.dumps(record).encode()


def _record(row: Mapping[str, Any], names: Mapping[str, tuple[str, ...]]) -> dict[str, Any]:
    """Return the record that a row is, its members under their own names."""
    record, columns = dict(row), by_plain_name(row)
    for member, called in names.items():
        if found := next((columns[one] for one in called if columns.get(one)), None):
            record[member] = found
    if session := columns.get("aadsessionid"):
        record.setdefault("AppAccessContext", {"AADSessionId": session})
    for member, words in _NUMBERS.items():
        if (word := str(record.get(member)).lower()) in words:
            record[member] = words[word]
    return record | {member: _nested(record[member]) for member in _NESTED if member in record}


def _nested(value: Any) -> Any:
    """Return the list or object that a text is in JSON; any other text as it is."""
    try:
        return json.loads(value, strict=False) if isinstance(value, str) and _is_json(value) else value
    except (ValueError, RecursionError):
        return value


def _is_json(value: str) -> bool:
    return value.lstrip()[:1] in {"{", "["}


def _lost(record: Mapping[str, Any]) -> Iterator[str]:
    """Yield what the export has lost of a record: lists that it did not write out or cut off, times nobody can tell."""
    for member, value in record.items():
        if _is_lost(value) if member in _NESTED else _is_written_for_another(value):
            yield f"the export has lost {member}, of which it holds only {str(value)[:40]!r}"
    time = record.get("CreationTime")
    if isinstance(time, str) and time and not utc(time):
        yield f"its time, {time[:40]!r}, cannot be told: the file does not show whether day or month comes first"


def _is_lost(value: Any) -> bool:
    """Whether a list or object was not written out, or was cut off."""
    return _is_stand_in(value) or (isinstance(value, str) and _is_json(value))


def _is_written_for_another(value: Any) -> bool:
    if isinstance(value, list):
        return any(map(_is_written_for_another, value))
    return isinstance(value, str) and _STAND_IN.fullmatch(value) is not None


def _is_stand_in(value: Any) -> bool:
    if isinstance(value, str):
        return value.lstrip().startswith(_STAND_INS)
    if isinstance(value, list):
        return any(map(_is_stand_in, value))
    return isinstance(value, dict) and any(_is_stand_in(value.get(name)) for name in _WITHIN)
