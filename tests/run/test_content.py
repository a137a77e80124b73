"""What becomes of content blobs, against the tenant's own feed: each is kept whole, or is a gap that names it."""

import json
from contextlib import ExitStack
from dataclasses import replace
from datetime import timedelta
from itertools import count, pairwise

import pytest

from collector.errors import ExitCode, Interrupted, TemporaryError
from collector.evidence import verify
from collector.model import Status, Window
from collector.run.content import YOUNG
from collector.simulator import (
    Access,
    Behaviour,
    Fault,
    FeedBehaviour,
    Kind,
    Publishing,
    any_feed,
    blob,
    content_id,
    content_type,
    every,
    feed_chance,
    listing,
    operation,
    publish,
    takeover,
)
from tests.fakes import API, TENANT, received
from tests.run.feeds import (
    AZURE,
    DAY,
    EXCHANGE,
    FEED,
    HOUR,
    NOW,
    ONE_AFTER_ANOTHER,
    SECOND,
    Desk,
    case,
    entry,
    feed,
    gaps,
    held,
    hourly,
    made,
    outcomes,
    records,
    told_of,
)

WEEK = {"window": {"last": "7d"}}
BLOBS = hourly(24)
LOST = BLOBS[10]


def behaving(**how):
    return {"behaviour": Behaviour(feed=FeedBehaviour(**how))}


def failing(one=LOST, kind=Kind.ACTIVITY_ERROR, **how):
    return Fault(kind, content_id(one.content_id), **{"times": None, **how})


def assert_only_lost(result, *blobs):
    """The named blobs are gaps of one second each, and all else of the feed stands."""
    seconds = [one.created.replace(microsecond=0) for one in sorted(blobs, key=lambda one: one.created)]
    assert [(gap.start, gap.end) for gap in gaps(result)] == [(at, at + SECOND) for at in seconds]
    assert result.exit_code is ExitCode.GAPS
    assert records(result.path) == held(*(one for one in BLOBS if one not in blobs))
    assert verify(result.path).problems == ()


def test_seven_days_of_a_lively_tenant_are_collected_once_byte_for_byte(tmp_path, tally):
    blobs = hourly()
    with case(tmp_path, feed(*blobs[::2], *blobs[1::2], page_size=3)) as tried:
        result = tried.collect(**WEEK)
        fetched = tried.fetched()
    assert result.exit_code is ExitCode.COMPLETE
    assert sorted(fetched) == sorted(one.content_id for one in blobs)
    assert records(result.path) == held(*blobs)
    assert verify(result.path).problems == ()
    slices = result.coverage.slices
    assert (slices[0].start, slices[-1].end) == (NOW - 7 * DAY + timedelta(minutes=1), NOW)
    assert all(before.end == after.start for before, after in pairwise(slices))
    tally("blobs of seven days", tried=len(blobs), lost=0, twice=0)


def test_a_published_week_with_late_and_repeated_records_is_what_the_tenant_listed(tmp_path):
    story = takeover(seed=3, start=NOW - 9 * DAY, days=9, records=900, traces=1)
    published = publish(story, Publishing(late_by=2 * DAY))
    start = NOW - 7 * DAY + timedelta(minutes=1)
    listed = [
        one
        for one in published.blobs
        if one.content_type in (EXCHANGE, AZURE) and start <= one.created < NOW and one.available(NOW)
    ]
    with case(tmp_path, published) as tried:
        result = tried.collect(content_types=[EXCHANGE, AZURE], **WEEK)
        hidden = [one for one in published.blobs if not one.available(NOW)]
    assert records(result.path) == held(*listed)
    assert set(told_of(result.path)) == {one.content_id for one in listed}
    assert hidden
    assert len({one.part for one in result.coverage.slices}) == 2


def test_each_blob_stands_in_the_journal_with_what_the_listing_said_of_it(tmp_path):
    one = made(3)
    with case(tmp_path, feed(one, made(23))) as tried:
        result = tried.collect()
        address = tried.tenant.address
    (said,) = told_of(result.path)[one.content_id]
    assert said.content_uri == f"{address}/api/v1.0/{tried.tenant.tenant_id}/activity/feed/audit/{one.content_id}"
    assert (said.created, said.expires, said.outcome, said.records) == (one.created, one.expires, "fetched", 3)
    assert said.request in (result.path / "custody/requests.jsonl").read_text()
    assert said.fetched_at == NOW


def test_a_late_blob_is_found_when_its_time_is_asked_for_again(tmp_path):
    late = replace(BLOBS[5], listed_from=NOW + HOUR)
    blobs = [late if one is BLOBS[5] else one for one in BLOBS]
    with case(tmp_path, feed(*blobs)) as tried:
        first = tried.collect()
        tried.ours.move(2 * 3600)
        second = tried.collect(gaps_of=first.path)
    assert late.content_id not in told_of(first.path)
    assert [one.outcome for one in told_of(second.path)[late.content_id]] == ["fetched"]


LOSSES = {
    "expired": (Fault(Kind.ACTIVITY_ERROR, code="AF20051"), "blob-expired", "blob-expired"),
    "gone": (Fault(Kind.ACTIVITY_ERROR, code="AF20050"), "blob-gone", "blob-gone"),
    "not known by its id": (Fault(Kind.ACTIVITY_ERROR, code="AF20052"), "blob-unreadable", "refused"),
    "404": (Fault(Kind.STATUS, status=404), "blob-gone", "not-found"),
    "HTML with 200": (Fault(Kind.HTML, status=200), "blob-unreadable", "error-inside-success"),
    "no array": (Fault(Kind.NO_ARRAY), "blob-unreadable", "unreadable"),
    "cut each time": (Fault(Kind.CUT), "blob-unreadable", "cut-body"),
    "reset each time": (Fault(Kind.RESET), "blob-unreadable", None),
    "never an answer": (Fault(Kind.NO_ANSWER), "blob-unreadable", "connection"),
    "AF50000 each time": (Fault(Kind.ACTIVITY_ERROR, code="AF50000"), "blob-unreadable", "server-error"),
    "a redirect": (Fault(Kind.STATUS, status=302), "blob-unreadable", "redirected"),
}


@pytest.mark.parametrize(("fault", "outcome", "detail"), LOSSES.values(), ids=LOSSES.keys())
@pytest.mark.tries("a blob that cannot be got")
def test_a_lost_blob_is_a_gap_of_its_own_second_and_the_rest_is_complete(tmp_path, fault, outcome, detail):
    with case(tmp_path, feed(*BLOBS), replace(fault, when=content_id(LOST.content_id), times=None)) as tried:
        result = tried.collect()
    assert_only_lost(result, LOST)
    (said,) = told_of(result.path)[LOST.content_id]
    assert said.outcome == outcome
    assert detail in (None, said.detail)
    assert [gap.reason for gap in gaps(result)] == [f"{outcome}: {LOST.content_id}"]
    assert outcomes(result.path) == {"fetched": 23, outcome: 1}


def test_an_answer_that_no_reader_could_cut_is_kept_whole(tmp_path):
    with case(tmp_path, feed(*BLOBS), failing(kind=Kind.NO_ARRAY)) as tried:
        result = tried.collect()
    (kept,) = (result.path / "data/management-activity/unread").iterdir()
    assert kept.read_bytes() == b'{"value":[%b]}' % b",".join(held(LOST))


def test_blobs_lost_in_a_row_are_gaps_and_nothing_between_them_or_around_them_is(tmp_path):
    row = [made(100 + n, age=5 * HOUR + n * SECOND) for n in range(4)]
    apart = made(200, age=7 * HOUR)
    faults = [failing(one, code="AF20051") for one in (*row, apart)]
    with case(tmp_path, feed(*BLOBS, *row, apart), *faults) as tried:
        result = tried.collect(limits=ONE_AFTER_ANOTHER)
    assert [(gap.start, gap.end) for gap in gaps(result)] == [
        (at, at + SECOND) for at in sorted(one.created for one in (*row, apart))
    ]
    assert records(result.path) == held(*BLOBS)


def test_a_blob_got_in_the_second_of_a_lost_one_is_kept_and_the_second_is_a_gap(tmp_path):
    twin = made(300, age=NOW - LOST.created - timedelta(milliseconds=300))
    with case(tmp_path, feed(*BLOBS, twin), failing(code="AF20050")) as tried:
        result = tried.collect()
    (gap,) = gaps(result)
    assert (gap.start, gap.end, gap.records) == (LOST.created, LOST.created + SECOND, 3)
    assert records(result.path) == held(twin, *(one for one in BLOBS if one is not LOST))


def test_a_feed_in_which_every_blob_fails_ends_and_is_a_gap_that_names_them(tmp_path):
    blobs = hourly(24)
    many = [made(1000 + n, age=12 * HOUR + n * timedelta(seconds=20)) for n in range(100)]
    fault = Fault(Kind.ACTIVITY_ERROR, blob(), times=None, code="AF50000")
    with case(tmp_path, feed(*blobs, *many), fault) as tried:
        result = tried.collect(limits={"attempts": 1})
        asked = len(tried.fetched())
    lost = outcomes(result.path)
    assert lost == {"blob-unreadable": len(blobs) + len(many)}
    assert asked < len(blobs) + len(many)
    assert result.exit_code is ExitCode.GAPS
    assert records(result.path) == []


@pytest.mark.parametrize("status", [403, 429])
@pytest.mark.parametrize("says", ["7", None], ids=["Retry-After", "no word"])
def test_throttling_is_waited_for_and_loses_nothing(tmp_path, status, says):
    faults = [
        Fault(Kind.ACTIVITY_ERROR, when, times=3, code="AF429", retry_after=says)
        for when in (listing(), blob(), operation("subscriptions/list"))
    ]
    with case(tmp_path, feed(*BLOBS), *faults, **behaving(throttled_status=status)) as tried:
        result = tried.collect(limits={"attempts": 1})
    assert result.exit_code is ExitCode.COMPLETE
    assert records(result.path) == held(*BLOBS)
    assert not says or 7.0 in tried.ours.slept


def test_a_throttling_that_outlasts_the_patience_leaves_the_run_open_for_the_next(tmp_path):
    fault = Fault(Kind.ACTIVITY_ERROR, content_id(LOST.content_id), times=40, code="AF429", retry_after="50")
    with case(tmp_path, feed(*BLOBS), fault) as tried, pytest.raises(TemporaryError):
        tried.collect(limits=ONE_AFTER_ANOTHER)
    with case(tmp_path, feed(*BLOBS)) as tried:
        result = tried.collect(limits=ONE_AFTER_ANOTHER)
    assert result.exit_code is ExitCode.COMPLETE
    assert records(result.path) == held(*BLOBS)


@pytest.mark.parametrize("kind", [Kind.ACTIVITY_ERROR, Kind.CUT, Kind.RESET, Kind.CUT_GZIP, Kind.HTML])
@pytest.mark.tries("a passing fault of the feed")
def test_what_passes_costs_an_attempt_and_no_record(tmp_path, kind):
    faults = [Fault(kind, feed_chance(0.15, seed), times=None) for seed in (1, 2)]
    with case(tmp_path, feed(*BLOBS, page_size=5), *faults) as tried:
        result = tried.collect(limits={"attempts": 12})
    assert result.exit_code is ExitCode.COMPLETE
    assert records(result.path) == held(*BLOBS)
    assert all(len(said) == 1 for said in told_of(result.path).values())


def test_a_token_that_is_refused_amid_the_work_is_renewed(tmp_path):
    whens = (listing(3), listing(8), blob(2), blob(9), operation("subscriptions/list"))
    with case(tmp_path, feed(*BLOBS, page_size=2), *(Fault(Kind.UNAUTHORIZED, when) for when in whens)) as tried:
        result = tried.collect(limits=ONE_AFTER_ANOTHER)
        refused = [seen for seen in tried.asked if seen.status == 401]
    assert len(refused) == 5
    assert result.exit_code is ExitCode.COMPLETE
    assert records(result.path) == held(*BLOBS)


@pytest.mark.parametrize("after", [1, 5, 20, 40])
def test_an_outage_blames_no_blob_and_the_run_is_taken_up(tmp_path, after):
    asked_before = count(1)
    down = Fault(Kind.STATUS, every(any_feed, lambda _: next(asked_before) > after), times=None)
    with case(tmp_path, feed(*BLOBS, page_size=2), down) as tried, pytest.raises(TemporaryError):
        tried.collect(limits=ONE_AFTER_ANOTHER)
    with case(tmp_path, feed(*BLOBS)) as tried:
        result = tried.collect(limits=ONE_AFTER_ANOTHER)
    assert result.exit_code is ExitCode.COMPLETE
    assert records(result.path) == held(*BLOBS)


def test_an_outage_that_begins_with_a_start_is_no_gap(tmp_path):
    faults = [
        Fault(Kind.STATUS, operation("subscriptions/start"), times=None),
        Fault(Kind.STATUS, listing(), times=None),
        Fault(Kind.STATUS, operation("subscriptions/list"), times=None, status=503),
    ]
    faults[2] = replace(faults[2], when=every(operation("subscriptions/list"), lambda asked: asked.n > 2))
    with case(tmp_path, feed(*BLOBS, subscriptions={}), *faults) as tried, pytest.raises(TemporaryError):
        tried.collect(start_subscriptions=True)


@pytest.mark.parametrize("commits", [1, 9, 20])
def test_a_run_that_was_interrupted_is_taken_up_and_holds_every_blob_once(tmp_path, commits):
    with case(tmp_path, feed(*hourly(48))) as tried, pytest.raises(Interrupted):
        tried.collect(stop_after=commits, window={"last": "2d"}, limits=ONE_AFTER_ANOTHER)
    with case(tmp_path, feed(*hourly(48))) as tried:
        result = tried.collect(window={"last": "2d"}, limits=ONE_AFTER_ANOTHER)
        fetched = tried.fetched()
    assert result.exit_code is ExitCode.COMPLETE
    assert records(result.path) == held(*hourly(48))
    assert len(list(result.path.parent.glob("2*"))) == 1
    assert 0 < len(fetched) <= 48 - (commits - 1)
    assert all(len(said) == 1 for said in told_of(result.path).values())


def test_a_blob_that_grew_stands_whole_in_the_run_that_asks_again(tmp_path):
    growing = made(500, age=timedelta(minutes=20), complete_from=NOW + HOUR, first_records=1)
    with case(tmp_path, feed(*BLOBS, growing)) as tried:
        first = tried.collect()
        tried.ours.move(2 * 3600)
        second = tried.collect(gaps_of=first.path)
    assert records(first.path) == sorted([*held(*BLOBS), held(growing)[0]])
    assert set(held(growing)) <= set(records(second.path))
    assert 2 * HOUR > YOUNG


def test_two_content_types_are_two_parts_and_share_no_fate(tmp_path):
    blobs = [*BLOBS, *hourly(24, AZURE)]
    fault = Fault(Kind.ACTIVITY_ERROR, every(content_type(AZURE), listing()), times=None, code="AF20022")
    with case(tmp_path, feed(*blobs), fault) as tried:
        result = tried.collect(content_types=[EXCHANGE, AZURE])
    assert {(one.part, one.status, one.reason) for one in result.coverage.slices} == {
        (EXCHANGE, Status.COMPLETE, None),
        (EXCHANGE, Status.EMPTY, None),
        (AZURE, Status.GAP, "not-subscribed"),
    }
    assert records(result.path) == held(*BLOBS)


def test_the_silence_before_the_earliest_blob_is_a_gap_and_that_behind_it_is_empty(tmp_path):
    with case(tmp_path, feed(made(90), made(30), page_size=1)) as tried:
        result = tried.collect(window={"last": "6d"})
    assert {(one.status, one.reason) for one in result.coverage.slices if one.end <= made(90).created} == {
        (Status.GAP, "subscription-age-unknown")
    }
    assert gaps(result)[-1].end == made(90).created
    assert Status.EMPTY in {one.status for one in result.coverage.slices}
    assert records(result.path) == held(made(90), made(30))


def test_a_feed_that_lists_nothing_proves_nothing(tmp_path):
    with case(tmp_path, feed()) as tried:
        result = tried.collect()
    assert [(gap.start, gap.end, gap.reason) for gap in gaps(result)] == [(NOW - DAY, NOW, "subscription-age-unknown")]
    assert result.exit_code is ExitCode.GAPS


@pytest.mark.parametrize("listing_fails", [False, True], ids=["whole", "refused half-way"])
def test_what_a_neighbour_lists_in_the_margin_is_no_record(tmp_path, listing_fails):
    first = made(500, age=2 * HOUR - timedelta(milliseconds=500))
    faults = [Fault(Kind.ACTIVITY_ERROR, listing(2, 4), times=None, code="AF20055")] if listing_fails else []
    with case(tmp_path, feed(first, page_size=1), *faults) as tried:
        result = tried.collect(limits=ONE_AFTER_ANOTHER)
    assert records(result.path) == held(first)


def test_a_listing_that_breaks_off_is_a_gap_and_what_it_listed_is_kept(tmp_path):
    fault = Fault(
        Kind.ACTIVITY_ERROR,
        lambda asked: asked.operation == "subscriptions/content" and asked.n > 8,
        times=None,
        code="AF20055",
    )
    with case(tmp_path, feed(*BLOBS, page_size=1), fault) as tried:
        result = tried.collect(limits=ONE_AFTER_ANOTHER)
    assert {gap.reason.partition(":")[0] for gap in gaps(result)} == {"window-refused"}
    told = told_of(result.path)
    assert told
    assert records(result.path) == held(*(one for one in BLOBS if one.content_id in told))


ODD_LISTINGS = {
    "pages": {},
    "NextPageUrl": {"next_page_header": "NextPageUrl"},
    "a lower-case header": {"next_page_header": "nextpageuri"},
    "lower-case names": {"lower_case_link": True},
    "lower-case names, with publisher": {"lower_case_link": True, "publisher_in_link": True},
    "publisher in the link": {"publisher_in_link": True},
    "pretty blobs": {"pretty": True},
}


@pytest.mark.parametrize("how", ODD_LISTINGS.values(), ids=ODD_LISTINGS.keys())
def test_pages_are_followed_however_they_are_named_and_each_call_names_its_publisher(tmp_path, how):
    with case(tmp_path, feed(*BLOBS, page_size=2), **behaving(**how)) as tried:
        result = tried.collect()
        publishers = {
            value for seen in tried.asked for key, value in seen.query.items() if key.lower() == "publisheridentifier"
        }
        named = [any(key.lower() == "publisheridentifier" for key in seen.query) for seen in tried.asked]
    assert result.exit_code is ExitCode.COMPLETE
    assert records(result.path) == held(*BLOBS)
    assert publishers == {tried.tenant.tenant_id}
    assert all(named)


@pytest.mark.parametrize("kind", [Kind.EMPTY_PAGE, Kind.CYCLE, Kind.LINK_LOOP, Kind.FOREIGN_LINK])
@pytest.mark.tries("a listing whose links are wrong")
def test_a_link_that_is_wrong_once_loses_nothing(tmp_path, kind):
    with case(tmp_path, feed(*BLOBS, page_size=2), Fault(kind, listing(), times=2)) as tried:
        result = tried.collect(limits={"attempts": 6})
    assert result.exit_code is ExitCode.COMPLETE
    assert records(result.path) == held(*BLOBS)


@pytest.mark.parametrize(("kind", "reason"), [(Kind.LINK_LOOP, "paging-loop"), (Kind.FOREIGN_LINK, "foreign-host")])
@pytest.mark.tries("a listing whose links are wrong")
def test_a_link_that_is_always_wrong_is_a_gap_and_what_was_listed_is_kept(tmp_path, kind, reason):
    with case(tmp_path, feed(*BLOBS, page_size=2), Fault(kind, listing(), times=None)) as tried:
        result = tried.collect()
    assert result.exit_code is ExitCode.GAPS
    missing = gaps(result)
    assert reason in {gap.reason for gap in missing}
    kept = records(result.path)
    assert set(kept) <= set(held(*BLOBS))
    lost = [one for one in BLOBS if not set(held(one)) <= set(kept)]  # which are listed hangs on the threads' order
    assert all(any(gap.start <= one.created < gap.end for gap in missing) for one in lost)


def test_a_stale_page_is_listed_again_from_the_start(tmp_path):
    stale = Fault(Kind.ACTIVITY_ERROR, listing(2, 5, 9), times=None, code="AF20031")
    with case(tmp_path, feed(*BLOBS, page_size=1), stale) as tried:
        result = tried.collect(limits={"attempts": 6})
    assert result.exit_code is ExitCode.COMPLETE
    assert records(result.path) == held(*BLOBS)


@pytest.mark.parametrize("ours", [timedelta(0), timedelta(minutes=40), -timedelta(minutes=40)], ids=str)
@pytest.mark.parametrize("last", ["7d", "30d"])
def test_no_listing_leaves_the_bounds_of_the_services_clock(tmp_path, ours, last):
    with case(tmp_path, feed(*hourly()), ours=ours) as tried:
        result = tried.collect(window={"last": last})
        windows = tried.listings()
        statuses = {seen.status for seen in tried.asked}
    assert statuses == {200}
    assert all(NOW - 7 * DAY <= start < end <= start + DAY for start, end in windows)
    assert max(end for _, end in windows) == NOW
    assert result.coverage.slices[-1].end == NOW
    assert records(result.path) == held(*hourly())


def test_what_is_older_than_a_listing_reaches_is_beyond_retention(tmp_path):
    with case(tmp_path, feed(*hourly())) as tried:
        result = tried.collect(window={"last": "30d"})
    (gap,) = gaps(result)
    assert gap.reason == "beyond-retention"
    assert gap.start == NOW - 30 * DAY
    assert timedelta(0) <= gap.end - (NOW - 7 * DAY) <= timedelta(minutes=2)
    assert result.exit_code is ExitCode.GAPS
    assert records(result.path) == held(*hourly())


def test_an_outage_while_old_gaps_are_asked_for_is_no_gap(tmp_path):
    one = Fault(Kind.ACTIVITY_ERROR, content_id(LOST.content_id), times=None, code="AF20050")
    with case(tmp_path, feed(*hourly()), one) as tried:
        first = tried.collect(window={"last": "30d"})
    down = Fault(Kind.STATUS, every(any_feed, lambda asked: asked.n > 1), times=None)
    with case(tmp_path, feed(*hourly()), down) as tried, pytest.raises(TemporaryError):
        tried.collect(window={"last": "30d"}, gaps_of=first.path)


def test_a_missing_permission_is_exit_4_and_the_other_sources_are_collected(tmp_path):
    access = Access(roles=("Exchange.ManageAsApp",))
    with case(tmp_path, feed(*BLOBS), access=access) as tried:
        result = tried.collect(sources={"unified-audit-log": {"operations": []}})
    assert result.exit_code is ExitCode.ACCESS
    assert {(gap.source, gap.reason) for gap in gaps(result)} == {("management-activity", "forbidden")}
    assert not tried.fetched()


def test_a_blob_that_is_forbidden_is_exit_4_whatever_else_is_lost_beside_it(tmp_path):
    gone = made(300, age=NOW - LOST.created)
    faults = [failing(kind=Kind.STATUS, status=403), failing(gone, code="AF20050")]
    with case(tmp_path, feed(*BLOBS, gone), *faults) as tried:
        result = tried.collect()
    assert result.exit_code is ExitCode.ACCESS
    (gap,) = gaps(result)
    assert gap.reason.startswith("forbidden+blob-gone: ")


HOSTILE = {
    "dollars": "$$$x$",
    "a way up": "$../../../../subscriptions/stop",
    "blanks and quotes": "$ \"'<x>\t",
    "percent": "$%2e%2e%2f%00",
    "other scripts": "$\u00e9\u4e2d\U0001f600",
    "a query": "$?contentType=x&PublisherIdentifier=y",
    "a fragment": "$#x",
    "very long": "$" + "x" * 3000,
}


@pytest.mark.parametrize("name", HOSTILE.values(), ids=HOSTILE.keys())
@pytest.mark.tries("a hostile content id")
def test_a_hostile_content_id_is_got_or_is_a_gap_and_leads_nowhere_else(tmp_path, name):
    with case(tmp_path, feed(*BLOBS, made(500, age=HOUR, content_id=name))) as tried:
        result = tried.collect()
        methods = {seen.method for seen in tried.asked}
        publishers = [seen.query.get("PublisherIdentifier") for seen in tried.asked]
    assert set(held(*BLOBS)) <= set(records(result.path))
    assert outcomes(result.path).total() == 25
    assert name in told_of(result.path)
    assert result.exit_code in (ExitCode.COMPLETE, ExitCode.GAPS)
    assert methods == {"GET"}
    assert None not in publishers
    assert verify(result.path).problems == ()


ODD_BLOBS = {
    "nothing in it": (),
    "lone surrogates and long numbers": (r'{"Id":"\ud800"}', '{"n":' + "9" * 40 + "}", '{"a":NaN}'),
    "keys twice": ('{"Id":"a","Id":"b"}',),
    "no objects": ("null", "5", '"x"', "[]"),
    "the same record twice": ('{"Id":"a"}', '{"Id":"a"}'),
}


@pytest.mark.parametrize("told", ODD_BLOBS.values(), ids=ODD_BLOBS.keys())
@pytest.mark.parametrize("pretty", [False, True])
@pytest.mark.tries("odd records")
def test_odd_records_are_kept_as_they_came(tmp_path, told, pretty):
    odd = made(500, age=HOUR, records=told)
    with case(tmp_path, feed(*BLOBS, odd), **behaving(pretty=pretty)) as tried:
        result = tried.collect()
    assert result.exit_code is ExitCode.COMPLETE
    assert records(result.path) == held(*BLOBS, odd)
    assert [one.records for one in told_of(result.path)[odd.content_id]] == [len(told)]


@pytest.fixture
def at_desk(tmp_path):
    """Make a desk, and close its folder at the end."""
    with ExitStack() as stack:

        def make(*script, **how):
            desk = Desk(tmp_path, *script, **how)
            stack.callback(desk.folder.close)
            return desk

        yield make


def fine(sent):
    return received(200, [{"Id": sent.address}])


FOREIGN = [
    "https://attacker.example.org/api/v1.0/x/activity/feed/audit/a",
    "//attacker.example.org/audit/a",
    "http://outlook.contoso.example.org/audit/a",
    "https://outlook.contoso.example.org@attacker.example.org/audit/a",
    "https://outlook.contoso.example.org.attacker.example.org/audit/a",
    "https://[::1",
    "javascript:alert(1)",
]


@pytest.mark.parametrize("address", FOREIGN)
@pytest.mark.tries("a blob at a foreign address")
def test_no_token_goes_to_where_a_listing_says_a_blob_is_if_that_is_elsewhere(at_desk, address):
    desk = at_desk([entry("a$a", contentUri=address), entry("b$b", NOW - 2 * HOUR)], fine)
    coverage = desk.collect()
    assert [path.partition("?")[0] for path in desk.got] == [f"{FEED}/audit/b$b"]
    assert {blob.content_id: blob.outcome for blob in desk.blobs} == {"a$a": "blob-unreadable", "b$b": "fetched"}
    reasons = [one.reason for one in coverage.slices if one.status is Status.GAP]
    assert reasons[-1] == "blob-unreadable: a$a"


ODD_ENTRIES = {
    "no address": (b'{"contentId":"a$a","contentCreated":"2026-11-20T11:00:00Z"}', "a$a"),
    "a null address": (b'{"contentId":"a$a","contentUri":null}', "a$a"),
    "no id": (b'{"contentUri":"%b/audit/a$a"}' % FEED.encode(), f"{FEED}/audit/a$a"),
    "an id that is a number": (
        b'{"contentId":%b,"contentUri":"%b/audit/x"}' % (b"9" * 40, FEED.encode()),
        "9" * 40,
    ),
    "keys twice": (b'{"contentId":"x","contentId":"a$a","contentUri":"%b/audit/a"}' % FEED.encode(), "a$a"),
    "a lone surrogate": (rb'{"contentId":"a$\ud800","contentUri":null}', r"a$\ud800"),
    "a lone surrogate in its address": (rb'{"contentId":"a$a","contentUri":"/audit/\ud800"}', "a$a"),
    "times that are none": (b'{"contentId":"a$a","contentCreated":"yesterday","contentExpiration":5}', "a$a"),
    "a time out of the calendar": (b'{"contentId":"a$a","contentCreated":"9999-12-31T23:59:59Z"}', "a$a"),
    "a time that is far away": (b'{"contentId":"a$a","contentCreated":"2020-01-01T00:00:00Z"}', "a$a"),
    "null": (b"null", "null"),
    "a number": (b"5", "5"),
    "an empty object": (b"{}", "{}"),
    "an empty id": (b'{"contentId":"","contentUri":"%b/audit/a"}' % FEED.encode(), f"{FEED}/audit/a"),
    "members more than are known": (b'{"contentId":"a$a","new":{"a":[1,NaN]}}', "a$a"),
}


@pytest.mark.parametrize(("raw", "name"), ODD_ENTRIES.values(), ids=ODD_ENTRIES.keys())
@pytest.mark.tries("an odd entry of a listing")
def test_an_odd_entry_of_a_listing_is_got_and_hides_none(at_desk, raw, name):
    good = json.dumps(entry("b$b", NOW - 2 * HOUR)).encode()
    desk = at_desk(b"[%b,%b,%b]" % (raw, good, raw), fine)
    coverage = desk.collect()
    assert {blob.content_id: blob.outcome for blob in desk.blobs} == {name: "fetched", "b$b": "fetched"}
    assert len(desk.rows) == len(desk.got) == 2
    assert all(path.startswith(API) and path.endswith(f"?PublisherIdentifier={TENANT}") for path in desk.got)
    window = [(one.start, one.end) for one in coverage.slices]
    assert (window[0][0], window[-1][1]) == (NOW - DAY, NOW)


def test_a_service_that_lists_more_than_was_asked_for_is_not_asked_for_ever(at_desk):
    desk = at_desk([entry("a$a"), entry("b$b", NOW - 2 * HOUR)], fine)
    desk.collect()
    assert len(desk.line.transport.sent) - len(desk.got) <= 8
    assert len(desk.got) == len(desk.rows) == 2


def test_a_blob_that_no_id_or_address_names_is_a_gap_with_a_short_name(at_desk):
    desk = at_desk([entry("x" * 100_000)], lambda _: received(414))
    coverage = desk.collect()
    assert max(len(one.reason or "") for one in coverage.slices) < 300


def test_blobs_that_are_refused_one_and_all_say_nothing_of_those_behind_them(at_desk):
    old = [entry(f"{n:05}$", NOW - DAY + n * SECOND) for n in range(5_200)]
    desk = at_desk([*old, entry("young$")], lambda sent: fine(sent) if "young" in sent.address else EXPIRED)
    desk.collect()
    assert [blob.content_id for blob in desk.blobs if blob.outcome == "fetched"] == ["young$"]
    assert {blob.detail for blob in desk.blobs} == {None, "blob-expired"}
    assert len(desk.got) == 5_201


EXPIRED = received(400, {"error": {"code": "AF20051", "message": "expired"}})


def test_blobs_that_fail_one_and_all_are_given_up_and_each_is_named(at_desk):
    desk = at_desk([entry(f"{n}$", NOW - DAY + n * HOUR / 10) for n in range(200)], lambda _: received(500))
    coverage = desk.collect()
    assert len(desk.got) == 24 * 2
    assert {(blob.outcome, blob.detail) for blob in desk.blobs} == {("blob-unreadable", "server-error")}
    assert len(desk.blobs) == 200
    assert not coverage.complete


@pytest.mark.parametrize("grown", [True, False])
def test_a_young_blob_is_got_again_and_written_again_only_where_it_grew(at_desk, grown):
    held_now = [b'[{"Id":1},{"Id":2}]']
    listed = [entry("young$", NOW - timedelta(minutes=10)), entry("old$", NOW - 5 * HOUR)]
    desk = at_desk(listed, lambda _: received(200, held_now[0]))
    desk.collect()
    assert desk.rows == [b'{"Id":1}', b'{"Id":2}'] * 2
    held_now[0] = b'[{"Id":2},{"Id":1},{"Id":3}]' if grown else b'[{"Id":2},\n{"Id":1}]'
    desk.line.clock.move(HOUR.total_seconds())
    coverage = desk.collect(recheck=True)
    assert [path.rpartition("/")[2].partition("?")[0] for path in desk.got[2:]] == ["young$"]
    assert desk.rows[4:] == ([b'{"Id":2}', b'{"Id":1}', b'{"Id":3}'] if grown else [])
    assert [recheck.late for recheck in coverage.rechecks if recheck.late] == ([3] if grown else [])
    desk.collect(recheck=True)
    assert len(desk.got) == 3


def test_a_blob_is_young_by_the_services_clock_whatever_ours_shows(at_desk):
    listed = [entry("young$", NOW - timedelta(minutes=70))]
    desk = at_desk(listed, fine, ahead=-timedelta(minutes=60))
    desk.collect()
    desk.collect(recheck=True)
    assert len(desk.got) == 2


def test_a_blob_that_two_slices_list_is_got_once(at_desk):
    desk = at_desk(b'[{"contentId":"a$a"}]', fine)
    slices = [Window(NOW - DAY, NOW - HOUR), Window(NOW - HOUR, NOW)]
    desk.collect(*slices)
    assert len(desk.got) == 1
    assert len(desk.rows) == 1


@pytest.mark.parametrize(("first", "asked_before"), [(timedelta(hours=2), True), (timedelta(minutes=2), False)])
def test_the_day_before_is_looked_at_only_where_the_age_of_the_subscription_is_in_doubt(tmp_path, first, asked_before):
    blobs = [made(1, age=DAY - first), made(2, age=timedelta(hours=3))]
    with case(tmp_path, feed(*blobs)) as tried:
        tried.collect()
        earliest = min(start for start, _ in tried.listings())
    assert (earliest < NOW - DAY - SECOND) is asked_before
