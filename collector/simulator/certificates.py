"""The keys of a simulated tenant: its CA and server certificate, and the certificate of the app registration.

Invariant: everything is made for one process and lies in a temporary folder of the tenant's own.
"""

import ssl
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path

import trustme
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import pkcs12
from cryptography.x509.oid import NameOID

PFX_PASSWORD = "simulated"  # noqa: S105 - of a toy key that lives as long as its tenant


@dataclass(frozen=True)
class AppKey:
    """The key and self-signed certificate that an app registration signs in with."""

    key: rsa.RSAPrivateKey
    certificate: x509.Certificate

    def write(self, folder: Path) -> tuple[Path, Path]:
        """Write app.pem (key and certificate) and app.pfx (behind PFX_PASSWORD); returns both paths."""
        pem, pfx = folder / "app.pem", folder / "app.pfx"
        private = self.key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        pem.write_bytes(private + self.certificate.public_bytes(serialization.Encoding.PEM))
        locked = serialization.BestAvailableEncryption(PFX_PASSWORD.encode())
        pfx.write_bytes(pkcs12.serialize_key_and_certificates(b"collector", self.key, self.certificate, None, locked))
        return pem, pfx


@cache
def app_key() -> AppKey:
    """Make the app's RSA key, once a process because it takes a while."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "collector.contoso.example.org")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=30))
        .sign(key, hashes.SHA256())
    )
    return AppKey(key, certificate)


def server_context(folder: Path) -> tuple[ssl.SSLContext, Path]:
    """Make a CA and a certificate for the loopback; returns the server's TLS context and the CA's PEM file."""
    authority = trustme.CA()
    bundle = folder / "ca.pem"
    authority.cert_pem.write_to_path(str(bundle))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1", "localhost").configure_cert(context)
    return context, bundle
