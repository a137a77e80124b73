"""What a source's slices have shown so far of the length that goes well.

Invariant: it only ever cuts; whatever it has learnt, nothing is left unasked.
"""

from datetime import timedelta
from math import ceil

from collector.model import Status
from collector.run.decide import Settle, Split, Step
from collector.run.slicing import MOST


class Pace:
    """Keeps what is too long for a source from being tried again in every week.

    Not locked: what a thread does not see for a moment costs a question, no more.
    """

    def __init__(self) -> None:
        self._longest_kept = timedelta(0)
        self._shortest_failed = timedelta.max

    def learn(self, length: timedelta, step: Step) -> None:
        """Take into account what came of asking for a slice of this length."""
        match step:
            case Settle(status=Status.COMPLETE | Status.EMPTY):
                self._longest_kept = max(self._longest_kept, length)
            case Split(failing=True, at=None):
                self._shortest_failed = min(self._shortest_failed, length)

    def pieces(self, length: timedelta) -> int:
        """Return into how many parts a slice of this length is cut before it is asked for; 1 for as it is.

        Cut is what is longer than anything that went well, if something no longer than it has failed.
        """
        doubtful = length >= self._shortest_failed and self._longest_kept
        return min(MOST, ceil(length / self._longest_kept)) if doubtful else 1
