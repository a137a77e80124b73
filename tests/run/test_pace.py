"""What is learnt from slices that failed and slices that went well, for the slices to come."""

from datetime import timedelta

from collector.model import Status
from collector.run.decide import Again, Settle, Split
from collector.run.pace import Pace

DAY = timedelta(days=1)
FAILED = Split(failing=True)


def paced(*learnt):
    pace = Pace()
    for length, step in learnt:
        pace.learn(length, step)
    return pace


def test_while_nothing_has_failed_every_slice_is_asked_for_as_it_is():
    assert paced().pieces(7 * DAY) == 1
    assert paced((DAY, Settle(Status.COMPLETE))).pieces(7 * DAY) == 1


def test_a_length_that_times_out_is_not_tried_again_once_a_shorter_one_has_gone_well():
    pace = paced((7 * DAY, FAILED), (3.5 * DAY, FAILED), (1.75 * DAY, Settle(Status.EMPTY)))
    assert [pace.pieces(days * DAY) for days in (7, 3.5, 1.75, 1)] == [4, 2, 1, 1]


def test_while_everything_fails_nothing_is_known_of_any_length():
    assert paced((7 * DAY, FAILED), (3.5 * DAY, FAILED)).pieces(7 * DAY) == 1


def test_a_poisonous_second_in_one_week_does_not_cut_the_others():
    halves = [(7 * DAY / 2**n, FAILED) for n in range(19)]
    assert paced(*halves, (7 * DAY, Settle(Status.COMPLETE))).pieces(7 * DAY) == 1


def test_only_failures_that_were_halved_and_slices_that_were_kept_count():
    others = [(DAY, Again()), (DAY, Split(6)), (DAY, Split(at=None)), (DAY, Settle(Status.GAP, "server-error"))]
    assert paced(*others, (timedelta(hours=1), Settle(Status.COMPLETE))).pieces(7 * DAY) == 1
    assert paced((7 * DAY, FAILED), *others).pieces(7 * DAY) == 1


def test_a_slice_is_never_cut_into_a_crowd():
    assert paced((DAY, FAILED), (timedelta(seconds=1), Settle(Status.COMPLETE))).pieces(DAY) == 32
