"""Stand-ins for the seams: time that passes only when it is slept, a network that follows a script, a sign-in.

Invariants: nothing here waits, and nothing here leaves the process. What was asked of a fake can be read from it.
"""

import json
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from collector.auth import SignIn, Token
from collector.clock import Clock
from collector.config import Limits, Rate
from collector.errors import Interrupted
from collector.http.client import Client
from collector.http.limiter import Gate
from collector.http.transport import Received, Sent, TransportFailure

API = "https://outlook.contoso.example.org"
TENANT = "11111111-2222-3333-4444-555555555555"
NOW = datetime(2026, 11, 21, 5, tzinfo=UTC)


class FakeClock:
    """A clock that moves when it is slept on or moved, and keeps each wait in `slept`. Threads may share it."""

    def __init__(self, start: datetime = NOW) -> None:
        self._start = start
        self._elapsed = 0.0
        self._stopped = False
        self._lock = threading.Lock()
        self.slept: list[float] = []

    def now(self) -> datetime:
        return self._start + timedelta(seconds=self.monotonic())

    def monotonic(self) -> float:
        with self._lock:
            return self._elapsed

    def sleep(self, seconds: float) -> None:
        self.check()
        with self._lock:
            self.slept.append(seconds)
            self._elapsed += max(0.0, seconds)
        self.check()

    def move(self, seconds: float) -> None:
        """Let time pass without anybody waiting for it."""
        with self._lock:
            self._elapsed += seconds

    def check(self) -> None:
        if self._stopped:
            raise Interrupted("stopped")

    def stop(self) -> None:
        self._stopped = True

    @property
    def stopped(self) -> bool:
        return self._stopped


Scripted = Received | TransportFailure | BaseException
Script = Iterable[Scripted] | Callable[[Sent], Scripted]


class FakeTransport:
    """Answers from a script, a list or a function of what was sent; keeps that in `sent`.

    A list that is used up is a fault of the test, or of a client that asks more often than it should. Each answer
    takes `takes` seconds of the clock.
    """

    def __init__(self, script: Script, *, clock: FakeClock | None = None, takes: float = 0.0) -> None:
        self._answers: Iterator[Scripted] | None = None if callable(script) else iter(script)
        self._answer = script if callable(script) else self._next
        self._clock = clock
        self._takes = takes
        self.sent: list[Sent] = []

    def send(self, sent: Sent) -> Received:
        self.sent.append(sent)
        if self._clock is not None:
            self._clock.move(self._takes)
        answer = self._answer(sent)
        if isinstance(answer, BaseException):
            raise answer
        return answer

    @property
    def bodies(self) -> list[object]:
        """The JSON of what was sent."""
        return [json.loads(sent.body or b"null") for sent in self.sent]

    def _next(self, _: Sent) -> Scripted:
        assert self._answers is not None
        try:
            return next(self._answers)
        except StopIteration:
            raise AssertionError(f"asked once more than the script answers: {self.sent[-1]!r}") from None


class FakeSignIn(SignIn):
    """Hands out `token-1`, and after each `renew` the next; keeps what it was asked for."""

    def __init__(self, *, upn: str | None = None, value: str = "opaque-token") -> None:
        self._value = value
        self._upn = upn
        self._number = 1
        self.asked: list[str] = []
        self.renewed: list[tuple[str, str, str | None]] = []

    @property
    def tenant_id(self) -> str:
        return TENANT

    @property
    def held(self) -> str:
        """The value of the token that is handed out now."""
        return f"{self._value}-{self._number}"

    def token(self, api: str) -> Token:
        self.asked.append(api)
        expires = NOW.timestamp() + 3600
        return Token(self.held, expires, TENANT, self._upn, (), app_only=self._upn is None)

    def renew(self, api: str, stale: Token, claims: str | None) -> Token:
        self.renewed.append((api, stale.value, claims))
        self._number += 1
        return self.token(api)


def received(status: int = 200, body: bytes | str | object = b"", **headers: str) -> Received:
    """Make an answer; a body that is neither bytes nor text is written as JSON, `retry_after` is Retry-After."""
    if not isinstance(body, bytes | str):
        body = json.dumps(body)
    data = body.encode() if isinstance(body, str) else body
    return Received(status, {name.replace("_", "-"): value for name, value in headers.items()}, data)


def page(rows: Sequence[object] = (), *warnings: str, link: str | None = None, **members: object) -> Received:
    """Make an answer of rows as the admin REST writes it (protocol.md B3)."""
    document: dict[str, object] = {"adminapi.warnings@odata.type": "#Collection(String)"}
    document |= {"@adminapi.warnings": list(warnings), **members, "value": list(rows)}
    if link is not None:
        document["@odata.nextLink"] = link
    return received(200, document)


def refusal(text: str, *, status: int = 400, code: str = "BadRequest") -> Received:
    """Make an error answer as the admin REST writes it (protocol.md B4); `text` is `ErrId|Type|human`."""
    details = [{"code": "Client", "target": "", "message": text}]
    inner = {"message": "Error executing cmdlet", "type": "ODataServiceException", "stacktrace": "at X\r\n" * 500}
    error = {"code": code, "message": "Error executing cmdlet", "details": details, "innererror": inner}
    return received(status, {"error": error, "@adminapi.warnings": []})


@dataclass
class Line:
    """A client on a scripted network, with all that it wrote down."""

    script: Script
    limits: Limits = field(default_factory=Limits)
    concurrency: int = 4
    rate: Rate | None = None
    clock: FakeClock = field(default_factory=FakeClock)
    sign_in: FakeSignIn = field(default_factory=FakeSignIn)
    takes: float = 0.0
    log: list[Mapping[str, object]] = field(default_factory=list)
    waits: list[tuple[str, float]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.transport = FakeTransport(self.script, clock=self.clock, takes=self.takes)
        clock: Clock = self.clock
        self.gate = Gate(concurrency=self.concurrency, rate=self.rate, clock=clock, waiting=lambda why, seconds: None)
        self.client = Client(
            transport=self.transport,
            sign_in=self.sign_in,
            gate=self.gate,
            limits=self.limits,
            clock=clock,
            log=self.log.append,
            waiting=lambda why, seconds: self.waits.append((why, seconds)),
        )
