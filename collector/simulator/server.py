"""HTTP/1.1 over TLS on loopback: requests to values, replies to bytes, ill-formed endings as asked.

Invariants: closing the server ends every connection and every thread; a reply goes out in one write unless it is to
drip; the handshake is made in the connection's own thread.
"""

import os
import socket
import ssl
import struct
from collections.abc import Callable, Iterator
from datetime import datetime
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from isal import igzip

from collector.clock import SystemClock
from collector.errors import Interrupted
from collector.simulator.wire import Ending, Reply, Request

DRIPS = 20
SMALL = 1024


class Server(ThreadingHTTPServer):
    """Serves what `answer` gives, on a free port of 127.0.0.1."""

    daemon_threads = False
    request_queue_size = 128

    def __init__(
        self, answer: Callable[[Request], Reply], context: ssl.SSLContext, now: Callable[[], datetime]
    ) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.socket = context.wrap_socket(self.socket, server_side=True, do_handshake_on_connect=False)
        self.answer = answer
        self.now = now
        self.clock = SystemClock()
        self._open: set[socket.socket] = set()

    def process_request(self, request: Any, client_address: Any) -> None:
        """Remember the connection, and serve it in a thread."""
        self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        """Forget the connection."""
        self._open.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of a client that went away."""

    def close(self) -> None:
        """Stop accepting, end every connection and wait for its thread."""
        self.shutdown()
        self.clock.stop()
        for connection in tuple(self._open):
            try:
                # SSLSocket.shutdown would take the TLS object away from the thread that reads.
                socket.socket.shutdown(connection, socket.SHUT_RDWR)
            except OSError:
                continue
        self.server_close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: Server

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name is the base class's
        """Keep quiet."""

    def version_string(self) -> str:
        """Return the Server header."""
        return "simulated-tenant"

    def date_time_string(self, timestamp: float | None = None) -> str:  # noqa: ARG002
        """Return the Date header by the tenant's clock."""
        return format_datetime(self.server.now(), usegmt=True)

    def do_GET(self) -> None:
        """Serve a GET."""
        self._serve()

    def do_POST(self) -> None:
        """Serve a POST."""
        self._serve()

    def _serve(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        path, _, query = self.path.partition("?")
        try:
            self._send(self.server.answer(Request(self.command, path, query, self.headers, body)))
        except (Interrupted, OSError):
            self.close_connection = True

    def _send(self, reply: Reply) -> None:
        self.server.clock.sleep(reply.wait)
        if reply.ending is Ending.NOTHING:
            self._reset()
            return
        head, body = self._rendered(reply)
        if reply.ending is not Ending.WHOLE or reply.declared is not None:
            self.close_connection = True
        if reply.ending in (Ending.CUT, Ending.RESET):
            body = body[: len(body) // 2]
        for part in _parts(head, body, bool(reply.drip)):
            self.wfile.write(part)
            self.server.clock.sleep(reply.drip / DRIPS)
        if reply.ending is Ending.RESET:
            self._reset()

    def _rendered(self, reply: Reply) -> tuple[bytes, bytes]:
        body, headers = reply.body, dict(reply.headers)
        accepts = "gzip" in self.headers.get("Accept-Encoding", "")
        if accepts and len(body) > SMALL and "Content-Encoding" not in headers and reply.declared is None:
            body, headers["Content-Encoding"] = igzip.compress(body, compresslevel=1), "gzip"
        headers["Content-Length"] = str(len(body) if reply.declared is None else reply.declared)
        self.send_response(reply.status)
        for name, value in headers.items():
            self.send_header(name, value)
        lines: list[bytes] = self._headers_buffer
        self._headers_buffer: list[bytes] = []
        return b"".join(lines) + b"\r\n", body

    def _reset(self) -> None:
        """End the connection with a TCP reset: closed with no time to linger."""
        self.close_connection = True
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        os.close(self.connection.detach())


def _parts(head: bytes, body: bytes, drip: bool) -> Iterator[bytes]:
    if not drip:
        yield head + body
        return
    step = max(1, -(-len(body) // DRIPS))
    yield head
    yield from (body[first : first + step] for first in range(0, len(body), step))
