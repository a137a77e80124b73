"""Cuts windows. Pure.

Invariants: the parts of a window join without hole or overlap and end on whole seconds; none is empty.
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from math import ceil

from collector.model import Window
from collector.sources.session import CEILING

PIECES = 8
"""Parts that what is asked of a source is cut into at least, so that there is work for all that may be in flight."""

COMFORTABLE = 20_000
"""Records that a slice is cut for: well below the ceiling of a session, and few requests an hour of quiet."""

MOST = 32
"""Parts that a slice is cut into at once."""

_SECOND = timedelta(seconds=1)
_HOUR = timedelta(hours=1)


def cut(window: Window, longest: timedelta, pieces: int) -> list[Window]:
    """Cut a window into equal parts on whole seconds: none longer than `longest`, at least `pieces` of over an hour."""
    return evenly(window, max(ceil(window.length / longest), min(pieces, window.length // _HOUR)))


def evenly(window: Window, count: int) -> list[Window]:
    """Cut a window into at most `count` parts on whole seconds."""
    return between(window, _even_edges(window, count))


def between(window: Window, edges: Iterable[datetime]) -> list[Window]:
    """Cut a window at the given times; those that do not lie inside it are passed over."""
    inside = sorted({edge for edge in edges if window.start < edge < window.end})
    return [Window(start, end) for start, end in pairwise([window.start, *inside, window.end])]


def halves_left(window: Window, done: Sequence[Window]) -> Iterator[Window]:
    """Yield what of a window is not `done`, by the halves that it was cut into for that; as it is where it was not.

    What was cut otherwise is yielded hole by hole.
    """
    met = [one for one in done if one.meets(window)]
    halves = evenly(window, 2)
    if not met:
        yield window
    elif len(halves) == 1 or any(one.start < halves[0].end < one.end for one in met):
        edges = [edge for one in met for edge in (one.start, one.end)]
        yield from (piece for piece in between(window, edges) if not any(one.meets(piece) for one in met))
    else:
        for half in halves:
            yield from halves_left(half, met)


def around(window: Window, times: Sequence[float], count: int) -> list[Window]:
    """Cut a window evenly; and around a burst, where half of the rows at hand came in less time than one part lasts.

    Nothing more is made of their times (POSIX seconds): nobody has promised that rows which come first are like others.
    """
    edges = _even_edges(window, count)
    if times:
        ranked = sorted(times)
        first, last = (datetime.fromtimestamp(int(ranked[len(ranked) * n // 4]), UTC) for n in (1, 3))
        if last - first < window.length / count:
            edges += [first, last + _SECOND]
    return between(window, edges)


def pieces_for(expected: int | None, delivered: int) -> int:
    """Return into how many parts a slice is cut of which the service says that it has `expected` rows.

    Where that is no more than was `delivered`, or where such counts end, as much again is taken to be behind it.
    """
    known = max(expected or 0, delivered)
    behind = known if known in (delivered, CEILING) else 0
    return min(MOST, max(2, ceil((known + behind) / COMFORTABLE)))


def _even_edges(window: Window, count: int) -> list[datetime]:
    step = _SECOND * max(1, ceil(window.length.total_seconds() / count))
    return [window.start + step * n for n in range(count)]
