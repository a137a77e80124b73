"""Requests and replies as values, and how the admin REST service writes them down; protocol.md B3, B4.

Invariants: a reply says everything about how it goes out, ill-formed endings too; nothing here knows a cmdlet.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Any, Protocol

CONTENT_TYPE = "application/json;odata.metadata=minimal;odata.streaming=true;IEEE754Compatible=false;charset=utf-8"
TYPE_NAME = "Microsoft.Exchange.Configuration.Tasks"

_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


class Ending(Enum):
    """How the bytes of a reply end on the wire."""

    WHOLE = auto()
    CUT = auto()
    RESET = auto()
    NOTHING = auto()


class Headers(Protocol):
    """Header fields, looked up without case."""

    def get(self, name: str, /) -> str | None:
        """Return a field's value."""

    def items(self) -> Iterable[tuple[str, str]]:
        """Return all fields."""


@dataclass(frozen=True)
class Request:
    """What came in. `query` is the raw text after the question mark."""

    method: str
    path: str
    query: str
    headers: Headers
    body: bytes


@dataclass(frozen=True)
class Reply:
    """What goes out.

    `declared` overrides Content-Length; `wait` is slept before the first byte, `drip` is spread over the body, both
    in seconds. A reply that has its own Content-Encoding is sent as it stands, any other may be compressed.
    """

    status: int
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    ending: Ending = Ending.WHOLE
    declared: int | None = None
    wait: float = 0.0
    drip: float = 0.0


@dataclass(frozen=True)
class Answer:
    """What a cmdlet gave: its rows and its warnings."""

    rows: Sequence[Mapping[str, Any]] = ()
    warnings: tuple[str, ...] = ()


class CmdletError(Exception):
    """A cmdlet, or the binding of its parameters, failed; `kind` is the .NET type of the exception."""

    def __init__(self, message: str, *, kind: str, status: int = 400, identifier: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.kind = kind
        self.status = status
        self.identifier = identifier


def to_json(value: Any) -> bytes:
    """Write a value as UTF-8 JSON without blanks; a lone surrogate becomes its escape."""
    return _encode(value).encode("utf-8", "backslashreplace")


def success(answer: Answer, context: str, next_link: str | None = None) -> bytes:
    """Write the body of B3 around the rows of an answer."""
    document: dict[str, Any] = {
        "@odata.context": context,
        "adminapi.warnings@odata.type": "#Collection(String)",
        "@adminapi.warnings": answer.warnings,
        "value": list(answer.rows),
    }
    if next_link:
        document["@odata.nextLink"] = next_link
    return to_json(document)


def failure(error: CmdletError) -> Reply:
    """Write the error envelope of B4."""
    text = "|".join((error.identifier, error.kind, error.message))
    document = {
        "error": {
            "code": {400: "BadRequest", 404: "NotFound"}.get(error.status, "InternalServerError"),
            "message": "Error executing cmdlet",
            "details": [{"code": "Client", "target": "", "message": text}],
            "innererror": {
                "message": "Error executing cmdlet",
                "type": "Microsoft.Exchange.Admin.OData.Core.ODataServiceException",
                "stacktrace": "",
                "internalexception": {"message": text, "type": error.kind, "stacktrace": ""},
            },
        },
        "adminapi.warnings@odata.type": "#Collection(String)",
        "@adminapi.warnings": [],
    }
    return Reply(error.status, to_json(document), {"Content-Type": CONTENT_TYPE, "X-ExceptionType": error.kind})


def plain(status: int, text: str, **headers: str) -> Reply:
    """Write a reply of plain text; an underscore in a header's name stands for a hyphen."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Reply(status, text.encode(), {"Content-Type": "text/plain; charset=utf-8", **named})


FORBIDDEN = Reply(403, bytes(4096), {"Content-Type": CONTENT_TYPE, "Content-Encoding": "gzip"})
"""No role for the cmdlet, or no such cmdlet: NUL bytes that are declared to be gzip; protocol.md B4."""
