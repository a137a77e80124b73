"""Access tokens: what they say, and which of them the APIs accept; protocol.md A1, B4, B5, D, E6.

Invariants: a token says for whom, for what and until when; only one that was signed here is accepted, and none that
was revoked. While a claims challenge stands, a token that was asked for without its claims is born revoked.
"""

import hmac
import json
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from collector.simulator.assertions import b64, unb64
from collector.simulator.behaviour import FEED_READ, FEED_READ_DLP, GRAPH_ROLES, Access
from collector.simulator.roles import NEEDS, roles_of
from collector.simulator.scenario import TENANT_ID
from collector.simulator.wire import Reply

CLIENT_ID = "66666666-7777-4888-8999-000000000000"
OBJECT_ID = "77777777-8888-4999-8aaa-000000000000"

_EXCHANGE_APP = "00000002-0000-0ff1-ce00-000000000000"
_APP_ROLE = "Exchange.ManageAsApp"
_USER_SCOPE = "Exchange.Manage"


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


class Tokens:
    """The access tokens of one tenant, for the APIs at `address`."""

    def __init__(self, address: str, access: Access, now: Callable[[], datetime]) -> None:
        self._address = address
        self._access = access
        self._now = now
        self._key = secrets.token_bytes(32)
        self._revoked: set[str] = set()
        self._challenge = ""

    def issue(self, grant: Grant, claims: str) -> str:
        """Sign a new token; `claims` is what the request for it carried of a claims challenge."""
        token = self._sign(self._token_claims(grant))
        if self._challenge not in claims:
            self._revoked.add(token)
        return token

    def check(self, authorization: str | None) -> str:
        """Return the token of an Authorization header; raises Unauthorized where Exchange Online would say 401."""
        token = self.bearer(authorization)
        if self.tenant(token) != TENANT_ID or self.permissions(token).isdisjoint((_APP_ROLE, _USER_SCOPE)):
            raise Unauthorized(self._refusal())
        return token

    def bearer(self, authorization: str | None) -> str:
        """Return the token of an Authorization header; raises Unauthorized unless it is ours, for us and alive."""
        token = (authorization or "").removeprefix("Bearer ")
        claims = self._claims(token)
        alive = token not in self._revoked and claims.get("exp", 0) > self._now().timestamp()
        if not alive or claims.get("aud") != self._address:
            raise Unauthorized(self._refusal())
        return token

    def tenant(self, token: str) -> str:
        """Return the tenant that a token is of."""
        return str(self._claims(token).get("tid"))

    def permissions(self, token: str) -> frozenset[str]:
        """Return the app roles of a token, or the scopes of a user's."""
        claims = self._claims(token)
        return frozenset((*claims.get("roles", ()), *claims.get("scp", "").split()))

    def may_run(self, token: str, cmdlet: str) -> bool:
        """Whether the token's holder has a role for a cmdlet; protocol.md B4, B5."""
        held = roles_of(self._claims(token).get("wids", ())).union(self._access.exchange_roles)
        return not held.isdisjoint(NEEDS.get(cmdlet, ())) and cmdlet not in self._access.forbidden

    def revoke(self, token: str, *, claims: bool) -> Reply:
        """Refuse a token from now on. With `claims` a new one must be asked for with the claims of the reply; E6."""
        self._revoked.add(token)
        if claims:
            self._challenge = str(int(self._now().timestamp()))
        return self._refusal()

    def _refusal(self) -> Reply:
        """Return a 401, with the claims that are wanted for as long as a challenge stands."""
        why = 'error="invalid_token"'
        if self._challenge:
            wanted = {"access_token": {"nbf": {"essential": True, "value": self._challenge}}}
            why = f'error="insufficient_claims", claims="{_padded(wanted)}"'
        realm = f'client_id="{_EXCHANGE_APP}", authorization_uri="{self._address}/common/oauth2/authorize"'
        return Reply(401, b"", {"WWW-Authenticate": f'Bearer realm="", {realm}, {why}'})

    def _token_claims(self, grant: Grant) -> dict[str, Any]:
        now = int(self._now().timestamp())
        delegable = (FEED_READ, FEED_READ_DLP, *GRAPH_ROLES)
        scopes = (_USER_SCOPE, *(role for role in self._access.roles if role in delegable))
        who = {"upn": grant.user, "scp": " ".join(scopes)} if grant.user else {"roles": self._access.roles}
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

    def _sign(self, claims: Mapping[str, Any]) -> str:
        signed = f"{b64({'alg': 'HS256', 'typ': 'JWT'})}.{b64(claims)}"
        return f"{signed}.{b64(hmac.digest(self._key, signed.encode(), 'sha256'))}"

    def _claims(self, token: str) -> dict[str, Any]:
        signed, _, signature = token.rpartition(".")
        if not signature or b64(hmac.digest(self._key, signed.encode(), "sha256")) != signature:
            return {}
        claims: dict[str, Any] = json.loads(unb64(signed.partition(".")[2]))
        return claims


def _padded(value: Mapping[str, Any]) -> str:
    plain = b64(value)
    return plain + "=" * (-len(plain) % 4)
