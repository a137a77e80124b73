"""The table of faults tells what happened, above all where something went wrong."""

from collections import Counter

import pytest

from tests.tally import Sums, Tally


def test_a_lost_record_and_one_that_stands_twice_fail_the_test_and_stand_in_the_table() -> None:
    tally, sums = Tally(), Sums()
    tally.records("a kill", Counter("abc"), Counter("abc"), tried=3)
    with pytest.raises(AssertionError):
        tally.records("a kill", Counter("abbb"), Counter("abc"))
    sums.add("tests/test_kills.py", tally.noted, failed=True)
    assert [line.split() for line in sums.table()[1:]] == [
        ["a", "kill", "4", "1", "2", "1", "tests", "failed", "tests/test_kills.py"]
    ]


def test_what_several_tests_of_a_file_tried_is_one_row() -> None:
    sums = Sums()
    for noticed in (True, False, True):
        tally = Tally()
        tally("a flipped bit", noticed=noticed)
        sums.add("tests/a.py", tally.noted, failed=False)
    sums.add("tests/b.py", {"a flipped bit": {"times": 1}}, failed=False)
    table = sums.table()
    assert [line.split() for line in table[1:]] == [
        ["a", "flipped", "bit", "3", "-", "-", "2", "noticed", "tests/a.py"],
        ["a", "flipped", "bit", "1", "-", "-", "tests/b.py"],
    ]
    assert len({line.index("tests/") for line in table[1:]}) == 1


def test_nothing_tried_is_no_table() -> None:
    assert Sums().table() == []
