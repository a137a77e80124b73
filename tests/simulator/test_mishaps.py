"""Mishaps of sessions, counts, cursors and bytes: each does what it is named for."""

import gzip
import json
import zlib
from datetime import timedelta
from typing import Any

import pytest
import requests

from collector.simulator import Fault, Faults, Kind, Mailbox, Quotas, Scenario, cmdlet, larger, page

from .conftest import START, WINDOW, Caller, audit_rows, calling, dates, searching, trace_row

SEARCH, TRACE = "Search-UnifiedAuditLog", "Get-MessageTraceV2"
FULL = Scenario.of(audit=audit_rows(30), window=WINDOW)


def failing(kind: Kind, *args: Any, **how: Any) -> dict[str, Any]:
    return {"faults": Faults((Fault(kind, *args, **how),))}


def indices(rows: list[dict[str, Any]]) -> list[int]:
    return sorted(row["ResultIndex"] for row in rows)


def packed(caller: Caller) -> tuple[str, bytes]:
    """Send a search and return the content-encoding, and the body before it is taken off."""
    caller.sign_in()
    body = {"CmdletInput": {"CmdletName": SEARCH, "Parameters": searching()}}
    with caller.session.post(caller.url, json=body, headers=caller.headers, stream=True) as answer:
        return answer.headers["Content-Encoding"], answer.raw.read(decode_content=False)


def test_pages_are_short_where_the_service_has_a_bound_of_its_own() -> None:
    with calling(FULL, quotas=Quotas(page_rows=12)) as caller:
        pages = [caller.search(ResultSize=5000) for _ in range(4)]
    assert [len(rows) for rows in pages] == [12, 12, 6, 0]
    assert indices(pages[0] + pages[1] + pages[2]) == list(range(1, 31))


def test_a_short_answer_of_a_trace_warns_of_more() -> None:
    rows = [trace_row(f"2026-10-01T0{n}:00:00.0000000Z", "a@x", n) for n in range(5)]
    with calling(Scenario.of(traces=rows, window=WINDOW), quotas=Quotas(page_rows=3)) as caller:
        answer = caller.send(TRACE, dates(WINDOW) | {"ResultSize": 5000}).json()
    assert len(answer["value"]) == 3
    assert "-ResultSize 5000" in answer["@adminapi.warnings"][0]


def test_a_session_that_cycles_begins_again_at_its_end() -> None:
    with calling(FULL, **failing(Kind.CYCLE, times=None)) as caller:
        pages = [indices(caller.search(ResultSize=20)) for _ in range(5)]
    assert pages == [list(range(1, 21)), list(range(21, 31))] * 2 + [list(range(1, 21))]


def test_one_row_of_several_is_left_out() -> None:
    with calling(FULL, **failing(Kind.LOST_ROW, times=None)) as caller:
        pages = [caller.search(ResultSize=29) for _ in range(2)]
    assert [len(rows) for rows in pages] == [28, 1]


@pytest.mark.parametrize("by", [-1, 7])
def test_the_count_of_a_session_is_short_or_long(by: int) -> None:
    with calling(FULL, **failing(Kind.MISCOUNT, by=by)) as caller:
        assert {row["ResultCount"] for row in caller.search()} == {30 + by}


def test_more_is_promised_on_the_last_row() -> None:
    with calling(FULL, **failing(Kind.MORE)) as caller:
        assert {row["moreRecordsAvailable"] for row in caller.search()} == {True}
        assert caller.search() == []


def test_a_trace_is_given_its_page_again() -> None:
    rows = [trace_row(f"2026-10-01T0{n}:00:00.0000000Z", "a@x", n) for n in range(5)]
    at = START + timedelta(hours=3)
    with calling(Scenario.of(traces=rows, window=WINDOW), **failing(Kind.REPEAT, page(2))) as caller:
        first = caller.trace(ResultSize=2)
        cursor = {"EndDate": at.isoformat(), "StartingRecipientAddress": "a@x", "ResultSize": 2}
        assert caller.trace(**cursor) == first
        assert [row["MessageTraceId"] for row in caller.trace(**cursor)] == ["trace-3", "trace-2"]


def test_a_next_link_can_lead_to_the_same_page_for_ever() -> None:
    with calling(FULL, **failing(Kind.LINK_LOOP, times=None)) as caller:
        answers = [caller.send(SEARCH, searching(ResultSize=10)).json()]
        for _ in range(3):
            answers.append(caller.send(SEARCH, searching(ResultSize=10), url=answers[-1]["@odata.nextLink"]).json())
    assert [indices(answer["value"]) for answer in answers] == [list(range(1, 11))] * 4
    assert len({answer["@odata.nextLink"] for answer in answers}) == 4


def test_a_next_link_that_looped_once_ends() -> None:
    with calling(FULL, **failing(Kind.LINK_LOOP)) as caller:
        link = caller.send(SEARCH, searching(ResultSize=10)).json()["@odata.nextLink"]
        assert "@odata.nextLink" not in caller.send(SEARCH, searching(ResultSize=10), url=link).json()


def test_a_cursor_is_refused() -> None:
    with calling(FULL, **failing(Kind.PAGING_REFUSED, page(2))) as caller:
        answers = [caller.send(SEARCH, searching(ResultSize=10)) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200, 400, 200]
    assert "Expired or Invalid pagination request" in answers[1].text


def test_the_type_of_a_transient_exception_can_be_chosen() -> None:
    with calling(FULL, **failing(Kind.TRANSIENT, exception="X.CmdletProxyNotAvailableFailureException")) as caller:
        answer = caller.send(SEARCH, searching())
    assert answer.status_code == 400
    assert "CmdletProxyNotAvailableFailure" in answer.json()["error"]["details"][0]["message"]


def test_an_answer_lacks_its_rows_member() -> None:
    with calling(FULL, **failing(Kind.NO_VALUE)) as caller:
        answer = caller.send(SEARCH, searching())
    assert answer.status_code == 200
    assert "value" not in answer.json()


def test_an_answer_tells_of_errors_beside_its_rows() -> None:
    with calling(FULL, **failing(Kind.ERRORS)) as caller:
        answer = caller.send(SEARCH, searching()).json()
    assert answer["@adminapi.errors"]
    assert len(answer["value"]) == 30


def test_an_answer_is_bloated_by_blanks() -> None:
    with calling(FULL, **failing(Kind.BLOATED, size=100_000)) as caller:
        answer = caller.send(SEARCH, searching())
    assert len(answer.content) > 100_000
    assert len(answer.json()["value"]) == 30


def test_gzip_that_is_cut_has_the_length_that_was_declared() -> None:
    with calling(FULL, **failing(Kind.CUT_GZIP)) as caller:
        encoding, body = packed(caller)
    assert encoding == "gzip"
    with pytest.raises(EOFError):
        gzip.decompress(body)
    assert zlib.decompressobj(31).decompress(body)


def test_what_is_declared_gzip_is_none() -> None:
    with calling(FULL, **failing(Kind.NOT_GZIP)) as caller:
        encoding, body = packed(caller)
    assert encoding == "gzip"
    assert len(json.loads(body)["value"]) == 30


def test_what_is_no_answer_of_rows_comes_to_no_harm_on_its_way() -> None:
    faults = Fault(Kind.NO_VALUE, cmdlet("Get-Nothing")), Fault(Kind.CUT, cmdlet("Get-Nothing"))
    with calling(FULL, faults=Faults(faults)) as caller, pytest.raises(requests.exceptions.ContentDecodingError):
        caller.send("Get-Nothing", {})


def test_a_standing_challenge_is_said_to_every_token_that_does_not_meet_it() -> None:
    with calling(FULL, **failing(Kind.CLAIMS)) as caller:
        challenge = caller.send(SEARCH, searching()).headers["WWW-Authenticate"]
        caller.sign_in()
        again = caller.send(SEARCH, searching()).headers["WWW-Authenticate"]
    assert "insufficient_claims" in challenge
    assert again == challenge


def test_mishaps_of_the_audit_log_leave_other_cmdlets_as_they_are() -> None:
    scenario = Scenario.of(window=WINDOW, mailboxes=[Mailbox("m@x", "g", "M")])
    with calling(scenario, **failing(Kind.MISCOUNT, times=None)) as caller:
        assert [row["UserPrincipalName"] for row in caller.rows("Get-Mailbox", {"ResultSize": "Unlimited"})] == ["m@x"]


@pytest.mark.parametrize(("size", "status"), [("Unlimited", 503), (5001, 503), (5000, 200), ("All", 400)])
def test_an_unlimited_size_is_larger_than_any(size: Any, status: int) -> None:
    with calling(Scenario.of(window=WINDOW), **failing(Kind.STATUS, larger(5000))) as caller:
        assert caller.send("Get-Mailbox", {"ResultSize": size}).status_code == status
