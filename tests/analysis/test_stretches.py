"""Stretches against the plain set of their hours."""

from hypothesis import given
from hypothesis import strategies as st

from collector.analysis.stretches import Stretches
from tests.analysis.feeds import Times, at, window

SPANS = st.lists(
    st.tuples(st.integers(0, 12), st.integers(1, 5)).map(lambda pair: (pair[0], pair[0] + pair[1])), max_size=6
)


def stretches(spans: list[Times]) -> Stretches:
    return Stretches(map(window, spans))


def hours(spans: list[Times]) -> set[int]:
    return {hour for first, after in spans for hour in range(int(first), int(after))}


@given(SPANS, st.integers(0, 18), st.integers(0, 6))
def test_a_time_is_held_where_each_of_its_hours_is(spans: list[Times], first: int, length: int) -> None:
    held = stretches(spans).hold(at(first).timestamp(), length * 3600)
    assert held == hours(spans).issuperset(range(first, first + max(length, 1)))


@given(SPANS)
def test_an_end_is_not_held(spans: list[Times]) -> None:
    for one in stretches(spans).windows:
        assert not stretches(spans).hold(one.end.timestamp())
        assert stretches(spans).hold(one.end.timestamp() - 1)


@given(SPANS, SPANS)
def test_common_time_lies_in_both(left: list[Times], right: list[Times]) -> None:
    common = stretches(left).common(stretches(right))
    shared = hours(left) & hours(right)
    assert {hour for hour in range(20) if common.hold(at(hour).timestamp())} == shared
    assert all(before.end <= after.start for before, after in zip(common.windows, common.windows[1:], strict=False))


@given(SPANS, SPANS)
def test_what_is_taken_away_is_gone_and_nothing_else(left: list[Times], right: list[Times]) -> None:
    rest = stretches(left).without(stretches(right))
    assert {hour for hour in range(20) if rest.hold(at(hour).timestamp())} == hours(left) - hours(right)
    assert all(before.end < after.start for before, after in zip(rest.windows, rest.windows[1:], strict=False))


@given(SPANS)
def test_nothing_is_left_without_itself(spans: list[Times]) -> None:
    assert stretches(spans).without(stretches(spans)).windows == ()
    assert stretches(spans).without(stretches([])).windows == stretches(spans).windows
