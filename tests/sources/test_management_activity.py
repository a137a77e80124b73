"""The Activity API on a scripted network: what leaves for it, and what is made of what comes back."""

import hashlib
import json
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from collector.config import Limits, ManagementActivity
from collector.errors import Forbidden, QuestionError, Refused, Unanswered
from collector.http.client import Effort
from collector.http.transport import Received, Sent, TransportFailure
from collector.model import Axis, Slice, Window
from collector.sources import management_activity
from collector.sources.base import Kind
from collector.sources.management_activity import Listed, listed, record
from tests.fakes import API, NOW, TENANT, FakeClock, Line, Script, received
from tests.sources.windows import Asked, asked, question

EXCHANGE = "Audit.Exchange"
FEED = f"{API}/api/v1.0/{TENANT}/activity/feed"
WEEK, SECOND, HOUR = timedelta(days=7), timedelta(seconds=1), timedelta(hours=1)
PUBLISHER = f"PublisherIdentifier={TENANT}"
ONE = {
    "contentType": EXCHANGE,
    "contentId": "a$1$x$X",
    "contentUri": f"{FEED}/audit/a$1$x$X",
    "contentCreated": "2026-11-20T10:30:00.123Z",
    "contentExpiration": "2026-12-10T10:30:00.123Z",
}
BLOB = listed(json.dumps(ONE).encode())
SLICE = question("management-activity", 0, part=EXCHANGE).slice


class Api:
    """The source, on a line of its own."""

    def __init__(self, script: Script, *, may_start: bool = False, attempts: int = 2) -> None:
        self.line = Line(script, clock=FakeClock(NOW), limits=Limits(attempts=attempts))
        wanted = ManagementActivity(content_types=(EXCHANGE, "Audit.General"), start_subscriptions=may_start)
        self.source = management_activity.ManagementActivity(
            self.line.client, self.line.sign_in, API, wanted, clock=self.line.clock
        )

    def ask(self, window: Window | None = None, part: str = EXCHANGE) -> Asked:
        given = {} if window is None else {"window": window}
        return asked(self.source.ask(question("management-activity", 0, part=part, attempts=2, **given)))

    def fetch(self, blob: Listed = BLOB) -> list[bytes]:
        return list(self.source.fetch(blob, SLICE, Effort(2)).rows)

    @property
    def sent(self) -> list[Sent]:
        return self.line.transport.sent

    @property
    def addresses(self) -> list[str]:
        return [sent.address for sent in self.sent]


def listing(*rows: object, link: str | None = None, name: str = "nextpageuri", **headers: str) -> Received:
    answer = received(200, list(rows), **headers)
    return answer if link is None else answer._replace(headers={**answer.headers, name: link})


def refusal(code: str, status: int = 400) -> Received:
    return received(status, {"error": {"code": code, "message": "no"}})


def test_a_listing_asks_a_second_more_on_both_sides_by_get_with_its_publisher() -> None:
    api = Api([listing(ONE)])
    told = api.ask()
    assert api.addresses == [
        f"{FEED}/subscriptions/content?contentType={EXCHANGE}"
        f"&startTime=2026-11-20T09:59:59&endTime=2026-11-20T11:00:01&{PUBLISHER}"
    ]
    assert (api.sent[0].method, api.sent[0].body, api.sent[0].token) == ("GET", None, api.line.sign_in.held)
    assert set(api.line.sign_in.asked) == {API}
    assert told.finding.kind is Kind.WHOLE
    (row,) = told.rows
    assert row.raw == json.dumps(ONE).encode()
    assert row.at == datetime(2026, 11, 20, 10, 30, 0, 123_000, tzinfo=UTC).timestamp()
    assert told.pages[0].request == api.line.log[0]["client_request_id"]
    assert api.line.log[0]["slice"] == {
        "source": "management-activity",
        "part": EXCHANGE,
        "start": "2026-11-20T10:00:00Z",
        "end": "2026-11-20T11:00:00Z",
    }


def test_a_listing_of_nothing_is_empty() -> None:
    assert Api([listing()]).ask().finding.kind is Kind.EMPTY
    assert Api([listing(link="?nextPage=1"), listing()]).ask().finding.kind is Kind.EMPTY


def test_another_content_type_is_asked_for_by_its_name() -> None:
    api = Api([listing()])
    api.ask(part="Audit.General")
    assert "?contentType=Audit.General&" in api.addresses[0]


LINK = f"{FEED}/subscriptions/content?contentType=x&startTime=a&endTime=b&nextPage=2015101900R022885001761"
FOLLOWED = {
    "as documented": (LINK, f"{LINK}&{PUBLISHER}"),
    "with its publisher": (f"{LINK}&{PUBLISHER}", f"{LINK}&{PUBLISHER}"),
    "with its publisher, in lower case": (f"{LINK}&{PUBLISHER.lower()}", f"{LINK}&{PUBLISHER.lower()}"),
    "without anything asked": (f"{FEED}/next", f"{FEED}/next?{PUBLISHER}"),
    "by another path": (f"{API}/api/v1/{TENANT}/next?a=%24b", f"{API}/api/v1/{TENANT}/next?a=%24b&{PUBLISHER}"),
    "from here on": ("?nextPage=1", f"{FEED}/subscriptions/content?nextPage=1&{PUBLISHER}"),
    "with a fragment": (f"{LINK}#x", f"{LINK}&{PUBLISHER}"),
    "with the port": (LINK.replace(API, f"{API}:443"), f"{LINK}&{PUBLISHER}".replace(API, f"{API}:443")),
}


@pytest.mark.parametrize(("link", "address"), FOLLOWED.values(), ids=FOLLOWED.keys())
@pytest.mark.parametrize("name", ["nextpageuri", "nextpageurl"])
def test_the_next_page_is_asked_for_where_the_answer_says(link: str, address: str, name: str) -> None:
    api = Api([listing(ONE, link=link, name=name), listing({**ONE, "contentId": "b$2$x$X"})])
    told = api.ask()
    assert api.addresses[1:] == [address]
    assert (told.finding.kind, len(told.rows)) == (Kind.WHOLE, 2)


@pytest.mark.parametrize(
    "link",
    [
        "https://attacker.example.org/next",
        "//attacker.example.org/next",
        LINK.replace("https:", "http:"),
        LINK.replace(API, f"{API}.attacker.example.org"),
        LINK.replace(API, f"{API}:444"),
    ],
)
@pytest.mark.tries("a next page elsewhere")
def test_a_next_page_elsewhere_gets_no_request_and_may_be_right_the_next_time(link: str) -> None:
    api = Api([listing(ONE, link=link)])
    told = api.ask()
    assert len(api.sent) == 1
    assert (told.finding.kind, told.finding.reason, len(told.rows)) == (Kind.FAILED, "foreign-host", 1)


def test_next_pages_in_a_loop_are_left_and_what_was_listed_is_kept() -> None:
    api = Api([listing(ONE, link=LINK), listing({**ONE, "contentId": "b$"}, link=LINK)])
    told = api.ask()
    assert (told.finding.kind, told.finding.reason) == (Kind.FAILED, "paging-loop")
    assert (len(api.sent), len(told.rows)) == (2, 2)


FAILURES = {
    "stale page": (refusal("AF20031"), Kind.FAILED, "paging-refused"),
    "no subscription, as it may say for a while": (refusal("AF20022"), Kind.FAILED, "not-subscribed"),
    "disabled": (refusal("AF20023"), Kind.REFUSED, "subscription-disabled"),
    "window": (refusal("AF20030"), Kind.REFUSED, "window-refused"),
    "no role": (refusal("AF10001", 401), Kind.REFUSED, "forbidden"),
    "403 of the gateway": (received(403, {"Message": "Authorization has been denied"}), Kind.REFUSED, "forbidden"),
    "wrong content type": (refusal("AF20020"), Kind.REFUSED, "refused: 400: AF20020: no"),
}


@pytest.mark.parametrize(("answer", "kind", "reason"), FAILURES.values(), ids=FAILURES.keys())
def test_a_first_page_that_is_refused_ends_the_listing(answer: Received, kind: Kind, reason: str) -> None:
    told = Api([answer]).ask()
    assert (told.finding.kind, told.finding.reason, len(told.rows)) == (kind, reason, 0)
    assert told.finding.forbidden is (reason == "forbidden")


@pytest.mark.parametrize(("answer", "kind", "reason"), FAILURES.values(), ids=FAILURES.keys())
def test_a_next_page_that_is_refused_may_not_be_needed_by_a_shorter_slice(
    answer: Received, kind: Kind, reason: str
) -> None:
    told = Api([listing(ONE, link=LINK), answer]).ask()
    forbidden = reason == "forbidden"
    assert told.finding.kind is (Kind.REFUSED if forbidden else Kind.FAILED)
    assert (told.finding.reason, told.finding.forbidden) == (reason.partition(":")[0], forbidden)
    assert len(told.rows) == 1


def test_a_listing_that_no_reader_can_cut_fails_and_is_handed_on_whole() -> None:
    body = b'{"value":[]}'
    told = Api(lambda _: received(200, body)).ask()
    assert (told.finding.kind, told.finding.reason, told.finding.unread) == (Kind.FAILED, "unreadable", body)


def ending(now: datetime, *, length: timedelta = HOUR) -> Window:
    return Window(now - length, now)


@pytest.mark.parametrize("ahead", [timedelta(0), timedelta(minutes=40), -timedelta(minutes=40)], ids=str)
def test_the_bounds_of_a_listing_are_those_of_the_services_clock(ahead: timedelta) -> None:
    theirs = NOW + ahead
    api = Api(lambda _: listing(date=format_datetime(theirs, usegmt=True)))
    api.ask()
    assert api.source.now == theirs
    oldest = theirs - WEEK + 5 * SECOND
    api.ask(ending(theirs))
    api.ask(Window(oldest, oldest + HOUR))
    assert "&endTime=" + f"{theirs:%Y-%m-%dT%H:%M:%S}" in api.addresses[1], "nothing is asked of the time to come"
    assert "&startTime=" + f"{oldest:%Y-%m-%dT%H:%M:%S}" in api.addresses[2], "nor of what is no longer listed"
    told = api.ask(Window(oldest - SECOND, oldest + HOUR))
    assert (told.finding.kind, told.finding.reason) == (Kind.REFUSED, "window-refused")
    assert len(api.sent) == 3


def test_the_longest_slice_with_its_margins_is_a_listing_of_24_hours() -> None:
    api = Api([listing()])
    start = NOW - timedelta(days=3)
    api.ask(Window(start, start + management_activity.ManagementActivity.longest))
    assert "startTime=2026-11-18T04:59:59&endTime=2026-11-19T04:59:59&" in api.addresses[0]


def test_the_cheapest_question_is_a_second_that_has_passed_whatever_window_it_is_for() -> None:
    api = Api([])
    for window in (ending(NOW - 9 * WEEK), ending(NOW + WEEK)):
        assert api.source.probe(window).slice == Slice(
            "management-activity", EXCHANGE, Axis.AVAILABLE, Window(NOW - SECOND, NOW)
        )


def test_a_blob_is_got_where_it_is_listed_and_known_by_its_records_in_any_order() -> None:
    api = Api([received(200, b'[{"Id":2},\r\n {"Id":1}]'), received(200, b'[{"Id":1},{"Id":2}]'), received(200, b"[]")])
    one, two, none = (api.source.fetch(BLOB, SLICE, Effort(2)) for _ in range(3))
    assert api.addresses[0] == f"{FEED}/audit/a$1$x$X?{PUBLISHER}"
    assert list(one.rows) == [b'{"Id":2}', b'{"Id":1}']
    digests = sorted(hashlib.sha256(row).digest() for row in one.rows)
    assert one.digest == two.digest == hashlib.sha256(b"".join(digests)).hexdigest()
    assert (list(none.rows), none.digest) == ([], hashlib.sha256().hexdigest())
    assert [one.request, two.request] == [entry["client_request_id"] for entry in api.line.log[:2]]
    assert api.line.log[0]["blob"] == "a$1$x$X"


@pytest.mark.parametrize("name", ["a b", "../stop", "a/b?c=d#e", "\u00e9", "https://attacker.example.org/", "a\\ud800"])
def test_a_blob_without_an_address_is_got_by_its_id_which_leads_nowhere_else(name: str) -> None:
    api = Api([received(200, b"[]")])
    api.fetch(Listed(name, "", None, None))
    (address,) = api.addresses
    path, _, query = address.removeprefix(f"{FEED}/audit/").partition("?")
    assert query == PUBLISHER
    assert not set(path) & set("/#?: ")


@pytest.mark.parametrize(
    "address", ["https://attacker.example.org/a", "//attacker.example.org", "http://[", "file:///x"]
)
def test_a_blob_that_is_elsewhere_is_refused_without_a_request(address: str) -> None:
    api = Api([])
    with pytest.raises(Refused) as caught:
        api.fetch(BLOB._replace(content_uri=address))
    assert caught.value.reason in {"foreign-host", "no-address"}
    assert api.sent == api.line.sign_in.asked == []


ENDS: dict[str, tuple[Received | TransportFailure, type[QuestionError], str]] = {
    "gone": (refusal("AF20050"), Refused, "blob-gone"),
    "expired": (refusal("AF20051"), Refused, "blob-expired"),
    "404": (received(404), Refused, "not-found"),
    "403": (received(403), Forbidden, "forbidden"),
    "HTML": (received(200, "<html></html>"), Unanswered, "error-inside-success"),
    "cut": (TransportFailure("cut-body", "x"), Unanswered, "cut-body"),
    "AF50000": (refusal("AF50000", 500), Unanswered, "server-error"),
    "AF50005 as a 4xx": (refusal("AF50005"), Unanswered, "server-error"),
}


@pytest.mark.parametrize(("answer", "error", "reason"), ENDS.values(), ids=ENDS.keys())
def test_a_blob_that_does_not_come_says_why(
    answer: Received | TransportFailure, error: type[QuestionError], reason: str
) -> None:
    with pytest.raises(error) as caught:
        Api(lambda _: answer).fetch()
    assert caught.value.reason == reason


def test_subscriptions_are_on_unless_they_say_otherwise() -> None:
    told = [
        {"contentType": EXCHANGE, "status": "enabled", "webhook": None},
        {"contentType": "Audit.General", "status": "disabled"},
        {"contentType": "DLP.All", "webhook": None},
        {"contentType": "Audit.SharePoint", "status": {}},
        {},
        7,
    ]
    api = Api([received(200, told)])
    on = api.source.subscriptions(Effort(1))
    assert {name for name, is_on in on.items() if is_on and name.startswith(("a", "d"))} == {
        EXCHANGE.lower(),
        "dlp.all",
    }
    assert api.addresses == [f"{FEED}/subscriptions/list?{PUBLISHER}"]


def test_a_start_is_one_post_without_a_webhook() -> None:
    api = Api([received(200, {"contentType": EXCHANGE, "status": "enabled"})])
    assert api.source.start(EXCHANGE, Effort(2))
    (sent,) = api.sent
    assert (sent.method, sent.body) == ("POST", b"")
    assert sent.address == f"{FEED}/subscriptions/start?contentType={EXCHANGE}&{PUBLISHER}"
    assert sent.address == api.source.start_address(EXCHANGE)


def test_what_is_on_already_counts_as_started_by_us_only_where_an_answer_was_lost() -> None:
    already = refusal("AF20024")
    assert not Api([already]).source.start(EXCHANGE, Effort(2))
    assert Api([TransportFailure("cut-body", "x"), already]).source.start(EXCHANGE, Effort(2))
    with pytest.raises(Refused):
        Api([refusal("AF20020")]).source.start(EXCHANGE, Effort(2))


@pytest.mark.parametrize("may_start", [True, False])
def test_leave_to_start_is_what_the_engagement_says(may_start: bool) -> None:
    assert Api([], may_start=may_start).source.may_start is may_start


def test_an_entry_of_a_listing_is_read_whatever_surrounds_it() -> None:
    assert (BLOB.content_id, BLOB.content_uri) == (ONE["contentId"], ONE["contentUri"])
    assert BLOB.created == datetime(2026, 11, 20, 10, 30, 0, 123_000, tzinfo=UTC)
    assert BLOB.expires == datetime(2026, 12, 10, 10, 30, 0, 123_000, tzinfo=UTC)
    assert listed(b'{"contentId":"a","x":NaN}') == Listed("a", "", None, None)
    assert listed(b"[" * 100_000 + b"]" * 100_000).content_id.startswith("[[")
    assert listed(b'"\xff"').content_id == '"\xff"'


def test_a_record_has_no_twin_and_the_time_of_its_blob() -> None:
    row = record(b'{"Id":1}', BLOB.created)
    assert (row.identity, row.content) == management_activity.key(row.raw) == (b"", b"")
    assert row.at == BLOB.created.timestamp() if BLOB.created else None
    assert record(b"{}", None).at is None
