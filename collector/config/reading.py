"""Reads an engagement file: bytes, then plain values, then typed values, then the rules (design 1.2).

Invariant: whatever the file holds, `load` returns an Engagement or raises one UsageError that names the key, its
place and the remedy, and shows no secret.
"""

import errno
import re
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple, get_args

import msgspec

from collector.config import yamlfile
from collector.config.asked import FORM
from collector.config.engagement import Engagement
from collector.config.readers import Reader, Readers, nearest, readers
from collector.config.rules import broken
from collector.config.units import Unreadable
from collector.config.yamlfile import Document
from collector.errors import UsageError

LARGEST_BYTES = 2**20
"""No engagement file is larger; what is, is some other file."""

_KINDS = {
    "Path": ("a path", "write the path as text"),
    "datetime": ("a time", "write UTC as ISO with Z, such as 2026-10-01T00:00:00Z"),
    "str": ("text", "write it as text; put a number, true or false in quotes"),
    "int": ("a whole number", "write a whole number, without quotes"),
    "float": ("a number", "write a number, without quotes"),
    "bool": ("true or false", "write true or false, without quotes"),
    "array": ("a list", "write a list, such as [first, second]"),
    "object": ("keys with values", "write keys with values below it, or {} for the defaults"),
    "null": ("nothing", "leave the key out"),
}


class Loaded(NamedTuple):
    """An engagement, the bytes of its file as they were, and its plain values as written, without defaults."""

    engagement: Engagement
    text: bytes
    document: dict[str, Any]


def load(path: Path, *, now: datetime) -> Loaded:
    """Read the engagement file; `now` (UTC) is what its windows must not go beyond.

    Raises UsageError for a file that is missing, unreadable or wrong in any way.
    """
    text = _bytes_of(path)
    document = yamlfile.parse(text, str(path))
    _require_named(document)
    folder = path.absolute().parent
    values = _read(document, document.values, readers(folder), ())
    _keep_evidence_here(values, folder)
    engagement = _shaped(document, values)
    if fault := broken(engagement, now):
        raise document.refusal(*fault)
    return Loaded(engagement, text, document.values)


def _bytes_of(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            text = file.read(LARGEST_BYTES + 1)
    except OSError as error:
        remedy = "write one with `collector init`" if error.errno == errno.ENOENT else "give a file that can be read"
        raise UsageError(f"{path}: cannot be read: {error.strerror}", remedy=remedy) from None
    if len(text) > LARGEST_BYTES:
        raise UsageError(f"{path}: is over 1 MiB, so not an engagement file", remedy="name the engagement file")
    return text


def _keep_evidence_here(values: Any, folder: Path) -> None:
    """Let evidence go to ./evidence, beside the file, where the file names no other folder."""
    evidence = values.setdefault("evidence", {}) if isinstance(values, dict) else None
    if isinstance(evidence, dict):
        evidence.setdefault("folder", folder / "evidence")


def _require_named(document: Document) -> None:
    """Refuse a source with nothing after its name: it would be taken for one that is not to be collected."""
    sources = document.values.get("sources")
    for name, value in sources.items() if isinstance(sources, dict) else ():
        if value is None:
            raise document.refusal(("sources", name), "has nothing after it", "write {} for the defaults")


def _read(document: Document, value: Any, reader: "Reader | Readers | None", path: yamlfile.Path) -> Any:
    """Return the value with all that `reader` knows in it read; what it does not know is left to the shape."""
    if value is None or reader is None:
        return value
    if callable(reader):
        return _read_one(document, value, reader, path)
    if not isinstance(value, dict):
        return _read(document, value, reader.get(""), path)
    read = {key: _read(document, item, reader.get(key, reader.get("*")), (*path, key)) for key, item in value.items()}
    if path[-1:] == ("window",):
        read[FORM] = _form(document, value, path)
    return read


def _form(document: Document, window: dict[str, Any], path: yamlfile.Path) -> str:
    if "last" in window and ("start" in window or "end" in window):
        raise document.refusal(path, "a window is either start and end, or last", "keep one of the two")
    return "last" if "last" in window else "between"


def _read_one(document: Document, value: Any, reader: Reader, path: yamlfile.Path) -> object:
    if isinstance(value, list | dict):
        raise document.refusal(path, "takes one value", "write one value after the colon, without brackets")
    try:
        return reader(str(value))
    except Unreadable as error:
        raise document.refusal(path, error.message, error.remedy) from None


def _shaped(document: Document, values: Any) -> Engagement:
    try:
        return msgspec.convert(values, Engagement)
    except msgspec.ValidationError as error:
        fault, _, at = str(error).partition(" - at `$")
        path = tuple(int(index) if index else key for key, index in re.findall(r"\.([\w-]+)|\[(\d+)\]", at))
        raise _misshapen(document, fault, path) from None


def _misshapen(document: Document, fault: str, path: yamlfile.Path) -> UsageError:
    """Return the refusal for msgspec's account of what does not fit the shape."""
    if found := re.fullmatch(r"Object contains unknown field `(.*)`", fault):
        known = tuple(_known(document, path))
        message = f"unknown key{nearest(found[1], known)}"
        return document.refusal((*path, found[1]), message, f"known here: {', '.join(known)}")
    if found := re.fullmatch(r"Object missing required field `(.*)`", fault):
        return document.refusal((*path, found[1]), "is missing", "add it; `collector init` writes a whole file")
    if fault.endswith(("got `null`", "got `NoneType`")):
        return document.refusal(path, "has no value", "give it one; a key that may be missing can be left out")
    expected, bound = re.findall(r"^Expected `(\w+)[^`]*`([^,]*)", fault)[0]
    kind, remedy = _KINDS[expected]
    return document.refusal(path, f"takes {kind}{bound}", remedy)


def _known(document: Document, path: yamlfile.Path) -> Iterator[str]:
    """Yield the keys that the mapping at a path may hold; under `auth`, those of its method."""
    value: Any = document.values
    kinds: list[Any] = [Engagement]
    for step in path:
        value = value[step]
        kinds = [kind for above in kinds for kind in _kinds_below(above, step) if _is_form_of(value, kind)]
    for kind in kinds:
        if kind.__struct_config__.tag_field in value:
            yield kind.__struct_config__.tag_field
        yield from kind.__struct_encode_fields__


def _kinds_below(kind: Any, key: str | int) -> Iterator[Any]:
    """Yield the shapes that the value of a key may take."""
    for field in msgspec.structs.fields(kind):
        if field.encode_name == key:
            yield from (each for each in get_args(field.type) or [field.type] if hasattr(each, "__struct_config__"))


def _is_form_of(value: Any, kind: Any) -> bool:
    """Whether a value's tag, where it shows one, is the shape's."""
    config = kind.__struct_config__
    return config.tag_field is None or value.get(config.tag_field, config.tag) == config.tag
