"""What an answer does not cover: said with every answer, so that nobody takes silence for proof (design 1.5).

Invariants: pure, but for the clock's hour that is handed in; a gap counts whatever other source may hold its records;
what narrowed a question, or was never asked for, is said too.
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime

import msgspec

from collector.analysis.covers import AUDIT_LOG, FEED
from collector.analysis.filters import Filters
from collector.analysis.readers import TRACE
from collector.evidence import Account, Coverage, SliceCoverage, cover
from collector.model import Axis, Status, Window

AUDIT_SOURCES = (AUDIT_LOG, FEED)
_ACCESS = "MailItemsAccessed"
_NARROWING = ("UserIds", "RecordType", "ObjectIds", "IPAddresses", "FreeText")
"""What a question to Search-UnifiedAuditLog can be narrowed by, besides operations (protocol.md C1)."""


class Limit(msgspec.Struct, frozen=True, omit_defaults=True):
    """One thing that an answer does not cover; `kind` is the word that programs go by."""

    kind: str
    text: str
    run: str | None = None
    source: str | None = None
    part: str | None = None
    start: datetime | None = None
    end: datetime | None = None
    mailbox: str | None = None


class Searched(msgspec.Struct, frozen=True):
    """What was searched: a source of a run, the times that were asked for, and the records that stand there."""

    run: str
    source: str
    start: datetime | None
    end: datetime | None
    records: int


def covered(account: Account, now: datetime) -> Coverage:
    """Return what a run covers; what an open watch is still to ask for is no gap yet."""
    watched = account.plan.watch and not account.sealed
    return cover(account.plan, account.commits, now) if watched else account.coverage


def searched(account: Account) -> Iterator[Searched]:
    """Yield what of a run was searched."""
    for planned in account.plan.sources:
        records = sum(commit.records for commit in account.commits if commit.source == planned.source)
        start, end = (planned.window.start, planned.window.end) if planned.window else (None, None)
        yield Searched(str(account.path), planned.source, start, end, records)


def limits(account: Account, sources: Sequence[str], filters: Filters, now: datetime) -> Iterator[Limit]:
    """Yield what a run does not cover of what was asked, of the sources that the question reads."""
    run = str(account.path)
    if not account.sealed:
        yield Limit("open-run", "the run is open: it was read up to its last commit", run)
    before = account.opened.follows
    if before:
        yield Limit("follows", f"the run follows {before.run_id}: what stands there is not written again", run)
    for problem in account.problems:
        yield Limit("problem", problem, run)
    coverage = covered(account, now)
    for one in coverage.slices:
        if one.source in sources and _meets(one, filters):
            yield from _of_slice(one, run)
    yield from _narrowed(account, run)


def nothing_asked(accounts: Iterable[Account], sources: Sequence[str], filters: Filters) -> Iterator[Limit]:
    """Yield the sources that no run asked for, and the times asked about that lie outside all that was asked."""
    windows: dict[str, list[Window | None]] = {}
    for account in accounts:
        for planned in account.plan.sources:
            windows.setdefault(planned.source, []).append(planned.window)
    if not windows.keys() & set(AUDIT_SOURCES):
        yield Limit("not-collected", "no run here asked for audit records")
    if TRACE in sources and TRACE not in windows:
        yield Limit("not-collected", "no run here asked for message traces", source=TRACE)
    asked = [window for name in AUDIT_SOURCES for window in windows.get(name, ()) if window]
    if not asked:
        return
    first, last = min(window.start for window in asked), max(window.end for window in asked)
    if filters.since and filters.since < first:
        yield Limit("not-asked", "before this, no audit records were asked for", end=first)
    if filters.until and filters.until > last:
        yield Limit("not-asked", "after this, no audit records were asked for", start=last)


def _of_slice(one: SliceCoverage, run: str) -> Iterator[Limit]:
    when = ", by when records became available" if one.axis is Axis.AVAILABLE else ""
    if one.status is Status.GAP:
        kind, text = "gap", f"not collected whole{when}: {one.reason or 'for no reason that is known'}"
    elif one.settled is False:
        kind, text = "not-settled", f"asked too soon to be sure{when}: records can come late"
    else:
        return
    yield Limit(kind, text, run, one.source, one.part, one.start, one.end)


def _meets(one: SliceCoverage, filters: Filters) -> bool:
    """Whether a slice can hold what happened in the period: a record becomes available after its event."""
    if filters.since and one.end and one.end <= filters.since:
        return False
    return not (filters.until and one.start and one.axis is Axis.EVENT and one.start >= filters.until)


def _narrowed(account: Account, run: str) -> Iterator[Limit]:
    for planned in account.plan.sources:
        if planned.source != AUDIT_LOG:
            continue
        question = planned.question
        operations = [str(one) for one in question.get("Operations") or ()]
        if operations and _ACCESS.lower() not in {one.lower() for one in operations}:
            yield Limit("narrowed", f"it was not asked for {_ACCESS}", run, AUDIT_LOG)
        narrowing = [name for name in _NARROWING if question.get(name)]
        narrowing += [f"record type {part}" for part in planned.parts if part is not None]
        if narrowing:
            yield Limit("narrowed", f"it was asked only for some: by {', '.join(narrowing)}", run, AUDIT_LOG)
