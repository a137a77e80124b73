"""Comparing by Id is arithmetic of sets, whatever stands how often and in which order."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from collector.analysis.compare import Expected, File, Side, Sighting, compare

LEFT, RIGHT = "left", "right"
FILE = File(Path("run"), "data/left/000001.jsonl")


def seen(identity: str, at: float | None = 0.0, expected: Expected = Expected.CERTAIN, line: int = 1) -> Sighting:
    return Sighting(identity, at, expected, FILE, line)


IDS = st.lists(st.sampled_from("abcdefgh"), max_size=20)


@given(IDS, IDS)
def test_each_id_counts_once(left: Sequence[str], right: Sequence[str]) -> None:
    found = compare(Side(LEFT, map(seen, left)), Side(RIGHT, map(seen, right)))
    ours, theirs = set(left), set(right)
    count = found.hours.get(0)
    assert (count.both if count else 0) == len(ours & theirs)
    assert {(one.source, one.sighting.id) for one in found.findings} == {
        *((LEFT, identity) for identity in ours - theirs),
        *((RIGHT, identity) for identity in theirs - ours),
    }
    assert (count.only if count else Counter()) == Counter(one.source for one in found.findings)
    assert (count.findings if count else 0) == len(found.findings)


def test_the_strongest_of_several_sightings_counts() -> None:
    weak, strong = seen("x", 10.0, Expected.LATE, 1), seen("x", 4000.0, Expected.CERTAIN, 2)
    outside = seen("x", None, Expected.OUTSIDE_TIME, 3)
    for order in ([weak, strong, outside], [outside, weak, strong], [strong, outside, weak]):
        for side, other in ((Side(LEFT, order), Side(RIGHT, [])), (Side(LEFT, []), Side(RIGHT, order))):
            found = compare(side, other)
            assert [one.sighting.line for one in found.findings] == [2]
            assert list(found.hours) == [1]
            assert not found.excluded


def test_what_stands_on_both_sides_is_compared_if_one_of_them_says_so() -> None:
    outside, certain = seen("x", None, Expected.OUTSIDE_TIME), seen("x", 7200.0)
    for left, right in ((outside, certain), (certain, outside)):
        found = compare(Side(LEFT, [left]), Side(RIGHT, [right, right]))
        assert (found.hours[2].both, found.findings, found.excluded) == (1, [], {})


def test_what_is_not_compared_is_counted_for_each_side_that_shows_it() -> None:
    found = compare(
        Side(LEFT, [seen("both", 0.0, Expected.NOT_ASKED), seen("late", 0.0, Expected.LATE)]),
        Side(RIGHT, [seen("both", 0.0, Expected.NOT_ASKED), seen("right", None, Expected.OUTSIDE_TIME)]),
    )
    assert found.excluded == {
        (LEFT, Expected.NOT_ASKED): 1,
        (RIGHT, Expected.NOT_ASKED): 1,
        (RIGHT, Expected.OUTSIDE_TIME): 1,
    }
    assert (found.hours[0].only, found.hours[0].findings, found.findings) == ({LEFT: 1}, 0, [])


def test_findings_come_in_order_of_time() -> None:
    found = compare(Side(LEFT, [seen("b", 9.0), seen("d", 2.0)]), Side(RIGHT, [seen("c", 2.0), seen("a", 2.0)]))
    assert [one.sighting.id for one in found.findings] == ["d", "a", "c", "b"]
