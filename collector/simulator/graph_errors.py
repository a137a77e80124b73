"""How Microsoft Graph answers, and how it refuses; protocol.md D, and its pages on errors.

Invariant: every answer names its request, an error twice: in a header and inside. The texts are our own, apart from
that of a missing service principal, which was seen.
"""

import uuid
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from collector.simulator.faults import Fault, Kind
from collector.simulator.wire import Reply, Request, to_json

CONTENT_TYPE = "application/json;odata.metadata=minimal;odata.streaming=true;IEEE754Compatible=false;charset=utf-8"
TRACE_SERVICE = "8bd644d1-64a1-4d4b-ae52-2e0cbf64e373"
"""The app whose service principal a tenant must hold before it can be traced by Graph; protocol.md D2."""

_CODES = {
    400: "BadRequest",
    401: "InvalidAuthenticationToken",
    403: "Forbidden",
    404: "NotFound",
    405: "MethodNotAllowed",
    429: "TooManyRequests",
    500: "InternalServerError",
    502: "BadGateway",
    503: "ServiceUnavailable",
    504: "GatewayTimeout",
}


class GraphError(Exception):
    """A request that is refused; `code` is by the status where none is given, `retry_after` is that header's text."""

    def __init__(self, status: int, message: str, *, code: str = "", retry_after: str | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.code = code or _CODES.get(status, "UnknownError")
        self.retry_after = retry_after


INSTEAD: dict[Kind, Callable[[Fault], GraphError]] = {
    Kind.STATUS: lambda fault: GraphError(fault.status, fault.text, retry_after=fault.retry_after),
    Kind.FORBIDDEN: lambda _: GraphError(403, "Access is denied."),
    Kind.TRANSIENT: lambda _: GraphError(500, "The server could not answer now."),
    Kind.PAGING_REFUSED: lambda _: stale(),
}
"""What is answered where a fault stands in for an answer, of those that look otherwise than in the admin API."""


def bad(message: str) -> GraphError:
    """Return the error of a request that cannot be read."""
    return GraphError(400, message)


def stale() -> GraphError:
    """Return the error of a $skiptoken that leads nowhere."""
    return bad("The skip token is invalid or has expired.")


def throttled(wait: int, *, told: bool) -> GraphError:
    """Return the error of a quota that is used up for some seconds."""
    return GraphError(429, "Too many requests.", retry_after=str(wait) if told else None)


def good(value: Mapping[str, Any], status: int = 200) -> Reply:
    """Write an answer."""
    return Reply(status, to_json(value), {"Content-Type": CONTENT_TYPE})


def refusal(error: GraphError, request: Request, now: datetime) -> Reply:
    """Write an error, with the ids that `signed` repeats in headers."""
    ids = _ids(request)
    inner = {"date": f"{now.astimezone(UTC):%Y-%m-%dT%H:%M:%S}", **ids}
    document = {"error": {"code": error.code, "message": error.message, "innerError": inner}}
    after = {"Retry-After": error.retry_after} if error.retry_after is not None else {}
    return Reply(error.status, to_json(document), {"Content-Type": "application/json", **ids, **after})


def signed(reply: Reply, request: Request) -> Reply:
    """Return a reply with the ids of its request, where it has none yet."""
    return replace(reply, headers={**_ids(request), **reply.headers})


def _ids(request: Request) -> dict[str, str]:
    own = str(uuid.uuid4())
    return {"request-id": own, "client-request-id": request.headers.get("client-request-id") or own}
