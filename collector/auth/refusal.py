"""What a refusal of the sign-in service means to the operator: a sentence and a remedy for its AADSTS code.

Source of the codes: learn.microsoft.com/entra/identity-platform/reference-error-codes; protocol.md E4.
Invariant: what the service says is shown in its first line only, with whatever looks like a token taken out.
"""

import re
from collections.abc import Mapping
from typing import Any

from collector.auth.outage import Outage
from collector.errors import AccessError

_NEW_CERTIFICATE = "upload the certificate (public part) to the app registration, or name the one that is there"
_NEW_SECRET = "make a new client secret, and put its value where auth.client_secret points"  # noqa: S105
_POLICY = "sign in with an account and from a place that Conditional Access lets in, or use app-only sign-in"
_CONSENT = "have an administrator of the tenant consent to the permissions that `collector init` lists"
_ACCOUNT = "sign in with an account of the tenant that may sign in"
_NO_API = "the tenant does not have the API that was asked for"
_AGAIN = "run again, and sign in when asked"

CODES: dict[int, tuple[str, str]] = {
    50011: ("the app has no redirect address for this sign-in", "add http://localhost as a public-client address"),
    50020: ("the account is of another tenant", _ACCOUNT),
    50034: ("the account is not in this tenant", _ACCOUNT),
    50053: ("the account is locked, or the address is blocked", _ACCOUNT),
    50057: ("the account is disabled", _ACCOUNT),
    50076: ("the tenant asks for multi-factor authentication", _POLICY),
    50079: ("the account has yet to enrol in multi-factor authentication", _POLICY),
    50105: ("the account is not assigned to the app", "assign it in the enterprise application"),
    50126: ("the user name or password is wrong", _AGAIN),
    50173: ("the sign-in was revoked", _AGAIN),
    53000: ("Conditional Access asks for a compliant device", _POLICY),
    53003: ("Conditional Access blocks this sign-in", _POLICY),
    65001: ("nobody has consented to the app's permissions", _CONSENT),
    65004: ("consent was declined", _CONSENT),
    70019: ("the code was not used in time", _AGAIN),
    70020: ("the code was not used in time", _AGAIN),
    90002: ("there is no such tenant in this cloud", "check `tenant` and `cloud`"),
    90094: ("only an administrator can consent to the app's permissions", _CONSENT),
    500011: (_NO_API, "check `cloud`, and that the tenant is licensed for it"),
    500113: ("the app has no redirect address", "add http://localhost as a public-client address"),
    650052: (_NO_API, "check that the tenant is licensed for it"),
    650057: ("the app does not ask for the API's permissions", "add the permissions that `collector init` lists"),
    700016: ("the app is not in this tenant", "check auth.client_id, `tenant` and `cloud`"),
    700024: ("the signed assertion is out of its time", "mend the clock of this machine"),
    700027: ("the certificate is not one of the app's", _NEW_CERTIFICATE),
    700082: ("the sign-in has lain idle for too long", _AGAIN),
    900023: ("`tenant` is neither a GUID nor a domain", "check `tenant`"),
    7000112: ("the app is disabled in this tenant", "enable the enterprise application, or ask why it was disabled"),
    7000215: ("the client secret is wrong", f"{_NEW_SECRET}; the value is meant, not its id"),
    7000218: ("the app is not a public client", "allow public client flows in its registration, or use a certificate"),
    7000222: ("the client secret has expired", _NEW_SECRET),
}
"""What each AADSTS code means, and what to do."""

TRANSIENT = {90024, 90033}
"""Codes of an outage on the service's side, although they come as a refusal."""

_EXPIRED = {"expired_token", "code_expired", "authorization_pending", "slow_down"}
_LONG = re.compile(r"[A-Za-z0-9_~.+/=-]{40,}")  # longer than a GUID: a token, an assertion, a secret
_CODE = re.compile(r"AADSTS(\d+)")
_GUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_LONGEST = 300


def refusal(answer: Mapping[str, Any], *, secret: str | None = None) -> AccessError | Outage:
    """Return the error for an answer without a token; `secret` never shows, whatever its form."""
    description = str(answer.get("error_description") or answer.get("error") or "no reason was given")
    code = _code_of(answer, description)
    if code in TRANSIENT or answer.get("error") == "temporarily_unavailable":
        return Outage(f"the sign-in service is unavailable ({code or 'temporarily_unavailable'})")
    if code not in CODES and answer.get("error") in _EXPIRED:
        code = 70019
    unknown = (_shown(description, secret), "look the code up, or ask the tenant's administrator")
    sentence, remedy = CODES.get(code, unknown)
    return AccessError(f"sign-in was refused: {sentence}{_trace(code, answer)}", remedy=remedy)


def _code_of(answer: Mapping[str, Any], description: str) -> int:
    """Return the code, 0 where there is none; the list that comes along can hold several, the text names the one."""
    named = _CODE.search(description)
    listed = answer.get("error_codes")
    if named:
        return int(named[1])
    return listed[0] if isinstance(listed, list) and listed and isinstance(listed[0], int) else 0


def _shown(description: str, secret: str | None) -> str:
    line = next(iter(description.splitlines()), "")
    if secret:
        line = line.replace(secret, "[removed]")
    return _LONG.sub("[removed]", line)[:_LONGEST]


def _trace(code: int, answer: Mapping[str, Any]) -> str:
    """Return what the tenant's administrator finds the sign-in by in its logs."""
    correlation = str(answer.get("correlation_id"))
    parts = [f"AADSTS{code}"] if code else []
    parts += [f"correlation id {correlation}"] if _GUID.fullmatch(correlation) else []
    return f" ({', '.join(parts)})" if parts else ""
