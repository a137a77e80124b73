"""What stands in the run that is open, all of it, and in those before it, as far as their index goes back.

Invariant: within a run nothing is ever forgotten, however old; so the index may be no longer than the look-back.
"""

from collections.abc import Iterable

from collector.evidence.index import Index
from collector.evidence.journal import Walk
from collector.evidence.staging import StagedRow
from collector.evidence.twins import Known, Note, Twins


class Across:
    """What stands in a run and across runs (`twins.Standing`)."""

    def __init__(self, index: Index) -> None:
        self._here = Twins()
        self._index = index
        self._ahead = 0
        """Entries that the index has noted and `_here` has not."""

    def sift(self, source: str, rows: Iterable[StagedRow]) -> tuple[list[StagedRow], int]:
        """Return the rows without a twin; see `Standing`."""
        new_here, variants_here = self._here.sift(source, rows)
        new, variants = self._index.sift(source, new_here)
        return new, max(variants, variants_here)

    def note(self, run_id: str, entry: Note, keys: Iterable[tuple[bytes, bytes]]) -> None:
        """Take in an entry; see `Standing`."""
        listed = list(keys)
        self._here.note(run_id, entry, listed)
        if self._ahead:
            self._ahead -= 1
        else:
            self._index.note(run_id, entry, listed)

    def known(self, source: str, part: str | None) -> Known:
        """Return what is known of a part; see `Standing`."""
        here, before = self._here.known(source, part), self._index.known(source, part)
        return before._replace(blobs={**before.blobs, **here.blobs})

    def noted(self, run_id: str, found: Walk) -> int:
        """Return 0: what stands here is read anew, whatever the index holds of it."""
        self._ahead = self._index.noted(run_id, found)
        return 0
