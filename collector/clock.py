"""The one seam for time: what the hour is, and waiting.

Invariant: nothing in the collector calls `time.sleep` or `datetime.now` but this module, so tests never wait.
"""

import threading
import time
from datetime import UTC, datetime
from typing import Protocol

from collector.errors import Interrupted


class Clock(Protocol):
    """Time as a run sees it."""

    def now(self) -> datetime:
        """Return the wall-clock time, UTC."""

    def monotonic(self) -> float:
        """Return seconds that never go backwards, for measuring."""

    def sleep(self, seconds: float) -> None:
        """Wait; raises Interrupted at once when the operator asks to stop."""

    def check(self) -> None:
        """Raise Interrupted if the operator has asked to stop."""

    def stop(self) -> None:
        """Ask every wait and every check to raise Interrupted from now on."""

    @property
    def stopped(self) -> bool:
        """Whether `stop` was called."""


class SystemClock:
    """The machine's clock. `stop()` may be called from a signal handler or another thread."""

    def __init__(self) -> None:
        self._stopped = threading.Event()

    def now(self) -> datetime:
        """Return the wall-clock time, UTC."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Return seconds that never go backwards."""
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        """Wait; raises Interrupted at once when `stop` was called."""
        if self._stopped.wait(max(0.0, seconds)):
            self.check()

    def check(self) -> None:
        """Raise Interrupted if `stop` was called."""
        if self._stopped.is_set():
            raise Interrupted("stopped by the operator", remedy="run the same command again to go on")

    def stop(self) -> None:
        """Ask every wait and every check to raise Interrupted from now on."""
        self._stopped.set()

    @property
    def stopped(self) -> bool:
        """Whether `stop` was called."""
        return self._stopped.is_set()


class PartClock:
    """Another clock's time for a part of the work, which can be stopped by itself; it stops with the other too."""

    def __init__(self, whole: Clock) -> None:
        self._whole = whole
        self._stopped = False

    def now(self) -> datetime:
        """Return the wall-clock time, UTC."""
        return self._whole.now()

    def monotonic(self) -> float:
        """Return seconds that never go backwards."""
        return self._whole.monotonic()

    def sleep(self, seconds: float) -> None:
        """Wait; raises Interrupted within a second when this clock is stopped, at once when the other is."""
        until = self._whole.monotonic() + seconds
        self.check()
        while (left := until - self._whole.monotonic()) > 0:
            self._whole.sleep(min(left, 1.0))
            self.check()

    def check(self) -> None:
        """Raise Interrupted if this clock, or the other, was stopped."""
        self._whole.check()
        if self._stopped:
            raise Interrupted("this part of the work was stopped", remedy="run the same command again to go on")

    def stop(self) -> None:
        """Ask every wait and every check on this clock to raise Interrupted from now on."""
        self._stopped = True

    @property
    def stopped(self) -> bool:
        """Whether this clock, or the other, was stopped."""
        return self._stopped or self._whole.stopped
