"""The text of an export, whatever it is encoded in, as UTF-8; and its lines.

Invariants: UTF-8 comes out as it went in, less its mark; what is no text in its encoding comes out as bytes that are no
UTF-8 either, so that the row which holds it is named. Memory holds one line, and none that is longer than LONGEST.
"""

import codecs
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from collector.sources.exports.row import LONGEST

_MARKS = {codecs.BOM_UTF8: "utf-8", codecs.BOM_UTF16_LE: "utf-16-le", codecs.BOM_UTF16_BE: "utf-16-be"}
_NO_TEXT = b"\xff"


class Line(NamedTuple):
    """A line with its end, numbered from 1; no text where it is longer than LONGEST."""

    number: int
    text: bytes | None


def encoding_of(head: bytes) -> str:
    """Return the encoding of a text that begins with an ASCII letter, by its mark or its first two bytes.

    The reports of a historical search are UTF-16LE, often without a mark. Source: protocol.md C6.
    """
    for mark, encoding in _MARKS.items():
        if head.startswith(mark):
            return encoding
    first, second = (*head[:2], 1, 1)[:2]
    return "utf-16-le" if first and not second else "utf-16-be" if second and not first else "utf-8"


def as_utf8(blocks: Iterable[bytes], encoding: str) -> Iterator[bytes]:
    """Yield a text in blocks of UTF-8, without its mark."""
    decoder = codecs.getincrementaldecoder(encoding)("surrogatepass") if encoding != "utf-8" else None
    begun = False
    for block in blocks:
        text = decoder.decode(block).encode("utf-8", "surrogatepass") if decoder else block
        yield text if begun else text.removeprefix(codecs.BOM_UTF8)
        begun = begun or bool(text)
    try:
        yield decoder.decode(b"", final=True).encode("utf-8", "surrogatepass") if decoder else b""
    except UnicodeDecodeError:  # it breaks off within a letter
        yield _NO_TEXT


def lines(blocks: Iterable[bytes]) -> Iterator[Line]:
    """Yield the lines of a text."""
    number, begun, length = 1, list[bytes](), 0
    for block in blocks:
        *whole, rest = block.split(b"\n")
        for end in whole:
            yield Line(number, b"".join([*begun, end, b"\n"]) if length + len(end) <= LONGEST else None)
            number, begun, length = number + 1, [], 0
        length += len(rest)
        begun = [*begun, rest] if length <= LONGEST else []
    if length:
        yield Line(number, b"".join(begun) if length <= LONGEST else None)
