"""How one value of a record is read: text, numbers, times, addresses, message ids, properties."""

import ipaddress
import json
import re
from datetime import MAXYEAR, MINYEAR, UTC, datetime, timedelta
from typing import Any

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

_WHOLE = re.compile(r"\s*([+-]?[0-9]+)(?:\.0*)?\s*")
_BRACKETED = re.compile(r"\[([^\]]+)\](?::[0-9]+)?")
_V4_PORT = re.compile(r"([0-9.]+):[0-9]+")


def text(value: Any) -> str | None:
    """Return text that says something; a number is its digits, everything else is missing."""
    if isinstance(value, str):
        return value or None
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return None


def folded(value: str | None) -> str | None:
    """Return what is compared where case does not count."""
    return None if value is None else value.lower()


def number(value: Any) -> int | None:
    """Return a whole number, be it written as number or as text."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return value
    if isinstance(value, float):
        return int(value) if value.is_integer() else None
    match = _WHOLE.fullmatch(value) if isinstance(value, str) else None
    return int(match[1]) if match else None


def moment(value: Any) -> datetime | None:
    """Return a time in UTC, to the microsecond, where no zone means UTC; None where it cannot be read."""
    try:
        read = datetime.fromisoformat(value) if isinstance(value, str) else None
        if read is None:
            return None
        aware = read.replace(tzinfo=UTC) if read.tzinfo is None else read.astimezone(UTC)
    except (ValueError, OverflowError):
        return None
    return aware if MINYEAR < aware.year < MAXYEAR else None


def shown(time: datetime | None) -> str | None:
    """Return a time as an answer shows it."""
    return None if time is None else time.isoformat().replace("+00:00", "Z")


def day_after(time: datetime | None) -> datetime | None:
    """Return the end of the 24 hours that a throttling blinds."""
    return None if time is None else time + timedelta(hours=24)


def bare(name: str | None) -> str | None:
    """Return an id without one leading and one trailing angle bracket."""
    return None if name is None else name.removeprefix("<").removesuffix(">")


def parsed(value: str | None) -> Address | None:
    """Return an address, None for what is none."""
    try:
        return None if value is None else ipaddress.ip_address(value)
    except ValueError:
        return None


def host(value: str | None) -> str | None:
    """Return an address without port and brackets, as it was written otherwise; what is no address, as recorded."""
    if value is None or parsed(value):
        return value
    match = _BRACKETED.fullmatch(value) or _V4_PORT.fullmatch(value)
    return match[1] if match and parsed(match[1]) else value


def objects(value: Any) -> list[dict[str, Any]]:
    """Return the objects of an array."""
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def member(value: Any, name: str) -> Any:
    """Return a member of what may be an object."""
    return value.get(name) if isinstance(value, dict) else None


def properties(value: Any) -> dict[str, str]:
    """Return OperationProperties, names and values in lower case; of two of a name the first."""
    found: dict[str, str] = {}
    for name, content in _pairs(value):
        said = str(content) if isinstance(content, bool) else text(content)
        if isinstance(name, str) and said is not None:
            found.setdefault(name.strip().lower(), said.strip().lower())
    return found


def _pairs(value: Any) -> list[tuple[Any, Any]]:
    if isinstance(value, dict):
        return list(value.items())
    pairs: list[tuple[Any, Any]] = []
    for one in value if isinstance(value, list) else []:
        if isinstance(one, dict):
            pairs.append((one.get("Name"), one.get("Value")))
        elif isinstance(one, str):
            name, _, content = one.partition(":")
            pairs.append((name, content))
    return pairs


def canonical(value: Any) -> str:
    """Return the same text for the same content."""
    return json.dumps(value, sort_keys=True)
