"""The response table, row by row (protocol.md A5, B4), and Retry-After."""

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from collector.http.policy import ACTIVITY, LONGEST_TEXT, TABLE, Action, Rule, error_text, read, retry_after
from tests.fakes import page, refusal

CONCURRENCY = "You have reached the maximum number of concurrent requests per tenant. Please wait and try again."
EXPIRED = "|Microsoft.Exchange.X|Expired or Invalid pagination request. Default Expiry time is 00:30:00"
CEILING = "|Microsoft.Exchange.X|The maximum results limitation reached."
UNKNOWN = "Ex6F9304|Microsoft.Exchange.Configuration.Tasks.ManagementObjectNotFoundException|object 'x' is not there"
BAD_ENUM = "|System.Management.Automation.ParameterTransformationException|valid names are A, B"
HTML = b"<!DOCTYPE html><html><body>Our services aren't available right now</body></html>"
TRANSIENT = "|Microsoft.Exchange.TransientException|x"
NULS = bytes(4096)


def activity(code: str, text: str = "x") -> bytes:
    return json.dumps({"error": {"code": code, "message": text}}).encode()


ACTIVITY_ROWS: list[tuple[str, int, bytes, Action, str]] = [
    ("AF429 as 403", 403, activity("AF429", "Too many requests. Method=GetBlob"), Action.WAIT, "throttled"),
    ("AF429 as 429", 429, activity("AF429"), Action.WAIT, "throttled"),
    ("no ActivityFeed.Read", 401, activity("AF10001"), Action.FORBIDDEN, "forbidden"),
    *((f"tenant {n}", 400, activity(f"AF2001{n}"), Action.FORBIDDEN, "forbidden-tenant") for n in range(4)),
    ("no subscription", 400, activity("AF20022"), Action.GAP, "not-subscribed"),
    ("no subscription, as some tell it", 404, activity("AF20022"), Action.GAP, "not-subscribed"),
    ("subscription disabled", 403, activity("AF20023"), Action.GAP, "subscription-disabled"),
    ("started already", 400, activity("AF20024", "No property change."), Action.GAP, "already-enabled"),
    ("window", 400, activity("AF20030"), Action.GAP, "window-refused"),
    ("the other window", 400, activity("AF20055"), Action.GAP, "window-refused"),
    ("stale page", 400, activity("AF20031"), Action.NEW_SESSION, "paging-refused"),
    ("no such blob", 404, activity("AF20050"), Action.GAP, "blob-gone"),
    ("expired blob", 400, activity("AF20051"), Action.GAP, "blob-expired"),
    ("AF50000", 500, activity("AF50000"), Action.RETRY, "server-error"),
    ("AF50005 as a 4xx", 400, activity("AF50005"), Action.RETRY, "server-error"),
    ("a code outside of an error", 400, b'{"code":"AF20051","message":"x"}', Action.GAP, "blob-expired"),
    ("a code of its own kind", 400, activity("AF20001"), Action.GAP, "refused"),
    ("auditing off", 400, b'{"error":{"message":"Audit.DataServiceException: none"}}', Action.GAP, "auditing-off"),
    ("not authorized, by the gateway", 403, b'{"Message":"Authorization denied"}', Action.FORBIDDEN, "forbidden"),
]
"""The codes of the Activity API; protocol.md A5."""

ROWS: list[tuple[str, int, bytes, Action, str]] = [
    *ACTIVITY_ROWS,
    ("rows", 200, page([{"a": 1}]).body, Action.TAKE, ""),
    ("no rows", 200, page().body, Action.TAKE, ""),
    ("rows that name an error inside", 200, page([{"error": "x"}]).body, Action.TAKE, ""),
    ("an error that is null", 200, b'{"error":null,"value":[]}', Action.TAKE, ""),
    ("an error inside a success", 200, refusal(UNKNOWN).body, Action.RETRY, "error-inside-success"),
    ("a text as error inside a success", 200, b'{"error":"no"}', Action.RETRY, "error-inside-success"),
    ("an empty error inside a success", 200, b'{"error":{}}', Action.RETRY, "error-inside-success"),
    (
        "an error behind many rows",
        200,
        page([{"a": "x" * 9000}], error={"code": "X"}).body,
        Action.RETRY,
        "error-inside-success",
    ),
    ("HTML with 200", 200, HTML, Action.RETRY, "error-inside-success"),
    ("long HTML with 200", 200, HTML * 100, Action.RETRY, "error-inside-success"),
    ("concurrency with 200", 200, CONCURRENCY.encode(), Action.WAIT, "throttled"),
    ("concurrency with 429", 429, CONCURRENCY.encode(), Action.WAIT, "throttled"),
    ("concurrency with 503", 503, CONCURRENCY.encode(), Action.WAIT, "throttled"),
    ("concurrency in an error body", 400, refusal(f"||{CONCURRENCY}").body, Action.WAIT, "throttled"),
    ("429 that says nothing", 429, b"", Action.WAIT, "throttled"),
    ("429 of HTML", 429, HTML, Action.WAIT, "throttled"),
    ("401", 401, b"", Action.NEW_TOKEN, "unauthorized"),
    ("401 with a transient text", 401, refusal("|ServerBusyException|x").body, Action.NEW_TOKEN, "unauthorized"),
    ("expired paging", 400, refusal(EXPIRED).body, Action.NEW_SESSION, "paging-refused"),
    ("expired paging inside a success", 200, refusal(EXPIRED).body, Action.NEW_SESSION, "paging-refused"),
    ("the ceiling as an error", 400, refusal(CEILING).body, Action.SPLIT, "over-ceiling"),
    ("413", 413, b"", Action.SPLIT, "answer-too-large"),
    *(
        (f"{kind} with {status}", status, refusal(f"|Microsoft.Exchange.{kind}|x").body, Action.RETRY, "transient")
        for status in (400, 500)
        for kind in (
            "CmdletProxyNotAvailableFailure",
            "ServerBusyException",
            "TransientException",
            "BackendCommunicationException",
        )
    ),
    ("UnableToWriteToAad", 400, refusal("|X|UnableToWriteToAadException").body, Action.RETRY, "transient"),
    ("may be transient", 400, refusal("|X|This Issue May Be Transient").body, Action.RETRY, "transient"),
    ("redirect", 302, b"", Action.GAP, "redirected"),
    ("permanent redirect", 308, HTML, Action.GAP, "redirected"),
    ("403 with NULs", 403, NULS, Action.FORBIDDEN, "forbidden"),
    ("403 with an undecodable body", 403, b"", Action.FORBIDDEN, "forbidden"),
    ("404", 404, refusal(UNKNOWN).body, Action.GAP, "not-found"),
    ("405", 405, b"", Action.GAP, "wrong-api-version"),
    ("408", 408, b"", Action.RETRY, "request-timeout"),
    ("bad enum", 400, refusal(BAD_ENUM).body, Action.GAP, "refused"),
    ("400 that says nothing", 400, b"", Action.GAP, "refused"),
    ("418", 418, b"", Action.GAP, "refused"),
    *((f"{status}", status, HTML, Action.RETRY, "server-error") for status in (500, 502, 503, 504, 599)),
    ("500 for a missing object", 500, refusal(UNKNOWN).body, Action.RETRY, "server-error"),
    ("a status of no class", 999, b"", Action.RETRY, "server-error"),
    ("a lonely 1xx", 102, b"", Action.RETRY, "server-error"),
]
EDGES: list[tuple[int, str, Action, str]] = [
    *(
        (status, f"AF{code}: x", action, reason)
        for status in (200, 599)
        for code, action, reason in (
            (429, Action.WAIT, "throttled"),
            (10001, Action.FORBIDDEN, "forbidden"),
            (20010, Action.FORBIDDEN, "forbidden-tenant"),
            (20013, Action.FORBIDDEN, "forbidden-tenant"),
            (20022, Action.GAP, "not-subscribed"),
            (20023, Action.GAP, "subscription-disabled"),
            (20024, Action.GAP, "already-enabled"),
            (20030, Action.GAP, "window-refused"),
            (20055, Action.GAP, "window-refused"),
            (20031, Action.NEW_SESSION, "paging-refused"),
            (20050, Action.GAP, "blob-gone"),
            (20051, Action.GAP, "blob-expired"),
        )
    ),
    *((status, "X: Audit.DataServiceException", Action.GAP, "auditing-off") for status in (200, 403, 500, 599)),
    *((status, "AF500: x", Action.RETRY, "server-error") for status in (199, 600)),
    (400, "AF20014: x", Action.GAP, "refused"),
    (400, "x AF20051: y", Action.GAP, "refused"),
    (400, "AF429: Audit.DataServiceException", Action.WAIT, "throttled"),
    (400, "AF50000: Audit.DataServiceException", Action.GAP, "auditing-off"),
    (400, f"AF20022: {CONCURRENCY}", Action.GAP, "not-subscribed"),
    (429, "AF20051: x", Action.GAP, "blob-expired"),
    *((status, "AF50006: x", Action.RETRY, "server-error") for status in (400, 429, 499, 500)),
    (300, "AF50006: x", Action.GAP, "redirected"),
    *((status, CONCURRENCY, Action.WAIT, "throttled") for status in (200, 300, 401, 403, 404, 405, 408, 413, 418, 599)),
    *((429, text, Action.WAIT, "throttled") for text in (EXPIRED, CEILING, TRANSIENT)),
    *((401, text, Action.NEW_TOKEN, "unauthorized") for text in (EXPIRED, CEILING)),
    *((status, EXPIRED, Action.NEW_SESSION, "paging-refused") for status in (200, 413, 599)),
    *((status, CEILING, Action.SPLIT, "over-ceiling") for status in (200, 413, 599)),
    *((status, TRANSIENT, Action.RETRY, "transient") for status in (400, 403, 404, 405, 408, 418, 599)),
    *(
        (status, text, Action.RETRY, "server-error")
        for status in (199, 600)
        for text in (CONCURRENCY, EXPIRED, CEILING)
    ),
    (413, TRANSIENT, Action.SPLIT, "answer-too-large"),
    (600, TRANSIENT, Action.RETRY, "server-error"),
    (299, TRANSIENT, Action.RETRY, "error-inside-success"),
    (299, "", Action.TAKE, ""),
    (199, "", Action.RETRY, "server-error"),
    (300, "", Action.GAP, "redirected"),
    (399, TRANSIENT, Action.GAP, "redirected"),
    (400, "", Action.GAP, "refused"),
    (499, "", Action.GAP, "refused"),
    (100, "", Action.RETRY, "server-error"),
]
"""Where two rules meet: at the first and last status of each, and where text and status say different things."""

KEYS = st.sampled_from(["code", "message", "details", "innererror", "internalexception", "type"])


@pytest.mark.parametrize(("status", "body", "action", "reason"), [row[1:] for row in ROWS], ids=[r[0] for r in ROWS])
@pytest.mark.tries("an answer of the response table")
def test_an_answer_means_what_its_row_says(status: int, body: bytes, action: Action, reason: str) -> None:
    reading = read(status, body)
    assert reading.action is action
    assert reading.reason == reason


def test_every_row_of_the_table_is_reached_by_an_example() -> None:
    reached = {(read(status, body).action, read(status, body).reason) for _, status, body, _, _ in ROWS}
    assert reached == {(rule.action, rule.reason) for rule in TABLE}


@pytest.mark.parametrize(("status", "text", "action", "reason"), EDGES)
@pytest.mark.tries("an answer of the response table")
def test_where_two_rules_meet_the_first_holds(status: int, text: str, action: Action, reason: str) -> None:
    reading = read(status, text.encode())
    assert (reading.action, reading.reason) == (action, reason)


def spoilt_tables() -> Iterator[tuple[str, tuple[Rule, ...]]]:
    """Yield the table without each of its rules, words and outermost statuses, and with each rule too early."""
    for at, rule in enumerate(TABLE):
        before, after = TABLE[:at], TABLE[at + 1 :]
        name = f"{rule.reason or 'rows'}, rule {at + 1}"
        yield f"without {name}", (*before, *after)
        others = [
            other for other in before if not (other in ACTIVITY and rule in ACTIVITY and rule.says[0] == "^")
        ]  # one code each
        if any(other.reason != rule.reason for other in others):
            yield f"{name} too early", (rule, *before, *after)
        words = rule.says.split("|")
        for word in words[1:] and words:
            says = "|".join(other for other in words if other != word)
            yield f"{name} without {word}", (*before, rule._replace(says=says), *after)
        if isinstance(rule.statuses, range):
            for short in (rule.statuses[1:], rule.statuses[:-1]):
                yield f"{name} only {short}", (*before, rule._replace(statuses=short), *after)


def meaning(table: tuple[Rule, ...], status: int, text: str) -> tuple[Action, str] | None:
    matching = (rule for rule in table if status in rule.statuses and re.search(rule.says, text, re.IGNORECASE))
    return next(((rule.action, rule.reason) for rule in matching), None)


@pytest.mark.parametrize("table", [pytest.param(table, id=name) for name, table in spoilt_tables()])
def test_a_rule_that_is_lost_misplaced_or_too_narrow_is_missed(table: tuple[Rule, ...]) -> None:
    examples = [(status, error_text(body), action, reason) for _, status, body, action, reason in ROWS] + EDGES
    assert any(meaning(table, status, text) != (action, reason) for status, text, action, reason in examples)
    assert all(meaning(TABLE, status, text) == (action, reason) for status, text, action, reason in examples)


@pytest.mark.parametrize("start", [b'{"value":[{"Subject":"', b'\r\n {"value":[{"Subject":"', b'["'])
def test_the_words_of_a_record_in_a_cut_answer_are_not_the_words_of_the_service(start: bytes) -> None:
    assert read(200, start + CONCURRENCY.encode()) == (Action.TAKE, "", "")


@given(st.integers(100, 999), st.binary(max_size=200))
@example(200, b'{"error":' + b"[" * 5000)
@example(200, b'{"error":{"details":[[]],"innererror":[],"message":5,"code":null}}')
@example(500, b'{"error":{"details":[{"message":{}}],"innererror":{"internalexception":7}}}')
def test_no_answer_goes_unread(status: int, body: bytes) -> None:
    assert read(status, body).action in Action


@given(
    st.recursive(st.none() | st.text() | st.integers(), lambda inner: st.lists(inner) | st.dictionaries(KEYS, inner))
)
def test_no_shape_of_an_error_breaks_the_reading(error: object) -> None:
    reading = read(200, json.dumps({"error": error}).encode())
    assert len(reading.text) <= LONGEST_TEXT


@pytest.mark.parametrize(
    ("error", "text"),
    [
        ({"code": "A", "message": "m"}, "A: m"),
        ({"code": "A", "message": "m", "innererror": {"message": "i"}}, "A: i"),
        ({"code": "A", "message": "m", "innererror": {"message": "i", "internalexception": {"message": "e"}}}, "A: e"),
        (
            {"code": "A", "details": [{"message": "d"}], "innererror": {"internalexception": {"message": "e"}}},
            "A: d",
        ),
        ({"code": "A", "details": [], "message": "m"}, "A: m"),
        ({"code": "A"}, "A"),
        ({"message": "m"}, "error: m"),
        ({}, "error"),
        ("gone", "gone"),
    ],
)
def test_the_useful_text_is_taken_before_the_useless_one(error: object, text: str) -> None:
    assert error_text(json.dumps({"error": error}).encode()) == text


def test_a_type_that_the_text_does_not_name_still_tells_a_transient_fault() -> None:
    inner = {"internalexception": {"message": "|x|busy", "type": "Microsoft.Exchange.Data.ServerBusyException"}}
    body = json.dumps({"error": {"code": "BadRequest", "message": "Error executing cmdlet", "innererror": inner}})
    assert read(400, body.encode()).action is Action.RETRY


def test_a_code_that_stands_outside_of_an_error_is_said_with_its_message() -> None:
    assert error_text(b'{"code":"AF20051","message":"gone"}') == "AF20051: gone"
    assert error_text(b'{"code":null,"message":"gone"}') == ""


def test_a_type_that_the_text_names_is_not_said_twice() -> None:
    inner = {"internalexception": {"message": "|X.BusyException|busy", "type": "X.BusyException"}}
    assert error_text(json.dumps({"error": {"code": "A", "innererror": inner}}).encode()) == "A: |X.BusyException|busy"


def test_a_body_of_nuls_says_nothing() -> None:
    assert read(403, NULS).text == ""


def test_control_characters_of_a_plain_text_reach_no_terminal() -> None:
    assert error_text(b"gone\x1b[2J\x07") == "gone [2J"


NOW = datetime(2026, 11, 21, 5, tzinfo=UTC)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("7", 7.0),
        (" 120 ", 120.0),
        ("0", 0.0),
        ("1.5", 1.5),
        (format_datetime(NOW + timedelta(seconds=90), usegmt=True), 90.0),
        ("Sat, 21 Nov 2026 06:00:30 +0100", 30.0),
        ("Sat, 21 Nov 2026 05:00:30 -0000", 30.0),
        (format_datetime(NOW - timedelta(hours=1), usegmt=True), 0.0),
        ("", None),
        ("soon", None),
        ("-5", None),
        ("1e3", None),
        ("99999999999999999999", None),
        ("5, 5", None),
        ("Sat, 99 Nov 2026 05:00:00 GMT", None),
    ],
)
@pytest.mark.tries("a form of Retry-After")
def test_retry_after_is_read_in_each_of_its_forms(value: str, seconds: float | None) -> None:
    assert retry_after({"retry-after": value}, NOW) == seconds


def test_an_answer_without_retry_after_asks_for_no_wait() -> None:
    assert retry_after({"date": "Sat, 21 Nov 2026 05:00:30 GMT"}, NOW) is None


@given(st.text(st.characters(max_codepoint=0x2FFF), max_size=40) | st.from_regex(r"[A-Z][a-z]{2}, [0-9 A-Za-z:+-]+"))
def test_nonsense_in_retry_after_is_no_header(value: str) -> None:
    seconds = retry_after({"retry-after": value}, NOW)
    assert seconds is None or seconds >= 0
