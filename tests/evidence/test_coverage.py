"""Coverage says what is whole and what is not, without hole or overlap, whatever was committed."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import pairwise

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from collector.evidence import Commit, Coverage, cover, encode, remaining
from collector.evidence.journal import LogMark
from collector.model import Axis, Plan, SourcePlan, Status, Window
from tests.evidence.engagement import ADELE, ASKED, HOUR, LEE, LOG, PLAN, SETTINGS, START, TRACE, hour

DAY = SourcePlan(LOG, Axis.EVENT, Window(START, START + 24 * HOUR), (None,), {})
LINES = SourcePlan(SETTINGS, Axis.EVENT, None, (None,), {})


def plan(*sources: SourcePlan) -> Plan:
    return Plan("contoso-2026-11", "contoso.example.org", ASKED, sources)


def committed(
    source: str = LOG,
    part: str | None = None,
    window: Window | None = None,
    *,
    status: Status = Status.COMPLETE,
    reason: str | None = None,
    settled: bool | None = True,
    expected: int | None = 3,
    asked_at: datetime = ASKED,
    recheck: bool = False,
    records: int = 2,
) -> Commit:
    return Commit(
        at=ASKED,
        source=source,
        part=part,
        axis=Axis.EVENT,
        start=window.start if window else None,
        end=window.end if window else None,
        status=status,
        records=records,
        duplicates=1,
        variants=0,
        outside=0,
        expected=expected,
        attempts=2,
        reason=reason,
        asked_at=asked_at,
        settled=settled,
        chunks=(),
        unread=(),
        requests=(),
        requests_log=LogMark(0, ""),
        recheck=recheck,
    )


def hours(first: int, after: int) -> Window:
    return Window(START + first * HOUR, START + after * HOUR)


def told(coverage: Coverage) -> list[tuple[str, str | None]]:
    return [(slice_.status, slice_.reason) for slice_ in coverage.slices]


def test_an_open_run_shows_what_is_not_collected() -> None:
    found = cover(plan(DAY), [committed(window=hours(2, 4))])
    assert told(found) == [("gap", "not-collected"), ("complete", None), ("gap", "not-collected")]
    assert not found.complete
    assert found.settled_until is None


def test_the_keys_are_the_contract() -> None:
    (slice_,) = msgspec.json.decode(encode(cover(plan(LINES), [committed(SETTINGS, settled=None)])))["slices"]
    assert slice_ == {
        "source": SETTINGS,
        "part": None,
        "axis": "event",
        "start": None,
        "end": None,
        "status": "complete",
        "records": 2,
        "duplicates": 1,
        "expected": 3,
        "attempts": 2,
        "reason": None,
        "asked_at": "2026-11-04T00:00:00Z",
        "settled": None,
    }
    assert set(msgspec.json.decode(encode(cover(plan(), [])))) == {"complete", "settled_until", "slices", "rechecks"}


def test_gaps_in_a_row_with_one_reason_are_one() -> None:
    gaps = [
        committed(window=hours(0, 8), status=Status.GAP, reason="timeout", asked_at=ASKED + HOUR),
        committed(window=hours(8, 12), status=Status.GAP, reason="timeout", settled=False),
        committed(window=hours(12, 16), status=Status.GAP, reason="forbidden"),
        committed(window=hours(16, 24), status=Status.GAP, reason="forbidden", expected=None),
    ]
    found = cover(plan(DAY), gaps)
    assert told(found) == [("gap", "timeout"), ("gap", "forbidden")]
    timeout, forbidden = found.slices
    assert (timeout.start, timeout.end, timeout.records, timeout.expected) == (START, START + 12 * HOUR, 4, 6)
    assert (timeout.attempts, timeout.asked_at, timeout.settled) == (4, ASKED, False)
    assert forbidden.expected is None


def test_a_gap_between_whole_slices_is_not_lost() -> None:
    middle = committed(window=hours(8, 16), status=Status.GAP, reason="timeout")
    found = cover(plan(DAY), [committed(window=hours(0, 8)), middle, committed(window=hours(16, 24))])
    assert [slice_.status for slice_ in found.slices] == ["complete", "gap", "complete"]
    assert not found.complete


def test_empty_is_complete_and_unsettled_is_complete() -> None:
    found = cover(plan(DAY), [committed(window=hours(0, 24), status=Status.EMPTY, settled=False)])
    assert found.complete
    assert found.settled_until is None


def test_settled_until_is_where_the_first_source_stops_being_so() -> None:
    other = SourcePlan(TRACE, Axis.EVENT, DAY.window, (None,), {})
    commits = [
        committed(window=hours(0, 20)),
        committed(window=hours(20, 24), settled=False),
        committed(TRACE, window=hours(0, 8)),
        committed(TRACE, window=hours(8, 16)),
        committed(TRACE, window=hours(16, 24), settled=False),
    ]
    assert cover(plan(DAY, other, LINES), commits).settled_until == START + 16 * HOUR


def test_one_part_that_is_not_begun_leaves_nothing_settled() -> None:
    parts = SourcePlan(TRACE, Axis.EVENT, DAY.window, (ADELE, LEE), {})
    assert cover(plan(parts), [committed(TRACE, ADELE, hours(0, 24))]).settled_until is None


def test_a_slice_that_does_not_follow_the_settled_ones_does_not_count() -> None:
    commits = [committed(window=hours(0, 4)), committed(window=hours(8, 24))]
    assert cover(plan(DAY), commits).settled_until == START + 4 * HOUR


def test_two_commits_of_one_time_do_not_overlap() -> None:
    found = cover(plan(DAY), [committed(window=hours(0, 16)), committed(window=hours(8, 24))])
    assert [(slice_.start, slice_.end) for slice_ in found.slices] == [
        (START, START + 16 * HOUR),
        (START + 16 * HOUR, START + 24 * HOUR),
    ]


def test_what_remains_of_each_part() -> None:
    log, trace, settings = PLAN.sources
    commits = [committed(window=hour(1)), committed(TRACE, ADELE, hour(0))]
    assert remaining(log, commits) == {None: (hour(0), hour(2))}
    assert remaining(trace, commits) == {ADELE: (), LEE: (hour(0),)}
    assert remaining(settings, commits) == {None: (None,)}
    assert remaining(settings, [committed(SETTINGS)]) == {None: ()}
    assert remaining(msgspec.structs.replace(settings, parts=()), []) == {}


def spans(coverage: Coverage) -> list[tuple[str, str | None, float, float]]:
    """Return each slice's status and reason, and its ends as hours."""
    ends = [((one.start - START) / HOUR, (one.end - START) / HOUR) for one in coverage.slices if one.start and one.end]
    return [(one.status, one.reason, *end) for one, end in zip(coverage.slices, ends, strict=True)]


LOST = committed(window=hours(6, 12), status=Status.GAP, reason="timeout", expected=5, settled=False)
ROUND = [committed(window=hours(0, 6)), LOST, committed(window=hours(12, 24))]


def test_a_gap_that_a_look_back_fills_is_whole_and_says_why() -> None:
    again = committed(window=hours(4, 14), recheck=True, records=3, asked_at=ASKED + HOUR)
    found = cover(plan(DAY), [*ROUND, again])
    assert spans(found)[1] == ("complete", "rechecked", 6, 12)
    assert found.complete
    filled = found.slices[1]
    assert (filled.records, filled.duplicates, filled.expected, filled.attempts) == (2, 1, 5, 4)
    assert (filled.asked_at, filled.settled) == (ASKED + HOUR, True)
    (recheck,) = found.rechecks
    assert recheck.start
    assert recheck.end
    assert (Window(recheck.start, recheck.end), recheck.records, recheck.late) == (hours(4, 14), 3, 3)


def test_what_a_look_back_did_not_reach_stays_a_gap() -> None:
    found = cover(plan(DAY), [*ROUND, committed(window=hours(8, 10), recheck=True, records=0, status=Status.EMPTY)])
    assert spans(found)[1:4] == [
        ("gap", "timeout", 6, 8),
        ("empty", "rechecked", 8, 10),
        ("gap", "timeout", 10, 12),
    ]
    assert not found.complete
    assert sum(one.records for one in found.slices) == sum(one.records for one in ROUND)
    assert sum(one.duplicates for one in found.slices) == sum(one.duplicates for one in ROUND)


def test_a_gap_whose_rows_were_kept_is_not_called_empty_when_the_look_back_finds_no_more() -> None:
    again = committed(window=hours(6, 12), recheck=True, records=0, status=Status.EMPTY)
    assert spans(cover(plan(DAY), [*ROUND, again]))[1] == ("complete", "rechecked", 6, 12)


def test_of_look_backs_that_overlap_the_last_one_counts() -> None:
    first = committed(window=hours(6, 12), recheck=True, settled=False)
    second = committed(window=hours(6, 9), recheck=True, settled=True, asked_at=ASKED + HOUR)
    for order in ([first, second], [second, first]):
        found = cover(plan(DAY), [*ROUND, *order])
        assert [(one.settled, one.asked_at) for one in found.slices[1:3]] == [(True, ASKED + HOUR), (False, ASKED)]


def test_a_look_back_that_fails_takes_nothing_away_and_fills_nothing() -> None:
    failed = committed(window=hours(0, 24), recheck=True, status=Status.GAP, reason="timeout")
    with_it, without = cover(plan(DAY), [*ROUND, failed]), cover(plan(DAY), ROUND)
    assert with_it.slices == without.slices
    assert [one.status for one in with_it.rechecks] == ["gap"]


def test_a_look_back_does_not_stand_for_what_was_not_collected() -> None:
    found = cover(plan(DAY), [committed(window=hours(0, 6)), committed(window=hours(0, 24), recheck=True)])
    assert spans(found)[1] == ("gap", "not-collected", 6, 24)
    assert remaining(DAY, [committed(window=hours(0, 24), recheck=True)])[None] == (hours(0, 24),)


def test_a_slice_is_settled_when_settled_look_backs_cover_all_of_it() -> None:
    fresh = [committed(window=hours(0, 12), settled=False), committed(window=hours(12, 24), settled=False)]
    half = committed(window=hours(0, 8), recheck=True)
    rest = committed(window=hours(8, 12), recheck=True, status=Status.EMPTY, records=0)
    assert [one.settled for one in cover(plan(DAY), [*fresh, half]).slices] == [False, False]
    assert [one.settled for one in cover(plan(DAY), [*fresh, half, rest]).slices] == [True, False]
    assert cover(plan(DAY), [*fresh, half, rest]).settled_until == START + 12 * HOUR
    early = committed(window=hours(8, 12), recheck=True, settled=False)
    assert [one.settled for one in cover(plan(DAY), [*fresh, half, early]).slices] == [False, False]


def test_a_look_back_behind_the_run_is_told_and_covers_nothing_of_it() -> None:
    found = cover(plan(DAY), [committed(window=hours(0, 24)), committed(window=hours(-24, 0), recheck=True)])
    assert spans(found) == [("complete", None, 0, 24)]
    assert [(one.start, one.late) for one in found.rechecks] == [(START - 24 * HOUR, 2)]


def test_a_run_that_is_closed_early_covers_no_more_than_that() -> None:
    found = cover(plan(DAY), [committed(window=hours(0, 12))], START + 6 * HOUR)
    assert spans(found) == [("complete", None, 0, 6)]
    assert found.complete


MINUTES = st.integers(-60, 26 * 60)
WINDOWS = st.tuples(MINUTES, MINUTES).filter(lambda pair: pair[0] < pair[1])
COMMITS = st.lists(
    st.builds(
        lambda pair, status, reason, settled, recheck: committed(
            window=Window(START + timedelta(minutes=pair[0]), START + timedelta(minutes=pair[1])),
            status=status,
            reason=reason if status is Status.GAP else None,
            settled=settled,
            recheck=recheck,
        ),
        WINDOWS,
        st.sampled_from(Status),
        st.sampled_from(["timeout", "forbidden"]),
        st.booleans(),
        st.booleans(),
    ),
    max_size=8,
)


@given(COMMITS)
def test_slices_join_without_hole_or_overlap(commits: Sequence[Commit]) -> None:
    assert DAY.window
    found = cover(plan(DAY), commits)
    assert found.slices[0].start == DAY.window.start
    assert found.slices[-1].end == DAY.window.end
    assert all(first.end == second.start for first, second in pairwise(found.slices))
    assert all(slice_.start < slice_.end for slice_ in found.slices if slice_.start and slice_.end)
    assert found.complete == all(slice_.status != "gap" for slice_ in found.slices)
    missing = [slice_ for slice_ in found.slices if slice_.reason == "not-collected"]
    assert [(slice_.start, slice_.end) for slice_ in missing] == [
        (window.start, window.end) for window in remaining(DAY, commits)[None] if window
    ]


@given(COMMITS)
def test_look_backs_never_take_anything_away(commits: Sequence[Commit]) -> None:
    found = cover(plan(DAY), commits)
    before = cover(plan(DAY), [commit for commit in commits if not commit.recheck])
    for attribute in ("records", "duplicates"):
        assert sum(getattr(one, attribute) for one in found.slices) == sum(
            getattr(one, attribute) for one in before.slices
        )
    assert found.complete or not before.complete
    if before.settled_until:
        assert found.settled_until
        assert found.settled_until >= before.settled_until
