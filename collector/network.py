"""The one place that makes a `requests.Session`: certificates, proxy, time-outs.

Invariants, for every request of such a session, whatever its caller passes:
- the engagement's `ca_bundle` holds against REQUESTS_CA_BUNDLE and CURL_CA_BUNDLE (protocol.md E2), its `proxy` against
  the environment's proxies; verification cannot be switched off, and TLS is 1.2 or later (urllib3's own minimum);
- .netrc is not read, for an entry there would take the place of the bearer token;
- no redirect is followed: it is returned as the answer that it is;
- nothing is sent to an address that is not https, and nothing is sent twice.
"""

import os
import ssl
from collections.abc import Mapping
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from requests.utils import get_environ_proxies

from collector import __version__
from collector.config import Network
from collector.errors import UsageError

CA_VARIABLES = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")
"""The environment's own CA bundles, the first one set holds; a file or a folder, as `requests` takes them."""


def session(network: Network, *, pool: int = 10, plain_http: bool = False) -> requests.Session:
    """Return a session that keeps up to `pool` connections to a host open, for as many threads.

    `plain_http` also lets it speak http, without proxy: a managed identity is asked for its token at a link-local or
    loopback address (protocol.md E3). Other http addresses raise `requests.exceptions.InvalidSchema`.
    Raises UsageError where the CA bundle is missing, cannot be read or holds no PEM certificate.
    """
    made = _Session()
    made.trust_env = False
    made.headers["User-Agent"] = f"collector/{__version__}"
    made.adapters.clear()
    made.mount("https://", _Adapter(network, verify=_ca(network), pool=pool))
    if plain_http:
        made.mount("http://", _Adapter(network, verify=True, pool=pool))
    return made


class _Session(requests.Session):
    """Returns a redirect as it came, also where the caller allows redirects."""

    def get_redirect_target(self, resp: requests.Response) -> None:  # noqa: ARG002 - the signature of requests
        return None


class _Adapter(HTTPAdapter):
    """Puts in what the engagement says at the last step before the wire, where no caller can pass by it."""

    def __init__(self, network: Network, *, verify: str | bool, pool: int) -> None:
        super().__init__(pool_connections=pool, pool_maxsize=pool, max_retries=0)
        self._verify = verify
        self._proxy = network.proxy
        self._timeout = (network.connect_timeout, network.read_timeout)

    def send(  # type: ignore[override] # every argument by name, and none that could weaken the invariants
        self, request: requests.PreparedRequest, *, stream: bool = False, timeout: Any = None, **_: Any
    ) -> requests.Response:
        return super().send(
            request,
            stream=stream,
            timeout=timeout or self._timeout,
            verify=self._verify,
            proxies=self._proxies(request.url or ""),
        )

    def _proxies(self, address: str) -> Mapping[str, str]:
        if address.startswith("http:"):
            return {}
        return {"https": self._proxy} if self._proxy else get_environ_proxies(address)


def _ca(network: Network) -> str | bool:
    """Return the CA bundle that holds, True for certifi's."""
    if network.ca_bundle:
        return _readable(str(network.ca_bundle), "network.ca_bundle")
    for variable in CA_VARIABLES:
        if path := os.environ.get(variable):
            return _readable(path, f"the environment variable {variable}")
    return True


def _readable(path: str, origin: str) -> str:
    folder = os.path.isdir(path)  # noqa: PTH112 - requests takes text
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(**{"capath" if folder else "cafile": path})
    except ssl.SSLError:
        fault = "holds no certificate in PEM form"
    except OSError as error:
        fault = f"cannot be read: {error.strerror}"
    else:
        return path
    raise UsageError(
        f"{origin}: {path} {fault}", remedy="name a file of PEM certificates, or null for the ones that come along"
    )
