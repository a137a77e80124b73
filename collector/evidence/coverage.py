"""What was asked, what came, and what is missing: custody/coverage.json (design 1.3), derived from plan and journal.

Invariants: pure; the slices of a source and part join without hole or overlap over its window, and where nothing was
committed (an open run) the hole is a gap `not-collected`.
"""

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any

import msgspec

from collector.evidence.journal import Commit
from collector.model import Axis, Plan, SourcePlan, Status, Window

NOT_COLLECTED = "not-collected"


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


class Coverage(msgspec.Struct, frozen=True):
    """All of a run's slices.

    `complete` is true where none is a gap. Up to `settled_until` every source with a window was asked a settle time
    after the fact, without interruption from its start; None where not even a start was.
    """

    complete: bool
    settled_until: datetime | None
    slices: tuple[SliceCoverage, ...]
    rechecks: tuple[dict[str, Any], ...] = ()


def encode(coverage: Coverage) -> bytes:
    """Return coverage as the bytes of coverage.json."""
    return msgspec.json.format(msgspec.json.encode(coverage), indent=1) + b"\n"


def cover(plan: Plan, commits: Iterable[Commit]) -> Coverage:
    """Lay the commits over what was planned."""
    of_part = _by_part(commits)
    parts = [
        list(_joined(_lay(source, part, of_part.get((source.source, part), []))))
        for source in plan.sources
        for part in source.parts
    ]
    slices = tuple(slice_ for part in parts for slice_ in part)
    return Coverage(
        complete=all(slice_.status is not Status.GAP for slice_ in slices),
        settled_until=_settled_until(parts),
        slices=slices,
    )


def remaining(source: SourcePlan, commits: Iterable[Commit]) -> dict[str | None, tuple[Window | None, ...]]:
    """Return what of each part of a source is not committed; (None,) for a part without a window, () where none."""
    of_part = _by_part(commits)
    return {
        part: tuple(window for window, commit in _sweep(source, of_part.get((source.source, part), [])) if not commit)
        for part in source.parts
    }


def _by_part(commits: Iterable[Commit]) -> dict[tuple[str, str | None], list[Commit]]:
    of_part: dict[tuple[str, str | None], list[Commit]] = {}
    for commit in commits:
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
        start, end = (window.start, window.end) if window else (None, None)
        if commit is None:
            yield SliceCoverage(source.source, part, source.axis, start, end, Status.GAP, reason=NOT_COLLECTED)
            continue
        yield SliceCoverage(
            source=source.source,
            part=part,
            axis=source.axis,
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
        )


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
