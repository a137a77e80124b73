"""Certificates and secrets that will not do are found before anything is sent, and named by their key in the file."""

from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    KeySerializationEncryption,
    NoEncryption,
    PrivateFormat,
    pkcs12,
)

from collector.config import Certificate, ClientSecret, SecretRef
from collector.errors import UsageError

from .conftest import EXCHANGE, Certify, World
from .provider import CLIENT, Provider

PASSWORD = "a made-up password"
REFERENCE = SecretRef(kind="env", target="COLLECTOR_TEST_PASSWORD")


def encryption(password: str | None) -> KeySerializationEncryption:
    return BestAvailableEncryption(password.encode()) if password else NoEncryption()


def pfx(key: RSAPrivateKey, certify: Certify, password: str | None) -> bytes:
    return pkcs12.serialize_key_and_certificates(b"collector", key, certify(), None, encryption(password))


def pem(key: RSAPrivateKey, certify: Certify, password: str | None) -> bytes:
    other = generate_private_key(65537, 2048)  # a chain may stand before the certificate that counts
    return (
        certify(signer=other).public_bytes(Encoding.PEM)
        + certify().public_bytes(Encoding.PEM)
        + key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption(password))
    )


Form = Callable[[RSAPrivateKey, Certify, str | None], bytes]
forms = pytest.mark.parametrize("form", [pfx, pem])


@pytest.fixture(autouse=True)
def password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLLECTOR_TEST_PASSWORD", PASSWORD)


def certificate(path: Path, reference: SecretRef | None = None) -> Certificate:
    return Certificate(client_id=CLIENT, certificate=path, certificate_password=reference)


@forms
@pytest.mark.parametrize("protected", [True, False])
def test_a_certificate_opens_with_and_without_a_password(
    world: World,
    provider: Provider,
    *,
    key: RSAPrivateKey,
    certify: Certify,
    tmp_path: Path,
    form: Form,
    protected: bool,
) -> None:
    path = tmp_path / "app"
    path.write_bytes(form(key, certify, PASSWORD if protected else None))
    provider.certificate = certify()

    token = world.sign_in(certificate(path, REFERENCE if protected else None)).token(EXCHANGE)

    assert token.roles == ("Exchange.ManageAsApp",)


@forms
@pytest.mark.parametrize(
    ("real", "given", "words"),
    [
        ("another password", REFERENCE, "auth.certificate_password does not open"),
        (PASSWORD, None, "auth.certificate_password is not given"),
    ],
)
def test_a_wrong_or_missing_password_is_found_offline(
    world: World,
    provider: Provider,
    *,
    key: RSAPrivateKey,
    certify: Certify,
    tmp_path: Path,
    form: Form,
    real: str,
    given: SecretRef | None,
    words: str,
) -> None:
    path = tmp_path / "app"
    path.write_bytes(form(key, certify, real))

    with pytest.raises(UsageError, match=words) as caught:
        world.sign_in(certificate(path, given))
    assert PASSWORD not in f"{caught.value!r}{caught.value.remedy}"
    assert provider.asked == []


def test_a_password_for_a_key_that_has_none_is_said(
    world: World, key: RSAPrivateKey, certify: Certify, tmp_path: Path
) -> None:
    path = tmp_path / "app.pem"
    path.write_bytes(pem(key, certify, None))

    with pytest.raises(UsageError) as caught:
        world.sign_in(certificate(path, REFERENCE))
    assert "leave it out" in caught.value.remedy


def test_a_certificate_file_that_is_not_there_is_named(world: World, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"auth\.certificate: .*nowhere\.pfx cannot be read: No such file"):
        world.sign_in(certificate(tmp_path / "nowhere.pfx"))


def test_files_without_an_rsa_key_and_its_certificate_are_refused(
    world: World, key: RSAPrivateKey, certify: Certify, tmp_path: Path
) -> None:
    curve = ec.generate_private_key(ec.SECP256R1())
    lone_key = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    other = certify(signer=generate_private_key(65537, 2048)).public_bytes(Encoding.PEM)
    contents = {
        "certificate only": certify().public_bytes(Encoding.PEM),
        "key only": lone_key,
        "another certificate": lone_key + other,
        "damaged certificate": lone_key + b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
        "elliptic PEM": curve.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        + certify(signer=curve).public_bytes(Encoding.PEM),
        "elliptic PFX": pkcs12.serialize_key_and_certificates(b"x", curve, certify(signer=curve), None, NoEncryption()),
        "neither form": b"MZ\x00",
    }
    for name, content in contents.items():
        (tmp_path / name).write_bytes(content)
        with pytest.raises(UsageError, match=r"auth\.certificate: ") as caught:
            world.sign_in(certificate(tmp_path / name))
        assert caught.value.remedy, name


def test_an_expired_certificate_says_when(world: World, key: RSAPrivateKey, certify: Certify, tmp_path: Path) -> None:
    path = tmp_path / "app.pfx"
    path.write_bytes(pkcs12.serialize_key_and_certificates(b"x", key, certify(days=-1), None, NoEncryption()))

    with pytest.raises(UsageError, match="expired at 2026-11-20T00:00:00Z"):
        world.sign_in(certificate(path))


def test_a_secret_that_is_not_set_is_named_before_anything_is_sent(world: World, provider: Provider) -> None:
    nowhere = SecretRef(kind="env", target="COLLECTOR_TEST_UNSET")

    with pytest.raises(UsageError, match=r"auth\.client_secret"):
        world.sign_in(ClientSecret(client_id=CLIENT, client_secret=nowhere))
    assert provider.asked == []
