"""Collection that goes on: cycle after cycle into one run a day, each sealed and chained to the one before.

Invariants: cycles do not overlap; a cycle that fails costs nothing but time, and what it did not collect the next one
asks for; only what cannot get better by itself (usage, integrity, the lock) or the operator ends the watch. A run is
sealed once all of its window has passed and was asked for, after a last and longer look back.
"""

import traceback
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import NamedTuple

from collector.clock import PartClock
from collector.config import Engagement, HistoricalSearch, Loaded, PurviewAuditQuery, Windowed
from collector.errors import (
    PRECEDENCE,
    CollectorError,
    ExitCode,
    IntegrityError,
    Interrupted,
    LockedError,
    UsageError,
)
from collector.evidence import RunFolder, lock, remaining
from collector.model import Axis, SourcePlan
from collector.run.collect import Collection
from collector.run.connection import Connection, Seams
from collector.run.cycle import EACH_CYCLE, due, lookback
from collector.run.engage import Result, engagement_folder
from collector.run.heartbeat import Beating, Heart
from collector.run.outcome import Course, Outcome, outcome_of
from collector.run.plan import make_plan
from collector.run.registry import FEEDS
from collector.run.relay import Relay
from collector.run.series import leaves_off
from collector.run.wiring import Due, Job, collect

_FINAL = (UsageError, IntegrityError, LockedError, Interrupted)

_A_MOMENT = 2.0
"""Seconds that a service's clock may lag behind what it told last: it tells whole seconds."""


class Rhythm(NamedTuple):
    """When to do what, in seconds: a cycle every so often, for so long (None for ever), a seal every so often."""

    every: float
    lasts: float | None
    seal_every: float


def watch(
    loaded: Loaded, seams: Seams, rhythm: Rhythm, tell: Callable[[Outcome], None], *, new: bool = False
) -> ExitCode:
    """Watch over an engagement, and `tell` of each cycle; returns the gravest of what its runs ended with.

    With `new` the run that is open is closed as it stands, and another is begun. Raises Interrupted when the operator
    asks to stop; LockedError, UsageError, IntegrityError.
    """
    _require_watchable(loaded.engagement)
    with lock(engagement_folder(loaded.engagement)), Connection(loaded.engagement, seams) as connection:
        relay = Relay(loaded, seams, connection)
        try:
            begun = relay.begin_anew() if new else []
            return Watch(loaded, seams, connection, relay, rhythm).go_on(tell, begun)
        finally:
            relay.let_go()


def _require_watchable(engagement: Engagement) -> None:
    """Raise UsageError for what is asked once: jobs that take hours, messages that earlier evidence names."""
    asked = engagement.sources
    once = [*asked.resting_on_evidence]
    once += [name for name in asked.names if isinstance(asked.of(name), HistoricalSearch | PurviewAuditQuery)]
    if once:
        raise UsageError(
            f"{once[0]} is asked once, not again and again",
            remedy="keep it in an engagement file of its own, under the same `engagement`, for `collector run`",
        )
    if not any(isinstance(asked.of(name), Windowed) for name in asked.names):
        raise UsageError(
            f"{', '.join(asked.names)}: nothing of it goes on, so that there is nothing to watch",
            remedy="name a source with records of a time, such as unified-audit-log, or use `collector run`",
        )


class Watch:
    """A watch over one engagement."""

    def __init__(self, loaded: Loaded, seams: Seams, connection: Connection, relay: Relay, rhythm: Rhythm) -> None:
        self._engagement = loaded.engagement
        self._observer = seams.observer
        self._clock = seams.clock
        self._connection = connection
        self._relay = relay
        self._rhythm = rhythm
        self._heart = Heart(engagement_folder(loaded.engagement), store=seams.store, clock=seams.clock)
        now = self._clock.now().replace(microsecond=0)
        self._ends_at = None if rhythm.lasts is None else now + timedelta(seconds=rhythm.lasts)
        self._looked_far: float | None = None
        self._codes: set[ExitCode] = set()

    def go_on(self, tell: Callable[[Outcome], None], begun: Iterable[Result]) -> ExitCode:
        """Collect until the time is over; `begun` is what was sealed before. See `watch`."""
        self._codes.update(result.exit_code for result in begun)
        number = 0
        try:
            while True:
                number += 1
                next_cycle = self._clock.now() + timedelta(seconds=self._rhythm.every)
                self._heart.began(number)
                outcome = self._survived(number)
                over = self._over(outcome)
                next_cycle = self._next(next_cycle)
                self._heart.ended(outcome, None if over else next_cycle)
                tell(outcome)
                if over:
                    self._heart.stopped("ended")
                    return self._code(outcome)
                self._rest(next_cycle)
        except CollectorError as error:
            self._heart.stopped("interrupted" if isinstance(error, Interrupted) else "failed")
            raise

    def _over(self, last: Outcome) -> bool:
        """Whether the time is up; a cycle that went on past the end and left something is followed by a last one."""
        if self._ends_at is None or self._clock.now() < self._ends_at:
            return False
        left = self._relay.open_run is not None or last.outcome == "failed"
        return last.began >= self._ends_at or not left

    def _code(self, last: Outcome) -> ExitCode:
        codes = set(self._codes)
        if self._relay.open_run is not None or last.outcome == "failed":  # what is left is for the next watch
            codes |= {ExitCode.TEMPORARY, ExitCode(last.exit_code)}
        return min(codes, key=PRECEDENCE.index)

    def _survived(self, number: int) -> Outcome:
        """Go through a cycle, and tell how it ended, whatever happened that another cycle may mend."""
        began, sealed = self._clock.now(), list[str]()
        observer = Beating(self._observer, self._heart)
        failure: CollectorError | None = None
        code = ExitCode.COMPLETE
        try:
            for result in self._cycle(observer):
                self._codes.add(result.exit_code)
                sealed.append(result.path.name)
        except _FINAL as error:
            if number == 1 or not isinstance(error, UsageError):  # what was right at first is so no more for a while
                raise
            failure, code = error, error.exit_code
        except CollectorError as error:
            failure, code = error, error.exit_code
        except Exception as error:  # noqa: BLE001 - a fault of ours must not end what guards an incident
            failure, code = CollectorError(_fault(error)), ExitCode.FAULT
        run = self._relay.open_run
        if failure is not None:
            self._relay.let_go()
        name = run.path.name if run else None
        course = Course(number, began, observer.commits, name, tuple(sealed), failure, code)
        return outcome_of(course, self._clock.now())

    def _cycle(self, observer: Beating) -> Iterator[Result]:
        """Ask for what has passed; seal the run whose time is over, and go on with the next."""
        while True:
            run = self._relay.take_up() or self._begin()
            self._wait_a_moment(run)
            over = self._ends_at is not None and self._clock.now() >= self._ends_at
            sealing = over or self._to_come(run) <= 0
            self._collect(run, observer, sealing=sealing)
            left = _left(run)
            if not sealing or (left and not over):
                return
            last = left or self._reaches_the_end(run)
            yield self._relay.seal(leaves_off(run.plan, run.commits) if left else None)
            if over and last:
                return

    def _begin(self) -> RunFolder:
        """Begin the next run; one whose sign-in fails is begun all the same, so that its folder says so."""
        trouble = self._connection.ask_the_time()
        now = self._clock.now()
        end = now.replace(microsecond=0) + timedelta(seconds=self._rhythm.seal_every)
        if self._ends_at and now < self._ends_at:
            end = min(end, self._ends_at)
        ahead = self._connection.ahead
        run = self._relay.begin(make_plan(self._engagement, now, ahead), end, ahead)
        if trouble:
            raise trouble
        return run

    def _collect(self, run: RunFolder, observer: Beating, *, sealing: bool) -> None:
        now = self._clock.monotonic()
        back = lookback(None if self._looked_far is None else now - self._looked_far, sealing=sealing)

        def work(planned: SourcePlan, collection: Collection) -> Iterator[Due]:
            longest = FEEDS[planned.source].longest
            return due(planned, run.commits, collection.now, back, horizon=collection.horizon, longest=longest)

        clock = PartClock(self._clock)
        try:
            collect(Job(self._engagement, run, self._connection, clock, observer), work)
        finally:
            clock.stop()
        if back > EACH_CYCLE:
            self._looked_far = now

    def _to_come(self, run: RunFolder) -> float:
        """Return the seconds until all of a run's windows have passed, each by its own service's clock."""
        now, ahead = self._clock.now(), self._connection.ahead
        skews = {Axis.EVENT: timedelta(0), Axis.AVAILABLE: ahead}
        ends = (one.window.end - skews[one.axis] for one in run.plan.sources if one.window)
        return (max(ends) - now).total_seconds()

    def _reaches_the_end(self, run: RunFolder) -> bool:
        """Whether a run goes as far as the watch is to go."""
        end = self._clock.now() + timedelta(seconds=self._to_come(run))
        return self._ends_at is not None and end >= self._ends_at - timedelta(seconds=_A_MOMENT)

    def _wait_a_moment(self, run: RunFolder) -> None:
        """Wait for the last moment of the run and of the watch, so that the cycle due at their end is the last one."""
        ends = [self._to_come(run)]
        if self._ends_at is not None:
            ends.append((self._ends_at - self._clock.now()).total_seconds())
        self._clock.sleep(max((end for end in ends if 0 < end <= _A_MOMENT), default=0.0))

    def _next(self, planned: datetime) -> datetime:
        """Return when the next cycle is due: as planned, or before, where the run or the watch ends."""
        run, now = self._relay.open_run, self._clock.now()
        sealed = now + timedelta(seconds=self._to_come(run)) if run else planned
        return max(now, min(planned, self._ends_at or planned, sealed if sealed > now else planned))

    def _rest(self, until: datetime) -> None:
        while (left := (until - self._clock.now()).total_seconds()) > 0:
            self._clock.sleep(min(left, 15.0))
            self._heart.tick()


def _fault(error: Exception) -> str:
    """Say where a fault of ours happened, without the values, which may hold a secret."""
    frame = traceback.extract_tb(error.__traceback__)[-1]
    return f"a fault of ours, {type(error).__name__} at {Path(frame.filename).name}:{frame.lineno} in {frame.name}"


def _left(run: RunFolder) -> bool:
    """Whether anything of a run's plan was not asked for."""
    return any(windows for source in run.plan.sources for windows in remaining(source, run.commits).values())
