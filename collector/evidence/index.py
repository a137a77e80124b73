"""The index of what stands in all the runs of a watch, kept outside of them: believed as far as they bear it out.

Invariants: a record that the index knew of and that does not stand would be left out in silence, so whatever the bags
that are there do not say is thrown away with the whole index, which is made anew from them; what it does not know of
is collected again, which is no worse than twice. It is written after the commit, never before.
"""

from collections.abc import Iterable, Sequence
from datetime import timedelta
from pathlib import Path

from collector.errors import CollectorError, DiskError, IntegrityError
from collector.evidence.journal import Commit, Walk, walk
from collector.evidence.layout import JOURNAL, SEAL
from collector.evidence.memory import Memory, sqlite_errors
from collector.evidence.recovery import Key, check_chunk, keys
from collector.evidence.twins import FETCHED, notes
from collector.model import Blob


class Index(Memory):
    """What stands in the runs of a watch (`twins.Standing`); used by one thread at a time."""

    def __init__(self, path: Path, keep: timedelta) -> None:
        super().__init__(path, keep)
        self._notices: dict[str, None] = {}

    @classmethod
    def open(cls, path: Path, runs: Sequence[Path], key: Key, *, keep: timedelta) -> "Index":
        """Open the index of `runs`, which are all the runs of the watch that are there, oldest first; or make it.

        What was committed and not noted is taken in. A sealed run that is damaged does not count. Raises IntegrityError
        where an open one is, DiskError. The caller holds the engagement's lock.
        """
        with sqlite_errors(path):
            existed = path.exists()
            index = cls(path, keep)
            try:
                if doubt := index._doubt(runs):
                    if existed:
                        index._notices[f"{path.name} is made anew: {doubt}"] = None
                    index._begin_anew()
                index._catch_up(runs, key)
            except BaseException:
                index.close()
                raise
            return index

    @property
    def notices(self) -> tuple[str, ...]:
        """What an operator should know of how it was opened."""
        return tuple(self._notices)

    def _doubt(self, runs: Iterable[Path]) -> str | None:
        """Return why it cannot be believed, None where the bags bear out all that it remembers."""
        if not self._whole():
            return "it is damaged or unfinished, or of another version or time"
        missing = self._remembered_runs()
        for path in runs:
            if found := self._journal(path):
                missing.discard(found.opened.run_id)
                try:
                    self._compare(path, found)
                except (IntegrityError, DiskError) as error:
                    return error.message
        return f"{', '.join(sorted(missing))} is gone or cannot be read" if missing else None

    def _compare(self, run: Path, found: Walk) -> None:
        """Raise IntegrityError or DiskError where a run does not hold what is remembered of it."""
        run_id = found.opened.run_id
        self.noted(run_id, found)
        for chunk in self._remembered_chunks(run_id):
            check_chunk(run, chunk)

    def _catch_up(self, runs: Sequence[Path], key: Key) -> None:
        """Take in what was not noted; of the newest run first, so that little is read that is due to be forgotten."""
        for path in reversed(runs):
            if found := self._journal(path):
                self._take_in(path, found, key)
        self._finish()

    def _take_in(self, run: Path, found: Walk, key: Key) -> None:
        run_id = found.opened.run_id
        behind = notes(found)[self.noted(run_id, found) :]
        with self._writing():
            for entry in behind:
                self._learn(entry)
        for entry in behind:
            with self._writing():
                self._enter(run_id, entry)
                if isinstance(entry, Commit) and not self._due(entry) and self._stands(run, entry):
                    self._remember(run_id, entry, _held(entry), keys(run, entry, key))

    def _journal(self, run: Path) -> Walk | None:
        """Return a run's journal; None for a sealed one whose journal cannot be believed."""
        try:
            return _unbroken(run)
        except (IntegrityError, DiskError) as error:
            self._forgive(run, error)
            return None

    def _stands(self, run: Path, entry: Commit) -> bool:
        """Whether the chunks of a commit are what it says; False only in a sealed run."""
        try:
            for chunk in entry.chunks:
                check_chunk(run, chunk)
        except (IntegrityError, DiskError) as error:
            self._forgive(run, error)
            return False
        return True

    def _forgive(self, run: Path, error: CollectorError) -> None:
        """Make a notice of what is wrong with a sealed run; raises it where the run is open."""
        if not (run / SEAL).is_file():
            raise error
        self._notices[f"{run.name} is damaged, what it holds may be collected again: {error.message}"] = None


def _unbroken(run: Path) -> Walk:
    """Walk a journal that has a first line and an unbroken chain; raises IntegrityError for any other."""
    found = walk(run)
    if found.problem:
        raise IntegrityError(f"{JOURNAL}: {found.problem}")
    _ = found.opened
    return found


def _held(entry: Commit) -> tuple[Blob, ...]:
    """Return the blobs of a commit that holds all their records; what was left out may stand in a run that is gone."""
    whole = sum(blob.records for blob in entry.blobs if blob.outcome == FETCHED) == entry.records
    return entry.blobs if whole else ()
