"""Asking a person to sign in: by a code on any device, or in this machine's browser (protocol.md E7).

Invariant: a wait for the person ends when they are done, when the time is up, or when the operator asks to stop.
"""

from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any
from urllib.parse import parse_qsl

from collector.auth.outage import Outage
from collector.clock import Clock

Prompt = Callable[[list[str], str | None], Mapping[str, Any]]
"""Given scopes and a challenge's claims, returns the service's answer, with `access_token` or `error`."""

PENDING = {"authorization_pending", "slow_down"}
OVERDUE: Mapping[str, Any] = {"error": "expired_token"}
LONGEST = 900.0
"""Seconds for a sign-in in the browser; as long as a device code lives."""


class DevicePrompt:
    """Shows a code that the person enters in a browser anywhere."""

    def __init__(self, client: Any, *, clock: Clock, tell: Callable[[str], None]) -> None:
        self._msal = client
        self._clock = clock
        self._tell = tell

    def __call__(self, scopes: list[str], claims: str | None) -> Mapping[str, Any]:
        """Show the code and ask, at the service's interval, whether it was used."""
        flow = self._msal.initiate_device_flow(scopes, claims_challenge=claims)
        if "user_code" not in flow:
            return flow  # type: ignore[no-any-return] # a refusal, which is a mapping too
        self._tell(f"To sign in, open {flow['verification_uri']} and enter the code {flow['user_code']}")
        deadline = self._clock.monotonic() + flow["expires_in"]
        while self._clock.monotonic() < deadline:
            flow["interval"] = max(1, flow["interval"])
            self._clock.sleep(flow["interval"])
            answer = self._poll(flow, claims)
            if answer.get("error") not in PENDING:
                return answer
        return OVERDUE

    def _poll(self, flow: dict[str, Any], claims: str | None) -> Mapping[str, Any]:
        """Ask once; an outage costs one asking, not the code that the person may be typing (RFC 8628, 3.5)."""
        flow.pop("latest_attempt_at", None)  # MSAL would watch the interval by its own clock
        try:
            answer: Mapping[str, Any] = self._msal.acquire_token_by_device_flow(
                flow, claims_challenge=claims, exit_condition=lambda _: True
            )
        except Outage:
            return {"error": "authorization_pending"}
        return answer


class BrowserPrompt:
    """Opens the sign-in page in this machine's browser, which comes back to a loopback address."""

    def __init__(
        self, client: Any, *, clock: Clock, tell: Callable[[str], None], browse: Callable[[str], object]
    ) -> None:
        self._msal = client
        self._clock = clock
        self._tell = tell
        self._browse = browse

    def __call__(self, scopes: list[str], claims: str | None) -> Mapping[str, Any]:
        """Send the person to the sign-in page, wait for them to come back, and redeem what they bring."""
        with _Landing() as landing:
            flow = self._msal.initiate_auth_code_flow(
                scopes,
                redirect_uri=f"http://localhost:{landing.server_port}",
                prompt="select_account",  # whoever investigates has several accounts
                response_mode="form_post",
                claims_challenge=claims,
            )
            self._tell(f"Sign in in the browser; where none opens, visit {flow['auth_uri']}")
            self._browse(flow["auth_uri"])
            brought = landing.wait(flow["state"], self._clock)
        if not brought:
            return OVERDUE
        answer: Mapping[str, Any] = self._msal.acquire_token_by_auth_code_flow(flow, brought)
        return answer


class _Landing(HTTPServer):
    """Where the browser comes back to: listens on loopback only, and takes only the answer to our own question."""

    timeout = 0.5

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Arrival)
        self.state = ""
        self.brought: dict[str, str] = {}

    def wait(self, state: str, clock: Clock) -> dict[str, str]:
        """Return the form that carries `state`; nothing where the time is up."""
        self.state = state
        deadline = clock.monotonic() + LONGEST
        while not self.brought and clock.monotonic() < deadline:
            clock.check()
            self.handle_request()
        return self.brought


class _Arrival(BaseHTTPRequestHandler):
    """One request of the browser."""

    server: _Landing
    timeout = 2.0  # a connection that is opened in advance and never used must not hold up the one that counts

    def do_POST(self) -> None:
        """Take the form that the sign-in page sends."""
        length = self.headers.get("Content-Length", "0")
        size = int(length) if length.isdecimal() else 0
        form = dict(parse_qsl(self.rfile.read(min(size, 2**16)).decode(errors="replace")))
        ours = form.get("state") == self.server.state
        if ours:
            self.server.brought = form
        page = b"Done. You can close this page and go back to the collector."
        self.send_response(200 if ours else 400)
        self.send_header("Content-Type", "text/plain")
        self.end_headers()
        self.wfile.write(page if ours else b"This is not the sign-in that the collector waits for.")

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name is the base class's
        """Say nothing; the code in the form is a secret."""
