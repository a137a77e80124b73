"""Next links of InvokeCommand: how an answer is cut, and who may fetch the rest of it; protocol.md B3, G1.

Invariant: a link is good for the body and the anchor that it was given for, for 30 minutes of the tenant's clock.
"""

import re
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import parse_qs

from collector.simulator.behaviour import Behaviour, ListPaging, NextLink
from collector.simulator.mishaps import PAGING_REFUSED
from collector.simulator.wire import Answer, Request

LINK_LIFE = timedelta(minutes=30)
SELF_PAGED = frozenset({"Search-UnifiedAuditLog", "Get-MessageTraceV2", "Get-MessageTraceDetailV2"})
"""The cmdlets that have ways of their own to go on; their answers are cut only where `Behaviour.next_link` says so."""


@dataclass(frozen=True)
class _Remainder:
    answer: Answer
    body: bytes
    routing: tuple[str | None, ...]
    expires: datetime


class NextLinks:
    """The next links that one tenant has given."""

    def __init__(self, address: str, behaviour: Behaviour, now: Callable[[], datetime]) -> None:
        self._address = address
        self._behaviour = behaviour
        self._now = now
        self._remainders: dict[str, _Remainder] = {}

    def resumed(self, request: Request, cmdlet: str) -> Answer | None:
        """Return what a next link stands for, None for a request without one; raises CmdletError for a bad one."""
        skip = parse_qs(request.query).get("$skiptoken")
        if skip is None:
            return None
        rest = self._remainders.get(skip[0])
        same = rest and rest.body == request.body and self._routed(request, rest, cmdlet)
        if not rest or not same or rest.expires < self._now():
            raise PAGING_REFUSED
        return rest.answer

    def cut(self, request: Request, cmdlet: str, answer: Answer) -> tuple[Answer, str | None]:
        """Return the first page of an answer and the link to the rest of it, None where that is all."""
        size = self._page_size(request, cmdlet)
        if size is None or len(answer.rows) <= size:
            return answer, None
        link = self.link(request, Answer(answer.rows[size:], answer.warnings))
        return Answer(answer.rows[:size], answer.warnings), link

    def link(self, request: Request, rest: Answer) -> str:
        """Return a next link that stands for the rest of an answer."""
        skip = uuid.uuid4().hex
        self._remainders[skip] = _Remainder(rest, request.body, _routing(request), self._now() + LINK_LIFE)
        return f"{self._address}{request.path}?%24skiptoken={skip}"

    def _page_size(self, request: Request, cmdlet: str) -> int | None:
        """Return how many rows a page has; a list has no more than odata.maxpagesize asks for. None: any number."""
        most = self._behaviour.server_page
        if cmdlet in SELF_PAGED:
            return None if self._behaviour.next_link is NextLink.NONE else most
        if self._behaviour.list_paging is ListPaging.WHOLE:
            return None
        preferred = re.search(r"odata\.maxpagesize=(\d+)", request.headers.get("Prefer") or "")
        return max(1, min(most, int(preferred[1]))) if preferred else most

    def _routed(self, request: Request, rest: _Remainder, cmdlet: str) -> bool:
        """Whether a request reaches the server that holds the rest."""
        routing = _routing(request)
        if cmdlet in SELF_PAGED:
            return self._behaviour.next_link is not NextLink.REFUSED and routing[0] == rest.routing[0]
        if self._behaviour.list_paging is ListPaging.AFFINE:
            return None not in routing and routing == rest.routing
        return self._behaviour.list_paging is not ListPaging.REFUSED and routing[0] == rest.routing[0]


def _routing(request: Request) -> tuple[str | None, ...]:
    return request.headers.get("X-AnchorMailbox"), request.headers.get("connection-id")
