"""What was asked, what came, and what is missing: custody/coverage.json (design 1.3), derived from plan and journal.

Invariants: pure; the slices of a source and part join without hole or overlap over its window, and where nothing was
committed (an open run) the hole is a gap `not-collected`. What was asked again later (a recheck) can fill a gap and
settle a slice, never take anything away.
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import TypeVar

import msgspec

from collector.evidence.journal import Commit
from collector.model import Axis, Plan, SourcePlan, Status, Window

NOT_COLLECTED = "not-collected"

RECHECKED = "rechecked"
"""The reason of what was a gap until it was asked again."""


class SliceCoverage(msgspec.Struct, frozen=True):
    """One slice, or several gaps in a row with one reason; the keys are the contract's."""

    source: str
    part: str | None
    axis: Axis
    start: datetime | None
    end: datetime | None
    status: Status
    records: int = 0
    duplicates: int = 0
    expected: int | None = None
    attempts: int = 0
    reason: str | None = None
    asked_at: datetime | None = None
    settled: bool | None = None


S = TypeVar("S", bound=SliceCoverage)


class Recheck(SliceCoverage, frozen=True):
    """A time that was asked for once more; its `records` came `late`: they did not stand in the evidence before."""

    late: int = 0


class Coverage(msgspec.Struct, frozen=True):
    """All of a run's slices.

    `complete` is true where none is a gap. Up to `settled_until` every source with a window was asked a settle time
    after the fact, without interruption from its start; None where not even a start was.
    """

    complete: bool
    settled_until: datetime | None
    slices: tuple[SliceCoverage, ...]
    rechecks: tuple[Recheck, ...] = ()


def encode(coverage: Coverage) -> bytes:
    """Return coverage as the bytes of coverage.json."""
    return msgspec.json.format(msgspec.json.encode(coverage), indent=1) + b"\n"


def cover(plan: Plan, commits: Sequence[Commit], until: datetime | None = None) -> Coverage:
    """Lay the commits over what was planned, `until` an earlier end than the plan's where one is given."""
    first, again = _by_part(commits, recheck=False), _by_part(commits, recheck=True)
    parts: list[list[SliceCoverage]] = []
    rechecks: list[Recheck] = []
    for source in filter(None, (ended(planned, until) for planned in plan.sources)):
        for part in source.parts:
            proofs = again.get((source.source, part), [])
            laid = _lay(source, part, first.get((source.source, part), []))
            parts.append(list(_joined(seen for slice_ in laid for seen in _seen_again(slice_, proofs))))
            rechecks += [_told(Recheck, commit, commit.window, late=commit.records) for commit in proofs]
    slices = tuple(slice_ for part in parts for slice_ in part)
    return Coverage(
        complete=all(slice_.status is not Status.GAP for slice_ in slices),
        settled_until=_settled_until(parts),
        slices=slices,
        rechecks=tuple(dict.fromkeys(rechecks)),
    )


def ended(source: SourcePlan, until: datetime | None) -> SourcePlan | None:
    """Return what is planned of a source up to a moment, all of it without one; None where nothing is."""
    window = source.window
    if window is None or until is None or window.end <= until:
        return source
    return msgspec.structs.replace(source, window=Window(window.start, until)) if window.start < until else None


def remaining(source: SourcePlan, commits: Iterable[Commit]) -> dict[str | None, tuple[Window | None, ...]]:
    """Return what of each part of a source is not committed; (None,) for a part without a window, () where none."""
    of_part = _by_part(commits, recheck=False)
    return {
        part: tuple(window for window, commit in _sweep(source, of_part.get((source.source, part), [])) if not commit)
        for part in source.parts
    }


def _by_part(commits: Iterable[Commit], *, recheck: bool) -> dict[tuple[str, str | None], list[Commit]]:
    of_part: dict[tuple[str, str | None], list[Commit]] = {}
    for commit in commits:
        if commit.recheck is recheck:
            of_part.setdefault((commit.source, commit.part), []).append(commit)
    return of_part


def _sweep(source: SourcePlan, commits: list[Commit]) -> Iterator[tuple[Window | None, Commit | None]]:
    """Yield the window of one part piece by piece, each with its commit or None; of two that overlap the first wins."""
    if source.window is None:
        yield None, next(iter(commits), None)
        return
    at = source.window.start
    for commit in sorted((c for c in commits if c.window), key=lambda c: (c.start, c.at)):
        window = commit.window
        if window is None or max(at, window.start) >= min(window.end, source.window.end):
            continue
        if at < window.start:
            yield Window(at, window.start), None
        yield Window(max(at, window.start), min(window.end, source.window.end)), commit
        at = window.end
    if at < source.window.end:
        yield Window(at, source.window.end), None


def _lay(source: SourcePlan, part: str | None, commits: list[Commit]) -> Iterator[SliceCoverage]:
    for window, commit in _sweep(source, commits):
        if commit is None:
            start, end = _ends(window)
            yield SliceCoverage(source.source, part, source.axis, start, end, Status.GAP, reason=NOT_COLLECTED)
        else:
            yield _told(SliceCoverage, commit, window)


def _told(kind: type[S], commit: Commit, window: Window | None, **more: int) -> S:
    start, end = _ends(window)
    return kind(
        source=commit.source,
        part=commit.part,
        axis=commit.axis,
        start=start,
        end=end,
        status=commit.status,
        records=commit.records,
        duplicates=commit.duplicates,
        expected=commit.expected,
        attempts=commit.attempts,
        reason=commit.reason,
        asked_at=commit.asked_at,
        settled=commit.settled,
        **more,
    )


def _ends(window: Window | None) -> tuple[datetime | None, datetime | None]:
    return (window.start, window.end) if window else (None, None)


def _seen_again(slice_: SliceCoverage, rechecks: Sequence[Commit]) -> Iterator[SliceCoverage]:
    """Yield a slice in the light of what was asked again: a gap's filled parts apart, or the slice, settled or not."""
    proofs = [commit for commit in rechecks if commit.status is not Status.GAP]
    if slice_.start is None or slice_.end is None or not proofs or slice_.reason == NOT_COLLECTED:
        yield slice_
        return
    window = Window(slice_.start, slice_.end)
    if slice_.status is Status.GAP:
        yield from _filled(slice_, window, proofs)
    elif slice_.settled is False and not _rest(window, (commit for commit in proofs if commit.settled)):
        yield msgspec.structs.replace(slice_, settled=True)
    else:
        yield slice_


def _filled(gap: SliceCoverage, window: Window, proofs: Iterable[Commit]) -> Iterator[SliceCoverage]:
    """Part a gap into what is still missing and what a recheck found; the gap's own counts stand with its first part.

    Of rechecks that overlap the last one counts: it was asked latest.
    """
    missing = [window]
    parts: list[SliceCoverage] = []
    for proof in sorted(proofs, key=lambda commit: commit.asked_at, reverse=True):
        rest = [piece for hole in missing for piece in _rest(hole, [proof])]
        for hole in missing:
            start, end = max(hole.start, proof.start or hole.start), min(hole.end, proof.end or hole.end)
            if start < end:
                found = _told(SliceCoverage, proof, Window(start, end))
                settled = found.settled or gap.settled  # what was asked later is no less settled
                counts = {"records": 0, "duplicates": 0, "expected": None}
                parts.append(msgspec.structs.replace(found, settled=settled, reason=RECHECKED, **counts))
        missing = rest
    bare = msgspec.structs.replace(gap, records=0, duplicates=0, expected=None, attempts=0)
    parts += [msgspec.structs.replace(bare, start=hole.start, end=hole.end) for hole in missing]
    first, *others = sorted(parts, key=lambda part: part.start or window.start)
    status = Status.COMPLETE if first.status is Status.EMPTY and gap.records else first.status
    counted = {"records": gap.records, "duplicates": gap.duplicates, "attempts": gap.attempts + first.attempts}
    expected = gap.expected if not others else None
    yield msgspec.structs.replace(first, status=status, expected=expected, **counted)
    yield from others


def _rest(window: Window, covered: Iterable[Commit]) -> list[Window]:
    """Return what of a window the commits do not cover."""
    rest = [window]
    for commit in covered:
        other = commit.window
        if other is not None:
            rest = [piece for hole in rest for piece in _without(hole, other)]
    return rest


def _without(window: Window, other: Window) -> Iterator[Window]:
    if not window.meets(other):
        yield window
        return
    if window.start < other.start:
        yield Window(window.start, other.start)
    if other.end < window.end:
        yield Window(other.end, window.end)


def _joined(slices: Iterable[SliceCoverage]) -> Iterator[SliceCoverage]:
    """Join gaps that follow each other for one reason."""
    before: SliceCoverage | None = None
    for slice_ in slices:
        if before and before.status is slice_.status is Status.GAP and before.reason == slice_.reason:
            before = _join(before, slice_)
            continue
        if before:
            yield before
        before = slice_
    if before:
        yield before


def _join(first: SliceCoverage, second: SliceCoverage) -> SliceCoverage:
    """Return one gap in place of two: what came is added up, and what is uncertain of one is uncertain of both."""
    known = first.expected is not None and second.expected is not None
    asked = [moment for moment in (first.asked_at, second.asked_at) if moment]
    return msgspec.structs.replace(
        first,
        end=second.end,
        records=first.records + second.records,
        duplicates=first.duplicates + second.duplicates,
        expected=(first.expected or 0) + (second.expected or 0) if known else None,
        attempts=first.attempts + second.attempts,
        asked_at=min(asked, default=None),
        settled=None if None in (first.settled, second.settled) else bool(first.settled and second.settled),
    )


def _settled_until(parts: Iterable[list[SliceCoverage]]) -> datetime | None:
    ends = [_settled_end(slices) for slices in parts if slices and slices[0].start]
    known = [end for end in ends if end]
    return min(known) if known and len(known) == len(ends) else None


def _settled_end(slices: list[SliceCoverage]) -> datetime | None:
    end = None
    for slice_ in slices:
        if not slice_.settled:
            break
        end = slice_.end
    return end
