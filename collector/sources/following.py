"""Following what a service works on for hours: a look now and then, until it has ended or long enough."""

from collections.abc import Callable
from datetime import datetime
from typing import NamedTuple, Protocol, TypeVar

from collector.clock import Clock
from collector.config import Limits


class Ending(Protocol):
    """What the service works on; `told` says what it is, and how it stands."""

    @property
    def ended(self) -> bool:
        """Whether it will change no more."""

    @property
    def told(self) -> str:
        """What is waited for, in words."""


E = TypeVar("E", bound=Ending)


class Following(NamedTuple):
    """How things are followed: waits that double as `limits` has it; `waiting` is told why, and for how long."""

    limits: Limits
    clock: Clock
    waiting: Callable[[str, float], None]

    def to_its_end(self, it: E, look: Callable[[E], E], until: datetime) -> E:
        """Return it as the last look showed it: ended, or not before `until`. Raises what `look` does, Interrupted."""
        wait = self.limits.first_wait
        while not it.ended and self.clock.now() < until:
            self.waiting(it.told, wait)
            self.clock.sleep(wait)
            wait = min(wait * 2, self.limits.longest_wait)
            it = look(it)
        return it
