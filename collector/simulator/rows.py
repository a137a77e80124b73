"""Rows as the REST service writes them: plain values become text, with the sidecars of protocol.md B3.

Invariant: what is not text, a boolean or nothing has a sidecar that tells its type, in front of it, a TimeSpan and a
size apart, whose text tells it.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import parse_qs
from uuid import NAMESPACE_OID, uuid5

from collector.simulator.scenario import ticks
from collector.simulator.wire import Answer

MORE_RESULTS = (
    "There are more results available than are currently displayed. "
    "To view them, increase the value for the ResultSize parameter."
)
"""How a truncated answer is told; protocol.md B3."""


class Size(int):
    """A number of bytes, written as `99 GB (106,300,440,576 bytes)`."""

    __slots__ = ()

    def __str__(self) -> str:
        amount, unit = float(self), "B"
        for larger in ("KB", "MB", "GB"):
            if amount < 1024:
                break
            amount, unit = amount / 1024, larger
        return f"{amount:.4g} {unit} ({int(self):,} bytes)"


class Guid(str):
    """A Guid, as its text."""

    __slots__ = ()

    @classmethod
    def of(cls, *names: str) -> "Guid":
        """Return the Guid that an object has by its names, the same each time."""
        return cls(uuid5(NAMESPACE_OID, "/".join(names)))


_TYPES = {datetime: "System.DateTime", Guid: "System.Guid", int: "System.Int32"}


def typed(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return a row of plain values as REST writes it."""
    row: dict[str, Any] = {}
    for name, value in fields.items():
        if sidecar := _sidecar(value):
            row[f"{name}@{sidecar[0]}"] = sidecar[1]
        row[name] = _written(value)
    return row


def selected(rows: Sequence[Mapping[str, Any]], query: str) -> Sequence[Mapping[str, Any]]:
    """Return rows with the columns that `$select` of a query names, all where it names none; protocol.md B1."""
    asked = parse_qs(query).get("$select")
    if asked is None:
        return rows
    names = {name.strip().casefold() for name in asked[0].split(",")}
    return [{key: value for key, value in row.items() if key.partition("@")[0].casefold() in names} for row in rows]


def limited(rows: Sequence[Mapping[str, Any]], size: int | str) -> Answer:
    """Return the first rows of an answer, as many as a ResultSize allows, with a warning where that is not all."""
    if isinstance(size, str) or len(rows) <= size:
        return Answer(rows)
    return Answer(rows[:size], (MORE_RESULTS,))


def time_span(span: timedelta) -> str:
    """Write a TimeSpan: `90.00:00:00`."""
    minutes, seconds = divmod(span.seconds, 60)
    return f"{span.days}.{minutes // 60:02}:{minutes % 60:02}:{seconds:02}"


def _sidecar(value: Any) -> tuple[str, str] | None:
    """Return what stands behind the @ of a value's sidecar, and the sidecar; None for a value without one."""
    if type(value) in _TYPES:
        return "data.type", _TYPES[type(value)]
    return ("odata.type", "#Collection(String)") if isinstance(value, (list, tuple)) else None


def _written(value: Any) -> Any:
    """Return a value as JSON takes it."""
    match value:
        case datetime():
            return f"{ticks(value)[:-1]}+00:00"
        case timedelta():
            return time_span(value)
        case Size():
            return str(value)
        case _:
            return value
