"""An identity provider on loopback TLS, good enough for the real MSAL (protocol.md E1, E7), and a clock to match."""

import base64
import hashlib
import itertools
import json
import ssl
import sys
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlsplit

import jwt
import trustme
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from collector.errors import Interrupted

TENANT = "11111111-2222-3333-4444-555555555555"
OTHER_TENANT = "99999999-2222-3333-4444-555555555555"
CLIENT = "00000000-0000-0000-0000-00000000000a"
SECRET = "a8~Qplausible-but-made-up.client_secret0"
CORRELATION = "12345678-aaaa-bbbb-cccc-1234567890ab"


class FakeClock:
    """A clock that moves only when it is slept on, or moved."""

    def __init__(self) -> None:
        self.elapsed = 0.0
        self.slept: list[float] = []
        self.stopped = False
        self.during_sleep: Callable[[], None] = lambda: None

    def now(self) -> datetime:
        return datetime(2026, 11, 21, 5, tzinfo=UTC) + timedelta(seconds=self.elapsed)

    def monotonic(self) -> float:
        return self.elapsed

    def sleep(self, seconds: float) -> None:
        self.check()
        self.slept.append(seconds)
        self.elapsed += seconds
        self.during_sleep()
        self.check()

    def stop(self) -> None:
        self.stopped = True

    def check(self) -> None:
        if self.stopped:
            raise Interrupted("stopped")


@dataclass
class Asked:
    """One request that came in."""

    method: str
    path: str
    form: dict[str, str]
    headers: dict[str, str]


Reply = tuple[int, dict[str, str], bytes]


def reply(status: int, document: Any, **headers: str) -> Reply:
    return status, {name.replace("_", "-"): value for name, value in headers.items()}, json.dumps(document).encode()


def refused(code: int, words: str = "no", *, status: int = 400, **more: Any) -> Reply:
    description = f"AADSTS{code}: {words}\r\nTrace ID: x\r\nCorrelation ID: {CORRELATION}"
    return reply(
        status,
        {"error": "invalid_client", "error_description": description, "error_codes": [code]}
        | {"correlation_id": CORRELATION}
        | more,
    )


def jwt_shaped(claims: dict[str, Any]) -> str:
    return ".".join(_encoded(part) for part in ({"alg": "none"}, claims, {"signature": "x"}))


def _encoded(document: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(document).encode()).decode().rstrip("=")


@dataclass
class Provider:
    """What the identity provider knows, and what it was asked; `script` holds replies that come before its own."""

    certificate: x509.Certificate | None = None
    claims: dict[str, Any] = field(default_factory=lambda: {"tid": TENANT, "roles": ["Exchange.ManageAsApp"]})
    tenant: str = TENANT
    life: Any = 3600
    opaque: bool = False
    pending: int = 0
    caches_accounts: bool = True
    asked: list[Asked] = field(default_factory=list)
    script: deque[Reply] = field(default_factory=deque)
    address: str = ""
    _numbers: Any = field(default_factory=lambda: itertools.count(1))
    nonce: str = ""
    _challenge: str = ""
    _scope: str = ""

    @property
    def tokens_asked(self) -> list[Asked]:
        return [asked for asked in self.asked if asked.path.endswith("/token")]

    def answer(self, asked: Asked) -> Reply:
        self.asked.append(asked)
        operation = asked.path.rpartition("/")[2]
        if operation == "openid-configuration":
            return self._metadata(asked.path.split("/")[1])
        if self.script:
            return self.script.popleft()
        if operation == "devicecode":
            self._scope = asked.form["scope"]
            page = {"user_code": "ABCD-EFGH", "verification_uri": "https://example.org/device", "message": "m"}
            return reply(200, page | {"device_code": "a-device-code", "expires_in": 900, "interval": 5})
        return self._grant(asked.form)

    def _metadata(self, tenant: str) -> Reply:
        if tenant not in {self.tenant, "contoso.example.org"}:
            return refused(90002, "Tenant not found.")
        base = f"{self.address}/{TENANT}"
        return reply(
            200,
            {
                "issuer": f"{base}/v2.0",
                "authorization_endpoint": f"{base}/oauth2/v2.0/authorize",
                "token_endpoint": f"{base}/oauth2/v2.0/token",
                "device_authorization_endpoint": f"{base}/oauth2/v2.0/devicecode",
            },
        )

    def _grant(self, form: dict[str, str]) -> Reply:
        grant = form["grant_type"].rpartition(":")[2]
        if grant == "client_credentials" and not self._proven(form):
            return refused(7000215, "Invalid client secret provided.", status=401)
        if grant == "device_code" and self.pending:
            self.pending -= 1
            return reply(400, {"error": "authorization_pending", "error_codes": [70016]})
        if grant == "authorization_code" and not self._pkce_holds(form["code_verifier"]):
            return refused(501481, "The code verifier does not match.")
        return self._tokens(form, delegated=grant != "client_credentials")

    def _proven(self, form: dict[str, str]) -> bool:
        if "client_secret" in form:
            return form["client_secret"] == SECRET
        assert self.certificate
        verifier = self.certificate.public_key()
        assert isinstance(verifier, RSAPublicKey)
        header = jwt.get_unverified_header(form["client_assertion"])
        told = jwt.decode(
            form["client_assertion"],
            verifier,
            algorithms=["PS256"],
            audience=f"{self.address}/{TENANT}/oauth2/v2.0/token",
        )
        return told["sub"] == CLIENT and len(header["x5c"]) == 1

    def _pkce_holds(self, verifier: str) -> bool:
        digest = hashlib.sha256(verifier.encode()).digest()
        return base64.urlsafe_b64encode(digest).decode().rstrip("=") == self._challenge

    def _tokens(self, form: dict[str, str], *, delegated: bool) -> Reply:
        scope = form.get("scope", self._scope)  # a device code is redeemed without one
        claims = self.claims | {"scope": scope, "number": next(self._numbers)}
        token = f"opaque-{claims['number']}" if self.opaque else jwt_shaped(claims)
        document = {"access_token": token, "token_type": "Bearer"}
        document |= {"expires_in": self.life} if self.life else {}
        if delegated and self.caches_accounts:
            person = {"aud": CLIENT, "sub": "s", "preferred_username": "user@contoso.example.org", "exp": 2**31}
            person |= {"nonce": self.nonce}
            document |= {"refresh_token": "a-refresh-token", "id_token": jwt_shaped(person)}
            document |= {"client_info": _encoded({"uid": "u", "utid": TENANT}), "scope": scope}
        return reply(200, document)

    def sign_in_page(self, address: str) -> dict[str, str]:
        """Play the page that the browser is sent to: return the form that it sends back."""
        asked = {name: values[0] for name, values in parse_qs(urlsplit(address).query).items()}
        assert asked["response_mode"] == "form_post"
        self._challenge = asked["code_challenge"]
        self.nonce = self.nonce or asked["nonce"]
        return {"to": asked["redirect_uri"], "state": asked["state"], "code": "an-authorization-code"}


class Server(ThreadingHTTPServer):
    """Serves a function from requests to replies, over TLS where a context is given."""

    daemon_threads = True

    def __init__(self, answer: Callable[[Asked], Reply], context: ssl.SSLContext | None = None) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.answer = answer
        self.context = context
        self.faults: list[BaseException] = []
        self._thread = threading.Thread(target=self.serve_forever, args=(0.01,), daemon=True)

    @property
    def address(self) -> str:
        return f"{'https' if self.context else 'http'}://localhost:{self.server_port}"

    def __enter__(self) -> "Server":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.shutdown()
        self._thread.join()
        self.server_close()
        assert not self.faults, self.faults

    def get_request(self) -> Any:
        connection, peer = super().get_request()
        if self.context:
            connection = self.context.wrap_socket(connection, server_side=True, do_handshake_on_connect=False)
        return connection, peer

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Keep a fault of the fake for the end of the test; a client that hangs up is part of it."""
        fault = sys.exception()
        if fault and not isinstance(fault, OSError):
            self.faults.append(fault)


class _Handler(BaseHTTPRequestHandler):
    server: Server

    def _any(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
        asked = Asked(self.command, self.path, dict(parse_qsl(body)), dict(self.headers.items()))
        status, headers, answer = self.server.answer(asked)
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(answer)

    do_GET = do_POST = do_CONNECT = _any  # noqa: N815

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        pass


def tls(authority: trustme.CA) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost", "127.0.0.1").configure_cert(context)
    return context
