"""Audit records in the rows of exports, read for what says which record each is.

Sources: protocol.md C1, D1 for the columns that hold a record; the reference of Sentinel's table OfficeActivity and the
exporting code of Hawk for the names that its members bear where they are columns.
"""

import json
import re
from collections.abc import Mapping
from typing import Any

from collector.analysis.audit_record import AuditRecord, read_record
from collector.analysis.covers import RECORD_TYPES
from collector.analysis.imported import Imported

_HOLDING = frozenset({"unified-audit-log", "purview-audit-log", "purview-audit-query"})
"""The kinds of export of which a row holds the record, as a text or as an object, in its AuditData."""

_BEING = frozenset({"audit-records", "office-activity"})
"""The kinds of export of which a row is the record."""

_NAMES = {
    "Id": ("id", "auditid", "officeid"),
    "CreationTime": ("creationtime", "auditcreationtime", "timegenerated", "timegeneratedutc"),
    "Operation": ("operation",),
    "UserId": ("userid",),
    "RecordType": ("recordtype",),
    "Workload": ("workload", "officeworkload"),
}
"""What a record's members are called where they are columns, in small letters and digits."""


def audit_record_of(found: Imported) -> AuditRecord | None:
    """Return the record in a row of an export, None for a row of another kind; raises ValueError as `read_record`."""
    if found.kind not in _HOLDING | _BEING:
        return None
    row = {re.sub(r"[^a-z0-9]", "", name.lower()): value for name, value in found.row.items()}
    held = row.get("auditdata") if found.kind in _HOLDING else _members(row)
    record = held if isinstance(held, str) else json.dumps(held)
    return read_record(record.encode("utf-8", "surrogatepass"), None)


def _members(row: Mapping[str, Any]) -> dict[str, Any]:
    named = {member: next((row[one] for one in names if row.get(one)), None) for member, names in _NAMES.items()}
    return {**named, "RecordType": RECORD_TYPES.get(str(named["RecordType"]), named["RecordType"])}
