"""Thousands of parts on a screen: one row for those that are alike, and none left out that differs."""

from typing import NamedTuple

from collector.cli.alike import PARTS_SHOWN, rows_of


class One(NamedTuple):
    part: str | None
    reason: str


def shown(*parts: One) -> list[tuple[str | None, int]]:
    return [(name, len(alike)) for name, alike in rows_of(parts, lambda one: one.reason)]


def many(count: int, reason: str) -> list[One]:
    return [One(f"{reason}-{number}", reason) for number in range(count)]


def test_a_few_parts_are_named_one_by_one_in_their_order() -> None:
    few = [*many(PARTS_SHOWN - 1, "a"), One(None, "b"), One("last", "a")]
    assert shown(*few) == [(one.part, 1) for one in few]


def test_many_that_are_alike_are_one_row_where_the_first_of_them_stands() -> None:
    crowd = many(PARTS_SHOWN + 1, "a")
    other = One("other", "b")
    assert shown(crowd[0], other, *crowd[1:]) == [(f"{len(crowd)} parts, the first: a-0", len(crowd)), ("other", 1)]


def test_a_gap_among_many_parts_that_are_whole_stands_by_itself() -> None:
    rows = shown(*many(2000, "whole"), One("lost", "forbidden"), *many(1500, "empty"))
    assert rows == [("2,000 parts, the first: whole-0", 2000), ("lost", 1), ("1,500 parts, the first: empty-0", 1500)]
