"""Get-MessageTraceV2 and its cursor: nothing lost, nothing claimed too early, and always an end."""

import json
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.http.transport import Received, Sent, TransportFailure
from collector.model import Window
from collector.sources.base import Finding, Kind
from collector.sources.exchange import Bridge
from collector.sources.message_trace import MessageTrace, key
from tests.fakes import API, Line, Script, page, received

from .windows import HOUR, Asked, asked, question

Row = dict[str, Any]


def row(received: object, recipient: object = "a@contoso.example.org", **more: object) -> Row:
    return {
        "MessageTraceId": f"trace-{received}-{recipient}",
        "MessageId": "<1@fabrikam.example.org>",
        "Received@data.type": "System.DateTime",
        "Received": received,
        "SenderAddress": "s@fabrikam.example.org",
        "RecipientAddress": recipient,
        "Status": "Delivered",
        **more,
    }


def at(ticks: int) -> str:
    """Write a moment of the hour with all seven digits; `ticks` are of 100 nanoseconds."""
    seconds, rest = divmod(ticks, 10**7)
    return f"{HOUR.start + timedelta(seconds=seconds):%Y-%m-%dT%H:%M:%S}.{rest:07}Z"


def more(last: Row, size: int = 1) -> str:
    return (
        "There are more results, use the following command to get more. Get-MessageTraceV2 "
        f'-StartDate "x" -EndDate "{last["Received"]}" -StartingRecipientAddress "{last["RecipientAddress"]}" '
        f"-ResultSize {size}"
    )


def newest_first(rows: Sequence[Row]) -> list[Row]:
    return sorted(rows, key=lambda one: (one["Received"], [-ord(c) for c in one["RecipientAddress"]]), reverse=True)


class Service:
    """Pages as the real one does; `inclusive` repeats the row that a cursor names, `warns` tells of more."""

    def __init__(self, rows: Sequence[Row], *, inclusive: bool = True, warns: bool = True) -> None:
        self._rows = newest_first(rows)
        self._inclusive = inclusive
        self._warns = warns

    def __call__(self, sent: Sent) -> Received:
        asked_ = json.loads(sent.body or b"")["CmdletInput"]["Parameters"]
        size, cursor = asked_["ResultSize"], asked_.get("StartingRecipientAddress")
        found = [one for one in self._rows if self._in(one, asked_["EndDate"], cursor)]
        warnings = [more(found[size - 1], size)] if self._warns and len(found) > size else []
        return page(found[:size], *warnings)

    def _in(self, one: Row, end: str, cursor: str | None) -> bool:
        here: tuple[str, str] = (one["Received"], one["RecipientAddress"])
        if cursor is None:
            return here[0] <= end
        return here[0] < end or (here[0] == end and (here[1] > cursor or (self._inclusive and here[1] == cursor)))


class Asking:
    """The source over a scripted service."""

    def __init__(self, script: Script) -> None:
        self.line = Line(script)
        self.source = MessageTrace(Bridge(self.line.client, self.line.sign_in, API))

    def ask(self, size: int = 3, **how: Any) -> Asked:
        return asked(self.source.ask(question("message-trace", size, **how)))

    @property
    def parameters(self) -> list[dict[str, Any]]:
        return [json.loads(sent.body or b"")["CmdletInput"]["Parameters"] for sent in self.line.transport.sent]


def names(got: Asked) -> set[str]:
    return {json.loads(one.raw)["MessageTraceId"] for one in got.rows}


def test_the_question_is_a_second_wider_than_the_slice() -> None:
    asking = Asking([page()])
    assert asking.ask(5000).finding == Finding(Kind.EMPTY)
    assert asking.parameters == [
        {"StartDate": "2026-11-20T09:59:59Z", "EndDate": "2026-11-20T11:00:01Z", "ResultSize": 5000}
    ]


@pytest.mark.parametrize(("part", "name"), [("sender:", "SenderAddress"), ("recipient:", "RecipientAddress")])
def test_a_mailbox_is_asked_for_as_sender_and_as_recipient(part: str, name: str) -> None:
    asking = Asking([page()])
    asking.ask(part=f"{part}megan@contoso.example.org")
    assert asking.parameters[0][name] == ["megan@contoso.example.org"]


def test_the_longest_slice_is_not_over_the_ten_days_that_the_service_allows() -> None:
    asking = Asking([page()])
    window = Window(HOUR.end - asking.source.longest, HOUR.end)
    asking.ask(window=window)
    start, end = (datetime.fromisoformat(asking.parameters[0][name]) for name in ("StartDate", "EndDate"))
    assert end - start <= timedelta(days=10)


def test_the_cursor_is_the_last_row_verbatim_with_its_seven_digits() -> None:
    rows = [
        row("2026-11-20T10:30:00.1234567Z", "b@contoso.example.org"),
        row("2026-11-20T10:20:00.7654321+00:00", "ä'@x"),
    ]
    asking = Asking([page(rows, more(rows[-1])), page([row(at(5))])])
    asking.ask(2)
    assert asking.parameters[1] == {
        "StartDate": "2026-11-20T09:59:59Z",
        "EndDate": "2026-11-20T10:20:00.7654321+00:00",
        "StartingRecipientAddress": "ä'@x",
        "ResultSize": 2,
    }


def test_the_cursor_of_one_slice_does_not_leak_into_the_next() -> None:
    asking = Asking(Service([row(at(n)) for n in range(7)]))
    asking.ask(part="sender:a@contoso.example.org")
    before = len(asking.parameters)
    asking.ask(part="recipient:a@contoso.example.org")
    assert set(asking.parameters[before]) == {"StartDate", "EndDate", "ResultSize", "RecipientAddress"}


@pytest.mark.parametrize("inclusive", [True, False])
@pytest.mark.parametrize("warns", [True, False])
@pytest.mark.parametrize("count", range(13))
@pytest.mark.tries("a way of paging a trace")
def test_every_row_is_delivered_whatever_the_pages_hold(inclusive: bool, warns: bool, count: int) -> None:
    rows = [row(at(n * 9_999_999)) for n in range(count)]
    got = Asking(Service(rows, inclusive=inclusive, warns=warns)).ask()
    assert got.finding.kind is (Kind.WHOLE if count else Kind.EMPTY)
    assert names(got) == {one["MessageTraceId"] for one in rows}


@given(
    st.lists(st.tuples(st.integers(0, 4), st.sampled_from("abcdefgh")), unique=True, max_size=30),
    st.integers(2, 7),
    st.booleans(),
    st.booleans(),
)
def test_whole_means_all_and_every_edge_holds(
    made: list[tuple[int, str]], size: int, inclusive: bool, warns: bool
) -> None:
    rows = [row(at(moment * 7_500_000), name) for moment, name in made]
    got = Asking(Service(rows, inclusive=inclusive, warns=warns)).ask(size)
    assert got.finding.kind is (Kind.WHOLE if rows else Kind.EMPTY)
    assert names(got) == {one["MessageTraceId"] for one in rows}
    so_far: set[str] = set()
    for one in got.pages:
        so_far |= {json.loads(raw.raw)["MessageTraceId"] for raw in one.rows}
        if one.whole_from is not None:
            assert {
                r["MessageTraceId"] for r in rows if datetime.fromisoformat(r["Received"]) >= one.whole_from
            } <= so_far


def test_what_is_whole_is_told_page_by_page_from_the_second_after_the_oldest_row() -> None:
    seconds = [59.9999999, 50.5, 50.0, 7.0, 6.0000001, 1.0]
    got = Asking(Service([row(at(round(second * 10**7))) for second in seconds], inclusive=False)).ask(2)
    start = HOUR.start
    assert got.edges[:2] == [start + timedelta(seconds=51), start + timedelta(seconds=8)]
    assert got.finding.kind is Kind.WHOLE


def test_many_rows_that_share_one_received_are_paged_by_recipient() -> None:
    rows = [row(at(5), f"{n:02}@contoso.example.org") for n in range(20)]
    got = Asking(Service(rows)).ask()
    assert got.finding.kind is Kind.WHOLE
    assert len(names(got)) == 20
    assert set(got.edges) == {HOUR.start + timedelta(seconds=1)}


def test_more_rows_of_one_recipient_and_moment_than_a_page_holds_are_noticed() -> None:
    rows = [row(at(5), MessageTraceId=f"t-{n}") for n in range(9)]
    finding = Asking(Service(rows)).ask().finding
    assert (finding.kind, finding.reason) == (Kind.TOO_LARGE, "paging-stands-still")


@pytest.mark.parametrize("warn", [True, False])
def test_a_cursor_that_stands_still_is_a_failure_and_keeps_its_rows(warn: bool) -> None:
    same = [row(at(9)), row(at(5)), row(at(5), "b@x")]
    asking = Asking(lambda _: page(same, *([more(same[-1])] if warn else [])))
    got = asking.ask()
    assert got.finding.kind in {Kind.FAILED, Kind.TOO_LARGE}
    assert len(names(got)) == 3
    assert len(asking.line.transport.sent) == 2


def test_a_cursor_that_runs_in_a_circle_asks_for_less() -> None:
    def answer(sent: Sent) -> Received:
        cursor = json.loads(sent.body or b"")["CmdletInput"]["Parameters"].get("StartingRecipientAddress", "b")
        return page([row(at(5), "b" if cursor == "a" else "a")], more(row(at(5))))

    asking = Asking(answer)
    assert asking.ask(1).finding.kind is Kind.TOO_LARGE
    assert len(asking.line.transport.sent) <= 4


def test_a_service_that_ignores_the_cursor_is_left() -> None:
    asking = Asking(lambda _: page([row(at(n)) for n in (9, 8, 7)]))
    got = asking.ask()
    assert got.finding.kind in {Kind.FAILED, Kind.TOO_LARGE}
    assert len(asking.line.transport.sent) == 2


def test_a_warning_on_the_first_answer_without_rows_is_no_end() -> None:
    got = Asking([page([], more(row(at(1))))]).ask()
    assert got.finding == Finding(Kind.TOO_LARGE, "paging-stands-still")


def test_a_short_page_with_the_warning_is_followed() -> None:
    rows = [row(at(9)), row(at(8)), row(at(7))]
    got = Asking([page(rows[:1], more(rows[0])), page(rows[1:2], more(rows[1])), page(rows[2:])]).ask(50)
    assert got.finding.kind is Kind.WHOLE
    assert len(names(got)) == 3


def test_a_full_page_without_the_warning_is_followed() -> None:
    asking = Asking([page([row(at(9)), row(at(8))]), page([row(at(7))])])
    assert asking.ask(2).finding.kind is Kind.WHOLE
    assert len(asking.parameters) == 2


@pytest.mark.parametrize("then", [[], [row(at(8))], [row(at(9)), row(at(8))]], ids=["none", "the last", "all again"])
def test_a_promise_of_more_that_is_not_kept_is_a_failure(then: list[Row]) -> None:
    rows = [row(at(9)), row(at(8))]
    finding = Asking([page(rows, more(rows[-1])), page(then)]).ask(50).finding
    assert finding.kind in {Kind.FAILED, Kind.TOO_LARGE}
    assert finding.reason in {"more-available", "order-broken"}


@pytest.mark.parametrize("then", [[], [row(at(8))]], ids=["none", "the last"])
def test_a_full_page_that_was_the_last_is_an_end(then: list[Row]) -> None:
    assert Asking([page([row(at(9)), row(at(8))]), page(then)]).ask(2).finding.kind is Kind.WHOLE


@pytest.mark.parametrize("rows", [[], [row(at(9)), row(at(8))], [row(at(n)) for n in (9, 8, 7)]])
def test_a_search_that_failed_in_a_warning_proves_nothing(rows: list[Row]) -> None:
    got = Asking([page(rows, "A task was canceled.")]).ask()
    assert got.finding == Finding(Kind.FAILED, "cancelled-task")
    assert len(got.rows) == len(rows)
    assert got.edges == []


def test_a_recipient_whose_name_reads_like_a_failure_is_none() -> None:
    rows = [row(at(9), "timeout@fabrikam.example.org"), row(at(8), "cancelled@fabrikam.example.org"), row(at(7), "b")]
    got = Asking([page(rows[:2], more(rows[1])), page(rows[2:])]).ask(2)
    assert got.finding.kind is Kind.WHOLE


def test_one_answer_that_holds_all_may_come_in_any_order() -> None:
    assert Asking([page([row(at(n)) for n in (5, 9, 1)])]).ask(50).finding.kind is Kind.WHOLE


@pytest.mark.parametrize("order", [(5, 9, 1), (1, 5, 9), (9, 1, 5)])
def test_a_full_page_out_of_order_proves_nothing_of_what_it_spans(order: tuple[int, ...]) -> None:
    got = Asking([page([row(at(n * 10**7)) for n in order])]).ask()
    assert got.finding == Finding(Kind.TOO_LARGE, "order-broken")
    assert got.edges == []
    assert len(got.rows) == 3


def test_a_row_that_turns_up_above_the_cursor_proves_nothing() -> None:
    got = Asking([page([row(at(n * 10**7)) for n in (9, 8, 7)]), page([row(at(85_000_000))])]).ask()
    assert got.finding == Finding(Kind.TOO_LARGE, "order-broken")


UNREADABLE: list[object] = [
    "",
    "soon",
    None,
    5,
    {},
    "11/20/2026 10:00:00 AM",
    "0001-01-01T00:00:00+14:00",
    "9999-12-31T23:59:59.9999999Z",
]


@pytest.mark.parametrize("received_", UNREADABLE)
def test_a_row_whose_received_cannot_be_read_is_kept_and_moves_no_cursor(received_: object) -> None:
    odd = row(received_)
    got = Asking([page([row(at(9)), odd])]).ask()
    assert got.finding.kind is Kind.WHOLE
    assert got.rows[1].at is None
    got = Asking([page([row(at(9)), row(at(8)), odd])]).ask()
    assert got.finding == Finding(Kind.TOO_LARGE, "order-broken")
    assert len(got.rows) == 3
    got = Asking([page([odd, odd, odd])]).ask()
    assert got.finding.kind in {Kind.FAILED, Kind.TOO_LARGE}


def test_a_last_row_without_recipient_is_asked_from_its_moment_on() -> None:
    asking = Asking([page([row(at(9)), row(at(8)), row(at(7), None)]), page([row(at(7), None), row(at(6))])])
    assert asking.ask().finding.kind is Kind.WHOLE
    assert "StartingRecipientAddress" not in asking.parameters[1]


FAULTS: list[tuple[Received | TransportFailure, Kind, str]] = [
    (received(403, bytes(4096)), Kind.REFUSED, "forbidden"),
    (received(200, "<html>"), Kind.FAILED, "error-inside-success"),
    (received(503), Kind.FAILED, "server-error"),
    (TransportFailure("cut-body", "x"), Kind.FAILED, "cut-body"),
    (TransportFailure("answer-too-large", "x"), Kind.TOO_LARGE, "answer-too-large"),
    (page([row(at(6))], error={"code": "X"}), Kind.FAILED, "error-inside-success"),
]


@pytest.mark.parametrize(("fault", "kind", "reason"), FAULTS)
@pytest.mark.tries("a fault amid a trace")
def test_a_fault_after_good_pages_keeps_them_and_claims_no_more(
    fault: Received | TransportFailure, kind: Kind, reason: str
) -> None:
    script = [page([row(at(n * 10**7)) for n in (9, 8, 7)]), fault]
    got = Asking(script).ask(attempts=1)
    assert (got.finding.kind, got.finding.reason) == (kind, reason)
    assert len(got.rows) == 3
    assert got.edges == [HOUR.start + timedelta(seconds=8)]


def test_a_probe_is_one_question_though_the_service_repeats_the_cursors_row() -> None:
    asking = Asking(Service([row(at(n), f"{n}@x") for n in range(40)]))
    finding = asked(asking.source.ask(asking.source.probe(HOUR))).finding
    assert finding.kind is Kind.WHOLE
    assert len(asking.line.transport.sent) == 1


def test_a_probe_fails_at_once_where_nobody_answers() -> None:
    asking = Asking([TransportFailure("connection", "x")])
    assert asked(asking.source.ask(asking.source.probe(HOUR))).finding.kind is Kind.FAILED
    assert asking.line.clock.slept == []


CHANGES: list[Callable[[Row], Row]] = [
    lambda one: {**one, "MessageTraceId": "other"},
    lambda one: {**one, "RecipientAddress": "other@contoso.example.org"},
    lambda one: {**one, "Received": at(6)},
    lambda one: {**one, "Received": "2026-11-20T10:00:00.0000006Z"},
    lambda one: {**one, "Status": "Quarantined"},
]


@pytest.mark.parametrize("change", CHANGES)
def test_rows_are_told_apart_by_trace_recipient_moment_and_status(change: Callable[[Row], Row]) -> None:
    one = row(at(5))
    assert key(json.dumps(one).encode()) != key(json.dumps(change(one)).encode())


def test_a_row_that_comes_again_is_the_same_row() -> None:
    one = row(at(5))
    assert key(json.dumps(one).encode()) == key(json.dumps(one, indent=1).replace("\n", "").encode())


ODD = {
    "lone surrogate": rb'{"MessageTraceId":"t","RecipientAddress":"\ud800","Received":"2026-11-20T10:00:00Z"}',
    "NaN": b'{"MessageTraceId":"t","RecipientAddress":"a","Received":"2026-11-20T10:00:00Z","Size":NaN}',
    "no UTF-8": b'{"MessageTraceId":"t","RecipientAddress":"\xff","Received":"2026-11-20T10:00:00Z"}',
    "no trace id": b'{"RecipientAddress":"a","Received":"2026-11-20T10:00:00Z"}',
    "no recipient": b'{"MessageTraceId":"t","Received":"2026-11-20T10:00:00Z"}',
    "numbers": b'{"MessageTraceId":1,"RecipientAddress":2,"Received":3,"Status":4}',
    "nothing": b"{}",
    "no object": b"[1]",
    "null": b"null",
    **{f"nesting of {depth}": b'{"x":%b}' % (b"[" * depth + b"]" * depth) for depth in range(940, 1010, 3)},
}


@pytest.mark.parametrize("raw", ODD.values(), ids=ODD.keys())
@pytest.mark.tries("a record of hostile content")
def test_no_row_is_too_odd_to_be_kept(raw: bytes) -> None:
    got = Asking([received(200, b'{"value":[%b]}' % raw)]).ask(attempts=1)
    if got.finding.kind is Kind.WHOLE:
        assert [one.raw for one in got.rows] == [raw]
    else:
        assert got.finding.unread == b'{"value":[%b]}' % raw  # nested deeper than any reader goes


def test_odd_rows_are_told_from_each_other() -> None:
    assert len({key(raw) for raw in ODD.values()}) == len(ODD)


def test_times_are_read_as_utc() -> None:
    got = Asking([page([row("2026-11-20T12:00:00.0000001+02:00")])]).ask()
    assert got.rows[0].at == datetime(2026, 11, 20, 10, tzinfo=UTC).timestamp()
