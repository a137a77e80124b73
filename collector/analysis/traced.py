"""What the message traces of some runs reach, mailbox by mailbox: the ground for saying that a message is not there.

Invariants: pure; a gap counts until another run's slice covers it; what was not asked for is out of reach. Source:
design 1.5, `trace` of emails.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from collector.analysis.readers import TRACE
from collector.analysis.stretches import Stretches
from collector.evidence import SliceCoverage
from collector.model import Status, Window, iso

NOT_FOUND, OUT_OF_REACH = "not-found", "out-of-reach"


class Reach(NamedTuple):
    """What is to be said of a message that no trace row names, and why."""

    trace: str
    reason: str


def reach(slices: Sequence[SliceCoverage], names: Iterable[str]) -> Reach:
    """Return what the traces reach of a mailbox with some names (in small letters); `slices` are of all sources.

    A mailbox is traced where both sides of it were: what it sent and what it received.
    """
    known = frozenset(names)
    sides = [[one for one in slices if _concerns(one, side, known)] for side in ("sender:", "recipient:")]
    if not all(sides):
        return Reach(OUT_OF_REACH, "no message trace of the mailbox was collected")
    sent, received = (Stretches(_windows(side, gaps=False)) for side in sides)
    whole = sent.common(received)
    gaps = Stretches(gap for side in sides for gap in _windows(side, gaps=True)).without(whole)
    if gaps.windows:
        return Reach(OUT_OF_REACH, f"the message trace has gaps: {_ranges(gaps)}")
    if not whole.windows:
        return Reach(OUT_OF_REACH, "what the mailbox sent and what it received was traced at different times")
    return Reach(NOT_FOUND, f"not in the message trace, which is whole {_ranges(whole)}")


def _concerns(one: SliceCoverage, side: str, names: frozenset[str]) -> bool:
    if one.source != TRACE or (one.part is not None and not one.part.startswith(side)):
        return False
    return one.part is None or one.part.removeprefix(side).lower() in names


def _windows(slices: Iterable[SliceCoverage], *, gaps: bool) -> Iterator[Window]:
    for one in slices:
        if one.start and one.end and (one.status is Status.GAP) is gaps:
            yield Window(one.start, one.end)


def _ranges(stretches: Stretches) -> str:
    return ", and ".join(f"from {iso(one.start)} to {iso(one.end)}" for one in stretches.windows)
