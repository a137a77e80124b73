"""The ways to sign in, each as one thing that gets a token from MSAL (protocol.md E3, E7).

Invariants: every token is a new one, for SignIn keeps those that still hold; nothing that MSAL caches is written to
disk. Methods are used by one thread at a time.
"""

from collections.abc import Callable, Mapping
from typing import Any, Protocol

import msal

from collector.auth.credentials import Credential
from collector.auth.outage import Unreachable
from collector.auth.prompts import BrowserPrompt, DevicePrompt, Prompt
from collector.auth.transport import MsalHttp
from collector.clock import Clock
from collector.config import Auth, DeviceCode, Interactive, ManagedIdentity
from collector.errors import AccessError

CAPABILITIES = ["CP1"]
"""Says that we understand a claims challenge, for which tokens live longer (protocol.md E6)."""

ASK_THE_PERSON = {"invalid_grant", "interaction_required", "login_required", "consent_required"}
"""The refusals of a refresh token that a new sign-in mends."""


class Method(Protocol):
    """One way to sign in."""

    def acquire(self, api: str, claims: str | None) -> Mapping[str, Any]:
        """Return the service's answer, with `access_token` or `error`; `claims` is a challenge's JSON."""


class Application:
    """An application with a certificate or a secret."""

    def __init__(self, client_id: str, authority: str, http: MsalHttp, credential: Credential | None) -> None:
        self._msal = _client(
            msal.ConfidentialClientApplication,
            client_id,
            authority,
            http,
            client_credential=credential,
            azure_region=msal.ConfidentialClientApplication.DISABLE_MSAL_FORCE_REGION,
        )

    def acquire(self, api: str, claims: str | None) -> Mapping[str, Any]:
        """Return the answer to a client-credentials request."""
        self._msal.remove_tokens_for_client()
        answer: Mapping[str, Any] = self._msal.acquire_token_for_client(_scopes(api), claims_challenge=claims)
        return answer


class Machine:
    """The identity that Azure gives to the machine."""

    def __init__(self, client_id: str | None, http: MsalHttp) -> None:
        self._identity = (
            msal.UserAssignedManagedIdentity(client_id=client_id) if client_id else msal.SystemAssignedManagedIdentity()
        )
        self._http = http
        self._clients: dict[str, Any] = {}

    def acquire(self, api: str, claims: str | None) -> Mapping[str, Any]:
        """Return the machine's answer; its refresh after a challenge names the old token, which MSAL remembers."""
        if api not in self._clients or not claims:
            self._clients[api] = msal.ManagedIdentityClient(
                self._identity, http_client=self._http, client_capabilities=CAPABILITIES
            )
        try:
            answer: Mapping[str, Any] = self._clients[api].acquire_token_for_client(
                resource=api, claims_challenge=claims
            )
        except Unreachable as unreachable:
            fault = str(unreachable)
        else:
            return answer
        raise AccessError(
            f"this machine offers no managed identity: {fault}", remedy="run on the Azure machine that has it"
        )


class Person:
    """A person, asked once; other APIs and later tokens come by the refresh token while it holds."""

    def __init__(self, client: Any, prompt: Prompt) -> None:
        self._msal = client
        self._prompt = prompt

    def acquire(self, api: str, claims: str | None) -> Mapping[str, Any]:
        """Return the answer to a silent refresh, or to the person's sign-in."""
        for account in self._msal.get_accounts():
            answer: Mapping[str, Any] | None = self._msal.acquire_token_silent_with_error(
                _scopes(api), account, force_refresh=True, claims_challenge=claims
            )
            if answer and ("access_token" in answer or answer.get("error") not in ASK_THE_PERSON):
                return answer
            self._msal.remove_account(account)
        return self._prompt(_scopes(api), claims)


def method_for(
    auth: Auth,
    credential: Credential | None,
    *,
    authority: str,
    http: MsalHttp,
    clock: Clock,
    tell: Callable[[str], None],
    browse: Callable[[str], object],
) -> Method:
    """Return the way to sign in that the engagement names; reads the sign-in metadata of `authority`.

    Raises Outage, or AccessError where the authority is not one.
    """
    if isinstance(auth, ManagedIdentity):
        return Machine(auth.client_id, http)
    if not isinstance(auth, DeviceCode | Interactive):
        return Application(auth.client_id, authority, http, credential)
    client = _client(msal.PublicClientApplication, auth.client_id, authority, http)
    if isinstance(auth, DeviceCode):
        return Person(client, DevicePrompt(client, clock=clock, tell=tell))
    return Person(client, BrowserPrompt(client, clock=clock, tell=tell, browse=browse))


def _client(kind: Any, client_id: str, authority: str, http: MsalHttp, **more: Any) -> Any:
    """Make an MSAL application; its authority is the file's, so nobody else is asked whether it is one (E1)."""
    try:
        return kind(
            client_id,
            authority=authority,
            instance_discovery=False,
            http_client=http,
            client_capabilities=CAPABILITIES,
            http_cache=_Forgetful(),
            **more,
        )
    except ValueError:
        pass
    raise AccessError(
        f"there is no tenant to sign in to at {authority}", remedy="check `tenant` and `cloud` in the engagement file"
    )


class _Forgetful(dict[str, Any]):
    """Where MSAL keeps refusals, to replay them for a minute without asking (E4): our waits come from `patiently`."""

    def __setitem__(self, key: str, value: Any) -> None:
        """Keep nothing."""


def _scopes(api: str) -> list[str]:
    return [f"{api}/.default"]
