"""The request log's entries: what was asked, when, and what came back; design 1.3, custody/requests.jsonl.

Invariant: no token stands in an entry, neither one we sent nor one that a service echoes.
"""

import hashlib
import re
from collections.abc import Mapping

from collector.clock import Clock
from collector.http.transport import Received, TransportFailure
from collector.model import iso

LONGEST_BODY = 64 * 2**10
"""Bytes of an answer's body that an entry keeps where the answer was not a page of rows."""

_JWT = re.compile(r"eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*(\.[A-Za-z0-9_-]*)?")


class Entry:
    """One attempt, from the moment it is sent; `number` is its client-request-id."""

    def __init__(self, about: Mapping[str, object], clock: Clock, number: str, attempt: int) -> None:
        self._about = about
        self._clock = clock
        self._started = clock.monotonic()
        self._head = {"time": iso(clock.now()), "client_request_id": number, "attempt": attempt}

    def failed(self, method: str, address: str, failure: TransportFailure) -> dict[str, object]:
        """Return the entry of an attempt that got no whole answer."""
        return {**self._common(method, address), "status": failure.status, "failure": f"{failure.reason}: {failure}"}

    def answered(
        self, method: str, address: str, received: Received, warnings: tuple[str, ...], body: str | None
    ) -> dict[str, object]:
        """Return the entry of an answer; `body` is None where it was a page of rows."""
        entry = {
            **self._common(method, address),
            "status": received.status,
            "request_id": received.headers.get("request-id"),
            "server_date": received.headers.get("date"),
            "bytes": len(received.body),
            "sha256": hashlib.sha256(received.body).hexdigest(),
            "warnings": list(warnings),
        }
        return entry if body is None else {**entry, "body": body}

    def _common(self, method: str, address: str) -> dict[str, object]:
        milliseconds = round((self._clock.monotonic() - self._started) * 1000)
        return {**self._head, "method": method, "address": address, **self._about, "milliseconds": milliseconds}


def shown(body: bytes, token: str) -> str:
    """Return the start of a body as text that can be logged: tokens removed, odd bytes escaped."""
    text = body[: LONGEST_BODY + len(token)].decode("utf-8", "backslashreplace")
    clean = text.replace(token, "[token removed]") if token else text
    return _JWT.sub("[token removed]", clean)[:LONGEST_BODY]
