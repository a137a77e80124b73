"""Rows of a CSV: each becomes a JSON object of header name and text.

Invariants: every text is as it stands in the file, its quotes undone and nothing else; a row that has more or fewer
texts than the header has names, or is quoted wrongly, is named and not guessed at, and the next line is read as the
next row. Of columns with the same name the second is called `name (2)`, and so on, so that none is lost. The time that
a file takes grows with its length: of the lines that a row took in vain each must be a row of its own.
"""

import csv
import json
import re
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from itertools import dropwhile

import msgspec

from collector.sources.exports.row import LONGEST, Item, Row, Unread
from collector.sources.exports.text import Line

DELIMITERS = (",", ";", "\t")
_ABOVE = re.compile(rb"\s*$|#TYPE |\"?sep=")
"""What can stand above the header: nothing, what PowerShell 5 says of its rows, what tells Excel the delimiter."""

csv.field_size_limit(LONGEST)


def names_of(header: bytes, delimiter: str) -> tuple[str, ...]:
    """Return the names of the columns, each of them once; raises ValueError for a line that is no header."""
    names: dict[str, None] = {}
    numbers: dict[str, int] = {}
    for name in _texts(iter([header.decode()]), delimiter):
        own, number = name, numbers.get(name, 1)
        while own in names:
            number += 1
            own = f"{name} ({number})"
        numbers[name] = number
        names[own] = None
    return tuple(names)


def from_header(lines: Iterable[Line]) -> Iterator[Line]:
    """Yield the header and the lines below it."""
    return dropwhile(lambda line: line.text is not None and _ABOVE.match(line.text), lines)


def rows(lines: Iterable[Line], delimiter: str) -> Iterator[Item]:
    """Yield the rows below the header."""
    source = _Lines(from_header(lines))
    header = source.next() or Line(1, b"")
    try:
        names = names_of(header.text or b"", delimiter)
    except ValueError as error:
        yield Unread(header.number, f"it is no header: {error}")
        return
    while line := source.next():
        if line.text is None:
            yield Unread(line.number, "the line is too long")
        elif line.text.strip(b"\r\n"):
            yield _row(line, source, names, delimiter)


class _Lines:
    """Lines to be read, of which some may be read again; `alone` says that the last one given must be a row."""

    def __init__(self, lines: Iterable[Line]) -> None:
        self._rest = iter(lines)
        self._again: deque[Line] = deque()
        self.alone = False

    def next(self) -> Line | None:
        """Return the next line, None at the end."""
        self.alone = len(self._again) > 1
        return self._again.popleft() if self._again else next(self._rest, None)

    def put_back(self, lines: Sequence[Line]) -> None:
        """Have lines read again, before all others: each alone, but for the last, with which a longer row can begin."""
        self._again.extendleft(reversed(lines))


def _row(line: Line, source: _Lines, names: Sequence[str], delimiter: str) -> Item:
    """Read the row that begins with a line; if it cannot be, the lines after that one are read on their own."""
    taken: list[Line] = []
    try:
        texts = _texts(_following(line, source, taken), delimiter)
        row = _named(texts, names)
    except ValueError as error:
        source.put_back(taken)
        return Unread(line.number, str(error))
    return Row(line.number, row)


def _following(line: Line, source: _Lines, taken: list[Line]) -> Iterator[str]:
    """Yield a line and, as the row goes on, those after it, which are noted as `taken`."""
    length, alone = 0, source.alone
    one: Line | None = line
    while one is not None:
        length += len(one.text or b"")
        if one.text is None or length > LONGEST:
            raise ValueError("the row is too long")
        yield _decoded(one.text)
        one = None if alone else source.next()
        taken += [one] if one else []


def _decoded(text: bytes) -> str:
    try:
        return text.decode("utf-8", "surrogatepass")
    except UnicodeDecodeError:
        raise ValueError("it is not text in the file's encoding") from None


def _texts(lines: Iterator[str], delimiter: str) -> list[str]:
    """Return the texts of the next row."""
    try:
        return next(csv.reader(lines, delimiter=delimiter, strict=True), [])
    except csv.Error as error:
        raise ValueError(str(error)) from None


def _named(texts: Sequence[str], names: Sequence[str]) -> bytes:
    """Return a row as JSON."""
    if len(texts) != len(names):
        raise ValueError(f"it has {len(texts)} texts, the header {len(names)} names")
    row = dict(zip(names, texts, strict=True))
    try:
        return msgspec.json.encode(row)
    except UnicodeEncodeError:  # half a letter, such as a subject cut off within an emoji
        return json.dumps(row, separators=(",", ":")).encode()
