"""What a run tells whoever watches it; the command line shows it, tests collect it."""

from typing import Protocol

from collector.evidence import Commit
from collector.model import Slice


class Observer(Protocol):
    """Told of each step, from many threads."""

    def planned(self, slices: int) -> None:
        """Take note that so many slices more are to be asked for."""

    def rows(self, slice_: Slice, count: int) -> None:
        """Take note that rows of a slice arrived."""

    def waiting(self, why: str, seconds: float) -> None:
        """Take note that a thread waits, and why."""

    def committed(self, commit: Commit) -> None:
        """Take note that a slice is in the evidence."""

    def notice(self, text: str) -> None:
        """Show the operator something they must see or do, such as a code to type."""
