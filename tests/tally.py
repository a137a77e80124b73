"""The table of faults: what the tests tried, how often, and what came of it; counted, never written down."""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

COLUMNS = ("what was tried", "times", "lost", "twice", "also", "where")
RECORDS = ("lost", "twice")
FAILED = "tests failed"

Counts = dict[str, int]
Noted = dict[str, Counts]


class Tally:
    """Adds up what one test tries; `noted` travels in the report of the test, so it is plain data."""

    def __init__(self) -> None:
        self.noted: Noted = {}

    def __call__(self, what: str, *, tried: int = 1, **results: int) -> None:
        """Note that something was tried, and any counts that came of it: `lost=…, twice=…, gaps=…`."""
        _add(self.noted.setdefault(what, {}), {"times": tried, **results})

    def records(self, what: str, found: Counter[Any], wanted: Counter[Any], *, tried: int = 1, **results: int) -> None:
        """Note what it did to the records; one that is lost, or stands once too often, fails the test."""
        lost, twice = (wanted - found).total(), (found - wanted).total()
        self(what, tried=tried, lost=lost, twice=twice, **results)
        assert (lost, twice) == (0, 0), what


class Sums:
    """What the tests of each file noted."""

    def __init__(self) -> None:
        self._rows: dict[tuple[str, str], Counts] = {}

    def add(self, file: str, noted: Noted, *, failed: bool) -> None:
        for what, counts in noted.items():
            _add(self._rows.setdefault((file, what), {}), {**counts, **({FAILED: 1} if failed else {})})

    def table(self) -> list[str]:
        """Return the rows, aligned; none where nothing was noted."""
        rows = [COLUMNS, *(_cells(*key, counts) for key, counts in sorted(self._rows.items()))]
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        return [_aligned(row, widths) for row in rows] if self._rows else []


def _add(sums: Counts, more: Mapping[str, int]) -> None:
    for name, number in more.items():
        sums[name] = sums.get(name, 0) + number


def _cells(file: str, what: str, counts: Counts) -> tuple[str, ...]:
    also = ", ".join(f"{number:,} {name}" for name, number in counts.items() if name not in ("times", *RECORDS))
    lost, twice = (f"{counts[name]:,}" if name in counts else "-" for name in RECORDS)
    return (what, f"{counts['times']:,}", lost, twice, also, file)


def _aligned(row: Iterable[str], widths: Iterable[int]) -> str:
    """Write numbers to the right, words to the left."""
    words = ("what was tried", "also", "where")
    cells = zip(COLUMNS, row, widths, strict=True)
    return "  ".join(cell.ljust(width) if name in words else cell.rjust(width) for name, cell, width in cells).rstrip()
