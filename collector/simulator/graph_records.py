"""Audit records as Graph's audit log queries give them; protocol.md D1, and rows that others captured and published.

Invariant: auditData holds what the AuditData of the record holds, as an object with the sidecars of OData; a record
whose AuditData cannot be read as an object has an empty one.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from collector.simulator.scenario import RECORD_TYPES, AuditRow, read_auditdata

_TYPE = "@odata.type"
_OBJECT = "microsoft.graph.security.defaultAuditData"
_USER_TYPES = {
    0: "Regular",
    2: "Admin",
    3: "DcAdmin",
    4: "System",
    5: "Application",
    6: "ServicePrincipal",
    7: "CustomPolicy",
    8: "SystemPolicy",
    9: "PartnerTechnician",
    10: "Guest",
}
"""By the number in AuditData; protocol.md F2."""


def record(row: AuditRow, *, zoned: bool) -> dict[str, Any]:
    """Write a record: userId is the UserKey, userPrincipalName the UserId; clientIp was null wherever it was seen.

    `zoned` puts a Z behind the CreationTime in auditData.
    """
    fields = read_auditdata(row.raw_auditdata)
    user_type = fields.get("UserType")
    told = fields | {"CreationTime": f"{fields['CreationTime']}Z"} if zoned and _is_bare(fields) else fields
    return {
        "id": row.identity,
        "createdDateTime": f"{row.created:%Y-%m-%dT%H:%M:%S}Z",
        "auditLogRecordType": RECORD_TYPES.get(row.record_type, str(row.record_type)),
        "operation": row.operation,
        "organizationId": fields.get("OrganizationId"),
        "userType": _USER_TYPES.get(user_type, "Regular") if isinstance(user_type, int) else "Regular",
        "userId": fields.get("UserKey"),
        "service": fields.get("Workload"),
        "objectId": fields.get("ObjectId"),
        "userPrincipalName": row.user,
        "clientIp": None,
        "administrativeUnits": [""],
        "auditData": {_TYPE: f"#{_OBJECT}", **dict(_members(told))},
    }


def _is_bare(fields: Mapping[str, Any]) -> bool:
    """Whether a record has a CreationTime without a zone."""
    created = fields.get("CreationTime")
    return isinstance(created, str) and not created.endswith("Z")


def _members(fields: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Yield the members of an object, each integer and list behind its sidecar."""
    for name, value in fields.items():
        if sidecar := _sidecar(value):
            yield f"{name}{_TYPE}", sidecar
        yield name, {_TYPE: f"#{_OBJECT}", **dict(_members(value))} if isinstance(value, dict) else _written(value)


def _sidecar(value: Any) -> str | None:
    if isinstance(value, int) and not isinstance(value, bool):
        return "#Int64"
    if not isinstance(value, list):
        return None
    return "#Collection(String)" if value and isinstance(value[0], str) else f"#Collection({_OBJECT})"


def _written(value: Any) -> Any:
    """Write a value; the objects of a list have no type of their own, as the list's sidecar tells it."""
    if not isinstance(value, list):
        return value
    return [dict(_members(item)) if isinstance(item, dict) else item for item in value]
