"""How the tenant behaves where it is whole: open contradictions of protocol.md, quotas, and who may do what."""

from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum

GLOBAL_READER = "f2ef992c-3afb-46b9-b7cf-a126ee74c451"
"""The role template id that a token's `wids` holds for Global Reader."""


FEED_READ = "ActivityFeed.Read"
FEED_READ_DLP = "ActivityFeed.ReadDlp"
"""The app roles of the Management Activity API; protocol.md A1."""


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


class MoreRecords(StrEnum):
    """Where moreRecordsAvailable stands in a row: nowhere, alone, behind its path, or in its object; C1, G2."""

    ABSENT = "absent"
    FLAT = "flat"
    DOTTED = "dotted"
    OBJECT = "object"


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
class Behaviour:
    """One choice for each thing that protocol.md leaves open.

    `end_inclusive` holds for both cmdlets; the end of a message trace with StartingRecipientAddress is always
    inclusive, or its paging could not work. `server_page` is the rows of a page where answers are cut by a next link.
    """

    end_inclusive: bool = False
    result_count: ResultCount = ResultCount.TOTAL
    next_link: NextLink = NextLink.NONE
    server_page: int = 1000
    more_records_available: MoreRecords = MoreRecords.ABSENT
    feed: FeedBehaviour = field(default_factory=FeedBehaviour)


@dataclass(frozen=True)
class Quotas:
    """The limits of the service: A6, C1, C4.

    `page_rows` is how many rows an answer has at most, whatever is asked for: pages may be short (C1). `concurrent` is
    how many cmdlets may run at once, None for any number.
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
    concurrent: int | None = None
    feed_requests: int = 2_000
    feed_period: timedelta = timedelta(minutes=1)


@dataclass(frozen=True)
class Access:
    """What the app registration was granted, and what its tokens look like; protocol.md A1, B4, B5, E7.

    `token_lifetime` is in seconds. Without the app role Exchange.ManageAsApp in `roles` a cmdlet is 401; with it but
    without a directory role in `wids`, or named in `forbidden`, it is 403. Without ActivityFeed.Read in `roles` the
    feed is AF10001, without ActivityFeed.ReadDlp its DLP.All is. `tid` and `audience` replace what a token would
    rightly say. `pending_polls` is how often a device code is not yet approved; `user` is who approves it.
    """

    token_lifetime: int = 3600
    roles: tuple[str, ...] = ("Exchange.ManageAsApp", FEED_READ)
    wids: tuple[str, ...] = (GLOBAL_READER,)
    forbidden: frozenset[str] = frozenset()
    tid: str | None = None
    audience: str | None = None
    user: str = "ir.operator@contoso.example.org"
    pending_polls: int = 0
