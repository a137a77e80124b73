"""The slices of a plan: they join, and they are as many as there is work for."""

from datetime import UTC, datetime, timedelta

import pytest
from msgspec.structs import replace

from collector.errors import UsageError
from collector.evidence import SliceCoverage
from collector.model import Axis, Plan, Slice, Sought, SourcePlan, Status, Traced, Window
from collector.run.plan import Forecast, Together, forecast, gaps_plan, make_plan, slices_of, together
from collector.sources import historical_search
from collector.sources.historical_search import HistoricalSearch
from collector.sources.management_activity import ManagementActivity
from collector.sources.unified_audit_log import UnifiedAuditLog
from tests.config.files import GOOD, GUID, read, with_
from tests.config.files import NOW as FROZEN
from tests.run.test_slicing import joins

NOW = datetime(2026, 11, 20, tzinfo=UTC)


def planned(window: Window) -> SourcePlan:
    return SourcePlan("unified-audit-log", Axis.EVENT, window, (None,), {})


def test_a_window_across_the_retention_is_parted_there_and_an_hour_later():
    window = Window(NOW - timedelta(days=200), NOW)
    horizon = NOW - timedelta(days=180)
    slices = slices_of(planned(window), {None: (window,)}, horizon, UnifiedAuditLog.longest)
    edges = {one.window.start for one in slices}
    assert {horizon, horizon + timedelta(hours=1)} <= edges
    assert joins(window, [one.window for one in slices])


def test_only_what_is_left_is_asked_for():
    window = Window(NOW - timedelta(days=2), NOW)
    left = Window(NOW - timedelta(hours=1), NOW)
    slices = slices_of(planned(window), {None: (left,)}, NOW - timedelta(days=180), UnifiedAuditLog.longest)
    assert slices == [Slice("unified-audit-log", None, Axis.EVENT, left)]


def test_many_parts_share_the_pieces_so_that_a_hundred_mailboxes_do_not_cost_eight_times_as_many_questions():
    window = Window(NOW - timedelta(days=2), NOW)
    left = {f"sender:{n}@contoso.example.org": (window,) for n in range(100)}
    slices = slices_of(planned(window), left, NOW - timedelta(days=180), UnifiedAuditLog.longest)
    assert [one.window for one in slices] == [window] * 100


CASE = (
    GOOD.replace("{last: 30d}", "{start: 2026-11-10T00:00:00Z, end: 2026-11-20T00:00:00Z}")
    .replace("[adele@contoso.com]", "[adele@contoso.com, lee@contoso.com]")
    .replace(
        "{unified-audit-log: {}}",
        "{unified-audit-log: {record_types: [A, B, A], window: {last: 2d}}, message-trace: {for: mailboxes}}",
    )
)
TEN_DAYS = Window(datetime(2026, 11, 10, tzinfo=UTC), NOW)
TWO_DAYS = Window(FROZEN.replace(microsecond=0) - timedelta(days=2), FROZEN.replace(microsecond=0))
MAILBOXES = (
    "sender:adele@contoso.com",
    "recipient:adele@contoso.com",
    "sender:lee@contoso.com",
    "recipient:lee@contoso.com",
)


def test_a_plan_freezes_each_source_with_its_window_its_parts_and_its_question(tmp_path):
    plan = make_plan(read(tmp_path, CASE), FROZEN)
    log = {"cmdlet": "Search-UnifiedAuditLog", "Operations": ["MailItemsAccessed"]}
    trace = {"cmdlet": "Get-MessageTraceV2", "for": "mailboxes"}
    assert plan == Plan(
        "contoso-2026-11",
        GUID,
        FROZEN,
        (
            SourcePlan("unified-audit-log", Axis.EVENT, TWO_DAYS, ("A", "B"), log),
            SourcePlan("message-trace", Axis.EVENT, TEN_DAYS, MAILBOXES, trace),
        ),
    )


def test_only_what_the_file_names_is_planned_and_as_a_whole_where_nothing_parts_it(tmp_path):
    log = make_plan(read(tmp_path, GOOD), FROZEN)
    trace = make_plan(read(tmp_path, GOOD.replace("unified-audit-log", "message-trace")), FROZEN)
    assert [(one.source, one.parts) for one in log.sources] == [("unified-audit-log", (None,))]
    assert [(one.source, one.parts) for one in trace.sources] == [("message-trace", (None,))]


def test_a_forecast_counts_two_requests_a_slice_and_what_the_quota_makes_of_them(tmp_path):
    told = forecast(read(tmp_path, CASE), FROZEN)
    assert told == [
        *(Forecast("unified-audit-log", part, TWO_DAYS.start, TWO_DAYS.end, 4, 8, None) for part in ("A", "B")),
        *(Forecast("message-trace", part, TEN_DAYS.start, TEN_DAYS.end, 2, 4, 12.0) for part in MAILBOXES),
    ]


def test_a_forecast_tells_what_lies_at_the_edge_of_the_retention_apart(tmp_path):
    long = "window: {start: 2026-08-20T00:00:00Z, end: 2026-11-20T00:00:00Z}"
    (*_, young) = forecast(read(tmp_path, CASE.replace("for: mailboxes", "")), FROZEN)
    (*_, old) = forecast(read(tmp_path, CASE.replace("for: mailboxes", long)), FROZEN)
    assert (young.slices, old.slices) == (8, 18)


def covered(status: Status, part: str | None = None, *, settled: bool | None = True, hours: int = 1) -> SliceCoverage:
    source = "message-trace" if part else "unified-audit-log"
    end = NOW + timedelta(hours=hours) if hours else None
    return SliceCoverage(source, part, Axis.EVENT, NOW if hours else None, end, status, settled=settled)


def test_gaps_of_a_run_and_its_unsettled_tail_are_asked_for_again_and_nothing_else(tmp_path):
    plan = make_plan(read(tmp_path, CASE), FROZEN)
    slices = [
        covered(Status.COMPLETE),
        covered(Status.GAP, hours=2),
        covered(Status.EMPTY, MAILBOXES[1]),
        covered(Status.EMPTY, MAILBOXES[2], settled=False, hours=3),
        covered(Status.COMPLETE, settled=None),
        covered(Status.GAP, MAILBOXES[3], settled=None, hours=0),
    ]
    log, trace = plan.sources
    watched = replace(plan, watch=True, sources=tuple(replace(source, since=NOW) for source in plan.sources))
    assert gaps_plan(watched, "20261121T050000Z", slices) == gaps_plan(plan, "20261121T050000Z", slices)
    assert gaps_plan(plan, "20261121T050000Z", slices) == replace(
        plan,
        gaps_of="20261121T050000Z",
        after=("20261121T050000Z",),
        sources=(
            replace(log, window=Window(NOW, NOW + timedelta(hours=2)), parts=(None,)),
            replace(trace, window=Window(NOW, NOW + timedelta(hours=3)), parts=(MAILBOXES[2],)),
            replace(trace, window=None, parts=(MAILBOXES[3],)),
        ),
    )


MANY = (
    with_("sources", " {message-trace: {for: accessed}, message-trace-detail: {}}") + "attacker: {ips: [203.0.113.7]}\n"
)
SOUGHT = Sought(
    (*(f"<{number}@example.org>" for number in range(60)), "bare@example.org"),
    tuple(Traced(f"trace-{number}", f"{number}@contoso.com", NOW - timedelta(days=number)) for number in range(30)),
)


def test_messages_are_asked_for_fifty_at_a_time_in_the_order_in_which_they_were_found(tmp_path):
    trace, _ = make_plan(read(tmp_path, MANY), FROZEN, sought=SOUGHT).sources
    first, second = (trace.question["message-ids"][part] for part in trace.parts)
    assert trace.parts == ("message-ids:1", "message-ids:2")
    assert [*first, *second] == [*SOUGHT.message_ids[:60], "<bare@example.org>", "bare@example.org"]
    assert len(first) == 50


def test_each_row_of_a_trace_is_a_part_in_the_order_in_which_it_was_found_and_stands_once(tmp_path):
    again = replace(SOUGHT, traced=(*SOUGHT.traced, Traced("TRACE-3", "3@CONTOSO.com", NOW)))
    _, detail = make_plan(read(tmp_path, MANY), FROZEN, sought=again).sources
    assert detail.parts == tuple(f"{one.message_trace_id} {one.recipient}" for one in SOUGHT.traced)
    assert list(detail.question["calls"]) == list(detail.parts)


@pytest.mark.parametrize("sought", [Sought(), Sought(message_ids=SOUGHT.message_ids)])
def test_where_earlier_evidence_names_nothing_to_ask_about_the_way_to_it_is_told(sought, tmp_path):
    with pytest.raises(UsageError) as caught:
        make_plan(read(tmp_path, MANY), FROZEN, sought=sought)
    assert "first" in caught.value.remedy


def test_sources_that_share_a_quota_take_the_time_of_all_of_them_together(tmp_path):
    engagement = read(tmp_path, MANY)
    told = forecast(engagement, FROZEN, SOUGHT)
    requests = sum(one.requests for one in told)
    shared = Together(("message-trace", "message-trace-detail"), requests, 100, 300.0, requests * 3.0)
    assert together(engagement, told) == [shared]
    assert requests > 30 + 2 * 2 * 3
    alone = read(tmp_path, CASE)
    assert together(alone, forecast(alone, FROZEN)) == []


def test_the_gaps_of_many_parts_are_one_plan_with_their_own_questions_and_no_others(tmp_path):
    plan = make_plan(read(tmp_path, MANY), FROZEN, sought=SOUGHT)
    trace, detail = plan.sources
    lost = [SliceCoverage(detail.source, part, Axis.EVENT, None, None, Status.GAP) for part in detail.parts[3:5]]
    late = SliceCoverage(trace.source, trace.parts[1], Axis.EVENT, NOW, NOW + timedelta(hours=1), Status.GAP)
    details, traces = gaps_plan(plan, "20261121T050000Z", [*lost, late]).sources
    assert details.parts == detail.parts[3:5]
    assert details.question == {"calls": {part: detail.question["calls"][part] for part in details.parts}}
    assert traces.question["message-ids"] == {traces.parts[0]: trace.question["message-ids"][traces.parts[0]]}


def test_a_part_without_a_window_is_one_slice():
    whole = Slice("unified-audit-log", None, Axis.EVENT, None)
    assert slices_of(planned(TEN_DAYS), {None: (None,)}, NOW, UnifiedAuditLog.longest) == [whole]


def test_what_is_older_or_younger_than_the_edge_of_the_retention_is_not_parted_there():
    window = Window(NOW - timedelta(hours=1), NOW)
    for horizon in (NOW, NOW - timedelta(hours=2), NOW - timedelta(days=2), NOW + timedelta(days=1)):
        assert len(slices_of(planned(window), {None: (window,)}, horizon, UnifiedAuditLog.longest)) == 1


ACTIVITY = "management-activity"
SHOWN = FROZEN.replace(microsecond=0)


def activity_window(tmp_path, window: str, ahead: timedelta = timedelta(0)) -> Window:
    asked = f"{{{ACTIVITY}: {{content_types: [Audit.Exchange, DLP.All], window: {window}}}}}"
    (planned,) = make_plan(read(tmp_path, with_("sources", f" {asked}")), FROZEN, ahead).sources
    assert (planned.source, planned.axis, planned.parts) == (ACTIVITY, Axis.AVAILABLE, ("Audit.Exchange", "DLP.All"))
    assert planned.question == {"api": "Office 365 Management Activity API"}
    assert planned.window is not None
    return planned.window


def test_the_activity_feed_is_asked_for_to_its_now_for_what_happened_may_still_become_available(tmp_path):
    past = "{start: 2026-11-18T00:00:00Z, end: 2026-11-19T00:00:00Z}"
    assert activity_window(tmp_path, past) == Window(datetime(2026, 11, 18, tzinfo=UTC), SHOWN)
    assert activity_window(tmp_path, "{last: 2d}") == Window(SHOWN - timedelta(days=2), SHOWN)


def test_the_activity_feeds_now_is_that_of_its_own_clock_and_no_other_sources(tmp_path):
    for ahead in (timedelta(minutes=40), -timedelta(minutes=40)):
        theirs = SHOWN + ahead
        assert activity_window(tmp_path, "{last: 2d}", ahead) == Window(theirs - timedelta(days=2), theirs)
    log = make_plan(read(tmp_path, GOOD), FROZEN, timedelta(minutes=40)).sources[0]
    assert log.window.end == SHOWN


def test_a_window_as_long_as_content_is_listed_starts_a_little_later_so_that_it_can_be_asked_for(tmp_path):
    week = timedelta(days=7)
    assert activity_window(tmp_path, "{last: 7d}") == Window(SHOWN - week + timedelta(minutes=1), SHOWN)
    assert activity_window(tmp_path, "{last: 167h}").start == SHOWN - timedelta(hours=167)
    assert activity_window(tmp_path, "{last: 30d}").start == SHOWN - timedelta(days=30)


def test_a_window_that_has_not_begun_by_the_services_clock_is_refused_with_what_that_shows(tmp_path):
    just_now = "{start: 2026-11-21T04:50:00Z, end: 2026-11-21T04:55:00Z}"
    with pytest.raises(UsageError, match=r"2026-11-21T04:20:00Z") as caught:
        activity_window(tmp_path, just_now, -timedelta(minutes=40))
    assert caught.value.remedy == "set this machine's clock, or start the window earlier"
    with pytest.raises(UsageError):
        activity_window(tmp_path, just_now, datetime(2026, 11, 21, 4, 50, tzinfo=UTC) - SHOWN)
    assert activity_window(tmp_path, just_now).end == SHOWN


def test_no_slice_of_the_activity_feed_is_too_long_to_be_listed_with_its_margins(tmp_path):
    window = activity_window(tmp_path, "{last: 7d}")
    planned = SourcePlan(ACTIVITY, Axis.AVAILABLE, window, (None,), {})
    slices = slices_of(planned, {None: (window,)}, SHOWN - timedelta(days=7), ManagementActivity.longest)
    assert joins(window, [one.window for one in slices])
    assert max(one.window.length for one in slices) + timedelta(seconds=2) <= timedelta(days=1)


def test_what_cannot_be_asked_for_yet_is_parted_from_what_can():
    window = Window(NOW - timedelta(days=2), NOW)
    asked = SourcePlan("historical-search", Axis.EVENT, window, ("sender:a",), {})
    slices = slices_of(asked, {"sender:a": (window,)}, NOW - HistoricalSearch.retention, HistoricalSearch.longest)
    edge = NOW - historical_search.DELAY
    assert [one.window for one in slices] == [Window(window.start, edge), Window(edge, NOW)]


def test_where_all_can_be_asked_for_nothing_is_parted_at_its_young_end():
    window = Window(NOW - timedelta(minutes=40), NOW)
    for horizon in (NOW - timedelta(days=180), NOW - timedelta(days=179), NOW - timedelta(days=180, minutes=20)):
        slices = slices_of(planned(window), {None: (window,)}, horizon, UnifiedAuditLog.longest)
        assert [one.window for one in slices] == [window]
