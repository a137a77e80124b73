"""What the Office 365 Management Activity API of a tenant holds; protocol.md A. Values only.

Invariants: a blob's records are rendered when they are asked for, and are the same each time; `Feed.blobs` stand in
the order in which they are listed, which need not be that of time.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

DLP = "DLP.All"
CONTENT_TYPES = ("Audit.AzureActiveDirectory", "Audit.Exchange", "Audit.SharePoint", "Audit.General", DLP)
"""Exact in their case; protocol.md A1."""

_WORKLOADS = {
    "Audit.AzureActiveDirectory": (8, 15),
    "Audit.Exchange": (1, 2, 3, 19, 50),
    "Audit.SharePoint": (4, 6),
}
_BY_RECORD_TYPE = {number: name for name, numbers in _WORKLOADS.items() for number in numbers}


def content_type_of(record_type: int) -> str:
    """Return the content type that holds the records of a type; protocol.md A1, F1."""
    return _BY_RECORD_TYPE.get(record_type, "Audit.General")


@dataclass(frozen=True)
class ContentBlob:
    """A blob of audit records, and what becomes of it.

    `records` are JSON texts, or objects whose `str` is one. `created` is its contentCreated, by which it is filtered;
    before `listed_from` (None: `created`) it is neither listed nor there: a late blob. From `gone_from` on it is still
    listed and AF20050 when it is fetched, from `expires` on AF20051. Before `complete_from` it holds only its first
    `first_records` records.
    """

    content_type: str
    content_id: str
    created: datetime
    expires: datetime
    records: tuple[object, ...] = ()
    listed_from: datetime | None = None
    gone_from: datetime | None = None
    complete_from: datetime | None = None
    first_records: int = 0

    def available(self, now: datetime) -> bool:
        """Whether it is listed, and not unknown when it is fetched."""
        return now >= (self.listed_from or self.created)

    def held(self, now: datetime) -> tuple[object, ...]:
        """Return the records that it holds at a moment."""
        growing = self.complete_from is not None and now < self.complete_from
        return self.records[: self.first_records] if growing else self.records


@dataclass(frozen=True)
class Feed:
    """The content blobs of a tenant, and the subscriptions to them.

    `subscriptions` says since when a content type is subscribed, None for one that an administrator disabled; one that
    does not stand there was never started. A listing has `page_size` rows a page. After a start it is empty for
    `first_content`, and then reaches `backfill` before the start: as measured by protocol.md A2, whose documentation
    says up to 12 hours.
    """

    blobs: tuple[ContentBlob, ...] = ()
    subscriptions: Mapping[str, datetime | None] = field(default_factory=dict)
    page_size: int = 200
    first_content: timedelta = timedelta(minutes=2)
    backfill: timedelta = timedelta(hours=22)
