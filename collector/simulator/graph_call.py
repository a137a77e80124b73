"""A request to Microsoft Graph: where it leads to and what it asks; protocol.md D1, D2.

Invariant: a path is read without case; what stands below /v1.0 or /beta is Graph's, whether it is served or not.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import parse_qsl, unquote

from collector.simulator.conditions import GraphCall
from collector.simulator.faults import Fault, Kind
from collector.simulator.graph_errors import bad
from collector.simulator.wire import Request

Due = Mapping[Kind, Fault]

_QUERIES = r"security/auditLog/queries"
_TRACES = r"admin/exchange/tracing/messageTraces"
_ROUTES = {
    ("POST", _QUERIES): GraphCall.SUBMIT,
    ("GET", _QUERIES): GraphCall.QUERIES,
    ("GET", rf"{_QUERIES}/(?P<identity>[^/]+)"): GraphCall.QUERY,
    ("GET", rf"{_QUERIES}/(?P<identity>[^/]+)/records"): GraphCall.RECORDS,
    ("GET", _TRACES): GraphCall.TRACES,
    (
        "GET",
        rf"{_TRACES}/(?P<identity>[^/]+)/(microsoft\.graph\.)?getDetailsByRecipient"
        r"\(recipientAddress='(?P<recipient>([^']|'')+)'\)",
    ): GraphCall.DETAILS,
}
_PATH = re.compile(r"/(?P<version>v1\.0|beta)/(?P<rest>.*)", re.IGNORECASE)


@dataclass(frozen=True)
class Call:
    """A request to Graph; `kind` is None for what is not served. `permissions` are those of its token.

    `query` has lower-case names: the service reads them without case.
    """

    request: Request
    version: str
    kind: GraphCall | None = None
    identity: str = ""
    recipient: str = ""
    query: Mapping[str, str] = field(default_factory=dict)
    permissions: frozenset[str] = frozenset()

    @property
    def posted(self) -> Mapping[str, Any]:
        """What was posted: an object, empty for a body that is none."""
        try:
            posted = json.loads(self.request.body or b"{}")
        except (ValueError, RecursionError):
            return {}
        return posted if isinstance(posted, dict) else {}

    @property
    def cursor(self) -> str | None:
        """The $skiptoken."""
        return self.query.get("$skiptoken")

    def top(self, most: int, default: int) -> int:
        """Return the $top; raises GraphError for one that is not in 1 to `most`."""
        text = self.query.get("$top", str(default))
        if not re.fullmatch(r"[0-9]{1,9}", text) or not 1 <= int(text) <= most:
            raise bad(f"Invalid value '{text}' for $top: it must be between 1 and {most}.")
        return int(text)


def read_call(request: Request) -> Call | None:
    """Read where a request leads to; None for one that is none of Graph's."""
    found = _PATH.fullmatch(unquote(request.path))
    if not found:
        return None
    query = {name.lower(): value for name, value in parse_qsl(request.query, keep_blank_values=True)}
    call = Call(request, found["version"].lower(), query=query)
    for (method, route), kind in _ROUTES.items():
        place = re.fullmatch(route, found["rest"].rstrip("/"), re.IGNORECASE)
        if place and method == request.method:
            named = place.groupdict("")
            recipient = named.get("recipient", "").replace("''", "'")
            return replace(call, kind=kind, identity=named.get("identity", ""), recipient=recipient)
    return call
