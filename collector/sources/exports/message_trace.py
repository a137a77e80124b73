"""Message traces that others exported: Get-MessageTraceV2, its forerunner, Graph. Source: protocol.md C4, C5, D2."""

from collector.sources.exports.kind import Kind

TRACE = Kind(
    "message-trace",
    (
        frozenset({"messageid", "received", "senderaddress", "recipientaddress"}),
        frozenset({"messageid", "receiveddatetime", "senderaddress", "recipientaddress"}),
    ),
    times=frozenset({"received", "receiveddatetime"}),
)
"""Export-Csv, ConvertTo-Json, Microsoft-Extractor-Suite: a row for each recipient of a message."""
