"""A whole answer or a named failure, whatever comes over the wire."""

import contextlib
import gzip
import ssl
import threading
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import trustme

from collector.config import Network
from collector.errors import Unanswered, UsageError
from collector.http.cut import cut
from collector.http.transport import LARGEST_ANSWER, Received, RequestsTransport, Sent, TransportFailure
from collector.network import session
from tests.fakes import FakeClock, page

from .wire import Handler, Wire, answer, chunked, hangs_up, resets, says

TOKEN = "made-up-token"
PAGE = page([{"a": 1}, {"b": "x" * 3000}]).body
GZIP = "Content-Encoding: gzip"

Ask = Callable[..., Received]
Serve = Callable[[Handler], Wire]


@pytest.fixture(scope="module")
def ca(tmp_path_factory: pytest.TempPathFactory) -> tuple[trustme.CA, Path]:
    made = trustme.CA()
    path = tmp_path_factory.mktemp("ca") / "ca.pem"
    made.cert_pem.write_to_path(path)
    return made, path


@pytest.fixture
def serve(ca: tuple[trustme.CA, Path], monkeypatch: pytest.MonkeyPatch) -> Iterator[Serve]:
    """Start servers, which end with the test; proxies of this machine stay out of it."""
    for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    open_: list[Wire] = []

    def start(handle: Handler, authority: trustme.CA | None = None) -> Wire:
        open_.append(Wire(authority or ca[0], handle).__enter__())
        return open_[-1]

    yield start
    for server in open_:
        server.__exit__()


class Caller:
    """A transport over a real session, and its clock."""

    def __init__(
        self, bundle: Path, *, largest: int = LARGEST_ANSWER, read_timeout: float = 5.0, deadline: float = 600.0
    ) -> None:
        self.clock = FakeClock()
        self.session = session(Network(ca_bundle=bundle, read_timeout=read_timeout, connect_timeout=5.0))
        self.transport = RequestsTransport(self.session, clock=self.clock, deadline=deadline, largest=largest)

    def ask(self, address: str) -> Received:
        headers = {"X-CmdletName": "Get-Mailbox", "client-request-id": "1"}
        return self.transport.send(Sent("POST", f"{address}/adminapi", headers, b'{"a":1}', TOKEN))

    def fails(self, address: str) -> TransportFailure:
        with pytest.raises(TransportFailure) as caught:
            self.ask(address)
        return caught.value


@pytest.fixture
def call(ca: tuple[trustme.CA, Path]) -> Iterator[Callable[..., Caller]]:
    made: list[Caller] = []

    def make(**settings: float) -> Caller:
        made.append(Caller(ca[1], **settings))  # type: ignore[arg-type]
        return made[-1]

    yield make
    for caller in made:
        caller.session.close()


Call = Callable[..., Caller]

WHOLE = {
    "with a length": answer(PAGE, "200 OK", "Request-Id: r-1"),
    "chunked": chunked(PAGE[:1], PAGE[1:2000], PAGE[2000:], headers=("Request-Id: r-1",)),
    "gzip": answer(gzip.compress(PAGE), "200 OK", GZIP, "Request-Id: r-1"),
    "gzip in chunks": chunked(gzip.compress(PAGE)[:30], gzip.compress(PAGE)[30:], headers=(GZIP, "Request-Id: r-1")),
    "gzip in two members": answer(gzip.compress(PAGE[:9]) + gzip.compress(PAGE[9:]), "200 OK", GZIP, "Request-Id: r-1"),
}


@pytest.mark.parametrize("data", WHOLE.values(), ids=WHOLE.keys())
def test_a_whole_answer_comes_through_however_it_is_packed(serve: Serve, call: Call, data: bytes) -> None:
    server, caller = serve(says(data)), call()
    for _ in range(3):
        got = caller.ask(server.address)
        assert (got.status, got.body, got.headers["request-id"]) == (200, PAGE, "r-1")
    assert server.connections == 1


def test_an_answer_without_a_length_ends_with_its_connection(serve: Serve, call: Call) -> None:
    server = serve(hangs_up(b"HTTP/1.1 200 OK\r\n\r\n" + PAGE))
    assert call().ask(server.address).body == PAGE


def test_the_question_leaves_as_it_was_made_and_the_token_stays_in_no_session(serve: Serve, call: Call) -> None:
    server, caller = serve(says(answer(b""))), call()
    caller.ask(server.address)
    head, _, body = server.requests[0].partition(b"\r\n\r\n")
    lines = head.decode().split("\r\n")
    assert lines[0] == "POST /adminapi HTTP/1.1"
    assert f"Authorization: Bearer {TOKEN}" in lines
    assert "X-CmdletName: Get-Mailbox" in lines
    assert body == b'{"a":1}'
    assert TOKEN not in repr((caller.session.headers, caller.session.auth, caller.session.cookies))


@pytest.mark.parametrize("status", ["301 Moved", "302 Found", "303 See Other", "307 Temporary", "308 Permanent"])
def test_a_redirect_takes_the_token_nowhere(serve: Serve, call: Call, status: str) -> None:
    other = serve(says(answer(PAGE)))
    server = serve(says(answer(b"", status, f"Location: {other.address}/adminapi")))
    assert call().ask(server.address).status == int(status[:3])
    assert other.requests == []


BROKEN: dict[str, tuple[Handler, str]] = {
    "cut with a length": (hangs_up(answer(PAGE[:1000], length=len(PAGE))), "cut-body"),
    "cut before the first byte": (hangs_up(answer(b"", length=len(PAGE))), "cut-body"),
    "cut in a chunk": (hangs_up(chunked(end=False) + b"fff\r\n" + PAGE[:1000]), "cut-body"),
    "cut between chunks": (hangs_up(chunked(PAGE[:1000], end=False)), "cut-body"),
    "a chunk without size": (hangs_up(chunked(end=False) + b"zz\r\n" + PAGE), "cut-body"),
    "reset in the body": (resets(answer(PAGE[:1000], length=len(PAGE))), ""),
    "reset before the answer": (resets(), "connection"),
    "closed before the answer": (hangs_up(), "connection"),
    "no HTTP": (hangs_up(b"SSH-2.0-OpenSSH_9.6\r\n"), "connection"),
    "broken gzip": (says(answer(b"\x1f\x8b" + PAGE, "200 OK", GZIP)), "bad-encoding"),
    "gzip of a false sum": (says(answer(gzip.compress(PAGE)[:-8] + bytes(8), "200 OK", GZIP)), "bad-encoding"),
    "gzip that is none": (says(answer(PAGE, "200 OK", GZIP)), "bad-encoding"),
    "gzip cut in chunks": (hangs_up(chunked(gzip.compress(PAGE)[:40], headers=(GZIP,), end=False)), "cut-body"),
}


@pytest.mark.parametrize(("handle", "reason"), BROKEN.values(), ids=BROKEN.keys())
@pytest.mark.tries("an answer that is cut, reset, or not what it says it is")
def test_an_answer_that_is_not_whole_is_none(serve: Serve, call: Call, handle: Handler, reason: str) -> None:
    failure = call().fails(serve(handle).address)
    assert failure.reason == reason or (not reason and failure.reason in {"cut-body", "connection"})
    assert TOKEN not in repr(failure)


def test_an_answer_that_is_cut_in_its_headers_is_no_page(serve: Serve, call: Call) -> None:
    with pytest.raises(Unanswered):
        cut(call().ask(serve(hangs_up(b"HTTP/1.1 200 OK\r\nRequest-")).address).body)


def test_the_status_that_had_come_is_kept(serve: Serve, call: Call) -> None:
    server = serve(hangs_up(answer(PAGE[:1000], "503 Busy", length=len(PAGE))))
    assert call().fails(server.address).status == 503


@pytest.mark.parametrize("kept", [10, 200, len(gzip.compress(PAGE)) - 9, len(gzip.compress(PAGE)) - 1])
@pytest.mark.tries("an answer that is cut, reset, or not what it says it is")
def test_a_gzip_that_ends_early_under_a_right_length_is_no_page(serve: Serve, call: Call, kept: int) -> None:
    server = serve(says(answer(gzip.compress(PAGE)[:kept], "200 OK", GZIP)))
    body = b""
    with contextlib.suppress(TransportFailure):
        body = call().ask(server.address).body
    if body != PAGE:  # all that is missing may be the sum at the end
        with pytest.raises(Unanswered):
            cut(body)


def test_a_length_that_is_too_short_spoils_no_later_answer(serve: Serve, call: Call) -> None:
    answers = iter([answer(PAGE, length=len(PAGE) // 2), answer(PAGE)])
    server, caller = serve(lambda connection: connection.sendall(next(answers))), call()
    with pytest.raises(Unanswered):
        cut(caller.ask(server.address).body)
    assert caller.ask(server.address).body == PAGE


def test_a_forbidden_cmdlets_nuls_declared_gzip_are_taken_as_they_came(serve: Serve, call: Call) -> None:
    server = serve(says(answer(bytes(4096), "403 Forbidden", GZIP)))
    got = call().ask(server.address)
    assert (got.status, got.body) == (403, bytes(4096))


def test_an_error_that_is_really_gzip_is_unpacked(serve: Serve, call: Call) -> None:
    server = serve(says(answer(gzip.compress(b'{"error":{}}'), "403 Forbidden", GZIP)))
    assert call().ask(server.address).body == b'{"error":{}}'


@pytest.mark.parametrize(
    "data",
    [
        answer(b"x" * 200_000),
        chunked(*[b"x" * 1000] * 200),
        answer(gzip.compress(bytes(50_000_000)), "200 OK", GZIP),
        chunked(*[gzip.compress(bytes(50_000_000))[i : i + 500] for i in range(0, 48_500, 500)], headers=(GZIP,)),
    ],
    ids=["length", "chunked", "a bomb", "a bomb in chunks"],
)
@pytest.mark.tries("an answer over the size bound")
def test_an_answer_over_the_bound_is_refused_before_it_fills_the_memory(serve: Serve, call: Call, data: bytes) -> None:
    failure = call(largest=100_000).fails(serve(says(data)).address)
    assert (failure.reason, failure.status) == ("answer-too-large", 200)


def test_an_answer_at_the_bound_is_taken(serve: Serve, call: Call) -> None:
    assert len(call(largest=100_000).ask(serve(says(answer(b"x" * 100_000))).address).body) == 100_000


def _drips(clock: FakeClock, given_up: threading.Event, head: bytes, drops: list[bytes]) -> Handler:
    """Send a drop every 100 seconds of the clock, then nothing, and see whether the client has hung up by then."""

    def handle(connection: ssl.SSLSocket) -> None:
        connection.sendall(head)
        for drop in drops:
            clock.move(100)
            connection.sendall(drop)
        try:
            if connection.recv(1) == b"":
                given_up.set()
        except ConnectionError:
            given_up.set()

    return handle


STORED = zlib.compressobj(0, zlib.DEFLATED, 31)
PACKED = STORED.compress(PAGE) + STORED.flush()
DRIPS = {
    "with a length": (answer(b"", length=len(PAGE)), [PAGE[i : i + 1] for i in range(20)]),
    "chunked": (chunked(end=False), [b"1\r\n%b\r\n" % PAGE[i : i + 1] for i in range(20)]),
    "until it closes": (b"HTTP/1.1 200 OK\r\n\r\n", [PAGE[i : i + 1] for i in range(20)]),
    "gzip": (answer(b"", "200 OK", GZIP, length=len(PACKED)), [PACKED[i : i + 1] for i in range(60)]),
}


@pytest.mark.parametrize(("head", "drops"), DRIPS.values(), ids=DRIPS.keys())
@pytest.mark.tries("an answer that drips")
def test_a_slow_drip_is_cut_off_at_the_deadline(serve: Serve, call: Call, head: bytes, drops: list[bytes]) -> None:
    caller, given_up = call(), threading.Event()
    failure = caller.fails(serve(_drips(caller.clock, given_up, head, drops)).address)
    assert (failure.reason, str(failure)) == ("time-out", "the answer drips too slowly")
    assert given_up.wait(5)


def test_a_head_that_drips_is_left_at_the_deadline(serve: Serve, call: Call) -> None:
    given_up = threading.Event()

    def handle(connection: ssl.SSLSocket) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\n")
        while not given_up.wait(0.02):
            connection.sendall(b"X: y\r\n")

    failure = call(deadline=0.2).fails(serve(handle).address)
    given_up.set()
    assert (failure.reason, failure.status) == ("time-out", None)


def test_what_the_head_told_is_known_though_the_body_failed(serve: Serve, call: Call) -> None:
    head = answer(b"", "200 OK", "Request-Id: 77", length=len(PAGE))
    failure = call(largest=10).fails(serve(says(head + PAGE)).address)
    assert (failure.reason, failure.status, failure.headers["request-id"]) == ("answer-too-large", 200, "77")


def test_a_silence_before_the_answer_is_a_time_out(serve: Serve, call: Call) -> None:
    quiet = threading.Event()

    def silent(_: ssl.SSLSocket) -> None:
        quiet.wait(5)

    failure = call(read_timeout=0.2).fails(serve(silent).address)
    quiet.set()
    assert (failure.reason, failure.status) == ("time-out", None)


def test_a_silence_inside_the_answer_is_a_time_out(serve: Serve, call: Call) -> None:
    quiet = threading.Event()

    def handle(connection: ssl.SSLSocket) -> None:
        connection.sendall(answer(PAGE[:100], length=len(PAGE)))
        quiet.wait(5)

    failure = call(read_timeout=0.2).fails(serve(handle).address)
    quiet.set()
    assert (failure.reason, failure.status) == ("time-out", 200)


def test_a_server_that_nobody_vouches_for_gets_no_token(serve: Serve, call: Call) -> None:
    server = serve(says(answer(PAGE)), trustme.CA())  # type: ignore[call-arg]
    with pytest.raises(UsageError) as caught:
        call().ask(server.address)
    assert "ca_bundle" in caught.value.remedy
    assert server.requests == []


def test_nobody_there_is_a_connection_that_failed(serve: Serve, call: Call) -> None:
    server = serve(says())
    server.__exit__()
    assert call().fails(server.address).reason == "connection"


@pytest.mark.parametrize(
    "address", ["http://localhost:9", "ftp://localhost", "https://", "https://a b", "https://\ud800"]
)
def test_an_address_that_cannot_be_asked_is_a_named_failure(call: Call, address: str) -> None:
    assert call().fails(address).reason == "connection"


def test_a_body_of_json_is_not_touched(serve: Serve, call: Call) -> None:
    odd = b'\xef\xbb\xbf{"value":["\xff\\ud800\\u0000"]}\r\n'
    assert call().ask(serve(says(answer(odd, "200 OK", "Content-Type: text/html; charset=utf-16"))).address).body == odd
