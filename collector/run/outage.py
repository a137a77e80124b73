"""Tells an outage, in which everything fails, from one slice that fails while others are answered; design 1.4.

Invariant: while nothing is answered no slice is blamed; the wait ends with an answer, or after the patience with
TemporaryError.
"""

import threading
from collections.abc import Callable
from typing import TypeVar

from collector.clock import Clock
from collector.config import Limits
from collector.errors import TemporaryError, Unanswered
from collector.http.client import Client, Effort
from collector.model import Window
from collector.run.observe import Observer
from collector.sources.base import Finding, Kind, Source

T = TypeVar("T")


class Lifeline:
    """One source's sense of whether its service answers at all. Shared by the source's threads."""

    def __init__(
        self, source: Source, client: Client, window: Window | None, *, limits: Limits, clock: Clock, observer: Observer
    ) -> None:
        self._source = source
        self._client = client
        self._window = window
        self._limits = limits
        self._clock = clock
        self._observer = observer
        self._one_at_a_time = threading.Lock()

    def was_down(self, since: float) -> bool:
        """Tell whether nothing was answered since `since`; if so, wait until the service answers again.

        False means that the service answered others meanwhile, or answers a cheap question now: the fault is the
        slice's own. Raises TemporaryError when the patience is at its end.
        """
        waited = False
        deadline = self._clock.monotonic() + self._limits.patience
        wait = self._limits.first_wait
        with self._one_at_a_time:
            while self._silent(since):
                if self._probed():
                    return waited
                waited = True
                if self._clock.monotonic() + wait > deadline:
                    raise TemporaryError(
                        f"{self._source.name}: nothing was answered for {self._limits.patience:g} seconds",
                        remedy="look at the network and the service's health, then run the same command again to go on",
                    )
                self._observer.waiting("the service does not answer", wait)
                self._clock.sleep(wait)
                wait = min(wait * 2, self._limits.longest_wait)
        return waited

    def outlasting(self, ask: Callable[[Effort], T], attempts: int) -> T:
        """Return what `ask` does; where its attempts went in an outage it asks again. Raises what the last one did.

        It is blamed only if something was answered after its last failure.
        """
        effort = Effort(attempts)
        while True:
            try:
                return ask(effort)
            except Unanswered:
                if effort.failed_at is None or not self.was_down(effort.failed_at):
                    raise
                effort.renew()

    def _silent(self, since: float) -> bool:
        return self._client.last_answer is None or self._client.last_answer < since

    def _probed(self) -> bool:
        findings = [f for f in self._source.ask(self._source.probe(self._window)) if isinstance(f, Finding)]
        return findings[-1].kind is not Kind.FAILED
