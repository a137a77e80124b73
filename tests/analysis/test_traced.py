"""What a message trace reaches of a mailbox: nothing is called absent that was not looked for whole."""

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from collector.analysis.traced import NOT_FOUND, OUT_OF_REACH, Reach, reach
from collector.evidence import SliceCoverage
from collector.model import Axis, Status
from tests.analysis.feeds import ADELE, LEE, Times, at

NAMES = (ADELE,)
OLD_NAME = "old-name@contoso.example.org"
NOT_TRACED = Reach(OUT_OF_REACH, "no message trace of the mailbox was collected")


def traced(
    first: float,
    after: float,
    part: str | None = None,
    status: Status = Status.COMPLETE,
    settled: bool | None = True,
) -> SliceCoverage:
    return SliceCoverage("message-trace", part, Axis.EVENT, at(first), at(after), status, settled=settled)


def both_sides(first: float, after: float, name: str = ADELE, status: Status = Status.COMPLETE) -> list[SliceCoverage]:
    return [traced(first, after, f"{side}:{name}", status) for side in ("sender", "recipient")]


def of(*slices: SliceCoverage, names: tuple[str, ...] = NAMES) -> Reach:
    return reach(slices, names)


def test_without_a_trace_all_is_out_of_reach() -> None:
    assert of() == NOT_TRACED
    assert of(traced(0, 24, "message-ids:1")) == NOT_TRACED


def test_a_trace_of_the_tenant_reaches_every_mailbox_and_the_reason_names_its_range() -> None:
    expected = Reach(
        NOT_FOUND, "not in the message trace, which is whole from 2026-11-10T00:00:00Z to 2026-11-11T00:00:00Z"
    )
    assert of(traced(0, 24)) == of(traced(0, 12), traced(12, 24)) == expected
    assert of(traced(0, 24), names=()) == expected


def test_an_empty_slice_was_looked_into() -> None:
    assert of(traced(0, 12), traced(12, 24, status=Status.EMPTY)).trace == NOT_FOUND


def test_stretches_apart_are_both_named() -> None:
    assert of(traced(0, 1), traced(5, 6)).reason.endswith(
        "whole from 2026-11-10T00:00:00Z to 2026-11-10T01:00:00Z, and from 2026-11-10T05:00:00Z to 2026-11-10T06:00:00Z"
    )


def test_a_gap_puts_it_out_of_reach_and_is_named() -> None:
    found = of(traced(0, 12), traced(12, 13, status=Status.GAP), traced(13, 24))
    assert found == Reach(OUT_OF_REACH, "the message trace has gaps: from 2026-11-10T12:00:00Z to 2026-11-10T13:00:00Z")


def test_a_gap_that_another_run_covers_is_none() -> None:
    first = [traced(0, 12), traced(12, 14, status=Status.GAP), traced(14, 24)]
    assert of(*first, traced(12, 14)).trace == NOT_FOUND
    assert of(*first, traced(11, 15)).trace == NOT_FOUND
    assert of(*first, traced(12, 13)).reason == (
        "the message trace has gaps: from 2026-11-10T13:00:00Z to 2026-11-10T14:00:00Z"
    )


def test_a_mailbox_is_traced_where_both_sides_of_it_are() -> None:
    sender, recipient = both_sides(0, 24)
    assert of(sender, recipient).trace == NOT_FOUND
    assert of(sender) == of(recipient) == NOT_TRACED


def test_a_trace_of_another_mailbox_says_nothing() -> None:
    assert of(*both_sides(0, 24, LEE)) == NOT_TRACED
    assert of(*both_sides(0, 24), *both_sides(0, 24, LEE, Status.GAP)).trace == NOT_FOUND


def test_a_mailbox_is_known_by_its_name_in_any_letters() -> None:
    assert of(*both_sides(0, 24, ADELE.upper())).trace == NOT_FOUND


def test_a_renamed_mailbox_is_traced_where_it_was_under_each_of_its_names() -> None:
    old, new = both_sides(0, 24, OLD_NAME), both_sides(12, 48)
    names = (*NAMES, OLD_NAME)
    assert of(*new, names=names) == Reach(OUT_OF_REACH, "the mailbox bore 2 names, and was traced under 1 of them")
    assert of(*old, *new, names=names).reason.endswith("from 2026-11-10T12:00:00Z to 2026-11-11T00:00:00Z")
    assert of(*new, traced(0, 24), names=names).trace == NOT_FOUND


def test_what_was_asked_too_soon_is_whole_and_the_doubt_is_said() -> None:
    found = of(traced(0, 12), traced(12, 24, settled=False))
    assert found == Reach(
        NOT_FOUND,
        "not in the message trace, which is whole from 2026-11-10T00:00:00Z to 2026-11-11T00:00:00Z; asked too soon to "
        "be sure, for rows come late: from 2026-11-10T12:00:00Z to 2026-11-11T00:00:00Z",
    )
    assert "too soon" not in of(traced(0, 24, settled=False), traced(0, 24)).reason


BATCH = "message-ids:1"


def by_id(*slices: SliceCoverage, others: Sequence[SliceCoverage] = ()) -> Reach:
    return reach(others, NAMES, slices)


def test_a_message_that_was_asked_for_by_its_id_is_looked_for_whatever_mailbox_it_is_of() -> None:
    assert by_id(traced(0, 24, BATCH)) == of(traced(0, 24))
    assert by_id(traced(0, 12, BATCH), traced(12, 24, BATCH, Status.EMPTY)).trace == NOT_FOUND


def test_a_gap_of_what_asked_for_a_message_counts_until_a_trace_covers_it() -> None:
    slices = [traced(0, 12, BATCH), traced(12, 24, BATCH, Status.GAP)]
    assert by_id(*slices).trace == OUT_OF_REACH
    assert by_id(*slices, others=both_sides(12, 24)).trace == NOT_FOUND
    assert by_id(*slices, traced(6, 24, BATCH)).trace == NOT_FOUND


def test_a_gap_of_the_mailbox_does_not_count_for_a_message_that_was_asked_for_then() -> None:
    gap = both_sides(0, 24, status=Status.GAP)
    assert by_id(traced(0, 24, BATCH), others=gap).trace == NOT_FOUND
    assert by_id(traced(0, 12, BATCH), others=gap).trace == OUT_OF_REACH


def test_a_gap_of_one_side_counts() -> None:
    sender, recipient = both_sides(0, 24)
    found = of(sender, traced(0, 12, recipient.part), traced(12, 24, recipient.part, Status.GAP))
    assert (found.trace, "T12:00:00Z to 2026-11-11" in found.reason) == (OUT_OF_REACH, True)


def test_a_gap_of_one_side_is_not_covered_by_the_other() -> None:
    sender, recipient = both_sides(0, 24)
    found = of(sender, traced(0, 24, recipient.part, Status.GAP))
    assert found.trace == OUT_OF_REACH


def test_a_gap_of_a_mailbox_is_covered_by_a_trace_of_the_tenant() -> None:
    assert of(*both_sides(0, 24, status=Status.GAP), traced(0, 24)).trace == NOT_FOUND


def test_a_gap_of_the_tenant_is_covered_for_a_mailbox_that_was_traced_by_itself() -> None:
    slices = [traced(0, 24, status=Status.GAP), *both_sides(0, 24)]
    assert of(*slices).trace == NOT_FOUND
    assert reach(slices, [LEE]).trace == OUT_OF_REACH


def test_sides_that_were_traced_at_other_times_have_nothing_whole_in_common() -> None:
    sender, recipient = both_sides(0, 24)[0], both_sides(24, 48)[1]
    assert of(sender, recipient).trace == OUT_OF_REACH


def test_times_between_those_of_two_runs_are_said_by_the_range() -> None:
    found = of(traced(0, 24), traced(48, 72))
    assert (found.trace, found.reason.count("from ")) == (NOT_FOUND, 2)


SPANS = st.lists(st.tuples(st.integers(0, 20), st.integers(1, 6), st.booleans()), min_size=1, max_size=6)


@given(SPANS)
def test_it_is_not_found_only_where_every_gap_was_covered(spans: list[tuple[int, int, bool]]) -> None:
    slices = [
        traced(first, first + length, status=Status.GAP if gap else Status.COMPLETE) for first, length, gap in spans
    ]

    def hours(wanted: bool) -> set[int]:
        times: list[Times] = [(first, first + length) for first, length, gap in spans if gap is wanted]
        return {hour for first, after in times for hour in range(int(first), int(after))}

    assert (of(*slices).trace == NOT_FOUND) is (hours(wanted=True) <= hours(wanted=False))
