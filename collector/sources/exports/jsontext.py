"""Records of a JSON export: an array, an answer of Graph with its `value`, one object a line, or any of these in turn.

Invariants: a record is its own bytes, less the line breaks between its tokens; of a file that breaks off, or whose
brackets do not match, what cannot be told apart is named, never read as something that it is not: an object within a
damaged record is no record, and after damage outside of a list only an object on a line of its own is one. Memory holds
one record and a block, and the time that a file takes grows with its length.
"""

import re
from collections.abc import Iterable, Iterator

from collector.errors import Unanswered
from collector.http.cut import cut_array
from collector.sources.exports.row import LONGEST, Item, Row, Unread

_BLANK = re.compile(rb"[\s,]*")
_TOKEN = re.compile(rb'"(?:[^"\\]|\\.)*+("?)|[{}\[\]]', re.DOTALL)
_NAME = b'"value"'
_VALUE = re.compile(_NAME + rb"\s*+:\s*+\[")
_SCALAR = re.compile(rb'(?:"(?:[^"\\]|\\.)*+"|[\w.+-]++)(?=\s*+[,\]])', re.DOTALL)
_COLON = re.compile(rb"\s*+:")
_MORE = b'"@odata.nextLink"'
_OF_ANSWERS = (b'"@odata.', b'"@adminapi.')
"""How the names begin that can stand beside an answer's `value`; a record that has a `value` has others."""
_HEAD = 1 << 16
"""Bytes in which an answer's `value` begins, if it is one."""


def records(blocks: Iterable[bytes]) -> Iterator[Item]:
    """Yield the records of a text in UTF-8."""
    text = _Text(blocks)
    while text.begins():
        if text.comes(b"["):
            text.step(1)
            yield from _members(text)
        elif opening := _answer(text):
            yield from _more(text, opening)
            yield from _members(text)
            yield from _rest(text)
        else:
            yield _record(text) or text.skip_line()


class _Text:
    """A text from where it is read (`at` in `data`), with as much of what follows as was needed so far.

    `by_line` says that an object must end on the line on which it begins.
    """

    def __init__(self, blocks: Iterable[bytes]) -> None:
        self._blocks = iter(blocks)
        self.data = b""
        self.at = 0
        self.line = 1
        self.by_line = False

    @property
    def ahead(self) -> int:
        """How many bytes of what follows are there."""
        return len(self.data) - self.at

    def begins(self) -> bool:
        """Step over blanks and commas; tell whether anything follows."""
        while True:
            blank = _BLANK.match(self.data, self.at)
            self.step(blank.end() - self.at if blank else 0)
            if self.ahead or not self.grow():
                return self.ahead > 0

    def grow(self) -> bool:
        """Look further ahead; False at the end."""
        block = next((block for block in self._blocks if block), b"")
        self.data, self.at = self.data[self.at :] + block, 0
        return bool(block)

    def step(self, length: int) -> bytes:
        """Go on by so many bytes, and return them."""
        passed = self.data[self.at : self.at + length]
        self.at += length
        self.line += passed.count(b"\n")
        return passed

    def comes(self, mark: bytes) -> bool:
        """Whether a mark is next."""
        return self.data.startswith(mark, self.at)

    def find(self, mark: bytes) -> int:
        """Return how far it is to behind a mark, or to what is ahead where there is none within bounds."""
        while (found := self.data.find(mark, self.at)) < 0 and self.ahead < LONGEST and self.grow():
            pass
        return found + len(mark) - self.at if found >= 0 else self.ahead

    def up_to(self, mark: bytes) -> bytes:
        """Go on to behind a mark, or to the end where there is none within bounds, and return what was passed."""
        return self.step(self.find(mark))

    def skip_line(self) -> Unread:
        """Go on to the next line that an object can begin."""
        line, self.by_line = self.line, True
        self.up_to(b"\n")
        while (self.ahead or self.grow()) and not (self.comes(b"{") or self.comes(b"[")):
            self.up_to(b"\n")
        return Unread(line, "no JSON object that can be taken apart begins here")

    def skip_all(self) -> Unread:
        """Go on to the end."""
        line = self.line
        while self.ahead or self.grow():
            self.step(self.ahead)
        return Unread(line, "from here on nothing can be taken apart: an object does not end, or is none")


def _members(text: _Text) -> Iterator[Item]:
    """Yield the members of an array up to its end; where one of them cannot be told from the next, that is the end."""
    while text.begins():
        if text.comes(b"]"):
            text.step(1)
            return
        item = _record(text) or _no_object(text)
        yield item or text.skip_all()
        if item is None:
            return
    yield Unread(text.line, "the file breaks off: the list does not end")


def _no_object(text: _Text) -> Unread | None:
    """Step over a list, a text, a number or a word that is next, None where there is none that ends."""
    if text.comes(b"["):
        length = _length(text)
    else:
        while not (found := _SCALAR.match(text.data, text.at)) and text.ahead < _HEAD and text.grow():
            pass
        length = found.end() - text.at if found else 0
    line = text.line
    return Unread(line, "it is no object") if text.step(length) else None


def _record(text: _Text) -> Item | None:
    """Return the object that is next, None where there is none that ends."""
    length = _length(text) if text.comes(b"{") else 0
    if not length:
        return None
    line = text.line
    raw = text.step(length)
    try:
        (one,) = cut_array(b"[" + raw + b"]").rows
    except Unanswered:
        return Unread(line, "it is not JSON")
    return Row(line, one)


def _length(text: _Text, depth: int = 0) -> int:
    """Return how far it is to the end of what is next, 0 where it does not end, or is longer than a row may be.

    `depth` is how many brackets are open already.
    """
    if text.by_line:
        return _balanced(text, text.at + text.find(b"\n"), depth)
    while True:
        length = _balanced(text, len(text.data), depth)
        if length or text.ahead > LONGEST or not text.grow():
            return length if length <= LONGEST else 0


def _balanced(text: _Text, end: int, depth: int) -> int:
    """Return how far it is to where no bracket is open, 0 where that is not before `end` in what is ahead."""
    for token in _TOKEN.finditer(text.data, text.at, end):
        sign = token[0][:1]
        if sign == b'"':
            if not token[1]:
                return 0
            continue
        depth += 1 if sign in b"{[" else -1
        if not depth:
            return token.end() - text.at
    return 0


def _answer(text: _Text) -> bytes:
    """Step into the list of an answer's `value` and return what came before it; nothing where the object is none."""
    while text.ahead < _HEAD and text.grow():
        pass
    end = min(len(text.data), text.at + _HEAD)
    if text.data.find(_NAME, text.at, end) < 0:
        return b""
    opening = 0
    for name in _names(text.data, text.at, end):
        if not opening and (found := _VALUE.match(text.data, name.start())):
            opening = found.end() - text.at
        elif not name[0].startswith(_OF_ANSWERS):
            return b""
    return text.step(opening)


def _names(data: bytes, at: int, end: int, depth: int = 0) -> Iterator[re.Match[bytes]]:
    """Yield the names of an object's own members as far as `end`; `depth` is how many brackets are open already."""
    for token in _TOKEN.finditer(data, at, end):
        sign = token[0][:1]
        if sign != b'"':
            depth += 1 if sign in b"{[" else -1
            if not depth:
                return
        elif depth == 1 and token[1] and _COLON.match(data, token.end()):
            yield token


def _rest(text: _Text) -> Iterator[Unread]:
    """Step to the end of an answer, and say what stands behind its `value` that no answer has."""
    if not text.begins():
        return
    line, rest = text.line, text.step(_length(text, depth=1))
    if not rest:
        yield text.skip_line()
    others = [name[0] for name in _names(rest, 0, len(rest), depth=1) if not name[0].startswith(_OF_ANSWERS)]
    if others:
        told = b", ".join(others)[:100].decode("utf-8", "backslashreplace")
        yield Unread(line, f"{told} stands beside the list, and is not read")
    yield from _more(text, rest)


def _more(text: _Text, beside: bytes) -> Iterator[Unread]:
    """Say where an answer names a next page, which is in no file that was written from it alone."""
    if _MORE in beside:
        yield Unread(text.line, "the answer names a next page, which is not in it")
