"""What stands, remembered in one SQLite file: digests of records, content blobs, and how far each journal was read.

Invariants: what one journal entry says is taken in whole or not at all; nothing is remembered for much longer than
`keep` before the last look-back's end, and nothing forgotten that the next one can reach, however long the watch was
away; memory stays flat. Whether a file from an earlier time can be believed is for `Index` to judge.
"""

import errno
import sqlite3
import zlib
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path

import msgspec

from collector.errors import IntegrityError
from collector.evidence.journal import TOOL, Commit, Walk, digest_of, encode
from collector.evidence.staging import StagedRow
from collector.evidence.store import disk_errors
from collector.evidence.twins import FETCHED, Known, Note, SeenBlob, earliest, notes, sifted
from collector.model import Blob, Chunk

_SCHEMA = """
CREATE TABLE runs (run TEXT PRIMARY KEY, entries INTEGER NOT NULL, last TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE parts (id INTEGER PRIMARY KEY, source TEXT NOT NULL, part TEXT,
    newest REAL NOT NULL DEFAULT 0, swept REAL NOT NULL DEFAULT 0, earliest REAL, started REAL);
CREATE TABLE commits (run TEXT NOT NULL, part_id INTEGER NOT NULL, until REAL NOT NULL, chunks BLOB NOT NULL);
CREATE TABLE blobs (part_id INTEGER, content_id TEXT, fetched_at REAL NOT NULL, digest TEXT, until REAL NOT NULL,
    PRIMARY KEY (part_id, content_id)) WITHOUT ROWID;
CREATE TABLE records (identity BLOB, content BLOB, part_id INTEGER, until REAL NOT NULL,
    PRIMARY KEY (identity, content, part_id)) WITHOUT ROWID;
"""
"""Times are POSIX seconds; `newest` is the latest end of a recheck, `until` the end of the commit that something came
with: a record's last, a blob's first, since one that is fetched again unchanged is not written again."""

_LEARN = """
UPDATE parts SET newest = coalesce(max(newest, :newest), newest),
    earliest = coalesce(min(earliest, :earliest), earliest, :earliest),
    started = coalesce(max(started, :started), started, :started) WHERE id = :id
"""
_ENTER = """
INSERT INTO runs VALUES (?, 1, ?) ON CONFLICT DO UPDATE SET entries = entries + 1, last = excluded.last
"""
_BLOB = """
INSERT INTO blobs VALUES (?, ?, ?, ?, ?) ON CONFLICT DO UPDATE
    SET fetched_at = excluded.fetched_at, digest = excluded.digest WHERE excluded.fetched_at >= fetched_at
"""
_RECORD = """
INSERT INTO records VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE SET until = max(until, excluded.until)
"""

_AT_ONCE = 500
"""Rows that are looked up in one go."""

_OVERDUE = 1 / 24
"""What has been due to go for this part of `keep` goes: one sweep serves many commits."""

_CAUSES = {
    sqlite3.SQLITE_FULL: errno.ENOSPC,
    sqlite3.SQLITE_READONLY: errno.EROFS,
    sqlite3.SQLITE_PERM: errno.EACCES,
    sqlite3.SQLITE_CANTOPEN: errno.EACCES,
    sqlite3.SQLITE_IOERR: errno.EIO,
    sqlite3.SQLITE_BUSY: errno.EBUSY,
}
"""What the disk, or another program that holds the file, has done; any other fault is the file's own."""


class Memory:
    """Records and blobs that stand in several runs (`twins.Standing`); every fault of the file is a DiskError."""

    def __init__(self, path: Path, keep: timedelta) -> None:
        self._path = path
        self._keep = keep.total_seconds()
        self._version = zlib.crc32(f"{TOOL} {self._keep} {_SCHEMA}".encode()) >> 1
        self._db = _connect(path)

    def close(self) -> None:
        """Let go of the file; a second call does nothing."""
        self._db.close()

    def sift(self, source: str, rows: Iterable[StagedRow]) -> tuple[list[StagedRow], int]:
        """Return the rows without a twin; see `Standing`."""
        with sqlite_errors(self._path):
            return sifted(self._met(source, rows))

    def note(self, run_id: str, entry: Note, keys: Iterable[tuple[bytes, bytes]]) -> None:
        """Take in an entry; see `Standing`."""
        with self._writing():
            self._enter(run_id, entry)
            if isinstance(entry, Commit):
                self._remember(run_id, entry, entry.blobs, keys)

    def known(self, source: str, part: str | None) -> Known:
        """Return what is known of a part; see `Standing`."""
        with sqlite_errors(self._path):
            facts = "SELECT id, earliest, started FROM parts WHERE source = ? AND part IS ?"
            part_id, first, started = self._db.execute(facts, (source, part)).fetchone() or (None, None, None)
            blobs = self._db.execute("SELECT content_id, fetched_at, digest FROM blobs WHERE part_id = ?", (part_id,))
            fetched = {
                content_id: SeenBlob(datetime.fromtimestamp(at, UTC), digest) for content_id, at, digest in blobs
            }
            return Known(fetched, _moment(first), _moment(started))

    def noted(self, run_id: str, found: Walk) -> int:
        """Return how much of a journal is taken in; see `Standing`. Raises IntegrityError where that was another's."""
        with sqlite_errors(self._path):
            noted = self._db.execute("SELECT entries, last FROM runs WHERE run = ?", (run_id,)).fetchone()
        entries, last = noted or (0, None)
        there = notes(found)
        if entries and (entries > len(there) or _digest(there[entries - 1]) != last):
            raise IntegrityError(f"{self._path.name} knows of another journal of {run_id} than is there")
        return int(entries)

    def _begin_anew(self) -> None:
        """Throw away what there is; the file is whole when `_finish` says so."""
        self._db.close()
        for suffix in ("", "-wal", "-shm"):
            self._path.with_name(self._path.name + suffix).unlink(missing_ok=True)
        self._db = _connect(self._path)
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.executescript(_SCHEMA)

    def _finish(self) -> None:
        """Say that the file is whole, and sync no more than its order needs: what is lost is caught up."""
        self._db.execute("PRAGMA synchronous = NORMAL")
        self._db.execute(f"PRAGMA user_version = {self._version}")

    def _whole(self) -> bool:
        """Whether the file was finished by this version, for as long a time, and is not damaged."""
        try:
            (version,) = self._db.execute("PRAGMA user_version").fetchone()
            return bool(version == self._version and self._db.execute("PRAGMA quick_check(1)").fetchone() == ("ok",))
        except sqlite3.DatabaseError as error:
            if error.sqlite_errorcode & 0xFF in _CAUSES:
                raise
            return False

    @contextmanager
    def _writing(self) -> Iterator[None]:
        with sqlite_errors(self._path), self._db:
            self._db.execute("BEGIN IMMEDIATE")
            yield

    def _met(self, source: str, rows: Iterable[StagedRow]) -> Iterator[tuple[StagedRow, Collection[bytes]]]:
        """Yield each row with the contents that stand under its identity."""
        remaining = iter(rows)
        while batch := list(islice(remaining, _AT_ONCE)):
            contents: dict[bytes, set[bytes]] = {}
            for identity, content in self._standing(source, [row.identity for row in batch]):
                contents.setdefault(identity, set()).add(content)
            yield from ((row, contents.get(row.identity, ())) for row in batch)

    def _standing(self, source: str, identities: Sequence[bytes]) -> Iterable[tuple[bytes, bytes]]:
        marks = ",".join("?" * len(identities))
        asked = f"SELECT identity, content FROM records WHERE identity IN ({marks})"  # noqa: S608 - question marks
        of_source = "AND part_id IN (SELECT id FROM parts WHERE source = ?)"
        return self._db.execute(f"{asked} {of_source}", (*identities, source))

    def _part_id(self, entry: Note) -> int:
        key = (entry.source, entry.part)
        found = self._db.execute("SELECT id FROM parts WHERE source = ? AND part IS ?", key).fetchone()
        return int(found[0]) if found else self._added(key)

    def _added(self, key: tuple[str, str | None]) -> int:
        return self._db.execute("INSERT INTO parts (source, part) VALUES (?, ?)", key).lastrowid or 0

    def _enter(self, run_id: str, entry: Note) -> None:
        """Count an entry, learn of its part what is never forgotten, and forget what is due."""
        self._learn(entry)
        self._db.execute(_ENTER, (run_id, _digest(entry)))
        self._sweep(self._part_id(entry))

    def _learn(self, entry: Note) -> None:
        facts: dict[str, float | None] = {"id": self._part_id(entry), "newest": None, "earliest": None, "started": None}
        if isinstance(entry, Commit):
            first = earliest(entry.blobs)
            newest = _until(entry) if entry.recheck else None
            facts |= {"newest": newest, "earliest": first.timestamp() if first else None}
        else:
            facts["started"] = entry.at.timestamp()
        self._db.execute(_LEARN, facts)

    def _sweep(self, part_id: int) -> None:
        newest, swept = self._db.execute("SELECT newest, swept FROM parts WHERE id = ?", (part_id,)).fetchone()
        horizon = newest - self._keep
        if horizon - swept > self._keep * _OVERDUE:
            self._db.execute("UPDATE parts SET swept = ? WHERE id = ?", (horizon, part_id))
            for table in ("commits", "blobs", "records"):
                due = f"DELETE FROM {table} WHERE part_id = ? AND until < ?"  # noqa: S608 - names of ours
                self._db.execute(due, (part_id, horizon))

    def _due(self, entry: Commit) -> bool:
        """Whether a commit ended too long before the newest look-back of its part to be remembered."""
        (newest,) = self._db.execute("SELECT newest FROM parts WHERE id = ?", (self._part_id(entry),)).fetchone()
        return _until(entry) < float(newest) - self._keep

    def _remember(self, run_id: str, entry: Commit, blobs: Iterable[Blob], keys: Iterable[tuple[bytes, bytes]]) -> None:
        """Remember a commit and its chunks, the blobs of it that were fetched, and the rows that it kept."""
        part_id, until = self._part_id(entry), _until(entry)
        chunks = msgspec.json.encode(entry.chunks)
        self._db.execute("INSERT INTO commits VALUES (?, ?, ?, ?)", (run_id, part_id, until, chunks))
        fetched = (blob for blob in blobs if blob.outcome == FETCHED)
        found = ((part_id, blob.content_id, blob.fetched_at.timestamp(), blob.digest, until) for blob in fetched)
        self._db.executemany(_BLOB, found)
        named = ((identity, content, part_id, until) for identity, content in keys if identity)
        self._db.executemany(_RECORD, named)

    def _remembered_runs(self) -> set[str]:
        return {run for (run,) in self._db.execute("SELECT DISTINCT run FROM commits")}

    def _remembered_chunks(self, run_id: str) -> Iterator[Chunk]:
        for (chunks,) in self._db.execute("SELECT chunks FROM commits WHERE run = ?", (run_id,)):
            yield from msgspec.json.decode(chunks, type=tuple[Chunk, ...])


def _connect(path: Path) -> sqlite3.Connection:
    """Open the file for this process alone; nothing is read or written yet."""
    opened = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    opened.execute("PRAGMA locking_mode = EXCLUSIVE")
    return opened


@contextmanager
def sqlite_errors(path: Path) -> Iterator[None]:
    """Turn a fault of the file at `path` into a DiskError that says what to do."""
    with disk_errors(path):
        try:
            yield
        except sqlite3.Error as error:
            raise OSError(_CAUSES.get(error.sqlite_errorcode & 0xFF, 0), str(error)) from error


def _digest(entry: Note) -> str:
    return digest_of(encode(entry))


def _until(entry: Commit) -> float:
    """Return when a commit's window ends; one without a window ends when it is made."""
    return (entry.end or entry.at).timestamp()


def _moment(at: float | None) -> datetime | None:
    return None if at is None else datetime.fromtimestamp(at, UTC)
