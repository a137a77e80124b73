"""Tells what an export is, and reads it.

Invariants: what it is, is told from the content alone: a file's name may lie. No text of a row is changed: what its
times mean, where they are written as in the maker's country, stands beside it.
"""

from collections.abc import Iterable, Iterator
from itertools import islice

import msgspec

from collector.errors import UsageError
from collector.sources.base import loose
from collector.sources.exports import csvtext, jsontext, kinds
from collector.sources.exports.dates import Order, in_utc, order_of
from collector.sources.exports.kind import Kind, plain
from collector.sources.exports.row import Item, Row
from collector.sources.exports.text import Line, as_utf8, encoding_of, lines

JSON = "json"
_LOOKED_AT = 20
"""Records of which one at least must be of the kind."""
_SHOWN = 5


class Form(msgspec.Struct, frozen=True, omit_defaults=True):
    """How an export is read: its kind, its encoding, and what stands between its texts, `json` where it is JSON.

    `dates` is what comes first in its dates, as far as it shows that.
    """

    kind: str
    encoding: str
    delimiter: str
    dates: Order = ""


def told(blocks: Iterable[bytes], kind: str | None = None) -> Form:
    """Tell what an export is from where it begins; `kind` is what it is said to be.

    Raises UsageError where it is of no kind that is known, or not of that one.
    """
    allowed = (kinds.named(kind),) if kind else kinds.KINDS
    blocks = iter(blocks)
    head = next((block for block in blocks if block), b"")
    if not head:
        raise UsageError("it is empty", remedy="export it again")
    encoding = encoding_of(head)
    text = as_utf8(_chained(head, blocks), encoding)
    begin = next((block for block in text if block.strip()), b"")
    text = _chained(begin, text)
    if begin.lstrip()[:1] in {b"{", b"["}:
        return Form(_of_records(text, allowed).name, encoding, JSON)
    found, delimiter = _of_header(text, allowed)
    return Form(found.name, encoding, delimiter)


def read(blocks: Iterable[bytes], form: Form) -> Iterator[Item]:
    """Yield the rows of an export."""
    text = as_utf8(blocks, form.encoding)
    return jsontext.records(text) if form.delimiter == JSON else csvtext.rows(lines(text), form.delimiter)


def dated(blocks: Iterable[bytes], form: Form) -> Form:
    """Return the form with what the whole export shows of its dates."""
    if not kinds.named(form.kind).times:
        return form
    rows = (item for item in read(blocks, form) if isinstance(item, Row))
    return msgspec.structs.replace(form, dates=order_of(text for row in rows for text in _times(row, form).values()))


def times_in_utc(row: Row, form: Form) -> dict[str, str]:
    """Return the times of a row that are not written as ISO, by column, as far as it is known what they mean."""
    read = ((name, in_utc(text, form.dates)) for name, text in _times(row, form).items())
    return {name: time for name, time in read if time}


def _times(row: Row, form: Form) -> dict[str, str]:
    """Return the columns of a row that hold times, as texts; PowerShell 5 can write one as an object with its value."""
    times = kinds.named(form.kind).times
    held = {name: one for name, one in loose(row.json).items() if plain(name) in times} if times else {}
    texts = ((name, one.get("value") if isinstance(one, dict) else one) for name, one in held.items())
    return {name: text for name, text in texts if isinstance(text, str)}


def _chained(first: bytes, rest: Iterator[bytes]) -> Iterator[bytes]:
    yield first
    yield from rest


def _of_records(text: Iterator[bytes], allowed: tuple[Kind, ...]) -> Kind:
    """Return the kind of the first records."""
    names: list[str] = []
    for item in islice(jsontext.records(text), _LOOKED_AT):
        if isinstance(item, Row):
            names = list(loose(item.json))
            for kind in allowed:
                if kind.fits(names):
                    return kind
    raise _unknown(names, allowed)


def _of_header(text: Iterator[bytes], allowed: tuple[Kind, ...]) -> tuple[Kind, str]:
    """Return the kind that the header shows, and the delimiter with which it does."""
    header = next(csvtext.from_header(lines(text)), Line(1, b"")).text or b""
    names: list[str] = []
    for delimiter in csvtext.DELIMITERS:
        try:
            found = csvtext.names_of(header, delimiter)
        except ValueError:
            continue
        for kind in allowed:
            if kind.fits(found):
                return kind, delimiter
        names = max(names, list(found), key=len)
    raise _unknown(names, allowed)


def _unknown(names: list[str], allowed: tuple[Kind, ...]) -> UsageError:
    of = allowed[0].name if len(allowed) == 1 else "any export that is known"
    begin = ", ".join(repr(name[:40]) for name in names[:_SHOWN])
    told_of = f": its first names are {begin}" if begin else ", and shows neither columns nor records"
    known = ", ".join(kind.name for kind in kinds.KINDS)
    return UsageError(f"it is not {of}{told_of}", remedy=f"bring it as it was exported; known are {known}")
