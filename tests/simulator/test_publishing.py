"""The feed of a story: every record in it, an hour and more after the event, out of order, twice and late."""

import time
from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta

import pytest

from collector.simulator import (
    Feed,
    Publishing,
    Scenario,
    content_type_of,
    publish,
    takeover,
)

from .conftest import START, WINDOW, audit_rows, calling
from .feeds import Reader, Time, ids

STORY = takeover(start=START, days=7, records=2000, traces=200)
HOUR = timedelta(hours=1)
PLAIN = Publishing(twice_every=0, late_every=0, stray_by=None, shuffled=False)


def records(feed: Feed) -> Counter[tuple[str, str]]:
    return Counter((blob.content_type, str(record)) for blob in feed.blobs for record in blob.records)


def held(scenario: Scenario) -> set[tuple[str, str]]:
    return {(content_type_of(row.record_type), row.raw_auditdata) for row in scenario.audit_rows}


def ages(scenario: Scenario, how: Publishing) -> list[timedelta]:
    """How much younger each record's blob is than the record."""
    created = {row.raw_auditdata: row.created for row in scenario.audit_rows}
    feed = publish(scenario, how)
    return [blob.created - created[str(record)] for blob in feed.blobs for record in blob.records]


def listed(reader: Reader, since: datetime, until: datetime) -> Iterator[dict[str, str]]:
    """The rows of all pages of a window."""
    answer = reader.content(since=since, until=until)
    yield from answer.json()
    while "NextPageUri" in answer.headers:
        answer = reader.ask(answer.headers["NextPageUri"])
        yield from answer.json()


@pytest.mark.parametrize("how", [Publishing(), PLAIN, Publishing(seed=9, blob_records=3)])
def test_every_record_is_in_a_blob_of_its_content_type_byte_for_byte(how: Publishing) -> None:
    assert set(records(publish(STORY, how))) == held(STORY)


def test_a_plain_feed_holds_each_record_once_in_the_order_of_time() -> None:
    feed = publish(STORY, PLAIN)
    assert set(records(feed).values()) == {1}
    assert all(blob.listed_from is None for blob in feed.blobs)
    exchange = [blob for blob in feed.blobs if blob.content_type == "Audit.Exchange"]
    assert exchange == sorted(exchange, key=lambda blob: blob.created)


def test_a_record_is_published_an_hour_to_an_hour_and_a_half_after_the_event() -> None:
    found = ages(STORY, PLAIN)
    assert timedelta(minutes=59, seconds=59) < min(found) < max(found) <= timedelta(minutes=90)


def test_some_records_stand_in_two_blobs() -> None:
    times = Counter(records(publish(STORY, Publishing(twice_every=10, stray_by=None))).values())
    assert times[2] == pytest.approx(200, abs=3)
    assert set(times) == {1, 2}


def test_some_blobs_are_listed_hours_after_they_were_created() -> None:
    blobs = publish(STORY, Publishing(late_every=5)).blobs
    late = [blob.listed_from - blob.created for blob in blobs if blob.listed_from]
    assert len(late) == pytest.approx(len(blobs) / 5, abs=3)
    assert 2 * HOUR < min(late) < max(late) <= 24 * HOUR


def test_a_record_is_days_older_than_its_blob() -> None:
    stray = Publishing(twice_every=0, stray_by=timedelta(days=3))
    assert max(ages(STORY, stray)) >= timedelta(days=3)


def test_blobs_and_what_is_in_them_are_shuffled() -> None:
    feed = publish(STORY, Publishing(twice_every=0, stray_by=None))
    exchange = [blob for blob in feed.blobs if blob.content_type == "Audit.Exchange"]
    assert exchange != sorted(exchange, key=lambda blob: blob.created)
    order = {row.raw_auditdata: place for place, row in enumerate(STORY.audit_rows)}
    places = [[order[str(record)] for record in blob.records] for blob in exchange]
    assert any(inside != sorted(inside) for inside in places)


def test_a_seed_gives_the_same_feed_and_another_seed_another() -> None:
    assert publish(STORY) == publish(STORY) != publish(STORY, Publishing(seed=2))


def test_blobs_of_one_moment_have_names_of_their_own() -> None:
    rows = [row._replace(created=START) for row in audit_rows(5)]
    at_once = Publishing(soonest=HOUR, latest=HOUR, blob_records=1)
    blobs = publish(Scenario.of(audit=rows, window=WINDOW), at_once).blobs
    assert len({blob.content_id for blob in blobs}) == len(blobs) >= 5


def test_nothing_makes_no_blob_and_one_record_one() -> None:
    assert publish(Scenario.of(window=WINDOW)).blobs == ()
    lone = publish(Scenario.of(audit=audit_rows(1), window=WINDOW), Publishing(twice_every=0))
    assert [len(blob.records) for blob in lone.blobs] == [1]


@pytest.mark.parametrize(
    ("kind", "name"), [(50, "Exchange"), (15, "AzureActiveDirectory"), (6, "SharePoint"), (99, "General")]
)
def test_a_record_type_belongs_to_a_content_type(kind: int, name: str) -> None:
    assert content_type_of(kind) == f"Audit.{name}"


def test_a_tenant_publishes_its_story_by_itself() -> None:
    clock = Time()
    story = takeover(start=START, days=1, records=100, traces=20)
    clock.moment = story.window.end
    with calling(story, now=clock) as caller:
        reader = Reader(caller, clock)
        found = set()
        for row in listed(reader, story.window.start, story.window.end):
            found |= {record["Id"] for record in reader.ask(row["contentUri"]).json()}
        assert ids(reader.content("Audit.SharePoint", story.window.start, story.window.end)) == []
    due = {row.identity for row in story.audit_rows if content_type_of(row.record_type) == "Audit.Exchange"}
    # The last hour is not published yet, and some blobs are late.
    assert found < due
    assert len(found) > len(due) * 0.8


def test_the_feed_of_a_hundred_thousand_records_is_made_and_asked_quickly() -> None:
    rows = audit_rows(100_000)
    large = Scenario.of(audit=rows, window=WINDOW)
    begun = time.monotonic()
    clock = Time()
    clock.moment = WINDOW.end + timedelta(days=2)
    with calling(large, now=clock) as caller:
        reader = Reader(caller, clock)
        answer = reader.content(since=WINDOW.start, until=WINDOW.end)
        assert len(answer.json()) == 200
        assert len(reader.ask(answer.json()[0]["contentUri"]).json()) > 1
    assert time.monotonic() - begun < 10
