"""The power goes after every disk operation, and what was not synced is lost, kept or torn; or the process is killed.

Whatever happens: what was acknowledged stays, every record ends up once, nothing found is deleted, the bag is valid.
And no sync is idle: without any one of them, a power cut does damage.
"""

import random
import shutil
from collections import Counter
from pathlib import Path

import pytest

from collector.errors import CollectorError
from collector.evidence import Commit, Store, find_runs, read, verify
from collector.evidence.layout import SEAL
from tests.evidence.engagement import SHORT, collect, expected, open_run, records
from tests.evidence.unreliable import PowerCut, UnreliableDisk
from tests.tally import Tally

FATES = {
    "lose": "power cut at each disk operation, then once more: unsynced bytes lost",
    "keep": "power cut at each disk operation, then once more: unsynced bytes kept",
    "tear": "power cut at each disk operation, then once more: unsynced bytes torn",
    "kill": "process killed at each disk operation, then the power cut",
}
AGAIN = tuple(wanted._replace(unread=()) for wanted in SHORT)
"""The second time, what could not be read can be."""


class Voyage:
    """One engagement on a disk whose power goes now and then; a killed process leaves the disk on as it was."""

    def __init__(self, work: Path, deaf_to: str | None = None) -> None:
        self._work = work
        self._deaf_to = deaf_to
        self._lives = 0
        self._told: list[Commit] = []
        self._found: set[bytes] = set()
        self._sealed = False
        self.cuts = 0
        self.brought: Counter[tuple[str, bytes]] = Counter()
        self.sync_sites: set[str] = set()
        shutil.rmtree(work, ignore_errors=True)
        (work / "0").mkdir(parents=True)
        self.disk = UnreliableDisk(work / "0", deaf_to=deaf_to)

    def sail(self, cut_after: int | None) -> bool:
        """Run until the power goes (True) or the run is sealed."""
        self.disk.operations, self.disk.cut_after = 0, cut_after
        try:
            if not any((run / SEAL).exists() for run in find_runs(self.disk.root)):
                work = AGAIN if find_runs(self.disk.root) else SHORT
                collect(self.disk.root / "evidence", work, Store(self.disk), self._told)
                self._sealed = True
        except PowerCut:
            self.cuts += 1
            return True
        finally:
            self.sync_sites |= self.disk.sync_sites
            self.disk.die()
        return False

    def strike(self, fate: str, seed: int = 0) -> None:
        """Let the fate of what was not durable be seen, and check what is left before anything repairs it."""
        if fate == "kill":
            return
        self._lives += 1
        found = self.disk.after(fate, self._work / str(self._lives), seed)
        self.disk = UnreliableDisk(found, deaf_to=self._deaf_to)
        self._check_told()
        path = open_run(found)
        if path:
            assert verify(path).problems == ()
            known = {chunk.path for committed in read(path).commits for chunk in committed.payload}
            files = [file for file in (path / "data").rglob("*") if file.is_file()]
            self._found |= {file.read_bytes() for file in files if file.relative_to(path).as_posix() not in known}

    def arrive(self) -> None:
        """Let the power go once more and check the sealed run; a seal that was not acknowledged may need renewing."""
        if not self._sealed:
            self.strike("lose")
            self.sail(None)
        self.strike("lose")
        (run,) = find_runs(self.disk.root)
        found = verify(run)
        assert found.sealed
        assert found.problems == ()
        self.brought = records(run)
        assert self._found <= {file.read_bytes() for file in run.rglob("quarantine/**/data/**/*") if file.is_file()}
        shutil.rmtree(self._work)

    def _check_told(self) -> None:
        standing = [committed for run in find_runs(self.disk.root) for committed in read(run).commits]
        assert [committed for committed in self._told if committed not in standing] == []


def whole(work: Path) -> Voyage:
    """Sail without mishap, to see how many operations and which syncs there are."""
    voyage = Voyage(work)
    voyage.sail(None)
    return voyage


def cut_twice(work: Path, first: int, fate: str, seed: int, deaf_to: str | None = None) -> Voyage:
    """Cut after `first` operations, once more somewhere in what follows, then let the run end."""
    chance = random.Random(f"{seed} {first}")
    voyage = Voyage(work, deaf_to)
    if voyage.sail(first):
        voyage.strike(fate, chance.randrange(1000))
        if voyage.sail(chance.randrange(1, 50)):
            voyage.strike("lose" if fate == "kill" else chance.choice(tuple(FATES)), chance.randrange(1000))
            assert not voyage.sail(None)
    voyage.arrive()
    return voyage


def cut_everywhere(tmp_path: Path, fate: str, seed: int, tally: Tally) -> None:
    for first in range(whole(tmp_path / "whole").disk.operations + 1):
        voyage = cut_twice(tmp_path / "cut", first, fate, seed)
        tally.records(FATES[fate], voyage.brought, expected(SHORT), tried=voyage.cuts)


@pytest.mark.parametrize("fate", FATES)
def test_power_cut_after_every_operation(tmp_path: Path, fate: str, tally: Tally) -> None:
    cut_everywhere(tmp_path, fate, 0, tally)


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(1, 50))
def test_power_cuts_at_length(tmp_path: Path, seed: int, tally: Tally) -> None:
    cut_everywhere(tmp_path, tuple(FATES)[seed % len(FATES)], seed, tally)


SYNCS = (
    "contents: chunks.ChunkFile.finish",
    "contents: deposit.Deposit.file",
    "contents: journal.Journal.append",
    "contents: requestlog.RequestLog.mark",
    "contents: store.Store.write_whole",
    "names: bag.write",
    "names: recovery.recover",
    "names: store.Store.make_folder",
    "names: store.Store.publish",
    "names: store.Store.write_whole",
)


def test_every_sync_is_listed_here(tmp_path: Path) -> None:
    voyage = Voyage(tmp_path / "sites")
    assert voyage.sail(110)
    assert not voyage.sail(None)
    assert voyage.sync_sites == set(SYNCS)


@pytest.mark.parametrize("sync", SYNCS)
def test_without_this_sync_a_power_cut_does_damage(tmp_path: Path, sync: str, tally: Tally) -> None:
    operations = whole(tmp_path / "whole").disk.operations
    cuts = ((first, fate) for fate in ("kill", "lose") for first in range(operations))
    missed = any(_damaged(tmp_path / "cut", first, fate, sync) for first, fate in cuts)
    tally("one of the syncs taken out of the program", damage=missed)
    assert missed


def _damaged(work: Path, first: int, fate: str, sync: str) -> bool:
    try:
        return cut_twice(work, first, fate, 0, sync).brought != expected(SHORT)
    except (AssertionError, CollectorError):
        return True
