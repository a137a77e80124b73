"""The frozen values that the rooms hand to each other.

All times are aware and in UTC; a window holds its start and not its end.
"""

import json
from datetime import MAXYEAR, MINYEAR, UTC, datetime, timedelta
from enum import StrEnum
from typing import Any

import msgspec

IMPORT = "import"
"""The source of a run that holds what others exported."""


class Status(StrEnum):
    """How a slice ended; design 1.3."""

    COMPLETE = "complete"
    EMPTY = "empty"
    GAP = "gap"


class Axis(StrEnum):
    """What the times of a slice mean: when a thing happened, or when its record became available."""

    EVENT = "event"
    AVAILABLE = "available"


class Window(msgspec.Struct, frozen=True, order=True):
    """The time from `start` (inclusive) to `end` (exclusive)."""

    start: datetime
    end: datetime

    def __post_init__(self) -> None:
        if self.start.utcoffset() != timedelta(0) or self.end.utcoffset() != timedelta(0):
            raise ValueError("a window is in UTC")
        if self.start >= self.end:
            raise ValueError("a window starts before it ends")

    @property
    def length(self) -> timedelta:
        """How long the window is."""
        return self.end - self.start

    @property
    def divisible(self) -> bool:
        """Whether it can be cut: no part is shorter than a second; design 1.4."""
        return self.length >= timedelta(seconds=2)

    def widened(self, margin: timedelta) -> "Window":
        """Return the window with a margin on both sides."""
        return Window(self.start - margin, self.end + margin)

    def meets(self, other: "Window") -> bool:
        """Whether the two share a moment."""
        return self.start < other.end and other.start < self.end


class Slice(msgspec.Struct, frozen=True, order=True):
    """The part of a source's window that is asked for, checked and committed as one.

    `part` is the content type, mailbox or query within the source; `window` is None for a source without one.
    """

    source: str
    part: str | None
    axis: Axis
    window: Window | None


class Row(msgspec.Struct, frozen=True, gc=False):
    """One row of an answer: its bytes as received, and what tells it from others.

    `identity` is the digest of what names the record, `content` of what it says; a record stands once in a run
    by both. `at` is its time in POSIX seconds, None where it shows none that can be read.
    """

    raw: bytes
    identity: bytes
    content: bytes
    at: float | None


class Chunk(msgspec.Struct, frozen=True):
    """A file of records below the run folder; `path` uses forward slashes, `bytes` and `sha256` are the file's."""

    path: str
    sha256: str
    bytes: int
    records: int


class Blob(msgspec.Struct, frozen=True):
    """A content blob as its feed listed it, and what became of it.

    `outcome` is `fetched`, or the word of the gap that stands for it: `blob-expired`, `blob-gone`, `blob-unreadable`;
    `detail` is why an unreadable one is. `fetched_at` is when it was asked for, by the service's clock, `request` what
    gave it, `records` the records in it, `digest` the SHA-256 (hex) over their own, sorted: the same in any order.
    """

    content_id: str
    content_uri: str
    created: datetime | None
    expires: datetime | None
    outcome: str
    fetched_at: datetime
    request: str | None = None
    records: int = 0
    digest: str | None = None
    detail: str | None = None


class RequestLines(msgspec.Struct, frozen=True):
    """The lines of a chunk, counted from 1 and inclusive, that one request gave."""

    request: str
    path: str
    first: int
    last: int


class Outcome(msgspec.Struct, frozen=True):
    """How the asking for a slice ended, before its rows are committed.

    `expected` is what the service said it had, None where it did not say. `asked_at` is when the question that
    settled it began. `reason` is a word from the gap vocabulary, with its detail after a colon.
    """

    status: Status
    asked_at: datetime
    attempts: int
    expected: int | None = None
    reason: str | None = None
    settled: bool | None = None


class Traced(msgspec.Struct, frozen=True):
    """A row of a message trace, as far as asking for its details needs it; `received` is the row's own."""

    message_trace_id: str
    recipient: str
    received: datetime


class Sought(msgspec.Struct, frozen=True):
    """What earlier evidence names and the engagement asks about, what tells most first.

    `message_ids` are InternetMessageIds as recorded, of messages that the attacker accessed; `traced` are rows of
    traces whose details are wanted.
    """

    message_ids: tuple[str, ...] = ()
    traced: tuple[Traced, ...] = ()


class SourcePlan(msgspec.Struct, frozen=True):
    """What one source is asked: `question` holds its parameters, `parts` its parts ([None] where it has none).

    `since` is where the first of several runs that follow each other began: no look-back goes behind it.
    """

    source: str
    axis: Axis
    window: Window | None
    parts: tuple[str | None, ...]
    question: dict[str, Any]
    since: datetime | None = None


class Plan(msgspec.Struct, frozen=True):
    """All that a run asks for, frozen when it starts; written to custody/plan.json.

    A source can stand in it more than once, with other windows, where `gaps_of` names the run whose gaps are asked for;
    `after` names that run and those whose gaps it asked for itself, in the order in which they were begun.
    `watch` says that it is collected cycle by cycle, while its windows pass.
    """

    engagement: str
    tenant: str
    frozen_at: datetime
    sources: tuple[SourcePlan, ...]
    gaps_of: str | None = None
    watch: bool = False
    after: tuple[str, ...] = ()


def utc(text: str | None) -> datetime | None:
    """Read a service's timestamp leniently: up to seven fractional digits, `Z`, an offset, or no zone for UTC.

    Returns None for anything else, US dates of Export-Csv among them, and at the calendar's ends, where nobody can
    reckon with it. Source: protocol.md B3, A4.
    """
    try:
        read = datetime.fromisoformat(text or "")
        moment = read.replace(tzinfo=UTC) if read.tzinfo is None else read.astimezone(UTC)
    except (ValueError, OverflowError):
        return None
    return moment if MINYEAR < moment.year < MAXYEAR else None


def iso(moment: datetime) -> str:
    """Write a time the one way we write it: UTC, whole seconds where it has no fraction, `Z`."""
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def lenient(raw: bytes) -> dict[str, Any]:
    """Read a record that msgspec refuses: lone surrogates, NaN, control characters, odd types, integers of any length.

    Raises ValueError, with where and why, for one that cannot be read at all or is no object.
    """
    try:
        read = json.loads(raw.decode("utf-8", "surrogateescape"), strict=False, parse_int=str)
    except RecursionError:
        raise ValueError("it nests too deep") from None
    if not isinstance(read, dict):
        raise ValueError("it is not a JSON object")  # noqa: TRY004 - the record is at fault, not the caller
    return read
