"""What to do next about a slice: design 1.4, sentence by sentence."""

from datetime import UTC, datetime, timedelta

import pytest

from collector.model import Status, Window
from collector.run.decide import Again, Asked, Settle, Situation, Split, decide
from collector.sources.base import Finding, Kind

START = datetime(2026, 11, 1, tzinfo=UTC)
DAY = Window(START, START + timedelta(days=1))
A, B, C = b"a", b"b", b"c"


def asked(
    kind: Kind, reason: str | None = None, *, got: set[bytes] | None = None, knew: set[bytes] | None = None, **more
):
    return Asked(Finding(kind, reason, **more), frozenset(got or set()), frozenset(knew or set()))


def situation(*history: Asked, **more) -> Situation:
    usual = {
        "spent": False,
        "divisible": True,
        "window": DAY,
        "horizon": START - timedelta(days=90),
        "page_sizes_left": 2,
    }
    return Situation(history=history, **{**usual, **more})


def test_a_whole_session_is_complete():
    assert decide(situation(asked(Kind.WHOLE, got={A}))) == Settle(Status.COMPLETE)


def test_a_whole_session_that_delivers_just_what_is_known_is_complete():
    history = asked(Kind.FAILED, "x", got={A, B}), asked(Kind.WHOLE, got={A, B}, knew={A, B})
    assert decide(situation(*history)) == Settle(Status.COMPLETE)


def test_a_whole_session_that_lacks_what_an_earlier_one_delivered_is_asked_again():
    step = decide(situation(asked(Kind.FAILED, "x", got={A, B}), asked(Kind.WHOLE, got={B}, knew={A, B})))
    assert isinstance(step, Again)


def test_a_whole_session_that_goes_on_lacking_is_a_gap_in_the_end():
    step = decide(situation(asked(Kind.WHOLE, got={B}, knew={A, B}), spent=True, divisible=False))
    assert step == Settle(Status.GAP, "lacks-earlier-rows")


def test_one_empty_answer_is_no_proof():
    assert decide(situation(asked(Kind.EMPTY))) == Again(wait=False)


def test_two_empty_answers_in_a_row_are():
    assert decide(situation(asked(Kind.EMPTY), asked(Kind.EMPTY))) == Settle(Status.EMPTY)


def test_empty_answers_with_a_failure_between_them_are_not_in_a_row():
    step = decide(situation(asked(Kind.EMPTY), asked(Kind.FAILED, "x"), asked(Kind.EMPTY)))
    assert step == Again(wait=False)


def test_empty_after_rows_came_is_a_failure():
    knew = {A}
    history = (asked(Kind.FAILED, "x", got=knew), asked(Kind.EMPTY, knew=knew), asked(Kind.EMPTY, knew=knew))
    assert decide(situation(*history, spent=True, divisible=False)) == Settle(Status.GAP, "lacks-earlier-rows")


def test_a_report_of_no_rows_is_empty_though_the_row_that_says_so_came_twice():
    history = (asked(Kind.EMPTY, got={A}), asked(Kind.EMPTY, got={A}, knew={A}))
    assert decide(situation(*history)) == Settle(Status.EMPTY)


def test_an_empty_slice_older_than_the_retention_proves_nothing():
    step = decide(situation(asked(Kind.EMPTY), asked(Kind.EMPTY), horizon=START + timedelta(days=1)))
    assert step == Settle(Status.GAP, "beyond-retention")


def test_an_unusable_count_needs_two_sessions_that_agree():
    first = asked(Kind.UNCOUNTED, "count-unusable", got={A, B})
    assert isinstance(decide(situation(first)), Again)
    second = asked(Kind.UNCOUNTED, "count-unusable", got={A, B}, knew={A, B})
    assert decide(situation(first, second)) == Settle(Status.COMPLETE, "count-unusable")


def test_uncounted_sessions_that_differ_do_not_agree():
    first = asked(Kind.UNCOUNTED, "count-unusable", got={A, B})
    second = asked(Kind.UNCOUNTED, "count-unusable", got={A, C}, knew={A, B})
    assert isinstance(decide(situation(first, second)), Again)


def test_an_uncounted_session_that_delivers_more_than_the_one_before_does_not_agree_with_it():
    first = asked(Kind.UNCOUNTED, "count-unusable", got={A})
    second = asked(Kind.UNCOUNTED, "count-unusable", got={A, B}, knew={A})
    assert isinstance(decide(situation(first, second)), Again)


def test_a_session_that_failed_agrees_with_nothing():
    failed = asked(Kind.FAILED, "short-session", got={A, B})
    uncounted = asked(Kind.UNCOUNTED, "count-unusable", got={A, B}, knew={A, B})
    assert isinstance(decide(situation(failed, uncounted)), Again)


def test_two_sessions_that_agree_on_less_than_is_known_do_not_count():
    first = asked(Kind.UNCOUNTED, "count-unusable", got={A}, knew={A, B})
    assert isinstance(decide(situation(first, first)), Again)


def test_a_slice_that_is_too_large_is_cut_by_its_count():
    large = asked(Kind.TOO_LARGE, "over-ceiling", expected=120_000, got={A, B})
    assert decide(situation(large)) == Split(6)


def test_a_second_that_is_too_large_is_a_gap():
    step = decide(situation(asked(Kind.TOO_LARGE, "over-ceiling"), divisible=False))
    assert step == Settle(Status.GAP, "over-ceiling")


def test_a_moment_that_fills_a_page_alone_is_cut_off_from_what_is_older():
    stuck = asked(Kind.TOO_LARGE, "paging-stands-still")
    end = START + timedelta(days=1)
    assert decide(situation(stuck)) == Split(at=end - timedelta(seconds=2), failing=True)
    assert decide(situation(stuck, window=Window(START, START + timedelta(seconds=2)))) == Split(2)


def test_an_answer_of_too_many_bytes_is_tried_with_smaller_pages_first():
    large = asked(Kind.TOO_LARGE, "answer-too-large")
    assert decide(situation(large)) == Again(smaller=True, wait=False)
    assert decide(situation(large, page_sizes_left=0)) == Split(2)


def test_a_failure_is_asked_again_then_with_smaller_pages_then_halved_then_a_gap():
    bad = asked(Kind.FAILED, "short-session")
    assert decide(situation(bad)) == Again(smaller=False)
    assert decide(situation(bad, bad)) == Again(smaller=True)
    assert decide(situation(bad, bad, spent=True)) == Split(failing=True)
    assert decide(situation(bad, spent=True, divisible=False)) == Settle(Status.GAP, "short-session")


def test_a_refusal_is_a_gap_at_once():
    assert decide(situation(asked(Kind.REFUSED, "forbidden", forbidden=True))) == Settle(Status.GAP, "forbidden")


def test_a_refusal_across_the_horizon_is_parted_just_inside_it():
    horizon = START + timedelta(hours=5)
    step = decide(situation(asked(Kind.REFUSED, "refused: 400"), horizon=horizon))
    assert step == Split(at=horizon + timedelta(minutes=1))


def test_a_slice_that_became_too_old_while_it_waited_is_narrowed_and_not_given_up():
    step = decide(situation(asked(Kind.REFUSED, "refused: 400"), horizon=START - timedelta(seconds=1)))
    assert step == Split(at=START + timedelta(seconds=59))


@pytest.mark.parametrize(
    ("horizon", "reason"), [(START, "refused: 400"), (START + timedelta(days=1), "beyond-retention")]
)
def test_a_slice_that_begins_or_ends_where_the_retention_does_is_not_parted_again(horizon, reason):
    step = decide(situation(asked(Kind.REFUSED, "refused: 400"), horizon=horizon - timedelta(minutes=1)))
    assert step == Settle(Status.GAP, reason)


def test_a_refusal_of_what_is_young_keeps_its_reason():
    step = decide(situation(asked(Kind.REFUSED, "refused: 400"), horizon=START - timedelta(hours=1)))
    assert step == Settle(Status.GAP, "refused: 400")


def test_a_refusal_of_what_is_too_old_says_so():
    step = decide(situation(asked(Kind.REFUSED, "refused: 400"), horizon=START + timedelta(days=2)))
    assert step == Settle(Status.GAP, "beyond-retention")


@pytest.mark.parametrize("kind", [Kind.WITHHELD, Kind.REFUSED])
def test_what_is_forbidden_or_given_on_another_road_only_is_a_gap_at_any_age(kind):
    edge = START + timedelta(hours=1)
    last = asked(kind, "said so", forbidden=kind is Kind.REFUSED)
    assert decide(situation(last, horizon=edge)) == Settle(Status.GAP, "said so")
    assert decide(situation(last, horizon=START + timedelta(days=9))) == Settle(Status.GAP, "said so")


def test_without_a_window_a_refusal_is_a_gap_and_emptiness_is_emptiness():
    refused = situation(asked(Kind.REFUSED, "refused: 400"), window=None, divisible=False)
    assert decide(refused) == Settle(Status.GAP, "refused: 400")
    empty = situation(asked(Kind.EMPTY), asked(Kind.EMPTY), window=None, divisible=False)
    assert decide(empty) == Settle(Status.EMPTY)
    large = situation(asked(Kind.TOO_LARGE, "more-available"), window=None, divisible=False)
    assert decide(large) == Settle(Status.GAP, "more-available")


def test_a_moment_that_fills_a_page_is_cut_off_as_long_as_there_is_anything_before_it():
    stuck = asked(Kind.TOO_LARGE, "paging-stands-still")
    three = Window(START, START + timedelta(seconds=3))
    assert decide(situation(stuck, window=three)) == Split(at=START + timedelta(seconds=1), failing=True)


def test_nothing_twice_where_something_must_be_is_a_gap():
    nothing = asked(Kind.EMPTY, "nothing-where-something-must-be")
    assert decide(situation(nothing, window=None)) == Again(wait=False)
    step = decide(situation(nothing, nothing, window=None))
    assert step == Settle(Status.GAP, "nothing-where-something-must-be")


def test_of_two_empty_answers_the_last_one_says_whether_there_must_be_something():
    nothing = asked(Kind.EMPTY, "nothing-where-something-must-be")
    failed, empty = asked(Kind.FAILED, "x"), asked(Kind.EMPTY)
    assert decide(situation(failed, empty, nothing)) == Settle(Status.GAP, "nothing-where-something-must-be")
    assert decide(situation(failed, nothing, empty)) == Settle(Status.EMPTY)
