"""What MSAL sends its requests through.

Invariants: bodies are reported to nobody, addresses without their query; an exception holds no request, for its body
holds the secret or the assertion. An outage is raised and never returned: MSAL keeps the answers that it is given and
replays them for up to an hour (protocol.md E4), but it cannot keep an exception.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import requests
import urllib3

from collector import network
from collector.auth.outage import fault_of, judge
from collector.clock import Clock
from collector.config import Engagement, ManagedIdentity

OnRequest = Callable[[str, str, int | None, float], None]
"""Told of each request: method, address without query, status (None where none came), milliseconds."""

DEADLINE = 60.0
"""Seconds for a whole answer of the sign-in service, and for its silence; it answers in one or two."""

LARGEST = 2**20
"""Bytes of an answer; metadata and tokens have a few thousand."""


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer in the shape that MSAL reads."""

    status_code: int
    headers: dict[str, str]
    text: str


class MsalHttp:
    """MSAL's `http_client` over the engagement's network; a managed identity is asked over plain http (E3)."""

    def __init__(self, engagement: Engagement, *, clock: Clock, on_request: OnRequest) -> None:
        settings = engagement.network
        self._session = network.session(settings, plain_http=isinstance(engagement.auth, ManagedIdentity))
        self._timeout = (settings.connect_timeout, min(settings.read_timeout, DEADLINE))
        self._clock = clock
        self._on_request = on_request

    def get(self, address: str, **given: Any) -> Answer:
        """Send a GET; raises Outage, AccessError, UsageError."""
        return self._send("GET", address, **given)

    def post(self, address: str, **given: Any) -> Answer:
        """Send a POST; raises Outage, AccessError, UsageError."""
        return self._send("POST", address, **given)

    def close(self) -> None:
        """Close the connections."""
        self._session.close()

    def _send(self, method: str, address: str, **given: Any) -> Answer:
        started = self._clock.monotonic()
        outcome = self._outcome(method, address, started, given)
        status = outcome.status_code if isinstance(outcome, Answer) else None
        self._on_request(method, address.partition("?")[0], status, (self._clock.monotonic() - started) * 1000)
        if not isinstance(outcome, Answer):
            raise outcome
        judge(urlsplit(address).netloc, outcome.status_code, outcome.headers, outcome.text)
        return outcome

    def _outcome(self, method: str, address: str, started: float, given: dict[str, Any]) -> Answer | Exception:
        """Return the answer or the error to raise; raised here, it would hold the request as its context."""
        wanted = {name: given[name] for name in ("params", "data", "headers") if name in given}
        try:
            with self._session.request(method, address, timeout=self._timeout, stream=True, **wanted) as response:
                text = self._read(response, started).decode(errors="replace")
                headers = {name.lower(): value for name, value in response.headers.items()}
                return Answer(response.status_code, headers, text)
        except (requests.RequestException, urllib3.exceptions.HTTPError, OSError) as error:
            return fault_of(error, urlsplit(address).netloc)

    def _read(self, response: requests.Response, started: float) -> bytes:
        body = b""
        for block in response.iter_content(2**14):
            body += block
            if len(body) > LARGEST or self._clock.monotonic() - started > DEADLINE:
                raise requests.exceptions.ReadTimeout
        return body
