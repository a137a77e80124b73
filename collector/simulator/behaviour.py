"""How the tenant behaves where it is whole: open contradictions of protocol.md, quotas, and who may do what."""

from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum

from collector.simulator.roles import EXCHANGE_RECIPIENT_ADMINISTRATOR, GLOBAL_READER, ExchangeRole

FEED_READ = "ActivityFeed.Read"
FEED_READ_DLP = "ActivityFeed.ReadDlp"
"""The app roles of the Management Activity API; protocol.md A1."""

AUDIT_QUERIES = "AuditLogsQuery.Read.All"
EXCHANGE_QUERIES = "AuditLogsQuery-Exchange.Read.All"
TRACE_READ = "ExchangeMessageTrace.Read.All"
GRAPH_ROLES = (AUDIT_QUERIES, EXCHANGE_QUERIES, TRACE_READ)
"""The app roles of Graph; protocol.md D1, D2."""


class ResultCount(StrEnum):
    """What the ResultCount of Search-UnifiedAuditLog tells; protocol.md C1, G."""

    TOTAL = "total"
    CAPPED = "capped"
    MIRRORED = "mirrored"


class NextLink(StrEnum):
    """Whether an answer is cut in pages, and whether the service then lets the next one be fetched; B3, G1."""

    NONE = "none"
    HONOURED = "honoured"
    REFUSED = "refused"


class ListPaging(StrEnum):
    """Whether the cmdlets that list objects are cut by a next link, and who may follow it; protocol.md B3, G1.

    AFFINE wants the X-AnchorMailbox and the connection-id of the first request in each further one.
    """

    WHOLE = "whole"
    HONOURED = "honoured"
    AFFINE = "affine"
    REFUSED = "refused"


class OldStore(StrEnum):
    """What Search-MailboxAuditLog still does: serve, find nothing, or be no cmdlet any more; protocol.md C2, G7."""

    SERVED = "served"
    EMPTY = "empty"
    GONE = "gone"


class SignInWall(StrEnum):
    """How a report's address sends who has no browser session away; protocol.md C6."""

    REDIRECT = "redirect"
    PAGE = "page"


class MoreRecords(StrEnum):
    """Where moreRecordsAvailable stands in a row: nowhere, alone, behind its path, or in its object; C1, G2."""

    ABSENT = "absent"
    FLAT = "flat"
    DOTTED = "dotted"
    OBJECT = "object"


class QueryEnd(StrEnum):
    """How an audit log query ends; protocol.md D1."""

    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"
    UNKNOWN = "unknownFutureValue"


@dataclass(frozen=True)
class FeedBehaviour:
    """One choice for each thing that protocol.md A leaves open about the Management Activity API.

    `lenient` serves an hour more than seven days, and the first 24 hours of a longer window. AF429 has the status
    `throttled_status`, and says when to come again where `retry_after` is on. The next page stands in the header
    `next_page_header`, with lower-case names in its query, with the PublisherIdentifier of the request, or without.
    `pretty` puts each record of a blob on a line of its own.
    """

    lenient: bool = False
    throttled_status: int = 403
    retry_after: bool = False
    next_page_header: str = "NextPageUri"
    lower_case_link: bool = False
    publisher_in_link: bool = False
    pretty: bool = False


@dataclass(frozen=True)
class ReportBehaviour:
    """How the jobs of Start-HistoricalSearch go; protocol.md C6.

    A job is NotStarted in the first `polls` answers of Get-HistoricalSearch that tell of it and InProgress in as many
    more; it also takes `takes` of the tenant's clock, a quarter of it NotStarted. It ends as Failed where it `fails`.
    """

    polls: int = 1
    takes: timedelta = timedelta()
    fails: bool = False
    wall: SignInWall = SignInWall.REDIRECT


@dataclass(frozen=True)
class GraphBehaviour:
    """One choice for each thing that protocol.md D leaves open about Microsoft Graph.

    A query is notStarted in the first `polls` answers that tell of it alone and running in as many more; it also
    takes `takes` of the tenant's clock, a quarter of it notStarted. The n-th query ends as the n-th of `ends` says, all
    further ones as the last. Without `v1_queries` only /beta has queries. `limit_told` gives a query its record count
    and limit. Before a query succeeded its records are refused, with `early_records` half of them are there.
    `zoned_times` puts a Z behind the CreationTime of auditData, as was measured. `page_rows` is the most queries or
    records of a page. With `or_ignored` a filter of the trace may hold an `or`, which does nothing. Without
    `trace_principal` the tenant lacks the service principal that the trace needs. 429 says when to come again where
    `retry_after` is on.
    """

    polls: int = 1
    takes: timedelta = timedelta()
    ends: tuple[QueryEnd, ...] = (QueryEnd.SUCCEEDED,)
    v1_queries: bool = True
    limit_told: bool = True
    early_records: bool = False
    zoned_times: bool = True
    page_rows: int = 1000
    or_ignored: bool = False
    trace_principal: bool = True
    retry_after: bool = True


@dataclass(frozen=True)
class Behaviour:
    """One choice for each thing that protocol.md leaves open.

    `end_inclusive` holds for both cmdlets, and for Graph's queries; the end of a message trace with
    StartingRecipientAddress is always inclusive, or its paging could not work. `next_link` holds for the audit log and
    the message trace, `list_paging` for all other cmdlets; `server_page` is the most rows of a page where answers are
    cut by a next link. A cmdlet that is named in `absent` is not in the tenant.
    """

    end_inclusive: bool = False
    result_count: ResultCount = ResultCount.TOTAL
    next_link: NextLink = NextLink.NONE
    server_page: int = 1000
    list_paging: ListPaging = ListPaging.HONOURED
    absent: frozenset[str] = frozenset()
    old_store: OldStore = OldStore.SERVED
    reports: ReportBehaviour = field(default_factory=ReportBehaviour)
    more_records_available: MoreRecords = MoreRecords.ABSENT
    feed: FeedBehaviour = field(default_factory=FeedBehaviour)
    graph: GraphBehaviour = field(default_factory=GraphBehaviour)


@dataclass(frozen=True)
class Quotas:
    """The limits of the service: A6, C1, C2, C4, C6, D.

    `page_rows` is how many rows an answer has at most, whatever is asked for: pages may be short (C1). `concurrent` is
    how many cmdlets may run at once, None for any number. `trace_requests` are those of the trace and its detail
    together, `graph_trace_requests` the same of Graph. A report may ask for what is `report_delay` old at least.
    `query_submissions` of Graph's audit log queries are taken in a `query_period`, `queries_active` may be notStarted
    or running at once, and each finds `query_records` at most.
    """

    page_rows: int = 5_000
    session_rows: int = 50_000
    preview_rows: int = 5_000
    mixed_rows: int = 10_000
    audit_retention: timedelta = timedelta(days=180)
    trace_retention: timedelta = timedelta(days=90)
    trace_span: timedelta = timedelta(days=10)
    trace_requests: int = 100
    trace_period: timedelta = timedelta(minutes=5)
    mailbox_audit_retention: timedelta = timedelta(days=90)
    report_delay: timedelta = timedelta(hours=4)
    report_jobs: int = 250
    report_period: timedelta = timedelta(hours=24)
    report_rows: int = 100_000
    concurrent: int | None = None
    feed_requests: int = 2_000
    feed_period: timedelta = timedelta(minutes=1)
    graph_trace_requests: int = 100
    query_submissions: int = 200
    query_period: timedelta = timedelta(hours=24)
    queries_active: int = 50
    query_records: int = 1_000_000


@dataclass(frozen=True)
class Access:
    """What the app registration was granted, and what its tokens look like; protocol.md A1, B4, B5, D, E7.

    `token_lifetime` is in seconds. Without the app role Exchange.ManageAsApp in `roles` a cmdlet is 401; with it
    but without a role for it, or named in `forbidden`, it is 403: `wids` are directory roles, `exchange_roles`
    those of the role groups that the app is a member of in Exchange. Global Reader alone may not run Get-InboxRule.
    Without ActivityFeed.Read in `roles` the feed is AF10001, without ActivityFeed.ReadDlp its DLP.All is. Without
    one of GRAPH_ROLES that opens it, a part of Graph is 403; EXCHANGE_QUERIES alone finds the records of Exchange and
    no others. `tid` and `audience` replace what a token would rightly say. `pending_polls` is how often a device code
    is not yet approved; `user` is who approves it.
    """

    token_lifetime: int = 3600
    roles: tuple[str, ...] = ("Exchange.ManageAsApp", FEED_READ, AUDIT_QUERIES, TRACE_READ)
    wids: tuple[str, ...] = (GLOBAL_READER, EXCHANGE_RECIPIENT_ADMINISTRATOR)
    exchange_roles: tuple[ExchangeRole, ...] = ()
    forbidden: frozenset[str] = frozenset()
    tid: str | None = None
    audience: str | None = None
    user: str = "ir.operator@contoso.example.org"
    pending_polls: int = 0
