"""Exports of the unified audit log: rows around a record, and records by themselves.

Sources: protocol.md C1 for the columns of Search-UnifiedAuditLog, to which PowerShell adds its own (RunspaceId,
PSComputerName); protocol.md D1 for Graph's; the exporting code of Microsoft-Extractor-Suite and Hawk for theirs.
"""

from collector.sources.exports.kind import Kind

PORTAL = Kind("purview-audit-log", (frozenset({"recordid", "creationdate", "auditdata"}),))
"""The CSV of the Purview portal: RecordId, CreationDate, RecordType, Operation, UserId, AuditData, and more."""

ROWS = Kind("unified-audit-log", (frozenset({"creationdate", "auditdata"}),))
"""Rows of Search-UnifiedAuditLog by Export-Csv or ConvertTo-Json, also from Microsoft-Extractor-Suite and Hawk.

AuditData is a text, or the record itself where the maker took the text apart.
"""

GRAPH = Kind("purview-audit-query", (frozenset({"createddatetime", "auditlogrecordtype", "auditdata"}),))
"""Records of an audit log query of Graph's."""

RECORDS = Kind(
    "audit-records",
    (
        frozenset({"id", "creationtime", "operation", "recordtype"}),
        frozenset({"auditid", "auditcreationtime", "operation"}),
    ),
    times=frozenset({"creationtime", "auditcreationtime"}),
)
"""Records themselves, as AuditData or a blob of the Activity feed holds them; and Hawk's tables of them."""

OFFICE_ACTIVITY = Kind(
    "office-activity",
    (
        frozenset({"timegenerated", "officeworkload", "operation"}),
        frozenset({"timegeneratedutc", "officeworkload", "operation"}),
    ),
    times=frozenset({"timegenerated", "timegeneratedutc"}),
)
"""Sentinel's table OfficeActivity: records with flattened columns, in which lists are JSON texts.

The portal writes `TimeGenerated [UTC]` for a column in UTC; one in another zone is not taken for it.
"""
