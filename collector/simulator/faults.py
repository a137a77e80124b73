"""Everything a tenant gets wrong, as values: what happens, when, how often; protocol.md A5, A7, B4, B7, C1.

Invariants: faults compose, in their order; a fault fires as often as it says and never more. What each kind does
stands in collector.simulator.mishaps; what Graph makes of it in its errors and its pages, where HOLE skips a page,
SHORT_SESSION ends a listing too soon and CYCLE begins it again.
"""

import threading
from dataclasses import dataclass
from enum import StrEnum

from collector.simulator.conditions import Asked, When, any_cmdlet

CONCURRENCY = "You have reached the maximum number of concurrent requests per tenant. Please wait and try again."
SERVER_BUSY = "Microsoft.Exchange.Data.Directory.ServerBusyException"


class Kind(StrEnum):
    """What can go wrong."""

    STATUS = "status"
    HTML = "html"
    TRANSIENT = "transient"
    FORBIDDEN = "forbidden"
    NO_ANSWER = "no-answer"
    UNAUTHORIZED = "unauthorized"
    CLAIMS = "claims"
    PAGING_REFUSED = "paging-refused"
    LINK_LOOP = "link-loop"
    FOREIGN_LINK = "foreign-link"
    ACTIVITY_ERROR = "activity-error"
    EMPTY_PAGE = "empty-page"
    NO_ARRAY = "no-array"
    MINUS_ONE = "minus-one"
    EMPTY = "empty"
    SHORT_SESSION = "short-session"
    HOLE = "hole"
    LOST_ROW = "lost-row"
    REPEAT = "repeat"
    CYCLE = "cycle"
    MISCOUNT = "miscount"
    MORE = "more"
    CANCELLED = "cancelled"
    PRETTY = "pretty"
    TWICE = "twice"
    NO_VALUE = "no-value"
    ERRORS = "errors"
    BLOATED = "bloated"
    BROKEN_GZIP = "broken-gzip"
    CUT_GZIP = "cut-gzip"
    NOT_GZIP = "not-gzip"
    CUT = "cut"
    RESET = "reset"
    WRONG_LENGTH = "wrong-length"
    SLOW = "slow"
    DRIP = "drip"


OF_THE_FEED = frozenset({Kind.ACTIVITY_ERROR, Kind.EMPTY_PAGE, Kind.FOREIGN_LINK, Kind.NO_ARRAY})
"""What no cmdlet gets wrong: ACTIVITY_ERROR is of the Management Activity API alone, the others are of Graph too."""


@dataclass(frozen=True)
class Fault:
    """One thing that goes wrong, `times` times where `when` holds (None: always).

    `status`, `text` and `retry_after` (seconds, an HTTP date or nonsense) are for STATUS and HTML; `exception` is the
    .NET type of TRANSIENT; `by` is how many rows the ResultCount of MISCOUNT is off, or the count of a query of Graph;
    `size` is the bytes of blanks behind a BLOATED answer; `seconds` is for SLOW and DRIP; `code` is what ACTIVITY_ERROR
    says, AF429 with the status that the tenant gives it; `base` is the scheme, host and port that FOREIGN_LINK leads
    to.
    """

    kind: Kind
    when: When = any_cmdlet
    times: int | None = 1
    status: int = 503
    text: str = "Service unavailable"
    retry_after: str | None = None
    exception: str = SERVER_BUSY
    by: int = -1
    size: int = 2**20
    seconds: float = 1.0
    code: str = "AF50000"
    base: str = "https://feed.fabrikam.example.org"


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
