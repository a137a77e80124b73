"""One client over one transport: asks until there is an answer that counts, or says why there is none.

Invariants: a token leaves only to the API it is for; every attempt stands in the request log before anything is
made of it; a failure costs the slice an attempt, a throttling costs patience only; a new token is tried once for a
question.
"""

import re
import uuid
from collections.abc import Callable, Mapping
from datetime import UTC, timedelta
from email.utils import parsedate_to_datetime
from typing import NamedTuple, NoReturn, Protocol, TypeVar
from urllib.parse import urlsplit

from tenacity import RetryCallState, Retrying, retry_if_exception_type, wait_exponential, wait_random
from tenacity.wait import wait_base

from collector.auth import SignIn, Token
from collector.clock import Clock
from collector.config import Limits
from collector.errors import Forbidden, QuestionError, Refused, TemporaryError, TokenError, TooLarge, Unanswered
from collector.http import policy, record
from collector.http.limiter import Gate
from collector.http.policy import Action, Reading
from collector.http.transport import Received, Sent, Transport, TransportFailure

_NO_CLOCK = timedelta(days=1)
"""A Date this far from our time tells of something else than of two clocks that differ."""


class Request(NamedTuple):
    """A question: `api` is the base address its token is for, `about` what the request log says of it."""

    method: str
    address: str
    api: str
    headers: Mapping[str, str]
    body: bytes | None
    about: Mapping[str, object]


class Answer(Protocol):
    """What a reader makes of a body; its warnings are kept in the request log."""

    @property
    def warnings(self) -> tuple[str, ...] | None:
        """The service's warnings, verbatim; None where the answer is no page of rows, and is kept in the log whole."""


A = TypeVar("A", bound=Answer)


class Effort:
    """What a slice may still cost: each failure is one attempt, `attempts` of them are allowed.

    `failing_since` is when (monotonic) the failures began that no answer has ended yet, None where there are none;
    `failed_at` is when the last of all was.
    """

    def __init__(self, attempts: int) -> None:
        self._attempts = attempts
        self.failures = 0
        self.failing_since: float | None = None
        self.failed_at: float | None = None

    @property
    def spent(self) -> bool:
        """Whether no attempt is left."""
        return self.failures >= self._attempts

    @property
    def at_last(self) -> bool:
        """Whether the next failure will be the last."""
        return self.failures + 1 >= self._attempts

    def fail(self) -> None:
        """Count a failure."""
        self.failures += 1

    def renew(self) -> None:
        """Give the attempts back: what used them up was an outage."""
        self.failures = 0
        self.failing_since = None


class _Again(Exception):  # noqa: N818
    """Ask again; `wait` is in seconds, None for the growing wait."""

    def __init__(self, why: str, wait: float | None) -> None:
        super().__init__(why)
        self.why = why
        self.wait = wait


class _Pause(wait_base):
    """Wait as long as the service asked, else exponentially with jitter."""

    def __init__(self, limits: Limits) -> None:
        self._longest = limits.longest_wait
        self._growing = wait_exponential(multiplier=limits.first_wait) + wait_random(max=limits.first_wait)

    def __call__(self, retry_state: RetryCallState) -> float:
        again = retry_state.outcome.exception() if retry_state.outcome else None
        asked = again.wait if isinstance(again, _Again) else None
        return min(self._growing(retry_state), self._longest) if asked is None else asked


class Client:
    """Asks one source's questions: its gate, its limits, its log. Shared by the source's threads."""

    def __init__(
        self,
        *,
        transport: Transport,
        sign_in: SignIn,
        gate: Gate,
        limits: Limits,
        clock: Clock,
        log: Callable[[Mapping[str, object]], None],
        waiting: Callable[[str, float], None],
    ) -> None:
        self._transport = transport
        self._sign_in = sign_in
        self._gate = gate
        self._limits = limits
        self._clock = clock
        self._log = log
        self._waiting = waiting
        self.last_answer: float | None = None
        self.ahead = timedelta(0)
        """How far the service's clock was ahead of ours when it last told the time."""

    def ask(self, request: Request, read: Callable[[Received], A], effort: Effort) -> tuple[A, str]:
        """Return what `read` makes of the answer, and the client-request-id under which the log holds it.

        A service that throttles is waited for as long as it says; where that is less than the first wait, or
        nothing, the wait grows as after a failure.
        Raises a QuestionError (Unanswered, TooLarge, Refused, Forbidden) for this question, AccessError where no
        token is accepted, TemporaryError where the service asks for more patience than there is.
        """
        if _origin(request.address) != _origin(request.api):
            raise Refused("a token goes only to the host it is for", reason="foreign-host")
        inquiry = _Inquiry(self, request, effort)
        again = Retrying(
            retry=retry_if_exception_type(_Again),
            wait=_Pause(self._limits),
            sleep=self._clock.sleep,
            before_sleep=self._tell,
            reraise=True,
        )
        return again(inquiry.once, read)

    def told_time(self, received: Received) -> None:
        """Take the server's clock from an answer's Date (RFC 9110 section 6.6.1), if it has one that can be read."""
        try:
            date = parsedate_to_datetime(received.headers.get("date", ""))
        except ValueError:
            return
        ahead = date.replace(tzinfo=date.tzinfo or UTC) - self._clock.now()
        if abs(ahead) < _NO_CLOCK:
            self.ahead = ahead

    def _tell(self, state: RetryCallState) -> None:
        again = state.outcome.exception() if state.outcome else None
        if state.next_action and state.next_action.sleep > 0:
            self._waiting(str(again), state.next_action.sleep)


class _Inquiry:
    """One question's attempts: what they have cost so far, and whether a new token was tried."""

    def __init__(self, client: Client, request: Request, effort: Effort) -> None:
        self._client = client
        self._request = request
        self._effort = effort
        self._attempt = 0
        self._renewed = False
        self._throttled_since: float | None = None

    def once(self, read: Callable[[Received], A]) -> tuple[A, str]:
        """Ask once; raises _Again where another attempt is due."""
        client = self._client
        self._attempt += 1
        number = str(uuid.uuid4())
        with client._gate.passage():  # which can take longer than a token holds
            token = client._sign_in.token(self._request.api)
            entry = record.Entry(self._request.about, client._clock, number, self._attempt, token.value)
            try:
                received = client._transport.send(self._sent(token, number))
            except TransportFailure as failure:
                client._log(entry.failed(self._request.method, self._request.address, failure))
                return self._transport_failed(failure)
        client.told_time(received)
        told = entry.answered(self._request.method, self._request.address, received)
        answer, trouble = _take(read, received)
        client._log(told | entry.made(received, None if answer is None else answer.warnings))
        if answer is not None:
            client.last_answer = client._clock.monotonic()
            client._gate.answered()
            self._effort.failing_since = None
            return answer, number
        reading = policy.read(received.status, received.body)
        if trouble is not None and reading.action is Action.TAKE:
            self._again_or(trouble)
        return self._act(reading, received, token)

    def _sent(self, token: Token, number: str) -> Sent:
        headers = {**self._request.headers, "client-request-id": number}
        return Sent(self._request.method, self._request.address, headers, self._request.body, token.value)

    def _transport_failed(self, failure: TransportFailure) -> NoReturn:
        if failure.reason == "answer-too-large":
            raise TooLarge(str(failure), reason=failure.reason)
        self._again_or(Unanswered(str(failure), reason=failure.reason))

    def _again_or(self, error: QuestionError) -> NoReturn:
        """Raise _Again while the slice has attempts left, else the error."""
        self._effort.fail()
        self._throttled_since = None
        self._effort.failed_at = self._client._clock.monotonic()
        if self._effort.failing_since is None:
            self._effort.failing_since = self._effort.failed_at
        if self._effort.spent:
            raise error
        raise _Again(error.reason, None)

    def _act(self, reading: Reading, received: Received, token: Token) -> NoReturn:
        """Do what the table says about an answer that does not count."""
        said = record.clean(reading.text, token.value)
        message = f"{received.status}: {said}" if said else str(received.status)
        match reading.action:
            case Action.RETRY:
                body = received.body if received.status < 300 else None
                self._again_or(Unanswered(message, reason=reading.reason, body=body))
            case Action.WAIT:
                self._throttled(received)
            case Action.NEW_TOKEN:
                self._unauthorized(received, token, message)
            case Action.NEW_SESSION:
                self._effort.fail()
                raise Unanswered(message, reason=reading.reason)
        self._client.last_answer = self._client._clock.monotonic()
        match reading.action:
            case Action.SPLIT:
                raise TooLarge(message, reason=reading.reason)
            case Action.FORBIDDEN:
                raise Forbidden(message, reason=reading.reason)
            case _:
                raise Refused(message, reason=reading.reason)

    def _throttled(self, received: Received) -> NoReturn:
        client = self._client
        now = client._clock.monotonic()
        asked = policy.retry_after(received.headers, client._clock.now())
        wait = asked if asked is not None and asked >= client._limits.first_wait else None
        client._gate.throttled(wait or 0.0)
        self._throttled_since = now if self._throttled_since is None else self._throttled_since
        if now - self._throttled_since + (wait or 0.0) > client._limits.patience:
            raise TemporaryError(
                f"the service throttles for longer than the patience of {client._limits.patience:g} seconds",
                remedy="run the same command again later to go on, or raise limits.patience",
            )
        raise _Again("throttled", wait)

    def _unauthorized(self, received: Received, token: Token, message: str) -> NoReturn:
        if self._renewed:
            raise TokenError(
                f"{_origin(self._request.api)} does not accept a fresh token ({message})",
                remedy="grant the app its role for this API (`collector init` lists them) and wait up to an hour",
            )
        self._renewed = True
        challenge = claims_challenge(received.headers.get("www-authenticate", ""))
        self._client._sign_in.renew(self._request.api, token, challenge)
        raise _Again("new token", 0.0)


def _take(read: Callable[[Received], A], received: Received) -> tuple[A | None, QuestionError | None]:
    """Return what the reader makes of a success, which is no success where it refuses, else what it says."""
    if not 200 <= received.status < 300:
        return None, None
    try:
        return read(received), None
    except QuestionError as error:
        return None, error


def claims_challenge(header: str) -> str | None:
    """Return the claims of a WWW-Authenticate header as they stand there, None without. Source: protocol.md E6."""
    found = re.search(r'claims="?([A-Za-z0-9+/=_-]+)', header)
    return found.group(1) if found else None


def _origin(address: str) -> str:
    """Return scheme and authority, which two addresses of one host share to the letter but for the default port."""
    parts = urlsplit(address)
    return f"{parts.scheme}://{parts.netloc.removesuffix(':443')}".lower()
