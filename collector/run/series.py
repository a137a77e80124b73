"""The runs of a watch, each taking over where the one before leaves off.

Invariants: between the window of a run and that of the next there is neither hole nor overlap, source by source; a
part or a question that is new starts at its own beginning; at most one run of a watch is open.
"""

from collections.abc import Container, Iterator, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import msgspec

from collector.errors import CollectorError
from collector.evidence import Account, Commit, find_runs, read
from collector.evidence.layout import SEAL
from collector.model import Axis, Plan, SourcePlan, Window
from collector.run.cycle import frontier


def runs_of_watch(folder: Path, but: Container[Path] = ()) -> Sequence[Account]:
    """Return the runs of the watch in an engagement's folder, oldest first, `but` for some.

    One that is damaged is left out, unless it is the newest and open: raises IntegrityError then, and DiskError.
    """
    paths = [path for path in find_runs(folder) if path not in but]
    accounts = (_read(path, passed=(path / SEAL).is_file() or path != paths[-1]) for path in paths)
    return [account for account in accounts if account and account.plan.watch]


def _read(path: Path, *, passed: bool) -> Account | None:
    try:
        return read(path)
    except CollectorError:
        if passed:
            return None
        raise


def next_plan(fresh: Plan, before: Account | None, end: datetime, ahead: timedelta = timedelta(0)) -> Plan:
    """Return the plan of the run that takes over: what is asked `fresh`ly, from where the run before leaves off.

    `end` is when the new run is to be sealed; by the clock of a service that goes by availability, that is `ahead`.
    """
    known = list(_left_off(before)) if before else []
    ends = {Axis.EVENT: end, Axis.AVAILABLE: (end + ahead).replace(microsecond=0)}
    sources = tuple(piece for source in fresh.sources for piece in _continued(source, known, ends[source.axis]))
    return msgspec.structs.replace(fresh, sources=sources, watch=True)


def leaves_off(plan: Plan, commits: Sequence[Commit]) -> datetime | None:
    """Return where a run can be closed as it stands: up to where each of its sources was asked for."""
    return min(filter(None, (frontier(source, commits) for source in plan.sources)), default=None)


class _LeftOff(NamedTuple):
    """What a run asked for, and up to where it came."""

    planned: SourcePlan
    edge: datetime


def _left_off(before: Account) -> Iterator[_LeftOff]:
    for planned in before.plan.sources:
        edge = frontier(planned, before.commits)
        if edge is not None and planned.window is not None:
            yield _LeftOff(planned, max(planned.window.start, min(edge, before.until or edge)))


def _continued(source: SourcePlan, known: Sequence[_LeftOff], end: datetime) -> Iterator[SourcePlan]:
    """Yield a source once for each place that its parts left off at, and once for those that are new."""
    if source.window is None:
        yield source
        return
    new = dict.fromkeys(source.parts)
    for planned, edge in known:
        parts = tuple(part for part in planned.parts if part in new)
        if parts and (planned.source, planned.question) == (source.source, source.question) and planned.window:
            for part in parts:
                del new[part]
            since = planned.since or planned.window.start
            yield msgspec.structs.replace(source, parts=parts, window=Window(edge, end), since=since)
    if new:
        start = source.window.start
        yield msgspec.structs.replace(source, parts=tuple(new), window=Window(start, end), since=start)
