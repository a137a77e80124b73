"""JWTs by hand: their base64url, and the check of a client assertion as MSAL signs it; protocol.md E3."""

import base64
import hashlib
import json
from collections.abc import Mapping
from typing import Any

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding

from collector.clock import SystemClock

_PADDING: dict[str, padding.AsymmetricPadding] = {
    "RS256": padding.PKCS1v15(),
    "PS256": padding.PSS(padding.MGF1(hashes.SHA256()), padding.PSS.DIGEST_LENGTH),
}


class BadAssertion(Exception):  # noqa: N818
    """A client assertion that is not accepted, and why."""


def b64(value: bytes | Mapping[str, Any]) -> str:
    """Encode bytes, or the JSON of an object, as base64url without padding."""
    raw = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def unb64(text: str) -> bytes:
    """Decode base64url without padding; raises ValueError."""
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def check_assertion(assertion: str, certificate: x509.Certificate, client_id: str, audience: str) -> None:
    """Raise BadAssertion unless the certificate's key signed the assertion, for this client, audience and hour."""
    signed, _, signature = assertion.rpartition(".")
    head, _, body = signed.partition(".")
    try:
        header, claims, mark = json.loads(unb64(head)), json.loads(unb64(body)), unb64(signature)
    except ValueError as bad:
        raise BadAssertion("it is not a JWT") from bad
    _check_signature(header, signed.encode(), mark, certificate)
    wrong = [
        name
        for name, fits in {
            "aud": claims.get("aud") == audience,
            "iss": claims.get("iss") == client_id,
            "sub": claims.get("sub") == client_id,
            "exp": claims.get("exp", 0) > SystemClock().now().timestamp(),
        }.items()
        if not fits
    ]
    if wrong:
        raise BadAssertion(f"wrong {', '.join(wrong)}")


def _check_signature(header: Mapping[str, Any], signed: bytes, mark: bytes, certificate: x509.Certificate) -> None:
    der = certificate.public_bytes(Encoding.DER)
    thumbprints = {
        "x5t": b64(hashlib.sha1(der, usedforsecurity=False).digest()),
        "x5t#S256": b64(hashlib.sha256(der).digest()),
    }
    # MSAL pads a thumbprint with "=", RFC 7515 does not.
    if not any(str(header.get(name)).rstrip("=") == thumbprint for name, thumbprint in thumbprints.items()):
        raise BadAssertion("its thumbprint is not of a registered certificate")
    key, scheme = certificate.public_key(), _PADDING.get(header.get("alg", ""))
    if scheme is None or not isinstance(key, rsa.RSAPublicKey):
        raise BadAssertion("its algorithm is not supported")
    try:
        key.verify(mark, signed, scheme, hashes.SHA256())
    except InvalidSignature as bad:
        raise BadAssertion("its signature does not fit") from bad
