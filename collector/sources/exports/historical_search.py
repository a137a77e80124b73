"""The reports of Start-HistoricalSearch as an operator's browser gets them. Source: protocol.md C6."""

from collector.sources.exports.kind import Kind

_TIMES = frozenset({"origintimestamputc", "datetimeutc"})

TRACE = Kind(
    "historical-search-trace",
    (frozenset({"origintimestamputc", "senderaddress", "recipientstatus", "messageid"}),),
    _TIMES,
)
"""ReportType MessageTrace: a row for each message, with all of its recipients."""

DETAIL = Kind(
    "historical-search-detail",
    (frozenset({"datetimeutc", "eventid", "messageid", "recipientaddress"}),),
    _TIMES,
)
"""ReportType MessageTraceDetail: a row for each event of a message."""
