"""A feed is started only where the file allows it, never stopped, and an empty one proves nothing for twelve hours."""

from datetime import timedelta

import pytest

from collector.errors import ExitCode
from collector.model import Status
from collector.run.content import SILENCE
from collector.simulator import Fault, Kind, any_feed, every, listing, operation
from tests.run.feeds import (
    AZURE,
    DAY,
    EXCHANGE,
    HOUR,
    NOW,
    case,
    feed,
    gaps,
    held,
    hourly,
    made,
    records,
    started,
)

BLOBS = hourly(24)
START = "subscriptions/start"
LIST = "subscriptions/list"


def reasons(result):
    return {(gap.part, gap.reason) for gap in gaps(result)}


def test_without_leave_nothing_is_started_and_the_operator_is_told_how(tmp_path):
    with case(tmp_path, feed(*BLOBS, subscriptions={})) as tried:
        result = tried.collect()
        address = f"{tried.tenant.address}/api/v1.0/{tried.tenant.tenant_id}/activity/feed/{START}"
    assert result.exit_code is ExitCode.GAPS
    assert [(gap.start, gap.end, gap.reason) for gap in gaps(result)] == [(NOW - DAY, NOW, "not-subscribed")]
    assert not tried.posted()
    assert not tried.listings()
    (told,) = tried.told
    assert "`start_subscriptions: true`" in told
    assert f"POST {address}?contentType={EXCHANGE}&PublisherIdentifier={tried.tenant.tenant_id}" in told


def test_with_leave_it_is_started_once_and_only_what_is_off(tmp_path):
    since = {AZURE: NOW - 30 * DAY}
    with case(tmp_path, feed(*BLOBS, *hourly(24, AZURE), subscriptions=since)) as tried:
        result = tried.collect(content_types=[EXCHANGE, AZURE], start_subscriptions=True)
        queries = [seen.query for seen in tried.asked if seen.method == "POST"]
    assert tried.posted() == [START]
    assert queries == [{"contentType": EXCHANGE, "PublisherIdentifier": tried.tenant.tenant_id}]
    assert started(result.path) == [EXCHANGE]
    assert records(result.path) == held(*hourly(24, AZURE))
    assert {part for part, _ in reasons(result)} == {EXCHANGE}


def test_what_is_on_is_not_started_again(tmp_path):
    with case(tmp_path, feed(*BLOBS)) as tried:
        assert tried.collect(start_subscriptions=True).exit_code is ExitCode.COMPLETE
    assert not tried.posted()
    assert not tried.told


def test_a_subscription_that_was_disabled_is_started_again_where_that_is_allowed(tmp_path):
    disabled = {EXCHANGE: None}
    with case(tmp_path, feed(*BLOBS, subscriptions=disabled)) as tried:
        assert reasons(tried.collect()) == {(EXCHANGE, "not-subscribed")}
        assert not tried.posted()
        again = tried.collect(start_subscriptions=True)
    assert tried.posted() == [START]
    assert started(again.path) == [EXCHANGE]


def test_one_that_is_on_already_counts_as_started_and_is_no_change_of_ours(tmp_path):
    already = Fault(Kind.ACTIVITY_ERROR, operation(START), times=None, code="AF20024")
    with case(tmp_path, feed(*BLOBS, subscriptions={}), already) as tried:
        result = tried.collect(start_subscriptions=True)
    assert tried.posted() == [START]
    assert started(result.path) == []
    assert not tried.told


def test_a_start_whose_answer_was_lost_is_one_of_ours(tmp_path):
    lost = Fault(Kind.CUT, operation(START))
    with case(tmp_path, feed(made(1), subscriptions={}), lost) as tried:
        result = tried.collect(start_subscriptions=True)
        statuses = [seen.status for seen in tried.asked if seen.method == "POST"]
    assert statuses == [200, 400]
    assert started(result.path) == [EXCHANGE]


def test_within_twelve_hours_of_a_start_emptiness_is_a_gap_and_later_it_counts(tmp_path):
    blobs = [made(n) for n in (20, 2)]
    with case(tmp_path, feed(*blobs, subscriptions={}, first_content=timedelta(0))) as tried:
        early = tried.collect(start_subscriptions=True)
    assert records(early.path) == held(*blobs)
    assert {reason for _, reason in reasons(early)} == {"subscription-age-unknown", "subscription-just-started"}
    assert timedelta(0) <= blobs[0].created - gaps(early)[0].end < SILENCE
    assert Status.EMPTY not in {one.status for one in early.coverage.slices}


def test_a_start_that_the_listing_does_not_know_of_yet_is_one(tmp_path):
    unknown = Fault(Kind.ACTIVITY_ERROR, listing(), times=None, code="AF20022")
    with case(tmp_path, feed(*BLOBS, subscriptions={}), unknown) as tried:
        result = tried.collect(start_subscriptions=True)
    assert reasons(result) == {(EXCHANGE, "subscription-just-started")}


def test_nothing_comes_for_a_while_after_a_start_and_that_is_no_proof(tmp_path):
    with case(tmp_path, feed(*BLOBS, subscriptions={})) as tried:
        result = tried.collect(start_subscriptions=True)
    assert records(result.path) == []
    assert [(gap.start, gap.end, gap.reason) for gap in gaps(result)] == [(NOW - DAY, NOW, "subscription-age-unknown")]


@pytest.mark.parametrize("code", ["AF20022", "AF20023"])
def test_what_the_listing_says_of_the_subscription_counts_where_the_list_says_otherwise(tmp_path, code):
    fault = Fault(Kind.ACTIVITY_ERROR, listing(), times=None, code=code)
    with case(tmp_path, feed(*BLOBS), fault) as tried:
        result = tried.collect(start_subscriptions=True)
    assert reasons(result) == {(EXCHANGE, {"AF20022": "not-subscribed", "AF20023": "subscription-disabled"}[code])}
    assert not tried.posted()


def test_a_list_that_fails_while_all_else_is_answered_hides_nothing(tmp_path):
    fault = Fault(Kind.ACTIVITY_ERROR, operation(LIST), times=None)
    with case(tmp_path, feed(*BLOBS), fault) as tried:
        result = tried.collect()
    assert result.exit_code is ExitCode.COMPLETE
    assert records(result.path) == held(*BLOBS)


@pytest.mark.parametrize("code", ["AF10001", "AF20012"])
def test_a_list_that_is_refused_hides_nothing_of_what_is_listed_all_the_same(tmp_path, code):
    fault = Fault(Kind.ACTIVITY_ERROR, operation(LIST), times=None, code=code)
    with case(tmp_path, feed(*BLOBS), fault) as tried:
        result = tried.collect()
    assert result.exit_code is ExitCode.COMPLETE
    assert records(result.path) == held(*BLOBS)


@pytest.mark.parametrize(
    ("code", "exit_code", "reason"),
    [("AF10001", ExitCode.ACCESS, "forbidden"), ("AF20012", ExitCode.ACCESS, "forbidden-tenant")],
)
def test_a_feed_that_is_forbidden_is_exit_4_and_one_that_is_refused_says_why(tmp_path, code, exit_code, reason):
    with case(tmp_path, feed(*BLOBS), Fault(Kind.ACTIVITY_ERROR, any_feed, times=None, code=code)) as tried:
        result = tried.collect()
    assert result.exit_code is exit_code
    assert [gap.reason for gap in gaps(result)] == [reason]


def test_the_tenant_is_asked_for_its_subscriptions_once_a_run_however_many_slices_there_are(tmp_path):
    with case(tmp_path, feed(*BLOBS, *hourly(24, AZURE))) as tried:
        tried.collect(content_types=[EXCHANGE, AZURE])
        lists = [seen for seen in tried.asked if seen.path.endswith(LIST)]
    assert len(lists) == 2, "once for the clock before there is a run, once in it"


def test_a_passing_fault_of_a_start_is_overcome(tmp_path):
    fault = Fault(Kind.ACTIVITY_ERROR, every(operation(START), lambda asked: asked.n == 1))
    with case(tmp_path, feed(made(1), subscriptions={}, first_content=-HOUR), fault) as tried:
        result = tried.collect(start_subscriptions=True)
    assert started(result.path) == [EXCHANGE]
    assert records(result.path) == held(made(1))


def test_a_start_that_is_forbidden_is_exit_4(tmp_path):
    fault = Fault(Kind.ACTIVITY_ERROR, operation(START), times=None, code="AF10001")
    with case(tmp_path, feed(*BLOBS, subscriptions={}), fault) as tried:
        result = tried.collect(start_subscriptions=True)
    assert result.exit_code is ExitCode.ACCESS
    assert reasons(result) == {(EXCHANGE, "forbidden")}
    assert started(result.path) == []
