r"""Reading what a feed wrote: strictly where it can be, leniently where it must be.

Invariants: what a strict reader refuses (lone surrogates, integers of any length, control characters, odd types) is
read leniently; a text that no table can hold is shown with what is wrong in it written out (`\ud800`), so that two
texts that differ stay different.
"""

import re
from typing import Any, TypeVar

import msgspec

from collector.model import lenient

_INTEGER = re.compile(r"(-?[0-9]{1,18})(?:\.0*)?", re.ASCII)
T = TypeVar("T", bound=msgspec.Struct)


def members(line: bytes, decoder: "msgspec.json.Decoder[T]") -> T:
    """Return the members of a JSON object that a decoder's struct names; all of its fields take anything.

    Raises ValueError, with where and why, for a line that cannot be read at all or is no object.
    """
    try:
        return decoder.decode(line)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        found = lenient(line)
        names = zip(decoder.type.__struct_fields__, decoder.type.__struct_encode_fields__, strict=True)
        return decoder.type(**{field: found.get(name) for field, name in names})


def text(value: Any) -> str | None:
    """Return a text as a table can hold it, None for an empty one; a number is its digits, anything else no text."""
    if isinstance(value, str):
        return clean(value) or None
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def clean(value: str) -> str:
    """Return a text with each lone surrogate, which is no text, written out."""
    return value if value.isascii() else value.encode("utf-8", "backslashreplace").decode()


def number(value: Any) -> int | None:
    """Return a whole number that a table can hold, also one written as text or with zeros behind a point."""
    found = _INTEGER.fullmatch(str(value))
    return int(found[1]) if found else None


def objects(value: Any) -> list[dict[str, Any]]:
    """Return the JSON objects in a list, or the one in place of a list; protocol.md F2, AppAccessContext."""
    listed = value if isinstance(value, list) else [value]
    return [one for one in listed if isinstance(one, dict)]
