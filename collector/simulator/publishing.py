"""How a story becomes a feed: its records in blobs, an hour and more after they happened; protocol.md A4.

Invariants: every record stands in at least one blob of its content type, byte for byte as the audit log gives it;
the same story, options and seed give the same feed.
"""

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import islice
from random import Random

from collector.simulator.activity_feed import CONTENT_TYPES, ContentBlob, Feed, content_type_of
from collector.simulator.scenario import AuditRow, Scenario

_MINUTE = timedelta(minutes=1)
_SUBSCRIBED = timedelta(days=365)

_Batch = tuple[datetime, list[AuditRow]]


@dataclass(frozen=True)
class Publishing:
    """How records are published.

    A record's blob is created `soonest` to `latest` after the event, holds `blob_records` records at most and expires
    after `life` (measured, not documented: protocol.md A3). Every n-th record stands in the next blob too
    (`twice_every`), every n-th blob is listed up to `late_by` after its creation (`late_every`); 0 is never. One
    record stands in a blob that is `stray_by` younger than it, where there is one; None for no such record.
    `shuffled` mixes the records of a blob, and the blobs of a listing.
    """

    seed: int = 1
    soonest: timedelta = timedelta(minutes=60)
    latest: timedelta = timedelta(minutes=90)
    blob_records: int = 50
    life: timedelta = timedelta(days=20)
    twice_every: int = 20
    late_every: int = 25
    late_by: timedelta = timedelta(hours=24)
    stray_by: timedelta | None = timedelta(days=3)
    shuffled: bool = True


def publish(scenario: Scenario, how: Publishing = Publishing()) -> Feed:
    """Return the feed of a scenario, every content type subscribed since a year before its window."""
    rng = Random(how.seed)  # noqa: S311 - a story, not a secret
    blobs = [
        blob
        for name in CONTENT_TYPES
        for blob in _blobs(rng, how, name, [row for row in scenario.audit_rows if _type(row) == name])
    ]
    if how.shuffled:
        rng.shuffle(blobs)
    since = scenario.window.start - _SUBSCRIBED
    return Feed(tuple(blobs), dict.fromkeys(CONTENT_TYPES, since))


def _type(row: AuditRow) -> str:
    return content_type_of(row.record_type)


def _blobs(rng: Random, how: Publishing, content_type: str, rows: Sequence[AuditRow]) -> Iterator[ContentBlob]:
    """Yield the blobs of one content type, in the order of their creation."""
    batches = sorted(((_created(rng, how, batch), batch) for batch in _batches(rows, how)), key=_moment)
    _repeat(batches, how)
    _stray(batches, how)
    for number, (created, batch) in enumerate(batches, 1):
        records = [row.body for row in batch]
        if how.shuffled:
            rng.shuffle(records)
        content_id = _content_id(created, number, content_type)
        blob = ContentBlob(content_type, content_id, created, created + how.life, tuple(records))
        late = how.late_every and number % how.late_every == 0
        yield replace(blob, listed_from=created + how.late_by * rng.uniform(0.1, 1)) if late else blob


def _batches(rows: Iterable[AuditRow], how: Publishing) -> Iterator[list[AuditRow]]:
    """Cut rows in time order into batches that are short enough to become available together."""
    span = (how.latest - how.soonest) / 3
    batch: list[AuditRow] = []
    for row in rows:
        if batch and (len(batch) == how.blob_records or row.created - batch[0].created > span):
            yield batch
            batch = []
        batch.append(row)
    if batch:
        yield batch


def _created(rng: Random, how: Publishing, batch: Sequence[AuditRow]) -> datetime:
    """Draw when a batch becomes available, to the millisecond: in time for its first and its last record."""
    first, last = batch[0].created + how.latest, batch[-1].created + how.soonest
    drawn = last + (first - last) * rng.random()
    return drawn.replace(microsecond=drawn.microsecond // 1000 * 1000)


def _repeat(batches: list[_Batch], how: Publishing) -> None:
    """Put every n-th record into the batch after its own too; the last batch's get one more."""
    if not (batches and how.twice_every):
        return
    rows = ((number, row) for number, (_, batch) in enumerate(batches) for row in batch)
    repeated = list(islice(rows, 0, None, how.twice_every))
    batches.append((batches[-1][0] + _MINUTE, []))
    for number, row in repeated:
        batches[number + 1][1].append(row)
    if not batches[-1][1]:
        batches.pop()


def _stray(batches: list[_Batch], how: Publishing) -> None:
    """Move the first record that is not alone in its batch into one that is days younger."""
    place = next((place for place, (_, batch) in enumerate(batches) if len(batch) > 1), None)
    if place is None or how.stray_by is None:
        return
    batch = batches[place][1]
    younger = bisect_left(batches, batch[0].created + how.stray_by, key=_moment)
    if place < younger < len(batches):
        batches[younger][1].append(batch.pop(0))


def _moment(batch: _Batch) -> datetime:
    return batch[0]


def _content_id(created: datetime, number: int, content_type: str) -> str:
    """Name a blob as protocol.md A3 shows it."""
    stamp = f"{created:%Y%m%d%H%M%S}{created.microsecond // 1000:03}{number:06}"
    name = content_type.replace(".", "_")
    return f"{stamp}${stamp}${name.lower()}${name}"
