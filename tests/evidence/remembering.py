"""Journal entries of a watch that never touched a disk, and the rows that came for them."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from collector.evidence import Commit, StagedRow
from collector.evidence.journal import LogMark
from collector.model import Axis, Blob, Chunk, Row, Status
from tests.evidence.engagement import HOUR, LOG, START

KEEP = 48 * HOUR
FEED, MAIL = "management-activity", "Audit.Exchange"


def entry(
    end: datetime,
    *,
    source: str = LOG,
    part: str | None = None,
    blobs: Sequence[Blob] = (),
    chunks: tuple[Chunk, ...] = (),
    records: int = 0,
    recheck: bool = False,
) -> Commit:
    """Make up the commit of the hour that ends at `end`."""
    return Commit(
        at=end,
        source=source,
        part=part,
        axis=Axis.EVENT,
        start=end - HOUR,
        end=end,
        status=Status.COMPLETE,
        records=records,
        duplicates=0,
        variants=0,
        outside=0,
        expected=None,
        attempts=1,
        reason=None,
        asked_at=end,
        settled=None,
        chunks=chunks,
        unread=(),
        requests=(),
        requests_log=LogMark(0, ""),
        recheck=recheck,
        blobs=tuple(blobs),
    )


def after(hours: float) -> datetime:
    return START + timedelta(hours=hours)


def blob(name: str, *, created: float | None, fetched: float, outcome: str = "fetched", **facts: object) -> Blob:
    """Make up a blob; its times are hours after START."""
    made = None if created is None else after(created)
    return Blob(name, f"https://example.org/{name}", made, None, outcome, after(fetched), **facts)


def keys(rows: Iterable[Row]) -> list[tuple[bytes, bytes]]:
    return [(row.identity, row.content) for row in rows]


def staged(rows: Iterable[Row]) -> list[StagedRow]:
    return [StagedRow(0, 1, row.identity, row.content, row.at, "request") for row in rows]
