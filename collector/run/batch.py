"""A batch of content blobs, and what its time is worth once each of them was got or lost. Pure.

Invariants: every listed blob stands in exactly one piece; the pieces join to the batch's window and end on whole
seconds; a second that holds a lost blob is a gap.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import groupby
from math import ceil
from typing import NamedTuple

import msgspec

from collector.evidence import FETCHED, SeenBlob, Staging
from collector.model import Blob, Status, Window
from collector.run.decide import Settle
from collector.run.slicing import PIECES
from collector.run.task import Task
from collector.sources.management_activity import Listed

UNREADABLE = "blob-unreadable"
FORBIDDEN = "forbidden"

_OUTCOMES = {
    "blob-gone": "blob-gone",
    "blob-expired": "blob-expired",
    "not-found": "blob-gone",
    FORBIDDEN: FORBIDDEN,
}
"""What becomes of a blob by the reason of its refusal; any other is unreadable."""

_LARGEST = 200
_NAMED = 3
"""Blobs that a gap's reason names; the journal names all."""
_SHOWN = 200
"""Characters of a name that a reason shows."""


class Batch(Task):
    """A slice whose blobs are listed and are to be got.

    `listing` is how the listing of the slice was settled, `seen` what is known of blobs that were got before.
    """

    def __init__(
        self,
        task: Task,
        window: Window,
        staging: Staging,
        blobs: Sequence[Listed],
        *,
        listing: Settle,
        seen: Mapping[str, SeenBlob],
    ) -> None:
        super().__init__(task.narrowed(window), staging, task.family, task.attempts, recheck=task.recheck)
        self.asked_at = task.asked_at
        self.blobs = blobs
        self.listing = listing
        self.seen = seen


class Got(NamedTuple):
    """What became of one blob; `at` is its second within the slice, `unread` an answer that no reader could cut."""

    blob: Blob
    at: datetime
    unread: bytes | None = None


def second_of(blob: Listed, window: Window) -> datetime:
    """Return the second of a window at which a blob stands; one that tells no time of it stands at its nearest end."""
    if blob.created is None:
        return window.start
    return min(max(blob.created.replace(microsecond=0), window.start), window.end - timedelta(seconds=1))


def dealt(window: Window, blobs: Sequence[Listed]) -> Iterator[tuple[Window, list[Listed]]]:
    """Deal blobs, in the order of their seconds, out to windows that join; there is work for all who may be at it."""
    size = min(_LARGEST, max(1, ceil(len(blobs) / PIECES)))
    start, batch = window.start, list[Listed]()
    for blob in blobs:
        second = second_of(blob, window)
        if len(batch) >= size and second > max(start, second_of(batch[-1], window)):
            yield Window(start, second), batch
            start, batch = second, []
        batch.append(blob)
    yield Window(start, window.end), batch


def lost(told: Blob, reason: str) -> Blob:
    """Return what is told of a blob that could not be got."""
    return msgspec.structs.replace(told, outcome=_OUTCOMES.get(reason, UNREADABLE), detail=reason)


def unread(got: Sequence[Got]) -> list[bytes]:
    """Return the answers that no reader could cut."""
    return [one.unread for one in got if one.unread is not None]


def pieces(window: Window, got: Sequence[Got]) -> Iterator[tuple[Window, Sequence[Got]]]:
    """Part a batch's time so that lost blobs stand in gaps of their own; those that follow each other share one."""
    seconds = [list(members) for _, members in groupby(got, key=lambda one: one.at)]
    start = window.start
    pending: Sequence[Got] = ()
    for any_lost, run in groupby(seconds, key=lambda members: any(one.blob.outcome != FETCHED for one in members)):
        members = [one for second in run for one in second]
        if not any_lost:
            pending = members
            continue
        if start < members[0].at:
            yield Window(start, members[0].at), pending
        start, pending = members[-1].at + timedelta(seconds=1), ()
        yield Window(members[0].at, start), members
    if start < window.end:
        yield Window(start, window.end), pending


def verdict(got: Sequence[Got]) -> Settle:
    """Return how a stretch ends: a gap that says what became of its lost blobs, and names the first of them.

    What is forbidden is said first, for that is what the operator can mend.
    """
    gone = [one.blob for one in got if one.blob.outcome != FETCHED]
    if not gone:
        return Settle(Status.COMPLETE)
    words = "+".join(sorted({blob.outcome for blob in gone}, key=lambda word: (word != FORBIDDEN, word)))
    names = ", ".join(blob.content_id[:_SHOWN] for blob in gone[:_NAMED])
    more = f" and {len(gone) - _NAMED} more" if len(gone) > _NAMED else ""
    return Settle(Status.GAP, f"{words}: {names}{more}")
