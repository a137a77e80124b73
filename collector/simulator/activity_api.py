"""The Office 365 Management Activity API of one tenant: dispatch, faults, quota, permissions; protocol.md A.

Invariant: the order of checks is route, token, faults, quota, tenant, permission, arguments; each later one is only
seen by who passes the earlier ones.
"""

import re
import threading
from collections import Counter
from collections.abc import Callable
from datetime import datetime

from collector.simulator.activity_feed import DLP, Feed
from collector.simulator.behaviour import FEED_READ, FEED_READ_DLP, FeedBehaviour, Quotas
from collector.simulator.conditions import Asked
from collector.simulator.faults import Fault, FaultLine, Kind
from collector.simulator.feed_call import NOBODY, Call, read_call
from collector.simulator.feed_errors import THROTTLED, FeedError, unauthorized
from collector.simulator.feed_operations import ROUTES, Due, Operations
from collector.simulator.mishaps import INSTEAD, OF_AN_OBJECT, ON_THE_WAY
from collector.simulator.scenario import TENANT_ID
from collector.simulator.throttle import Throttle
from collector.simulator.tokens import Tokens, Unauthorized
from collector.simulator.wire import Reply, Request, plain

_GUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


class ActivityApi:
    """The feed endpoint of one tenant; `feed` is made when the first request comes."""

    def __init__(
        self,
        address: str,
        *,
        feed: Callable[[], Feed],
        behaviour: FeedBehaviour,
        quotas: Quotas,
        tokens: Tokens,
        faults: FaultLine,
        now: Callable[[], datetime],
    ) -> None:
        self._behaviour = behaviour
        self._tokens = tokens
        self._faults = faults
        self._throttle = Throttle(quotas.feed_requests, quotas.feed_period, now)
        self._lock = threading.Lock()
        self._counts: Counter[str] = Counter()
        self._open: Callable[[], Operations] = lambda: Operations(address, feed(), behaviour, now)
        self._opened: Operations | None = None

    def answer(self, request: Request) -> Reply | None:
        """Answer a request to the feed; None for a path that is none of its own."""
        call = read_call(request)
        if call is None or call.operation not in ROUTES:
            return None
        if request.method != ROUTES[call.operation].method:
            return plain(405, "The requested resource does not support this method.")
        try:
            return self._faulty(call)
        except FeedError as error:
            return error.reply
        except Unauthorized as no:
            return unauthorized(no.reply)

    def _faulty(self, call: Call) -> Reply:
        token = self._tokens.bearer(call.request.headers.get("Authorization"))
        due = self._faults.due(self._asked(call))
        for fault in due:
            if fault.kind in INSTEAD:
                return INSTEAD[fault.kind](fault)
            if fault.kind in (Kind.UNAUTHORIZED, Kind.CLAIMS):
                raise Unauthorized(self._tokens.revoke(token, claims=fault.kind is Kind.CLAIMS))
            if fault.kind is Kind.ACTIVITY_ERROR:
                raise self._error(fault, call)
        reply = self._permitted(call, token, {fault.kind: fault for fault in due})
        for fault in due:
            if fault.kind in ON_THE_WAY and fault.kind not in OF_AN_OBJECT:
                reply = ON_THE_WAY[fault.kind](fault, reply)
        return reply

    def _error(self, fault: Fault, call: Call) -> FeedError:
        if fault.code == THROTTLED:
            return self._throttled(call, fault.retry_after)
        return FeedError(fault.code, call.content_id, retry_after=fault.retry_after)

    def _throttled(self, call: Call, retry_after: str | None) -> FeedError:
        about = f"Method={ROUTES[call.operation].name}, PublisherId={call.publisher or NOBODY}"
        return FeedError(THROTTLED, about, status=self._behaviour.throttled_status, retry_after=retry_after)

    def _asked(self, call: Call) -> Asked:
        with self._lock:
            self._counts[call.operation] += 1
            number = self._counts[call.operation]
        return Asked(
            number,
            call.request.path,
            operation=call.operation,
            content_type=self._operations.content_type(call),
            content_id=call.content_id or None,
        )

    def _permitted(self, call: Call, token: str, due: Due) -> Reply:
        if (wait := self._throttle.wait()) is not None:
            raise self._throttled(call, str(wait) if self._behaviour.retry_after else None)
        if not _GUID.fullmatch(call.tenant):
            raise FeedError("AF20013", call.tenant)
        if call.tenant != self._tokens.tenant(token):
            raise FeedError("AF20010", call.tenant)
        if call.tenant != TENANT_ID:
            raise FeedError("AF20011", call.tenant)
        self._check_permissions(call, self._tokens.permissions(token))
        return ROUTES[call.operation].handler(self._operations, call, due)

    def _check_permissions(self, call: Call, permissions: frozenset[str]) -> None:
        dlp = self._operations.content_type(call) == DLP
        if FEED_READ not in permissions or (dlp and FEED_READ_DLP not in permissions):
            raise FeedError("AF10001", ",".join(sorted(permissions)))

    @property
    def _operations(self) -> Operations:
        with self._lock:
            if self._opened is None:
                self._opened = self._open()
            return self._opened
