"""A server on loopback TLS that sends what it is told to, byte for byte, and says nothing of its own."""

import contextlib
import socket
import ssl
import struct
import threading
from collections.abc import Callable, Iterator

import trustme

Handler = Callable[[ssl.SSLSocket], None]
"""What a server does with a connection once a request has come in whole."""


class Wire:
    """Serves each connection in a thread of its own; `requests` are the requests as they came in."""

    def __init__(self, ca: trustme.CA, handle: Handler) -> None:
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        ca.issue_cert("localhost", "127.0.0.1").configure_cert(self._context)
        self._handle = handle
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.address = f"https://localhost:{self._listener.getsockname()[1]}"
        self.requests: list[bytes] = []
        self.connections = 0

    def __enter__(self) -> "Wire":
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(OSError):  # or the thread that accepts would keep the port open
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                plain, _ = self._listener.accept()
                self.connections += 1
                threading.Thread(target=self._serve, args=(plain,), daemon=True).start()

    def _serve(self, plain: socket.socket) -> None:
        plain.settimeout(10)
        with contextlib.suppress(OSError), self._context.wrap_socket(plain, server_side=True) as connection:
            for request in _requests(connection):
                self.requests.append(request)
                self._handle(connection)


def _requests(connection: ssl.SSLSocket) -> Iterator[bytes]:
    data = b""
    while block := connection.recv(65536):
        data += block
        head, end, body = data.partition(b"\r\n\r\n")
        length = next((int(line[15:]) for line in head.lower().split(b"\r\n") if line[:15] == b"content-length:"), 0)
        if end and len(body) >= length:
            yield data
            data = b""


def answer(body: bytes, status: str = "200 OK", *headers: str, length: int | None = None) -> bytes:
    """Write an answer with a Content-Length, its own or a false one."""
    lines = (f"HTTP/1.1 {status}", *headers, f"Content-Length: {len(body) if length is None else length}", "", "")
    return "\r\n".join(lines).encode() + body


def chunked(*chunks: bytes, status: str = "200 OK", headers: tuple[str, ...] = (), end: bool = True) -> bytes:
    """Write a chunked answer, with or without its last chunk."""
    head = "\r\n".join((f"HTTP/1.1 {status}", *headers, "Transfer-Encoding: chunked", "", "")).encode()
    return head + b"".join(b"%x\r\n%b\r\n" % (len(chunk), chunk) for chunk in chunks) + (b"0\r\n\r\n" if end else b"")


def says(*data: bytes) -> Handler:
    """Send this, and keep the connection."""
    return lambda connection: connection.sendall(b"".join(data))


def hangs_up(*data: bytes) -> Handler:
    """Send this, and close the connection."""

    def handle(connection: ssl.SSLSocket) -> None:
        connection.sendall(b"".join(data))
        connection.close()

    return handle


def resets(*data: bytes) -> Handler:
    """Send this, and reset the connection."""

    def handle(connection: ssl.SSLSocket) -> None:
        connection.sendall(b"".join(data))
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        connection.close()

    return handle
