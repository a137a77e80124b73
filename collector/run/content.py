"""Collects content blobs: a slice is listed, then cut into batches of blobs, and each blob is got once.

Invariants: a blob is kept whole; each that was listed ends as fetched, or as a gap that names it; a listing that
failed leaves a gap, and what it did list is kept; emptiness counts only where a subscription is known to have been at
work (protocol.md A2: an empty listing within twelve hours of a start proves nothing).
"""

from collections.abc import Container, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial
from threading import Lock

import msgspec

from collector.clock import Clock
from collector.config import Limits
from collector.errors import QuestionError, Refused
from collector.evidence import FETCHED, Commit, Known, RunFolder, SeenBlob
from collector.http.client import Effort
from collector.model import Axis, Blob, Slice, Status, Window
from collector.run.batch import Batch, Got, dealt, lost, pieces, second_of, unread, verdict
from collector.run.collect import Collection
from collector.run.decide import AGING, Settle
from collector.run.observe import Observer
from collector.run.outage import Lifeline
from collector.run.subscriptions import Subscriptions
from collector.run.task import Task, before
from collector.sources.base import MARGIN, Page, Question
from collector.sources.management_activity import NOT_SUBSCRIBED, Listed, ManagementActivity, listed, record

AGE_UNKNOWN = "subscription-age-unknown"
JUST_STARTED = "subscription-just-started"

FIRST_CONTENT = timedelta(hours=12)
"""How long after a start the first content may take; protocol.md A2."""

YOUNG = timedelta(minutes=30)
"""A blob that was got sooner after its making may have been incomplete (protocol.md A4): it is got again."""

SILENCE = timedelta(hours=1)
"""A silence this long at the beginning, before the earliest blob, may be the time before a start; a shorter one is what
lies between two blobs."""

_LEAD = timedelta(minutes=1)
"""A silence this long before a slice's first blob is asked about by itself: it may belong to that beginning."""


class ContentCollection(Collection):
    """The Activity API's part of a run."""

    def __init__(
        self,
        source: ManagementActivity,
        run: RunFolder,
        lifeline: Lifeline,
        *,
        limits: Limits,
        clock: Clock,
        observer: Observer,
    ) -> None:
        super().__init__(source, run, lifeline, limits=limits, clock=clock, observer=observer)
        self._feed = source
        self._subscriptions = Subscriptions(source, run, lifeline, limits=limits, observer=observer)
        self._silent: list[Task] = []
        self._claimed: set[str] = set()
        self._lock = Lock()

    @property
    def now(self) -> datetime:
        """The service's time, by which content becomes available."""
        return self._feed.now

    def work(self, task: Task) -> Sequence[Task]:
        """List a slice, or get the blobs of a batch; returns the batches."""
        if isinstance(task, Batch):
            self._get_all(task)
            return ()
        trouble = self._subscriptions.trouble(task.slice.part or "")
        if trouble:
            self._commit(task, Settle(Status.GAP, trouble))
            return ()
        return super().work(task)

    def finish(self) -> None:
        """Settle the empty slices, now that the earliest blob of each content type is known."""
        super().finish()
        doubtful = {task.slice.part for task in self._silent if self._is_before_all(task)}
        unknown = {part for part in doubtful if not self._at_work_before(part)}
        for task in sorted(self._silent, key=lambda silent: silent.slice):
            self._commit(task, self._silence(task, unknown))
        self._silent.clear()

    def _silence(self, task: Task, unknown: Container[str | None]) -> Settle:
        """Return what an empty slice proves; `unknown` are the content types whose subscription may be younger."""
        if task.slice.part in unknown and self._is_before_all(task):
            return Settle(Status.GAP, AGE_UNKNOWN)
        known = self._run.known(self.name, task.slice.part)
        if known.started and task.asked_at and task.asked_at < known.started + FIRST_CONTENT:
            return Settle(Status.GAP, JUST_STARTED)
        return Settle(Status.EMPTY)

    def _is_before_all(self, task: Task) -> bool:
        """Whether a silence lies in the time before the earliest blob, and that is long enough to mean something."""
        earliest = self._run.known(self.name, task.slice.part).earliest
        if earliest is None:
            return True
        return task.window.end <= earliest and earliest - self._beginning(task.slice.part) >= SILENCE

    def _beginning(self, part: str | None) -> datetime:
        """Return from where on a content type was listed, in this run or in the first of those it follows."""
        planned = [one for one in self._run.plan.sources if one.source == self.name and part in one.parts]
        return max(self.horizon, min(one.since or one.window.start for one in planned if one.window))

    def _at_work_before(self, part: str | None) -> bool:
        """Look whether anything is listed of the day before the first silence: then the subscription is older."""
        start = min(task.window.start for task in self._silent if task.slice.part == part)
        oldest = max(start - self._feed.longest, self.horizon + AGING)
        if oldest >= start:
            return False
        before = Slice(self.name, part, Axis.AVAILABLE, Window(oldest, start))
        asked = self._feed.ask(Question(before, self._feed.page_sizes[0], Effort(self._limits.attempts)))
        return any(isinstance(item, Page) and item.rows for item in asked)

    def _arrived(self, task: Task, rows: int) -> None:
        """Pass over what is listed: the records are still to come."""

    def _settle(self, task: Task, settle: Settle) -> Sequence[Task]:
        """Turn what was listed into batches; put emptiness off to the end. What was listed is no evidence itself."""
        if settle.reason == NOT_SUBSCRIBED and self._subscriptions.just_started(task.slice.part or ""):
            settle = Settle(Status.GAP, JUST_STARTED)
        blobs = self._blobs(task)
        task.staging.release()
        task.staging = self._run.stage()
        if not blobs and settle.status is Status.GAP:
            return super()._settle(task, settle)
        if not blobs:
            self._silent.append(task)
            return ()
        known = self._run.known(self.name, task.slice.part)
        following = [*self._lead(task, settle, blobs, known), *self._batches(task, settle, blobs, known)]
        self._observer.planned(len(following) - 1)
        return following

    def _blobs(self, task: Task) -> list[Listed]:
        """Return what was listed and belongs to the slice, by the time at which it became available."""
        raws = (raw for stretch in task.staging.read(task.staging.rows) for raw in stretch.lines.splitlines())
        blobs = [blob for blob in map(listed, raws) if _belongs(blob, task.window)]
        return sorted(blobs, key=lambda blob: (second_of(blob, task.window), blob.content_id))

    def _lead(self, task: Task, settle: Settle, blobs: Sequence[Listed], known: Known) -> Iterator[Task]:
        """Yield the silence before the first blob as a slice to be asked for by itself, where that tells anything."""
        window = task.window
        inside = (blob for blob in blobs if blob.created and window.start <= blob.created < window.end)
        edge = next((second_of(blob, window) for blob in inside), window.start)
        at_work = known.earliest is not None and known.earliest <= window.start
        if settle.status is Status.COMPLETE and not at_work and edge - window.start >= _LEAD:
            lead = task.narrowed(Window(window.start, edge))
            yield Task(lead, self._run.stage(), task.family, task.attempts, recheck=task.recheck)
            task.slice = task.narrowed(Window(edge, window.end))

    def _batches(self, task: Task, settle: Settle, blobs: Sequence[Listed], known: Known) -> Iterator[Batch]:
        """Yield the slice in batches; a blob that was got before and was not young then is left out."""
        wanted = [blob for blob in blobs if self._claim(blob, known.blobs)]
        unread_listing = task.unread
        for window, batch in dealt(task.window, wanted):
            one = Batch(task, window, self._run.stage(), batch, listing=settle, seen=known.blobs)
            one.unread, unread_listing = unread_listing, None
            yield one

    def _claim(self, blob: Listed, seen: Mapping[str, SeenBlob]) -> bool:
        """Take a blob on, unless another slice has, or it was got when it was no longer young."""
        before_now = seen.get(blob.content_id)
        if before_now and not (blob.created and before_now.fetched_at < blob.created + YOUNG):
            return False
        with self._lock:
            claimed = blob.content_id in self._claimed
            self._claimed.add(blob.content_id)
        return not claimed

    def _get_all(self, batch: Batch) -> None:
        """Get a batch's blobs and commit it, each stretch of time with what became of its blobs."""
        got = [self._get(batch, blob) for blob in batch.blobs]
        if batch.listing.status is Status.GAP:
            self._commit(batch, batch.listing, [one.blob for one in got], unread(got))
            return
        parts = list(pieces(batch.window, got))
        self._observer.planned(len(parts) - 1)
        staging = batch.staging
        for window, members in parts:
            own, staging = staging.part(before(window.end))
            piece = Task(batch.narrowed(window), own, batch.family, batch.attempts, recheck=batch.recheck)
            piece.asked_at = batch.asked_at
            self._commit(piece, verdict(members), [one.blob for one in members], unread(members))
        staging.release()

    def _get(self, batch: Batch, blob: Listed) -> Got:
        """Get one blob and stage its records, or say why it could not be got."""
        self._clock.check()
        at = second_of(blob, batch.window)
        told = Blob(blob.content_id, blob.content_uri, blob.created, blob.expires, FETCHED, self.now)
        if batch.family.verdict:
            return Got(lost(told, batch.family.verdict), at)
        try:
            content = self._lifeline.outlasting(partial(self._feed.fetch, blob, batch.slice), self._limits.attempts)
        except QuestionError as error:
            if not isinstance(error, Refused):
                batch.family.failed(error.reason)
            return Got(lost(told, error.reason), at, error.body)
        batch.family.kept(max(1, len(content.rows)))
        seen = batch.seen.get(blob.content_id)
        if seen is None or seen.digest != content.digest:
            batch.staging.add((record(raw, at) for raw in content.rows), content.request)
            self._observer.rows(batch.slice, len(content.rows))
        facts = {"request": content.request, "records": len(content.rows), "digest": content.digest}
        return Got(msgspec.structs.replace(told, **facts), at)

    def _note(self, task: Task, commit: Commit) -> None:
        """Learn from slices; of blobs each was counted as it was got, or refused, which says nothing of others."""
        if not commit.blobs:
            super()._note(task, commit)


def _belongs(blob: Listed, window: Window) -> bool:
    """Whether a blob is this slice's to get: one in the question's margin is its neighbour's, or nobody's."""
    created = blob.created
    if created is None or window.start <= created < window.end:
        return True
    return not window.start - MARGIN <= created < window.end + MARGIN
