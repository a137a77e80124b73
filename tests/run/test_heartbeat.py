"""The heartbeat says that the watch lives and how it fares; that it cannot be written stops nothing."""

import json
from pathlib import Path
from typing import Any

import pytest

from collector.errors import ExitCode, TemporaryError
from collector.evidence import Store
from collector.model import Axis, Slice, Status
from collector.run.heartbeat import HEARTBEAT, Beat, Beating, Heart, read_heartbeat
from collector.run.outcome import Course, Outcome, outcome_of
from tests.fakes import NOW, FakeClock
from tests.run.planned import NAME, asked, hours
from tests.run.tenants import Quiet
from tests.run.watches import FillingDisk


def outcome(failure: TemporaryError | None = None, *commits: Any) -> Outcome:
    code = failure.exit_code if failure else ExitCode.COMPLETE
    return outcome_of(Course(1, NOW, commits, "20261110T000000Z", (), failure, code), NOW)


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def heart(tmp_path: Path, clock: FakeClock) -> Heart:
    return Heart(tmp_path, store=Store(), clock=clock)


def test_what_the_file_says_through_a_life(tmp_path: Path, heart: Heart) -> None:
    heart.began(1)
    assert (said := json.loads((tmp_path / HEARTBEAT).read_bytes()))["state"] == "collecting"
    assert said.keys() == {
        "time", "pid", "engagement", "state", "cycle", "failures", "last_cycle", "next_cycle",
    }  # fmt: skip
    heart.ended(outcome(), NOW)
    beat = read_heartbeat(tmp_path)
    assert beat
    assert (beat.state, beat.next_cycle, beat.last_cycle) == ("waiting", NOW, outcome())
    heart.stopped("ended")
    beat = read_heartbeat(tmp_path)
    assert beat
    assert (beat.state, beat.next_cycle, beat.last_cycle) == ("ended", None, outcome())


def told(folder: Path) -> Beat:
    beat = read_heartbeat(folder)
    assert beat
    return beat


def test_failures_in_a_row_are_counted_and_a_cycle_with_gaps_is_none(tmp_path: Path, heart: Heart) -> None:
    failed = outcome(TemporaryError("away", remedy="wait"))
    for number in (1, 2):
        heart.ended(failed, NOW)
        assert told(tmp_path).failures == number
    heart.ended(outcome(None, asked(0, 1, status=Status.GAP, reason="timeout")), NOW)
    assert told(tmp_path).failures == 0


def test_a_beat_comes_every_quarter_of_a_minute_and_no_oftener(tmp_path: Path, heart: Heart, clock: FakeClock) -> None:
    heart.began(1)
    beating = Beating(Quiet(), heart)
    slice_ = Slice(NAME, None, Axis.EVENT, hours(0, 1))
    for seconds, moved in ((14, False), (1, True), (14, False), (2, True)):
        before = (tmp_path / HEARTBEAT).read_bytes()
        clock.move(seconds)
        beating.rows(slice_, 1)
        assert ((tmp_path / HEARTBEAT).read_bytes() != before) is moved


def test_waits_and_commits_beat_too_and_all_is_passed_on(tmp_path: Path, heart: Heart, clock: FakeClock) -> None:
    passed: list[object] = []

    class Listening(Quiet):
        def committed(self, commit: object) -> None:
            passed.append(commit)

        def notice(self, text: str) -> None:
            passed.append(text)

    beating = Beating(Listening(), heart)
    commit = asked(0, 1)
    for act in (lambda: beating.committed(commit), lambda: beating.waiting("why", 1.0)):
        clock.move(60)
        act()
        beat = read_heartbeat(tmp_path)
        assert beat
        assert beat.time == clock.now()
    beating.notice("look")
    assert passed == [commit, "look"]
    assert beating.commits == [commit]


def test_a_full_disk_stops_no_watch(tmp_path: Path) -> None:
    disk = FillingDisk()
    disk.full = True
    Heart(tmp_path, store=Store(disk), clock=FakeClock()).began(1)
    assert read_heartbeat(tmp_path) is None


@pytest.mark.parametrize("data", [b"", b"{", b"[]", b"\xff\xfe", b'{"time":"never"}'])
def test_a_file_that_is_no_heartbeat_is_none(data: bytes, tmp_path: Path) -> None:
    (tmp_path / HEARTBEAT).write_bytes(data)
    assert read_heartbeat(tmp_path) is None


def test_how_a_cycle_ended_in_words() -> None:
    late = asked(0, 1, recheck=True, records=2)
    lost = asked(0, 1, recheck=True, status=Status.GAP, reason="timeout")
    gap = asked(1, 2, status=Status.GAP, reason="timeout", records=3)
    forbidden = asked(1, 2, status=Status.GAP, reason="forbidden")
    assert (found := outcome(None, late, lost)).outcome == "complete"
    assert (found.records, found.late, found.gaps, found.exit_code) == (2, 2, 0, ExitCode.COMPLETE)
    assert (found := outcome(None, late, gap)).outcome == "gaps"
    assert (found.records, found.late, found.gaps, found.exit_code) == (5, 2, 1, ExitCode.GAPS)
    assert outcome(None, gap, forbidden).exit_code == ExitCode.ACCESS
    failed = outcome(TemporaryError("away", remedy="wait"), gap)
    assert (failed.outcome, failed.exit_code, failed.message, failed.remedy) == (
        "failed",
        ExitCode.TEMPORARY,
        "away",
        "wait",
    )
