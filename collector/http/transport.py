"""The one seam to the network: a request goes out, a whole answer or a named failure comes back.

Invariants: no redirect is followed; an answer is whole or it is a failure (a body that stops short, or whose
encoding breaks, never counts); no body is larger than the bound, and no answer takes longer than the deadline,
however slowly its head or its body drips.
"""

import threading
from collections.abc import Iterator, Mapping
from concurrent.futures import Future
from io import BytesIO
from typing import NamedTuple, Protocol
from urllib.parse import urlsplit

import requests
import requests.auth
import urllib3

from collector.clock import Clock
from collector.errors import UsageError
from collector.http.gunzip import BrokenEncoding, gunzip

LARGEST_ANSWER = 128 * 2**20
"""Bytes of one answer after its content-encoding; a page of 5,000 rows of 20 KB fits."""

_BLOCK = 2**16


class Sent(NamedTuple):
    """A request as it leaves, its bearer token apart from the other headers."""

    method: str
    address: str
    headers: Mapping[str, str]
    body: bytes | None
    token: str


class Received(NamedTuple):
    """A whole answer; header names are in lower case, `body` is after the content-encoding."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class TransportFailure(Exception):  # noqa: N818
    """No whole answer came; `reason` is the word for coverage.json, `status` and `headers` what had come by then."""

    def __init__(self, reason: str, detail: str, *, status: int | None = None) -> None:
        super().__init__(detail)
        self.reason = reason
        self.status = status
        self.headers: Mapping[str, str] = {}


class Transport(Protocol):
    """What the client sends through; tests give a fake."""

    def send(self, sent: Sent) -> Received:
        """Send and return the whole answer; raises TransportFailure."""


class _Bearer(requests.auth.AuthBase):
    """Sets the token on the prepared request, so that it stands in no session and no argument that is logged."""

    def __init__(self, token: str) -> None:
        self._token = token

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = f"Bearer {self._token}"
        return request


class RequestsTransport:
    """The real seam, over a session of collector.network. `deadline` is seconds for a whole answer."""

    def __init__(self, session: requests.Session, *, clock: Clock, deadline: float, largest: int = LARGEST_ANSWER):
        self._session = session
        self._clock = clock
        self._deadline = deadline
        self._largest = largest

    def send(self, sent: Sent) -> Received:
        """Send and read the whole answer; raises TransportFailure, or UsageError where TLS trusts no one there."""
        started = self._clock.monotonic()
        try:
            response = self._head(sent)
        except requests.exceptions.SSLError as error:
            if "CERTIFICATE_VERIFY_FAILED" in str(error):
                raise _untrusted(sent.address) from None
            raise TransportFailure("connection", "the TLS connection broke") from None
        except TimeoutError:
            raise TransportFailure("time-out", "the answer drips too slowly") from None
        except requests.exceptions.Timeout:
            raise TransportFailure("time-out", "no answer within the read time-out") from None
        except (requests.exceptions.RequestException, urllib3.exceptions.HTTPError, OSError) as error:
            raise TransportFailure("connection", type(error).__name__) from None
        headers = {name.lower(): value for name, value in response.headers.items()}
        with response:
            try:
                return Received(response.status_code, headers, self._body(response, started))
            except TransportFailure as failure:
                failure.headers = headers
                raise

    def _head(self, sent: Sent) -> requests.Response:
        """Send and return the answer with its body unread; raises TimeoutError at the deadline.

        Who waits is left behind then: a head that drips is a string of reads, of which none ever times out.
        """
        head: Future[requests.Response] = Future()

        def wait() -> None:
            try:
                head.set_result(self._request(sent))
            except BaseException as error:  # noqa: BLE001 - handed to the thread that asked
                head.set_exception(error)

        threading.Thread(target=wait, daemon=True).start()
        return head.result(self._deadline)

    def _request(self, sent: Sent) -> requests.Response:
        return self._session.request(
            sent.method,
            sent.address,
            headers=dict(sent.headers),
            data=sent.body,
            auth=_Bearer(sent.token),
            stream=True,
            allow_redirects=False,
        )

    def _body(self, response: requests.Response, started: float) -> bytes:
        """Read the body, bounded in time and size; an error's body that cannot be decoded is taken as it came."""
        status = response.status_code
        packed = response.headers.get("content-encoding", "").lower() == "gzip"
        received = _blocks(response, decode=not packed)
        try:
            if not packed:
                return self._bounded(received, started, status)
            if status < 400:
                return self._bounded(gunzip(received), started, status)
            return self._unpacked_if_it_can_be(self._bounded(received, started, status), started, status)
        except (BrokenEncoding, urllib3.exceptions.DecodeError):
            raise TransportFailure("bad-encoding", "the content-encoding is broken", status=status) from None
        except urllib3.exceptions.ReadTimeoutError:
            raise TransportFailure("time-out", "the answer stopped coming", status=status) from None
        except (urllib3.exceptions.HTTPError, OSError) as error:
            raise TransportFailure("cut-body", type(error).__name__, status=status) from None

    def _unpacked_if_it_can_be(self, body: bytes, started: float, status: int) -> bytes:
        """Return what was packed, or the body itself: a forbidden cmdlet answers with NULs declared gzip (B4)."""
        try:
            return self._bounded(gunzip([body]), started, status)
        except BrokenEncoding:
            return body

    def _bounded(self, blocks: Iterator[bytes], started: float, status: int) -> bytes:
        body = BytesIO()  # which grows in place and gives its bytes without a copy
        for block in blocks:
            body.write(block)
            if body.tell() > self._largest:
                raise TransportFailure("answer-too-large", f"over {self._largest} bytes", status=status)
            if self._clock.monotonic() - started > self._deadline:
                raise TransportFailure("time-out", "the answer drips too slowly", status=status)
        return body.getvalue()


def _blocks(response: requests.Response, *, decode: bool) -> Iterator[bytes]:
    """Yield what has come, however little: a read that waits for a full block would outwait any deadline."""
    return iter(lambda: response.raw.read1(_BLOCK, decode_content=decode), b"")


def _untrusted(address: str) -> UsageError:
    return UsageError(
        f"the certificate that {urlsplit(address).netloc} shows is not trusted",
        remedy="name the CA that signs for your network in network.ca_bundle, or mend the clock of this machine",
    )
