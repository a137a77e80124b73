"""What an answer does not cover: said with every answer, so that nobody takes silence for proof (design 1.5).

Invariants: pure, but for the clock's hour that is handed in; a gap counts whatever other source may hold its records;
what narrowed a question, or was never asked for, is said too.
"""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import NamedTuple

import msgspec

from collector.analysis.covers import AUDIT_LOG, AUDIT_QUERY, FEED, MAILBOX_LOG, RECORD_TYPE, SEARCHES, asked_of
from collector.analysis.filters import Filters
from collector.analysis.readers import CMDLET, SETTINGS, TRACE_DETAIL, TRACES
from collector.analysis.stretches import Stretches
from collector.evidence import Account, Coverage, SliceCoverage, cover
from collector.model import IMPORT, Axis, Status, Window

AUDIT_SOURCES = (AUDIT_LOG, FEED, AUDIT_QUERY, MAILBOX_LOG)
_ACCESS = "MailItemsAccessed"
_REPORTS = "historical-search"
"""The source whose records lie behind an address until somebody brings them."""
_NARROWING = ("UserIds", RECORD_TYPE, "ObjectIds", "IPAddresses", "FreeText")
"""What a search of the audit log can be narrowed by, besides operations (protocol.md C1)."""


_ALWAYS = Window(datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC))
"""The time of a slice whose source has no window."""


class Subject(NamedTuple):
    """What a question is about: the sources that it reads, and what they must have been asked for.

    That is, of the audit log, `operations`; of the feed, the content type that carries them (protocol.md A1).
    """

    sources: tuple[str, ...]
    operations: tuple[str, ...] = (_ACCESS,)
    content_type: str = "Audit.Exchange"

    @property
    def of_accesses(self) -> bool:
        """Whether it is about what was accessed."""
        return _ACCESS in self.operations

    def audit(self, filters: Filters) -> list[str]:
        """Return its sources of audit records that the filters let through."""
        chosen = filters.source or AUDIT_SOURCES
        return [name for name in AUDIT_SOURCES if name in self.sources and name in chosen]


ACCESSES = Subject((*AUDIT_SOURCES, IMPORT))
MESSAGES = Subject((*AUDIT_SOURCES, *TRACES, _REPORTS, IMPORT))
SIGN_INS = Subject(
    (AUDIT_LOG, FEED, AUDIT_QUERY, IMPORT), ("UserLoggedIn", "UserLoginFailed"), "Audit.AzureActiveDirectory"
)
TENANT_SETTINGS = Subject((SETTINGS, CMDLET), ())
EVERYTHING = Subject((*AUDIT_SOURCES, *TRACES, TRACE_DETAIL, SETTINGS, CMDLET, _REPORTS, IMPORT))


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
    """Yield what of a run was searched, by source."""
    planned: dict[str, list[Window]] = {}
    for one in account.plan.sources:
        planned.setdefault(one.source, []).extend([one.window] if one.window else [])
    for source, windows in planned.items():
        records = sum(commit.records for commit in account.commits if commit.source == source)
        start = min((window.start for window in windows), default=None)
        end = max((window.end for window in windows), default=None)
        yield Searched(str(account.path), source, start, end, records)


def limits(accounts: Sequence[Account], subject: Subject, filters: Filters, now: datetime) -> Iterator[Limit]:
    """Yield what runs do not cover of what was asked, of the sources that the question reads."""
    coverages = [covered(account, now) for account in accounts]
    whole = _whole(accounts, coverages)
    for account, coverage in zip(accounts, coverages, strict=True):
        run = str(account.path)
        if not account.sealed:
            yield Limit("open-run", "the run is open: it was read up to its last commit", run)
        before = account.opened.follows
        if before and before.run_id not in {other.opened.run_id for other in accounts}:
            yield Limit("follows", f"what stands in {before.run_id}, which it follows, is not written again", run)
        for problem in account.problems:
            yield Limit("problem", problem, run)
        for one in coverage.slices:
            if one.source in subject.sources and _meets(one, filters):
                yield from _of_slice(one, run, whole[_asked(account, one)])
        yield from _narrowed(account, run, subject)


def nothing_asked(accounts: Sequence[Account], subject: Subject, filters: Filters) -> Iterator[Limit]:
    """Yield the sources that no run asked for, and the times asked about for which no audit record was asked."""
    windows: dict[str, list[Window]] = {}
    for account in accounts:
        for planned in account.plan.sources:
            if planned.source != FEED or subject.content_type in planned.parts:
                windows.setdefault(planned.source, []).extend([planned.window] if planned.window else [])
    audit = subject.audit(filters)
    if subject.operations and not windows.keys() & set(audit):
        of = f" from {', '.join(filters.source)}" if filters.source else ""
        yield Limit("not-collected", f"no run here asked for audit records{of}")
    for alike, what in ((TRACES, "message traces"), ((SETTINGS,), "settings")):
        if alike[0] in subject.sources and not windows.keys() & set(alike):
            yield Limit("not-collected", f"no run here asked for {what}", source=alike[0])
    asked = Stretches(window for name in audit for window in windows.get(name, ()))
    if asked.windows:
        yield from _never_asked(asked, filters)


def _never_asked(asked: Stretches, filters: Filters) -> Iterator[Limit]:
    first, last = asked.windows[0].start, asked.windows[-1].end
    start, end = filters.since or first, filters.until or last
    if start < end:
        for hole in Stretches([Window(start, end)]).without(asked).windows:
            yield Limit("not-asked", "no audit records were asked for", start=hole.start, end=hole.end)


def _asked(account: Account, one: SliceCoverage) -> tuple[str, str | None, str]:
    """Return what tells whether slices answer the same question: source, part, tenant and parameters.

    Of what a question holds by part only the part's own counts.
    """
    planned = next((of for of in account.plan.sources if of.source == one.source and one.part in of.parts), None)
    question = planned.question if planned else {}
    own = {name: held.get(one.part) if isinstance(held, dict) else held for name, held in question.items()}
    return one.source, one.part, repr((account.plan.tenant.lower(), sorted(own.items())))


def _whole(accounts: Sequence[Account], coverages: Sequence[Coverage]) -> dict[tuple[str, str | None, str], Stretches]:
    """Return the time that any run covers whole, by what was asked."""
    found: dict[tuple[str, str | None, str], list[Window]] = {}
    for account, coverage in zip(accounts, coverages, strict=True):
        for one in coverage.slices:
            windows = found.setdefault(_asked(account, one), [])
            if one.status is not Status.GAP:
                windows.append(_time_of(one))
    return {asked: Stretches(windows) for asked, windows in found.items()}


def _time_of(one: SliceCoverage) -> Window:
    return Window(one.start, one.end) if one.start and one.end else _ALWAYS


def _of_slice(one: SliceCoverage, run: str, whole: Stretches) -> Iterator[Limit]:
    """Yield what of a slice is missing: of a gap what no other run covers."""
    when = ", by when records became available" if one.axis is Axis.AVAILABLE else ""
    if one.status is Status.GAP:
        text = f"not collected whole{when}: {one.reason or 'for no reason that is known'}"
        if one.source == IMPORT:
            text = f"an export, of which it is not known what it lacks: {one.reason}"
        for left in Stretches([_time_of(one)]).without(whole).windows:
            start, end = (left.start, left.end) if left != _ALWAYS else (None, None)
            yield Limit("gap", text, run, one.source, one.part, start, end)
    elif one.settled is False:
        text = f"asked too soon to be sure{when}: records can come late"
        yield Limit("not-settled", text, run, one.source, one.part, one.start, one.end)


def _meets(one: SliceCoverage, filters: Filters) -> bool:
    """Whether a slice can hold what happened in the period: a record becomes available after its event."""
    if filters.since and one.end and one.end <= filters.since:
        return False
    return not (filters.until and one.start and one.axis is Axis.EVENT and one.start >= filters.until)


def _narrowed(account: Account, run: str, subject: Subject) -> Iterator[Limit]:
    for planned in account.plan.sources:
        if planned.source not in subject.sources:
            continue
        if planned.source == MAILBOX_LOG:
            mailboxes = ", ".join(part for part in planned.parts if part is not None)
            yield Limit("narrowed", f"it was asked only of some mailboxes: {mailboxes}", run, MAILBOX_LOG)
        if planned.source not in SEARCHES:
            continue
        if planned.source == AUDIT_QUERY and not subject.of_accesses:
            text = "Graph finds records of a service only for who has its permission: for sign-ins, that of Entra"
            yield Limit("narrowed", text, run, AUDIT_QUERY)
        question = asked_of(planned)
        operations = {str(one).lower() for one in question.get("Operations") or ()}
        left_out = [one for one in subject.operations if operations and one.lower() not in operations]
        if left_out:
            yield Limit("narrowed", f"it was not asked for {', '.join(left_out)}", run, planned.source)
        narrowing = [name for name in _NARROWING if question.get(name)]
        narrowing += [f"record type {part}" for part in planned.parts if part is not None]
        if narrowing:
            yield Limit("narrowed", f"it was asked only for some: by {', '.join(narrowing)}", run, planned.source)
