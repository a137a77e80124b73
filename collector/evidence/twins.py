"""What stands in the evidence already, so that a record stands in it once (design 1.3).

Invariant: a row is left out only if one with its identity and its content stands there for the same source. A row
with an empty identity has no twin and is always kept.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple, Protocol

from collector.evidence.journal import Commit, Started, Walk
from collector.evidence.staging import StagedRow
from collector.model import Blob

FETCHED = "fetched"
"""The outcome of a blob whose records stand; see `Blob`."""

Note = Commit | Started
"""The entries of a journal that say what stands."""


class SeenBlob(NamedTuple):
    """When a blob was last fetched, and the digest of what it held then; see `Blob`."""

    fetched_at: datetime
    digest: str | None


class Known(NamedTuple):
    """What is known of one part of a source.

    `blobs` are the fetched ones by content_id; `earliest` is when the earliest blob that
    was ever listed was created, whatever became of it; `started` is when we last started the subscription.
    """

    blobs: Mapping[str, SeenBlob]
    earliest: datetime | None
    started: datetime | None


class Standing(Protocol):
    """What knows of the records and blobs that stand; used by one thread at a time."""

    def sift(self, source: str, rows: Iterable[StagedRow]) -> tuple[list[StagedRow], int]:
        """Return the rows without a twin, and how many are variants of a record that stands or of one another."""

    def note(self, run_id: str, entry: Note, keys: Iterable[tuple[bytes, bytes]]) -> None:
        """Take in the next entry of a run's journal; `keys` are the identity and content of each of its rows."""

    def known(self, source: str, part: str | None) -> Known:
        """Return what is known of a part."""

    def noted(self, run_id: str, found: Walk) -> int:
        """Return how many of the `notes` of a run's journal it has taken in already."""


def notes(found: Walk) -> tuple[Note, ...]:
    """Return the entries of a journal that say what stands, in their order."""
    return tuple(entry for entry in found.entries if isinstance(entry, Note))


def sifted(rows: Iterable[tuple[StagedRow, Collection[bytes]]]) -> tuple[list[StagedRow], int]:
    """Do what `Standing.sift` says, given each row with the contents that stand under its identity."""
    kept: list[StagedRow] = []
    seen: set[bytes] = set()
    variants = 0
    for row, standing in rows:
        if row.content in standing:
            continue
        kept.append(row)
        variants += bool(row.identity) and (bool(standing) or row.identity in seen)
        seen.add(row.identity)
    return kept, variants


def earliest(blobs: Iterable[Blob]) -> datetime | None:
    """Return when the earliest of some blobs was created, None where none says."""
    return min((blob.created for blob in blobs if blob.created), default=None)


@dataclass
class _Part:
    blobs: dict[str, SeenBlob] = field(default_factory=dict)
    earliest: datetime | None = None
    started: datetime | None = None


class Twins:
    """What stands in one run, in memory.

    Nearly every identity has one content, so the first is held apart from the others.
    """

    def __init__(self) -> None:
        self._first: dict[str, dict[bytes, bytes]] = {}
        self._others: dict[str, dict[bytes, set[bytes]]] = {}
        self._parts: dict[tuple[str, str | None], _Part] = {}

    def sift(self, source: str, rows: Iterable[StagedRow]) -> tuple[list[StagedRow], int]:
        """Return the rows without a twin; see `Standing`."""
        first, others = self._first.get(source, {}), self._others.get(source, {})

        def contents(identity: bytes) -> Collection[bytes]:
            return (first[identity], *others.get(identity, ())) if identity in first else ()

        return sifted((row, contents(row.identity)) for row in rows)

    def note(self, run_id: str, entry: Note, keys: Iterable[tuple[bytes, bytes]]) -> None:  # noqa: ARG002 - one run
        """Take in an entry; see `Standing`."""
        part = self._parts.setdefault((entry.source, entry.part), _Part())
        if isinstance(entry, Started):
            part.started = entry.at
            return
        first = self._first.setdefault(entry.source, {})
        others = self._others.setdefault(entry.source, {})
        for identity, content in keys:
            if identity and first.setdefault(identity, content) != content:
                others.setdefault(identity, set()).add(content)
        for blob in entry.blobs:
            if blob.outcome == FETCHED:
                part.blobs[blob.content_id] = SeenBlob(blob.fetched_at, blob.digest)
        part.earliest = min(filter(None, (part.earliest, earliest(entry.blobs))), default=None)

    def known(self, source: str, part: str | None) -> Known:
        """Return what is known of a part; see `Standing`."""
        found = self._parts.get((source, part), _Part())
        return Known(dict(found.blobs), found.earliest, found.started)

    def noted(self, run_id: str, found: Walk) -> int:  # noqa: ARG002 - it begins with nothing
        """Return 0: it begins with nothing."""
        return 0
