"""A run that outlives its tokens, a provider that fails, tokens of the wrong tenant, and eight workers at once."""

import base64
import json
import logging
import threading
import traceback
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import msgspec
import pytest

from collector.auth import Token, claims_of
from collector.auth.refusal import CODES
from collector.config import ClientSecret, Cloud, Network
from collector.errors import AccessError, CollectorError, Interrupted, TemporaryError, UsageError

from .conftest import EXCHANGE, MANAGEMENT, World
from .provider import CLIENT, CORRELATION, OTHER_TENANT, SECRET, TENANT, Asked, Provider, Reply, Server, refused, reply


def test_two_apis_get_a_token_each_for_their_own_scope(world: World) -> None:
    sign_in = world.sign_in()

    scopes = [claims_of(sign_in.token(api).value)["scope"] for api in (EXCHANGE, MANAGEMENT)]

    assert scopes == [f"{EXCHANGE}/.default", f"{MANAGEMENT}/.default"]


@pytest.mark.parametrize(("life", "held", "renewed"), [(3600, 3299, 3301), ("200", 149, 151), (None, 449, 451)])
def test_a_token_is_renewed_before_it_ends(
    world: World, provider: Provider, life: object, held: float, renewed: float
) -> None:
    provider.life = life
    sign_in = world.sign_in()
    first = sign_in.token(EXCHANGE)

    world.clock.elapsed = held
    assert sign_in.token(EXCHANGE) == first
    world.clock.elapsed = renewed
    assert sign_in.token(EXCHANGE) != first


def test_a_401_gets_a_new_token_though_the_old_one_has_not_ended(world: World, provider: Provider) -> None:
    sign_in = world.sign_in()
    stale = sign_in.token(EXCHANGE)

    fresh = sign_in.renew(EXCHANGE, stale, None)

    assert fresh.value != stale.value
    assert sign_in.token(EXCHANGE) is fresh
    assert len(provider.tokens_asked) == 2


@pytest.mark.parametrize("form", ["base64", "json"])
def test_the_claims_of_a_challenge_reach_the_provider(world: World, provider: Provider, form: str) -> None:
    asked = json.dumps({"access_token": {"nbf": {"essential": True, "value": "1"}}})
    sign_in = world.sign_in()

    challenge = base64.b64encode(asked.encode()).decode().rstrip("=") if form == "base64" else asked
    sign_in.renew(EXCHANGE, sign_in.token(EXCHANGE), challenge)

    sent = json.loads(provider.tokens_asked[1].form["claims"])["access_token"]
    assert sent["nbf"] == {"essential": True, "value": "1"}
    assert sent["xms_cc"] == {"values": ["CP1"]}


@pytest.mark.parametrize("junk", ["", "%%%", "bm90IGpzb24=", "W10=", "//8="])
def test_a_challenge_that_cannot_be_read_still_renews(world: World, junk: str) -> None:
    sign_in = world.sign_in()
    stale = sign_in.token(EXCHANGE)

    assert sign_in.renew(EXCHANGE, stale, junk) != stale


def test_eight_workers_make_one_token_request(world: World, provider: Provider) -> None:
    sign_in = world.sign_in()
    start = threading.Barrier(8)

    def first(_: int) -> Token:
        start.wait(10)
        return sign_in.token(EXCHANGE)

    with ThreadPoolExecutor(8) as workers:
        tokens = set(workers.map(first, range(8)))

    assert len(tokens) == len(provider.tokens_asked) == 1


def test_eight_workers_with_a_401_renew_once(world: World, provider: Provider) -> None:
    sign_in = world.sign_in()
    stale = sign_in.token(EXCHANGE)
    start = threading.Barrier(8)

    def renew(_: int) -> Token:
        start.wait(10)
        return sign_in.renew(EXCHANGE, stale, None)

    with ThreadPoolExecutor(8) as workers:
        tokens = set(workers.map(renew, range(8)))

    assert len(tokens) == 1
    assert len(provider.tokens_asked) == 2


def test_a_token_of_another_tenant_is_given_to_nobody(world: World, provider: Provider) -> None:
    provider.claims["tid"] = OTHER_TENANT
    sign_in = world.sign_in()

    for _ in range(2):
        with pytest.raises(AccessError, match=f"of tenant {OTHER_TENANT}"):
            sign_in.token(EXCHANGE)


def test_a_tenant_written_in_capitals_is_the_same_tenant(world: World, provider: Provider) -> None:
    provider.tenant = "abcdef00-2222-3333-4444-555555555555"
    provider.claims["tid"] = provider.tenant.title()

    sign_in = world.sign_in(tenant=provider.tenant.upper())

    assert sign_in.token(EXCHANGE).tenant == provider.claims["tid"]
    assert sign_in.tenant_id == provider.tenant


def test_an_opaque_token_is_taken(world: World, provider: Provider) -> None:
    provider.opaque = True

    token = world.sign_in().token(EXCHANGE)

    assert (token.value, token.tenant, token.roles) == ("opaque-1", None, ())


def test_a_domain_is_resolved_to_the_tenants_guid(world: World) -> None:
    sign_in = world.sign_in(tenant="contoso.example.org")

    assert sign_in.tenant_id == TENANT
    assert sign_in.token(EXCHANGE).tenant == TENANT


def test_a_domain_that_no_tenant_has_ends_the_sign_in(world: World) -> None:
    with pytest.raises(AccessError, match="no such tenant") as caught:
        world.sign_in(tenant="fabrikam.example.org").token(EXCHANGE)
    assert "AADSTS90002" in str(caught.value)


def test_a_guid_that_no_tenant_has_ends_the_sign_in(world: World) -> None:
    with pytest.raises(AccessError, match="no tenant to sign in to"):
        world.sign_in(tenant=OTHER_TENANT).token(EXCHANGE)


@pytest.mark.parametrize("code", sorted(CODES))
def test_a_known_refusal_is_a_sentence_and_a_remedy(world: World, provider: Provider, code: int) -> None:
    provider.script.append(refused(code, f"client_assertion={'A' * 60}"))

    with pytest.raises(AccessError) as caught:
        world.sign_in().token(EXCHANGE)

    sentence, remedy = CODES[code]
    assert str(caught.value) == f"sign-in was refused: {sentence} (AADSTS{code}, correlation id {CORRELATION})"
    assert caught.value.remedy == remedy


def test_an_unknown_refusal_is_shown_without_what_it_echoes(world: World, provider: Provider) -> None:
    typed = "typed for auth.client_secret"
    provider.script.append(refused(999, f"The assertion {'eyJ.' * 20} or {typed} will not do."))

    with pytest.raises(AccessError) as caught:
        world.sign_in(ClientSecret(client_id=CLIENT)).token(EXCHANGE)

    assert "AADSTS999: The assertion [removed] or [removed] will not do." in str(caught.value)
    assert "Trace" not in str(caught.value)


OUTAGES = {
    "500": reply(500, {}),
    "429": reply(429, {}),
    "HTML 503": (503, {}, b"<html>"),
    "HTML 200": (200, {}, b"<html>"),
    "code of an outage": refused(90033),
    "cut short": (200, {"Content-Length": "1000"}, b"{"),
}


@pytest.mark.parametrize("outage", OUTAGES.values(), ids=OUTAGES.keys())
def test_an_outage_is_waited_out(world: World, provider: Provider, outage: Reply) -> None:
    sign_in = world.sign_in()
    provider.script.extend([outage, outage, outage])

    assert sign_in.token(EXCHANGE).tenant == TENANT
    assert world.clock.slept == [2, 4, 8]
    assert [seconds for _, seconds in world.waits] == [2, 4, 8]
    assert all(why.startswith("sign-in is not possible at the moment: ") for why, _ in world.waits)


def test_retry_after_is_kept_to(world: World, provider: Provider) -> None:
    sign_in = world.sign_in()
    provider.script.append(reply(429, {}, Retry_After="77"))

    sign_in.token(EXCHANGE)

    assert world.clock.slept == [77]


def test_an_outage_that_outlasts_the_patience_is_temporary(world: World, provider: Provider) -> None:
    sign_in = world.sign_in()
    provider.script.extend([reply(503, {})] * 100)

    with pytest.raises(TemporaryError, match="answered 503") as caught:
        sign_in.token(EXCHANGE)
    assert sum(world.clock.slept) <= 1800
    assert caught.value.__context__ is None


def test_ctrl_c_ends_the_wait_for_an_outage(world: World, provider: Provider) -> None:
    sign_in = world.sign_in()
    provider.script.extend([reply(503, {})] * 100)
    world.clock.during_sleep = world.clock.stop

    with pytest.raises(Interrupted):
        sign_in.token(EXCHANGE)
    assert len(provider.tokens_asked) == 1


def test_a_redirect_of_the_sign_in_is_not_followed(world: World, provider: Provider) -> None:
    sign_in = world.sign_in()
    provider.script.append((307, {"Location": f"{provider.address}/elsewhere"}, b""))

    with pytest.raises(AccessError, match="307"):
        sign_in.token(EXCHANGE)
    assert not [asked for asked in provider.asked if asked.path == "/elsewhere"]


@pytest.mark.parametrize(
    "answer", [reply(200, {}), reply(200, []), reply(401, {"error": "x"}), (401, {}, b""), reply(200, {"error": 7})]
)
def test_an_answer_without_a_token_is_no_token(world: World, provider: Provider, answer: Reply) -> None:
    sign_in = world.sign_in()
    provider.script.extend([answer] * 100)

    with pytest.raises((AccessError, TemporaryError)):
        sign_in.token(EXCHANGE)


def test_a_provider_that_nobody_trusts_is_no_outage(world: World, tmp_path: Path, provider: Provider) -> None:
    sign_in = world.sign_in(network=Network())

    with pytest.raises(UsageError, match="is not trusted") as caught:
        sign_in.token(EXCHANGE)
    assert "network.ca_bundle" in caught.value.remedy
    assert world.clock.slept == []


@pytest.mark.parametrize(("status", "error"), [(403, TemporaryError), (407, UsageError)])
def test_the_proxy_of_the_file_holds_for_msal(world: World, status: int, error: type[CollectorError]) -> None:
    seen: list[str] = []

    def refuse(asked: Asked) -> Reply:
        seen.append(f"{asked.method} {asked.path}")
        return status, {}, b""

    with Server(refuse) as proxy, pytest.raises(error, match="proxy"):
        world.sign_in(
            network=Network(proxy=f"http://user:hidden@127.0.0.1:{proxy.server_port}"),
            cloud=Cloud(authority="https://login.contoso.example.org", exchange=EXCHANGE),
        ).token(EXCHANGE)

    assert seen[0] == "CONNECT login.contoso.example.org:443"


def test_no_secret_is_in_an_error_a_repr_or_a_log(
    world: World, provider: Provider, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    sign_in = world.sign_in()
    token = sign_in.token(EXCHANGE)
    texts = [repr(token), str(token), repr(sign_in)]
    for answer in (refused(999, f"no {SECRET}"), reply(400, {}), (403, {}, SECRET.encode()), (200, {}, b"{")):
        provider.script.extend([answer] * (100 if answer[0] == 200 else 1))
        with pytest.raises(CollectorError) as caught:
            sign_in.renew(EXCHANGE, token, None)
        texts += ["".join(traceback.format_exception(caught.value)), caught.value.remedy]
        assert caught.value.__context__ is None or caught.value.__suppress_context__
    texts += [str(line) for line in world.logged] + [caplog.text]

    found = "\n".join(texts)
    assert "999" in found
    assert SECRET not in found
    assert token.value not in found


def test_the_log_names_every_request_and_no_query(world: World, provider: Provider) -> None:
    world.sign_in().token(EXCHANGE)

    assert [(method, address, status) for method, address, status, _ in world.logged] == [
        ("GET", f"{provider.address}/{TENANT}/v2.0/.well-known/openid-configuration", 200),
        ("POST", f"{provider.address}/{TENANT}/oauth2/v2.0/token", 200),
    ]


def test_a_provider_out_of_reach_is_logged_without_a_status(world: World) -> None:
    limits = msgspec.structs.replace(world.engagement.limits.default, patience=1.0)
    table = msgspec.structs.replace(world.engagement.limits, default=limits)
    nowhere = Cloud(authority="https://127.0.0.1:1", exchange=EXCHANGE)

    with pytest.raises(TemporaryError, match="connection failed"):
        world.sign_in(cloud=nowhere, limits=table).token(EXCHANGE)
    assert [status for _, _, status, _ in world.logged] == [None]
