"""What an application proves itself with, read and checked before anything is sent.

Invariant: what is wrong with a file or a password is found here, offline, and named by its key in the engagement
file; MSAL would find it only after its first request (protocol.md E3). Keys and secrets stay in memory.
"""

import re
from datetime import datetime
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
    pkcs12,
)

from collector.config import Auth, Certificate, ClientSecret, SecretRef, reveal
from collector.config.secrets import Ask
from collector.errors import UsageError
from collector.model import iso

Credential = str | dict[str, str]
"""As MSAL's `client_credential` takes it: a secret, or a private key with its certificate, both PEM (E3)."""

_PEM_KEY = re.compile(rb"-----BEGIN ([A-Z ]*PRIVATE KEY)-----.*?-----END \1-----", re.DOTALL)


def credential_for(auth: Auth, *, now: datetime, ask: Ask) -> Credential | None:
    """Return what the application proves itself with; None for the methods that need nothing of the kind.

    Raises UsageError where the secret, the certificate or its password is missing, wrong or past its time.
    """
    if isinstance(auth, ClientSecret):
        return reveal(auth.client_secret or SecretRef(kind="prompt"), label="auth.client_secret", ask=ask)
    if isinstance(auth, Certificate):
        return _certificate(auth, now=now, ask=ask)
    return None


def _certificate(auth: Certificate, *, now: datetime, ask: Ask) -> Credential:
    reference = auth.certificate_password
    password = reveal(reference, label="auth.certificate_password", ask=ask).encode() if reference else None
    content = _bytes_of(auth.certificate)
    load = _from_pem if b"-----BEGIN" in content else _from_pfx
    key, certificate = load(content, password, auth.certificate)
    expiry = certificate.not_valid_after_utc
    if expiry <= now:
        raise _unusable(auth.certificate, f"expired at {iso(expiry)}", "make a new one and upload it to the app")
    return {
        "private_key": key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode(),
        "public_certificate": certificate.public_bytes(Encoding.PEM).decode(),
    }


def _bytes_of(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        fault = f"cannot be read: {error.strerror}"
    raise _unusable(path, fault, "put the PFX or PEM there, or name another place")


def _from_pfx(content: bytes, password: bytes | None, path: Path) -> tuple[RSAPrivateKey, x509.Certificate]:
    try:
        key, certificate, _ = pkcs12.load_key_and_certificates(content, password)
    except ValueError:
        raise _not_opened(path, password) from None
    if not isinstance(key, RSAPrivateKey) or certificate is None:
        raise _unusable(path, "does not hold an RSA key with its certificate", "export it again, with the private key")
    return key, certificate


def _from_pem(content: bytes, password: bytes | None, path: Path) -> tuple[RSAPrivateKey, x509.Certificate]:
    block = _PEM_KEY.search(content)
    if not block:
        raise _unusable(path, "holds no private key", "put key and certificate into one PEM file")
    try:
        key = load_pem_private_key(block[0], password)
    except (ValueError, TypeError):  # TypeError: a password too many, or none where one is needed
        raise _not_opened(path, password) from None
    for certificate in _certificates(content):
        if isinstance(key, RSAPrivateKey) and certificate.public_key() == key.public_key():
            return key, certificate
    raise _unusable(path, "does not hold an RSA key with its certificate", "put key and certificate into one PEM file")


def _certificates(content: bytes) -> list[x509.Certificate]:
    try:
        return x509.load_pem_x509_certificates(content)
    except ValueError:
        return []


def _not_opened(path: Path, password: bytes | None) -> UsageError:
    if password is None:
        return UsageError(
            f"auth.certificate: {path} is encrypted or damaged, and auth.certificate_password is not given",
            remedy="give auth.certificate_password, as env:NAME, file:PATH or command:PROGRAM",
        )
    return UsageError(
        f"auth.certificate_password does not open {path}, or the file is damaged",
        remedy="check where auth.certificate_password points; leave it out where the key is not encrypted",
    )


def _unusable(path: Path, fault: str, remedy: str) -> UsageError:
    return UsageError(f"auth.certificate: {path} {fault}", remedy=remedy)
