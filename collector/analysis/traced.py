"""What the message traces of some runs reach, mailbox by mailbox: the ground for saying that a message is not there.

Invariants: pure; a gap counts until another run's slice covers it; what was not asked for is out of reach, and so is a
mailbox under a name that was not asked for. Source: design 1.5, `trace` of emails.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import reduce
from typing import NamedTuple

from collector.analysis.access_record import message_key
from collector.analysis.readers import TRACE
from collector.analysis.stretches import Stretches
from collector.evidence import Account, SliceCoverage
from collector.model import Status, Window, iso

NOT_FOUND, OUT_OF_REACH = "not-found", "out-of-reach"

MESSAGE_IDS = "message-ids"
"""The member of a trace's question that holds ids of messages, by part; protocol.md C4."""

SENT, RECEIVED = "sender:", "recipient:"


class Reach(NamedTuple):
    """What is to be said of a message that no trace row names, and why."""

    trace: str
    reason: str


class Batch(NamedTuple):
    """Messages that were asked for by their ids in one question: the run's place among the others, and the part."""

    run: int
    part: str


def asked_by_id(accounts: Sequence[Account]) -> Mapping[str, tuple[Batch, ...]]:
    """Return where messages, by their ids without angle brackets, were asked for."""
    found: dict[str, dict[Batch, None]] = {}
    for run, account in enumerate(accounts):
        for planned in account.plan.sources:
            batches = planned.question.get(MESSAGE_IDS, {}) if planned.source == TRACE else {}
            for part, ids in batches.items():
                for one in ids:
                    found.setdefault(message_key(one) or "", {})[Batch(run, part)] = None
    return {message: tuple(batches) for message, batches in found.items()}


def reach(slices: Sequence[SliceCoverage], names: Iterable[str], by_id: Sequence[SliceCoverage] = ()) -> Reach:
    """Return what the traces reach of a mailbox with some names (in small letters).

    `slices` are those of traces, `by_id` those in which the message itself was asked for. A mailbox is traced where
    both sides of it were, what it sent and what it received, under each of its names.
    """
    sides = [[_of_side(slices, name, side) for side in (SENT, RECEIVED)] for name in sorted(set(names)) or [""]]
    known = [both for both in sides if all(both)]
    if not known and not by_id:
        return Reach(OUT_OF_REACH, "no message trace of the mailbox was collected")
    whole = _whole(sides, by_id, _is_whole)
    asked = (*by_id, *(one for both in known for side in both for one in side))
    gaps = Stretches(_windows(one for one in asked if not _is_whole(one))).without(whole)
    if gaps.windows:
        return Reach(OUT_OF_REACH, f"the message trace has gaps: {_ranges(gaps)}")
    if len(known) < len(sides) and not whole.windows:
        return Reach(OUT_OF_REACH, f"the mailbox bore {len(sides)} names, and was traced under {len(known)} of them")
    if not whole.windows:
        return Reach(OUT_OF_REACH, "what the mailbox sent and what it received was traced at different times")
    early = whole.without(_whole(sides, by_id, _is_settled))
    doubt = f"; asked too soon to be sure, for rows come late: {_ranges(early)}" if early.windows else ""
    return Reach(NOT_FOUND, f"not in the message trace, which is whole {_ranges(whole)}{doubt}")


def _whole(
    sides: Iterable[Sequence[Sequence[SliceCoverage]]],
    by_id: Sequence[SliceCoverage],
    counts: Callable[[SliceCoverage], bool],
) -> Stretches:
    """Return the time that is traced on both sides of a mailbox under all its names, or in which a message was."""
    everywhere = reduce(Stretches.common, (Stretches(_windows(filter(counts, one))) for both in sides for one in both))
    return Stretches((*everywhere.windows, *_windows(filter(counts, by_id))))


def _of_side(slices: Iterable[SliceCoverage], name: str, side: str) -> list[SliceCoverage]:
    return [one for one in slices if one.part is None or one.part.lower() == side + name]


def _is_whole(one: SliceCoverage) -> bool:
    return one.status is not Status.GAP


def _is_settled(one: SliceCoverage) -> bool:
    return _is_whole(one) and one.settled is not False


def _windows(slices: Iterable[SliceCoverage]) -> Iterator[Window]:
    return (Window(one.start, one.end) for one in slices if one.start and one.end)


def _ranges(stretches: Stretches) -> str:
    return ", and ".join(f"from {iso(one.start)} to {iso(one.end)}" for one in stretches.windows)
