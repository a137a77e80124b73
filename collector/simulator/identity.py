"""The identity provider: metadata, the token endpoint, device codes, refresh tokens; protocol.md E.

Invariant: a token is issued for a secret, an assertion by the registered certificate, an approved device code or a
refresh token of our own, and for nothing else; each refusal has its AADSTS code.
"""

import hmac
import secrets
import uuid
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any
from urllib.parse import parse_qs

from collector.simulator.assertions import BadAssertion, b64, check_assertion
from collector.simulator.behaviour import Access
from collector.simulator.certificates import app_key
from collector.simulator.scenario import DOMAIN, TENANT_ID
from collector.simulator.tokens import CLIENT_ID, OBJECT_ID, Grant, Tokens
from collector.simulator.wire import Reply, Request, to_json

DEVICE_CODE = "urn:ietf:params:oauth:grant-type:device_code"

Form = Mapping[str, str]


class Refusal(Exception):  # noqa: N818 - it is an answer of the protocol, not a fault
    """A token request that is answered with an AADSTS code; protocol.md E4."""

    def __init__(self, code: int, error: str, text: str, status: int = 400) -> None:
        super().__init__(text)
        self.code = code
        self.error = error
        self.text = text
        self.status = status


class IdentityProvider:
    """The authority of one tenant, at `address`."""

    def __init__(self, address: str, access: Access, tokens: Tokens, now: Callable[[], datetime]) -> None:
        self.client_secret = secrets.token_urlsafe(24)
        self._address = address
        self._access = access
        self._tokens = tokens
        self._now = now
        self._polls: dict[str, tuple[int, Grant]] = {}
        self._refresh: dict[str, Grant] = {}

    @property
    def token_endpoint(self) -> str:
        """Where tokens are asked for, and the audience of a client assertion."""
        return f"{self._address}/{TENANT_ID}/oauth2/v2.0/token"

    def answer(self, request: Request) -> Reply | None:
        """Answer a request to the authority; None for a path that is none of its own."""
        tenant, _, rest = request.path.strip("/").partition("/")
        routes: dict[tuple[str, str], Callable[[Form], dict[str, Any]]] = {
            ("GET", "v2.0/.well-known/openid-configuration"): lambda _: self._metadata(),
            ("POST", "oauth2/v2.0/token"): self._token,
            ("POST", "oauth2/v2.0/devicecode"): self._device_code,
        }
        handler = routes.get((request.method, rest))
        if handler is None:
            return None
        try:
            _check_tenant(tenant)
            return _json(200, handler(form(request)))
        except Refusal as no:
            return self._refused(no)

    def _metadata(self) -> dict[str, Any]:
        base = f"{self._address}/{TENANT_ID}"
        return {
            "issuer": f"{base}/v2.0",
            "authorization_endpoint": f"{base}/oauth2/v2.0/authorize",
            "token_endpoint": self.token_endpoint,
            "device_authorization_endpoint": f"{base}/oauth2/v2.0/devicecode",
        }

    def _token(self, asked: Form) -> dict[str, Any]:
        if asked.get("client_id") != CLIENT_ID:
            raise Refusal(700016, "unauthorized_client", "Application was not found in the directory.")
        grants: dict[str, Callable[[Form], Grant]] = {
            "client_credentials": self._app_grant,
            DEVICE_CODE: self._approved_grant,
            "refresh_token": self._refreshed_grant,
        }
        handler = grants.get(asked.get("grant_type", ""))
        if handler is None:
            raise Refusal(70003, "unsupported_grant_type", "The app requested an unsupported grant type.")
        return self._issue(handler(asked), asked)

    def _app_grant(self, asked: Form) -> Grant:
        if "client_assertion" in asked:
            try:
                check_assertion(asked["client_assertion"], app_key().certificate, CLIENT_ID, self.token_endpoint)
            except BadAssertion as bad:
                raise Refusal(700027, "invalid_client", f"Client assertion is not valid: {bad}", 401) from bad
        elif not hmac.compare_digest(asked.get("client_secret", "").encode(), self.client_secret.encode()):
            raise Refusal(7000215, "invalid_client", "Invalid client secret provided.", 401)
        return Grant(self._audience(asked))

    def _audience(self, asked: Form) -> str:
        for scope in asked.get("scope", "").split():
            if scope == f"{self._address}/.default":
                return self._access.audience or self._address
        raise Refusal(500011, "invalid_resource", "The resource principal was not found in the tenant.")

    def _device_code(self, asked: Form) -> dict[str, Any]:
        code = secrets.token_urlsafe(16)
        self._polls[code] = self._access.pending_polls, Grant(self._audience(asked), self._access.user)
        page = f"{self._address}/device"
        return {
            "user_code": code[:8].upper(),
            "device_code": code,
            "verification_uri": page,
            "expires_in": 900,
            "interval": 1,
            "message": f"To sign in, open {page} and enter the code {code[:8].upper()}.",
        }

    def _approved_grant(self, asked: Form) -> Grant:
        code = asked.get("device_code") or asked.get("code", "")
        if code not in self._polls:
            raise Refusal(70019, "expired_token", "Verification code expired.")
        left, grant = self._polls.pop(code)
        if left:
            self._polls[code] = left - 1, grant
            raise Refusal(70016, "authorization_pending", "The user has not yet entered the code.")
        return grant

    def _refreshed_grant(self, asked: Form) -> Grant:
        grant = self._refresh.get(asked.get("refresh_token", ""))
        if grant is None:
            raise Refusal(700082, "invalid_grant", "The refresh token has expired.")
        return Grant(self._audience(asked), grant.user)

    def _issue(self, grant: Grant, asked: Form) -> dict[str, Any]:
        token = self._tokens.issue(grant, asked.get("claims", ""))
        lifetime = self._access.token_lifetime
        issued: dict[str, Any] = {"access_token": token, "token_type": "Bearer", "expires_in": lifetime}
        return issued | self._account(grant.user, lifetime) if grant.user else issued

    def _account(self, user: str, lifetime: int) -> dict[str, Any]:
        """Return what lets MSAL keep an account: refresh token, unsigned id token, client info; protocol.md E7."""
        now = int(self._now().timestamp())
        claims = {
            "aud": CLIENT_ID,
            "iss": f"{self._address}/{TENANT_ID}/v2.0",
            "sub": OBJECT_ID,
            "oid": OBJECT_ID,
            "tid": TENANT_ID,
            "preferred_username": user,
            "iat": now,
            "exp": now + lifetime,
        }
        refresh = secrets.token_urlsafe(24)
        self._refresh[refresh] = Grant(self._address, user)
        return {
            "refresh_token": refresh,
            "id_token": f"{b64({'alg': 'none', 'typ': 'JWT'})}.{b64(claims)}.",
            "client_info": b64({"uid": OBJECT_ID, "utid": TENANT_ID}),
            "scope": f"{self._address}/.default",
        }

    def _refused(self, no: Refusal) -> Reply:
        trace, correlation = str(uuid.uuid4()), str(uuid.uuid4())
        stamp = self._now().strftime("%Y-%m-%d %H:%M:%SZ")
        return _json(
            no.status,
            {
                "error": no.error,
                "error_description": f"AADSTS{no.code}: {no.text} Trace ID: {trace} Correlation ID: {correlation} "
                f"Timestamp: {stamp}",
                "error_codes": [no.code],
                "timestamp": stamp,
                "trace_id": trace,
                "correlation_id": correlation,
            },
        )


def form(request: Request) -> dict[str, str]:
    """Read the form of a token request."""
    return {name: values[0] for name, values in parse_qs(request.body.decode("utf-8", "replace")).items()}


def _check_tenant(tenant: str) -> None:
    if tenant.casefold() not in (TENANT_ID, DOMAIN):
        raise Refusal(90002, "invalid_tenant", f"Tenant '{tenant}' not found.")


def _json(status: int, value: Mapping[str, Any]) -> Reply:
    return Reply(status, to_json(value), {"Content-Type": "application/json; charset=utf-8"})
