"""What must be true of a run, kept by hand from what it was given and what it acknowledged, apart from all its code.

Acknowledged is what a call has returned; what was handed over when the process ended may stand or not, but whole.
"""

import hashlib
from collections import Counter
from collections.abc import Iterator
from itertools import pairwise, takewhile
from pathlib import Path
from typing import NamedTuple

import msgspec

from collector.evidence import Commit, Coverage, RunFolder, SliceCoverage, lines
from collector.evidence.bag import MANIFEST, TAG_FILES, TAG_MANIFEST
from collector.evidence.journal import walk
from collector.evidence.layout import (
    COVERAGE,
    CUSTODY_FILES,
    DATA,
    ENGAGEMENT,
    JOURNAL,
    QUARANTINE,
    REQUESTS,
    SEAL,
    STAGING,
)
from collector.evidence.layout import PLAN as PLAN_FILE
from collector.evidence.run import NOTHING
from collector.evidence.store import TEMPORARY
from collector.model import Row, Status
from tests.evidence.engagement import HOUR, START, records
from tests.evidence.faulty import FaultyDisk
from tests.evidence.hours import CELLS, PLAN, Cell, Work


class Handed(NamedTuple):
    """A commit that has not returned: what it must be, if it comes to stand."""

    work: Work
    status: Status
    unread: tuple[bytes, ...]
    new: list[tuple[Row, str]]

    @property
    def records(self) -> Counter[tuple[str, bytes]]:
        return Counter((self.work.slice.source, row.raw) for row, _ in self.new)


class Ledger:
    """The account of one run, from its opening to its seal."""

    def __init__(self) -> None:
        self.standing: Counter[tuple[str, bytes]] = Counter()
        self.status: dict[Cell, Status] = {}
        self.handed: Handed | None = None
        self._commits: list[Commit] = []
        self._data: dict[str, bytes] = {}
        self._journal = b""
        self._quarantine: dict[str, bytes] = {}
        self._loose: set[bytes] = set()
        self._loose_and_durable: set[bytes] = set()

    def hand(self, work: Work, status: Status, unread: tuple[bytes, ...]) -> None:
        """Note a commit that is about to be asked for: all that came and does not stand yet."""
        source = work.slice.source
        new = [(row, request) for row, request in work.came if not row.identity or not self.standing[source, row.raw]]
        self.handed = Handed(work, status, unread, new)

    def acknowledge(self, run: Path, commit: Commit) -> None:
        """Compare a commit with what was handed over, and note that it stands for ever."""
        assert self.handed
        work, status, unread, new = self.handed
        assert (commit.slice, commit.status, commit.records) == (work.slice, status, len(new))
        assert commit.duplicates == work.again + len(work.came) - len(new)
        assert [line for chunk in commit.chunks for line in lines(run, chunk)] == [row.raw for row, _ in new]
        assert list(_given(commit)) == [request for _, request in new]
        assert tuple((run / chunk.path).read_bytes() for chunk in commit.unread) == unread
        assert not {chunk.path for chunk in commit.payload} & set(self._data)
        self.standing += self.handed.records
        self.status |= dict.fromkeys(work.cells, status)
        self._commits.append(commit)
        self._data |= {chunk.path: (run / chunk.path).read_bytes() for chunk in commit.payload}
        self._journal = (run / JOURNAL).read_bytes()
        self.handed = None

    def acknowledged(self, run: Path, pick: int) -> tuple[str, int]:
        """Pick a file, and say how many of its bytes can not change without being noticed."""
        fixed = {path: len(data) for path, data in files(run).items() if path in (*self._data, PLAN_FILE, ENGAGEMENT)}
        fixed[JOURNAL] = self._journal.rstrip(b"\n").rfind(b"\n") + 1
        fixed[REQUESTS] = self._commits[-1].requests_log.bytes if self._commits else 0
        return sorted(item for item in fixed.items() if item[1])[pick % sum(map(bool, fixed.values()))]

    def opened(self, run: Path) -> None:
        self._journal = (run / JOURNAL).read_bytes()

    def before_resume(self, run: Path) -> tuple[bytes, bytes]:
        """Note what must be found in quarantine; return journal and requests as they are."""
        self._loose |= _loose(run)
        return (run / JOURNAL).read_bytes(), (run / REQUESTS).read_bytes()

    def resumed(self, folder: RunFolder, journal: bytes, requests: bytes) -> None:
        """Compare a run taken up with what was there before."""
        self._i3_only_a_torn_last_line_is_cut_off(folder.path, journal, requests)
        self.quarantine_never_shrinks(folder.path)
        self._quarantine = files(folder.path, QUARANTINE)
        assert self._loose <= set(self._quarantine.values())
        self._loose, self._loose_and_durable = set(), set()
        if self.handed and len(folder.commits) > len(self._commits):
            self.acknowledge(folder.path, folder.commits[-1])
        self.handed = None
        self._journal = (folder.path / JOURNAL).read_bytes()
        assert list(folder.commits) == self._commits
        self.i2_without_a_line_no_evidence(folder.path)

    def power_is_back(self, run: Path | None) -> None:
        """Note what the power left: what was never durable may be gone from quarantine, its name may not."""
        assert run or not self._journal
        if not run:
            return
        found = files(run, QUARANTINE)
        kept = {path: data for path, data in self._quarantine.items() if not _never_synced(path)}
        assert set(found) >= set(self._quarantine)
        assert {path: found[path] for path in kept} == kept
        self._quarantine = found
        self._loose_and_durable |= _loose(run)
        self._loose = set(self._loose_and_durable)

    def i1_what_the_journal_speaks_of_is_durable(self, run: Path, disk: FaultyDisk) -> None:
        found = walk(run)
        for chunk in found.payload:
            assert _sha256(disk.durable(run / chunk.path)) == chunk.sha256
        for mark in found.marks:
            assert _sha256((disk.durable(run / REQUESTS) or b"")[: mark.bytes]) == mark.sha256
        assert (disk.durable(run / JOURNAL) or b"").startswith(self._journal)

    def i2_without_a_line_no_evidence(self, run: Path) -> None:
        """What stands is what was acknowledged, once each; data/ holds that and, from a seal cut short, a sentence."""
        assert records(run) == self.standing
        named = {chunk.path for chunk in walk(run).payload}
        assert named - {NOTHING} == set(self._data) - {NOTHING}
        assert set(files(run, DATA)) == named

    def i2_records_stand_once(self, run: Path) -> None:
        """At any moment: all that was acknowledged stands; of what was handed over, all or nothing."""
        found = records(run)
        assert found == self.standing or (self.handed and found == self.standing + self.handed.records)

    def i3_the_journal_only_grows(self, run: Path, disk: FaultyDisk) -> None:
        """No more than its last line can be torn: the one before is durable by then."""
        assert walk(run).problem is None
        journal = (run / JOURNAL).read_bytes()
        assert journal.startswith(self._journal)
        durable = set((disk.durable(run / JOURNAL) or b"").splitlines(keepends=True))
        assert sum(line not in durable for line in journal.splitlines(keepends=True)) <= 1

    def _i3_only_a_torn_last_line_is_cut_off(self, run: Path, journal: bytes, requests: bytes) -> None:
        whole = _whole(journal)
        assert journal.count(b"\n", len(whole)) <= 1
        assert whole.startswith(self._journal)
        *before, last, _ = (run / JOURNAL).read_bytes().split(b"\n")
        assert b"".join(line + b"\n" for line in before) == whole
        assert b'"event":"resumed"' in last
        assert (run / REQUESTS).read_bytes() == _whole(requests)

    def i4_the_manifest_names_what_is_there(self, run: Path) -> None:
        stated = dict(line.split("  ")[::-1] for line in (run / MANIFEST).read_text().splitlines())
        found = files(run, DATA)
        assert stated == {path: _sha256(data) for path, data in found.items()}
        assert {path: found[path] for path in self._data} == self._data

    def i5_before_the_seal_all_is_durable(self, run: Path, disk: FaultyDisk) -> None:
        """Without power there would be what is there now, folders too; only of the seal the name may be missing."""
        seen = {path.relative_to(run).as_posix(): path for path in run.rglob("*")}
        seen_bytes = {name: None if path.is_dir() else path.read_bytes() for name, path in seen.items()}
        assert _in_bag(disk.durable_below(run)) == _in_bag(seen_bytes)

    def i6_nothing_in_data_is_written_again(self, run: Path) -> None:
        found = files(run, DATA)
        assert {path: found.get(path) for path in self._data} == self._data

    def quarantine_never_shrinks(self, run: Path) -> None:
        found = files(run, QUARANTINE)
        assert {path: found.get(path) for path in self._quarantine} == self._quarantine

    def sealed(self, run: Path, disk: FaultyDisk) -> None:
        """Compare a run that was sealed with all that it must hold."""
        self.i4_the_manifest_names_what_is_there(run)
        self.i5_before_the_seal_all_is_durable(run, disk)
        self.coverage_joins(msgspec.json.decode((run / COVERAGE).read_bytes(), type=Coverage))

    def coverage_joins(self, coverage: Coverage) -> None:
        """The slices join without hole or overlap, say of each cell what happened to it, and `complete` is no gap."""
        for source in PLAN.sources:
            for part in source.parts:
                slices = [one for one in coverage.slices if (one.source, one.part) == (source.source, part)]
                bounds = (slices[0].start, slices[-1].end)
                assert bounds == ((source.window.start, source.window.end) if source.window else (None, None))
                assert all(before.end == after.start for before, after in pairwise(slices))
                assert source.window or len(slices) == 1
        for cell in CELLS:
            (said,) = (one.status for one in coverage.slices if _holds(one, cell))
            assert said is self.status.get(cell, Status.GAP)
        assert coverage.complete == all(self.status.get(cell, Status.GAP) is not Status.GAP for cell in CELLS)
        assert sum(one.records for one in coverage.slices) == self.standing.total()


def contents(run: Path) -> dict[str, bytes]:
    """Return every file of a run but what is in quarantine, by its path."""
    return {path: data for path, data in files(run).items() if not path.startswith(f"{QUARANTINE}/")}


def files(run: Path, folder: str = ".") -> dict[str, bytes]:
    found = (run / folder).rglob("*")
    return {path.relative_to(run).as_posix(): path.read_bytes() for path in found if path.is_file()}


def _loose(run: Path) -> set[bytes]:
    """Return what is there without belonging to the run: it must be found in quarantine when the run is taken up."""
    own = {chunk.path for chunk in walk(run).payload} | {*CUSTODY_FILES, *TAG_FILES, TAG_MANIFEST}
    strays = {data for path, data in contents(run).items() if path not in own}
    logs = [(run / path).read_bytes() for path in (JOURNAL, REQUESTS)]
    return strays | {log.removeprefix(_whole(log)) for log in logs} - {b""}


def _whole(log: bytes) -> bytes:
    """Return the lines from the start up to one without its end, or with a block that never reached the disk."""
    lines = iter(log.splitlines(keepends=True))
    return b"".join(takewhile(lambda line: line.endswith(b"\n") and b"\0" not in line, lines))


def _in_bag(found: dict[str, bytes | None]) -> dict[str, bytes | None]:
    return {path: data for path, data in found.items() if path != SEAL and path.partition("/")[0] != QUARANTINE}


def _never_synced(path: str) -> bool:
    return f"/{STAGING}/" in path or path.endswith(TEMPORARY)


def _given(commit: Commit) -> Iterator[str]:
    """Yield for each line of a commit the request that gave it."""
    for chunk in commit.chunks:
        for given in commit.requests:
            if given.path == chunk.path:
                yield from [given.request] * (given.last - given.first + 1)


def _holds(slice_: SliceCoverage, cell: Cell) -> bool:
    if (slice_.source, slice_.part) != (cell.source, cell.part):
        return False
    return slice_.start is None or slice_.end is None or slice_.start <= START + cell.hour * HOUR < slice_.end


def _sha256(data: bytes | None) -> str:
    return hashlib.sha256(data or b"").hexdigest()
