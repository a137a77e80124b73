"""The session against a loopback server: what must hold whatever the environment or the caller says."""

import ssl
import threading
import warnings
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
import requests
import trustme

from collector import __version__
from collector.config import Network
from collector.errors import UsageError
from collector.network import CA_VARIABLES, session


class Recorder(HTTPServer):
    """Redirects /away, holds its tongue on /silent, and keeps the headers of what it is asked."""

    def __init__(self, context: ssl.SSLContext | None) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.seen: list[tuple[str, str, dict[str, str]]] = []
        self.over = threading.Event()
        if context:
            self.socket = context.wrap_socket(self.socket, server_side=True, do_handshake_on_connect=False)

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that hangs up is part of the test."""


class Handler(BaseHTTPRequestHandler):
    server: Recorder

    def answer(self) -> None:
        self.server.seen.append((self.command, self.path, dict(self.headers.items())))
        if self.path == "/silent":
            self.server.over.wait(10)
            return
        self.send_response({"CONNECT": 403}.get(self.command, 302 if self.path == "/away" else 200))
        self.send_header("Location", "/elsewhere")
        self.end_headers()

    do_GET = do_CONNECT = answer  # noqa: N815

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        pass


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def bundle(authority: trustme.CA, tmp_path: Path) -> Path:
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    return tmp_path / "ca.pem"


@pytest.fixture
def context(authority: trustme.CA) -> ssl.SSLContext:
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(made)
    return made


def serving(context: ssl.SSLContext | None) -> Iterator[Recorder]:
    recorder = Recorder(context)
    thread = threading.Thread(target=recorder.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    yield recorder
    recorder.over.set()
    recorder.shutdown()
    thread.join()
    recorder.server_close()


@pytest.fixture
def server(context: ssl.SSLContext) -> Iterator[Recorder]:
    yield from serving(context)


@pytest.fixture
def proxy() -> Iterator[Recorder]:
    yield from serving(None)


@pytest.fixture(autouse=True)
def bare(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (*CA_VARIABLES, "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy", "NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)


def at(server: Recorder, path: str = "/") -> str:
    return f"https://localhost:{server.server_port}{path}"


def test_the_files_ca_holds_against_the_environments(
    server: Recorder, bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trustme.CA().cert_pem.write_to_path(tmp_path / "other.pem")
    for name in CA_VARIABLES:
        monkeypatch.setenv(name, str(tmp_path / "other.pem"))

    with session(Network(ca_bundle=bundle)) as ours:
        assert ours.get(at(server)).status_code == 200


@pytest.mark.parametrize("name", CA_VARIABLES)
def test_the_environments_ca_holds_where_the_file_names_none(
    server: Recorder, bundle: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv(name, str(bundle))

    with session(Network()) as ours:
        assert ours.get(at(server)).status_code == 200


def test_an_unknown_ca_is_not_trusted_even_where_the_caller_says_so(server: Recorder) -> None:
    with session(Network()) as ours:
        ours.verify = False
        with pytest.raises(requests.exceptions.SSLError):
            ours.get(at(server), verify=False)


@pytest.mark.parametrize(("content", "words"), [(None, "No such file"), (b"\x30\x82", "no certificate in PEM form")])
def test_a_ca_bundle_that_is_none_is_named_at_once(tmp_path: Path, content: bytes | None, words: str) -> None:
    path = tmp_path / "ca.pem"
    if content is not None:
        path.write_bytes(content)

    with pytest.raises(UsageError, match=rf"network\.ca_bundle: .*{words}") as caught:
        session(Network(ca_bundle=path))
    assert caught.value.remedy


def test_a_ca_bundle_of_the_environment_that_is_none_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CURL_CA_BUNDLE", str(tmp_path / "nowhere"))

    with pytest.raises(UsageError, match="environment variable CURL_CA_BUNDLE"):
        session(Network())


def test_the_files_proxy_holds_against_the_environments(proxy: Recorder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("NO_PROXY", "*")

    with (
        session(Network(proxy=f"http://127.0.0.1:{proxy.server_port}")) as ours,
        pytest.raises(requests.exceptions.ProxyError),
    ):
        ours.get("https://outlook.contoso.example.org/")
    assert proxy.seen[0][:2] == ("CONNECT", "outlook.contoso.example.org:443")


def test_the_environments_proxy_holds_where_the_file_names_none(
    proxy: Recorder, server: Recorder, bundle: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{proxy.server_port}")
    monkeypatch.setenv("NO_PROXY", "localhost")

    with session(Network(ca_bundle=bundle)) as ours:
        assert ours.get(at(server)).status_code == 200
        with pytest.raises(requests.exceptions.ProxyError):
            ours.get("https://manage.contoso.example.org/")
    assert [line[1] for line in proxy.seen] == ["manage.contoso.example.org:443"]


def test_a_netrc_entry_does_not_take_the_place_of_the_token(
    server: Recorder, bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "netrc").write_text("default login contoso password fabrikam\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))

    with session(Network(ca_bundle=bundle)) as ours:
        ours.get(at(server), headers={"Authorization": "Bearer made-up"})
        ours.get(at(server))

    assert [headers.get("Authorization") for _, _, headers in server.seen] == ["Bearer made-up", None]


@pytest.mark.parametrize("allowed", [True, False])
def test_a_redirect_is_returned_and_never_followed(server: Recorder, bundle: Path, *, allowed: bool) -> None:
    with session(Network(ca_bundle=bundle)) as ours:
        answer = ours.get(at(server, "/away"), allow_redirects=allowed)

    assert answer.status_code == 302
    assert [path for _, path, _ in server.seen] == ["/away"]


def test_a_silent_server_ends_at_the_files_time_out_and_is_not_asked_again(server: Recorder, bundle: Path) -> None:
    with (
        session(Network(ca_bundle=bundle, read_timeout=0.05)) as ours,
        pytest.raises(requests.exceptions.ReadTimeout),
    ):
        ours.get(at(server, "/silent"))
    assert len(server.seen) == 1


def test_a_time_out_of_the_caller_holds(server: Recorder, bundle: Path) -> None:
    with session(Network(ca_bundle=bundle)) as ours, pytest.raises(requests.exceptions.ReadTimeout):
        ours.get(at(server, "/silent"), timeout=(5, 0.05))


def test_nothing_is_sent_to_a_plain_http_address(proxy: Recorder) -> None:
    with session(Network()) as ours, pytest.raises(requests.exceptions.InvalidSchema):
        ours.get(f"http://localhost:{proxy.server_port}/")
    assert proxy.seen == []


def test_plain_http_for_a_managed_identity_goes_past_every_proxy(
    proxy: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")

    with session(Network(proxy="http://127.0.0.1:1"), plain_http=True) as ours:
        assert ours.get(f"http://localhost:{proxy.server_port}/").status_code == 200


def test_tls_before_1_2_is_refused(context: ssl.SSLContext, server: Recorder, bundle: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version = ssl.TLSVersion.TLSv1
        context.maximum_version = ssl.TLSVersion.TLSv1_1
    context.set_ciphers("ALL:@SECLEVEL=0")

    with session(Network(ca_bundle=bundle)) as ours, pytest.raises(requests.exceptions.SSLError):
        ours.get(at(server))
    assert server.seen == []


def test_the_session_says_who_it_is(server: Recorder, bundle: Path) -> None:
    with session(Network(ca_bundle=bundle)) as ours:
        ours.get(at(server))
    assert server.seen[0][2]["User-Agent"] == f"collector/{__version__}"
