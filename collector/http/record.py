"""The request log's entries: what was asked, when, and what came back; design 1.3, custody/requests.jsonl.

Invariant: no token stands in an entry, neither one we sent nor one that a service echoes, wherever it does.
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
_REMOVED = "[token removed]"


class Entry:
    """One attempt, from the moment it is sent with `token`; `number` is its client-request-id."""

    def __init__(self, about: Mapping[str, object], clock: Clock, number: str, attempt: int, token: str) -> None:
        self._about = about
        self._clock = clock
        self._token = token
        self._started = clock.monotonic()
        self._head = {"time": iso(clock.now()), "client_request_id": number, "attempt": attempt}

    def failed(self, method: str, address: str, failure: TransportFailure) -> dict[str, object]:
        """Return the entry of an attempt that got no whole answer."""
        told = {"failure": f"{failure.reason}: {failure}", **self._told(failure.status, failure.headers)}
        return {**self._common(method, address), **told}

    def answered(self, method: str, address: str, received: Received) -> dict[str, object]:
        """Return the entry of an answer as it came, to which `made` belongs once it is read."""
        return {
            **self._common(method, address),
            **self._told(received.status, received.headers),
            "bytes": len(received.body),
            "sha256": hashlib.sha256(received.body).hexdigest(),
        }

    def made(self, received: Received, warnings: tuple[str, ...] | None) -> dict[str, object]:
        """Return what was made of an answer: its warnings, or its body where it was no page of rows (None)."""
        if warnings is None:
            return {"warnings": [], "body": shown(received.body, self._token)}
        return {"warnings": [self._clean(warning) for warning in warnings]}

    def _told(self, status: int | None, headers: Mapping[str, str]) -> dict[str, object]:
        known = {"request_id": headers.get("request-id"), "server_date": headers.get("date")}
        return {"status": status, **{name: self._clean(value) for name, value in known.items()}}

    def _common(self, method: str, address: str) -> dict[str, object]:
        milliseconds = round((self._clock.monotonic() - self._started) * 1000)
        asked = {"method": method, "address": self._clean(address)}
        return {**self._head, **asked, **self._about, "milliseconds": milliseconds}

    def _clean(self, text: str | None) -> str | None:
        return None if text is None else clean(text, self._token)


def clean(text: str, token: str) -> str:
    """Return a text without the token we sent, and without any other that looks like one."""
    return _JWT.sub(_REMOVED, text.replace(token, _REMOVED) if token else text)


def shown(body: bytes, token: str) -> str:
    """Return the start of a body as text that can be logged: tokens removed, odd bytes escaped."""
    looked_at = LONGEST_BODY + len(token)
    text = clean(body[:looked_at].decode("utf-8", "backslashreplace"), token)
    if len(body) > looked_at and token:
        text = text[: -len(token)]  # where a token may stand that the cut has left without its end
    return text[:LONGEST_BODY]
