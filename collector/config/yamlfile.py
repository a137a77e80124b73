"""Reads the one YAML document of an engagement file as plain values, and remembers where each was written.

Invariants: a value is a mapping with text keys, a list, text, a whole or decimal number, true, false or null; what is
quoted is text, and so is every plain word that is not plainly one of the others, so that YAML 1.1's surprises (`no`,
`0o17`, `12:30`, timestamps) stay what was typed. Anything else YAML can do is refused. A refusal is a UsageError and
shows neither a value nor more of a key than its name.
"""

import re
import string
import unicodedata
from collections.abc import Iterator
from typing import Any, NamedTuple

import yaml

from collector.errors import UsageError

Path = tuple[str | int, ...]
"""The keys and list positions that lead to a value."""

_DEEPEST = 8
_WORDS = {"": None, "~": None, "null": None, "Null": None, "true": True, "True": True, "false": False, "False": False}
_LONGEST_KEY = 64
_LETTERS = string.ascii_letters + string.digits + "_-"
_KEY = re.compile(rf"[{_LETTERS}]{{1,{_LONGEST_KEY}}}")
_WHOLE = re.compile(r"[+-]?(0|[1-9]\d{0,17})", re.ASCII)
_DECIMAL = re.compile(r"[+-]?\d{1,9}\.\d{1,9}", re.ASCII)
_UNSAFE = {"Cc", "Cs", "Zl", "Zp"}
_MEND = "write a new one with `collector init`, or mend it by hand"


class Place(NamedTuple):
    """Where in the file, counted from 1."""

    line: int
    column: int


class Document(NamedTuple):
    """The values of a file by the name it was opened under; a scalar's place is its own, another's is its key's."""

    file: str
    values: dict[str, Any]
    places: dict[Path, Place]

    def refusal(self, path: Path, message: str, remedy: str) -> UsageError:
        """Return the error that names file, place, key, fault and remedy; the nearest place above an absent key."""
        known = next((path[:end] for end in range(len(path), 0, -1) if path[:end] in self.places), ())
        return _refusal(self.file, self.places.get(known, Place(1, 1)), path, message, remedy)


def spelled(path: Path) -> str:
    """Return a path as `a.b[0]`; of a key that is no plain name only the start, for a secret may be stuck to it."""
    text = "".join(f"[{step}]" if isinstance(step, int) else f".{_name(step)}" for step in path)
    return text.removeprefix(".")


def parse(data: bytes, file: str) -> Document:
    """Read a file's bytes; raises UsageError for what is not one plain YAML mapping in UTF-8."""
    text = _decoded(data, file)
    builder = _Builder(file, text)
    try:
        values = builder.document()
    except yaml.reader.ReaderError as error:
        line, start = text.count("\n", 0, error.position) + 1, text.rfind("\n", 0, error.position)
        place = Place(line, error.position - start)
        raise _refusal(file, place, (), "holds a control character", "take it out; the file is plain text") from None
    except yaml.MarkedYAMLError as error:
        raise _not_yaml(file, error) from None
    except (yaml.YAMLError, ValueError, OverflowError):  # an escape or a version number beyond what Python can hold
        raise UsageError(f"{file}: is not YAML", remedy=_MEND) from None
    if values is None:
        raise UsageError(f"{file}: is empty", remedy=_MEND)
    if not isinstance(values, dict):
        raise _refusal(file, Place(1, 1), (), "does not hold keys with values, such as `tenant: …`", _MEND)
    return Document(file, values, builder.places)


def _decoded(data: bytes, file: str) -> str:
    if b"\0" in data:
        raise UsageError(f"{file}: holds NUL bytes, as UTF-16 and binary files do", remedy="save it as UTF-8 text")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise UsageError(f"{file}:{line}: is not UTF-8 text", remedy="save it as UTF-8 text") from None


def _name(key: str) -> str:
    start = key[: len(key) - len(key.lstrip(_LETTERS))][:_LONGEST_KEY]
    return key if start == key else f"{start}…"


def _refusal(file: str, place: Place, path: Path, message: str, remedy: str) -> UsageError:
    key = f"key {spelled(path)}: " if path else ""
    return UsageError(f"{file}:{place.line}:{place.column}: {key}{message}", remedy=remedy)


def _not_yaml(file: str, error: yaml.MarkedYAMLError) -> UsageError:
    mark = error.problem_mark or error.context_mark
    place = Place(mark.line + 1, mark.column + 1) if mark else Place(1, 1)
    problem = error.problem or "cannot be read"
    if "'\\t'" in problem:
        return _refusal(file, place, (), "has a tab where YAML takes only spaces", "replace tabs by spaces")
    shown = re.sub(r"'([^']*)'", lambda quote: quote[0] if _harmless(quote[1]) else "…", problem)
    remedy = "check indentation, quotes, and the space after each colon"
    return _refusal(file, place, (), f"is not YAML: {shown}", remedy)


def _harmless(quoted: str) -> bool:
    """Whether what the parser quotes is a mark or its own name for one; all else may be a piece of a secret."""
    return len(quoted) == 1 or re.fullmatch(r"<[a-z ]+>", quoted) is not None


class _Builder:
    """Turns the parser's events into values; stops at the first that an engagement file has no use for."""

    def __init__(self, file: str, text: str) -> None:
        self._file = file
        self._text = text
        self.places: dict[Path, Place] = {}

    def document(self) -> Any:
        """Return the value of the only document, None where there is none."""
        self._events: Iterator[yaml.Event] = yaml.parse(self._text, Loader=yaml.SafeLoader)
        next(self._events)
        if isinstance(next(self._events), yaml.StreamEndEvent):
            return None
        value = self._value(next(self._events), ())
        next(self._events)
        end = next(self._events)
        if not isinstance(end, yaml.StreamEndEvent):
            raise self._refusal(end, (), "a second document begins here", "keep one, without lines of `---`")
        return value

    def _value(self, event: yaml.Event, path: Path) -> Any:
        self._require_plain(event, path)
        if isinstance(event, yaml.ScalarEvent):
            self.places[path] = _place(event)
            return self._scalar(event, path)
        self.places.setdefault(path, _place(event))
        return self._list(path) if isinstance(event, yaml.SequenceStartEvent) else self._mapping(path)

    def _require_plain(self, event: yaml.Event, path: Path) -> None:
        if getattr(event, "anchor", None) is not None:
            raise self._refusal(event, path, "anchors (&) and aliases (*) are not taken", "write it out, or quote it")
        if getattr(event, "tag", None) is not None:
            raise self._refusal(event, path, "tags (!) are not taken", "take the tag out, or quote the text")
        if len(path) > _DEEPEST:
            raise self._refusal(event, path[:_DEEPEST], "is nested deeper than any key", "take the brackets out")

    def _scalar(self, event: yaml.ScalarEvent, path: Path) -> Any:
        text = event.value
        if event.style is None:
            if text in _WORDS:
                return _WORDS[text]
            if _WHOLE.fullmatch(text):
                return int(text)
            if _DECIMAL.fullmatch(text):
                return float(text)
        self._require_text(event, path, text)
        return text

    def _require_text(self, event: yaml.Event, path: Path, text: str) -> None:
        if not text.strip():
            raise self._refusal(event, path, "is empty text", "give it a value, or leave the key out")
        if any(unicodedata.category(character) in _UNSAFE for character in text):
            message = "holds a control character, such as a line break"
            raise self._refusal(event, path, message, "write it on one line, as plain text")

    def _list(self, path: Path) -> list[Any]:
        items: list[Any] = []
        while not isinstance(event := next(self._events), yaml.SequenceEndEvent):
            items.append(self._value(event, (*path, len(items))))
        return items

    def _mapping(self, path: Path) -> dict[str, Any]:
        values: dict[str, Any] = {}
        while not isinstance(event := next(self._events), yaml.MappingEndEvent):
            key = self._key(event, path)
            if key in values:
                raise self._refusal(event, (*path, key), "is given twice", "keep one of the two")
            self.places[(*path, key)] = _place(event)
            values[key] = self._value(next(self._events), (*path, key))
        return values

    def _key(self, event: yaml.Event, path: Path) -> str:
        self._require_plain(event, path)
        if not isinstance(event, yaml.ScalarEvent):
            raise self._refusal(event, path, "holds a key that is not a word", "write a name, a colon and a value")
        if event.value == "<<" and event.style is None:
            raise self._refusal(event, path, "merge keys (<<) are not taken", "write the keys out")
        if not _KEY.fullmatch(event.value):
            message = "is not the name of a key"
            raise self._refusal(event, (*path, event.value), message, "put a space after the colon of each key")
        return str(event.value)

    def _refusal(self, event: yaml.Event, path: Path, message: str, remedy: str) -> UsageError:
        return _refusal(self._file, _place(event), path, message, remedy)


def _place(event: yaml.Event) -> Place:
    mark = event.start_mark
    return Place(mark.line + 1, mark.column + 1) if mark else Place(1, 1)
