"""Answers as Microsoft Graph writes them; protocol.md D."""

from collections.abc import Sequence

from collector.http.transport import Received
from tests.fakes import received

GRAPH = "https://graph.example.org"


def collection(rows: Sequence[object] = (), link: str | None = None) -> Received:
    """Make a page of a collection."""
    document = {"@odata.context": f"{GRAPH}/$metadata#x", "value": list(rows)}
    return received(200, document | ({"@odata.nextLink": link} if link else {}))


def error(status: int, code: str, message: str = "") -> Received:
    """Make an error answer."""
    inner = {"date": "2026-11-21T05:00:00", "request-id": "r", "client-request-id": "c"}
    return received(status, {"error": {"code": code, "message": message, "innerError": inner}})
