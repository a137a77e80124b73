"""The runs of a watch: when each is sealed, what closes it early, and how the next one takes over."""

from datetime import timedelta
from pathlib import Path

import pytest

from collector.errors import ExitCode, Interrupted, UsageError
from collector.evidence import Commit
from collector.run.outcome import Outcome
from tests.run.tenants import Quiet
from tests.run.watches import (
    AUDIT,
    HOUR,
    START,
    TRACE,
    Watched,
    assert_joined,
    assert_sound,
    audit_in,
    identities,
    watched,
)

DAY = 24 * HOUR
ONE_SOURCE = {"sources": {AUDIT: {"operations": []}}}


def test_the_end_comes_with_a_sealed_run_and_nobody_waits_for_a_cycle_more(tmp_path: Path) -> None:
    with watched(tmp_path, start=START + HOUR, more=ONE_SOURCE) as watch:
        assert watch.watch(1000, every=900) is ExitCode.COMPLETE
        (run,) = watch.runs
    assert (watch.clock.now() - START - HOUR).total_seconds() == pytest.approx(1000, abs=30)
    assert run.sealed
    assert run.coverage.slices[-1].end == START + HOUR + timedelta(seconds=1000)
    beat = watch.beat()
    assert (beat["state"], beat["next_cycle"], beat["last_cycle"]["sealed"]) == ("ended", None, [run.path.name])


class Slow(Quiet):
    """An observer that lets time pass when the n-th slice is committed, as a slow service does."""

    def __init__(self, watch: Watched, number: int, seconds: float) -> None:
        self.watch, self.left, self.seconds = watch, number, seconds

    def committed(self, commit: Commit) -> None:
        self.left -= 1
        if self.left == 0:
            self.watch.clock.move(self.seconds)


@pytest.mark.parametrize("commits", [1, 8, 11, 14])
def test_a_cycle_that_goes_on_past_the_end_is_followed_by_the_one_that_seals(commits: int, tmp_path: Path) -> None:
    with watched(tmp_path, start=START + DAY, more=ONE_SOURCE) as watch:
        watch.observer = Slow(watch, commits, 3 * 3600)
        assert watch.watch(2400, every=900, seal_every=1200) is ExitCode.COMPLETE
        assert all(run.sealed for run in watch.runs)
        assert watch.watch(900, every=900) is ExitCode.COMPLETE
        runs = watch.runs
        assert set(identities(runs)) == audit_in(watch)
    assert_sound(runs)
    assert_joined(runs)


def test_a_run_whose_end_lies_behind_that_of_the_watch_is_closed_early_and_gone_on_from(tmp_path: Path) -> None:
    with watched(tmp_path, start=START + HOUR, more=ONE_SOURCE) as watch:

        def stop(outcome: Outcome) -> None:
            raise Interrupted("the operator has asked for it", remedy="")

        with pytest.raises(Interrupted):
            watch.watch(None, then=stop)
        assert watch.beat()["state"] == "interrupted"
        assert not watch.runs[0].sealed
        watch.clock.move(600)
        assert watch.watch(1800, every=900) is ExitCode.COMPLETE
        assert [run.until for run in watch.runs] == [START + HOUR + timedelta(seconds=2400)]
        watch.clock.move(5000)
        assert watch.watch(900, every=900) is ExitCode.COMPLETE
        runs = watch.runs
        assert set(identities(runs)) == audit_in(watch)
    assert len(runs) == 2
    assert_sound(runs)
    assert_joined(runs)


def test_a_run_is_sealed_as_often_as_asked_and_each_follows_the_one_before(tmp_path: Path) -> None:
    with watched(tmp_path, start=START + HOUR, more=ONE_SOURCE) as watch:
        watch.watch(5 * 3600, every=1800, seal_every=7200)
        runs = watch.runs
    assert [run.plan.sources[0].window.end - START for run in runs if run.plan.sources[0].window] == [
        3 * HOUR,
        5 * HOUR,
        6 * HOUR,
    ]
    assert_sound(runs)
    assert_joined(runs)


def test_a_changed_engagement_file_is_refused_with_the_difference_until_another_run_is_asked_for(
    tmp_path: Path,
) -> None:
    with watched(tmp_path, start=START + DAY, more=ONE_SOURCE) as watch:

        def stop(outcome: Outcome) -> None:
            raise Interrupted("the operator has asked for it", remedy="")

        with pytest.raises(Interrupted):
            watch.watch(None, then=stop)
        watch.clock.move(1800)
        watch.write(sources={AUDIT: {"operations": []}, TRACE: {"for": "tenant"}})
        with pytest.raises(UsageError, match=r"sources\.message-trace"):
            watch.watch(900)
        assert watch.watch(900, new=True) is ExitCode.COMPLETE
        runs = watch.runs
        assert set(identities(runs)) == audit_in(watch)
    assert len(runs) == 2
    assert_sound(runs)
    assert_joined(runs)
    begins = {one.source: one.window.start for one in runs[1].plan.sources if one.window}
    assert begins == {AUDIT: START + DAY, TRACE: START + timedelta(minutes=30)}
