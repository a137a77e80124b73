"""The journal: custody/journal.jsonl, the only commit point of a run (design 1.3).

Each line is one compact JSON object. Its `prev` is the SHA-256, in hex, of the bytes of the line before, without
the line feed; the first line's is 64 zeros. There is no key: the chain shows damage and a changed past, the
signature over the bag shows who sealed it.

Invariants: I1, a line speaks only of bytes that are durable under their final name; I3, a torn last line may be cut
off, any other break of the chain is an integrity failure. A line is torn when its line feed is missing, or when it
holds a NUL byte, which is what a block that never reached the disk reads as. Unknown members are passed over.
"""

import hashlib
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, TypeVar

import msgspec

from collector import __version__
from collector.errors import IntegrityError
from collector.evidence.chunks import Compression
from collector.evidence.layout import JOURNAL
from collector.evidence.lines import encode_line, read_blocks, split
from collector.evidence.store import Output
from collector.model import Axis, Blob, Chunk, RequestLines, Slice, Status, Window

NO_LINE = "0" * 64
TOOL = f"collector {__version__}"

Moment = Annotated[datetime, msgspec.Meta(tz=True)]


class LogMark(msgspec.Struct, frozen=True):
    """How long requests.jsonl was, and the SHA-256 (hex) of those bytes."""

    bytes: int
    sha256: str


class _Line(msgspec.Struct, frozen=True, kw_only=True, tag_field="event", tag=str.lower):
    at: Moment
    prev: str = NO_LINE


class Follows(msgspec.Struct, frozen=True):
    """The run that another takes over from: `journal` is the SHA-256 (hex) of its journal's last line."""

    run_id: str
    journal: str


class Opened(_Line, frozen=True, kw_only=True):
    """A run began: `files` are the SHA-256 (hex) of what custody/ held then, `chunk_bytes` counts uncompressed."""

    run_id: str
    tool: str
    compression: Compression
    chunk_bytes: int
    files: dict[str, str]
    follows: Follows | None = None


class Resumed(_Line, frozen=True, kw_only=True):
    """An interrupted run was taken up: `quarantined` is the folder of what was found uncommitted, if anything was."""

    tool: str
    note: dict[str, Any]
    quarantined: str | None


class Started(_Line, frozen=True, kw_only=True):
    """Something at the tenant was started, the one thing that the collector changes there: a feed's subscription."""

    source: str
    part: str | None


class Commit(_Line, frozen=True, kw_only=True):
    """One slice was committed: what it is, how it ended (coverage.json's words), and where its rows are.

    `duplicates` are rows that came and were left out, since their twin stands in the run; `variants` are rows kept
    although another content stands under their identity; `outside` are rows kept whose time is known and outside
    the slice. `unread` are answers kept whole that no reader could take apart. `recheck` says that the time had been
    asked for before, and was asked for again for what comes late. `blobs` are the content blobs that it was made of.
    `original` is the file that was brought, byte for byte, where the rows were read from one.
    """

    source: str
    part: str | None
    axis: Axis
    start: datetime | None
    end: datetime | None
    status: Status
    records: int
    duplicates: int
    variants: int
    outside: int
    expected: int | None
    attempts: int
    reason: str | None
    asked_at: Moment
    settled: bool | None
    chunks: tuple[Chunk, ...]
    unread: tuple[Chunk, ...]
    requests: tuple[RequestLines, ...]
    requests_log: LogMark
    recheck: bool = False
    blobs: tuple[Blob, ...] = ()
    original: Chunk | None = None

    def __post_init__(self) -> None:
        _ = self.window

    @property
    def window(self) -> Window | None:
        """The slice's window, None for a source without one."""
        if self.start is None or self.end is None:
            if self.start is not self.end:
                raise ValueError("a slice has a start and an end, or neither")
            return None
        return Window(self.start, self.end)

    @property
    def slice(self) -> Slice:
        """The slice that was committed."""
        return Slice(self.source, self.part, self.axis, self.window)

    @property
    def payload(self) -> tuple[Chunk, ...]:
        """The files in data/ that this line speaks of."""
        return (*self.chunks, *self.unread, *((self.original,) if self.original else ()))


class Sealed(_Line, frozen=True, kw_only=True):
    """The run was closed: `coverage` is coverage.json's SHA-256 (hex), `payload` a file that no commit names.

    `until` is where a run that was closed before its planned end leaves off.
    """

    commits: int
    coverage: str
    payload: tuple[Chunk, ...]
    requests_log: LogMark
    until: Moment | None = None


Entry = Opened | Resumed | Started | Commit | Sealed
E = TypeVar("E", Opened, Resumed, Started, Commit, Sealed)

_ENTRY = msgspec.json.Decoder(Entry)


class Journal:
    """The open journal of a run, being added to by one thread at a time.

    A line is written only when the one before is durable, whoever wrote that: so a power cut tears one at most.
    """

    def __init__(self, output: Output, last: str) -> None:
        self._output = output
        self._last = last
        self._settled = False

    def append(self, entry: E) -> E:
        """Add a line durably; returns the entry as written, chained to the one before."""
        chained = msgspec.structs.replace(entry, prev=self._last)
        line = encode(chained)
        if not self._settled:
            self._output.sync()
            self._settled = True
        self._output.write(line + b"\n")
        self._output.sync()
        self._last = digest_of(line)
        return chained

    def close(self) -> None:
        """Close the file."""
        self._output.close()


class Walk(msgspec.Struct, frozen=True):
    """What a journal holds: its entries as far as the chain is whole, and what ended it.

    `length` counts the bytes of those entries, `last` is the digest that the next line must carry, `torn` says that
    a torn last line follows, `problem` that the chain is broken there.
    """

    entries: tuple[Entry, ...]
    length: int
    last: str
    torn: bool = False
    problem: str | None = None

    @property
    def opened(self) -> Opened:
        """The first entry; raises IntegrityError where the journal does not have one."""
        if self.entries and isinstance(self.entries[0], Opened):
            return self.entries[0]
        raise IntegrityError(f"{JOURNAL} has no first line: {self.problem or 'it is empty'}")

    @property
    def commits(self) -> tuple[Commit, ...]:
        """The commits among the entries."""
        return tuple(entry for entry in self.entries if isinstance(entry, Commit))

    @property
    def until(self) -> datetime | None:
        """Where the run was closed before its planned end, None where it was not."""
        last = self.entries[-1] if self.entries else None
        return last.until if isinstance(last, Sealed) else None

    @property
    def marks(self) -> tuple[LogMark, ...]:
        """What the entries say of requests.jsonl, in the order of the journal."""
        return tuple(entry.requests_log for entry in self.entries if isinstance(entry, Commit | Sealed))

    @property
    def payload(self) -> tuple[Chunk, ...]:
        """Every file in data/ that is evidence (I2), in the order of the journal."""
        return tuple(chunk for entry in self.entries if isinstance(entry, Commit | Sealed) for chunk in entry.payload)


def encode(entry: Entry) -> bytes:
    """Return an entry as its line, without the line feed."""
    return encode_line(entry)


def digest_of(line: bytes) -> str:
    """Return what the line after `line` (given without its line feed) carries as `prev`."""
    return hashlib.sha256(line).hexdigest()


def walk(run: Path) -> Walk:
    """Walk the chain of a run's journal as far as it is whole; raises DiskError where it cannot be read."""
    entries: list[Entry] = []
    length, last = 0, NO_LINE
    found = split(read_blocks(run / JOURNAL))
    try:
        for line in found:
            if _torn(line):
                broken = next(found, None) and "a torn line is not the last"
                return Walk(tuple(entries), length, last, torn=not broken, problem=broken or None)
            entries.append(_entry(line, last, first=not entries))
            length += len(line)
            last = digest_of(line[:-1])
    except IntegrityError as error:
        return Walk(tuple(entries), length, last, problem=f"line {len(entries) + 1}: {error.message}")
    return Walk(tuple(entries), length, last)


def _torn(line: bytes) -> bool:
    return not line.endswith(b"\n") or b"\0" in line


def _entry(line: bytes, prev: str, *, first: bool) -> Entry:
    try:
        entry: Entry = _ENTRY.decode(line)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise IntegrityError(f"is not an entry: {error}") from error
    if entry.prev != prev:
        raise IntegrityError("does not follow from the line before")
    if isinstance(entry, Opened) != first:
        raise IntegrityError("`opened` is the first line and no other")
    return entry
