"""How the tenant behaves where it is whole: open contradictions of protocol.md, quotas, and who may do what."""

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

GLOBAL_READER = "f2ef992c-3afb-46b9-b7cf-a126ee74c451"
"""The role template id that a token's `wids` holds for Global Reader."""


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


@dataclass(frozen=True)
class Quotas:
    """The limits of the service: C1, C4.

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


@dataclass(frozen=True)
class Access:
    """What the app registration was granted, and what its tokens look like; protocol.md B4, B5, E7.

    `token_lifetime` is in seconds. Without the app role Exchange.ManageAsApp in `roles` a cmdlet is 401; with it but
    without a directory role in `wids`, or named in `forbidden`, it is 403. `tid` and `audience` replace what a token
    would rightly say. `pending_polls` is how often a device code is not yet approved; `user` is who approves it.
    """

    token_lifetime: int = 3600
    roles: tuple[str, ...] = ("Exchange.ManageAsApp",)
    wids: tuple[str, ...] = (GLOBAL_READER,)
    forbidden: frozenset[str] = frozenset()
    tid: str | None = None
    audience: str | None = None
    user: str = "ir.operator@contoso.example.org"
    pending_polls: int = 0
