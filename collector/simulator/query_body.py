"""What a new audit log query asks for: the body of its submission; protocol.md D1.

Invariant: what is kept of a body is typed; anything else is a GraphError with status 400. Names are exact, as OData
has them.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from collector.model import Window, utc
from collector.simulator.graph_errors import bad
from collector.simulator.scenario import RECORD_TYPES

_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d{1,7})?)?(Z|[+-]\d\d:\d\d)")
_RECORD_TYPES = {f"{name[0].lower()}{name[1:]}": number for number, name in RECORD_TYPES.items()}


@dataclass(frozen=True)
class Question:
    """What a query asks for. `filters` are those of Search-UnifiedAuditLog, by its names; empty ones are left out."""

    told: Mapping[str, Any]
    window: Window
    filters: Mapping[str, Any]
    record_types: frozenset[int]
    services: frozenset[str]


def read_question(body: Mapping[str, Any]) -> Question:
    """Read a body; raises GraphError."""
    given = {name: value for name, value in body.items() if "@odata." not in name}
    for name, value in given.items():
        if name not in _READERS:
            raise bad(f"The property '{name}' does not exist on type 'microsoft.graph.security.auditLogQuery'.")
        _READERS[name](name, value)
    told = {**_NOTHING, **given}
    return Question(told, _window(told), _filters(told), _types(told), _services(told))


def _window(told: Mapping[str, Any]) -> Window:
    start, end = (utc(told[name]) for name in ("filterStartDateTime", "filterEndDateTime"))
    if start is None or end is None or start >= end:
        raise bad("filterStartDateTime must be given, and earlier than filterEndDateTime.")
    return Window(start, end)


def _filters(told: Mapping[str, Any]) -> dict[str, Any]:
    names = {
        "Operations": "operationFilters",
        "UserIds": "userPrincipalNameFilters",
        "IPAddresses": "ipAddressFilters",
        "ObjectIds": "objectIdFilters",
    }
    lists = {ours: frozenset(value.casefold() for value in told[name]) for ours, name in names.items()}
    return {**lists, "FreeText": told["keywordFilter"]}


def _types(told: Mapping[str, Any]) -> frozenset[int]:
    unknown = [name for name in told["recordTypeFilters"] if name not in _RECORD_TYPES]
    if unknown:
        raise bad(f"Cannot convert '{unknown[0]}' to 'microsoft.graph.security.auditLogRecordType'.")
    return frozenset(_RECORD_TYPES[name] for name in told["recordTypeFilters"])


def _services(told: Mapping[str, Any]) -> frozenset[str]:
    named = [*told["serviceFilters"], *([told["serviceFilter"]] if told["serviceFilter"] else [])]
    return frozenset(name.casefold() for name in named)


def _text(name: str, value: Any) -> None:
    if not isinstance(value, str | None):
        raise bad(f"Cannot read the value of '{name}': a string is expected.")


def _texts(name: str, value: Any) -> None:
    if not isinstance(value, list) or any(not isinstance(item, str) for item in value):
        raise bad(f"Cannot read the value of '{name}': a list of strings is expected.")


def _time(name: str, value: Any) -> None:
    if not isinstance(value, str) or not _TIME.fullmatch(value):
        raise bad(f"Cannot read the value of '{name}': a DateTimeOffset is expected.")


_READERS: dict[str, Callable[[str, Any], None]] = {
    "displayName": _text,
    "filterStartDateTime": _time,
    "filterEndDateTime": _time,
    "recordTypeFilters": _texts,
    "keywordFilter": _text,
    "serviceFilter": _text,
    "serviceFilters": _texts,
    "operationFilters": _texts,
    "userPrincipalNameFilters": _texts,
    "ipAddressFilters": _texts,
    "objectIdFilters": _texts,
    "administrativeUnitIdFilters": _texts,
}
_NOTHING: dict[str, Any] = {name: [] if reader is _texts else None for name, reader in _READERS.items()}
