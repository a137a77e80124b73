"""The tables of a run: Parquet files kept beside it, made from its committed chunks and from nothing else.

Invariants: nothing is written inside the run; a part whose chunks are not the run's any more, or whose files are not
what was written, is made anew; no file is read whose hash was not compared; chunks that are new get a part of their own
and the others stay; a build that breaks off leaves nothing that a later one believes, for the manifest is replaced last
and whole.
"""

import hashlib
import os
import secrets
import signal
from collections.abc import Callable, Iterable, Iterator, Sequence, Set
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import contextmanager
from itertools import repeat
from multiprocessing import get_context
from pathlib import Path

import filelock
import msgspec

from collector.analysis.parquet import Source, Written, file_digest, write_part
from collector.analysis.rows import TABLES
from collector.errors import DiskError, LockedError, UsageError
from collector.evidence import Account, Store, disk_errors, find_runs
from collector.evidence.store import TEMPORARY

FORMAT = 4
"""Raised with each change of what tables hold, so that older ones are made anew."""

SUFFIX = ".tables"
_MANIFEST = "tables.json"
_LOCK = ".lock"
_PATIENCE = 60.0
"""Seconds that another process which makes the same tables is waited for."""

_PART_RECORDS = 100_000
"""Records, at least, in a part where there are as many; fewer files are faster to open."""
_ROWS = 1 << 32
"""Row numbers that a part has for itself; a chunk holds fewer lines, as its length is bounded."""

Tell = Callable[[int], object]
"""Called with the number of records when tables are about to be made."""


class Part(msgspec.Struct, frozen=True):
    """Some chunks, and the files that their rows are in, by table."""

    number: int
    sources: tuple[Source, ...]
    files: dict[str, Written]


class Tables(msgspec.Struct, frozen=True):
    """The tables of a run as they stand in `folder`; only those whose files were `trusted` may be read."""

    folder: Path
    account: Account
    parts: tuple[Part, ...]
    trusted: Set[str]

    def files(self, table: str) -> list[Path]:
        """Return the files of a table that hold rows; raises ValueError for a table that is not trusted."""
        if table not in self.trusted:
            raise ValueError(f"the hashes of {table} were not compared")
        return [self.folder / part.files[table].name for part in self.parts if part.files[table].rows]


class _Manifest(msgspec.Struct):
    format: int = 0
    parts: tuple[Part, ...] = ()


def tables_folder(run: Path, elsewhere: Path | None) -> Path:
    """Return where the tables of a run are: beside it, or in a folder given, under a name that no other run has.

    Raises UsageError where that is inside a run.
    """
    run = run.resolve()
    place = hashlib.sha256(os.fsencode(run)).hexdigest()[:12]
    beside = run.with_name(run.name + SUFFIX)
    folder = beside if elsewhere is None else elsewhere.resolve() / f"{run.name}-{place}{SUFFIX}"
    outside_of_runs(folder)
    return folder


def outside_of_runs(path: Path) -> None:
    """Raise UsageError where a path lies in a run, which nothing but collecting may change."""
    resolved = path.resolve()
    above = (resolved, *resolved.parents)
    if any(find_runs(one) == (one,) for one in above if (one / "custody").is_dir()):
        raise UsageError(
            f"{path} lies inside a run",
            remedy="name an --output elsewhere, or other --tables: evidence is never changed",
        )


@contextmanager
def working_in(folder: Path) -> Iterator[None]:
    """Hold a folder of tables for one process, and make it where it is missing.

    Raises LockedError where another process holds it for longer than is waited for, DiskError.
    """
    lock = filelock.FileLock(folder / _LOCK, timeout=_PATIENCE)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock.acquire()
        for left in folder.glob(f"*{TEMPORARY}"):  # by a process that was killed while it wrote
            left.unlink()
    except filelock.Timeout:
        raise LockedError(
            f"another process is making tables in {folder}", remedy="ask again when it has ended"
        ) from None
    except OSError as error:
        remedy = "let this account write there, or keep the tables elsewhere with --tables FOLDER"
        raise DiskError(f"{folder} cannot be written: {error.strerror or error}", remedy=remedy) from None
    try:
        yield
    finally:
        lock.release()


def up_to_date(
    account: Account, folder: Path, tell: Tell, *, needed: Set[str] = TABLES.keys(), intact: bool = True
) -> Tables:
    """Return the tables that are needed of a run, after making what is missing; the folder is held by the caller.

    Those of a run that is not intact are made anew, and never believed again. Raises DiskError where evidence cannot
    be read, or tables cannot be written.
    """
    sources = [Source(chunk, commit.source, commit.part) for commit in account.commits for chunk in commit.chunks]
    if not intact:
        (folder / _MANIFEST).unlink(missing_ok=True)
    kept = tuple(part for part in _read_manifest(folder).parts if _valid(part, folder, frozenset(sources), needed))
    done = {source for part in kept for source in part.sources}
    missing = [source for source in sources if source not in done]
    if missing:
        _clear(folder, _names(kept))
        kept += _build(account.path, missing, folder, max((part.number for part in kept), default=0), tell)
    if missing and intact:
        Store().write_whole(folder / _MANIFEST, msgspec.json.encode(_Manifest(FORMAT, kept)))
    return Tables(folder, account, kept, needed)


def _names(parts: Iterable[Part]) -> set[str]:
    return {file.name for part in parts for file in part.files.values()}


def _build(run: Path, sources: Sequence[Source], folder: Path, last: int, tell: Tell) -> tuple[Part, ...]:
    """Make parts of some chunks, in as many processes as there are processors."""
    if not sources:
        return ()
    tell(sum(source.chunk.records for source in sources))
    batches = tuple(_batches(sources))
    numbers = range(last + 1, last + 1 + len(batches))
    build = secrets.token_hex(4)  # a process that outlives the one that began it writes under other names
    names = [f"{number:06}-{build}" for number in numbers]
    rows = [number * _ROWS for number in numbers]
    with _mapping(len(batches)) as mapped:
        written = mapped(write_part, repeat(run), batches, repeat(folder), names, rows)
        return tuple(Part(*part) for part in zip(numbers, batches, written, strict=True))


@contextmanager
def _mapping(times: int) -> Iterator[Callable[..., Iterable[dict[str, Written]]]]:
    """Give what calls a function so many times: here, or in processes where that is worth starting them."""
    if times == 1:
        yield map
        return
    processes = min(times, os.cpu_count() or 1)
    pool = ProcessPoolExecutor(processes, get_context("spawn"), initializer=_leave_interruptions_to_the_parent)
    try:
        yield pool.map
    finally:
        pool.shutdown(cancel_futures=True)


def _leave_interruptions_to_the_parent() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _batches(sources: Iterable[Source]) -> Iterator[tuple[Source, ...]]:
    batch: list[Source] = []
    records = 0
    for source in sources:
        batch.append(source)
        records += source.chunk.records
        if records >= _PART_RECORDS:
            yield tuple(batch)
            batch, records = [], 0
    if batch:
        yield tuple(batch)


def _read_manifest(folder: Path) -> _Manifest:
    """Return what the manifest says: nothing, where it is missing, of another format or cannot be read."""
    try:
        manifest = msgspec.json.decode((folder / _MANIFEST).read_bytes(), type=_Manifest)
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError):
        return _Manifest()
    return manifest if manifest.format == FORMAT else _Manifest()


def _valid(part: Part, folder: Path, sources: frozenset[Source], needed: Set[str]) -> bool:
    """Whether a part is of chunks that the run has, and its files are there: those that are needed to the byte."""
    if not sources.issuperset(part.sources) or part.files.keys() != TABLES.keys():
        return False
    if any(Path(file.name).name != file.name for file in part.files.values()):
        return False
    with ThreadPoolExecutor() as pool:  # hashing lets other threads run
        return all(pool.map(lambda table: _whole(folder, part.files[table], to_the_byte=table in needed), TABLES))


def _whole(folder: Path, file: Written, *, to_the_byte: bool) -> bool:
    path = folder / file.name
    try:
        return path.stat().st_size == file.bytes and (not to_the_byte or file_digest(path) == file.sha256)
    except OSError:
        return False


def _clear(folder: Path, keep: Set[str]) -> None:
    """Remove what an older table, or a build that broke off, has left."""
    with disk_errors(folder):
        for path in folder.glob("*.parquet"):
            if path.name not in keep:
                path.unlink()
