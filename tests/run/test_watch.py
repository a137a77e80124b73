"""Watches that go well: every record in sealed, chained folders, once; late ones found; nothing lost between runs."""

import json
import shutil
import threading
import tracemalloc
from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from collector.errors import ExitCode, UsageError
from collector.evidence import INDEX
from collector.model import utc
from collector.run.content import YOUNG
from collector.run.heartbeat import read_heartbeat
from collector.run.outcome import Outcome
from collector.simulator import Publishing, Scenario, publish
from tests.fakes import FakeClock
from tests.run.watches import (
    ALL_SOURCES,
    AUDIT,
    FEED,
    HOUR,
    START,
    assert_joined,
    assert_sound,
    audit_in,
    blobs,
    feed_ids,
    identities,
    story,
    traces,
    watched,
)

pytestmark = pytest.mark.tries("a watch over simulated days")

DAY = 24 * HOUR
ONE_SOURCE = {"sources": {AUDIT: {"operations": []}}}


def late(scenario: Scenario) -> Scenario:
    """Let every fifth audit record come hours late, and every fourth trace be pending for a while."""
    audit = [
        row._replace(known_from=row.created + (1 + number % 22) * HOUR) if number % 5 == 0 else row
        for number, row in enumerate(scenario.audit_rows)
    ]
    pending = [
        row._replace(settled_from=(utc(row.received) or START) + 5 * HOUR) if number % 4 == 0 else row
        for number, row in enumerate(scenario.traces)
    ]
    return Scenario.of(audit=audit, traces=pending, window=scenario.window, mailboxes=scenario.mailboxes)


def test_days_with_all_that_comes_late_end_whole_and_once(tmp_path: Path) -> None:
    scenario = late(story(days=4, records=160, traces=120))
    feed = publish(scenario, Publishing(late_every=6, late_by=20 * HOUR, blob_records=5))
    with watched(tmp_path, scenario, start=START + HOUR, feed=feed, more={"window": {"last": "1h"}}) as watch:
        code = watch.watch(3 * 86400, every=7200, seal_every=86400)
        runs = watch.runs
        end = watch.clock.now()
        settled = audit_in(watch) - {
            row.identity for row in scenario.audit_rows if row.known_from and row.known_from > end - 3 * HOUR
        }
    assert code is ExitCode.GAPS  # nobody can tell what was before the first blob
    assert len(runs) == 3
    assert_sound(runs)
    assert_joined(runs)
    found = identities(runs)
    assert set(found) >= settled
    assert set(found.values()) == {1}
    told = {
        (row.message_trace_id, row.recipient, row.received)
        for row in scenario.traces
        if row.received < f"{end:%Y-%m-%dT%H:%M:%S}"
    }
    statuses = traces(runs)
    assert {key[:3] for key in statuses} == told
    assert set(statuses.values()) == {1}
    both = {key[:3] for key in statuses if key[3] == "Pending"} & {key[:3] for key in statuses if key[3] == "Delivered"}
    assert both
    exchange = [blob for blob in feed.blobs if blob.content_type in ALL_SOURCES[FEED]["content_types"]]
    there = {blob.content_id for blob in exchange if (blob.listed_from or blob.created) < end - 2 * HOUR}
    got = blobs(runs)
    assert there <= set(got)
    assert any(blob.listed_from for blob in exchange if blob.content_id in there)
    fetched = [(blob, run.path.name) for run in runs for commit in run.commits for blob in commit.blobs]
    old = Counter(blob.content_id for blob, _ in fetched if blob.created and blob.fetched_at >= blob.created + YOUNG)
    assert set(old.values()) == {1}
    counted = [again for run in runs for again in run.coverage.rechecks]
    assert sum(one.late for one in counted if one.source == AUDIT) > 10
    assert sum(one.late for one in counted if one.source == FEED) > 0
    assert sum(outcome.late for outcome in watch.outcomes) == sum(one.late for one in counted)
    held = {json.loads(str(record))["Id"] for blob in exchange if blob.content_id in there for record in blob.records}
    assert held <= feed_ids(runs)


def test_a_late_record_is_found_by_the_next_cycle_that_reaches_it(tmp_path: Path) -> None:
    scenario = story(days=1, records=40, traces=1)
    first = next(row for row in scenario.audit_rows if row.created > START + 2 * HOUR)
    came = first.created.replace(minute=0, second=0, microsecond=0) + 2 * HOUR + timedelta(minutes=20)
    tardy = [row._replace(known_from=came) if row is first else row for row in scenario.audit_rows]
    held = Scenario.of(audit=tardy, window=scenario.window)
    with watched(tmp_path, held, start=START + HOUR, more=ONE_SOURCE) as watch:
        watch.watch((came - START).total_seconds(), every=1800)
        (run,) = watch.runs
    finding = [one for one in run.coverage.rechecks if one.late]
    assert [one.late for one in finding] == [1]
    assert finding[0].asked_at is not None
    assert timedelta(0) <= finding[0].asked_at - came < timedelta(minutes=30)
    assert identities([run])[first.identity] == 1


def test_days_of_absence_are_caught_up_and_nothing_is_doubled(tmp_path: Path) -> None:
    with watched(tmp_path, story(days=6, records=200, traces=150), start=START + DAY) as watch:
        watch.watch(3600)
        watch.clock.move(3 * 86400)
        assert watch.watch(3600) is ExitCode.COMPLETE
        runs = watch.runs
        assert set(identities(runs)) == audit_in(watch)
    assert_sound(runs)
    assert_joined(runs)
    assert set(identities(runs).values()) == {1}
    assert set(traces(runs).values()) == {1}


def test_unsettled_slices_are_settled_by_a_later_look_back(tmp_path: Path) -> None:
    with watched(tmp_path, start=START + HOUR, more=ONE_SOURCE) as watch:
        watch.watch(30 * 3600, every=3 * 3600, seal_every=10 * 86400)
        (run,) = watch.runs
    whole = {one.start: one.settled for one in run.coverage.slices}
    assert whole[START + 3 * HOUR] is True
    asked = [commit for commit in run.commits if commit.start == START + 3 * HOUR and not commit.recheck]
    assert [commit.settled for commit in asked] == [False]
    assert list(whole.values())[-1] is False
    assert run.coverage.settled_until is not None


def test_cycles_do_not_overlap_and_an_overlong_one_is_followed_at_once(tmp_path: Path) -> None:
    with watched(tmp_path, start=START + HOUR, more=ONE_SOURCE) as watch:

        def slow(outcome: Outcome) -> None:
            if outcome.number == 2:
                watch.clock.move(2000)

        watch.watch(4500, every=900, then=slow)
    began = [(outcome.began - START - HOUR).total_seconds() for outcome in watch.outcomes]
    assert began == pytest.approx([0, 900, 2900, 3800, 4500], abs=30)
    assert all(a.ended <= b.began for a, b in zip(watch.outcomes, watch.outcomes[1:], strict=False))


def _gone(index: Path) -> None:
    index.unlink()


def _damaged(index: Path) -> None:
    index.write_bytes(b"\x5a" * index.stat().st_size)


@pytest.mark.parametrize("damage", [_gone, _damaged])
def test_the_index_is_lost_and_nothing_is_doubled(damage: Callable[[Path], None], tmp_path: Path) -> None:
    with watched(tmp_path, start=START + DAY) as watch:
        watch.watch(3600)
        damage(watch.engagement / INDEX)
        watch.watch(3600)
        runs = watch.runs
        assert set(identities(runs)) == audit_in(watch)
    assert set(identities(runs).values()) == {1}
    assert set(traces(runs).values()) == {1}
    assert_sound(runs)


def test_a_run_that_was_taken_away_is_collected_again(tmp_path: Path) -> None:
    with watched(tmp_path, start=START + DAY, more=ONE_SOURCE) as watch:
        watch.watch(3600)
        lost, kept = watch.runs[0], tmp_path / "elsewhere"
        shutil.move(lost.path, kept)
        watch.watch(3600)
        runs = watch.runs
        there = audit_in(watch)
    found = identities(runs)
    assert set(found.values()) == {1}
    assert (
        set(found) == {row.identity for row in watch.tenant.scenario.audit_rows if row.created >= START + HOUR} & there
    )


@pytest.mark.parametrize("minutes", [-7, -0.5, 0.5, 7])
def test_the_service_lives_by_another_clock(minutes: float, tmp_path: Path) -> None:
    clock = FakeClock(START + DAY)
    with watched(tmp_path, start=START + DAY + timedelta(minutes=minutes)) as watch:

        class Together(FakeClock):
            """The collector's clock, which carries the tenant's along."""

            def sleep(self, seconds: float) -> None:
                super().sleep(seconds)
                watch.clock.move(max(0.0, seconds))

        clock = Together(START + DAY)
        watch.watch(2 * 3600, every=3600, seal_every=3600, clock=clock)
        watch.watch(1800, every=900, clock=clock)
        runs = watch.runs
    assert_sound(runs, sealed=minutes > -1)
    assert_joined(runs)
    assert all(one.reason != "window-refused" for run in runs for one in run.coverage.slices)


def test_memory_threads_and_files_are_as_flat_at_the_end_as_at_the_start(tmp_path: Path) -> None:
    seen: list[tuple[int, int, int]] = []
    with watched(tmp_path, start=START + HOUR, more=ONE_SOURCE) as watch:

        def look(outcome: Outcome) -> None:
            if outcome.number in (20, 60):
                watch.tenant.requests.clear()
                watch.clock.slept.clear()
                files = len(list(Path("/proc/self/fd").iterdir()))
                seen.append((threading.active_count(), files, tracemalloc.get_traced_memory()[0]))

        tracemalloc.start()
        try:
            watch.watch(60 * 600, every=600, seal_every=6000, then=look)
        finally:
            tracemalloc.stop()
    early, late_on = seen
    assert late_on[0] <= early[0] + 2
    assert late_on[1] <= early[1] + 3
    assert late_on[2] - early[2] < 500_000


def test_nothing_secret_stands_in_heartbeat_or_outcome(tmp_path: Path) -> None:
    with watched(tmp_path, start=START + HOUR) as watch:
        watch.watch(900)
        secret = watch.tenant.client_secret
        said = (watch.engagement / "heartbeat.json").read_text(encoding="utf-8") + repr(watch.outcomes)
    assert secret not in said
    assert "eyJ" not in said
    assert read_heartbeat(watch.engagement) is not None


def test_settings_are_collected_once_in_each_run_and_do_not_hold_up_its_seal(tmp_path: Path) -> None:
    asked = {AUDIT: {"operations": []}, "tenant-settings": {}}
    with watched(tmp_path, story(days=2), more={"sources": asked}) as watch:
        assert watch.watch(2 * DAY.total_seconds()) is ExitCode.COMPLETE
        runs = watch.runs
    assert_sound(runs)
    assert len(runs) == 2
    for run in runs:
        settings = Counter(commit.part for commit in run.commits if commit.source == "tenant-settings")
        assert settings
        assert set(settings.values()) == {1}


@pytest.mark.parametrize(
    ("sources", "words"),
    [
        ({AUDIT: {}, "historical-search": {}}, "asked once"),
        ({AUDIT: {}, "message-trace": {"for": "accessed"}}, "asked once"),
        ({"tenant-settings": {}}, "nothing to watch"),
    ],
)
def test_what_is_asked_once_is_not_watched(tmp_path: Path, sources: dict[str, object], words: str) -> None:
    known = {"mailboxes": ["megan@contoso.example.org"], "attacker": {"ips": ["203.0.113.0/24"]}}
    with watched(tmp_path, more={"sources": sources, **known}) as watch:
        with pytest.raises(UsageError, match=words):
            watch.watch(60)
        assert not watch.tenant.requests
