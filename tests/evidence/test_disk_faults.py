"""The n-th disk operation fails, and all after it until the operator has mended the cause."""

import errno
import shutil
from pathlib import Path

import pytest

from collector.errors import DiskError, ExitCode
from collector.evidence import Store, find_runs, verify
from collector.evidence.layout import SEAL
from collector.evidence.store import DiskFile, SystemDisk
from collector.model import Outcome, Status
from tests.evidence.engagement import ASKED, SHORT, begin, collect, expected, records
from tests.tally import Tally

WELL = 10**6
FAULTS = (errno.ENOSPC, errno.EIO, errno.EACCES)


class FailingDisk(SystemDisk):
    """A real disk that fails from its n-th operation on; a write that fails has written half."""

    def __init__(self, number: int, fault: int) -> None:
        self.operations = 0
        self._number = number
        self._fault = fault
        self._open: list[DiskFile] = []

    def tick(self) -> None:
        self.operations += 1
        if self.operations >= self._number:
            raise OSError(self._fault, "made to fail")

    def mend(self) -> None:
        self._number = WELL

    def close_all(self) -> None:
        for file in self._open:
            file.close()

    def make_folder(self, path: Path) -> None:
        self.tick()
        super().make_folder(path)

    def create(self, path: Path) -> DiskFile:
        self.tick()
        return self._failing(super().create(path))

    def extend(self, path: Path) -> DiskFile:
        self.tick()
        return self._failing(super().extend(path))

    def rename(self, source: Path, target: Path) -> None:
        self.tick()
        super().rename(source, target)

    def truncate(self, path: Path, length: int) -> None:
        self.tick()
        super().truncate(path, length)

    def remove(self, path: Path) -> None:
        self.tick()
        super().remove(path)

    def remove_tree(self, path: Path) -> None:
        self.tick()
        super().remove_tree(path)

    def sync_folder(self, path: Path) -> None:
        self.tick()

    def _failing(self, file: DiskFile) -> DiskFile:
        self._open.append(file)
        return FailingFile(self, file)


class FailingFile:
    def __init__(self, disk: FailingDisk, file: DiskFile) -> None:
        self._disk = disk
        self._file = file

    def write(self, data: bytes) -> int:
        try:
            self._disk.tick()
        except OSError:
            self._file.write(data[: len(data) // 2])
            raise
        return self._file.write(data)

    def sync(self) -> None:
        self._disk.tick()

    def close(self) -> None:
        self._file.close()


def operations(evidence: Path) -> int:
    disk = FailingDisk(WELL, errno.EIO)
    collect(evidence, SHORT, Store(disk))
    return disk.operations


@pytest.mark.parametrize("fault", FAULTS)
def test_every_operation_may_fail_and_the_next_run_goes_on(tmp_path: Path, fault: int, tally: Tally) -> None:
    for number in range(1, operations(tmp_path / "whole") + 1):
        evidence = tmp_path / str(number) / "evidence"
        evidence.parent.mkdir()
        disk = FailingDisk(number, fault)
        with pytest.raises(DiskError) as told:
            collect(evidence, SHORT, Store(disk))
        disk.close_all()
        disk.mend()
        assert told.value.remedy
        assert told.value.exit_code is ExitCode.DISK
        left = find_runs(evidence) if evidence.is_dir() else ()
        assert all(verify(run).problems == () for run in left)
        run = left[0] if left and (left[0] / SEAL).exists() else collect(evidence, SHORT, Store(disk))
        found = verify(run)
        assert found.sealed
        assert found.problems == ()
        tally.records(f"the n-th disk operation fails: {errno.errorcode[fault]}", records(run), expected(SHORT))
        shutil.rmtree(evidence.parent)


def test_a_run_takes_nothing_more_after_a_failed_write(tmp_path: Path) -> None:
    whole = FailingDisk(WELL, errno.EIO)
    folder = begin(tmp_path / "whole", Store(whole))
    folder.close()
    disk = FailingDisk(whole.operations + 1, errno.ENOSPC)
    folder = begin(tmp_path / "evidence", Store(disk))
    with pytest.raises(DiskError, match="made to fail"):
        folder.log({"request": "1"})
    disk.mend()
    with pytest.raises(DiskError, match="an earlier write"):
        folder.log({"request": "2"})
    with pytest.raises(DiskError, match="an earlier write"):
        folder.commit(SHORT[0].slice, Outcome(Status.EMPTY, ASKED, 1), None)
    with pytest.raises(DiskError, match="an earlier write"):
        folder.seal(coverage=b"{}", bag_info={})
    folder.close()
    disk.close_all()


@pytest.mark.parametrize(
    ("fault", "remedy"),
    [(errno.ENOSPC, "free some room"), (errno.EACCES, "let this account"), (errno.EIO, "check the")],
)
def test_the_remedy_fits_the_fault(tmp_path: Path, fault: int, remedy: str) -> None:
    with pytest.raises(DiskError) as told:
        Store(FailingDisk(1, fault)).create(tmp_path / "file")
    assert remedy in told.value.remedy
    assert str(tmp_path / "file") in told.value.message


def test_a_full_disk_is_a_disk_error() -> None:
    output = Store().extend(Path("/dev/full"))
    with pytest.raises(DiskError) as told:
        output.write(b"x")
    output.close()
    assert "free some room" in told.value.remedy


def test_a_file_is_synced_by_the_system() -> None:
    """The system refuses to sync /dev/null: so it was asked."""
    output = Store().extend(Path("/dev/null"))
    with pytest.raises(DiskError, match="Invalid argument"):
        output.sync()
    output.close()


def test_an_engagement_folder_that_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "evidence").write_bytes(b"")
    with pytest.raises(DiskError):
        begin(tmp_path / "evidence")
