"""The $filter of Graph's message trace; protocol.md D2.

Invariant: of several values for one property the last one survives, and `or` says nothing, as was reported; whether an
`or` may stand there at all is for the caller to say.
"""

import re
from dataclasses import dataclass, field

from collector.simulator.graph_errors import GraphError, bad
from collector.simulator.parameters import tick
from collector.simulator.wire import CmdletError

EQUAL = ("fromip", "id", "messageid", "recipientaddress", "senderaddress", "status", "toip")
"""The properties that can be asked for by eq; all that is compared here is compared without case."""

_TERM = re.compile(
    r"""\s*(?:
        (?P<name>\w+)\s+(?P<operator>eq|ge|gt|le|lt)\s+(?P<value>'(?:[^']|'')*'|[^\s()']+)
      | (?P<function>contains|startswith|endswith)\(\s*subject\s*,\s*'(?P<words>(?:[^']|'')*)'\s*\)
      | (?P<word>and|or)\b
      | [()]
    )\s*""",
    re.VERBOSE | re.IGNORECASE,
)


@dataclass
class TraceFilter:
    """What a filter asks for: values by property, bounds of receivedDateTime by operator, words by function."""

    equal: dict[str, str] = field(default_factory=dict)
    bounds: dict[str, str] = field(default_factory=dict)
    subject: dict[str, str] = field(default_factory=dict)
    has_or: bool = False


def read_filter(text: str) -> TraceFilter:
    """Read a filter; raises GraphError for one that is not of the forms of D2."""
    asked, place = TraceFilter(), 0
    while place < len(text):
        term = _TERM.match(text, place)
        if term is None:
            raise bad(f"Invalid filter clause: syntax error at position {place} in '{text}'.")
        _take(asked, term)
        place = term.end()
    return asked


def _take(asked: TraceFilter, term: re.Match[str]) -> None:
    if word := term["word"]:
        asked.has_or |= word.casefold() == "or"
    elif function := term["function"]:
        asked.subject[function.casefold()] = _unquoted(term["words"]).casefold()
    elif name := term["name"]:
        _compare(asked, name, term["operator"].casefold(), term["value"])


def _compare(asked: TraceFilter, name: str, operator: str, value: str) -> None:
    folded, quoted = name.casefold(), value.startswith("'")
    if folded == "receiveddatetime" and operator != "eq" and not quoted:
        asked.bounds[operator] = _tick(value)
    elif folded in EQUAL and operator == "eq" and quoted:
        asked.equal[folded] = _unquoted(value[1:-1]).casefold()
    else:
        raise bad(f"The filter '{name} {operator} {value}' is not supported.")


def _tick(value: str) -> str:
    try:
        return tick(value)
    except CmdletError as error:
        raise _no_time(value) from error


def _no_time(value: str) -> GraphError:
    return bad(f"Invalid filter clause: '{value}' is no DateTimeOffset.")


def _unquoted(text: str) -> str:
    return text.replace("''", "'")
