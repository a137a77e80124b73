"""Takes a JSON answer apart without touching a byte of its rows.

Invariants: a row comes out as the bytes that came in, less the line breaks between its tokens; every row of every
`value` member comes out, or the answer is unreadable as a whole. Two ways lead there: msgspec, fast and strict, and
the standard library's scanner over the body read as latin-1 (so that a character's offset is a byte's), for what
msgspec refuses or would pass over: lone surrogates, NaN, a member that stands twice or has an escape in its name.
An answer that says beside its rows that something failed is no answer: a stream that breaks off tells so at its end.
"""

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple, overload

import msgspec

from collector.errors import Unanswered


class Rows(Sequence[bytes]):
    """Rows of a body, each taken out of it when it is asked for: so a page stands in memory once, not twice."""

    def __init__(self, raws: Sequence[msgspec.Raw]) -> None:
        self._raws = raws

    def __len__(self) -> int:
        return len(self._raws)

    @overload
    def __getitem__(self, index: int) -> bytes: ...
    @overload
    def __getitem__(self, index: slice) -> "Rows": ...
    def __getitem__(self, index: int | slice) -> "bytes | Rows":
        if isinstance(index, slice):
            return Rows(self._raws[index])
        return _one_line(bytes(self._raws[index]))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and tuple(self) == tuple(other)

    __hash__ = None  # type: ignore[assignment]  # as a list has none


class Envelope(NamedTuple):
    """An answer of rows: `rows` as received, the warnings verbatim, the next link where there is one."""

    rows: Sequence[bytes]
    warnings: tuple[str, ...]
    next_link: str | None


class _Fast(msgspec.Struct):
    value: list[msgspec.Raw]
    warnings: list[str] = msgspec.field(name="@adminapi.warnings", default_factory=list)
    errors: list[Any] = msgspec.field(name="@adminapi.errors", default_factory=list)
    error: Any = None
    next_link: str | None = msgspec.field(name="@odata.nextLink", default=None)


_fast = msgspec.json.Decoder(_Fast)
_fast_array = msgspec.json.Decoder(list[msgspec.Raw])
_NAMES = tuple(f'"{name}"'.encode() for name in _Fast.__struct_encode_fields__)
_OPENING = re.compile(rb'"value"\s*:\s*\[')
_BETWEEN = re.compile(rb"[\s,]*")
_ESCAPED_LETTER = re.compile(rb"\\u00(?:[4-7]|2[eE])")
_BLANKS = (" ", "\t", "\r", "\n")
_BOM = "\xef\xbb\xbf"
_strict = json.JSONDecoder(parse_int=str, parse_float=str)
_loose = json.JSONDecoder(parse_int=str, parse_float=str, strict=False)


def cut(body: bytes) -> Envelope:
    """Return the rows, warnings and next link of an answer; raises Unanswered, with the body, where it cannot."""
    try:
        page = _fast.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        page = None
    if page is not None and _each_member_once(_beside(body, page.value)):
        envelope = Envelope(Rows(page.value), tuple(page.warnings), page.next_link)
        return _checked(body, envelope, [*page.errors, page.error])
    for decoder in (_strict, _loose):
        try:
            return _scan(body, decoder)
        except (ValueError, RecursionError):
            continue
    raise _unreadable(body)


def cut_array(body: bytes) -> Envelope:
    """Return the members of an answer that is a bare array (protocol.md A3, A4); raises Unanswered, with the body."""
    try:
        return Envelope(Rows(_fast_array.decode(body)), (), None)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        pass
    for decoder in (_strict, _loose):
        try:
            return Envelope(_scan_array(body, decoder), (), None)
        except (ValueError, RecursionError):
            continue
    raise _unreadable(body)


def _unreadable(body: bytes) -> Unanswered:
    reason = "unreadable" if body.lstrip()[:1] in (b"{", b"[") else "not-json"
    return Unanswered("the answer cannot be taken apart", reason=reason, body=body)


def _beside(body: bytes, rows: Iterable[msgspec.Raw]) -> bytes:
    """Return what an answer holds beside its rows; all of it where they are not the rows of its first `value`."""
    opening = _OPENING.search(body)
    if opening is None:
        return body
    at = opening.end()
    for row in rows:
        at = _BETWEEN.match(body, at).end()  # type: ignore[union-attr]  # it matches nothing, too
        raw = bytes(row)
        if not body.startswith(raw, at):
            return body
        at += len(raw)
    return body[: opening.end()] + body[at:]


def _each_member_once(beside: bytes) -> bool:
    """Tell whether no member that counts can stand twice, for of two msgspec keeps the last; in doubt False."""
    return all(beside.count(name) <= 1 for name in _NAMES) and not _ESCAPED_LETTER.search(beside)


def _checked(body: bytes, envelope: Envelope, errors: list[Any]) -> Envelope:
    if any(error is not None for error in errors):
        raise Unanswered("the answer tells of errors beside its rows", reason="errors-beside-rows", body=body)
    return envelope


def _one_line(raw: bytes) -> bytes:
    """Leave out the line breaks; in strict JSON they stand only between tokens."""
    return raw.translate(None, b"\r\n") if b"\n" in raw or b"\r" in raw else raw


class _Cursor:
    """A place in the body; steps raise ValueError where the body is not what is expected there."""

    def __init__(self, text: str, decoder: json.JSONDecoder) -> None:
        self._text = text
        self._decoder = decoder
        self.at = 0

    def comes(self, mark: str) -> bool:
        """Skip blanks and tell whether `mark` is next."""
        while self._text[self.at : self.at + 1] in _BLANKS:
            self.at += 1
        return self._text.startswith(mark, self.at)

    def take(self, mark: str) -> None:
        """Step over `mark`."""
        if not self.comes(mark):
            raise ValueError(f"no {mark} at {self.at}")
        self.at += len(mark)

    def value(self) -> str:
        """Step over one JSON value and return its text, as latin-1 characters."""
        self.comes("")
        start = self.at
        _, self.at = self._decoder.raw_decode(self._text, start)
        return self._text[start : self.at]

    def members(self, opening: str, closing: str) -> Iterator[None]:
        """Stop at the start of each member of an object or array."""
        self.take(opening)
        if not self.comes(closing):
            yield
            while not self.comes(closing):
                self.take(",")
                yield
        self.take(closing)


def _scan(body: bytes, decoder: json.JSONDecoder) -> Envelope:
    """Walk the outermost object member by member; raises ValueError where that cannot be done."""
    text = body.decode("latin-1").removeprefix(_BOM)
    cursor = _Cursor(text, decoder)
    rows: list[bytes] = []
    others: dict[str, list[Any]] = {"value": []}
    for _ in cursor.members("{", "}"):
        key = _loads(cursor.value() if cursor.comes('"') else "")
        cursor.take(":")
        said = others.setdefault(key, [])
        if key == "value":
            said.append(None)
            rows.extend(_scanned_row(cursor.value(), decoder) for _ in cursor.members("[", "]"))
        else:
            said.append(_loads(cursor.value()))
    if not others["value"] or not cursor.comes("") or cursor.at != len(text):
        raise ValueError("no rows, or more than one answer")
    warnings = tuple(verbatim(warning) for warning in _all(others, "@adminapi.warnings"))
    envelope = Envelope(tuple(rows), warnings, _only_link(_all(others, "@odata.nextLink")))
    return _checked(body, envelope, [*_all(others, "@adminapi.errors"), *_all(others, "error")])


def _scan_array(body: bytes, decoder: json.JSONDecoder) -> Sequence[bytes]:
    """Walk the members of an array; raises ValueError where that cannot be done."""
    text = body.decode("latin-1").removeprefix(_BOM)
    cursor = _Cursor(text, decoder)
    rows = tuple(_scanned_row(cursor.value(), decoder) for _ in cursor.members("[", "]"))
    if not cursor.comes("") or cursor.at != len(text):
        raise ValueError("more than one answer")
    return rows


def _all(others: dict[str, list[Any]], name: str) -> list[Any]:
    """Return all that the members of this name say, whether they are lists or not; null says nothing."""
    lists = (said if isinstance(said, list) else [said] for said in others.get(name, []))
    return [one for said in lists for one in said if one is not None]


def _only_link(links: list[Any]) -> str | None:
    if len(links) > 1 or any(not isinstance(link, str) for link in links):
        raise ValueError("a next link that leads nowhere")
    return verbatim(links[0]) if links else None


def verbatim(said: object) -> str:
    """Return a text that can be written down: as it is, but for lone surrogates, which are shown escaped."""
    text = said if isinstance(said, str) else json.dumps(said)
    return text.encode("utf-8", "backslashreplace").decode()


def _scanned_row(text: str, decoder: json.JSONDecoder) -> bytes:
    """Return a row's bytes; among loose ones a line break may stand inside a text, where it cannot be left out."""
    if decoder is _loose and ("\n" in text or "\r" in text):
        raise ValueError("a row that cannot be one line")
    return _one_line(text.encode("latin-1"))


def _loads(text: str) -> Any:
    return json.loads(text.encode("latin-1").decode("utf-8", "replace"), strict=False)
