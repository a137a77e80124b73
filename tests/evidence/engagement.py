"""A small made-up engagement, and the work that a run does on it: what every test in this room collects."""

import hashlib
from collections import Counter
from collections.abc import Iterable, Sequence
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

from collector.evidence import Commit, Opening, RunFolder, Standing, Store, cover, encode, find_runs, lines, read
from collector.evidence.layout import SEAL
from collector.model import Axis, Outcome, Plan, Row, Slice, SourcePlan, Status, Window
from tests.fakes import FakeClock

START = datetime(2026, 11, 1, tzinfo=UTC)
ASKED = START + timedelta(days=3)
HOUR = timedelta(hours=1)
LOG, TRACE, SETTINGS = "unified-audit-log", "message-trace", "tenant-settings"
ADELE, LEE = "adele@contoso.example.org", "Lee.Gu@Contoso.example.org"
PLAN = Plan(
    engagement="contoso-2026-11",
    tenant="contoso.example.org",
    frozen_at=ASKED,
    sources=(
        SourcePlan(LOG, Axis.EVENT, Window(START, START + 3 * HOUR), (None,), {"operations": ["MailItemsAccessed"]}),
        SourcePlan(TRACE, Axis.EVENT, Window(START, START + HOUR), (ADELE, LEE), {}),
        SourcePlan(SETTINGS, Axis.EVENT, None, (None,), {}),
    ),
)
OPENING = Opening(
    plan=PLAN,
    engagement=b"engagement: contoso-2026-11\n",
    environment={"python": "3"},
    compression="gzip",
    chunk_bytes=90,
)


class Wanted(NamedTuple):
    """One slice to ask for, and what comes."""

    slice: Slice
    rows: Sequence[Row]
    status: Status = Status.COMPLETE
    unread: Sequence[bytes] = ()


def key(source: str, line: bytes) -> tuple[bytes, bytes]:
    """Tell lines apart: by what stands before the comma, and by the whole."""
    return hashlib.sha256(line.partition(b",")[0]).digest(), hashlib.sha256(line).digest()


def row(number: int, *, says: str = "as received", at: float | None = None) -> Row:
    """Make up the row with this number."""
    raw = f'{{"Id":{number},"Said":"{says}"}}'.encode()
    return Row(raw, *key(LOG, raw), at)


def rows(first: int, after: int) -> list[Row]:
    return [row(number) for number in range(first, after)]


def hour(number: int) -> Window:
    return Window(START + number * HOUR, START + (number + 1) * HOUR)


def log_slice(number: int) -> Slice:
    return Slice(LOG, None, Axis.EVENT, hour(number))


def trace_slice(part: str) -> Slice:
    return Slice(TRACE, part, Axis.EVENT, hour(0))


SHORT = (
    Wanted(log_slice(0), rows(0, 5)),
    Wanted(log_slice(1), rows(3, 7), Status.GAP, (b"<html>busy</html>",)),
    Wanted(trace_slice(LEE), rows(1, 3)),
)
"""Two chunks; an edge that comes twice, in a gap with an unread answer; a folder in a folder."""

WHOLE = (
    *SHORT,
    Wanted(log_slice(2), [], Status.EMPTY),
    Wanted(trace_slice(ADELE), rows(0, 2)),
    Wanted(Slice(SETTINGS, None, Axis.EVENT, None), rows(50, 51)),
)
"""All that PLAN asks for."""


def expected(work: Iterable[Wanted]) -> Counter[tuple[str, bytes]]:
    """Return every record of the work once, by its source."""
    return Counter({(wanted.slice.source, row.raw): 1 for wanted in work for row in wanted.rows})


def records(run: Path) -> Counter[tuple[str, bytes]]:
    """Count every record of a run, by its source."""
    return Counter(
        (committed.source, line)
        for committed in read(run).commits
        for chunk in committed.chunks
        for line in lines(run, chunk)
    )


def begin(
    evidence: Path, store: Store | None = None, opening: Opening = OPENING, standing: Standing | None = None
) -> RunFolder:
    folder = evidence / opening.plan.engagement
    return RunFolder.create(folder, opening, store=store or Store(), clock=FakeClock(), standing=standing)


def resume(path: Path, store: Store | None = None, standing: Standing | None = None) -> RunFolder:
    store = store or Store()
    return RunFolder.resume(path, store=store, clock=FakeClock(), key=key, note={"signal": "none"}, standing=standing)


def commit(folder: RunFolder, wanted: Wanted) -> Commit:
    """Ask for a slice in two requests, and commit it."""
    staging = folder.stage()
    for number, page in enumerate((wanted.rows[:2], wanted.rows[2:])):
        request = f"{wanted.slice.source} {wanted.slice.part} {wanted.slice.window} {number}"
        folder.log({"request": request, "rows": len(page)})
        staging.add(page, request)
    reason = "unreadable" if wanted.status is Status.GAP else None
    outcome = Outcome(wanted.status, ASKED, 1, expected=len(wanted.rows), reason=reason, settled=True)
    committed = folder.commit(wanted.slice, outcome, staging, unread=wanted.unread)
    staging.release()
    return committed


def seal(folder: RunFolder) -> None:
    bag_info = {"Source-Organization": "Contoso"}
    folder.seal(coverage=encode(cover(folder.plan, folder.commits)), bag_info=bag_info)


def open_run(evidence: Path) -> Path | None:
    """Return the run that can be taken up, if there is one."""
    runs = find_runs(evidence) if evidence.is_dir() else ()
    return next((run for run in runs if not (run / SEAL).exists()), None)


def collect(
    evidence: Path, work: Sequence[Wanted], store: Store | None = None, told: list[Commit] | None = None
) -> Path:
    """Do what `run` does: open a run or take one up, commit what it lacks and add that to `told`, seal it."""
    path = open_run(evidence)
    with closing(resume(path, store) if path else begin(evidence, store)) as folder:
        done = {committed.slice for committed in folder.commits}
        for wanted in work:
            if wanted.slice not in done:
                committed = commit(folder, wanted)
                if told is not None:
                    told.append(committed)
        seal(folder)
    return folder.path
