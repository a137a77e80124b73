"""What one session of Search-UnifiedAuditLog proves; each sentence of design 1.4 about it."""

from collections.abc import Iterable, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.sources.base import Finding, Kind
from collector.sources.session import CEILING, NEAR_CEILING, Seen, Session

SIZE = 100
CANCELLED = "A task was canceled."
MORE = (
    "There are more results available than are currently displayed. "
    "To view them, increase the value for the ResultSize parameter."
)
LIMIT = "The maximum results limitation reached. Narrow the search to see the other records."

Call = tuple[Sequence[Seen], Sequence[str]]


def row(index: int | None, count: int | None, *, identity: str | None = None, more: bool | None = None) -> Seen:
    return Seen((identity or f"id-{index}").encode(), index, count, more)


def rows(first: int, last: int, count: int | None, *, more: bool | None = None) -> list[Seen]:
    return [row(index, count, more=more) for index in range(first, last + 1)]


def judged(*calls: Sequence[Seen] | Call, size: int = SIZE, divisible: bool = False) -> Finding:
    """Hand calls to a session until it is over, as the source does."""
    session = Session(size, divisible=divisible)
    for call in calls:
        if session.over:
            break
        seen, warnings = call if isinstance(call, tuple) else (call, ())
        session.add(seen, warnings)
    return session.finding()


def test_rows_one_to_count_read_to_the_end_are_whole() -> None:
    assert judged(rows(1, 100, 150), rows(101, 150, 150), []) == Finding(Kind.WHOLE, None, 150)


def test_the_order_of_rows_and_pages_does_not_matter() -> None:
    assert judged(rows(101, 150, 150)[::-1], rows(1, 100, 150)[::-1], []).kind is Kind.WHOLE


def test_duplicates_across_pages_are_no_fault() -> None:
    assert judged(rows(1, 100, 150), rows(91, 150, 150), []).kind is Kind.WHOLE


def test_two_records_under_one_identity_are_no_fault() -> None:
    twins = [row(1, 2, identity="same"), row(2, 2, identity="same")]
    assert judged(twins, []).kind is Kind.WHOLE


def test_no_rows_at_all_are_an_empty_session() -> None:
    assert judged([]) == Finding(Kind.EMPTY, None, None)


def test_a_session_that_was_not_read_to_its_end_proves_nothing() -> None:
    assert judged(rows(1, 50, 50)).kind is Kind.FAILED


FAILURES: dict[str, tuple[list[Sequence[Seen] | Call], str]] = {
    "a hole": ([rows(1, 10, 20), rows(12, 20, 20), []], "hole-in-session"),
    "a hole at the start": ([rows(2, 20, 20), []], "hole-in-session"),
    "a hole that duplicates fill up": ([rows(1, 10, 20), rows(1, 10, 20), rows(12, 20, 20), []], "hole-in-session"),
    "an index of nought": ([rows(0, 20, 20), []], "hole-in-session"),
    "a session that stops short": ([rows(1, 19, 20), []], "short-session"),
    "the largest count is the one that holds": ([rows(1, 10, 30), rows(11, 20, 20), []], "short-session"),
    "indices that start again on each page": ([rows(1, 10, 20), rows(1, 10, 20), []], "short-session"),
    "counts without indices": ([[row(None, 20)], []], "short-session"),
    "-1 and 0": ([[row(-1, 0)]], "internal-time-out"),
    "-1 and 0 after good rows": ([rows(1, 10, 20), [row(-1, 0)]], "internal-time-out"),
    "-1 among good rows": ([[*rows(1, 10, 10), row(-1, 0)], []], "internal-time-out"),
    "-1 with a count": ([[*rows(1, 10, 10), row(-1, 10)], []], "internal-time-out"),
    "cancelled, and no rows": ([([], [CANCELLED])], "cancelled-task"),
    "cancelled, after all rows": ([rows(1, 20, 20), ([], [CANCELLED])], "cancelled-task"),
    "cancelled, with rows": ([(rows(1, 20, 20), ["The task has been cancelled"]), []], "cancelled-task"),
    "more by a warning": ([(rows(1, 20, 20), [MORE]), []], "more-available"),
    "more by the rows": ([rows(1, 20, 20, more=True), []], "more-available"),
    "more by one of the rows": ([[*rows(1, 19, 20), row(20, 20, more=True)], []], "more-available"),
    "more, and none came at once": ([([], [MORE])], "more-available"),
    "more said by the empty end": ([rows(1, 20, 20), ([], [MORE])], "more-available"),
    "pages that repeat": ([rows(1, 10, 20)] * 9, "paging-stands-still"),
    "rows without any index that repeat": ([[row(None, None)]] * 9, "paging-stands-still"),
}


@pytest.mark.parametrize(("calls", "reason"), FAILURES.values(), ids=FAILURES.keys())
@pytest.mark.tries("a session that is not whole, or says so")
def test_a_session_that_is_not_whole_says_why(calls: list[Sequence[Seen] | Call], reason: str) -> None:
    finding = judged(*calls)
    assert (finding.kind, finding.reason) == (Kind.FAILED, reason)


@pytest.mark.parametrize(
    "warning",
    [
        CANCELLED,
        "The operation was cancelled.",
        "The search timed out",
        "Search has been timed-out.",
        "A timeout occurred",
        "request time-out",
        "The time out was reached",
        "An error occurred while searching",
        "The request could not be completed",
        "The request couldn't be completed",
        "Please try again later",
        "Only partial results are shown",
        "The results are incomplete",
    ],
)
@pytest.mark.tries("a session that is not whole, or says so")
def test_a_search_that_failed_in_a_warning_is_never_an_empty_one(warning: str) -> None:
    assert judged(([], [warning])).kind is Kind.FAILED


@pytest.mark.parametrize(
    "warning", ["Parameter X is deprecated", "There are no more results", "No more records are available."]
)
def test_a_harmless_warning_makes_no_gap(warning: str) -> None:
    assert judged(([], [warning])).kind is Kind.EMPTY
    assert judged((rows(1, 20, 20), [warning]), ([], [warning])).kind is Kind.WHOLE


def test_more_that_came_is_no_more() -> None:
    assert judged(rows(1, 10, 20, more=True), rows(11, 20, 20, more=False), []).kind is Kind.WHOLE
    assert judged((rows(1, 10, 20), [MORE]), rows(11, 20, 20), []).kind is Kind.WHOLE
    assert judged(rows(1, 10, 20, more=True), rows(11, 20, 20), []).kind is Kind.WHOLE


@pytest.mark.parametrize("count", [CEILING, CEILING + 1, 10 * CEILING])
def test_a_count_at_the_ceiling_is_too_large_at_once(count: int) -> None:
    finding = judged(rows(1, 10, count), divisible=True)
    assert (finding.kind, finding.reason, finding.expected) == (Kind.TOO_LARGE, "over-ceiling", count)


def test_a_slice_is_cut_before_a_session_comes_near_the_ceiling() -> None:
    assert judged(rows(1, 10, NEAR_CEILING), divisible=True).kind is Kind.TOO_LARGE
    assert judged(rows(1, 10, NEAR_CEILING - 1), divisible=True).reason == "paging-stands-still"
    calls = [rows(first, first + 4999, 5000) for first in range(1, NEAR_CEILING, 5000)]
    assert judged(*calls, size=5000, divisible=True).kind is Kind.TOO_LARGE
    assert judged(*calls, [], size=5000).kind is Kind.UNCOUNTED


def test_all_that_a_second_delivers_is_taken_though_it_is_too_large() -> None:
    session = Session(SIZE, divisible=False)
    session.add(rows(1, 100, CEILING + 1), [LIMIT])
    assert not session.over
    session.add(rows(101, 200, CEILING + 1), ())
    session.add([], ())
    assert session.over
    assert session.finding().kind is Kind.TOO_LARGE


def test_rows_at_the_ceiling_are_too_large_whatever_the_count_says() -> None:
    calls = [rows(first, first + 4999, 5000) for first in range(1, CEILING, 5000)]
    assert judged(*calls, [], size=5000).kind is Kind.TOO_LARGE
    assert judged(*calls[:-1], rows(45_001, 49_999, 49_999), [], size=5000).kind is Kind.WHOLE


def test_a_warning_of_the_ceiling_is_too_large_whatever_the_numbers_say() -> None:
    assert judged((rows(1, 20, 20), [LIMIT]), []).kind is Kind.TOO_LARGE
    assert judged(([], [LIMIT])).kind is Kind.TOO_LARGE


@pytest.mark.parametrize("delivered", [1, 99, 100, 101, 250])
@pytest.mark.tries("a count that cannot be used")
def test_a_count_that_mirrors_the_size_asked_for_is_no_count(delivered: int) -> None:
    finding = judged(rows(1, delivered, SIZE), [])
    assert (finding.kind, finding.reason) == (Kind.UNCOUNTED, "count-unusable")


def test_a_count_below_the_rows_is_no_count() -> None:
    assert judged(rows(1, 50, 20), []).kind is Kind.UNCOUNTED


def test_rows_without_index_or_count_are_not_counted() -> None:
    assert judged([row(None, None, identity=f"{n}") for n in range(9)], []).kind is Kind.UNCOUNTED
    assert judged([row(n, None) for n in range(1, 9)], []).kind is Kind.UNCOUNTED
    assert judged([row(n, 0) for n in range(1, 9)], []).kind is Kind.UNCOUNTED


def test_a_mirrored_count_hides_no_hole() -> None:
    assert judged([*rows(1, 10, SIZE), *rows(12, 20, SIZE)], []).reason == "hole-in-session"


@pytest.mark.parametrize("told", [(rows(1, 10, NEAR_CEILING), ()), (rows(1, 10, 20), [LIMIT])])
def test_a_slice_that_can_be_cut_is_asked_no_further_once_it_is_too_large(told: Call) -> None:
    cut, whole = Session(SIZE, divisible=True), Session(SIZE, divisible=False)
    for session in (cut, whole):
        session.add(*told)
    assert cut.over
    assert not whole.over


@pytest.mark.parametrize("when", [0, 1])
def test_a_lost_answer_may_have_held_what_an_end_without_a_count_lacks(when: int) -> None:
    for page in ([], [row(None, None)], rows(1, 9, SIZE)):
        session = Session(SIZE, divisible=False)
        for number, call in enumerate((page, [])):
            session.add(call, (), lost=number == when)
        assert (session.finding().kind, session.finding().reason) == (Kind.FAILED, "answer-lost")


def test_a_count_tells_that_a_lost_answer_held_nothing_or_what_came_again() -> None:
    for delivered, kind, reason in ((20, Kind.WHOLE, None), (19, Kind.FAILED, "short-session")):
        session = Session(SIZE, divisible=False)
        session.add(rows(1, delivered, 20), (), lost=True)
        session.add([], ())
        assert (session.finding().kind, session.finding().reason) == (kind, reason)


SEEN = st.builds(
    Seen,
    st.sampled_from([b"%d" % n for n in range(12)]),
    st.none() | st.integers(-1, 12),
    st.none() | st.integers(0, 12) | st.just(CEILING),
    st.none() | st.booleans(),
)
CALLS = st.lists(
    st.tuples(st.lists(SEEN, max_size=8), st.lists(st.sampled_from([CANCELLED, MORE, LIMIT, "x"]), max_size=1)),
    max_size=8,
)
LIKELY = st.integers(1, 12).flatmap(
    lambda total: st.lists(st.integers(1, total), min_size=1, max_size=30).map(
        lambda picks: [
            ([row(pick, total) for pick in picks[:9]], ()),
            ([row(p, total) for p in picks[9:]], ()),
            ([], ()),
        ]
    )
)


@given(CALLS | LIKELY, st.sampled_from([3, 12, 5000]), st.booleans())
def test_whole_is_never_said_of_less(calls: Iterable[Call], size: int, divisible: bool) -> None:
    session, given_ = Session(size, divisible=divisible), list[Call]()
    for seen, warnings in calls:
        if session.over:
            break
        session.add(seen, warnings)
        given_.append((seen, warnings))
    delivered = [one for seen, _ in given_ for one in seen]
    finding = session.finding()
    if finding.kind is Kind.EMPTY:
        assert not delivered
        assert given_
    if finding.kind is not Kind.WHOLE:
        return
    count = max(one.result_count or 0 for one in delivered)
    assert {one.result_index for one in delivered} - {None} == set(range(1, count + 1))
    assert given_[-1][0] == []
    assert 0 < count < CEILING
    assert finding.expected == count
    assert count != size
    assert not any({CANCELLED, LIMIT} & set(warnings) for _, warnings in given_)


@given(st.integers(1, 12), st.data())
def test_a_session_is_whole_just_when_every_index_came(total: int, data: st.DataObject) -> None:
    pages = data.draw(st.lists(st.lists(st.integers(1, total), min_size=1, max_size=9, unique=True), max_size=4))
    session = Session(5000, divisible=False)
    for page in [*pages, []]:
        if not session.over:
            session.add([row(index, total) for index in page], ())
    came = {index for page in pages for index in page}
    assert (session.finding().kind is Kind.WHOLE) == (len(came) == total and not _stood_still(pages))


def _stood_still(pages: list[list[int]]) -> bool:
    """Whether two pages in a row bring nothing new."""
    new = [set(page) <= {index for before in pages[:at] for index in before} for at, page in enumerate(pages)]
    return any(new[at] and new[at + 1] for at in range(len(new) - 1))


@given(st.lists(SEEN, min_size=1, max_size=20))
def test_every_session_ends(page: list[Seen]) -> None:
    session = Session(SIZE, divisible=False)
    for calls in range(CEILING):
        if session.over:
            assert calls <= 3
            return
        session.add(page, ())
    raise AssertionError("never over")


def test_a_session_of_endless_new_rows_ends_at_the_ceiling() -> None:
    session, index = Session(SIZE, divisible=False), 0
    while not session.over:
        session.add(rows(index + 1, index + 1000, 1), ())
        index += 1000
    assert index == CEILING
    assert session.finding().kind is Kind.TOO_LARGE
