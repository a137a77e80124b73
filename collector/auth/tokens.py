"""Access tokens as values.

Invariants: a token's text is in no repr; nothing here verifies a signature, for a token is judged by the API that it
is for: its claims serve to tell the operator what is amiss before that API does.
"""

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

LEAST_LEFT = 300.0
"""Seconds before its end when a token is renewed; for one that lives short, a quarter of its life."""

UNSTATED_LIFE = 600.0
"""Seconds that a token is taken to live for whose answer does not say; as MSAL does (protocol.md E1)."""


@dataclass(frozen=True, slots=True)
class Token:
    """An access token for one API, which ends at `expires_at` (POSIX seconds).

    `tenant` is the tid claim, None in an opaque token; `upn` the person who signed in, `roles` the app roles granted
    (protocol.md A1, B5); `app_only` is False where a person signed in.
    """

    value: str = field(repr=False)
    expires_at: float
    tenant: str | None
    upn: str | None
    roles: tuple[str, ...]
    app_only: bool


def token_from(answer: Mapping[str, Any], *, now: float, app_only: bool) -> Token:
    """Make a token of a token endpoint's answer that came at `now` (POSIX seconds)."""
    value = str(answer["access_token"])
    life = float(answer.get("expires_in", UNSTATED_LIFE))  # may be text; protocol.md E1
    claims = claims_of(value)
    roles = claims.get("roles")
    return Token(
        value=value,
        expires_at=now + life,
        tenant=_text(claims, "tid"),
        upn=_text(claims, "upn") or _text(claims, "preferred_username") or _text(claims, "unique_name"),
        roles=tuple(str(role) for role in roles) if isinstance(roles, list) else (),
        app_only=app_only,
    )


def renewal_of(token: Token, *, now: float) -> float:
    """Return when a token that came at `now` is to be renewed; POSIX seconds."""
    return token.expires_at - min(LEAST_LEFT, (token.expires_at - now) / 4)


def claims_of(token: str) -> Mapping[str, Any]:
    """Return a JWT's claims, unverified; none for a token that is opaque."""
    parts = token.split(".")
    return (_json_object(parts[1]) if len(parts) == 3 else None) or {}


def challenge_of(claims: str | None) -> str | None:
    """Return the claims that a 401 asks for as JSON, as MSAL wants them; None where there are none to be read.

    They come as base64 in WWW-Authenticate (protocol.md B4, E6); JSON is taken as it is.
    """
    if not claims:
        return None
    if claims.lstrip().startswith("{"):
        return claims
    asked = _json_object(claims)
    return json.dumps(asked) if asked else None


def _json_object(text: str) -> dict[str, Any] | None:
    """Decode base64 of either alphabet, with or without padding, to a JSON object."""
    plain = text.rstrip("=").replace("+", "-").replace("/", "_")
    try:
        found = json.loads(base64.urlsafe_b64decode(plain + "=" * (-len(plain) % 4)))
    except ValueError:
        return None
    return found if isinstance(found, dict) else None


def _text(claims: Mapping[str, Any], name: str) -> str | None:
    value = claims.get(name)
    return value if isinstance(value, str) else None
