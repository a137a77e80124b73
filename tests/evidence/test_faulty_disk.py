"""What the state machine found, as plain stories."""

import errno
from pathlib import Path

import pytest

from collector.errors import DiskError
from collector.evidence import Store, lines, verify
from collector.model import Outcome, Status
from tests.evidence.engagement import ASKED, SHORT, START, begin, commit, log_slice, resume, row
from tests.evidence.faulty import FaultyDisk
from tests.evidence.unreliable import PowerCut


def test_half_a_page_does_not_shift_what_the_other_half_of_the_slice_commits(tmp_path: Path) -> None:
    disk = FaultyDisk(tmp_path)
    folder = begin(tmp_path / "evidence", Store(disk))
    whole = folder.stage()
    whole.add([row(0, at=0.0), row(1, at=START.timestamp())], "1")
    early, late = whole.part(lambda staged: not staged.at)
    disk.fails_after, disk.fault = disk.operations, errno.ENOSPC
    with pytest.raises(DiskError, match="made to fail"):
        early.add([row(2)], "2")
    disk.fails_after = None
    with pytest.raises(DiskError, match="an earlier write"):
        late.add([row(3)], "3")
    committed = folder.commit(log_slice(0), Outcome(Status.GAP, ASKED, 1, reason="disk"), late)
    folder.close()
    assert [line for chunk in committed.chunks for line in lines(folder.path, chunk)] == [row(1).raw]
    assert verify(folder.path).problems == ()


def test_a_kill_and_then_a_power_cut_do_not_tear_two_lines_of_the_journal(tmp_path: Path) -> None:
    """A line that is not the last and is torn would be a break of the chain, and the run could not be taken up."""
    (tmp_path / "disk").mkdir()
    disk = FaultyDisk(tmp_path / "disk")
    folder = begin(disk.root / "evidence", Store(disk))
    disk.cut_at_commit = True
    with pytest.raises(PowerCut):
        commit(folder, SHORT[0])
    disk.die()
    with pytest.raises(PowerCut):
        resume(folder.path, Store(disk))
    disk.die()
    for chance in range(40):
        found = disk.after("tear", tmp_path / "after", chance)
        run = found / folder.path.relative_to(disk.root)
        assert verify(run).problems == ()
        resume(run).close()
