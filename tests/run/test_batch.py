"""What the time of a batch is worth, blob by blob."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from collector.model import Blob, Status, Window
from collector.run.batch import Got, dealt, lost, pieces, second_of, unread, verdict
from collector.sources.management_activity import Listed

START = datetime(2026, 11, 20, tzinfo=UTC)
SECOND = timedelta(seconds=1)
MINUTE = Window(START, START + 60 * SECOND)


def at(second: float) -> datetime:
    return START + second * SECOND


def listed(second: float | None, name: str = "a") -> Listed:
    return Listed(name, f"https://manage.contoso.example.org/{name}", None if second is None else at(second), None)


def got(second: int, outcome: str = "fetched", name: str = "a", body: bytes | None = None) -> Got:
    return Got(Blob(name, "", at(second), None, outcome, START), at(second), body)


def cut(*members: Got, window: Window = MINUTE) -> list[tuple[float, float, int]]:
    """Return each piece as its first and last second and its blobs."""
    parts = pieces(window, members)
    return [((w.start - START) / SECOND, (w.end - START) / SECOND, len(blobs)) for w, blobs in parts]


def test_blobs_that_were_all_got_leave_the_window_in_one_piece():
    assert cut(got(1), got(1), got(30), got(59)) == [(0, 60, 4)]
    assert cut() == [(0, 60, 0)]


def test_a_lost_blob_takes_its_second_and_no_more():
    assert cut(got(3), got(10, "blob-gone"), got(20)) == [(0, 10, 1), (10, 11, 1), (11, 60, 1)]


def test_a_lost_blob_takes_those_that_share_its_second():
    assert cut(got(10), got(10, "blob-gone"), got(10), got(11)) == [(0, 10, 0), (10, 11, 3), (11, 60, 1)]


def test_lost_blobs_that_follow_each_other_share_a_piece():
    lost_ones = (got(10, "blob-gone"), got(11, "blob-gone"), got(40, "blob-expired"))
    assert cut(got(3), *lost_ones, got(41)) == [(0, 10, 1), (10, 41, 3), (41, 60, 1)]


def test_lost_blobs_at_the_ends_leave_no_empty_piece():
    assert cut(got(0, "blob-gone"), got(5), got(59, "blob-gone")) == [(0, 1, 1), (1, 59, 1), (59, 60, 1)]
    assert cut(got(0, "blob-gone"), window=Window(START, at(1))) == [(0, 1, 1)]


SECONDS = st.lists(st.tuples(st.integers(0, 59), st.sampled_from(["fetched", "fetched", "blob-gone"])), max_size=12)


@given(SECONDS)
def test_pieces_join_hold_each_blob_once_and_a_fetched_one_with_no_lost_one_beside_it_is_in_no_gap(drawn):
    members = [got(second, outcome) for second, outcome in sorted(drawn)]
    parts = list(pieces(MINUTE, members))
    assert [one for _, blobs in parts for one in blobs] == members
    windows = [window for window, _ in parts]
    assert (windows[0].start, windows[-1].end) == (MINUTE.start, MINUTE.end)
    assert all(before.end == after.start for before, after in pairwise(windows))
    assert all(window.start <= one.at < window.end for window, blobs in parts for one in blobs)
    lost_seconds = {second for second, outcome in drawn if outcome != "fetched"}
    for window, blobs in parts:
        if verdict(blobs).status is Status.GAP:
            assert {int((one.at - START) / SECOND) for one in blobs} <= lost_seconds
            assert window.end - blobs[-1].at == SECOND


@given(st.lists(st.integers(0, 59), max_size=500), st.integers(1, 60))
def test_what_is_dealt_joins_and_never_parts_a_second(seconds, length):
    window = Window(START, at(length))
    blobs = [listed(second) for second in sorted(seconds) if second < length]
    hands = list(dealt(window, blobs))
    assert [one for _, batch in hands for one in batch] == blobs
    assert (hands[0][0].start, hands[-1][0].end) == (window.start, window.end)
    assert all(before.end == after.start for (before, _), (after, _) in pairwise(hands))
    assert all(own.start <= second_of(one, own) < own.end for own, batch in hands for one in batch)
    assert all(one.created >= own.start for own, batch in hands for one in batch)


def sizes(blobs: Sequence[Listed], window: Window) -> list[int]:
    return [len(batch) for _, batch in dealt(window, blobs)]


def test_there_is_a_batch_for_each_thread_and_none_is_longer_than_two_hundred():
    hour = Window(START, at(3600))
    assert sizes([listed(n) for n in range(16)], hour) == [2] * 8
    assert sizes([listed(n) for n in range(5)], hour) == [1] * 5
    assert sizes([listed(n) for n in range(3_000)], hour) == [200] * 15
    assert sizes([listed(7)] * 300, hour) == [300]


def test_a_blob_stands_at_its_second_or_at_the_nearest_end():
    assert second_of(listed(7.9), MINUTE) == at(7)
    assert second_of(listed(None), MINUTE) == START
    assert second_of(listed(-5), MINUTE) == START
    assert second_of(listed(60), MINUTE) == second_of(listed(9_999), MINUTE) == at(59)


def test_what_became_of_a_lost_blob_is_one_word_and_its_detail_the_reason():
    told = got(1).blob
    words = {
        "blob-gone": "blob-gone",
        "not-found": "blob-gone",
        "blob-expired": "blob-expired",
        "forbidden": "forbidden",
        "server-error": "blob-unreadable",
        "foreign-host": "blob-unreadable",
    }
    assert {reason: lost(told, reason).outcome for reason in words} == words
    assert {lost(told, reason).detail for reason in words} == set(words)


def test_a_gap_says_what_became_of_its_blobs_and_names_three():
    assert verdict([got(1), got(2)]).status is Status.COMPLETE
    assert verdict([]).status is Status.COMPLETE
    lost_ones = [got(n, word, f"b{n}") for n, word in enumerate(("blob-gone", "blob-expired", "blob-gone"))]
    settle = verdict([got(0), *lost_ones])
    assert (settle.status, settle.reason) == (Status.GAP, "blob-expired+blob-gone: b0, b1, b2")
    more = [got(9, "blob-gone", "b9"), got(9, "forbidden", "x" * 500)]
    assert verdict([*lost_ones, *more]).reason == "forbidden+blob-expired+blob-gone: b0, b1, b2 and 2 more"
    assert verdict(more[1:]).reason == f"forbidden: {'x' * 200}"


def test_answers_that_no_reader_could_cut_are_handed_on():
    assert unread([got(1), got(2, "blob-unreadable", body=b""), got(3, "blob-unreadable", body=b"<")]) == [b"", b"<"]
