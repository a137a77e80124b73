"""What one cycle asks for: what has passed and was not asked for, and a look-back behind it."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.evidence import Commit, remaining
from collector.model import Axis, SourcePlan, Window
from collector.run.cycle import BEFORE_A_SEAL, EACH_CYCLE, EACH_HOUR, due, frontier, lookback
from tests.run.planned import DAY, HOUR, NAME, START, asked

LONG_AGO, LONGEST = START - 90 * DAY, 7 * DAY


def planned(hours: float = 24, parts: tuple[str | None, ...] = (None,), since: datetime | None = None) -> SourcePlan:
    return SourcePlan(NAME, Axis.EVENT, Window(START, START + hours * HOUR), parts, {}, since)


def windows(plan: SourcePlan, commits: Sequence[Commit], now: datetime, back: timedelta) -> dict[bool, list[Window]]:
    """Return what is due, by whether it is asked for again."""
    found: dict[bool, list[Window]] = {False: [], True: []}
    for one in due(plan, commits, now, back, horizon=LONG_AGO, longest=LONGEST):
        found[one.recheck] += [slice_.window for slice_ in one.slices if slice_.window]
    return found


def span(found: list[Window]) -> tuple[datetime, datetime] | None:
    """Return where a stretch begins and ends, once it is seen to have no hole and no overlap."""
    ordered = sorted(found)
    assert all(first.end == second.start for first, second in pairwise(ordered))
    return (ordered[0].start, ordered[-1].end) if ordered else None


@pytest.mark.parametrize(
    ("since_last_long", "sealing", "back"),
    [
        (None, False, EACH_HOUR),
        (0.0, False, EACH_CYCLE),
        (3599.0, False, EACH_CYCLE),
        (3600.0, False, EACH_HOUR),
        (0.0, True, BEFORE_A_SEAL),
    ],
)
def test_how_far_is_looked_back(since_last_long: float | None, sealing: bool, back: timedelta) -> None:
    assert lookback(since_last_long, sealing=sealing) == back


def test_a_run_that_has_not_begun_asks_for_nothing() -> None:
    assert windows(planned(), [], START, EACH_CYCLE) == {False: [], True: []}
    assert windows(planned(), [], START - HOUR, EACH_CYCLE) == {False: [], True: []}


def test_nothing_is_asked_of_the_time_to_come() -> None:
    found = windows(planned(), [], START + HOUR, EACH_CYCLE)
    assert (span(found[False]), found[True]) == ((START, START + HOUR), [])


def test_nothing_is_asked_behind_the_end_of_the_run() -> None:
    found = windows(planned(hours=2), [asked(0, 1)], START + 9 * HOUR, EACH_CYCLE)
    assert (span(found[False]), span(found[True])) == ((START + HOUR, START + 2 * HOUR), (START, START + HOUR))


def test_the_look_back_lies_right_behind_what_was_asked_for() -> None:
    found = windows(planned(), [asked(0, 6)], START + 9 * HOUR, EACH_CYCLE)
    assert (span(found[False]), span(found[True])) == (
        (START + 6 * HOUR, START + 9 * HOUR),
        (START + 4 * HOUR, START + 6 * HOUR),
    )


def test_the_look_back_reaches_into_the_runs_before_and_not_behind_the_beginning_of_the_watch() -> None:
    watched_for = planned(since=START - 5 * HOUR)
    assert span(windows(watched_for, [asked(0, 1)], START + HOUR, EACH_CYCLE)[True]) == (START - HOUR, START + HOUR)
    assert span(windows(watched_for, [asked(0, 1)], START + HOUR, EACH_HOUR)[True]) == (
        START - 5 * HOUR,
        START + HOUR,
    )


def test_an_absence_of_days_does_not_move_the_look_back_away_from_what_was_asked_last() -> None:
    found = windows(planned(hours=96), [asked(0, 6)], START + 90 * HOUR, EACH_CYCLE)
    assert (span(found[False]), span(found[True])) == (
        (START + 6 * HOUR, START + 90 * HOUR),
        (START + 4 * HOUR, START + 6 * HOUR),
    )


def test_a_hole_is_asked_for_and_looked_back_from() -> None:
    found = windows(planned(), [asked(0, 3), asked(4, 6)], START + 6 * HOUR, EACH_CYCLE)
    assert (span(found[False]), span(found[True])) == (
        (START + 3 * HOUR, START + 4 * HOUR),
        (START + HOUR, START + 3 * HOUR),
    )


def test_a_look_back_does_not_stand_for_what_was_never_asked() -> None:
    found = windows(planned(), [asked(0, 6, recheck=True)], START + 6 * HOUR, EACH_CYCLE)
    assert (span(found[False]), found[True]) == ((START, START + 6 * HOUR), [])


def test_each_part_is_asked_from_where_it_stands_itself() -> None:
    parts = planned(parts=("a", "b"))
    found = {
        (slice_.part, one.recheck): slice_.window
        for one in due(parts, [asked(0, 2, part="a")], START + 3 * HOUR, HOUR, horizon=LONG_AGO, longest=LONGEST)
        for slice_ in one.slices
    }
    assert found["a", False] == Window(START + 2 * HOUR, START + 3 * HOUR)
    assert found["a", True] == Window(START + HOUR, START + 2 * HOUR)
    assert ("b", True) not in found


def test_up_to_where_a_source_was_asked_for() -> None:
    assert frontier(planned(), []) == START
    assert frontier(planned(), [asked(0, 3), asked(4, 24)]) == START + 3 * HOUR
    assert frontier(planned(), [asked(0, 24)]) == START + 24 * HOUR
    parts = planned(parts=("a", "b"))
    assert frontier(parts, [asked(0, 3, part="a"), asked(0, 2, part="b")]) == START + 2 * HOUR
    assert frontier(SourcePlan(NAME, Axis.EVENT, None, (None,), {}), []) is None


@given(st.lists(st.integers(1, 400), min_size=1, max_size=12), st.sampled_from([EACH_CYCLE, EACH_HOUR, BEFORE_A_SEAL]))
def test_whatever_the_pace_all_that_has_passed_is_asked_for_once(minutes: list[int], back: timedelta) -> None:
    plan, commits, now = planned(hours=200), list[Commit](), START
    for step in minutes:
        now += timedelta(minutes=step)
        found = windows(plan, commits, now, back)
        first, again = span(found[False]), span(found[True])
        assert first is not None
        assert first[1] == now
        assert again is None or again == (max(START, first[0] - back), first[0])
        hours = [((edge - START) / HOUR) for edge in first]
        commits.append(asked(*hours))
    (left,) = remaining(plan, commits)[None]
    assert left is not None
    assert left.start == now
