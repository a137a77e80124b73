"""Putting an interrupted run in order, so that it can be taken up again.

Invariants: I2, a file in data/ without a journal line is not evidence; I3, only a torn last line of the journal is
cut off; nothing is deleted: whatever is not evidence goes to quarantine/, durably, before anything is cut off.
"""

import os
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from pathlib import Path

from collector.errors import IntegrityError
from collector.evidence.chunks import lines
from collector.evidence.journal import Commit, Walk, walk
from collector.evidence.layout import (
    CUSTODY,
    CUSTODY_FILES,
    DATA,
    JOURNAL,
    QUARANTINE,
    REQUESTS,
    STAGING,
    free_name,
    payload_path,
)
from collector.evidence.lines import digest
from collector.evidence.requestlog import check_marks, whole_length
from collector.evidence.store import TEMPORARY, Store, disk_errors
from collector.evidence.twins import Note, Standing, notes
from collector.model import Chunk

Key = Callable[[str, bytes], tuple[bytes, bytes]]
"""Returns what `Row.identity` and `Row.content` were, given the source and the line."""


class Quarantine:
    """The folder of what one recovery found; made when there is something to put there."""

    def __init__(self, run: Path, store: Store, moment: datetime) -> None:
        self._run = run
        self._store = store
        self._moment = moment
        self._folder: Path | None = None

    @property
    def name(self) -> str | None:
        """The folder, below the run, or None where nothing was put there."""
        return self._folder.relative_to(self._run).as_posix() if self._folder else None

    def take(self, path: Path) -> None:
        """Move a file or folder of the run here, durably, under its own path."""
        self._store.publish(path, self._place(path))

    def cut(self, path: Path, length: int) -> None:
        """Keep what a file holds after `length` bytes here, durably, and cut it off."""
        with disk_errors(path), path.open("rb") as file:
            file.seek(length)
            tail = file.read()
        if tail:
            self._store.write_whole(self._place(path), tail)
            self._store.truncate(path, length)

    def _place(self, path: Path) -> Path:
        if self._folder is None:
            self._folder = free_name(self._run / QUARANTINE, self._moment)
        target = self._folder / path.relative_to(self._run)
        self._store.make_folder(target.parent, within=self._run)
        return target


def recover(run: Path, store: Store, quarantine: Quarantine) -> Walk:
    """Check what is committed and clear away what is not; raises IntegrityError, having changed nothing, or DiskError.

    Returns the journal's entries. The hashes of the chunks are checked by `standing`.
    """
    with disk_errors(run):
        found = walk(run)
        if found.problem:
            raise IntegrityError(f"{JOURNAL}: {found.problem}", remedy="`collector run --new` starts another run")
        check_files(run, found)
        store.sync_tree(run)
        committed = max((mark.bytes for mark in found.marks), default=0)
        quarantine.cut(run / JOURNAL, found.length)
        quarantine.cut(run / REQUESTS, max(committed, whole_length(run / REQUESTS)))
        sweep(run, found.payload, quarantine)
        staging = run / STAGING
        if staging.is_dir() and any(staging.iterdir()):
            quarantine.take(staging)
        store.make_folder(staging, within=run)
        return found


def sweep(run: Path, payload: Iterable[Chunk], quarantine: Quarantine) -> None:
    """Move to quarantine what is in data/ without a journal line, and what is in custody/ and does not belong."""
    known = {chunk.path for chunk in payload} | set(CUSTODY_FILES)
    for path in [*files_below(run / DATA), *files_below(run / CUSTODY)]:
        if path.relative_to(run).as_posix() not in known:
            quarantine.take(path)
    for path in list(run.glob(f"*{TEMPORARY}")):
        quarantine.take(path)


def files_below(folder: Path) -> Iterator[Path]:
    """Yield whatever is below a folder and is not a folder, without following links."""
    for above, folders, files in os.walk(folder):
        links = [name for name in folders if (Path(above) / name).is_symlink()]
        yield from (Path(above) / name for name in sorted(files + links))


def check_files(run: Path, found: Walk) -> None:
    """Raise IntegrityError where custody/ or a chunk is not what the journal says."""
    opened = found.opened
    for path, sha256 in opened.files.items():
        if not (run / path).is_file() or digest(run / path)[0] != sha256:
            raise IntegrityError(f"{path} is not what it was when the run was opened")
    if not (run / REQUESTS).is_file():
        raise IntegrityError(f"{REQUESTS} is missing")
    for mark in check_marks(run / REQUESTS, found.marks[-1:]):
        raise IntegrityError(f"the first {mark.bytes} bytes of {REQUESTS} are not what was committed")
    for chunk in found.payload:
        check_chunk(run, chunk)


def check_chunk(run: Path, chunk: Chunk) -> None:
    """Raise IntegrityError where a file in data/ is not, byte for byte, what the journal says."""
    path = payload_path(run, chunk.path)
    if not path.is_file():
        raise IntegrityError(f"{chunk.path} is missing")
    if digest(path) != (chunk.sha256, chunk.bytes):
        raise IntegrityError(f"{chunk.path} does not match its hash in the journal")


def standing(run: Path, found: Walk, key: Key, standing: Standing) -> None:
    """Have `standing` take in what it has not yet noted of the run, read from its chunks."""
    run_id = found.opened.run_id
    for entry in notes(found)[standing.noted(run_id, found) :]:
        standing.note(run_id, entry, keys(run, entry, key))


def keys(run: Path, entry: Note, key: Key) -> Iterator[tuple[bytes, bytes]]:
    """Yield the identity and content of each row that an entry of the run's journal speaks of."""
    if isinstance(entry, Commit):
        for chunk in entry.chunks:
            yield from (key(entry.source, line) for line in lines(run, chunk))
