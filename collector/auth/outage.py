"""What counts as an outage of the sign-in service, and waiting it out.

Invariant: words are ours. A library's error text holds addresses, and can hold a proxy's password.
"""

import json
from collections.abc import Callable, Mapping
from typing import TypeVar

import requests

from collector.clock import Clock
from collector.config import Limits
from collector.errors import AccessError, CollectorError, TemporaryError, UsageError

T = TypeVar("T")


class Outage(Exception):  # noqa: N818 - named for what happened
    """The sign-in service did not answer, or said that it cannot now; `wait` is the seconds that it asked for."""

    def __init__(self, fault: str, *, wait: float = 0.0) -> None:
        super().__init__(fault)
        self.wait = wait


class Unreachable(Outage):
    """No connection to the sign-in service came about, or it broke."""


def patiently(act: Callable[[], T], *, limits: Limits, clock: Clock, waiting: Callable[[str, float], None]) -> T:
    """Return what `act` returns, through outages that last up to `limits.patience` seconds.

    `waiting` is told of each wait: why, and how many seconds.
    Raises TemporaryError when they last longer, and Interrupted when the operator asks to stop.
    """
    deadline = clock.monotonic() + limits.patience
    pause = limits.first_wait
    while True:
        clock.check()
        try:
            return act()
        except Outage as outage:
            fault, wait = str(outage), max(pause, outage.wait)
        if clock.monotonic() + wait > deadline:
            raise TemporaryError(
                f"sign-in is not possible at the moment: {fault}",
                remedy="run the same command again to go on; limits.default.patience is how long is waited",
            )
        waiting(f"sign-in is not possible at the moment: {fault}", wait)
        clock.sleep(wait)
        pause = min(2 * pause, limits.longest_wait)


def fault_of(error: Exception, host: str) -> Outage | CollectorError:
    """Say what kept an answer away: an outage, or what only the operator can mend."""
    if isinstance(error, requests.exceptions.SSLError) and "CERTIFICATE_VERIFY_FAILED" in str(error):
        return UsageError(
            f"the certificate of {host} is not trusted",
            remedy="name the CA that signs for your network in network.ca_bundle, or mend the clock of this machine",
        )
    if isinstance(error, requests.exceptions.ProxyError) and " 407 " in str(error):
        return UsageError("the proxy asks for credentials that it was not given (407)", remedy="mend network.proxy")
    if isinstance(error, ValueError):  # what requests raises for an address that it does not take
        return UsageError(
            f"{host} cannot be asked: its address is not https, or the proxy's is none",
            remedy="mend `cloud` or network.proxy",
        )
    kind = Unreachable if isinstance(error, requests.exceptions.ConnectionError) else Outage
    return kind(f"{host}: {_words_for(error)}")


def judge(host: str, status: int, headers: Mapping[str, str], text: str) -> None:
    """Raise unless the answer is one for MSAL to read; header names are in lower case.

    Raises Outage for what may pass, AccessError for what stands on the way.
    """
    if status in {408, 410, 429} or status >= 500:  # 410: a managed identity's endpoint that is being updated
        asked = headers.get("retry-after", "").strip()
        raise Outage(f"{host} answered {status}", wait=float(asked) if asked.isdecimal() else 0.0)
    if _is_json_object(text) or status == 401:  # the challenge of Azure Arc needs no body; protocol.md E3
        return
    if status < 300:
        raise Outage(f"{host} answered with something that is not JSON")
    raise AccessError(
        f"{host} answered {status} with something that is not JSON; redirects are never followed",
        remedy="check `cloud` in the engagement file, and what proxy or portal stands on the way",
    )


_WORDS = (
    (requests.exceptions.ProxyError, "the proxy did not let us through"),
    (requests.exceptions.SSLError, "TLS failed"),
    (requests.exceptions.ConnectTimeout, "no connection within the time-out"),
    (requests.exceptions.Timeout, "no whole answer within the time-out"),
)


def _words_for(error: Exception) -> str:
    for kind, words in _WORDS:
        if isinstance(error, kind):
            return words
    return f"the connection failed ({type(error).__name__})"


def _is_json_object(text: str) -> bool:
    try:
        return isinstance(json.loads(text), dict)
    except ValueError:
        return False
