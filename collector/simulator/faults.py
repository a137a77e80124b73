"""Everything a tenant gets wrong, as values: what happens, when, how often; protocol.md B4, B7, C1.

Invariants: a fault is a small function in one of three tables (instead of the cmdlet, around it, on its way out);
faults compose, in their order; a fault fires as often as it says and never more.
"""

import json
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import StrEnum

from isal import igzip

from collector.simulator.conditions import Asked, When, any_cmdlet
from collector.simulator.wire import (
    FORBIDDEN,
    Answer,
    CmdletError,
    Ending,
    Reply,
    failure,
    plain,
    to_json,
)

CONCURRENCY = "You have reached the maximum number of concurrent requests per tenant. Please wait and try again."
HTML = b"<!DOCTYPE html><html><head><title>Service unavailable</title></head><body>Try again.</body></html>"


class Kind(StrEnum):
    """What can go wrong."""

    STATUS = "status"
    HTML = "html"
    TRANSIENT = "transient"
    FORBIDDEN = "forbidden"
    NO_ANSWER = "no-answer"
    UNAUTHORIZED = "unauthorized"
    CLAIMS = "claims"
    MINUS_ONE = "minus-one"
    EMPTY = "empty"
    SHORT_SESSION = "short-session"
    HOLE = "hole"
    REPEAT = "repeat"
    CANCELLED = "cancelled"
    PRETTY = "pretty"
    TWICE = "twice"
    BROKEN_GZIP = "broken-gzip"
    CUT = "cut"
    RESET = "reset"
    WRONG_LENGTH = "wrong-length"
    SLOW = "slow"
    DRIP = "drip"


@dataclass(frozen=True)
class Fault:
    """One thing that goes wrong, `times` times where `when` holds (None: always).

    `status`, `text` and `retry_after` (seconds, or an HTTP date) are for STATUS and HTML; `seconds` for SLOW and DRIP.
    """

    kind: Kind
    when: When = any_cmdlet
    times: int | None = 1
    status: int = 503
    text: str = "Service unavailable"
    retry_after: str | None = None
    seconds: float = 1.0


@dataclass(frozen=True)
class Faults:
    """All that goes wrong with a tenant."""

    faults: tuple[Fault, ...] = ()


class FaultLine:
    """The faults of a running tenant: which are due, and how often they may still fire."""

    def __init__(self, faults: Faults) -> None:
        self._faults = faults.faults
        self._fired = [0] * len(self._faults)
        self._lock = threading.Lock()

    def due(self, asked: Asked) -> tuple[Fault, ...]:
        """Return the faults that fire on a request, and count them as fired."""
        with self._lock:
            due = [number for number, fault in enumerate(self._faults) if self._fires(number, fault, asked)]
            for number in due:
                self._fired[number] += 1
        return tuple(self._faults[number] for number in due)

    def _fires(self, number: int, fault: Fault, asked: Asked) -> bool:
        return (fault.times is None or self._fired[number] < fault.times) and fault.when(asked)


Run = Callable[[], Answer]


def _status(fault: Fault) -> Reply:
    return _with_retry_after(plain(fault.status, fault.text), fault)


def _html(fault: Fault) -> Reply:
    return _with_retry_after(Reply(fault.status, HTML, {"Content-Type": "text/html; charset=utf-8"}), fault)


def _with_retry_after(reply: Reply, fault: Fault) -> Reply:
    if fault.retry_after is None:
        return reply
    return replace(reply, headers={**reply.headers, "Retry-After": fault.retry_after})


def _transient(_: Fault) -> Reply:
    kind = "Microsoft.Exchange.Data.Directory.ServerBusyException"
    return failure(CmdletError("The server is busy, this issue may be transient.", kind=kind))


INSTEAD: dict[Kind, Callable[[Fault], Reply]] = {
    Kind.STATUS: _status,
    Kind.HTML: _html,
    Kind.TRANSIENT: _transient,
    Kind.FORBIDDEN: lambda _: FORBIDDEN,
    Kind.NO_ANSWER: lambda _: Reply(200, ending=Ending.NOTHING),
}
"""What is answered instead of running the cmdlet. UNAUTHORIZED and CLAIMS need the token and are the exchange's."""


def _minus_one(_run: Run, _last: Answer) -> Answer:
    blank = dict.fromkeys(("RecordType", "CreationDate", "UserIds", "Operations", "AuditData", "Identity"), "")
    return Answer([{**blank, "ResultIndex": -1, "ResultCount": 0, "IsValid": True, "ObjectState": "Unchanged"}])


def _hole(run: Run, _last: Answer) -> Answer:
    run()
    return run()


AROUND: dict[Kind, Callable[[Run, Answer], Answer]] = {
    Kind.MINUS_ONE: _minus_one,
    Kind.EMPTY: lambda _run, _last: Answer(),
    Kind.SHORT_SESSION: lambda _run, _last: Answer(),
    Kind.HOLE: _hole,
    Kind.REPEAT: lambda _run, last: last,
    Kind.CANCELLED: lambda _run, _last: Answer(warnings=("A task was canceled.",)),
}
"""What becomes of an answer, given how to run the cmdlet and the session's answer before."""


def _pretty(_: Fault, reply: Reply) -> Reply:
    return replace(reply, body=json.dumps(json.loads(reply.body), indent=2).encode())


def _twice(_: Fault, reply: Reply) -> Reply:
    """Write `value` as two members with half of the rows each, which RFC 8259 leaves to the reader."""
    document = json.loads(reply.body)
    rows = document.pop("value")
    half = len(rows) // 2
    head = to_json(document)[:-1]
    return replace(reply, body=head + b',"value":%b,"value":%b}' % (to_json(rows[:half]), to_json(rows[half:])))


def _broken_gzip(_: Fault, reply: Reply) -> Reply:
    packed = bytearray(igzip.compress(reply.body))
    middle = len(packed) // 2
    packed[middle : middle + 8] = bytes(byte ^ 0xFF for byte in packed[middle : middle + 8])
    return replace(reply, body=bytes(packed), headers={**reply.headers, "Content-Encoding": "gzip"})


def _wrong_length(_: Fault, reply: Reply) -> Reply:
    return replace(reply, declared=len(reply.body) // 2)


ON_THE_WAY: dict[Kind, Callable[[Fault, Reply], Reply]] = {
    Kind.PRETTY: _pretty,
    Kind.TWICE: _twice,
    Kind.BROKEN_GZIP: _broken_gzip,
    Kind.CUT: lambda _, reply: replace(reply, ending=Ending.CUT),
    Kind.RESET: lambda _, reply: replace(reply, ending=Ending.RESET),
    Kind.WRONG_LENGTH: _wrong_length,
    Kind.SLOW: lambda fault, reply: replace(reply, wait=reply.wait + fault.seconds),
    Kind.DRIP: lambda fault, reply: replace(reply, drip=fault.seconds),
}
"""What happens to a reply on its way to the client."""
