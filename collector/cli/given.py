"""Parameters of a cmdlet as they are given on the command line. Source: protocol.md B1, on how they are typed.

Invariant: what is sent can be told from what was typed: JSON is taken as it is, all else is text.
"""

import json
from collections.abc import Iterable
from typing import Any

from collector.errors import UsageError


def parameters(given: Iterable[str]) -> dict[str, Any]:
    """Read Key=Value …; a key that is given more than once becomes a list. Raises UsageError for what is no such pair.

    A value that is JSON is what JSON makes of it: true, 5, ["one", "two"], "2026" for a text of digits.
    """
    read: dict[str, list[Any]] = {}
    for pair in given:
        name, equals, value = pair.partition("=")
        if not equals or not name.isidentifier() or not pair.isprintable():
            raise UsageError(f"{pair!r} is not a parameter", remedy="write -p Key=Value, such as -p ResultSize=100")
        read.setdefault(name, []).append(_value(value))
    return {name: values[0] if len(values) == 1 else values for name, values in read.items()}


def _value(text: str) -> Any:
    try:
        return json.loads(text, parse_constant=_refused)
    except (ValueError, RecursionError):
        return text


def _refused(constant: str) -> None:
    """Refuse NaN and its like, which Python reads and JSON does not know."""
    raise ValueError(constant)
