"""What a changed engagement file would change in what is asked for (design 1.3, the life of a run).

Invariant: only values count, not their order in a mapping, their spelling or the comments around them; no key that can
refer to a secret is compared, so none is shown.
"""

import json
from collections.abc import Iterable, Iterator
from typing import Any

ASKED = ("engagement", "tenant", "window", "mailboxes", "sources")
"""The keys that decide what a run asks for; sign-in, limits and addresses may change while it is open."""

ATTACKER = "attacker"
"""The key that decides it too where messages are asked for that the attacker accessed."""

_ABSENT = object()


def differences(old: dict[str, Any], new: dict[str, Any], keys: Iterable[str] = ASKED) -> list[str]:
    """Return `key: old -> new` for each value under some keys that differs between two documents of `load`."""
    return [line for key in keys for line in _differences(key, old.get(key, _ABSENT), new.get(key, _ABSENT))]


def _differences(key: str, old: Any, new: Any) -> Iterator[str]:
    if isinstance(old, dict) and isinstance(new, dict):
        for name in sorted(old.keys() | new.keys()):
            yield from _differences(f"{key}.{name}", old.get(name, _ABSENT), new.get(name, _ABSENT))
    elif old != new:
        yield f"{key}: {_shown(old)} -> {_shown(new)}"


def _shown(value: Any) -> str:
    if value is _ABSENT:
        return "(absent)"
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
