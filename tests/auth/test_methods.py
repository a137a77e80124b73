"""Each way to sign in, with the real MSAL against the provider on loopback."""

import threading
import urllib.parse
from dataclasses import dataclass, field
from http.client import HTTPConnection
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from collector.auth import claims_of
from collector.config import Certificate, ClientSecret, DeviceCode, Interactive, ManagedIdentity
from collector.errors import AccessError, Interrupted

from .conftest import EXCHANGE, MANAGEMENT, Certify, World
from .provider import CLIENT, SECRET, TENANT, Asked, Provider, Reply, Server, refused, reply


def test_a_certificate_signs_in_with_an_assertion_that_the_provider_verifies(
    world: World, provider: Provider, key: RSAPrivateKey, certify: Certify, tmp_path: Path
) -> None:
    provider.certificate = certify()
    pem = tmp_path / "app.pem"
    pem.write_bytes(
        key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        + provider.certificate.public_bytes(Encoding.PEM)
    )

    token = world.sign_in(Certificate(client_id=CLIENT, certificate=pem)).token(EXCHANGE)

    assert (token.tenant, token.roles, token.app_only) == (TENANT, ("Exchange.ManageAsApp",), True)
    assert claims_of(token.value)["scope"] == f"{EXCHANGE}/.default"


def test_a_client_secret_signs_in(world: World, provider: Provider) -> None:
    assert world.sign_in().token(EXCHANGE).tenant == TENANT
    assert provider.tokens_asked[0].form["client_secret"] == SECRET


def test_a_client_secret_that_the_file_does_not_name_is_asked_for(world: World, provider: Provider) -> None:
    sign_in = world.sign_in(ClientSecret(client_id=CLIENT))
    provider.script.append(reply(200, {"access_token": "opaque", "expires_in": 3600}))

    sign_in.token(EXCHANGE)

    assert provider.tokens_asked[0].form["client_secret"] == "typed for auth.client_secret"


def test_a_device_code_is_shown_and_asked_about_at_its_interval(world: World, provider: Provider) -> None:
    provider.pending = 2

    token = world.sign_in(DeviceCode(client_id=CLIENT)).token(EXCHANGE)

    assert world.told == ["To sign in, open https://example.org/device and enter the code ABCD-EFGH"]
    assert world.clock.slept == [5, 5, 5]
    assert not token.app_only


def test_slow_down_makes_the_interval_longer(world: World, provider: Provider) -> None:
    sign_in = world.sign_in(DeviceCode(client_id=CLIENT))
    page = {"user_code": "U", "verification_uri": "https://example.org", "device_code": "d", "expires_in": 900}
    provider.script.extend([reply(200, page | {"interval": 0}), reply(400, {"error": "slow_down"})])

    sign_in.token(EXCHANGE)

    assert world.clock.slept == [1, 6]


def test_an_outage_while_the_person_types_does_not_cost_the_code(world: World, provider: Provider) -> None:
    sign_in = world.sign_in(DeviceCode(client_id=CLIENT))
    page = {"user_code": "U", "verification_uri": "https://example.org", "device_code": "d", "expires_in": 900}
    provider.script.extend([reply(200, page | {"interval": 5}), reply(503, {})])

    sign_in.token(EXCHANGE)

    assert len(world.told) == 1


def test_a_code_that_nobody_uses_ends_the_sign_in(world: World, provider: Provider) -> None:
    sign_in = world.sign_in(DeviceCode(client_id=CLIENT))
    page = {"user_code": "U", "verification_uri": "https://example.org", "device_code": "d", "expires_in": 20}
    provider.pending = 10_000
    provider.script.append(reply(200, page | {"interval": 5}))

    with pytest.raises(AccessError, match="code was not used in time"):
        sign_in.token(EXCHANGE)
    assert world.clock.slept == [5, 5, 5, 5]


def test_ctrl_c_ends_the_wait_for_a_device_code(world: World, provider: Provider) -> None:
    provider.pending = 10_000
    world.clock.during_sleep = world.clock.stop

    with pytest.raises(Interrupted):
        world.sign_in(DeviceCode(client_id=CLIENT)).token(EXCHANGE)
    assert len(world.clock.slept) == 1


def test_a_refused_device_code_says_why(world: World, provider: Provider) -> None:
    sign_in = world.sign_in(DeviceCode(client_id=CLIENT))
    provider.script.append(refused(700016))

    with pytest.raises(AccessError, match="the app is not in this tenant"):
        sign_in.token(EXCHANGE)


def test_the_second_api_needs_no_second_sign_in(world: World, provider: Provider) -> None:
    sign_in = world.sign_in(DeviceCode(client_id=CLIENT))

    first, second = sign_in.token(EXCHANGE), sign_in.token(MANAGEMENT)

    assert len(world.told) == 1
    assert first.value != second.value
    assert provider.tokens_asked[-1].form["grant_type"] == "refresh_token"


def test_a_401_of_a_persons_token_is_mended_without_asking_them(world: World) -> None:
    sign_in = world.sign_in(DeviceCode(client_id=CLIENT))
    stale = sign_in.token(EXCHANGE)

    assert sign_in.renew(EXCHANGE, stale, None).value != stale.value
    assert len(world.told) == 1


@pytest.mark.parametrize("lost", ["account", "grant"])
def test_a_lost_refresh_token_asks_the_person_again(world: World, provider: Provider, lost: str) -> None:
    provider.caches_accounts = lost != "account"
    sign_in = world.sign_in(DeviceCode(client_id=CLIENT))
    sign_in.token(EXCHANGE)
    if lost == "grant":
        provider.script.append(refused(700082, error="invalid_grant"))

    sign_in.token(MANAGEMENT)

    assert len(world.told) == 2


class Browser(threading.Thread):
    """Posts forms to where the sign-in page sends the person, as their browser would."""

    def __init__(self, to: str, *forms: dict[str, str]) -> None:
        super().__init__()
        self.to = to
        self.forms = forms
        self.statuses: list[int] = []

    def run(self) -> None:
        port = urllib.parse.urlsplit(self.to).port
        for form in self.forms:
            connection = HTTPConnection("127.0.0.1", port or 0, timeout=10)
            connection.request("POST", "/", urllib.parse.urlencode(form))
            self.statuses.append(connection.getresponse().status)
            connection.close()


@dataclass
class Person:
    """Signs in at the provider's page; their browser then sends `forms`, each over what the page made."""

    provider: Provider
    forms: list[dict[str, str]]
    browsers: list[Browser] = field(default_factory=list)

    def __call__(self, address: str) -> None:
        page = self.provider.sign_in_page(address)
        self.browsers.append(Browser(page.pop("to"), *(page | form for form in self.forms)))
        self.browsers[-1].start()

    def statuses(self) -> list[int]:
        for browser in self.browsers:
            browser.join()
        return [status for browser in self.browsers for status in browser.statuses]


def test_the_browser_brings_a_code_that_is_redeemed_with_its_verifier(world: World, provider: Provider) -> None:
    person = Person(provider, [{"state": "of-somebody-else", "code": "a-planted-code"}, {}])
    world.browse = person

    token = world.sign_in(Interactive(client_id=CLIENT)).token(EXCHANGE)

    assert person.statuses() == [400, 200]
    assert provider.tokens_asked[0].form["code"] == "an-authorization-code"
    assert not token.app_only
    assert "visit https://localhost" in world.told[0]


def test_a_person_who_declines_in_the_browser_ends_the_sign_in(world: World, provider: Provider) -> None:
    declined = {"code": "", "error": "access_denied", "error_description": "AADSTS65004: User declined to consent."}
    person = Person(provider, [declined])
    world.browse = person

    with pytest.raises(AccessError, match="consent was declined"):
        world.sign_in(Interactive(client_id=CLIENT)).token(EXCHANGE)
    assert person.statuses() == [200]


def test_a_code_of_another_sign_in_is_refused_by_its_nonce(world: World, provider: Provider) -> None:
    provider.nonce = "of-somebody-else"
    person = Person(provider, [{}])
    world.browse = person

    with pytest.raises(AccessError, match="answer cannot be used"):
        world.sign_in(Interactive(client_id=CLIENT)).token(EXCHANGE)
    person.statuses()


def test_ctrl_c_ends_the_wait_for_the_browser(world: World) -> None:
    world.browse = lambda _: world.clock.stop()

    with pytest.raises(Interrupted):
        world.sign_in(Interactive(client_id=CLIENT)).token(EXCHANGE)


def managed_identity(asked: Asked) -> Reply:
    assert asked.headers["Metadata"] == "true"
    query = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(asked.path).query))
    return reply(
        200, {"access_token": f"opaque for {query['resource']} {query.get('client_id')}", "expires_in": "3600"}
    )


@pytest.mark.parametrize("client", [None, CLIENT])
def test_a_managed_identity_is_asked_by_resource_over_plain_http(
    world: World, client: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("IDENTITY_ENDPOINT", "MSI_ENDPOINT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")  # a link-local address is never asked through a proxy
    with Server(managed_identity) as server:
        monkeypatch.setenv("AZURE_POD_IDENTITY_AUTHORITY_HOST", server.address)
        sign_in = world.sign_in(ManagedIdentity(client_id=client))
        token = sign_in.token(EXCHANGE)
        again = sign_in.renew(EXCHANGE, token, None)

    assert token.value == f"opaque for {EXCHANGE} {client}"
    assert (token.tenant, token.app_only) == (None, True)
    assert again.value == token.value
    assert len(world.logged) == 2


def test_a_machine_without_an_identity_is_told_at_once(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("IDENTITY_ENDPOINT", "MSI_ENDPOINT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AZURE_POD_IDENTITY_AUTHORITY_HOST", "http://127.0.0.1:1")

    with pytest.raises(AccessError, match="offers no managed identity"):
        world.sign_in(ManagedIdentity()).token(EXCHANGE)
    assert world.clock.slept == []
