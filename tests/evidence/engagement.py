"""A small made-up engagement, and the work that a run does on it: what every test in this room collects."""

import hashlib
from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from collector.evidence import Commit, Opening, RunFolder, Store, cover, encode, find_open, find_runs, lines, read
from collector.model import Axis, Outcome, Plan, Row, Slice, SourcePlan, Status, Window

START = datetime(2026, 11, 1, tzinfo=UTC)
ASKED = START + timedelta(days=3)
HOUR = timedelta(hours=1)
LOG, TRACE, SETTINGS = "unified-audit-log", "message-trace", "tenant-settings"
PARTS = ("adele@contoso.example.org", "Lee.Gu@Contoso.example.org")
PLAN = Plan(
    engagement="contoso-2026-11",
    tenant="contoso.example.org",
    frozen_at=ASKED,
    sources=(
        SourcePlan(LOG, Axis.EVENT, Window(START, START + 3 * HOUR), (None,), {"operations": ["MailItemsAccessed"]}),
        SourcePlan(TRACE, Axis.EVENT, Window(START, START + HOUR), PARTS, {}),
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


class FakeClock:
    """Every look at it is a second later."""

    def __init__(self) -> None:
        self.moment = ASKED

    def now(self) -> datetime:
        self.moment += timedelta(seconds=1)
        return self.moment

    def monotonic(self) -> float:
        return self.moment.timestamp()

    def sleep(self, seconds: float) -> None:
        self.moment += timedelta(seconds=seconds)

    def check(self) -> None:
        pass


def key(source: str, line: bytes) -> tuple[bytes, bytes]:
    """Tell lines apart: by what stands before the comma, and by the whole."""
    return hashlib.sha256(line.partition(b",")[0]).digest(), hashlib.sha256(line).digest()


def row(number: int, *, says: str = "as received", at: float | None = None) -> Row:
    """Make up the row with this number."""
    raw = f'{{"Id":{number},"Said":"{says}"}}'.encode()
    return Row(raw, *key(LOG, raw), at)


def hour(number: int) -> Window:
    return Window(START + number * HOUR, START + (number + 1) * HOUR)


def slices() -> Iterable[tuple[Slice, list[Row], Status, list[bytes]]]:
    """What is asked for, and what comes: edges twice, an empty slice, a gap with an unread answer, settings."""
    yield Slice(LOG, None, Axis.EVENT, hour(0)), [row(n) for n in range(5)], Status.COMPLETE, []
    yield Slice(LOG, None, Axis.EVENT, hour(1)), [row(n) for n in range(3, 9)], Status.GAP, [b"<html>busy</html>"]
    yield Slice(LOG, None, Axis.EVENT, hour(2)), [], Status.EMPTY, []
    yield Slice(TRACE, PARTS[0], Axis.EVENT, hour(0)), [row(n) for n in range(2)], Status.COMPLETE, []
    yield Slice(TRACE, PARTS[1], Axis.EVENT, hour(0)), [row(n) for n in range(1, 4)], Status.COMPLETE, []
    yield Slice(SETTINGS, None, Axis.EVENT, None), [row(50)], Status.COMPLETE, []


EXPECTED = Counter(
    [(LOG, row(n).raw) for n in range(9)] + [(TRACE, row(n).raw) for n in range(4)] + [(SETTINGS, row(50).raw)]
)
"""Every record of a finished run, once."""


def outcome(status: Status, expected: int | None = None) -> Outcome:
    reason = "unreadable" if status is Status.GAP else None
    return Outcome(status, ASKED, 1, expected=expected, reason=reason, settled=True)


def commit(folder: RunFolder, wanted: Slice, rows: list[Row], status: Status, unread: Iterable[bytes] = ()) -> Commit:
    """Ask for a slice in two requests, and commit it."""
    staging = folder.stage()
    for number, page in enumerate((rows[:2], rows[2:])):
        request = f"{wanted.source} {wanted.part} {wanted.window} {number}"
        folder.log({"request": request, "rows": len(page)})
        staging.add(page, request)
    committed = folder.commit(wanted, outcome(status, len(rows)), staging, unread=list(unread))
    staging.release()
    return committed


def seal(folder: RunFolder) -> None:
    folder.seal(coverage=encode(cover(folder.plan, folder.commits)), bag_info={"Source-Organization": "Contoso"})


def begin(evidence: Path, store: Store | None = None) -> RunFolder:
    return RunFolder.create(evidence / PLAN.engagement, OPENING, store=store or Store(), clock=FakeClock())


def resume(path: Path, store: Store | None = None) -> RunFolder:
    return RunFolder.resume(path, store=store or Store(), clock=FakeClock(), key=key, note={"signal": "none"})


def collect(evidence: Path, store: Store | None = None, acknowledged: list[Commit] | None = None) -> RunFolder:
    """Do what `run` does: open a run or take one up, commit what it lacks, seal it."""
    path = find_open(evidence / PLAN.engagement)
    folder = resume(path, store) if path else begin(evidence, store)
    try:
        done = {committed.slice for committed in folder.commits}
        for wanted, rows, status, unread in slices():
            if wanted not in done:
                committed = commit(folder, wanted, rows, status, unread)
                if acknowledged is not None:
                    acknowledged.append(committed)
        seal(folder)
    finally:
        folder.close()
    return folder


def records(evidence: Path) -> Counter[tuple[str, bytes]]:
    """Count every record of the newest run below a folder."""
    run = find_runs(evidence)[-1]
    return Counter(
        (committed.source, line)
        for committed in read(run).commits
        for chunk in committed.chunks
        for line in lines(run, chunk)
    )
