"""Faults of the Management Activity API: each does what it is named for; protocol.md A5, A7."""

import json

import pytest
import requests

from collector.simulator import (
    Fault,
    Kind,
    When,
    any_feed,
    blob,
    content_id,
    content_type,
    feed_chance,
    listing,
    operation,
    path,
)
from collector.simulator.conditions import Asked

from .feeds import (
    EXCHANGE,
    FIVE,
    GENERAL,
    ONE,
    behaving,
    code,
    failing,
    feed,
    ids,
    made,
    pages,
    reading,
)


@pytest.mark.parametrize(
    ("failed", "status"), [("AF429", 403), ("AF50000", 500), ("AF50005", 500), ("AF20022", 400), ("AF20031", 400)]
)
def test_an_error_code_once_and_then_the_answer(failed: str, status: int) -> None:
    with reading(FIVE, **failing(Fault(Kind.ACTIVITY_ERROR, listing(2), code=failed))) as reader:
        link = reader.content().headers["NextPageUri"]
        assert code(reader.ask(link)) == (status, failed)
        assert ids(reader.ask(link)) == ["b2$b2$x$X", "b3$b3$x$X"]


@pytest.mark.parametrize("after", ["7", None])
def test_throttling_as_429_with_and_without_retry_after(after: str | None) -> None:
    fault = Fault(Kind.ACTIVITY_ERROR, blob(), code="AF429", retry_after=after)
    with reading(ONE, **failing(fault), **behaving(throttled_status=429)) as reader:
        answer = reader.ask("audit/b0$b0$x$X")
    assert code(answer) == (429, "AF429")
    assert answer.headers.get("Retry-After") == after


def test_a_token_ends_in_the_middle() -> None:
    with reading(ONE, **failing(Fault(Kind.UNAUTHORIZED, blob(1)))) as reader:
        statuses = [reader.content().status_code, *(reader.ask("audit/b0$b0$x$X").status_code for _ in range(2))]
        reader.caller.sign_in()
        statuses.append(reader.ask("audit/b0$b0$x$X").status_code)
    assert statuses == [200, 401, 401, 200]


@pytest.mark.parametrize("status", [200, 503])
def test_an_html_page_whatever_the_status(status: int) -> None:
    with reading(ONE, **failing(Fault(Kind.HTML, any_feed, status=status))) as reader:
        answer = reader.content()
    assert (answer.status_code, answer.headers["Content-Type"]) == (status, "text/html; charset=utf-8")


@pytest.mark.parametrize("kind", [Kind.NO_ANSWER, Kind.CUT, Kind.RESET, Kind.BROKEN_GZIP])
def test_a_blob_that_does_not_arrive_whole_is_noticed_and_the_next_time_it_does(kind: Kind) -> None:
    with reading(ONE, **failing(Fault(kind, blob(1)))) as reader:
        with pytest.raises(requests.exceptions.RequestException):
            reader.ask("audit/b0$b0$x$X")
        assert len(reader.ask("audit/b0$b0$x$X").json()) == 3


def test_the_gzip_of_a_blob_is_cut() -> None:
    with reading(ONE, **failing(Fault(Kind.CUT_GZIP, blob()))) as reader:
        answer = reader.ask("audit/b0$b0$x$X")
    assert answer.headers["Content-Encoding"] == "gzip"
    with pytest.raises(json.JSONDecodeError):
        json.loads(answer.content)


@pytest.mark.parametrize("base", ["https://feed.fabrikam.example.org", "https://127.0.0.1:1"])
def test_the_next_page_is_said_to_be_elsewhere(base: str) -> None:
    with reading(ONE, **failing(Fault(Kind.FOREIGN_LINK, listing(), base=base))) as reader:
        assert reader.content().headers["NextPageUri"].startswith(f"{base}/api/v1.0/")


def test_the_next_page_is_the_same_page_for_ever() -> None:
    with reading(FIVE, **failing(Fault(Kind.LINK_LOOP, listing(), times=None))) as reader:
        link = reader.content().headers["NextPageUri"]
        answer = reader.ask(link)
    assert ids(answer) == ["b0$b0$x$X", "b1$b1$x$X"]
    assert answer.headers["NextPageUri"] == link


def test_a_listing_begins_again_at_its_end() -> None:
    with reading(FIVE, **failing(Fault(Kind.CYCLE, listing(), times=3))) as reader:
        found = pages(reader, reader.content())
    assert found[:3] == found[3:]


def test_an_empty_page_leads_to_a_full_one_and_an_empty_listing_to_none() -> None:
    faults = Fault(Kind.EMPTY_PAGE, listing(1)), Fault(Kind.EMPTY, listing(3))
    with reading(ONE, **failing(*faults)) as reader:
        assert pages(reader, reader.content()) == [[], ["b0$b0$x$X"]]
        assert pages(reader, reader.content()) == [[]]


def test_a_body_that_is_no_array() -> None:
    with reading(ONE, **failing(Fault(Kind.NO_ARRAY, any_feed))) as reader:
        assert set(reader.content().json()) == {"value"}


def test_a_fault_that_needs_an_object_around_the_rows_leaves_an_array_alone() -> None:
    kinds = (Kind.TWICE, Kind.NO_VALUE, Kind.ERRORS)
    with reading(ONE, **failing(*(Fault(kind, any_feed) for kind in kinds))) as reader:
        assert ids(reader.content()) == ["b0$b0$x$X"]


LISTED = Asked(2, "/x", operation="subscriptions/content", content_type=EXCHANGE)
FETCHED = Asked(3, "/x", operation="audit", content_type=EXCHANGE, content_id="b0$b0$x$X")


@pytest.mark.parametrize(
    ("asked", "holds", "does_not"),
    [
        (LISTED, listing(2), listing(1)),
        (LISTED, listing(), blob()),
        (FETCHED, blob(3), blob(2)),
        (FETCHED, content_id("b0$b0$x$X"), content_id("b1$b1$x$X")),
        (FETCHED, content_type(EXCHANGE), content_type(GENERAL)),
        (LISTED, operation("subscriptions/content"), operation("audit")),
        (LISTED, feed_chance(1.0), feed_chance(0.0)),
    ],
)
def test_a_condition_holds_where_it_says(asked: Asked, holds: When, does_not: When) -> None:
    assert (holds(asked), does_not(asked)) == (True, False)


def test_conditions_of_the_feed_leave_cmdlets_alone() -> None:
    search = Asked(1, "/x", "Search-UnifiedAuditLog")
    assert not any(fires(search) for fires in (any_feed, listing(), blob(), content_type(EXCHANGE), feed_chance(1.0)))


def test_a_fault_knows_the_content_type_of_a_blob() -> None:
    held = feed(made(0), made(1, kind=GENERAL))
    with reading(held, **failing(Fault(Kind.STATUS, content_type(GENERAL), times=None))) as reader:
        assert [reader.ask(f"audit/b{n}$b{n}$x$X").status_code for n in range(2)] == [200, 503]


def test_a_fault_by_path_fires_once_for_a_request_of_the_feed() -> None:
    with reading(ONE, **failing(Fault(Kind.STATUS, path("/activity/feed"), times=2))) as reader:
        assert [reader.content().status_code for _ in range(3)] == [503, 503, 200]
