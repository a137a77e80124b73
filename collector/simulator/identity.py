"""The identity provider: metadata, tokens, device codes, refresh tokens; protocol.md E, B5.

Invariants: a token says for whom, for what and until when, and only one that this provider signed is accepted. A
client assertion is checked against the registered certificate and the clock of the machine, which stamped it.
"""

import hmac
import json
import secrets
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import parse_qs

from collector.simulator.assertions import BadAssertion, b64, check_assertion, unb64
from collector.simulator.behaviour import Access
from collector.simulator.certificates import app_key
from collector.simulator.scenario import DOMAIN, TENANT_ID
from collector.simulator.wire import Reply, Request, to_json

CLIENT_ID = "66666666-7777-4888-8999-000000000000"
OBJECT_ID = "77777777-8888-4999-8aaa-000000000000"
DEVICE_CODE = "urn:ietf:params:oauth:grant-type:device_code"

_EXCHANGE_APP = "00000002-0000-0ff1-ce00-000000000000"
_APP_ROLE = "Exchange.ManageAsApp"

Form = Mapping[str, str]


class Refusal(Exception):  # noqa: N818 - it is an answer of the protocol, not a fault
    """A token request that is answered with an AADSTS code; protocol.md E4."""

    def __init__(self, code: int, error: str, text: str, status: int = 400) -> None:
        super().__init__(text)
        self.code = code
        self.error = error
        self.text = text
        self.status = status


class Unauthorized(Exception):  # noqa: N818
    """A token that is not accepted; `reply` is the 401 that says so."""

    def __init__(self, reply: Reply) -> None:
        super().__init__("401")
        self.reply = reply


@dataclass(frozen=True)
class Grant:
    """Who a token is for: an app by its roles, or a user by a scope."""

    audience: str
    user: str | None = None


class IdentityProvider:
    """The authority of one tenant, at `address`."""

    def __init__(self, address: str, access: Access, now: Callable[[], datetime]) -> None:
        self.client_secret = secrets.token_urlsafe(24)
        self._address = address
        self._access = access
        self._now = now
        self._key = secrets.token_bytes(32)
        self._revoked: set[str] = set()
        self._challenge = ""
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

    def check(self, authorization: str | None) -> str:
        """Return the token of an Authorization header; raises Unauthorized where Exchange Online would say 401."""
        token = (authorization or "").removeprefix("Bearer ")
        claims = self._claims(token)
        fits = (
            token not in self._revoked
            and claims.get("aud") == self._address
            and claims.get("tid") == TENANT_ID
            and claims.get("exp", 0) > self._now().timestamp()
            and (_APP_ROLE in claims.get("roles", ()) or "scp" in claims)
        )
        if not fits:
            raise Unauthorized(self._challenge_reply('error="invalid_token"'))
        return token

    def may_run(self, token: str, cmdlet: str) -> bool:
        """Whether the token's holder has a role for a cmdlet; protocol.md B4, B5."""
        return bool(self._claims(token).get("wids")) and cmdlet not in self._access.forbidden

    def revoke(self, token: str, *, claims: bool) -> Reply:
        """Refuse a token from now on. With `claims` a new one must be asked for with the claims of the reply; E6."""
        self._revoked.add(token)
        if not claims:
            return self._challenge_reply('error="invalid_token"')
        self._challenge = str(int(self._now().timestamp()))
        wanted = {"access_token": {"nbf": {"essential": True, "value": self._challenge}}}
        return self._challenge_reply(f'error="insufficient_claims", claims="{_padded(wanted)}"')

    def _challenge_reply(self, why: str) -> Reply:
        realm = f'client_id="{_EXCHANGE_APP}", authorization_uri="{self._address}/common/oauth2/authorize"'
        return Reply(401, b"", {"WWW-Authenticate": f'Bearer realm="", {realm}, {why}'})

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
        token = self._sign(self._token_claims(grant))
        if self._challenge not in asked.get("claims", ""):
            self._revoked.add(token)
        lifetime = self._access.token_lifetime
        issued: dict[str, Any] = {"access_token": token, "token_type": "Bearer", "expires_in": lifetime}
        return issued | self._account(grant.user, lifetime) if grant.user else issued

    def _token_claims(self, grant: Grant) -> dict[str, Any]:
        now = int(self._now().timestamp())
        who = {"upn": grant.user, "scp": "Exchange.Manage"} if grant.user else {"roles": self._access.roles}
        return {
            "aud": grant.audience,
            "iss": f"{self._address}/{TENANT_ID}/v2.0",
            "iat": now,
            "nbf": now,
            "exp": now + self._access.token_lifetime,
            "appid": CLIENT_ID,
            "tid": self._access.tid or TENANT_ID,
            "oid": OBJECT_ID,
            "wids": self._access.wids,
            "uti": secrets.token_urlsafe(12),
            **who,
        }

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

    def _sign(self, claims: Mapping[str, Any]) -> str:
        signed = f"{b64({'alg': 'HS256', 'typ': 'JWT'})}.{b64(claims)}"
        return f"{signed}.{b64(hmac.digest(self._key, signed.encode(), 'sha256'))}"

    def _claims(self, token: str) -> dict[str, Any]:
        signed, _, signature = token.rpartition(".")
        if not signature or b64(hmac.digest(self._key, signed.encode(), "sha256")) != signature:
            return {}
        claims: dict[str, Any] = json.loads(unb64(signed.partition(".")[2]))
        return claims

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


def _padded(value: Mapping[str, Any]) -> str:
    plain = b64(value)
    return plain + "=" * (-len(plain) % 4)
