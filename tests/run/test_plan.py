"""The slices of a plan: they join, and they are as many as there is work for."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from collector.model import Axis, Slice, SourcePlan, Window
from collector.run.plan import cut, evenly, slices_of
from collector.sources.message_trace import MessageTrace
from collector.sources.unified_audit_log import UnifiedAuditLog

NOW = datetime(2026, 11, 20, tzinfo=UTC)
windows = st.builds(
    lambda start, seconds: Window(start, start + timedelta(seconds=seconds)),
    st.integers(0, 300 * 86_400).map(lambda seconds: NOW - timedelta(days=310) + timedelta(seconds=seconds)),
    st.integers(1, 86_400 * 200),
)


def joins(window: Window, parts: list[Window]) -> bool:
    ends = parts[0].start == window.start and parts[-1].end == window.end
    return ends and all(before.end == after.start for before, after in pairwise(parts))


@given(windows, st.integers(1, 40))
def test_parts_join_without_hole_or_overlap_on_whole_seconds(window, count):
    parts = evenly(window, count)
    assert joins(window, parts)
    assert len(parts) <= count
    assert all(part.start.microsecond == 0 for part in parts)


@given(windows)
def test_no_part_is_longer_than_a_question_may_be(window):
    parts = cut(window, MessageTrace.longest, 8)
    assert joins(window, parts)
    assert all(part.length + timedelta(seconds=2) <= timedelta(days=10) for part in parts)


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
