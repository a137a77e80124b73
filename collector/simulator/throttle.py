"""A quota of requests a period, as a sliding window."""

import threading
from collections import deque
from collections.abc import Callable
from datetime import datetime, timedelta
from math import ceil


class Throttle:
    """Lets `requests` through in any `period` of the tenant's clock. A request that is turned away does not count."""

    def __init__(self, requests: int, period: timedelta, now: Callable[[], datetime]) -> None:
        self._requests = requests
        self._period = period
        self._now = now
        self._recent: deque[datetime] = deque()
        self._lock = threading.Lock()

    def wait(self) -> int | None:
        """Count a request; returns the seconds of Retry-After where the quota is used up."""
        with self._lock:
            now = self._now()
            while self._recent and self._recent[0] <= now - self._period:
                self._recent.popleft()
            if len(self._recent) >= self._requests:
                return max(1, ceil((self._recent[0] + self._period - now).total_seconds()))
            self._recent.append(now)
            return None
