"""Two roads side by side: the audit records of some runs that came by either, compared by record Id.

Invariants: only what both were asked for, at times that both cover, is compared, and what is not is counted; a line
that cannot be read is named, never dropped in silence; where nothing can be compared, the reason is said.
"""

from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations
from typing import NamedTuple

from collector.analysis.compare import HOUR, Comparison, Count, File, Side, Sighting, compare
from collector.analysis.covers import AUDIT_LOG, FEED, Cover, Scope
from collector.analysis.roads import ROADS, lines_of
from collector.evidence import Account
from collector.model import Window

Pair = tuple[str, str]
FEEDS: Pair = (AUDIT_LOG, FEED)


class Unread(NamedTuple):
    """A line (counted from 1) that could not be read, or shows no time, and why."""

    source: str
    file: File
    line: int
    reason: str


class Reconciled(NamedTuple):
    """What two roads, the `sources`, show of each other.

    `nothing` is why nothing was compared, None where something was. `times` are those that both cover; `hours` in
    `comparison` are all of theirs. `notes` name runs that are open or damaged, and questions that nothing could be
    compared with.
    """

    sources: Pair
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


def pairs(accounts: Sequence[Account]) -> tuple[Pair, ...]:
    """Return every two of the roads that the runs were asked by; the two feeds where they were asked by one at most."""
    there = _planned(accounts)
    return tuple(combinations((road for road in ROADS if road in there), 2)) or (FEEDS,)


def reconcile(accounts: Sequence[Account], pair: Pair = FEEDS) -> Reconciled:
    """Compare what the runs hold of two roads; raises IntegrityError, DiskError where a file cannot be read."""
    left, right = (ROADS[source].cover(accounts) for source in pair)
    times = left.times.common(right.times).windows
    nothing = _nothing(accounts, dict(zip(pair, (left, right), strict=True)), times)
    comparison, unread = Comparison(), list[Unread]()
    if nothing is None:
        comparison = compare(
            Side(pair[0], _sightings(accounts, pair[0], left, right, unread)),
            Side(pair[1], _sightings(accounts, pair[1], right, left, unread)),
        )
        for hour in _hours(times):
            comparison.hours.setdefault(hour, Count())
    notes = (*_notes(accounts), *left.obstacles, *right.obstacles)
    scopes = tuple(dict.fromkeys(left.scopes + right.scopes))
    content_types = left.content_types + right.content_types
    return Reconciled(pair, nothing, scopes, content_types, times, notes, comparison, tuple(unread))


def _notes(accounts: Sequence[Account]) -> Iterator[str]:
    here = {account.opened.run_id for account in accounts}
    for account in accounts:
        if not account.sealed:
            yield f"{account.path}: open, read up to its last commit"
        before = account.opened.follows
        if before and before.run_id not in here:
            yield f"{account.path}: follows {before.run_id}, which is not here; what stands there is not written again"
        yield from (f"{account.path}: {problem}" for problem in account.problems)


def _planned(accounts: Sequence[Account]) -> set[str]:
    return {source.source for account in accounts for source in account.plan.sources}


def _nothing(accounts: Sequence[Account], covers: Mapping[str, Cover], times: Sequence[Window]) -> str | None:
    """Return why there is nothing to compare, None where there is something."""
    missing = [source for source in covers if source not in _planned(accounts)]
    if missing:
        return f"no run here asked for {' or '.join(missing)}"
    for source, cover in covers.items():
        if cover.obstacles and not cover.scopes:
            return f"{source} was narrowed by what cannot be told from a record"
    return None if times else "there is no time that both cover"


def _hours(times: Sequence[Window]) -> Iterator[int]:
    for window in times:
        yield from range(int(window.start.timestamp() // HOUR), -int(-window.end.timestamp() // HOUR))


def _sightings(
    accounts: Sequence[Account], source: str, own: Cover, other: Cover, unread: list[Unread]
) -> Iterator[Sighting]:
    """Yield what one road's committed lines show, and note in `unread` those that cannot be read."""
    read = ROADS[source].read
    for file, part, number, raw in lines_of(accounts, source):
        try:
            record = read(raw, part)
        except ValueError as error:
            unread.append(Unread(source, file, number, str(error)))
            continue
        if record is None:
            continue
        if record.at is None:
            unread.append(Unread(source, file, number, "CreationTime is not a time"))
        expected = own.expects(record)
        yield Sighting(record.id, record.at, other.expects(record) if expected.compared else expected, file, number)
