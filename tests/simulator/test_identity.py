"""Signing in with the real MSAL, and the tokens that the admin API accepts; protocol.md E, B5."""

import base64
import json
from datetime import timedelta
from typing import Any

import msal
import pytest
import requests
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509 import load_pem_x509_certificate

from collector.simulator import TENANT_ID, Access, Scenario

from .conftest import NOW, WINDOW, Caller, calling

EMPTY = Scenario.of(window=WINDOW)
CONFIG = "Get-AdminAuditLogConfig"


def confidential(caller: Caller, credential: Any, tenant: str = TENANT_ID) -> msal.ConfidentialClientApplication:
    return msal.ConfidentialClientApplication(
        caller.tenant.client_id,
        authority=f"{caller.tenant.address}/{tenant}",
        client_credential=credential,
        instance_discovery=False,
        http_client=caller.session,
    )


def app_token(caller: Caller, credential: Any) -> dict[str, Any]:
    result = confidential(caller, credential).acquire_token_for_client([f"{caller.tenant.address}/.default"])
    return dict(result)


def claims_of(token: str) -> dict[str, Any]:
    body = token.split(".")[1]
    return dict(json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4))))


def test_msal_signs_in_by_secret_and_the_token_says_who_for_what_and_how_long() -> None:
    with calling(EMPTY, access=Access(token_lifetime=900)) as caller:
        result = app_token(caller, caller.tenant.client_secret)
        claims = claims_of(result["access_token"])
        assert claims["aud"] == caller.tenant.address
        assert (claims["tid"], claims["appid"]) == (TENANT_ID, caller.tenant.client_id)
        assert claims["roles"] == [
            "Exchange.ManageAsApp",
            "ActivityFeed.Read",
            "AuditLogsQuery.Read.All",
            "ExchangeMessageTrace.Read.All",
        ]
        assert claims["exp"] - claims["iat"] == result["expires_in"] == 900


@pytest.mark.parametrize("style", ["sha1", "sni", "sha256"])
def test_msal_signs_in_by_certificate(style: str) -> None:
    with calling(EMPTY) as caller:
        pem = caller.tenant.certificate.read_text()
        thumbprint = load_pem_x509_certificate(pem.encode()).fingerprint(hashes.SHA1()).hex()
        credential = {
            "sha1": {"private_key": pem, "thumbprint": thumbprint},
            "sni": {"private_key": pem, "thumbprint": thumbprint, "public_certificate": pem},
            "sha256": {"private_key": pem, "public_certificate": pem},
        }[style]
        assert "access_token" in app_token(caller, credential)


def test_msal_signs_in_by_pfx() -> None:
    with calling(EMPTY) as caller:
        pfx = {
            "private_key_pfx_path": str(caller.tenant.certificate_pfx),
            "passphrase": caller.tenant.certificate_password,
        }
        assert "access_token" in app_token(caller, pfx)


def test_an_assertion_of_another_key_is_refused() -> None:
    with calling(EMPTY) as caller:
        pem = caller.tenant.certificate.read_text()
        stranger = key_of_a_stranger()
        thumbprint = load_pem_x509_certificate(pem.encode()).fingerprint(hashes.SHA1()).hex()
        result = app_token(caller, {"private_key": stranger, "thumbprint": thumbprint})
    assert (result["error"], result["error_codes"]) == ("invalid_client", [700027])
    assert "signature" in result["error_description"]


def key_of_a_stranger() -> str:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    return key.private_bytes(*pem).decode()


@pytest.mark.parametrize(
    ("form", "status", "code"),
    [
        ({"client_secret": "wrong"}, 401, 7000215),
        ({"client_id": "somebody else"}, 400, 700016),
        ({"scope": "https://graph.example.org/.default"}, 400, 500011),
        ({"grant_type": "password"}, 400, 70003),
        ({"grant_type": "refresh_token", "refresh_token": "stolen"}, 400, 700082),
        ({"client_assertion": "not.a.jwt"}, 401, 700027),
    ],
)
def test_a_wrong_token_request_gets_its_aadsts_code(form: dict[str, str], status: int, code: int) -> None:
    with calling(EMPTY) as caller:
        answer = caller.token(**form)
    assert (answer.status_code, answer.json()["error_codes"]) == (status, [code])
    assert answer.json()["error_description"].startswith(f"AADSTS{code}: ")


def test_another_tenants_authority_is_unknown() -> None:
    with calling(EMPTY) as caller:
        url = f"{caller.tenant.address}/fabrikam.example.org/v2.0/.well-known/openid-configuration"
        answer = caller.session.get(url)
    assert (answer.status_code, answer.json()["error_codes"]) == (400, [90002])


def test_a_verified_domain_resolves_to_the_tenants_guid() -> None:
    with calling(EMPTY) as caller:
        app = confidential(caller, caller.tenant.client_secret, "contoso.example.org")
        assert TENANT_ID in app.authority.token_endpoint
        assert "access_token" in app.acquire_token_for_client([f"{caller.tenant.address}/.default"])


def test_msal_signs_in_by_device_code_and_refreshes() -> None:
    with calling(EMPTY) as caller:
        scopes = [f"{caller.tenant.address}/.default"]
        app = msal.PublicClientApplication(
            caller.tenant.client_id,
            authority=f"{caller.tenant.address}/{TENANT_ID}",
            instance_discovery=False,
            http_client=caller.session,
        )
        result = app.acquire_token_by_device_flow(app.initiate_device_flow(scopes))
        (account,) = app.get_accounts()
        again = app.acquire_token_silent(scopes, account, force_refresh=True)
        caller.headers["Authorization"] = f"Bearer {again['access_token']}"
        answer = caller.send(CONFIG, {})
    assert claims_of(result["access_token"])["upn"] == account["username"] == "ir.operator@contoso.example.org"
    assert again["access_token"] != result["access_token"]
    assert answer.status_code == 200


def test_a_device_code_is_pending_until_it_is_approved() -> None:
    with calling(EMPTY, access=Access(pending_polls=1)) as caller:
        base = f"{caller.tenant.address}/{TENANT_ID}/oauth2/v2.0"
        who = {"client_id": caller.tenant.client_id, "scope": f"{caller.tenant.address}/.default"}
        code = caller.session.post(f"{base}/devicecode", data=who).json()["device_code"]
        grant = {"grant_type": "urn:ietf:params:oauth:grant-type:device_code", "device_code": code}
        answers = [caller.session.post(f"{base}/token", data=who | grant).json() for _ in range(3)]
    assert [answer.get("error") for answer in answers] == ["authorization_pending", None, "expired_token"]


def test_a_token_ends_when_it_says() -> None:
    clock = [NOW]
    with calling(EMPTY, access=Access(token_lifetime=60), now=lambda: clock[0]) as caller:
        before = caller.send(CONFIG, {}).status_code
        clock[0] += timedelta(seconds=60)
        after = caller.send(CONFIG, {})
    assert (before, after.status_code) == (200, 401)
    assert after.headers["WWW-Authenticate"].startswith("Bearer ")


@pytest.mark.parametrize(
    "access",
    [
        Access(roles=()),
        Access(roles=("Exchange.ManageAsAppV2",)),
        Access(audience="https://outlook.example.org"),
        Access(tid="99999999-2222-3333-4444-555555555555"),
    ],
    ids=["no app role", "a role of another API", "wrong audience", "another tenant"],
)
def test_a_token_that_does_not_fit_is_401(access: Access) -> None:
    with calling(EMPTY, access=access) as caller:
        assert caller.send(CONFIG, {}).status_code == 401


@pytest.mark.parametrize("header", ["", "Bearer ", "Bearer a.b.c", "Basic Zm9vOmJhcg=="])
def test_a_token_that_was_not_issued_here_is_401(header: str) -> None:
    with calling(EMPTY) as caller:
        caller.headers["Authorization"] = header
        assert caller.send(CONFIG, {}).status_code == 401


def test_a_token_that_was_tampered_with_is_401() -> None:
    with calling(EMPTY, access=Access(roles=())) as caller:
        head, body, mark = caller.token().json()["access_token"].split(".")
        claims = claims_of(f"{head}.{body}.{mark}") | {"roles": ["Exchange.ManageAsApp"]}
        forged = base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip("=")
        caller.headers["Authorization"] = f"Bearer {head}.{forged}.{mark}"
        assert caller.send(CONFIG, {}).status_code == 401


def test_what_is_remembered_holds_no_secret_and_no_token() -> None:
    with calling(EMPTY) as caller:
        caller.send(CONFIG, {})
        token = caller.headers["Authorization"].removeprefix("Bearer ")
        remembered = repr(caller.tenant.requests)
        assert caller.tenant.client_secret not in remembered
        assert token not in remembered
        assert [seen.parameters.get("grant_type") for seen in caller.tenant.requests] == ["client_credentials", None]


def test_the_ca_is_the_tenants_own() -> None:
    with calling(EMPTY) as caller:
        caller.session.verify = True
        with pytest.raises(requests.exceptions.SSLError):
            caller.session.get(caller.tenant.address)
