"""Collects a source whose slices are jobs that the service works on for hours.

Invariants: a run cuts its windows the same way whenever it is taken up, so that it finds the jobs it began; a job that
fails is no reason to start two; a slice is cut only where its job is known to hold more than it can give.
"""

from collections.abc import Callable
from datetime import datetime

from collector.model import Slice, SourcePlan, Status, Window
from collector.run.collect import Collection, Left
from collector.run.decide import Settle, Situation, Split, Step
from collector.run.slicing import evenly, halves_left
from collector.run.task import Task
from collector.sources.base import Kind, spanned


class JobCollection(Collection):
    """One source's part of a run, job by job: the records of a job are those of its slice."""

    @property
    def now(self) -> datetime:
        """When the run was opened: what was too old or too young to be asked for then stays a slice of its own."""
        return self._run.opened_at.replace(microsecond=0)

    def left(self, planned: SourcePlan, slices_of: Callable[[Left], list[Slice]]) -> list[Slice]:
        """Return what is to be asked for in the slices that it was cut into before, each of which may have its job."""
        cut = slices_of(dict.fromkeys(planned.parts, (planned.window,)))
        return [
            Slice(one.source, one.part, one.axis, window)
            for one in cut
            for window in halves_left(spanned(one.window), self._done(one))
        ]

    def _done(self, slice_: Slice) -> list[Window]:
        return [
            commit.window
            for commit in self._run.commits
            if (commit.source, commit.part) == (slice_.source, slice_.part) and commit.window and not commit.recheck
        ]

    def _pieces(self, task: Task) -> int:  # noqa: ARG002 - other collections look at it
        return 1

    def _step(self, task: Task) -> Step:
        """Cut in halves whatever came: parts that hang on it could not be told again from what is committed."""
        step = super()._step(task)
        return step._replace(at=evenly(task.window, 2)[1].start) if isinstance(step, Split) and not step.at else step

    def _situation(self, task: Task) -> Situation:
        found = super()._situation(task)
        too_large = found.history[-1].finding.kind is Kind.TOO_LARGE
        return found._replace(divisible=found.divisible and too_large)


class ReportCollection(JobCollection):
    """One source's part of a run, whose rows tell of its jobs and are no records."""

    def _status(self, task: Task, settle: Settle) -> Status:  # noqa: ARG002 - other collections look at it
        return settle.status
