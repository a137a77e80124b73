"""The client's side of a quota: how many requests are in flight, and how many leave in a period.

Invariants: never more in flight than the engagement allows; never more than `rate.requests` answered or under way
in any `rate.period`, counted from when an answer came, so that the service's own count cannot be higher. Throttling
halves what may be in flight, answers win it back one by one.
"""

import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from collector.clock import Clock
from collector.config import Rate

_GLANCE = 0.2
"""Seconds after which a waiting thread looks whether the operator has asked to stop."""


class Gate:
    """One quota's gate; shared by all threads that work under that quota. `waiting` is told why, and for how long."""

    def __init__(
        self, *, concurrency: int, rate: Rate | None, clock: Clock, waiting: Callable[[str, float], None]
    ) -> None:
        self._most = concurrency
        self._allowed = float(concurrency)
        self._in_flight = 0
        self._rate = rate
        self._answered: deque[float] = deque()
        self._closed_until = 0.0
        self._clock = clock
        self._waiting = waiting
        self._changed = threading.Condition()

    @property
    def allowed(self) -> int:
        """How many requests may be in flight now."""
        return max(1, int(self._allowed))

    @contextmanager
    def passage(self) -> Iterator[None]:
        """Hold a place for one request; waits for it, and raises Interrupted when the operator asks to stop."""
        self._enter()
        try:
            yield
        finally:
            with self._changed:
                self._in_flight -= 1
                if self._rate is not None:
                    self._answered.append(self._clock.monotonic())
                self._changed.notify()

    def throttled(self, wait: float) -> None:
        """Take a throttling answer into account: half as many in flight, and none for `wait` seconds."""
        with self._changed:
            self._allowed = max(1.0, self._allowed / 2)
            self._closed_until = max(self._closed_until, self._clock.monotonic() + wait)

    def answered(self) -> None:
        """Take a good answer into account: a little more in flight, up to what the engagement allows."""
        with self._changed:
            self._allowed = min(float(self._most), self._allowed + 1 / self._allowed)
            self._changed.notify()

    def _enter(self) -> None:
        while True:
            self._clock.check()
            with self._changed:
                if self._in_flight >= self.allowed:
                    self._changed.wait(_GLANCE)
                    continue
                wait = self._must_wait()
                if wait <= 0:
                    self._in_flight += 1
                    return
            self._waiting("the service's quota", wait)
            self._clock.sleep(wait)

    def _must_wait(self) -> float:
        now = self._clock.monotonic()
        wait = self._closed_until - now
        if self._rate is None:
            return wait
        while self._answered and self._answered[0] + self._rate.period <= now:
            self._answered.popleft()
        if len(self._answered) + self._in_flight < self._rate.requests:
            return wait
        freed = self._answered[0] + self._rate.period - now if self._answered else _GLANCE
        return max(wait, freed)
