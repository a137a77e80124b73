"""How the parameters of a cmdlet are bound: names without case, values by type; protocol.md B1.

Invariant: what a cmdlet sees is typed and within its bounds; anything else is a CmdletError with status 400.
"""

import re
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from collector.model import utc
from collector.simulator.scenario import ticks
from collector.simulator.wire import TYPE_NAME, CmdletError

Reader = Callable[[Any], Any]


def _transformation(value: Any, why: str) -> CmdletError:
    message = f"Cannot process argument transformation. Cannot convert value {str(value)[:100]!r}: {why}"
    return CmdletError(message, kind="System.Management.Automation.ParameterTransformationException")


def bind(given: Mapping[str, Any], known: Mapping[str, Reader]) -> dict[str, Any]:
    """Read every given parameter by its reader; an unknown one fails as AmbiguousParameterSetException."""
    names = {name.casefold(): name for name in known}
    unknown = [name for name in given if name.casefold() not in names]
    if unknown:
        raise ambiguous(*unknown)
    named = {names[name.casefold()]: value for name, value in given.items()}
    return {name: known[name](value) for name, value in named.items()}


def required(bound: Mapping[str, Any], *names: str) -> None:
    """Fail when a parameter that the cmdlet cannot do without is missing."""
    for name in names:
        if name not in bound:
            raise invalid(f"Cannot process command because of missing mandatory parameters: {name}.")


def ambiguous(*names: str) -> CmdletError:
    """Return the error of parameters that are unknown, or cannot stand together; protocol.md B4."""
    return CmdletError(
        "Parameter set cannot be resolved using the specified named parameters. "
        f"Invalid cmdlet parameters specified. {', '.join(names)}",
        kind=f"{TYPE_NAME}.AmbiguousParameterSetException",
    )


def invalid(message: str) -> CmdletError:
    """Return the error of a parameter whose value the cmdlet itself refuses."""
    return CmdletError(message, kind=f"{TYPE_NAME}.TaskArgumentException", identifier="Ex6F9304")


def text(value: Any) -> str:
    """Read a String, Guid or IdParameter."""
    if not isinstance(value, str):
        raise _transformation(value, "a string is expected.")
    return value


def texts(value: Any) -> frozenset[str]:
    """Read a String[], without case; one bare string is taken as a list of one."""
    return frozenset(text(item).casefold() for item in (value if isinstance(value, list) else [value]))


def flag(value: Any) -> bool:
    """Read a Switch or Bool."""
    if not isinstance(value, bool):
        raise _transformation(value, "a boolean is expected.")
    return value


def moment(value: Any) -> datetime:
    """Read a DateTime: ISO, a date alone is midnight, no zone is UTC; protocol.md C1."""
    found = utc(text(value))
    if found is None:
        raise _transformation(value, "the string was not recognized as a valid DateTime.")
    return found


def tick(value: Any) -> str:
    """Read a DateTime to a ten-millionth of a second, as text that sorts as times do; protocol.md C4."""
    exact = ticks(moment(value))
    seventh = re.search(r"\.\d{6}(\d)", value)
    return f"{exact[:-2]}{seventh[1]}Z" if seventh else exact


def count(low: int, high: int) -> Reader:
    """Make the reader of a whole number between two bounds, both allowed."""

    def read(value: Any) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            raise _transformation(value, f"the value must be between {low} and {high}.")
        return value

    return read


def one_of(*names: str) -> Reader:
    """Make the reader of an enum, whose error lists the valid names; protocol.md B4."""
    known = {name.casefold(): name for name in names}

    def read(value: Any) -> str:
        if text(value).casefold() not in known:
            raise _transformation(value, f"Specify one of the following enumerator names: {', '.join(names)}")
        return known[value.casefold()]

    return read


def each_of(*names: str) -> Reader:
    """Make the reader of a list of enum names; one bare name is taken as a list of one."""
    read_one = one_of(*names)

    def read(value: Any) -> frozenset[str]:
        return frozenset(read_one(item) for item in (value if isinstance(value, list) else [value]))

    return read


def size_or_unlimited(value: Any) -> str | int:
    """Read an Unlimited<int>: a whole number or the word."""
    if value == "Unlimited":
        return "Unlimited"
    if isinstance(value, int) and not isinstance(value, bool) and value > 0:
        return value
    raise _transformation(value, "a positive number or Unlimited is expected.")
