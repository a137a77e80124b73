"""Puts a run's parts together: for each source its collection with all that is to be asked, and the crew."""

from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from typing import NamedTuple

from collector.clock import Clock
from collector.config import Engagement
from collector.evidence import RunFolder
from collector.model import Slice, SourcePlan, Window
from collector.run.collect import Collection
from collector.run.connection import Connection
from collector.run.crew import Gang, run_all
from collector.run.observe import Observer
from collector.run.outage import Lifeline
from collector.run.plan import slices_of
from collector.run.registry import FEEDS
from collector.run.task import Task

_SECOND = timedelta(seconds=1)


class Due(NamedTuple):
    """Slices that are to be asked for now; `recheck` where that is not for the first time."""

    slices: Sequence[Slice]
    recheck: bool = False


Work = Callable[[SourcePlan, Collection], Iterator[Due]]
"""What of a planned source is due."""


def everything_left(planned: SourcePlan, collection: Collection) -> Iterator[Due]:
    """Yield what is due in a run that asks for all of its plan at once."""
    longest = FEEDS[planned.source].longest
    yield Due(collection.left(planned, lambda left: slices_of(planned, left, collection.horizon, longest)))


class Job(NamedTuple):
    """A run and what it is collected with; `clock` ends the work on this run, and nothing else."""

    engagement: Engagement
    run_folder: RunFolder
    connection: Connection
    clock: Clock
    observer: Observer


def collect(job: Job, work: Work) -> None:
    """Ask for all that is due; raises what ended the run before that."""
    names = tuple(dict.fromkeys(planned.source for planned in job.run_folder.plan.sources))
    job.connection.enter(names)
    collections = {name: _collection(name, job) for name in names}
    run_all([_gang(collection, job, work) for collection in collections.values()], job.clock)
    for collection in collections.values():
        collection.finish()


def _collection(name: str, job: Job) -> Collection:
    clock, observer, limits = job.clock, job.observer, job.engagement.limits_of(name)
    planned = [one for one in job.run_folder.plan.sources if one.source == name]
    reach = job.connection.reach(name, clock, planned)
    source = FEEDS[name].make(reach)
    window = planned[0].window
    passed = Window(window.start, max(window.start + _SECOND, min(window.end, clock.now()))) if window else None
    lifeline = Lifeline(source, reach.client, passed, limits=limits, clock=clock, observer=observer)
    return FEEDS[name].collection(source, job.run_folder, lifeline, limits=limits, clock=clock, observer=observer)


def _gang(collection: Collection, job: Job, work: Work) -> Gang[Task]:
    """Return all that is due of a source, with the threads that its limits and its nature allow."""
    tasks = [
        task
        for planned in job.run_folder.plan.sources
        if planned.source == collection.name
        for due in work(planned, collection)
        for task in collection.tasks(due.slices, recheck=due.recheck)
    ]
    in_flight = job.engagement.limits_of(collection.name).concurrency
    return Gang(collection.work, max(in_flight, min(len(tasks), FEEDS[collection.name].at_once)), tasks)
