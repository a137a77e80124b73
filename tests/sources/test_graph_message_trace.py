"""Graph's message trace: pages to their end, one value for each property, and a 401 that no token mends."""

import json
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from collector.config import Limits
from collector.errors import AccessError
from collector.http.client import Effort
from collector.model import Axis, Slice, Window
from collector.sources.base import Finding, Kind, Page, Question
from collector.sources.graph import Graph
from collector.sources.graph_message_trace import NO_SERVICE_PRINCIPAL, GraphMessageTrace, key
from tests.fakes import NOW, FakeSignIn, Line, Script, received
from tests.sources.graphs import GRAPH, collection, error

WINDOW = Window(NOW - timedelta(days=2), NOW - timedelta(days=1))
ADELE = "adele.o'hara@contoso.com"
PATH = "/v1.0/admin/exchange/tracing/messageTraces"


def row(number: int, **more: Any) -> dict[str, Any]:
    return {
        "id": f"trace-{number}",
        "recipientAddress": "adele@contoso.com",
        "receivedDateTime": "2026-11-19T06:00:00Z",
        "status": "delivered",
    } | more


def ask(
    script: Script, part: str | None = None, page_size: int = 5000, **how: Any
) -> tuple[Line, list[dict[str, Any]], Finding]:
    line = Line(script, limits=Limits(attempts=3), **how)
    source = GraphMessageTrace(Graph(line.client, GRAPH))
    slice_ = Slice(source.name, part, Axis.EVENT, WINDOW)
    *pages, finding = source.ask(Question(slice_, page_size, Effort(3)))
    assert isinstance(finding, Finding)
    return line, [json.loads(one.raw) for page in pages if isinstance(page, Page) for one in page.rows], finding


def asked(line: Line, number: int = 0) -> dict[str, str]:
    parts = urlsplit(line.transport.sent[number].address)
    assert parts.path == PATH
    return {name: value for name, (value,) in parse_qs(parts.query, strict_parsing=True).items()}


def test_all_pages_are_read_and_the_slice_is_asked_a_second_wider() -> None:
    link = f"{GRAPH}{PATH}?$skiptoken=2"
    line, rows, finding = ask([collection([row(1), row(2)], link), collection([row(3)])])
    assert (rows, finding) == ([row(1), row(2), row(3)], Finding(Kind.WHOLE))
    times = "receivedDateTime ge 2026-11-19T04:59:59Z and receivedDateTime le 2026-11-20T05:00:01Z"
    assert asked(line) == {"$filter": times, "$top": "5000"}
    assert line.transport.sent[1].address == link
    assert {sent.headers["Prefer"] for sent in line.transport.sent} == {"include-unknown-enum-members"}
    assert set(line.sign_in.asked) == {GRAPH}


@pytest.mark.parametrize(("side", "member"), [("sender", "senderAddress"), ("recipient", "recipientAddress")])
def test_a_mailbox_is_asked_for_by_one_value_of_one_property(side: str, member: str) -> None:
    line, *_ = ask([collection([row(1)])], f"{side}:{ADELE}")
    assert asked(line)["$filter"].endswith(f" and {member} eq 'adele.o''hara@contoso.com'")


def test_no_rows_are_none() -> None:
    assert ask([collection()])[1:] == ([], Finding(Kind.EMPTY))


def test_a_full_page_at_the_end_may_have_lost_its_link_and_less_is_asked_for() -> None:
    _, rows, finding = ask([collection([row(1), row(2)])], page_size=2)
    assert (len(rows), finding) == (2, Finding(Kind.TOO_LARGE, "full-page-at-the-end"))


def test_a_last_page_as_full_as_the_first_may_have_lost_its_link_too() -> None:
    link = f"{GRAPH}{PATH}?$skiptoken=2"
    finding = ask([collection([row(1), row(2)], link), collection([row(3), row(4)])])[2]
    assert finding == Finding(Kind.TOO_LARGE, "full-page-at-the-end")


def test_pages_that_are_empty_at_first_hold_no_doubt() -> None:
    link = f"{GRAPH}{PATH}?$skiptoken=2"
    assert ask([collection([], link), collection([row(3)])])[2] == Finding(Kind.WHOLE)
    assert ask([collection([], link), collection()])[2] == Finding(Kind.EMPTY)
    full = ask([collection([], link), collection([row(3), row(4)])], page_size=2)[2]
    assert full == Finding(Kind.TOO_LARGE, "full-page-at-the-end")


def test_an_end_in_an_empty_page_where_more_was_promised_must_be_seen_twice() -> None:
    link = f"{GRAPH}{PATH}?$skiptoken=2"
    finding = ask([collection([row(1), row(2)], link), collection()], page_size=2)[2]
    assert finding == Finding(Kind.UNCOUNTED, "end-in-doubt")


def test_a_missing_permission_is_forbidden() -> None:
    refused = error(403, "Authorization_RequestDenied", "Insufficient privileges to complete the operation.")
    assert ask([refused])[2] == Finding(Kind.REFUSED, "forbidden", forbidden=True)


def test_a_401_that_a_new_token_does_not_mend_says_what_may_be_missing_and_how_to_make_it() -> None:
    line, _, finding = ask([error(401, "UnknownError")] * 2)
    assert finding == Finding(Kind.REFUSED, NO_SERVICE_PRINCIPAL, forbidden=True)
    assert len(line.sign_in.renewed) == 1
    assert "az ad sp create --id 8bd644d1-64a1-4d4b-ae52-2e0cbf64e373" in NO_SERVICE_PRINCIPAL


def test_a_401_that_a_new_token_mends_is_none() -> None:
    assert ask([error(401, "InvalidAuthenticationToken"), collection([row(1)])])[2] == Finding(Kind.WHOLE)


def test_a_sign_in_that_is_refused_ends_the_run_all_the_same() -> None:
    class Refusing(FakeSignIn):
        def token(self, api: str) -> Any:
            raise AccessError("no")

    with pytest.raises(AccessError):
        ask([], sign_in=Refusing())


def test_a_refused_window_is_a_refusal_and_a_refused_link_is_none() -> None:
    refused = error(400, "BadRequest", "older than 90 days")
    assert ask([refused])[2].kind is Kind.REFUSED
    link = f"{GRAPH}{PATH}?$skiptoken=2"
    _, rows, finding = ask([collection([row(1)], link), refused])
    assert (rows, finding) == ([row(1)], Finding(Kind.FAILED, "refused"))


@pytest.mark.parametrize("link", [f"{GRAPH}{PATH}?$skiptoken=1", "https://graph.example.net/x"])
def test_links_that_lead_nowhere_prove_nothing(link: str) -> None:
    assert ask(lambda _: collection([row(1)], link))[2].kind is Kind.FAILED


def test_a_throttled_question_waits_as_long_as_it_is_told() -> None:
    throttled = received(429, {"error": {"code": "TooManyRequests"}}, retry_after="300")
    line, _, finding = ask([throttled, collection([row(1)])])
    assert (finding, line.clock.monotonic()) == (Finding(Kind.WHOLE), 300)


@pytest.mark.parametrize("other", [{"id": "x"}, {"recipientAddress": "x"}, {"status": "failed"}])
def test_rows_are_told_apart_by_id_recipient_time_and_status(other: dict[str, str]) -> None:
    one, same = row(1), row(1, subject="another")
    lines = [json.dumps(value).encode() for value in (one, same, one | other)]
    assert key(lines[0]) == key(lines[1])
    assert key(lines[0]) != key(lines[2])


@pytest.mark.parametrize("raw", [b'{"id":1,"status":NaN}', b'{"id":"\\ud800"}'])
def test_rows_of_odd_types_are_rows(raw: bytes) -> None:
    assert key(raw) == key(raw)
    assert key(raw) != key(b'{"id":2}')
