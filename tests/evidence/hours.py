"""The plan of the runs that the state machine makes, hour by hour, and the slices of it in hand."""

from collections.abc import Iterable
from typing import NamedTuple

import msgspec

from collector.evidence import Staging
from collector.model import Axis, Row, Slice, SourcePlan, Window
from tests.evidence import engagement
from tests.evidence.engagement import ADELE, HOUR, LEE, LOG, SETTINGS, START, TRACE

PLAN = msgspec.structs.replace(
    engagement.PLAN,
    sources=(
        SourcePlan(LOG, Axis.EVENT, Window(START, START + 4 * HOUR), (None,), {}),
        SourcePlan(TRACE, Axis.EVENT, Window(START, START + 2 * HOUR), (ADELE, LEE), {}),
        SourcePlan(SETTINGS, Axis.EVENT, None, (None,), {}),
    ),
)
OPENING = msgspec.structs.replace(engagement.OPENING, plan=PLAN)
NAMELESS = b'{"NoId"'
"""How a row begins that names no record: it has no twin, and is kept as often as it comes."""


class Cell(NamedTuple):
    """An hour of a part of a source, the least that is asked for; None for a source without a window."""

    source: str
    part: str | None
    hour: int | None


CELLS = tuple(
    Cell(source.source, part, hour)
    for source in PLAN.sources
    for part in source.parts
    for hour in (range(source.window.length // HOUR) if source.window else (None,))
)


class Work:
    """A slice in hand: its cells, and the rows that came for it, each with the request that gave it."""

    def __init__(self, cells: tuple[Cell, ...], staging: Staging, came: Iterable[tuple[Row, str]], again: int) -> None:
        self.cells = cells
        self.staging = staging
        self.came = list(came)
        self.again = again

    @property
    def slice(self) -> Slice:
        source, part, first = self.cells[0]
        after = None if first is None else first + len(self.cells)
        window = None if first is None else Window(START + first * HOUR, START + after * HOUR)
        return Slice(source, part, Axis.EVENT, window)

    def page(self, rows: Iterable[Row], request: str) -> None:
        for row in rows:
            if row.identity and any(row.raw == other.raw for other, _ in self.came):
                self.again += 1
            else:
                self.came.append((row, request))


def key(source: str, line: bytes) -> tuple[bytes, bytes]:
    return (b"", b"") if line.startswith(NAMELESS) else engagement.key(source, line)
