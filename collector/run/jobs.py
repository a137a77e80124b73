"""Collects a source whose slices are jobs that the service works on for hours.

Invariants: a run cuts its windows the same way whenever it is taken up, so that it finds the jobs it began; a job that
fails is no reason to start two; a slice is cut only where its job is known to hold more than it can give.
"""

from datetime import datetime

from collector.model import Status
from collector.run.collect import Collection
from collector.run.decide import Settle, Situation
from collector.run.task import Task
from collector.sources.base import Kind


class JobCollection(Collection):
    """One source's part of a run, job by job: the records of a job are those of its slice."""

    @property
    def now(self) -> datetime:
        """When the run was opened: what was too old or too young to be asked for then stays a slice of its own."""
        return self._run.opened_at.replace(microsecond=0)

    def _pieces(self, task: Task) -> int:  # noqa: ARG002 - other collections look at it
        return 1

    def _situation(self, task: Task) -> Situation:
        found = super()._situation(task)
        too_large = found.history[-1].finding.kind is Kind.TOO_LARGE
        return found._replace(divisible=found.divisible and too_large)


class ReportCollection(JobCollection):
    """One source's part of a run, whose rows tell of its jobs and are no records."""

    def _status(self, task: Task, settle: Settle) -> Status:  # noqa: ARG002 - other collections look at it
        return settle.status
