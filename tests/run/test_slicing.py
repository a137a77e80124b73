"""Windows cut into parts: they join, whatever is cut where; and a burst is found."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.model import Window
from collector.run.slicing import MOST, around, between, cut, evenly, halves_left, pieces_for
from collector.sources.message_trace import MessageTrace
from collector.sources.session import CEILING

NOW = datetime(2026, 11, 20, tzinfo=UTC)
DAY = Window(NOW - timedelta(days=1), NOW)
windows = st.builds(
    lambda start, seconds: Window(start, start + timedelta(seconds=seconds)),
    st.integers(0, 300 * 86_400).map(lambda seconds: NOW - timedelta(days=310) + timedelta(seconds=seconds)),
    st.integers(1, 86_400 * 200),
)


def joins(window: Window, parts: list[Window]) -> bool:
    ends = parts[0].start == window.start and parts[-1].end == window.end
    return ends and all(before.end == after.start for before, after in pairwise(parts))


def lengths(parts: list[Window]) -> list[float]:
    return [part.length.total_seconds() for part in parts]


@given(windows, st.integers(1, 40))
def test_parts_join_without_hole_or_overlap_on_whole_seconds(window, count):
    parts = evenly(window, count)
    assert joins(window, parts)
    assert len(parts) <= count
    assert all(part.start.microsecond == 0 for part in parts)


def test_even_parts_are_as_many_as_asked_for_and_the_last_may_be_shorter():
    window = Window(NOW, NOW + timedelta(seconds=10))
    assert lengths(evenly(window, 1)) == [10]
    assert lengths(evenly(window, 2)) == [5, 5]
    assert lengths(evenly(window, 3)) == [4, 4, 2]
    assert lengths(evenly(window, 40)) == [1] * 10


@given(windows, st.integers(2, 32), st.lists(st.floats(0, 1, exclude_max=True), max_size=50))
def test_parts_around_rows_join_and_each_is_smaller_than_the_whole(window, count, shares):
    times = [window.start.timestamp() + share * window.length.total_seconds() for share in shares]
    parts = around(window, times, count)
    assert joins(window, parts)
    assert len(parts) <= count + 2
    assert all(part.start.microsecond == 0 for part in parts)
    assert len(parts) >= 2 or not window.divisible


def test_a_burst_is_cut_out_though_other_rows_lie_around_it():
    burst = DAY.start.timestamp() + 40_000
    times = [DAY.start.timestamp() + 80 * n for n in range(1000)] + [burst + n % 3 + 0.5 for n in range(4000)]
    edges = {part.start.timestamp() for part in around(DAY, times, 4)} - {p.start.timestamp() for p in evenly(DAY, 4)}
    assert edges == {burst, burst + 3}


def test_rows_all_over_the_slice_make_no_other_cuts():
    assert around(DAY, [DAY.start.timestamp() + 60 * n for n in range(1440)], 4) == evenly(DAY, 4)
    assert around(DAY, [], 4) == evenly(DAY, 4)


def test_a_burst_in_the_first_or_last_second_is_cut_off_too():
    first, last = DAY.start.timestamp(), DAY.end.timestamp() - 0.1
    assert lengths(around(DAY, [first] * 9, 2)) == [1, 43_199, 43_200]
    assert lengths(around(DAY, [last] * 9, 2)) == [43_200, 43_199, 1]


def test_rows_that_came_over_as_long_as_one_part_lasts_are_no_burst():
    hours = [DAY.start.timestamp() + 3600 * hour for hour in (0, 3, 5, 9)]
    assert around(DAY, hours, 4) == evenly(DAY, 4)


def test_edges_outside_a_window_cut_nothing():
    assert between(DAY, [DAY.start, DAY.end, DAY.end + timedelta(days=1), DAY.start - timedelta(days=1)]) == [DAY]
    assert lengths(between(DAY, [NOW - timedelta(hours=1), NOW - timedelta(hours=2)])) == [79_200, 3600, 3600]


@given(windows)
def test_no_part_is_longer_than_a_question_may_be(window):
    parts = cut(window, MessageTrace.longest, 8)
    assert joins(window, parts)
    assert all(part.length + timedelta(seconds=2) <= timedelta(days=10) for part in parts)


@pytest.mark.parametrize(
    ("hours", "pieces", "parts"), [(0.5, 8, 1), (1, 8, 1), (2, 8, 2), (9, 8, 8), (9, 0, 1), (9, 1, 1)]
)
def test_a_first_slice_lasts_an_hour_at_least_unless_the_window_is_shorter(hours, pieces, parts):
    window = Window(NOW, NOW + timedelta(hours=hours))
    assert len(cut(window, timedelta(days=7), pieces)) == parts


@pytest.mark.parametrize(
    ("expected", "delivered", "pieces"),
    [
        (40_000, 5000, 2),
        (40_001, 5000, 3),
        (120_000, 5000, 6),
        (10**7, 5000, MOST),
        (CEILING, 5000, 5),  # a count that ends at the ceiling: nobody knows what is behind it
        (5000, 40_000, 4),  # a count that mirrors the size asked for
        (None, 45_000, 5),
        (None, 0, 2),
    ],
)
def test_a_slice_is_cut_by_its_count_or_where_that_tells_nothing_by_twice_what_came(expected, delivered, pieces):
    assert pieces_for(expected, delivered) == pieces


def halved(window: Window, depth: int) -> list[Window]:
    """Return a window and all that come of it when it is halved so many times."""
    halves = evenly(window, 2) if depth and window.divisible else []
    return [window, *(one for half in halves for one in halved(half, depth - 1))]


@given(windows, st.data())
def test_what_is_left_of_a_window_that_was_halved_are_halves_again(window, data):
    nodes = halved(window, 5)
    done: list[Window] = []
    for one in data.draw(st.lists(st.sampled_from(nodes), max_size=12)):
        done += [] if any(one.meets(other) for other in done) else [one]
    left = list(halves_left(window, done))
    assert joins(window, sorted([*done, *left]))
    assert set(left) <= set(nodes)


def test_what_was_cut_in_other_ways_is_left_hole_by_hole():
    first, _, third = evenly(DAY, 3)
    assert list(halves_left(DAY, [Window(first.end, third.start)])) == [first, third]
