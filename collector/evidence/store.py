"""The only door through which this room changes the disk.

`Disk` is the seam: the operations an operating system has, with the faults it has. `Store` composes them into
operations that mean something for evidence. Invariant: a call that promises durability returns only when the disk
has said so, and each call to sync here is one that a power cut would miss (tests/evidence/test_power_cut.py).
"""

import errno
import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from io import FileIO
from pathlib import Path
from threading import Lock
from types import TracebackType
from typing import Protocol

from collector.errors import DiskError, IntegrityError

TEMPORARY = ".tmp"
"""How a file is called until `Store.write_whole` has finished it."""

_GO_ON = "then run the same command again: what is committed is kept"
_REMEDIES = {
    errno.ENOSPC: f"free some room on the disk, {_GO_ON}",
    errno.EDQUOT: f"free some room or have the quota raised, {_GO_ON}",
    errno.EACCES: f"let this account write to the evidence folder, {_GO_ON}",
    errno.EPERM: f"let this account write to the evidence folder, {_GO_ON}",
    errno.EROFS: f"have the disk mounted writable, {_GO_ON}",
}
_NO_FOLDER_SYNC = {errno.EINVAL, errno.ENOTSUP, errno.ENOSYS}
"""What file systems that cannot sync a folder answer; there is nothing more to be done on them."""


class DiskFile(Protocol):
    """A file open for writing at its end."""

    def write(self, data: bytes) -> int:
        """Write all of `data`; return its length."""

    def sync(self) -> None:
        """Return when the contents are durable."""

    def close(self) -> None:
        """Close the file; a second call does nothing."""


class Disk(Protocol):
    """What a disk can do; every call may raise OSError, and none but the syncs makes anything durable."""

    def make_folder(self, path: Path) -> None:
        """Make a folder in one that exists; one that is there already is fine."""

    def create(self, path: Path) -> DiskFile:
        """Open a new file; FileExistsError where the name is taken."""

    def extend(self, path: Path) -> DiskFile:
        """Open a file that exists for writing at its end."""

    def rename(self, source: Path, target: Path) -> None:
        """Give a file or folder another name, in place of what bore it."""

    def truncate(self, path: Path, length: int) -> None:
        """Cut a file off at `length` bytes."""

    def remove(self, path: Path) -> None:
        """Remove a file."""

    def remove_tree(self, path: Path) -> None:
        """Remove a folder and all below it."""

    def sync_folder(self, path: Path) -> None:
        """Return when the names in a folder are durable."""


class _SystemFile:
    def __init__(self, path: Path, mode: str) -> None:
        self._raw = FileIO(path, mode)

    def write(self, data: bytes) -> int:
        view = memoryview(data)
        while view:
            view = view[self._raw.write(view) :]
        return len(data)

    def sync(self) -> None:
        os.fsync(self._raw.fileno())

    def close(self) -> None:
        self._raw.close()


class SystemDisk:
    """The machine's disk."""

    def make_folder(self, path: Path) -> None:
        """Make a folder; see `Disk`."""
        path.mkdir(exist_ok=True)

    def create(self, path: Path) -> DiskFile:
        """Open a new file; see `Disk`."""
        return _SystemFile(path, "xb")

    def extend(self, path: Path) -> DiskFile:
        """Open a file for writing at its end; see `Disk`."""
        return _SystemFile(path, "ab")

    def rename(self, source: Path, target: Path) -> None:
        """Give another name; see `Disk`."""
        source.replace(target)

    def truncate(self, path: Path, length: int) -> None:
        """Cut a file off; see `Disk`."""
        os.truncate(path, length)

    def remove(self, path: Path) -> None:
        """Remove a file; see `Disk`."""
        path.unlink()

    def remove_tree(self, path: Path) -> None:
        """Remove a folder and all below it; see `Disk`."""
        shutil.rmtree(path)

    def sync_folder(self, path: Path) -> None:
        """Make the names in a folder durable; Windows has no such call, NTFS journals them itself."""
        if sys.platform == "win32":
            return
        handle = os.open(path, os.O_RDONLY)
        try:
            os.fsync(handle)
        except OSError as error:
            if error.errno not in _NO_FOLDER_SYNC:
                raise
        finally:
            os.close(handle)


@contextmanager
def disk_errors(path: Path) -> Iterator[None]:
    """Turn an OSError about `path` into a DiskError that says what to do."""
    try:
        yield
    except OSError as error:
        remedy = _REMEDIES.get(error.errno or 0, f"check the disk, {_GO_ON}")
        raise DiskError(f"{path}: {error.strerror or error}", remedy=remedy) from error


class Output:
    """A file being written; every fault is a DiskError."""

    def __init__(self, path: Path, file: DiskFile) -> None:
        self._path = path
        self._file = file

    def write(self, data: bytes) -> int:
        """Write all of `data` at the end; return its length."""
        with disk_errors(self._path):
            return self._file.write(data)

    def sync(self) -> None:
        """Return when all that was written is durable."""
        with disk_errors(self._path):
            self._file.sync()

    def close(self) -> None:
        """Close the file, durable or not; a second call does nothing."""
        with disk_errors(self._path):
            self._file.close()


class Store:
    """Changes to the evidence folder; every fault is a DiskError with its remedy."""

    def __init__(self, disk: Disk | None = None) -> None:
        self._disk = disk or SystemDisk()

    def make_folder(self, path: Path, *, within: Path) -> None:
        """Make a folder and those between it and `within`, which exists; all are durable under their names.

        A folder that is there already is treated alike: whoever made it may have been killed before it was durable.
        """
        if path == within:
            return
        self.make_folder(path.parent, within=within)
        with disk_errors(path):
            self._disk.make_folder(path)
            self._disk.sync_folder(path.parent)

    def create(self, path: Path) -> Output:
        """Open a new file; neither name nor contents are durable yet."""
        with disk_errors(path):
            return Output(path, self._disk.create(path))

    def extend(self, path: Path) -> Output:
        """Open a file that exists, to write at its end."""
        with disk_errors(path):
            return Output(path, self._disk.extend(path))

    def publish(self, source: Path, target: Path) -> None:
        """Give a file or folder its final name, durably; raises IntegrityError where something bears it (I6)."""
        if os.path.lexists(target):
            raise IntegrityError(f"{target} is there already, and is never written again")
        with disk_errors(target):
            self._disk.rename(source, target)
            self._disk.sync_folder(target.parent)

    def write_whole(self, path: Path, data: bytes) -> None:
        """Write a small file so that, durably, it is there whole or not at all; replaces an older one."""
        temporary = path.with_name(path.name + TEMPORARY)
        output = self.create(temporary)
        try:
            output.write(data)
            output.sync()
        finally:
            output.close()
        with disk_errors(path):
            self._disk.rename(temporary, path)
            self._disk.sync_folder(path.parent)

    def truncate(self, path: Path, length: int) -> None:
        """Cut a file off; durable with the next sync of the file, and harmless if lost before it."""
        with disk_errors(path):
            self._disk.truncate(path, length)

    def remove(self, path: Path) -> None:
        """Remove a file; not durable, and harmless if it comes back."""
        with disk_errors(path):
            self._disk.remove(path)

    def remove_tree(self, path: Path) -> None:
        """Remove a folder and all below it; durable with the next `sync_tree` of the one above."""
        with disk_errors(path):
            self._disk.remove_tree(path)

    def sync_tree(self, path: Path) -> None:
        """Return when every name at and below a folder is durable; contents are their writers' to sync."""
        with disk_errors(path):
            for above, _, _ in os.walk(path):
                self._disk.sync_folder(Path(above))


class Guard:
    """A lock that stays shut after a failure: what was half done is for the next run to put right, not for this one."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._shut = False

    def shut(self) -> None:
        """Let nobody in any more, once whoever is inside has left."""
        with self._lock:
            self._shut = True

    def __enter__(self) -> None:
        self._lock.acquire()
        if self._shut:
            self._lock.release()
            raise DiskError(
                "the run takes no more: it was closed, or an earlier write failed", remedy=f"mend its cause, {_GO_ON}"
            )

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._shut = kind is not None
        self._lock.release()
