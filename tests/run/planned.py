"""Commits that never touched a disk, of a source that a watch asks for."""

from datetime import UTC, datetime, timedelta

from collector.evidence import Commit
from collector.evidence.journal import LogMark
from collector.model import Axis, Status, Window

START = datetime(2026, 11, 10, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
NAME = "unified-audit-log"


def hours(first: float, after: float) -> Window:
    """Return the time between two hours after START."""
    return Window(START + first * HOUR, START + after * HOUR)


def asked(
    first: float,
    after: float,
    *,
    source: str = NAME,
    part: str | None = None,
    status: Status = Status.COMPLETE,
    reason: str | None = None,
    recheck: bool = False,
    records: int = 0,
) -> Commit:
    """Make up the commit of the time between two hours after START."""
    window = hours(first, after)
    return Commit(
        at=window.end,
        source=source,
        part=part,
        axis=Axis.EVENT,
        start=window.start,
        end=window.end,
        status=status,
        records=records,
        duplicates=0,
        variants=0,
        outside=0,
        expected=None,
        attempts=1,
        reason=reason,
        asked_at=window.end,
        settled=False,
        chunks=(),
        unread=(),
        requests=(),
        requests_log=LogMark(0, ""),
        recheck=recheck,
    )
