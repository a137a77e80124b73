"""The roads by which a tenant's audit records come: how each one's lines are read, and what it should hold.

Invariants: a record has the same Id on every road; a line of an import that is no audit record is passed over, for an
import holds other rows too; what an import should hold nobody knows, so that nothing is missing from one.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import NamedTuple

from collector.analysis.audit_record import AuditRecord, read_record, read_row, unnest
from collector.analysis.compare import Expected, File
from collector.analysis.covers import AUDIT_LOG, AUDIT_QUERY, FEED, AuditLogCover, Cover, FeedCover, Scope
from collector.analysis.imported import imported
from collector.analysis.imported_record import record_of
from collector.analysis.stretches import Stretches
from collector.evidence import Account, lines
from collector.model import IMPORT, Window


class Line(NamedTuple):
    """A line of evidence, counted from 1 in its file, and the part of its source that it is of."""

    file: File
    part: str | None
    number: int
    raw: bytes


class Road(NamedTuple):
    """One road: `read` returns the record in a line, None where it holds none, and raises ValueError as it reads it."""

    read: Callable[[bytes, str | None], AuditRecord | None]
    cover: Callable[[Sequence[Account]], Cover]


def lines_of(accounts: Iterable[Account], source: str) -> Iterator[Line]:
    """Yield a source's committed lines; raises IntegrityError, DiskError where a file cannot be read."""
    for account in accounts:
        for commit in account.commits:
            for chunk in commit.chunks if commit.source == source else ():
                file = File(account.path, chunk.path)
                for number, raw in enumerate(lines(account.path, chunk), 1):
                    yield Line(file, commit.part, number, raw)


def _row(line: bytes, part: str | None) -> AuditRecord:  # noqa: ARG001 - other roads tell by it
    return read_row(line)


def _nested(line: bytes, part: str | None) -> AuditRecord:  # noqa: ARG001 - other roads tell by it
    return read_record(unnest(line)[0], None)


def _imported(line: bytes, part: str | None) -> AuditRecord | None:  # noqa: ARG001 - other roads tell by it
    held = record_of(imported(line))
    return read_record(held.record, None) if held else None


class ImportCover:
    """What imports hold: from the first of each file's records to the last, and nothing of that for certain."""

    scopes: tuple[Scope, ...] = ()
    content_types: tuple[str, ...] = ()
    obstacles: tuple[str, ...] = ()

    def __init__(self, accounts: Sequence[Account]) -> None:
        spans: dict[tuple[str, str | None], tuple[float, float]] = {}
        for line in lines_of(accounts, IMPORT):
            at = _time(line)
            if at is not None:
                first, last = spans.get((str(line.file.run), line.part), (at, at))
                spans[str(line.file.run), line.part] = min(first, at), max(last, at)
        self.times = Stretches(Window(_second(first), _second(last + 1)) for first, last in spans.values())

    def expects(self, record: AuditRecord) -> Expected:
        """Return what imports should hold of a record: within their times they may hold it, and need not."""
        return Expected.LATE if record.at is not None and self.times.hold(record.at) else Expected.OUTSIDE_TIME


def _time(line: Line) -> float | None:
    try:
        record = _imported(line.raw, line.part)
    except ValueError:
        return None  # it is named where it is compared
    return record.at if record else None


def _second(at: float) -> datetime:
    return datetime.fromtimestamp(int(at // 1), UTC)


ROADS: Mapping[str, Road] = {
    AUDIT_LOG: Road(_row, AuditLogCover),
    FEED: Road(read_record, FeedCover),
    AUDIT_QUERY: Road(_nested, partial(AuditLogCover, source=AUDIT_QUERY)),
    IMPORT: Road(_imported, ImportCover),
}
"""In the order in which two of them are named."""
