"""The calls for message details: within what the service answers, whatever the age of a message."""

from datetime import UTC, datetime, timedelta

import pytest

from collector.model import Traced, utc
from collector.sources.message_trace_detail import calls

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


def window(age: timedelta) -> tuple[timedelta, timedelta]:
    """Return how long before and after its receipt a message of some age is looked for."""
    received = NOW - age
    (call,) = calls([Traced("t", "a@contoso.com", received)], NOW).values()
    start, end = (utc(call.parameters[name]) for name in ("StartDate", "EndDate"))
    assert start is not None
    assert end is not None
    return received - start, end - received


@pytest.mark.parametrize(
    ("age", "around"),
    [
        (30 * DAY, (HOUR, 9 * DAY)),
        (2 * DAY, (HOUR, 2 * DAY)),
        (-HOUR / 2, (HOUR, HOUR)),
        (89.5 * DAY, (0 * HOUR, 9 * DAY)),
        (95 * DAY, (0 * HOUR, 9 * DAY)),
    ],
    ids=[
        "as a rule",
        "not beyond now",
        "by a clock ahead of ours",
        "nearly too old",
        "too old, which is said by a refusal",
    ],
)
def test_a_message_is_looked_for_around_its_receipt(age: timedelta, around: tuple[timedelta, timedelta]) -> None:
    assert window(age) == around


def test_a_question_never_spans_more_than_the_service_answers() -> None:
    for hours in range(0, 100 * 24, 7):
        before, after = window(hours * HOUR)
        assert timedelta(0) <= before
        assert before + after <= 10 * DAY


def test_a_call_names_message_and_recipient_for_without_one_it_is_silently_empty() -> None:
    (part,) = found = calls([Traced("t-1", "a@contoso.com", NOW - 30 * DAY)], NOW)
    assert part == "t-1 a@contoso.com"
    call = found[part]
    assert call.cmdlet == "Get-MessageTraceDetailV2"
    assert (call.parameters["MessageTraceId"], call.parameters["RecipientAddress"]) == ("t-1", "a@contoso.com")
