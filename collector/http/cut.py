"""Takes a JSON answer apart without touching a byte of its rows.

Invariants: a row comes out as the bytes that came in, less the line breaks between its tokens; every row of every
`value` member comes out, or the answer is unreadable as a whole. Two ways lead there: msgspec, fast and strict, and
the standard library's scanner over the body read as latin-1 (so that a character's offset is a byte's), for what
msgspec refuses or would pass over: lone surrogates, NaN, a second `value` member.
"""

import json
from collections.abc import Iterator
from typing import Any, NamedTuple

import msgspec

from collector.errors import Unanswered


class Envelope(NamedTuple):
    """An answer of rows: `rows` as received, the warnings verbatim, the next link where there is one."""

    rows: tuple[bytes, ...]
    warnings: tuple[str, ...]
    next_link: str | None


class _Fast(msgspec.Struct):
    value: list[msgspec.Raw]
    warnings: list[str] = msgspec.field(name="@adminapi.warnings", default_factory=list)
    errors: list[Any] = msgspec.field(name="@adminapi.errors", default_factory=list)
    next_link: str | None = msgspec.field(name="@odata.nextLink", default=None)


_fast = msgspec.json.Decoder(_Fast)
_BLANKS = (" ", "\t", "\r", "\n")
_BOM = "\xef\xbb\xbf"
_strict = json.JSONDecoder(parse_int=str, parse_float=str)
_loose = json.JSONDecoder(parse_int=str, parse_float=str, strict=False)


def cut(body: bytes) -> Envelope:
    """Return the rows, warnings and next link of an answer; raises Unanswered, with the body, where it cannot."""
    if body.count(b'"value"') == 1:
        try:
            page = _fast.decode(body)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            pass
        else:
            rows = tuple(_one_line(bytes(raw)) for raw in page.value)
            return _checked(body, rows, page.warnings, page.errors, page.next_link)
    for decoder in (_strict, _loose):
        try:
            return _scan(body, decoder)
        except (ValueError, RecursionError):
            continue
    reason = "not-json" if body.lstrip()[:1] not in (b"{", b"[") else "unreadable"
    raise Unanswered("the answer cannot be taken apart", reason=reason, body=body)


def _checked(
    body: bytes, rows: tuple[bytes, ...], warnings: list[str], errors: list[Any], next_link: str | None
) -> Envelope:
    if errors:
        raise Unanswered(f"errors beside the rows: {errors}"[:500], reason="errors-beside-rows", body=body)
    return Envelope(rows, tuple(warnings), next_link)


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
        while not self.comes(closing):
            yield
            if not self.comes(closing):
                self.take(",")
        self.take(closing)


def _scan(body: bytes, decoder: json.JSONDecoder) -> Envelope:
    """Walk the outermost object member by member; raises ValueError where that cannot be done."""
    text = body.decode("latin-1").removeprefix(_BOM)
    cursor = _Cursor(text, decoder)
    rows: list[bytes] = []
    others: dict[str, Any] = {}
    has_value = False
    for _ in cursor.members("{", "}"):
        key = _loads(cursor.value())
        cursor.take(":")
        if key == "value" and cursor.comes("["):
            has_value = True
            rows.extend(_scanned_row(cursor.value(), decoder) for _ in cursor.members("[", "]"))
        else:
            others[key] = _loads(cursor.value())
    if not has_value or not cursor.comes("") or cursor.at != len(text):
        raise ValueError("no rows, or more than one answer")
    warnings = [str(warning) for warning in others.get("@adminapi.warnings") or []]
    link = others.get("@odata.nextLink")
    errors = others.get("@adminapi.errors") or []
    return _checked(body, tuple(rows), warnings, errors, link if isinstance(link, str) else None)


def _scanned_row(text: str, decoder: json.JSONDecoder) -> bytes:
    """Return a row's bytes; among loose ones a line break may stand inside a text, where it cannot be left out."""
    if decoder is _loose and ("\n" in text or "\r" in text):
        raise ValueError("a row that cannot be one line")
    return _one_line(text.encode("latin-1"))


def _loads(text: str) -> Any:
    return json.loads(text.encode("latin-1").decode("utf-8", "replace"), strict=False)
