"""The power goes after every disk operation, and what was not synced is lost, kept or torn; or the process is killed.

Whatever happens: what was acknowledged stays, every record ends up once, nothing found is deleted, the bag is valid.
"""

import random
from pathlib import Path

import pytest

from collector.evidence import Commit, Store, find_open, find_runs, read, verify
from tests.evidence.engagement import EXPECTED, PLAN, collect, records
from tests.evidence.unreliable import PowerCut, UnreliableDisk

FATES = ("lose", "keep", "tear", "kill")


class Voyage:
    """One engagement on a disk whose power goes now and then."""

    def __init__(self, work: Path, deaf_to: str | None = None) -> None:
        self._work = work
        self._deaf_to = deaf_to
        self._lives = 0
        self._acknowledged: list[Commit] = []
        self._found: set[bytes] = set()
        self._sealed = False
        self.sites: set[str] = set()
        self.disk = self._disk(work / "0")

    def _disk(self, root: Path) -> UnreliableDisk:
        root.mkdir(exist_ok=True)
        return UnreliableDisk(root, deaf_to=self._deaf_to)

    def sail(self, cut_after: int | None) -> bool:
        """Run until the power goes (True) or the run is sealed."""
        self.disk.operations, self.disk.cut_after = 0, cut_after
        try:
            if not self._looks_sealed():
                collect(self.disk.root / "evidence", Store(self.disk), self._acknowledged)
                self._sealed = True
        except PowerCut:
            return True
        finally:
            self.sites |= self.disk.sync_sites
            self.disk.die()
        return False

    def _looks_sealed(self) -> bool:
        return any((run / "bagit.txt").exists() for run in find_runs(self.disk.root))

    def strike(self, fate: str, seed: int = 0) -> None:
        """Let the fate of what was not durable be seen; a killed process leaves everything to the next as it was."""
        if fate == "kill":
            return
        self._lives += 1
        self.disk = self._disk(self.disk.after(fate, self._work / str(self._lives), seed))
        self._check_open()

    def arrive(self) -> None:
        """Check a sealed run after one more power cut; where the seal was not acknowledged, it may have to come first."""
        if not self._sealed:
            self.strike("lose")
            self.sail(None)
        self.disk = self._disk(self.disk.after("lose", self._work / "last"))
        evidence = self.disk.root / "evidence"
        assert len(find_runs(evidence)) == 1
        found = verify(find_runs(evidence)[0])
        assert found.sealed
        assert found.problems == ()
        assert records(evidence) == EXPECTED
        self._check_acknowledged()
        kept = {path.read_bytes() for path in evidence.rglob("quarantine/**/data/**/*") if path.is_file()}
        assert self._found <= kept

    def _check_open(self) -> None:
        """Check what is left before anything repairs it: intact, and every acknowledged commit there."""
        path = find_open(self.disk.root / "evidence" / PLAN.engagement)
        if path is None:
            assert not self._acknowledged or find_runs(self.disk.root / "evidence")
            return
        assert verify(path).problems == ()
        self._check_acknowledged()
        known = {chunk.path for committed in read(path).commits for chunk in committed.payload}
        uncommitted = [file for file in (path / "data").rglob("*") if file.is_file()]
        self._found |= {file.read_bytes() for file in uncommitted if file.relative_to(path).as_posix() not in known}

    def _check_acknowledged(self) -> None:
        standing = [committed for run in find_runs(self.disk.root / "evidence") for committed in read(run).commits]
        assert [committed for committed in self._acknowledged if committed not in standing] == []


def operations(work: Path) -> int:
    """Count the disk operations of a run without mishap."""
    voyage = Voyage(work)
    voyage.sail(None)
    return voyage.disk.operations


def twice(work: Path, first: int, fate: str, seed: int, deaf_to: str | None = None) -> None:
    """Cut once after `first` operations, once somewhere in the recovery, then let it end."""
    chance = random.Random(seed * 1000 + first)
    voyage = Voyage(work, deaf_to)
    if voyage.sail(first):
        voyage.strike(fate, chance.randrange(1000))
        if voyage.sail(chance.randrange(1, 60)):
            voyage.strike("lose" if fate == "kill" else chance.choice(FATES), chance.randrange(1000))
            assert not voyage.sail(None)
    voyage.arrive()


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("fate", FATES)
def test_power_cut_after_every_operation(tmp_path: Path, fate: str, seed: int) -> None:
    (tmp_path / "whole").mkdir()
    for first in range(operations(tmp_path / "whole") + 1):
        work = tmp_path / str(first)
        work.mkdir()
        twice(work, first, fate, seed)
