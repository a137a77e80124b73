"""Subscriptions to content types, and blobs that come late, grow, vanish and expire; protocol.md A2, A4."""

from datetime import timedelta

from collector.simulator import (
    Access,
)

from .feeds import (
    EXCHANGE,
    GENERAL,
    HOUR,
    NOW,
    ONE,
    code,
    feed,
    ids,
    made,
    reading,
)


def test_a_late_blob_is_not_there_before_it_is_listed() -> None:
    with reading(feed(made(listed_from=NOW + HOUR / 2))) as reader:
        assert ids(reader.content()) == []
        assert code(reader.ask("audit/b0$b0$x$X")) == (400, "AF20050")
        reader.time.moment += HOUR / 2
        assert ids(reader.content()) == ["b0$b0$x$X"]
        assert reader.ask("audit/b0$b0$x$X").status_code == 200


def test_a_blob_of_the_future_is_not_there_yet() -> None:
    with reading(feed(made(age=-HOUR / 2))) as reader:
        assert ids(reader.content(until=NOW + HOUR, since=NOW - HOUR)) == []
        reader.time.moment += HOUR / 2
        assert ids(reader.content(until=NOW + HOUR, since=NOW - HOUR)) == ["b0$b0$x$X"]


def test_a_blob_vanishes_and_is_still_listed() -> None:
    with reading(feed(made(gone_from=NOW))) as reader:
        assert ids(reader.content()) == ["b0$b0$x$X"]
        assert code(reader.ask("audit/b0$b0$x$X")) == (400, "AF20050")


def test_a_blob_expires_and_is_still_listed() -> None:
    with reading(feed(made(expires=NOW))) as reader:
        assert ids(reader.content()) == ["b0$b0$x$X"]
        assert code(reader.ask("audit/b0$b0$x$X")) == (400, "AF20051")


def test_a_blob_that_grows_is_whole_in_the_end() -> None:
    with reading(feed(made(complete_from=NOW + HOUR / 2, first_records=1))) as reader:
        sizes = [len(reader.ask("audit/b0$b0$x$X").json())]
        reader.time.moment += HOUR / 2
        sizes.append(len(reader.ask("audit/b0$b0$x$X").json()))
    assert sizes == [1, 3]


def test_a_blob_that_is_unknown_or_no_id_at_all() -> None:
    with reading(ONE) as reader:
        assert code(reader.ask("audit/b9$b9$x$X")) == (400, "AF20050")
        assert code(reader.ask("audit/b0")) == (400, "AF20052")
        assert reader.ask("audit/b0%24b0%24x%24X").status_code == 200


def test_what_was_never_started_and_what_is_disabled() -> None:
    held = feed(made(), subscriptions={GENERAL: None})
    with reading(held) as reader:
        assert code(reader.content()) == (400, "AF20022")
        assert code(reader.ask("subscriptions/stop", "POST", contentType=EXCHANGE)) == (400, "AF20022")
        assert code(reader.content(GENERAL)) == (400, "AF20023")
        listed = reader.ask("subscriptions/list").json()
    assert listed == [{"contentType": GENERAL, "status": "disabled", "webhook": None}]


def test_a_start_lists_nothing_for_a_while_and_then_what_was_before_it() -> None:
    held = feed(made(0), made(1, age=23 * HOUR), subscriptions={})
    with reading(held) as reader:
        assert reader.start().json() == {"contentType": EXCHANGE, "status": "enabled", "webhook": None}
        assert ids(reader.content()) == []
        reader.time.moment += timedelta(minutes=2)
        assert ids(reader.content()) == ["b0$b0$x$X"]


def test_first_content_can_be_slow() -> None:
    with reading(
        feed(made(), subscriptions={}, first_content=12 * HOUR), access=Access(token_lifetime=99999)
    ) as reader:
        reader.start()
        reader.time.moment += timedelta(hours=11, minutes=59)
        assert ids(reader.content()) == []
        reader.time.moment += timedelta(minutes=1)
        assert ids(reader.content()) == ["b0$b0$x$X"]


def test_a_second_start_changes_nothing_and_says_so() -> None:
    with reading(ONE) as reader:
        assert code(reader.start()) == (400, "AF20024")
        webhook = {"webhook": {"address": "https://hook.example.org", "authId": "a"}}
        assert reader.start(body=webhook).json()["webhook"]["status"] == "enabled"
        assert code(reader.start(body=webhook)) == (400, "AF20024")
        assert ids(reader.content()) == ["b0$b0$x$X"]
        assert code(reader.start(body={"webhook": "https://hook.example.org"})) == (400, "AF20002")


def test_a_disabled_subscription_can_be_started() -> None:
    with reading(feed(made(), subscriptions={EXCHANGE: None})) as reader:
        assert reader.start().status_code == 200
        assert reader.content().status_code == 200


def test_content_between_a_stop_and_the_next_start_is_lost() -> None:
    held = feed(made(0), made(1, age=-HOUR / 4), made(2, age=-HOUR * 3 / 4), made(3, age=23 * HOUR))
    with reading(held) as reader:
        stopped = reader.ask("subscriptions/stop", "POST", contentType=EXCHANGE)
        assert (stopped.status_code, stopped.content) == (200, b"")
        assert code(reader.content()) == (400, "AF20022")
        assert EXCHANGE not in {row["contentType"] for row in reader.ask("subscriptions/list").json()}
        reader.time.moment += HOUR / 2
        reader.start()
        reader.time.moment += HOUR / 3
        assert ids(reader.content(until=NOW + HOUR, since=NOW - 23 * HOUR)) == ["b0$b0$x$X", "b2$b2$x$X", "b3$b3$x$X"]
