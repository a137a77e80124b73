"""What a source is to the run: something that plans its window, is asked for a slice, and tells what it found.

Invariants: a source holds no state between two questions; it yields each page as it comes and ends with exactly one
finding; it never claims more than the answers prove. What a finding leads to is decided in the run room.
"""

import hashlib
import re
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, NamedTuple, Protocol, TypeVar

import msgspec

from collector.errors import Forbidden, QuestionError, Refused, TooLarge
from collector.http.client import Effort
from collector.model import Row, Slice, Window, iso, lenient

T = TypeVar("T", bound=msgspec.Struct)


class Kind(StrEnum):
    """What asking for a slice once has shown."""

    WHOLE = "whole"  # every row that the service says it has was delivered
    EMPTY = "empty"  # the service says that there is nothing; with a reason, where there must be something
    UNCOUNTED = "uncounted"  # read to its end, but the service's count is no count
    FAILED = "failed"  # no proof either way; may go better next time, or with less asked for
    TOO_LARGE = "too-large"  # less must be asked for
    REFUSED = "refused"  # the service said no
    WITHHELD = "withheld"  # the service has it, and gives it on another road only


class Finding(NamedTuple):
    """The end of asking once: `expected` is the service's own count, `unread` an answer that no reader could cut."""

    kind: Kind
    reason: str | None = None
    expected: int | None = None
    forbidden: bool = False
    unread: bytes | None = None


class Page(NamedTuple):
    """Rows of one answer. `whole_from`: everything of the slice from then on has now been delivered."""

    rows: tuple[Row, ...]
    request: str
    whole_from: datetime | None = None


class Question(NamedTuple):
    """One asking for a slice, `page_size` rows an answer."""

    slice: Slice
    page_size: int
    effort: Effort


class Source(Protocol):
    """A feed of the tenant."""

    name: str
    retention: timedelta
    """How long the service keeps records; an empty slice that is older proves nothing."""
    longest: timedelta
    """The longest slice that is asked for at once. Both are NO_TIME where a source has no window."""
    page_sizes: tuple[int, ...]
    """Rows an answer, largest first; a slice that fails is tried with smaller ones."""

    def ask(self, question: Question) -> Iterator[Page | Finding]:
        """Yield the pages of a slice, then what was found.

        Raises only what ends a run: AccessError, TemporaryError, Interrupted.
        """

    def probe(self, window: Window | None) -> Question:
        """Return the cheapest question there is, to see whether the service answers at all."""


NO_TIME = timedelta(0)


def spanned(window: Window | None) -> Window:
    """Return the window of what is planned with one."""
    assert window is not None  # noqa: S101 - planned so
    return window


def digest(*parts: str) -> bytes:
    """Return 16 bytes that stand for these texts; lone surrogates are texts too."""
    framed = bytearray()
    for part in parts:
        data = part.encode("utf-8", "surrogatepass")
        framed += len(data).to_bytes(8, "big")
        framed += data
    return hashlib.blake2b(framed, digest_size=16).digest()


class Told(NamedTuple):
    """What the warnings of an answer tell of it. Sources: protocol.md B3, C1, C4; field-notes.md on time-outs."""

    failed: bool
    more: bool
    at_ceiling: bool


FAILED = re.compile(
    r"cancel|timed?[ -]?out|error occurred|(?:not|n't) be completed|try again|partial results|incomplete", re.IGNORECASE
)
MORE = re.compile(r"(?<!\bno )more (?:results|records)", re.IGNORECASE)
AT_CEILING = re.compile(r"maximum results limitation", re.IGNORECASE)


def told_by(warnings: Iterable[str]) -> Told:
    """Read the warnings: a search that failed in the service's depths, or that has more, says so only there.

    The command that a message trace names as the next holds an address, which is nobody's word on the search.
    """
    text = "\n".join(warning.partition("following command")[0] for warning in warnings)
    return Told(*(mark.search(text) is not None for mark in (FAILED, MORE, AT_CEILING)))


STANDS_STILL = "paging-stands-still"
"""A cursor that does not move. Too large, where rows come newest first: the newest moment left fills a page alone."""

MARGIN = timedelta(seconds=1)
"""How much wider than its slice a question is on both sides: an end may be inclusive or not (protocol.md G3)."""


def failed(error: QuestionError, so_far: Finding) -> Finding:
    """Return what an error of the client means for the asking that it ended."""
    forbidden, refused = isinstance(error, Forbidden), isinstance(error, Refused)
    kind = Kind.REFUSED if refused else Kind.TOO_LARGE if isinstance(error, TooLarge) else Kind.FAILED
    return so_far._replace(
        kind=kind,
        reason=f"{error.reason}: {error}" if refused and not forbidden else error.reason,
        forbidden=forbidden,
        unread=error.body,
    )


def loose(raw: bytes) -> dict[str, Any]:
    """Read a row that msgspec refuses; {} if nobody can."""
    try:
        return lenient(raw)
    except ValueError:
        return {}


def texts(raw: bytes, decoder: "msgspec.json.Decoder[T]") -> T:
    """Return the members of a row that a decoder's struct names, all of them texts; None for what is no text."""
    try:
        return decoder.decode(raw)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        pass
    row = loose(raw)
    names = decoder.type.__struct_encode_fields__
    return decoder.type(*(value if isinstance(value := row.get(name), str) else None for name in names))


def named(slice_: Slice) -> dict[str, str | None]:
    """Return a slice as the request log names it."""
    window = slice_.window
    return {
        "source": slice_.source,
        "part": slice_.part,
        "start": iso(window.start) if window else None,
        "end": iso(window.end) if window else None,
    }
