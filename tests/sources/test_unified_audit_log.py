"""Search-UnifiedAuditLog: what is asked, how often, and what is made of its rows."""

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from collector.config import UnifiedAuditLog as Wanted
from collector.errors import AccessError, TemporaryError
from collector.http.transport import Received, Sent, TransportFailure
from collector.model import Window
from collector.sources.base import Kind
from collector.sources.exchange import Bridge
from collector.sources.unified_audit_log import UnifiedAuditLog, fixed_parameters, key, read_rows
from tests.fakes import API, Line, Script, page, received, refusal

from .windows import HOUR, Asked, asked, question


def record(index: int, count: int, **more: object) -> dict[str, object]:
    return {
        "RecordType": "ExchangeItemAggregated",
        "CreationDate": f"2026-11-20T10:{index % 60:02}:00.0000000Z",
        "UserIds": "megan@contoso.example.org",
        "Operations": "MailItemsAccessed",
        "AuditData": json.dumps({"Id": f"id-{index}", "Operation": "MailItemsAccessed"}),
        "ResultIndex": index,
        "ResultCount": count,
        "Identity": f"id-{index}",
        "IsValid": True,
        "ObjectState": "Unchanged",
        **more,
    }


def records(first: int, last: int, count: int, **more: object) -> list[dict[str, object]]:
    return [record(index, count, **more) for index in range(first, last + 1)]


class Asking:
    """The source over a scripted service."""

    def __init__(self, script: Script, wanted: Wanted | None = None) -> None:
        self.line = Line(script)
        bridge = Bridge(self.line.client, self.line.sign_in, API)
        self.source = UnifiedAuditLog(bridge, wanted or Wanted())

    def ask(self, size: int = 1000, **how: Any) -> Asked:
        return asked(self.source.ask(question("unified-audit-log", size, **how)))

    @property
    def parameters(self) -> list[dict[str, Any]]:
        return [json.loads(sent.body or b"")["CmdletInput"]["Parameters"] for sent in self.line.transport.sent]


def test_the_same_command_is_repeated_under_one_session_until_an_answer_is_empty() -> None:
    asking = Asking([page(records(1, 10, 15)), page(records(11, 15, 15)), page()])
    got = asking.ask()
    assert got.finding.kind is Kind.WHOLE
    assert len(got.rows) == 15
    first, *others = asking.parameters
    assert others == [first, first]
    session = first.pop("SessionId")
    assert len(session) == 36
    assert first == {
        "StartDate": "2026-11-20T09:59:59Z",
        "EndDate": "2026-11-20T11:00:01Z",
        "Operations": ["MailItemsAccessed"],
        "SessionCommand": "ReturnLargeSet",
        "ResultSize": 1000,
    }


def test_each_asking_has_a_session_of_its_own() -> None:
    asking = Asking([page(), page()])
    assert asking.ask().finding.kind is Kind.EMPTY
    assert asking.ask().finding.kind is Kind.EMPTY
    assert len({given["SessionId"] for given in asking.parameters}) == 2


def test_a_part_is_a_record_type() -> None:
    asking = Asking([page()])
    asking.ask(part="ExchangeItem")
    assert asking.parameters[0]["RecordType"] == "ExchangeItem"


def test_nothing_narrows_a_question_that_was_not_asked_to_be_narrow() -> None:
    assert fixed_parameters(Wanted(operations=())) == {}
    wanted = Wanted(
        users=("a@contoso.example.org",),
        object_ids=("o",),
        ip_addresses=("192.0.2.1",),
        free_text="words",
        high_completeness=True,
    )
    assert fixed_parameters(wanted) == {
        "Operations": ["MailItemsAccessed"],
        "UserIds": ["a@contoso.example.org"],
        "ObjectIds": ["o"],
        "IPAddresses": ["192.0.2.1"],
        "FreeText": "words",
        "HighCompleteness": True,
    }


def test_pages_of_one_call_are_one_call() -> None:
    link = f"{API}/adminapi/next"
    script = [page(records(1, 10, 15), link=link), page([], link=f"{link}2"), page(records(11, 15, 15)), page()]
    asking = Asking(script)
    assert asking.ask().finding.kind is Kind.WHOLE


FAILURES: dict[str, tuple[list[Received | TransportFailure], Kind, str, int]] = {
    "a back-end time-out": ([page([record(-1, 0, Identity="", AuditData="")])], Kind.FAILED, "internal-time-out", 0),
    "the same with nulls": ([page([{"ResultIndex": -1, "ResultCount": 0}])], Kind.FAILED, "internal-time-out", 0),
    "the same as texts": ([page([{"ResultIndex": "-1", "ResultCount": "0"}])], Kind.FAILED, "internal-time-out", 0),
    "a cancelled task": ([page([], "A task was canceled.")], Kind.FAILED, "cancelled-task", 0),
    "cancelled after rows": (
        [page(records(1, 9, 9)), page([], "A task was canceled.")],
        Kind.FAILED,
        "cancelled-task",
        9,
    ),
    "a short session": ([page(records(1, 9, 20)), page()], Kind.FAILED, "short-session", 9),
    "a hole": ([page(records(1, 9, 20)), page(records(11, 20, 20)), page()], Kind.FAILED, "hole-in-session", 19),
    "more, flat": ([page(records(1, 9, 9, moreRecordsAvailable=True)), page()], Kind.FAILED, "more-available", 9),
    "more, as a text": (
        [page(records(1, 9, 9, moreRecordsAvailable="True")), page()],
        Kind.FAILED,
        "more-available",
        9,
    ),
    "more, dotted": (
        [page(records(1, 9, 9, **{"AuditSearchRequestMetadata.moreRecordsAvailable": True})), page()],
        Kind.FAILED,
        "more-available",
        9,
    ),
    "more, in its object": (
        [page(records(1, 9, 9, AuditSearchRequestMetadata={"moreRecordsAvailable": True})), page()],
        Kind.FAILED,
        "more-available",
        9,
    ),
    "more, in JSON in a text": (
        [page(records(1, 9, 9, AuditSearchRequestMetadata='{"moreRecordsAvailable":true}')), page()],
        Kind.FAILED,
        "more-available",
        9,
    ),
    "more, beside an object without it": (
        [page(records(1, 9, 9, AuditSearchRequestMetadata={}, moreRecordsAvailable=True)), page()],
        Kind.FAILED,
        "more-available",
        9,
    ),
    "the ceiling": ([page(records(1, 9, 50_000))], Kind.TOO_LARGE, "over-ceiling", 9),
    "the ceiling in a warning": (
        [page(records(1, 9, 9), "The maximum results limitation reached.")],
        Kind.TOO_LARGE,
        "over-ceiling",
        9,
    ),
    "a mirrored count": ([page(records(1, 9, 1000)), page()], Kind.UNCOUNTED, "count-unusable", 9),
    "a mirrored count that was reached": (
        [page(records(1, 1000, 1000)), page()],
        Kind.UNCOUNTED,
        "count-unusable",
        1000,
    ),
    "pages that repeat": ([page(records(1, 9, 20))] * 3, Kind.FAILED, "paging-stands-still", 27),
    "a role is missing": ([received(403, bytes(4096))], Kind.REFUSED, "forbidden", 0),
    "an answer over the bound": ([TransportFailure("answer-too-large", "x")], Kind.TOO_LARGE, "answer-too-large", 0),
    "dead paging after rows": (
        [page(records(1, 9, 20)), refusal("|X|Expired or Invalid pagination request.")],
        Kind.FAILED,
        "paging-refused",
        9,
    ),
    "a reset after rows": (
        [page(records(1, 9, 20)), *[TransportFailure("connection", "x")] * 6],
        Kind.FAILED,
        "connection",
        9,
    ),
    "HTML after rows": (
        [page(records(1, 9, 9)), *[received(200, "<html>")] * 6],
        Kind.FAILED,
        "error-inside-success",
        9,
    ),
    "an error behind the rows": (
        [page(records(1, 9, 9), error={"code": "X"})] * 6,
        Kind.FAILED,
        "error-inside-success",
        0,
    ),
}


@pytest.mark.parametrize(("script", "kind", "reason", "kept"), FAILURES.values(), ids=FAILURES.keys())
@pytest.mark.tries("a fault amid a session")
def test_what_is_not_whole_says_why_and_loses_no_row(
    script: list[Received | TransportFailure], kind: Kind, reason: str, kept: int
) -> None:
    asking = Asking(script)
    got = asking.ask()
    assert (got.finding.kind, got.finding.reason) == (kind, reason)
    assert len(got.rows) == kept
    assert len(asking.line.transport.sent) == len(script)


def test_the_services_own_words_stand_in_a_refusal() -> None:
    got = Asking([refusal("|X.ParameterTransformationException|no such record type")]).ask()
    assert got.finding.kind is Kind.REFUSED
    assert "no such record type" in (got.finding.reason or "")
    assert not got.finding.forbidden


def test_a_missing_role_is_told_apart() -> None:
    assert Asking([received(403)]).ask().finding.forbidden


@pytest.mark.parametrize("body", [b"<html>", b'{"value":[{"Identity":"a"},{"Ident'])
def test_an_answer_that_cannot_be_read_is_kept(body: bytes) -> None:
    assert Asking([received(200, body)]).ask(attempts=1).finding.unread == body


def test_the_count_seen_before_a_failure_is_kept() -> None:
    script: list[Received | TransportFailure] = [page(records(1, 9, 20)), TransportFailure("connection", "x")]
    assert Asking(script).ask(attempts=1).finding.expected == 20


@pytest.mark.parametrize(
    ("answer", "error"),
    [([received(401), received(401)], AccessError), ([received(429, retry_after="9999")], TemporaryError)],
)
def test_what_ends_a_run_is_not_swallowed(answer: list[Received], error: type[Exception]) -> None:
    with pytest.raises(error):
        Asking(answer).ask()


def test_a_service_that_never_ends_is_left() -> None:
    asking = Asking(lambda _: page(records(1, 10, 10)))
    assert asking.ask().finding.reason == "paging-stands-still"
    assert len(asking.line.transport.sent) == 3


@pytest.mark.parametrize(("seconds", "calls"), [(3600, 8), (2, 8), (1, 10)])
def test_a_service_that_counts_on_for_ever_is_left_and_sooner_where_less_can_be_asked_for(
    seconds: int, calls: int
) -> None:
    def answer(_: Sent) -> Received:
        first = 5000 * (len(asking.line.transport.sent) - 1) + 1
        return page([{"ResultIndex": n, "ResultCount": 1} for n in range(first, first + 5000)])

    asking = Asking(answer)
    window = Window(HOUR.start, HOUR.start + timedelta(seconds=seconds))
    assert asking.ask(5000, window=window).finding.kind is Kind.TOO_LARGE
    assert len(asking.line.transport.sent) == calls


def test_a_probe_is_one_small_question() -> None:
    asking = Asking([page(records(1, 3, 3)), page()])
    probe = asking.source.probe(HOUR)
    assert asked(asking.source.ask(probe)).finding.kind is Kind.WHOLE
    assert probe.slice.window
    assert (probe.slice.window.end, probe.slice.window.length.total_seconds()) == (HOUR.end, 1)


def test_a_probe_fails_at_once_where_nobody_answers() -> None:
    asking = Asking([TransportFailure("connection", "x")])
    assert asked(asking.source.ask(asking.source.probe(HOUR))).finding.kind is Kind.FAILED
    assert asking.line.clock.slept == []


# The rows


def test_a_row_is_kept_to_the_byte_and_dated() -> None:
    raw = json.dumps(record(1, 1)).encode()
    ((row,), (seen,)) = read_rows((raw,))
    assert row.raw is raw
    assert row.at == 1_795_168_860.0
    assert (seen.identity, seen.result_index, seen.result_count, seen.more) == (row.identity, 1, 1, None)
    assert key(raw) == (row.identity, row.content)


def test_the_session_fields_make_no_second_record() -> None:
    one, two = (json.dumps(record(1, count, ResultIndex=count)).encode() for count in (5, 9))
    assert key(one) == key(two)


def test_two_contents_under_one_identity_are_two_records() -> None:
    one, two = (json.dumps(record(1, 1, AuditData=data)).encode() for data in ("{}", '{"a":1}'))
    assert key(one)[0] == key(two)[0]
    assert key(one)[1] != key(two)[1]


def test_an_identity_is_not_guessed_from_joined_texts() -> None:
    one = json.dumps(record(1, 1, Identity="ab", AuditData="c")).encode()
    two = json.dumps(record(1, 1, Identity="a", AuditData="bc")).encode()
    assert key(one)[0] != key(two)[0]


ODD: dict[str, bytes] = {
    "lone surrogate": rb'{"Identity":"a\ud800","AuditData":"x"}',
    "lone surrogate elsewhere": rb'{"Identity":"a","AuditData":"\udfff"}',
    "NaN": b'{"Identity":"a","AuditData":"x","Size":NaN}',
    "NUL": b'{"Identity":"a\0","AuditData":"x"}',
    "no UTF-8": b'{"Identity":"a\xff","AuditData":"x"}',
    "an integer of 30 digits": b'{"Identity":"a","AuditData":"x","ResultIndex":123456789012345678901234567890}',
    "an integer of 5,000 digits": b'{"Identity":"a","AuditData":"x","ResultIndex":' + b"9" * 5000 + b"}",
    "AuditData as an object": b'{"Identity":"a","AuditData":{"b":1}}',
    "AuditData as a number": b'{"Identity":"a","AuditData":5}',
    "AuditData missing": b'{"Identity":"a"}',
    "Identity missing": b'{"AuditData":"x"}',
    "Identity a number": b'{"Identity":5,"AuditData":"x"}',
    "Identity a list": b'{"Identity":[],"AuditData":"x"}',
    "nothing at all": b"{}",
    "no object": b"5",
    "null": b"null",
    "a list": b"[1]",
    "a text": b'"x"',
    "keys twice": b'{"Identity":"a","Identity":"b","AuditData":"x"}',
    "a date before the calendar": b'{"Identity":"a","CreationDate":"0001-01-01T00:00:00+14:00"}',
    "a date after it": b'{"Identity":"a","CreationDate":"9999-12-31T23:59:59.9999999-14:00"}',
    "a date of Export-Csv": b'{"Identity":"a","CreationDate":"5/18/2021 10:48:21 AM"}',
    "a date as a number": b'{"Identity":"a","CreationDate":1621334901}',
    **{f"nesting of {depth}": b'{"AuditData":%b}' % (b"[" * depth + b"]" * depth) for depth in range(940, 1010, 3)},
}


@pytest.mark.parametrize("raw", ODD.values(), ids=ODD.keys())
@pytest.mark.tries("a record of hostile content")
def test_no_row_is_too_odd_to_be_kept(raw: bytes) -> None:
    (rows, (seen,)) = read_rows((raw,))
    assert [row.raw for row in rows] == [raw]
    assert key(raw) == (rows[0].identity, rows[0].content)
    assert rows[0].identity == seen.identity


def test_odd_rows_are_told_from_each_other() -> None:
    rows, _ = read_rows(tuple(raw for name, raw in ODD.items() if "date" not in name and "nesting" not in name))
    assert len({(row.identity, row.content) for row in rows}) >= len(rows) - 4  # some say the same under one Identity


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("2026-11-20T10:01:00.0000000Z", 1_795_168_860.0),
        ("2026-11-20T10:01:00.0000000+00:00", 1_795_168_860.0),
        ("2026-11-20T12:01:00+02:00", 1_795_168_860.0),
        ("2026-11-20T10:01:00", 1_795_168_860.0),
        ("0001-01-01T00:00:00Z", None),
        ("9999-12-31T23:59:59.9999999Z", None),
        ("11/20/2026 10:01:00 AM", None),
        ("", None),
        (None, None),
    ],
)
def test_a_date_is_read_or_left_open(text: str | None, at: float | None) -> None:
    ((row,), _) = read_rows((json.dumps(record(1, 1, CreationDate=text)).encode(),))
    assert row.at == at


@pytest.mark.parametrize(
    ("value", "number"),
    [
        ("5", 5),
        (5, 5),
        (5.0, 5),
        ("-1", -1),
        (5.5, None),
        ("x", None),
        (True, None),
        (None, None),
        ("", None),
        ([], None),
    ],
)
def test_an_index_is_a_whole_number_or_none(value: object, number: int | None) -> None:
    _, (seen,) = read_rows((json.dumps(record(1, 1, ResultIndex=value)).encode(),))
    assert seen.result_index == number


@pytest.mark.parametrize(
    "made",
    [
        lambda more: {"moreRecordsAvailable": more},
        lambda more: {"AuditSearchRequestMetadata": {"moreRecordsAvailable": more}},
    ],
)
@pytest.mark.parametrize(
    ("said", "more"), [(True, True), ("true", True), (False, False), ("False", False), (None, None)]
)
def test_more_is_read_where_it_stands(made: Callable[[object], dict[str, object]], said: object, more: object) -> None:
    _, (seen,) = read_rows((json.dumps(record(1, 1, **made(said))).encode(),))
    assert seen.more is more


def test_an_attackers_words_inside_a_record_are_no_word_of_the_service() -> None:
    data = json.dumps({"Subject": '"moreRecordsAvailable":true A task was canceled. "ResultIndex":-1'})
    rows = [record(1, 1, AuditData=data)]
    assert Asking([page(rows), page()]).ask().finding.kind is Kind.WHOLE


def test_a_row_that_only_says_that_the_search_failed_is_no_record() -> None:
    made_up = [{"ResultIndex": -1, "ResultCount": 0}, {"ResultIndex": -1, "Identity": "", "AuditData": ""}]
    rows, seen = read_rows(tuple(json.dumps(row).encode() for row in made_up))
    assert rows == ()
    assert [one.result_index for one in seen] == [-1, -1]


def test_a_record_that_came_with_a_failed_search_is_kept() -> None:
    rows, _ = read_rows((b'{"ResultIndex":-1,"Identity":"a"}', b'{"ResultIndex":-1,"AuditData":"x"}'))
    assert len(rows) == 2
