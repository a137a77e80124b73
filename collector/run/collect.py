"""Asks for the slices of one source until each is complete, empty or a gap, and commits them.

Invariants: a slice is committed once, with every row that arrived for it; what `decide` says is done and nothing
else; an empty slice that is older than the retention waits for the end, when all that the run holds is known.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta

from collector.clock import Clock
from collector.config import Limits
from collector.evidence import Commit, RunFolder, remaining
from collector.model import Blob, Outcome, Slice, SourcePlan, Status, Window
from collector.run.decide import BEYOND_RETENTION, Again, Asked, Settle, Situation, Split, Step, decide
from collector.run.observe import Observer
from collector.run.outage import Lifeline
from collector.run.pace import Pace
from collector.run.task import Family, Task
from collector.sources.base import Finding, Kind, Question, Source

Left = Mapping[str | None, Sequence[Window | None]]
"""What of each part of a source is to be asked for."""


class Collection:
    """One source's part of a run."""

    def __init__(
        self, source: Source, run: RunFolder, lifeline: Lifeline, *, limits: Limits, clock: Clock, observer: Observer
    ) -> None:
        self._source = source
        self._run = run
        self._lifeline = lifeline
        self._limits = limits
        self._clock = clock
        self._observer = observer
        self._aged: list[Task] = []
        self._pace = Pace()

    @property
    def name(self) -> str:
        """The source's name."""
        return self._source.name

    @property
    def horizon(self) -> datetime:
        """How far back the service keeps records as of now, on a whole second."""
        return self.now - self._source.retention

    @property
    def now(self) -> datetime:
        """The time on the source's axis."""
        return self._clock.now().replace(microsecond=0)

    def left(self, planned: SourcePlan, slices_of: Callable[[Left], list[Slice]]) -> list[Slice]:
        """Return what is to be asked for of what is planned: the slices of what of each part is not committed."""
        return slices_of(remaining(planned, self._run.commits))

    def tasks(self, slices: Sequence[Slice], *, recheck: bool = False) -> list[Task]:
        """Return the slices as tasks, each the head of its family."""
        self._observer.planned(len(slices))
        return [Task(one, self._run.stage(), Family(), self._limits.attempts, recheck=recheck) for one in slices]

    def work(self, task: Task) -> Sequence[Task]:
        """Ask for a slice until it is settled or split; returns the parts."""
        while True:
            self._clock.check()
            step = self._step(task)
            match step:
                case Settle():
                    return self._settle(task, step)
                case Split():
                    if step.failing:
                        task.family.failed(task.history[-1].finding.reason or "failed")
                    parts = task.parts(step)
                    self._observer.planned(len(parts) - 1)
                    return parts
                case Again():
                    self._again(task, step)

    def finish(self) -> None:
        """Settle the empty slices that are older than the retention, now that all that the run holds is known."""
        for task in sorted(self._aged, key=lambda aged: aged.window, reverse=True):
            held = holds_as_old(self._kept_as(task.slice), task.slice)
            self._commit(task, Settle(Status.EMPTY) if held else Settle(Status.GAP, BEYOND_RETENTION))
        self._aged.clear()

    def _kept_as(self, slice_: Slice) -> Sequence[Commit]:  # noqa: ARG002 - other collections need it
        """Return the commits whose records show how long what is in a slice is kept."""
        return self._run.commits

    def _step(self, task: Task) -> Step:
        """Give up what is hopeless, cut at once what is known to be too long, ask for the rest."""
        if task.family.verdict:
            return Settle(Status.GAP, task.family.verdict)
        pieces = 1 if task.history else self._pieces(task)
        return Split(pieces) if pieces > 1 else self._asked(task)

    def _pieces(self, task: Task) -> int:
        """Return into how many parts a slice is cut before it is asked for."""
        return self._pace.pieces(task.window.length) if task.divisible else 1

    def _asked(self, task: Task) -> Step:
        """Ask once, and decide."""
        task.family.asked()
        task.asked_at = self._clock.now()
        before, failures, window = task.known(), task.effort.failures, task.slice.window
        finding, delivered = self._ask(task)
        if task.effort.failures == failures:
            task.effort.fail()
        since = task.effort.failing_since
        if finding.kind is Kind.FAILED and task.effort.spent and since is not None and self._lifeline.was_down(since):
            task.effort.renew()
            return Again(wait=False)
        task.unread = finding.unread
        task.history.append(Asked(finding._replace(unread=None), frozenset(delivered), before))
        task.expected = finding.expected or task.expected
        step = decide(self._situation(task))
        if window:
            self._pace.learn(window.length, step)
        return step

    def _ask(self, task: Task) -> tuple[Finding, set[bytes]]:
        delivered: set[bytes] = set()
        size = self._source.page_sizes[task.page_size]
        for item in self._source.ask(Question(task.slice, size, task.effort)):
            if isinstance(item, Finding):
                return item, delivered
            delivered.update(row.identity for row in item.rows)
            task.staging.add(item.rows, item.request)
            self._arrived(task, len(item.rows))
            if item.whole_from is not None and (done := task.finished_from(item.whole_from)):
                self._commit(done, Settle(Status.COMPLETE))
            del item  # or its rows would stay in memory while the next page is waited for
            self._clock.check()
        raise AssertionError("a source ends with a finding")

    def _situation(self, task: Task) -> Situation:
        return Situation(
            history=tuple(task.history),
            spent=task.effort.spent,
            divisible=task.divisible,
            window=task.slice.window,
            horizon=self.horizon,
            page_sizes_left=len(self._source.page_sizes) - 1 - task.page_size,
        )

    def _again(self, task: Task, step: Again) -> None:
        if step.smaller:
            task.page_size = min(task.page_size + 1, len(self._source.page_sizes) - 1)
        if step.wait:
            wait = min(self._limits.first_wait * 2 ** (task.effort.failures - 1), self._limits.longest_wait)
            self._observer.waiting(task.history[-1].finding.reason or "asking again", wait)
            self._clock.sleep(wait)

    def _arrived(self, task: Task, rows: int) -> None:
        """Take note that rows of a slice have come."""
        self._observer.rows(task.slice, rows)

    def _settle(self, task: Task, settle: Settle) -> Sequence[Task]:
        """Commit, or put off what can be told only at the end; returns what is to be done next."""
        if settle.reason == BEYOND_RETENTION and task.history[-1].finding.kind is Kind.EMPTY:
            self._aged.append(task)
        else:
            self._commit(task, settle)
        return ()

    def _commit(self, task: Task, settle: Settle, blobs: Sequence[Blob] = (), unread: Sequence[bytes] = ()) -> None:
        asked_at = task.asked_at or self._clock.now()
        outcome = Outcome(
            status=self._status(task, settle),
            asked_at=asked_at,
            attempts=max(1, len(task.history)),
            expected=task.expected,
            reason=settle.reason,
            settled=self._settled(task, asked_at),
        )
        if task.unread is not None and settle.status is Status.GAP:
            unread = (*unread, task.unread)
        commit = self._run.commit(task.slice, outcome, task.staging, unread=unread, recheck=task.recheck, blobs=blobs)
        task.done()
        self._note(task, commit)
        self._observer.committed(commit)

    def _status(self, task: Task, settle: Settle) -> Status:
        """Return how a slice ended: one that is empty but for rows of its margins is whole."""
        return Status.COMPLETE if settle.status is Status.EMPTY and task.staging.rows else settle.status

    def _settled(self, task: Task, asked_at: datetime) -> bool | None:
        """Whether a slice ended long enough before it was asked for; None for one without a window."""
        if task.slice.window is None:
            return None
        return task.window.end <= asked_at - timedelta(seconds=self._limits.settle)

    def _note(self, task: Task, commit: Commit) -> None:
        """Learn from how a slice ended; that it is too old says nothing of its neighbours."""
        if commit.status is not Status.GAP:
            task.family.kept(commit.records)
        elif commit.reason != BEYOND_RETENTION:
            task.family.failed(commit.reason or "failed")


def holds_as_old(commits: Sequence[Commit], slice_: Slice) -> bool:
    """Tell whether a source's commits hold a record as old as the slice, which shows that records are kept so long."""
    end = slice_.window.end if slice_.window else None
    return any(
        commit.source == slice_.source
        and commit.records > commit.outside
        and commit.end is not None
        and end is not None
        and commit.end <= end
        for commit in commits
    )
