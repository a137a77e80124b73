"""The Management Activity API where it is whole: each rule of protocol.md A."""

from datetime import datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from collector.simulator import (
    DLP,
    TENANT_ID,
    Access,
    Quotas,
)

from .feeds import (
    DAY,
    EXCHANGE,
    FIVE,
    GENERAL,
    HOUR,
    NOW,
    ONE,
    PUBLISHER,
    behaving,
    code,
    feed,
    ids,
    made,
    pages,
    reading,
    times,
)


def test_a_listed_row_leads_to_the_records_of_its_blob() -> None:
    with reading(ONE) as reader:
        answer = reader.content()
        row = answer.json()[0]
        assert row == {
            "contentType": EXCHANGE,
            "contentId": "b0$b0$x$X",
            "contentUri": f"{reader.root}/audit/b0$b0$x$X",
            "contentCreated": "2026-11-20T11:00:00.000Z",
            "contentExpiration": "2026-11-27T11:00:00.000Z",
        }
        assert reader.ask(row["contentUri"]).content == b'[{"Id":"id-0-0"},{"Id":"id-0-1"},{"Id":"id-0-2"}]'
    assert answer.headers["Content-Type"] == "application/json; charset=utf-8"
    assert (answer.headers["Cache-Control"], answer.headers["Expires"]) == ("no-cache", "-1")
    assert "NextPageUri" not in answer.headers


def test_a_pretty_printed_blob_leaves_each_record_as_it_is() -> None:
    odd = made(records=('{ "a" : 1.50 }', '{"b":"\\ud800é"}'))
    with reading(feed(odd), **behaving(pretty=True)) as reader:
        body = reader.ask(f"audit/{odd.content_id}").content
    assert body == '[\r\n  { "a" : 1.50 },\r\n  {"b":"\\ud800é"}\r\n]'.encode()


def test_what_was_asked_can_be_looked_at() -> None:
    with reading(ONE) as reader:
        reader.content(PublisherIdentifier=PUBLISHER)
        reader.start(body={"webhook": {"address": "https://hook.example.org"}}, PublisherIdentifier=PUBLISHER)
        content, start = reader.tenant.requests[-2:]
    assert (content.path, content.status) == (f"/api/v1.0/{TENANT_ID}/activity/feed/subscriptions/content", 200)
    assert content.query == {"contentType": EXCHANGE, "PublisherIdentifier": PUBLISHER, **times(NOW - DAY, NOW)}
    assert content.headers["authorization"] == "Bearer"
    assert start.method == "POST"
    assert start.parameters == {"webhook": {"address": "https://hook.example.org"}}


# Who may ask


def test_without_a_token_the_gateway_refuses() -> None:
    with reading(ONE) as reader:
        answer = reader.ask("subscriptions/list", headers={"Authorization": ""})
    assert answer.status_code == 401
    assert "Message" in answer.json()


def test_a_token_is_refused_when_it_has_expired() -> None:
    with reading(ONE) as reader:
        assert reader.content().status_code == 200
        reader.time.moment += 2 * HOUR
        assert reader.content().status_code == 401


@pytest.mark.parametrize(
    ("tenant", "access", "refused"),
    [
        ("contoso.example.org", Access(), "AF20013"),
        ("22222222-2222-4222-8222-222222222222", Access(), "AF20010"),
        (TENANT_ID, Access(tid="22222222-2222-4222-8222-222222222222"), "AF20010"),
        ("22222222-2222-4222-8222-222222222222", Access(tid="22222222-2222-4222-8222-222222222222"), "AF20011"),
    ],
)
def test_a_tenant_that_is_no_guid_not_the_tokens_or_not_there(tenant: str, access: Access, refused: str) -> None:
    with reading(ONE, access=access) as reader:
        answer = reader.ask(f"{reader.root.replace(TENANT_ID, tenant)}/subscriptions/list")
    assert code(answer) == (400, refused)


def test_an_app_without_the_role_of_the_feed_is_refused_whatever_it_asks() -> None:
    with reading(ONE, access=Access(roles=("Exchange.ManageAsApp",))) as reader:
        for place in ("subscriptions/list", "subscriptions/content", "audit/b0$b0$x$X", "resources/dlpSensitiveTypes"):
            assert code(reader.ask(place)) == (401, "AF10001")


def test_dlp_has_a_role_of_its_own() -> None:
    held = feed(made(kind=DLP))
    with reading(held) as reader:
        assert code(reader.content(DLP)) == code(reader.ask("audit/b0$b0$x$X")) == (401, "AF10001")
    with reading(held, access=Access(roles=("ActivityFeed.Read", "ActivityFeed.ReadDlp"))) as reader:
        assert ids(reader.content(DLP)) == ["b0$b0$x$X"]
        assert len(reader.ask("audit/b0$b0$x$X").json()) == 3


# What is asked


@pytest.mark.parametrize("place", ["subscriptions/content", "subscriptions/notifications"])
def test_a_content_type_is_wanted_in_its_exact_case(place: str) -> None:
    with reading(ONE) as reader:
        assert code(reader.ask(place)) == (400, "AF20001")
        assert code(reader.ask(place, contentType="audit.exchange")) == (400, "AF20020")


@pytest.mark.parametrize(
    ("since", "until", "lenient", "refused"),
    [
        (NOW - DAY, NOW, False, None),
        (NOW - 7 * DAY, NOW - 6 * DAY, False, None),
        (NOW - 7 * DAY - timedelta(seconds=1), NOW - 7 * DAY, False, "AF20030"),
        (NOW - 7 * DAY - HOUR, NOW - 7 * DAY, True, None),
        (NOW - 7 * DAY - HOUR - timedelta(seconds=1), NOW - 7 * DAY, True, "AF20030"),
        (NOW - DAY - timedelta(seconds=1), NOW, False, "AF20030"),
        (NOW - 2 * DAY, NOW, True, None),
        (NOW, NOW, False, "AF20030"),
        (NOW, NOW - HOUR, True, "AF20030"),
        (NOW, NOW + HOUR, False, None),
    ],
)
def test_a_window_is_ordered_a_day_long_at_most_and_within_seven_days(
    since: datetime, until: datetime, lenient: bool, refused: str | None
) -> None:
    with reading(ONE, **behaving(lenient=lenient)) as reader:
        answer = reader.content(since=since, until=until)
    assert (answer.status_code, refused) == (200, None) if refused is None else code(answer) == (400, refused)


def test_a_lenient_service_gives_a_part_of_a_long_window_and_does_not_say_so() -> None:
    with reading(feed(made(0), made(1, age=30 * HOUR)), **behaving(lenient=True)) as reader:
        assert ids(reader.content(since=NOW - 2 * DAY, until=NOW)) == ["b1$b1$x$X"]


def test_a_time_alone_is_refused_and_none_is_the_last_day() -> None:
    with reading(feed(made(0), made(1, age=25 * HOUR), page_size=1)) as reader:
        alone = reader.ask("subscriptions/content", contentType=EXCHANGE, startTime="2026-11-20")
        assert code(alone) == (400, "AF20030")
        assert ids(reader.ask("subscriptions/content", contentType=EXCHANGE)) == ["b0$b0$x$X"]


@pytest.mark.parametrize("text", ["2026-11-20T00:00:00Z", "2026-11-20T00:00:00.0", "yesterday"])
def test_a_time_with_a_zone_or_a_fraction_is_no_time(text: str) -> None:
    with reading(ONE) as reader:
        answer = reader.ask("subscriptions/content", contentType=EXCHANGE, startTime=text, endTime="2026-11-20")
    assert code(answer) == (400, "AF20002")


@pytest.mark.parametrize("since", ["2026-11-20", "2026-11-20T00:00", "2026-11-20T00:00:00"])
def test_three_forms_of_a_time_are_read(since: str) -> None:
    with reading(ONE) as reader:
        answer = reader.ask("subscriptions/content", contentType=EXCHANGE, startTime=since, endTime="2026-11-20T11:01")
        assert ids(answer) == ["b0$b0$x$X"]


def test_a_listing_holds_its_start_and_not_its_end() -> None:
    held = feed(made(0, age=2 * HOUR), made(1), made(2, kind=GENERAL))
    with reading(held) as reader:
        assert ids(reader.content(since=NOW - 2 * HOUR, until=NOW - HOUR)) == ["b0$b0$x$X"]


def test_a_method_or_path_that_is_not_served() -> None:
    with reading(ONE) as reader:
        statuses = [reader.ask("subscriptions/content", "POST").status_code, reader.ask("subscriptions").status_code]
    assert statuses == [405, 404]


# Pages


def test_a_listing_comes_in_pages_in_the_order_of_the_feed() -> None:
    with reading(FIVE) as reader:
        assert pages(reader, reader.content()) == [
            ["b0$b0$x$X", "b1$b1$x$X"],
            ["b2$b2$x$X", "b3$b3$x$X"],
            ["b4$b4$x$X"],
        ]


def test_the_next_page_carries_the_window_that_was_not_asked_for() -> None:
    with reading(FIVE) as reader:
        link = reader.ask("subscriptions/content", contentType=EXCHANGE).headers["NextPageUri"]
    query = {name: values[0] for name, values in parse_qs(urlsplit(link).query).items()}
    assert query.pop("nextPage")
    assert query == {"contentType": EXCHANGE, **times(NOW - DAY, NOW)}


def test_a_next_page_in_lower_case_is_served_all_the_same() -> None:
    with reading(FIVE, **behaving(lower_case_link=True, publisher_in_link=True)) as reader:
        first = reader.content(PublisherIdentifier=PUBLISHER)
        assert f"publisheridentifier={PUBLISHER}" in first.headers["NextPageUri"]
        assert "starttime=" in first.headers["NextPageUri"]
        assert len(pages(reader, first)) == 3


def test_the_header_of_the_next_page_can_have_another_name() -> None:
    with reading(FIVE, **behaving(next_page_header="NextPageUrl")) as reader:
        answer = reader.content()
    assert "NextPageUrl" in answer.headers
    assert "NextPageUri" not in answer.headers


def test_a_cursor_is_good_for_its_own_listing_only() -> None:
    with reading(FIVE) as reader:
        cursor = parse_qs(urlsplit(reader.content().headers["NextPageUri"]).query)["nextPage"][0]
        assert code(reader.content(nextPage="2026112000R000000000000")) == (400, "AF20031")
        assert code(reader.content(GENERAL, nextPage=cursor)) == (400, "AF20031")
        assert code(reader.content(since=NOW - HOUR, nextPage=cursor)) == (400, "AF20031")
        assert ids(reader.content(nextPage=cursor)) == ["b2$b2$x$X", "b3$b3$x$X"]


# The rest


def test_notifications_tell_of_each_blob_when_and_whether_it_was_told() -> None:
    with reading(ONE) as reader:
        row = reader.ask("subscriptions/notifications", contentType=EXCHANGE, **times(NOW - DAY, NOW)).json()[0]
    assert (row["contentId"], row["notificationStatus"]) == ("b0$b0$x$X", "success")
    assert row["notificationSent"] == "2026-11-20T12:00:00.000Z"


def test_sensitive_types_are_told_in_one_language() -> None:
    with reading(ONE) as reader:
        place = "resources/dlpSensitiveTypes"
        assert set(reader.ask(place, headers={"Accept-Language": "en-US"}).json()[0]) == {"id", "name"}
        assert code(reader.ask(place, headers={"Accept-Language": "en-US, de"})) == (400, "AF20053")


@pytest.mark.parametrize(
    ("how", "status", "after"),
    [({}, 403, None), ({"retry_after": True}, 403, "60"), ({"throttled_status": 429, "retry_after": True}, 429, "60")],
)
def test_the_quota_of_a_minute(how: dict[str, Any], status: int, after: str | None) -> None:
    with reading(ONE, quotas=Quotas(feed_requests=2), **behaving(**how)) as reader:
        assert [reader.content().status_code for _ in range(2)] == [200, 200]
        refused = reader.ask("audit/b0$b0$x$X", PublisherIdentifier=PUBLISHER)
        bare = reader.ask("subscriptions/list")
        reader.time.moment += timedelta(minutes=1)
        assert reader.content().status_code == 200
    assert code(refused) == (status, "AF429")
    assert refused.json()["error"]["message"] == f"Too many requests. Method=GetBlob, PublisherId={PUBLISHER}"
    assert "PublisherId=00000000-0000-0000-0000-000000000000" in bare.text
    assert refused.headers.get("Retry-After") == after
