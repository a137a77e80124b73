"""What asking costs, where a token goes, and what is written down of each attempt."""

import base64
import json
from collections.abc import Callable
from datetime import timedelta
from email.utils import format_datetime

import pytest

from collector.auth import Token
from collector.config import Limits, Rate
from collector.errors import (
    AccessError,
    CollectorError,
    Forbidden,
    Interrupted,
    QuestionError,
    Refused,
    TemporaryError,
    TooLarge,
    Unanswered,
)
from collector.http.client import Effort, Request, claims_challenge
from collector.http.cut import Envelope, cut
from collector.http.record import LONGEST_BODY, shown
from collector.http.transport import Received, Sent, TransportFailure
from tests.fakes import API, NOW, TENANT, FakeClock, FakeSignIn, Line, page, received, refusal

ADDRESS = f"{API}/adminapi/beta/{TENANT}/InvokeCommand"
BUSY = received(503, "Service unavailable")
THROTTLED = received(429)
UNAUTHORIZED = received(401)
RESET = TransportFailure("connection", "ConnectionError")
OK = page([{"a": 1}])


def request(address: str = ADDRESS, api: str = API) -> Request:
    return Request("POST", address, api, {"X-CmdletName": "Get-Mailbox"}, b"{}", {"cmdlet": "Get-Mailbox"})


def rows_of(answer: Received) -> Envelope:
    return cut(answer.body)


def ask(line: Line, attempts: int = 6, address: str = ADDRESS) -> Envelope:
    return line.client.ask(request(address), rows_of, Effort(attempts))[0]


def test_a_good_answer_is_returned_with_the_number_under_which_it_is_logged() -> None:
    line = Line([OK])
    envelope, number = line.client.ask(request(), rows_of, Effort(1))
    assert envelope.rows == (b'{"a": 1}',)
    assert [entry["client_request_id"] for entry in line.log] == [number]
    assert line.transport.sent[0].headers["client-request-id"] == number
    assert line.clock.slept == []


@pytest.mark.parametrize(
    ("answer", "error", "reason"),
    [
        (received(403, bytes(4096)), Forbidden, "forbidden"),
        (received(404), Refused, "not-found"),
        (received(405), Refused, "wrong-api-version"),
        (received(302, location="https://attacker.example.org/"), Refused, "redirected"),
        (refusal("|X.ParameterTransformationException|no such name"), Refused, "refused"),
        (received(413), TooLarge, "answer-too-large"),
        (refusal("|X|maximum results limitation reached"), TooLarge, "over-ceiling"),
        (refusal("|X|Expired or Invalid pagination request."), Unanswered, "paging-refused"),
        (TransportFailure("answer-too-large", "over 10 bytes", status=200), TooLarge, "answer-too-large"),
    ],
)
@pytest.mark.tries("an answer that asking again cannot mend")
def test_what_asking_again_cannot_mend_is_asked_once(
    answer: Received | TransportFailure, error: type[QuestionError], reason: str
) -> None:
    line = Line([answer])
    with pytest.raises(error) as caught:
        ask(line)
    assert type(caught.value) is error
    assert caught.value.reason == reason
    assert len(line.transport.sent) == len(line.log) == 1


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (BUSY, "server-error"),
        (received(500), "server-error"),
        (received(408), "request-timeout"),
        (refusal("|X.ServerBusyException|busy"), "transient"),
        (refusal("|X.ServerBusyException|busy", status=500), "transient"),
        (received(200, "<html>sorry</html>"), "error-inside-success"),
        (refusal("|X|boom", status=200), "error-inside-success"),
        (received(200, b'{"value":[{"a":1},{"a":'), "unreadable"),
        (received(200, b""), "not-json"),
        (RESET, "connection"),
        (TransportFailure("time-out", "x"), "time-out"),
        (TransportFailure("cut-body", "ProtocolError", status=200), "cut-body"),
        (TransportFailure("bad-encoding", "x", status=200), "bad-encoding"),
    ],
)
@pytest.mark.tries("a failure that may pass, and does not")
def test_what_may_pass_is_asked_again_until_the_attempts_are_spent(
    answer: Received | TransportFailure, reason: str
) -> None:
    line = Line([answer, answer, OK])
    assert ask(line, attempts=3).rows
    line = Line([answer] * 3)
    with pytest.raises(Unanswered) as caught:
        ask(line, attempts=3)
    assert caught.value.reason == reason
    assert [entry["attempt"] for entry in line.log] == [1, 2, 3]
    assert len(line.clock.slept) == 2


def test_the_attempts_are_the_slices_not_the_questions() -> None:
    line, effort = Line([BUSY, OK, BUSY, OK, BUSY]), Effort(3)
    line.client.ask(request(), rows_of, effort)
    line.client.ask(request(), rows_of, effort)
    with pytest.raises(Unanswered):
        line.client.ask(request(), rows_of, effort)
    assert effort.spent


def test_a_paging_that_was_refused_is_an_attempt() -> None:
    effort = Effort(1)
    with pytest.raises(Unanswered):
        Line([refusal("|X|Expired or Invalid pagination request.")]).client.ask(request(), rows_of, effort)
    assert effort.spent


@pytest.mark.parametrize("answer", [received(200, "<html>sorry</html>"), received(200, b'{"value":[')])
def test_a_success_that_no_reader_can_take_apart_is_handed_on_whole(answer: Received) -> None:
    with pytest.raises(Unanswered) as caught:
        ask(Line([answer]), attempts=1)
    assert caught.value.body == answer.body


def test_the_wait_doubles_to_its_longest_and_is_told() -> None:
    line = Line([BUSY] * 8 + [OK], Limits(first_wait=2, longest_wait=20))
    ask(line, attempts=9)
    waits = [(low, wait) for low, wait in zip((2, 4, 8, 16, 20, 20, 20, 20), line.clock.slept, strict=True)]
    assert all(low <= wait <= min(low + 2, 20) for low, wait in waits)
    assert [why for why, _ in line.waits] == ["server-error"] * 8


def test_failing_since_spans_the_failures_that_no_answer_has_ended() -> None:
    line, effort = Line([BUSY, RESET, OK, BUSY], takes=1.0), Effort(2)
    with pytest.raises(Unanswered):
        line.client.ask(request(), rows_of, effort)
    assert [effort.failing_since] == [1.0]
    line.client.ask(request(), rows_of, effort)
    assert effort.failing_since is None
    assert line.client.last_answer == line.clock.monotonic()


def test_a_refusal_shows_that_the_service_answers() -> None:
    line = Line([received(404)], takes=3.0)
    with pytest.raises(Refused):
        ask(line)
    assert line.client.last_answer == 3.0


def test_throttling_costs_no_attempt() -> None:
    line = Line([THROTTLED] * 20 + [OK])
    effort = Effort(1)
    line.client.ask(request(), rows_of, effort)
    assert effort.failures == 0


@pytest.mark.parametrize(
    ("header", "at_least"),
    [
        ("30", 30),
        (format_datetime(NOW + timedelta(seconds=45), usegmt=True), 45),
        ("0", 2),
        (format_datetime(NOW - timedelta(days=1), usegmt=True), 2),
        ("soon", 2),
        ("", 2),
    ],
)
@pytest.mark.tries("a form of Retry-After")
def test_retry_after_is_kept_to_and_none_of_its_forms_lets_us_hammer(header: str, at_least: float) -> None:
    line = Line([received(429, retry_after=header), OK])
    ask(line)
    assert at_least <= sum(line.clock.slept) <= at_least + 2


@pytest.mark.parametrize("header", ["0", "", "10", "soon"])
def test_throttling_without_end_ends_with_the_patience(header: str) -> None:
    line = Line(lambda _: received(429, retry_after=header), Limits(patience=300))
    with pytest.raises(TemporaryError) as caught:
        ask(line)
    assert caught.value.remedy
    assert 200 <= line.clock.monotonic() <= 360
    assert len(line.transport.sent) <= 31


def test_a_retry_after_longer_than_the_patience_is_not_waited_for() -> None:
    line = Line([received(429, retry_after="1801")])
    with pytest.raises(TemporaryError):
        ask(line)
    assert line.clock.slept == []


def test_hours_of_slow_failures_are_no_throttling() -> None:
    line = Line([BUSY, BUSY, BUSY, BUSY, received(429, retry_after="5"), OK], takes=600.0)
    assert ask(line).rows


def test_throttling_long_ago_is_no_throttling_now() -> None:
    early, late = received(429, retry_after="5"), received(429, retry_after="5")
    line = Line([early, BUSY, BUSY, BUSY, BUSY, late, OK], takes=600.0)
    assert ask(line).rows


def test_a_place_that_was_long_in_coming_is_no_throttling() -> None:
    line = Line([OK, received(429, retry_after="5"), OK], Limits(patience=60), rate=Rate(1, 300.0))
    ask(line)
    assert ask(line).rows


@pytest.mark.parametrize("status", [429, 200, 503])
def test_the_concurrency_text_is_waited_for_under_any_status(status: int) -> None:
    said = "You have reached the maximum number of concurrent requests per tenant. Please wait and try again."
    effort = Effort(1)
    line = Line([received(status, said), OK])
    line.client.ask(request(), rows_of, effort)
    assert effort.failures == 0
    assert line.gate.allowed < 4


CLAIMS = base64.b64encode(b'{"access_token":{"nbf":{"essential":true,"value":"1604106651"}}}').decode()
CHALLENGE = f'Bearer realm="", authorization_uri="https://x/", error="insufficient_claims", claims="{CLAIMS}"'


def test_a_401_is_answered_with_one_new_token_and_its_claims() -> None:
    line = Line([received(401, www_authenticate=CHALLENGE), OK])
    ask(line, attempts=1)
    assert line.sign_in.renewed == [(API, "opaque-token-1", CLAIMS)]
    assert [sent.token for sent in line.transport.sent] == ["opaque-token-1", "opaque-token-2"]
    assert line.clock.slept in ([], [0.0])


def test_a_second_401_ends_the_run() -> None:
    line = Line([UNAUTHORIZED, UNAUTHORIZED])
    with pytest.raises(AccessError):
        ask(line)
    assert len(line.sign_in.renewed) == 1


def test_a_token_may_end_in_every_question_of_a_slice() -> None:
    line, effort = Line([UNAUTHORIZED, OK] * 3), Effort(1)
    for _ in range(3):
        line.client.ask(request(), rows_of, effort)
    assert len(line.sign_in.renewed) == 3


def test_the_token_is_taken_after_the_wait_for_a_place_which_it_might_not_outlast() -> None:
    class Aging(FakeSignIn):
        def token(self, api: str) -> Token:
            taken.append(clock.monotonic())
            return super().token(api)

    taken: list[float] = []
    clock = FakeClock()
    line = Line([OK, OK], rate=Rate(1, 7200.0), clock=clock, sign_in=Aging())
    ask(line)
    ask(line)
    assert taken == [0.0, 7200.0]


@pytest.mark.parametrize(
    ("header", "claims"),
    [
        (CHALLENGE, CLAIMS),
        ("Bearer claims=eyJhIjoxfQ==", "eyJhIjoxfQ=="),
        ('Bearer error="insufficient_claims"', None),
        ("Negotiate, Bearer", None),
        ("", None),
    ],
)
def test_the_claims_of_a_challenge_are_found(header: str, claims: str | None) -> None:
    assert claims_challenge(header) == claims


@pytest.mark.parametrize(
    "address",
    [
        "https://attacker.example.org/adminapi",
        "http://outlook.contoso.example.org/adminapi",
        "https://outlook.contoso.example.org.attacker.example.org/",
        "https://outlook.contoso.example.org@attacker.example.org/",
        "https://attacker.example.org\\@outlook.contoso.example.org/",
        "https://user:secret@outlook.contoso.example.org/",
        "https://outlook.contoso.example.org:8443/",
        "https://outlook.contoso.example.org\u3002attacker.example.org/",
        "//attacker.example.org/",
        "ftp://outlook.contoso.example.org/",
        "",
    ],
)
@pytest.mark.tries("a next link to another host")
def test_a_token_never_leaves_for_another_host(address: str) -> None:
    line = Line([])
    with pytest.raises(Refused) as caught:
        ask(line, address=address)
    assert caught.value.reason == "foreign-host"
    assert line.transport.sent == []
    assert line.sign_in.asked == []


@pytest.mark.parametrize(
    "address", [ADDRESS, ADDRESS.replace("outlook", "OUTLOOK"), ADDRESS.replace("org/", "org:443/")]
)
def test_the_same_host_is_known_however_it_is_written(address: str) -> None:
    assert ask(Line([OK]), address=address).rows


def test_a_redirect_is_not_followed_with_the_token() -> None:
    line = Line([received(307, location="https://attacker.example.org/")])
    with pytest.raises(Refused):
        ask(line)
    assert [sent.address for sent in line.transport.sent] == [ADDRESS]


def test_every_attempt_stands_in_the_log_before_anything_is_made_of_it() -> None:
    script: list[Received | TransportFailure] = [BUSY, RESET, THROTTLED, UNAUTHORIZED, received(200, "<html>"), OK]
    line = Line(script, takes=0.25)
    ask(line)
    assert [entry["status"] for entry in line.log] == [503, None, 429, 401, 200, 200]
    assert [entry["attempt"] for entry in line.log] == [1, 2, 3, 4, 5, 6]
    assert len({entry["client_request_id"] for entry in line.log}) == 6
    assert all(entry["milliseconds"] == 250 and entry["cmdlet"] == "Get-Mailbox" for entry in line.log)
    assert [str(entry["time"])[:10] for entry in line.log] == ["2026-11-21"] * 6


def test_the_log_names_the_request_of_an_answer_that_was_too_large() -> None:
    large = TransportFailure("answer-too-large", "over 10 bytes", status=200)
    large.headers = {"request-id": "77", "date": "Sat, 21 Nov 2026 05:00:00 GMT"}
    line = Line([large])
    with pytest.raises(TooLarge):
        line.client.ask(request(), rows_of, Effort(3))
    (entry,) = line.log
    told = entry["status"], entry["request_id"], entry["server_date"], entry["failure"]
    assert told == (200, "77", "Sat, 21 Nov 2026 05:00:00 GMT", "answer-too-large: over 10 bytes")


def test_a_page_of_rows_is_logged_by_its_hash_and_anything_else_with_its_body() -> None:
    line = Line([received(503, "sorry", request_id="r-1", date="Sat, 21 Nov 2026 05:00:00 GMT"), page([{"a": 1}], "w")])
    ask(line)
    bad, good = line.log
    assert (bad["body"], bad["request_id"], bad["server_date"]) == ("sorry", "r-1", "Sat, 21 Nov 2026 05:00:00 GMT")
    assert "body" not in good
    assert (good["warnings"], good["bytes"], len(str(good["sha256"]))) == (["w"], len(page([{"a": 1}], "w").body), 64)


JWT = "eyJhbGciOiJSUzI1NiJ9." + base64.urlsafe_b64encode(b'{"tid":"x"}' * 20).decode().rstrip("=") + ".c2lnbmF0dXJl"


def echoes(text: Callable[[Sent], str]) -> list[Callable[[Sent], Received]]:
    return [
        lambda sent: received(503, text(sent)),
        lambda sent: refusal(f"|X|bad token {text(sent)}"),
        lambda sent: refusal(f"|X|bad token {text(sent)}", status=200),
        lambda sent: received(404, {"error": text(sent)}),
        lambda sent: received(500, request_id=text(sent), date=text(sent)),
        lambda sent: page([], f"your token is {text(sent)}"),
        lambda sent: received(401, text(sent)),
        lambda sent: received(400, text(sent) + "x" * 64 * 2**10 + text(sent) * 40),
        lambda sent: received(400, text(sent) * 3 + "x" * (64 * 2**10 - 10) + text(sent)),
    ]


@pytest.mark.parametrize("number", range(9))
@pytest.mark.parametrize("sign_in", [FakeSignIn(), FakeSignIn(value=JWT)], ids=["opaque", "JWT"])
def test_an_echoed_token_reaches_neither_log_nor_error(number: int, sign_in: FakeSignIn) -> None:
    echo = echoes(lambda sent: sent.token)[number]
    line = Line(echo, sign_in=sign_in)
    said = ""
    try:
        ask(line, attempts=2)
    except CollectorError as error:
        said = f"{error!r} {error.message} {error.remedy}"
    written = json.dumps(line.log) + said
    assert line.log
    assert sign_in.held[:-2] not in written
    assert "c2lnbmF0dXJl" not in written


def test_another_token_that_is_echoed_is_not_logged_either() -> None:
    other = JWT.replace("c2lnbmF0dXJl", "b3RoZXI")
    line = Line([received(404, f'{{"error":"{other}"}}')])
    with pytest.raises(Refused) as caught:
        ask(line)
    assert "b3RoZXI" not in json.dumps(line.log) + str(caught.value)


def test_a_token_that_the_cut_leaves_without_its_end_is_not_logged() -> None:
    token = "opaque-" + "t" * 493
    filler = "x" * (LONGEST_BODY + len(token) - 3 * len(token) - 300)
    logged = shown((token * 3 + filler + token + "more").encode(), token)
    assert "opaque" not in logged
    assert len(logged) > LONGEST_BODY // 2


def test_a_token_in_a_next_link_is_not_logged() -> None:
    line = Line([OK])
    ask(line, address=f"{ADDRESS}?access_token={JWT}")
    assert "c2lnbmF0dXJl" not in json.dumps(line.log)


def test_a_token_is_in_no_repr_of_what_went_wrong() -> None:
    line = Line([UNAUTHORIZED, UNAUTHORIZED])
    with pytest.raises(AccessError) as caught:
        ask(line)
    assert "opaque-token" not in repr(caught.value) + json.dumps(line.log)


def test_the_operator_can_stop_a_wait() -> None:
    line = Line([])

    def stopped(_: Sent) -> Received:
        line.clock.stop()
        return BUSY

    line.transport._answer = stopped
    with pytest.raises(Interrupted):
        ask(line)
    assert len(line.log) == 1


def test_a_log_that_cannot_be_written_stops_the_asking() -> None:
    line = Line([BUSY, OK])

    def full(_: object) -> None:
        raise OSError("no space left")

    line.client._log = full
    with pytest.raises(OSError, match="no space"):
        ask(line)
    assert len(line.transport.sent) == 1
