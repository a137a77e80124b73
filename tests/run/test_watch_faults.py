"""Watches that go badly: whatever fails, the watch lives on, says so, and the next cycle asks for what was missed."""

from pathlib import Path

import pytest

from collector.errors import ExitCode, IntegrityError, Interrupted, LockedError, UsageError
from collector.evidence import Commit, lock, read
from collector.model import Status
from collector.run.outcome import Outcome
from collector.simulator import Access, Asked, Fault, Faults, Kind, any_cmdlet, every, path
from tests.run.tenants import Quiet, collect
from tests.run.watches import (
    AUDIT,
    HOUR,
    START,
    Watched,
    assert_joined,
    assert_sound,
    identities,
    story,
    traces,
    watched,
)

pytestmark = pytest.mark.tries("a watch amid kills, outages and faults of ours")

DAY = 24 * HOUR
MORNING = START + DAY
FIXED = {"start": f"{START:%Y-%m-%dT%H:%M:%SZ}", "end": f"{MORNING:%Y-%m-%dT%H:%M:%SZ}"}
ONE_SOURCE = {"sources": {AUDIT: {"operations": []}}}


class Between:
    """A condition that holds, for whatever is asked, from one moment of a watch to another, in hours."""

    def __init__(self, first: float, after: float) -> None:
        self.first, self.after = MORNING + first * HOUR, MORNING + after * HOUR
        self.watch: Watched | None = None

    def __call__(self, asked: Asked) -> bool:
        return self.watch is not None and self.first <= self.watch.clock.now() < self.after


class InCycle:
    """A condition that holds for all that is asked in one cycle of a watch, counted from 1."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.watch: Watched | None = None

    def __call__(self, asked: Asked) -> bool:
        return self.watch is not None and len(self.watch.outcomes) == self.number - 1


def whole(watch: Watched) -> None:
    """All that the tenant tells stands once, in sealed and chained runs that join."""
    runs, now = watch.runs, watch.clock.now()
    assert_sound(runs)
    assert_joined(runs)
    assert set(identities(runs)) == {row.identity for row in watch.tenant.scenario.audit_rows if row.created < now}
    assert set(identities(runs).values()) == {1}
    assert set(traces(runs).values()) <= {1}


@pytest.mark.parametrize(
    "fault",
    [
        Fault(Kind.RESET, times=None),
        Fault(Kind.STATUS, times=None, status=503),
        Fault(Kind.HTML, times=None, status=200),
        Fault(Kind.NO_ANSWER, times=None),
    ],
    ids=lambda fault: str(fault.kind),
)
def test_a_service_that_is_away_for_hours_is_made_good(fault: Fault, tmp_path: Path) -> None:
    away = Between(0.8, 3.2)
    failing = Faults((Fault(fault.kind, every(any_cmdlet, away), times=None, status=fault.status),))
    said: list[tuple[str, int, str]] = []
    with watched(tmp_path, story(days=2), start=MORNING, faults=failing, more=ONE_SOURCE) as watch:
        away.watch = watch

        def look(outcome: Outcome) -> None:
            said.append((watch.beat()["state"], watch.beat()["failures"], outcome.outcome))
            assert outcome.outcome != "failed" or (outcome.message and outcome.remedy)

        assert watch.watch(5 * 3600, then=look) is ExitCode.COMPLETE
        whole(watch)
        (run,) = watch.runs
    assert [outcome for *_, outcome in said] == ["complete", "failed", "failed", "failed", "complete", "complete"]
    assert [failures for _, failures, _ in said] == [0, 1, 2, 3, 0, 0]
    assert run.coverage.complete


@pytest.mark.parametrize("status", [503, 400])
def test_a_sign_in_that_is_refused_for_a_while_is_made_good(status: int, tmp_path: Path) -> None:
    away = Between(-0.5, 2.2)
    refusing = Faults((Fault(Kind.STATUS, every(path("token"), away), times=None, status=status),))
    access = Access(token_lifetime=900)
    with watched(tmp_path, story(days=2), start=MORNING, faults=refusing, access=access, more=ONE_SOURCE) as watch:
        away.watch = watch
        assert watch.watch(4 * 3600) is ExitCode.COMPLETE
        whole(watch)
        assert len(watch.runs) == 1
    assert [outcome.outcome for outcome in watch.outcomes][:3] == ["failed"] * 3
    assert watch.outcomes[0].exit_code in {ExitCode.TEMPORARY, ExitCode.ACCESS}
    assert watch.outcomes[-1].outcome == "complete"


def test_tokens_that_end_within_a_cycle_cost_nothing(tmp_path: Path) -> None:
    with watched(tmp_path, story(days=2), start=MORNING, access=Access(token_lifetime=60)) as watch:
        watch.watch(2 * 3600)
        whole(watch)
    assert "failed" not in {outcome.outcome for outcome in watch.outcomes}


def test_a_disk_that_is_full_for_a_while_is_made_good(tmp_path: Path) -> None:
    with watched(tmp_path, story(days=2), start=MORNING, more=ONE_SOURCE) as watch:

        def fill(outcome: Outcome) -> None:
            watch.disk.full = outcome.number in (1, 2)

        assert watch.watch(4 * 3600, then=fill) is ExitCode.COMPLETE
        whole(watch)
    assert [outcome.outcome for outcome in watch.outcomes] == ["complete", "failed", "failed", "complete", "complete"]
    assert watch.outcomes[1].exit_code == ExitCode.DISK
    assert "free some room" in (watch.outcomes[1].remedy or "")


def test_a_disk_that_is_full_when_the_run_is_due_to_be_sealed(tmp_path: Path) -> None:
    with watched(tmp_path, story(days=2), start=MORNING, more=ONE_SOURCE) as watch:

        def fill(outcome: Outcome) -> None:
            watch.disk.full = outcome.number == 2

        watch.watch(5 * 3600, seal_every=2 * 3600, then=fill)
        whole(watch)
    assert watch.outcomes[2].outcome == "failed"


class Broken(Quiet):
    """An observer with a fault of ours in it, when the n-th slice is committed."""

    def __init__(self, *numbers: int) -> None:
        self.left = list(numbers)
        self.count = 0

    def committed(self, commit: Commit) -> None:
        self.count += 1
        if self.count in self.left:
            raise RuntimeError("ours")


def test_a_fault_of_ours_does_not_end_what_guards_an_incident(tmp_path: Path) -> None:
    with watched(tmp_path, story(days=2), start=MORNING, more=ONE_SOURCE) as watch:
        watch.observer = Broken(3, 9)
        assert watch.watch(4 * 3600) is ExitCode.COMPLETE
        whole(watch)
    failed = [outcome for outcome in watch.outcomes if outcome.outcome == "failed"]
    assert {outcome.exit_code for outcome in failed} == {ExitCode.FAULT}
    assert "RuntimeError" in (failed[0].message or "")


class Died(BaseException):
    """The process is gone, as far as can be told from inside: nothing handles this."""


class Killing(Quiet):
    """Kills the watch when so many slices are committed."""

    def __init__(self, after: int) -> None:
        self.left = after

    def committed(self, commit: Commit) -> None:
        self.left -= 1
        if self.left <= 0:
            raise Died


@pytest.mark.parametrize("commits", [1, 2, 5, 9, 14])
def test_killed_again_and_again_nothing_is_lost_or_doubled(commits: int, tmp_path: Path) -> None:
    deaths = 0
    with watched(tmp_path, story(days=2, records=80), start=MORNING) as watch:
        while deaths < 6:
            watch.observer = Killing(commits)
            try:
                watch.watch(2 * 3600, seal_every=3600)
                break
            except Died:
                deaths += 1
                watch.clock.move(1000)
        watch.observer = Quiet()
        watch.watch(3600)
        whole(watch)
    assert deaths


def test_a_gap_is_filled_by_a_later_look_back_and_stands_so_in_coverage(tmp_path: Path) -> None:
    away = InCycle(2)
    broken = Faults((Fault(Kind.MINUS_ONE, every(any_cmdlet, away), times=None),))
    with watched(tmp_path, story(days=3), start=MORNING, faults=broken, more=ONE_SOURCE) as watch:
        away.watch = watch
        assert watch.watch(3 * 3600) is ExitCode.COMPLETE
        whole(watch)
        (run,) = watch.runs
    assert [outcome.outcome for outcome in watch.outcomes] == ["complete", "gaps", "complete", "complete"]
    filled = [one for one in run.coverage.slices if one.reason == "rechecked"]
    assert {one.status for one in filled} <= {Status.COMPLETE, Status.EMPTY}
    assert (filled[0].start, filled[-1].end) == (MORNING, MORNING + HOUR)
    assert run.coverage.complete


def test_what_cannot_get_better_by_itself_ends_the_watch(tmp_path: Path) -> None:
    with watched(tmp_path, story(days=2), start=MORNING, more=ONE_SOURCE) as watch:
        with lock(watch.engagement), pytest.raises(LockedError):
            watch.watch(3600)
        assert not (watch.engagement / "heartbeat.json").exists()

        def ask(outcome: Outcome) -> None:
            raise UsageError("the secret will not do", remedy="mend it")

        with pytest.raises(UsageError):
            watch.watch(3600, then=ask)
        assert watch.beat()["state"] == "failed"
        (run,) = watch.runs
        chunk = run.path / next(chunk.path for commit in run.commits for chunk in commit.chunks)
        chunk.write_bytes(b"bit rot")
        with pytest.raises(IntegrityError):
            watch.watch(3600)
        assert watch.watch(3600, new=True) is ExitCode.COMPLETE
        assert [one.sealed for one in watch.runs] == [False, True]
        assert set(identities(watch.runs[1:])) == set(identities([watch.runs[1]]))
        assert watch.watch(3600) is ExitCode.COMPLETE  # and from then on without being told again
        assert [one.sealed for one in watch.runs] == [False, True, True]


def test_a_run_of_collector_run_and_one_of_a_watch_leave_each_other_alone(tmp_path: Path) -> None:
    with watched(tmp_path, story(days=2), start=MORNING, more={**ONE_SOURCE, "window": FIXED}) as watch:

        def stop(outcome: Outcome) -> None:
            raise Interrupted("the operator has asked for it", remedy="")

        with pytest.raises(Interrupted):
            watch.watch(None, then=stop)
        (open_run,) = watch.runs
        before = (open_run.path / "custody/journal.jsonl").read_bytes()
        once = collect(watch.file)
        assert (open_run.path / "custody/journal.jsonl").read_bytes() == before
        watch.watch(900)
        assert not read(once.path).plan.watch
        assert [run.plan.watch for run in watch.runs].count(True) == 1
        assert read(open_run.path).sealed


def test_ctrl_c_in_the_middle_of_a_cycle_ends_after_a_commit_and_the_next_start_goes_on(tmp_path: Path) -> None:
    with watched(tmp_path, story(days=2), start=MORNING) as watch:

        class Stopping(Quiet):
            def committed(self, commit: Commit) -> None:
                watch.clock.stop()

        watch.observer = Stopping()
        with pytest.raises(Interrupted):
            watch.watch(None)
        assert watch.beat()["state"] == "interrupted"
        assert read(watch.runs[0].path).commits
        watch.clock._stopped = False
        watch.observer = Quiet()
        watch.watch(1800)
        whole(watch)
        assert len(watch.runs) == 1
