"""One token for each API, renewed before it ends, for any number of threads.

Invariants: what can be checked offline is checked when SignIn is made; nobody gets a token of another tenant; tokens
and secrets are in memory only, and no error that leaves here holds one, nor another error that does.
"""

import threading
import webbrowser
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, TypeVar

from msal.exceptions import MsalError

from collector.auth.credentials import credential_for
from collector.auth.methods import Method, method_for
from collector.auth.outage import patiently
from collector.auth.refusal import refusal
from collector.auth.tenant import tenant_id
from collector.auth.tokens import Token, challenge_of, renewal_of, token_from
from collector.auth.transport import MsalHttp
from collector.clock import Clock
from collector.config import DeviceCode, Engagement, Interactive
from collector.config.secrets import Ask
from collector.errors import AccessError

T = TypeVar("T")


class _Held(NamedTuple):
    """A token in use, and when it is to be renewed (POSIX seconds)."""

    token: Token
    renew_at: float


class SignIn:
    """Signs in as the engagement says.

    `ask` asks the operator for a secret without echo, `tell` tells them where to sign in, `waiting` why a sign-in waits
    and how many seconds, `browse` opens an address in the browser. Making one raises UsageError where the secret, the
    certificate or its password will not do.
    """

    def __init__(
        self,
        engagement: Engagement,
        *,
        clock: Clock,
        http: MsalHttp,
        ask: Ask,
        tell: Callable[[str], None],
        waiting: Callable[[str, float], None],
        browse: Callable[[str], object] = webbrowser.open,
    ) -> None:
        self._engagement = engagement
        self._clock = clock
        self._http = http
        self._tell = tell
        self._waiting = waiting
        self._browse = browse
        self._credential = credential_for(engagement.auth, now=clock.now(), ask=ask)
        self._limits = engagement.limits_of("default")
        self._app_only = not isinstance(engagement.auth, DeviceCode | Interactive)
        self._lock = threading.RLock()
        self._tenant: str | None = None
        self._method: Method | None = None
        self._tokens: dict[str, _Held] = {}

    @property
    def tenant_id(self) -> str:
        """The tenant's GUID in lower case, looked up once where the file names a domain.

        Raises AccessError where the cloud does not know the tenant, TemporaryError, Interrupted.
        """
        with self._lock:
            if self._tenant is None:
                self._tenant = self._patiently(self._find_tenant)
            return self._tenant

    def token(self, api: str) -> Token:
        """Return a token for the API at this base address that will hold for some minutes.

        Raises AccessError where sign-in is refused or the token is of another tenant; UsageError where the network
        settings will not do; TemporaryError where an outage outlasts the patience; Interrupted.
        """
        return self._held(api) or self._new(api, None, stale=None)

    def renew(self, api: str, stale: Token, claims: str | None) -> Token:
        """Return a token other than `stale`, which the API answered with 401 (protocol.md A5, B4).

        `claims` are those of the 401's challenge, as base64 or JSON. Where another thread has renewed in the
        meantime that token is given. Raises as `token` does.
        """
        return self._new(api, challenge_of(claims), stale=stale)

    def _held(self, api: str) -> Token | None:
        held = self._tokens.get(api)
        return held.token if held and self._clock.now().timestamp() < held.renew_at else None

    def _new(self, api: str, claims: str | None, *, stale: Token | None) -> Token:
        with self._lock:
            held = self._held(api)
            if held and not (stale and held.value == stale.value):
                return held
            tenant = self.tenant_id
            answer = self._patiently(lambda: self._attempt(api, claims))
            now = self._clock.now().timestamp()
            token = token_from(answer, now=now, app_only=self._app_only)
            if token.tenant and token.tenant.lower() != tenant:
                raise AccessError(
                    f"the token is of tenant {token.tenant}, and the engagement of {tenant}: nothing was asked",
                    remedy="sign in with an app or account of this tenant, or mend `tenant`",
                )
            self._tokens[api] = _Held(token, renewal_of(token, now=now))
            return token

    def _patiently(self, act: Callable[[], T]) -> T:
        return patiently(act, limits=self._limits, clock=self._clock, waiting=self._waiting)

    def _find_tenant(self) -> str:
        return tenant_id(self._engagement.cloud.authority, self._engagement.tenant, self._http)

    def _attempt(self, api: str, claims: str | None) -> Mapping[str, Any]:
        """Return an answer with a token; raises Outage, AccessError, UsageError."""
        try:
            self._method = self._method or self._make_method()
            answer = self._method.acquire(api, claims)
        except (ValueError, KeyError, RuntimeError, MsalError) as error:  # MSAL's, for an answer that is none
            answer = {"error": f"the answer cannot be used ({type(error).__name__})"}
        if "access_token" in answer:
            return answer
        raise refusal(answer, secret=self._credential if isinstance(self._credential, str) else None)

    def _make_method(self) -> Method:
        return method_for(
            self._engagement.auth,
            self._credential,
            authority=f"{self._engagement.cloud.authority}/{self.tenant_id}",
            http=self._http,
            clock=self._clock,
            tell=self._tell,
            browse=self._browse,
        )
