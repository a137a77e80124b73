"""Stretches of time, apart from each other and in order: what coverage leaves when its slices are laid together."""

from bisect import bisect_right
from collections.abc import Iterable, Iterator

from collector.model import Window


class Stretches:
    """The union of some windows; of two that touch or overlap one is made."""

    def __init__(self, windows: Iterable[Window] = ()) -> None:
        self.windows = tuple(_merged(windows))
        self._starts = [window.start.timestamp() for window in self.windows]
        self._ends = [window.end.timestamp() for window in self.windows]

    def hold(self, at: float, length: float = 0) -> bool:
        """Whether a moment (POSIX seconds) and the `length` seconds after it lie in one stretch."""
        place = bisect_right(self._starts, at) - 1
        return place >= 0 and at < self._ends[place] and at + length <= self._ends[place]

    def common(self, other: "Stretches") -> "Stretches":
        """Return the time that lies in both."""
        return Stretches(_common(self.windows, other.windows))

    def without(self, other: "Stretches") -> "Stretches":
        """Return the time that lies in this one and not in the other."""
        return Stretches(piece for window in self.windows for piece in _without(window, other.windows))


def _merged(windows: Iterable[Window]) -> Iterator[Window]:
    before: Window | None = None
    for window in sorted(windows):
        if before and window.start <= before.end:
            before = Window(before.start, max(before.end, window.end))
            continue
        if before:
            yield before
        before = window
    if before:
        yield before


def _common(left: tuple[Window, ...], right: tuple[Window, ...]) -> Iterator[Window]:
    """Yield what each two share, walking both in order."""
    ours, theirs = 0, 0
    while ours < len(left) and theirs < len(right):
        start = max(left[ours].start, right[theirs].start)
        end = min(left[ours].end, right[theirs].end)
        if start < end:
            yield Window(start, end)
        ours, theirs = (ours + 1, theirs) if left[ours].end <= right[theirs].end else (ours, theirs + 1)


def _without(window: Window, others: tuple[Window, ...]) -> Iterator[Window]:
    """Yield what of a window none of some others, apart and in order, covers."""
    start = window.start
    for other in others:
        if other.end <= start or other.start >= window.end:
            continue
        if start < other.start:
            yield Window(start, other.start)
        start = max(start, other.end)
    if start < window.end:
        yield Window(start, window.end)
