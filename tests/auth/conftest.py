"""An identity provider, an engagement that signs in there, and applications' certificates."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
import trustme
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.x509.oid import NameOID

from collector.auth import MsalHttp, SignIn
from collector.config import Auth, ClientSecret, Cloud, Engagement, Evidence, Network, SecretRef, Sources

from .provider import CLIENT, SECRET, TENANT, FakeClock, Provider, Server, tls

SECRETIVE = ClientSecret(client_id=CLIENT, client_secret=SecretRef(kind="env", target="COLLECTOR_TEST_SECRET"))


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> tuple[trustme.CA, Path]:
    """The CA of the made-up network, and its certificate as a file."""
    made = trustme.CA()
    path = tmp_path_factory.mktemp("ca") / "ca.pem"
    made.cert_pem.write_to_path(path)
    return made, path


@pytest.fixture(scope="session")
def key() -> RSAPrivateKey:
    return generate_private_key(65537, 2048)


Certify = Callable[..., x509.Certificate]


@pytest.fixture(scope="session")
def certify(key: RSAPrivateKey) -> Certify:
    """Make a certificate for a key; it ends so many days after the clock's day."""

    def make(days: int = 90, signer: Any = key) -> x509.Certificate:
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "collector.contoso.example.org")])
        start = datetime(2026, 1, 1, tzinfo=UTC)
        return (
            x509.CertificateBuilder(name, name, signer.public_key(), x509.random_serial_number())
            .not_valid_before(start)
            .not_valid_after(datetime(2026, 11, 21, tzinfo=UTC) + timedelta(days=days))
            .sign(signer, hashes.SHA256())
        )

    return make


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def provider(authority: tuple[trustme.CA, Path]) -> Iterator[Provider]:
    made = Provider()
    with Server(made.answer, tls(authority[0])) as server:
        made.address = server.address
        yield made


@dataclass
class World:
    """Makes sign-ins at the provider, and keeps what the operator was told and what was logged."""

    engagement: Engagement
    clock: FakeClock
    told: list[str] = field(default_factory=list)
    waits: list[tuple[str, float]] = field(default_factory=list)
    logged: list[tuple[str, str, int | None, float]] = field(default_factory=list)
    browse: Callable[[str], object] = lambda _: None
    open: list[MsalHttp] = field(default_factory=list)

    def sign_in(self, auth: Auth = SECRETIVE, **changes: Any) -> SignIn:
        engagement = msgspec.structs.replace(self.engagement, auth=auth, **changes)
        http = MsalHttp(engagement, clock=self.clock, on_request=lambda *seen: self.logged.append(seen))
        self.open.append(http)
        return SignIn(
            engagement,
            clock=self.clock,
            http=http,
            ask=lambda label: f"typed for {label}",
            tell=self.told.append,
            waiting=lambda why, seconds: self.waits.append((why, seconds)),
            browse=self.browse,
        )


@pytest.fixture
def world(
    provider: Provider, authority: tuple[trustme.CA, Path], clock: FakeClock, tmp_path: Path, secret: None
) -> Iterator[World]:
    made = World(
        Engagement(
            engagement="contoso-test",
            tenant=TENANT,
            cloud=Cloud(authority=provider.address, exchange=EXCHANGE, management=MANAGEMENT),
            auth=SECRETIVE,
            sources=Sources(),
            evidence=Evidence(folder=tmp_path),
            network=Network(ca_bundle=authority[1]),
        ),
        clock,
    )
    yield made
    for http in made.open:
        http.close()


EXCHANGE = "https://outlook.contoso.example.org"
MANAGEMENT = "https://manage.contoso.example.org"


@pytest.fixture
def secret(monkeypatch: pytest.MonkeyPatch) -> None:
    """Put the client secret where the engagement says it is; proxies of this machine stay out of the tests."""
    monkeypatch.setenv("COLLECTOR_TEST_SECRET", SECRET)
    for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
