"""Two sides that tell of the same events, compared by record Id: in both, only in the one, only in the other.

Invariants: pure; an Id counts once, however often it stands on a side, and for the strongest of what is expected of
it; a difference is a finding only where the side that lacks it was certain to hold it. The left side is in memory
while the right one is read, and of that only what the left lacks.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import IntEnum
from pathlib import Path
from typing import NamedTuple

import msgspec

HOUR = 3600
"""Seconds."""


class Expected(IntEnum):
    """What the sides' coverage says of a record: it is compared, or why it is not; the greater is the stronger."""

    OUTSIDE_TIME = 0
    """Its time is not one that both sides cover, or it shows none."""
    NOT_ASKED = 1
    """A side was narrowed to records that are not like it."""
    NOT_CARRIED = 2
    """A side's parts that were collected do not carry it."""
    LATE = 3
    """It is compared; the side that lacks it may only be late, or may have a gap where it was due."""
    CERTAIN = 4
    """It is compared; the side that lacks it should hold it."""

    @property
    def compared(self) -> bool:
        """Whether a record of which this is expected is compared."""
        return self >= Expected.LATE


class File(NamedTuple):
    """A file of records: its run's folder, and its path below that, with forward slashes."""

    run: Path
    path: str


class Sighting(msgspec.Struct, frozen=True, gc=False):
    """A record as one side shows it: when it happened (POSIX seconds) and where it stands, `line` counted from 1."""

    id: str
    at: float | None
    expected: Expected
    file: File
    line: int


class Side(NamedTuple):
    """One of the two: its name, and what it shows, in any order and as often as it stands there."""

    source: str
    sightings: Iterable[Sighting]


class Difference(NamedTuple):
    """A record that stands on one side only, and should stand on the other; `at` is when it happened."""

    source: str
    at: datetime
    hour: int
    sighting: Sighting


@dataclass(slots=True)
class Count:
    """Records by where they stand, in an hour or in all; `findings` are among those `only` on one side."""

    both: int = 0
    only: Counter[str] = field(default_factory=Counter)
    findings: int = 0

    def add(self, other: "Count") -> None:
        """Take another count into this one."""
        self.both += other.both
        self.only.update(other.only)
        self.findings += other.findings


@dataclass(slots=True)
class Comparison:
    """What comparing has shown.

    `hours` are counted from 1970 (UTC); only those in which something was compared stand there. `findings` are in
    order of time. `excluded` counts, by side and reason, the records that were not compared.
    """

    hours: dict[int, Count] = field(default_factory=dict)
    findings: list[Difference] = field(default_factory=list)
    excluded: Counter[tuple[str, Expected]] = field(default_factory=Counter)

    def both(self, seen: Sighting, sources: tuple[str, str]) -> None:
        """Count a record that stands on both sides."""
        if seen.at is None or not seen.expected.compared:
            self.excluded.update((source, seen.expected) for source in sources)
        else:
            self._count(seen.at).both += 1

    def only(self, seen: Sighting, source: str) -> None:
        """Count a record that stands on one side only."""
        if seen.at is None or not seen.expected.compared:
            self.excluded[source, seen.expected] += 1
            return
        count = self._count(seen.at)
        count.only[source] += 1
        if seen.expected is Expected.CERTAIN:
            count.findings += 1
            at = datetime.fromtimestamp(seen.at, UTC)
            self.findings.append(Difference(source, at, int(seen.at // HOUR), seen))

    def _count(self, at: float) -> Count:
        return self.hours.setdefault(int(at // HOUR), Count())


def compare(left: Side, right: Side) -> Comparison:
    """Compare two sides by Id."""
    ours: dict[str, Sighting | None] = {}
    for seen in left.sightings:
        ours[seen.id] = _stronger(ours.get(seen.id), seen)
    theirs: dict[str, Sighting] = {}
    comparison = Comparison()
    for seen in right.sightings:
        if seen.id not in ours:
            theirs[seen.id] = _stronger(theirs.get(seen.id), seen)
        elif (twin := ours[seen.id]) is not None:
            ours[seen.id] = None
            comparison.both(_stronger(twin, seen), (left.source, right.source))
    for source, alone in ((left.source, ours), (right.source, theirs)):
        for one in filter(None, alone.values()):
            comparison.only(one, source)
    comparison.findings.sort(key=lambda found: (found.at, found.source, found.sighting.id))
    return comparison


def _stronger(held: Sighting | None, seen: Sighting) -> Sighting:
    return seen if held is None or seen.expected > held.expected else held
