"""An answer lost on its way takes its rows with it: the session has moved on, and what is left proves little."""

import pytest

from collector.http.transport import TransportFailure
from collector.sources.base import Kind
from tests.fakes import page, received

from .test_unified_audit_log import Asking, records

LOST = [
    TransportFailure("cut-body", "IncompleteRead", status=200),
    TransportFailure("time-out", "no answer within the read time-out"),
    received(200, b"<html>"),
    received(504, b""),
]


@pytest.mark.parametrize("lost", LOST, ids=lambda lost: type(lost).__name__)
def test_an_empty_answer_after_a_lost_one_is_no_emptiness(lost) -> None:
    got = Asking([lost, page()]).ask()
    assert (got.finding.kind, got.finding.reason) == (Kind.FAILED, "answer-lost")


def test_a_throttled_question_was_not_begun_and_is_just_asked_again() -> None:
    got = Asking([received(429, b""), page()]).ask()
    assert got.finding.kind is Kind.EMPTY


def test_an_answer_lost_at_the_end_is_missed_by_the_count() -> None:
    got = Asking([page(records(1, 10, 15)), LOST[0], page()]).ask()
    assert (got.finding.kind, got.finding.reason) == (Kind.FAILED, "short-session")


def test_without_a_count_nobody_can_tell_what_a_lost_answer_held() -> None:
    got = Asking([page(records(1, 10, 1000)), LOST[0], page()]).ask(1000)
    assert (got.finding.kind, got.finding.reason) == (Kind.FAILED, "answer-lost")


def test_rows_that_are_all_there_are_whole_whatever_was_lost() -> None:
    got = Asking([LOST[0], page(records(1, 10, 10)), LOST[1], page()]).ask()
    assert got.finding.kind is Kind.WHOLE
