"""A run's folder while it is collected into: opened, committed to slice by slice, sealed.

Invariants: I1, what a journal line speaks of is durable under its final name before the line is written; I4, the
manifests come from the journal and the re-read bytes; I6, nothing under data/ is written again. After a failed
write the folder takes no more: the next run takes it up from its last commit.
"""

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from collector.clock import Clock
from collector.errors import UsageError
from collector.evidence import bag, recovery
from collector.evidence.account import read_plan
from collector.evidence.deposit import Deposit
from collector.evidence.journal import (
    TOOL,
    Commit,
    Journal,
    Resumed,
    Sealed,
    Started,
    Walk,
    walk,
)
from collector.evidence.layout import (
    COVERAGE,
    JOURNAL,
    REQUESTS,
    SEAL,
    STAGING,
    UNREAD,
    data_folder,
)
from collector.evidence.lines import read_blocks
from collector.evidence.opening import Opening, begin
from collector.evidence.requestlog import RequestLog
from collector.evidence.staging import Spool, StagedRow, Staging, Stretch, dealt, filled, outside
from collector.evidence.store import Guard, Store
from collector.evidence.twins import Known, Standing, Twins
from collector.model import Blob, Chunk, Outcome, RequestLines, Slice

NOTHING = "data/nothing-collected.txt"
"""Stands in the bag of a run that collected nothing, since an empty manifest is no manifest to sha256sum."""

_NOTHING_SENTENCE = b"This run collected no record; custody/coverage.json says what was asked and what came.\n"


class Brought(NamedTuple):
    """A file that was brought: itself in data/, and the lines that were read from it. Evidence once it is committed."""

    original: Chunk
    chunks: tuple[Chunk, ...]
    requests: tuple[RequestLines, ...]


class RunFolder:
    """The one writer of a run. `log` and `commit` may be called from any thread."""

    def __init__(self, path: Path, found: Walk, standing: Standing, *, store: Store, clock: Clock) -> None:
        self.path = path
        self.plan = read_plan(path)
        self.sealed = False
        self._planned = {(source.source, part) for source in self.plan.sources for part in source.parts}
        self._opened = found.opened
        self._commits = list(found.commits)
        self._payload = list(found.payload)
        self._standing = standing
        self._store = store
        self._clock = clock
        self._guard = Guard()
        self._journal = Journal(store.extend(path / JOURNAL), found.last)
        self._requests = RequestLog(store.extend(path / REQUESTS), read_blocks(path / REQUESTS))
        self._deposit = Deposit(path, found.opened, found.payload, store)
        self._spools: list[Spool] = []

    @classmethod
    def create(
        cls, engagement_folder: Path, opening: Opening, *, store: Store, clock: Clock, standing: Standing | None = None
    ) -> "RunFolder":
        """Open a new run, named for the time; raises DiskError. The caller holds the engagement's lock.

        `standing` is what knows of the records that stand elsewhere too; without it they stand once in this run.
        """
        path = begin(engagement_folder, opening, store=store, clock=clock)
        return cls(path, walk(path), standing or Twins(), store=store, clock=clock)

    @classmethod
    def resume(
        cls,
        path: Path,
        *,
        store: Store,
        clock: Clock,
        key: recovery.Key,
        note: Mapping[str, Any],
        standing: Standing | None = None,
    ) -> "RunFolder":
        """Take up a run that is not sealed, after clearing away what was not committed; `note` goes into its journal.

        `key` gives, for a source and a line, what `Row.identity` and `Row.content` were; `standing` is as in `create`.
        Raises IntegrityError, having repaired nothing, where what is committed is not whole; DiskError; UsageError
        where it is sealed.
        """
        if (path / SEAL).exists():
            raise UsageError(f"{path} is sealed", remedy="start a new run")
        quarantine = recovery.Quarantine(path, store, clock.now())
        found = recovery.recover(path, store, quarantine)
        standing = standing or Twins()
        recovery.standing(path, found, key, standing)
        folder = cls(path, found, standing, store=store, clock=clock)
        try:
            folder._journal.append(Resumed(at=clock.now(), tool=TOOL, note=dict(note), quarantined=quarantine.name))
        except BaseException:
            folder.close()
            raise
        return folder

    @property
    def run_id(self) -> str:
        """The run's name: its engagement and the time at which it was opened."""
        return self._opened.run_id

    @property
    def opened_at(self) -> datetime:
        """When it was opened, however often it was taken up since."""
        return self._opened.at

    @property
    def commits(self) -> tuple[Commit, ...]:
        """What is committed, in the order in which it was."""
        return tuple(self._commits)

    def stage(self) -> Staging:
        """Begin to keep the rows of a slice; the caller releases the staging when it is done with it."""
        spool = Spool(self._store, self._deposit.staging_path())
        self._spools.append(spool)
        return Staging(spool)

    def log(self, entry: Mapping[str, object]) -> None:
        """Add a line to requests.jsonl; durable with the next commit. Raises DiskError."""
        self._requests.append(entry)

    def started(self, source: str, part: str | None) -> None:
        """Put on record that something was started at the tenant. Raises DiskError."""
        with self._guard:
            entry = self._journal.append(Started(at=self._clock.now(), source=source, part=part))
            self._standing.note(self.run_id, entry, ())

    def known(self, source: str, part: str | None) -> Known:
        """Return what is known of a part of a source: what was fetched of it, listed and started. Raises DiskError."""
        with self._guard:
            return self._standing.known(source, part)

    def bring(
        self, slice_: Slice, name: str, blocks: Iterable[bytes], read: Callable[[Path], Iterable[Stretch]]
    ) -> Brought:
        """Keep a file byte for byte in the slice's folder, as `name`, and then what `read` makes of it, line by line.

        No line is compared with any other, and none is held in memory. Nothing of it is evidence before it is committed
        (I2). Raises DiskError, and whatever `read` does; then the folder takes nothing more.
        """
        with self._guard:
            folder = data_folder(slice_.source, slice_.part)
            original = self._deposit.file(f"{folder}/{name}", blocks)
            pieces = dealt(read(self.path / original.path), self._opened.chunk_bytes)
            return Brought(original, *self._deposit.rows(folder, pieces))

    def commit(
        self,
        slice_: Slice,
        outcome: Outcome,
        staging: Staging | None,
        *,
        unread: Sequence[bytes] = (),
        recheck: bool = False,
        blobs: Sequence[Blob] = (),
        brought: Brought | None = None,
    ) -> Commit:
        """Make a slice part of the evidence: its rows, save those whose twin stands, and its unread answers.

        Or, in place of staged rows, what was `brought`. `recheck` and `blobs` are those of `Commit`. Returns when all
        of it is durable. Raises DiskError, and then takes nothing more; ValueError for a slice that is not planned.
        """
        if (slice_.source, slice_.part) not in self._planned:
            raise ValueError(f"{slice_.source} {slice_.part} is not in the plan")
        with self._guard:
            rows, variants = self._standing.sift(slice_.source, staging.rows if staging else ())
            chunks, requests = brought[1:] if brought else self._deposited(slice_, staging, rows)
            entry = self._journal.append(
                Commit(
                    at=self._clock.now(),
                    source=slice_.source,
                    part=slice_.part,
                    axis=slice_.axis,
                    start=slice_.window.start if slice_.window else None,
                    end=slice_.window.end if slice_.window else None,
                    records=sum(chunk.records for chunk in chunks),
                    duplicates=staging.duplicates + len(staging.rows) - len(rows) if staging else 0,
                    variants=variants,
                    outside=outside(slice_.window, rows),
                    chunks=chunks,
                    unread=self._kept(slice_, unread),
                    requests=requests,
                    requests_log=self._requests.mark(),
                    recheck=recheck,
                    blobs=tuple(blobs),
                    original=brought.original if brought else None,
                    **msgspec.structs.asdict(outcome),
                )
            )
            self._stands(entry, rows)
            return entry

    def _kept(self, slice_: Slice, unread: Iterable[bytes]) -> tuple[Chunk, ...]:
        """Write answers that no reader could take apart."""
        folder = f"{data_folder(slice_.source, None)}/{UNREAD}"
        return tuple(self._deposit.body(folder, body) for body in unread)

    def seal(self, *, coverage: bytes, bag_info: Mapping[str, str], until: datetime | None = None) -> None:
        """Close the run as a BagIt bag; bagit.txt, written last, says that all before it is durable (I5).

        `until` is where it leaves off, if before its planned end; `coverage` goes as far. Raises IntegrityError where a
        chunk is no longer what was committed, DiskError.
        """
        with self._guard:
            recovery.sweep(self.path, self._payload, recovery.Quarantine(self.path, self._store, self._clock.now()))
            extra = () if self._payload else (self._deposit.file(NOTHING, [_NOTHING_SENTENCE]),)
            self._payload += extra
            for chunk in self._payload:
                recovery.check_chunk(self.path, chunk)
            self._store.write_whole(self.path / COVERAGE, coverage)
            self._journal.append(
                Sealed(
                    at=self._clock.now(),
                    commits=len(self._commits),
                    coverage=hashlib.sha256(coverage).hexdigest(),
                    payload=extra,
                    requests_log=self._requests.mark(),
                    until=until,
                )
            )
            self._let_go()
            self._store.remove_tree(self.path / STAGING)
            bag.write(self.path, self._payload, bag_info, self._clock.now(), self._store)
            self.sealed = True

    def close(self) -> None:
        """Let go of the files, sealed or not, and take nothing more; what is not committed is for the next run.

        A commit under way is waited for; a thread that comes later finds the run shut.
        """
        self._guard.shut()
        self._let_go()

    def _let_go(self) -> None:
        for spool in self._spools:
            spool.close()
        self._journal.close()
        self._requests.close()

    def _deposited(
        self, slice_: Slice, staging: Staging | None, rows: Sequence[StagedRow]
    ) -> tuple[tuple[Chunk, ...], tuple[RequestLines, ...]]:
        """Write rows of a staging as chunks; see `Deposit.rows`."""
        pieces = (staging.read(piece) for piece in filled(rows, self._opened.chunk_bytes)) if staging else ()
        return self._deposit.rows(data_folder(slice_.source, slice_.part), pieces)

    def _stands(self, entry: Commit, rows: Iterable[StagedRow]) -> None:
        self._commits.append(entry)
        self._payload += entry.payload
        self._standing.note(self.run_id, entry, ((row.identity, row.content) for row in rows))
