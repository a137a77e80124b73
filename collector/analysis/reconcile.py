"""Two feeds side by side: unified-audit-log and management-activity of some runs, compared by record Id.

Invariants: only what both feeds were asked for, at times that both cover, is compared, and what is not is counted; a
line that cannot be read is named, never dropped in silence; where nothing can be compared, the reason is said.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from collector.analysis.audit_record import read_record, read_row
from collector.analysis.compare import HOUR, Comparison, Count, File, Side, Sighting, compare
from collector.analysis.covers import AUDIT_LOG, FEED, AuditLogCover, Cover, FeedCover, Scope
from collector.evidence import Account, lines
from collector.model import Window


class Unread(NamedTuple):
    """A line (counted from 1) that could not be read, or shows no time, and why."""

    source: str
    file: File
    line: int
    reason: str


class Reconciled(NamedTuple):
    """What the two feeds show of each other.

    `nothing` is why nothing was compared, None where something was. `times` are those that both cover; `hours` in
    `comparison` are all of theirs. `notes` name runs that are open or damaged, and questions that nothing could be
    compared with.
    """

    nothing: str | None
    scopes: tuple[Scope, ...]
    content_types: tuple[str, ...]
    times: tuple[Window, ...]
    notes: tuple[str, ...]
    comparison: Comparison
    unread: tuple[Unread, ...]

    @property
    def total(self) -> Count:
        """All hours together."""
        total = Count()
        for count in self.comparison.hours.values():
            total.add(count)
        return total


def reconcile(accounts: Sequence[Account]) -> Reconciled:
    """Compare what the runs hold of both feeds; raises IntegrityError, DiskError where a file cannot be read."""
    log, feed = AuditLogCover(accounts), FeedCover(accounts)
    times = log.times.common(feed.times).windows
    nothing = _nothing(accounts, log, times)
    comparison, unread = Comparison(), list[Unread]()
    if nothing is None:
        comparison = compare(
            Side(AUDIT_LOG, _sightings(accounts, AUDIT_LOG, log, feed, unread)),
            Side(FEED, _sightings(accounts, FEED, feed, log, unread)),
        )
        for hour in _hours(times):
            comparison.hours.setdefault(hour, Count())
    notes = (*_notes(accounts), *log.obstacles)
    return Reconciled(nothing, log.scopes, feed.content_types, times, notes, comparison, tuple(unread))


def _notes(accounts: Sequence[Account]) -> Iterator[str]:
    here = {account.opened.run_id for account in accounts}
    for account in accounts:
        if not account.sealed:
            yield f"{account.path}: open, read up to its last commit"
        before = account.opened.follows
        if before and before.run_id not in here:
            yield f"{account.path}: follows {before.run_id}, which is not here; what stands there is not written again"
        yield from (f"{account.path}: {problem}" for problem in account.problems)


def _nothing(accounts: Sequence[Account], log: AuditLogCover, times: Sequence[Window]) -> str | None:
    """Return why there is nothing to compare, None where there is something."""
    planned = {source.source for account in accounts for source in account.plan.sources}
    missing = [source for source in (AUDIT_LOG, FEED) if source not in planned]
    if missing:
        return f"no run here asked for {' or '.join(missing)}"
    if log.obstacles and not log.scopes:
        return f"{AUDIT_LOG} was narrowed by what cannot be told from a record"
    return None if times else "there is no time that both cover"


def _hours(times: Sequence[Window]) -> Iterator[int]:
    for window in times:
        yield from range(int(window.start.timestamp() // HOUR), -int(-window.end.timestamp() // HOUR))


def _sightings(
    accounts: Sequence[Account], source: str, own: Cover, other: Cover, unread: list[Unread]
) -> Iterator[Sighting]:
    """Yield what one feed's committed lines show, and note in `unread` those that cannot be read."""
    for file, part, number, line in _lines(accounts, source):
        try:
            record = read_row(line) if source == AUDIT_LOG else read_record(line, part)
        except ValueError as error:
            unread.append(Unread(source, file, number, str(error)))
            continue
        if record.at is None:
            unread.append(Unread(source, file, number, "CreationTime is not a time"))
        expected = own.expects(record)
        yield Sighting(record.id, record.at, other.expects(record) if expected.compared else expected, file, number)


def _lines(accounts: Sequence[Account], source: str) -> Iterator[tuple[File, str | None, int, bytes]]:
    for account in accounts:
        for commit in account.commits:
            for chunk in commit.chunks if commit.source == source else ():
                file = File(account.path, chunk.path)
                for number, line in enumerate(lines(account.path, chunk), 1):
                    yield file, commit.part, number, line
