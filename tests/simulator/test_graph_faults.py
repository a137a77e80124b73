"""What goes wrong with Graph, and who is turned away: each fault does what it is named for; protocol.md D, E."""

from datetime import timedelta
from typing import Any

import pytest
import requests

from collector.model import Window
from collector.simulator import (
    EXCHANGE_QUERIES,
    TRACE_READ,
    Access,
    Fault,
    GraphCall,
    Kind,
    Scenario,
    any_cmdlet,
    any_feed,
    any_graph,
    during,
    every,
    graph,
    graph_chance,
    graph_page,
    path,
    wider,
)
from collector.simulator.conditions import Asked

from .conftest import START, WINDOW, audit_rows, trace_row
from .graphs import QUERIES, TRACES, Asker, between, code, failing, graphing, rows

HOUR = timedelta(hours=1)
TEN = Scenario.of(
    audit=audit_rows(10),
    traces=[trace_row(f"2026-10-01T{n:02}:00:00.0000000Z", "a@x", n) for n in range(10)],
    window=WINDOW,
)
RECORDS = GraphCall.RECORDS


def sizes(pages: list[list[Any]]) -> list[int]:
    return [len(page) for page in pages]


def pages_of(asker: Asker, most: int = 20) -> list[list[str]]:
    """The ids of the records of a query, four a page."""
    answer = asker.ask(f"{QUERIES}/{asker.finished()}/records", top=4)
    return [[record["id"] for record in page] for page in asker.pages(answer, most)]


def test_an_error_is_in_graphs_form_and_names_its_request() -> None:
    fault = Fault(Kind.STATUS, graph(GraphCall.TRACES), status=429, text="Too many.", retry_after="7")
    with graphing(TEN, **failing(fault)) as asker:
        refused = asker.ask(TRACES, headers={"client-request-id": "ours"})
        served = asker.traces(between())
    error = refused.json()["error"]
    assert (code(refused), refused.headers["Retry-After"]) == ((429, "TooManyRequests"), "7")
    assert (error["message"], error["innerError"]["client-request-id"]) == ("Too many.", "ours")
    assert error["innerError"]["request-id"] == refused.headers["request-id"]
    assert error["innerError"]["date"] == "2026-10-20T00:00:00"
    assert served.headers["request-id"] == served.headers["client-request-id"]


@pytest.mark.parametrize(
    ("kind", "told"),
    [
        (Kind.STATUS, (503, "ServiceUnavailable")),
        (Kind.FORBIDDEN, (403, "Forbidden")),
        (Kind.TRANSIENT, (500, "InternalServerError")),
        (Kind.PAGING_REFUSED, (400, "BadRequest")),
    ],
)
def test_an_error_once_and_then_the_answer(kind: Kind, told: tuple[int, str]) -> None:
    with graphing(TEN, **failing(Fault(kind, graph(GraphCall.TRACES)))) as asker:
        assert code(asker.traces(between())) == told
        assert len(rows(asker.traces(between()))) == 10


@pytest.mark.parametrize("status", [200, 503])
def test_an_html_page_whatever_the_status(status: int) -> None:
    with graphing(TEN, **failing(Fault(Kind.HTML, any_graph, status=status))) as asker:
        answer = asker.traces(between())
    assert (answer.status_code, answer.headers["Content-Type"]) == (status, "text/html; charset=utf-8")


@pytest.mark.parametrize("kind", [Kind.NO_ANSWER, Kind.CUT, Kind.RESET, Kind.BROKEN_GZIP])
def test_an_answer_that_does_not_arrive_whole_and_the_next_time_it_does(kind: Kind) -> None:
    with graphing(TEN, **failing(Fault(kind, graph(GraphCall.TRACES)))) as asker:
        with pytest.raises(requests.exceptions.RequestException):
            asker.traces(between())
        assert len(rows(asker.traces(between()))) == 10


@pytest.mark.parametrize(("kind", "left"), [(Kind.RESET, 1), (Kind.NO_ANSWER, 0)])
def test_a_submission_whose_answer_is_lost_leaves_an_orphan_unless_it_never_arrived(kind: Kind, left: int) -> None:
    with graphing(TEN, **failing(Fault(kind, graph(GraphCall.SUBMIT)))) as asker:
        with pytest.raises(requests.exceptions.RequestException):
            asker.submit(displayName="orphan")
        assert [query["displayName"] for query in rows(asker.ask(QUERIES))] == ["orphan"] * left


def test_an_answer_is_slow() -> None:
    with graphing(TEN, **failing(Fault(Kind.SLOW, graph(GraphCall.TRACES), seconds=0.05))) as asker:
        asker.caller.sign_in()
        assert asker.traces(between()).elapsed.total_seconds() >= 0.05


def test_a_page_comes_again_and_nothing_is_lost_for_it() -> None:
    with graphing(TEN, **failing(Fault(Kind.REPEAT, graph_page(2)))) as asker:
        found = pages_of(asker)
    assert sizes(found) == [4, 4, 4, 2]
    assert found[0] == found[1]


def test_a_page_is_skipped() -> None:
    with graphing(TEN, **failing(Fault(Kind.HOLE, graph_page(2)))) as asker:
        assert sizes(pages_of(asker)) == [4, 2]


def test_a_row_is_left_out() -> None:
    with graphing(TEN, **failing(Fault(Kind.LOST_ROW, graph_page(3)))) as asker:
        assert sizes(pages_of(asker)) == [4, 4, 1]


def test_a_listing_ends_too_soon() -> None:
    with graphing(TEN, **failing(Fault(Kind.SHORT_SESSION, graph_page(2)))) as asker:
        assert sizes(pages_of(asker)) == [4, 4]


def test_an_empty_page_leads_to_a_full_one_and_an_empty_listing_to_none() -> None:
    faults = Fault(Kind.EMPTY_PAGE, graph(RECORDS, 1)), Fault(Kind.EMPTY, graph(RECORDS, 5))
    with graphing(TEN, **failing(*faults)) as asker:
        assert [sizes(pages_of(asker)) for _ in range(2)] == [[0, 4, 4, 2], [0]]


def test_a_listing_begins_again_at_its_end() -> None:
    with graphing(TEN, **failing(Fault(Kind.CYCLE, graph(RECORDS), times=None))) as asker:
        found = pages_of(asker, 6)
    assert found[:3] == found[3:]


def test_the_next_page_is_the_same_page_for_ever() -> None:
    with graphing(TEN, **failing(Fault(Kind.LINK_LOOP, graph_page(2), times=None))) as asker:
        first = asker.ask(f"{QUERIES}/{asker.finished()}/records", top=4).json()["@odata.nextLink"]
        second = asker.ask(first)
    assert second.json()["@odata.nextLink"] == first
    assert len(rows(second)) == 4


@pytest.mark.parametrize("base", ["https://graph.fabrikam.example.org", "https://127.0.0.1:1"])
def test_the_next_page_is_said_to_be_elsewhere(base: str) -> None:
    with graphing(TEN, **failing(Fault(Kind.FOREIGN_LINK, graph(GraphCall.TRACES), base=base))) as asker:
        assert asker.traces(between()).json()["@odata.nextLink"].startswith(f"{base}/v1.0/{TRACES}?")


def test_the_count_of_a_query_is_off() -> None:
    with graphing(TEN, **failing(Fault(Kind.MISCOUNT, graph(GraphCall.QUERY), times=None, by=3))) as asker:
        assert asker.ask(f"{QUERIES}/{asker.finished()}").json()["approximateReturnedRecordCount"] == 13


@pytest.mark.parametrize("kind", [Kind.TWICE, Kind.NO_VALUE])
def test_what_needs_rows_leaves_a_single_query_alone(kind: Kind) -> None:
    with graphing(TEN, **failing(Fault(kind, any_graph, times=None))) as asker:
        assert asker.status(asker.made()) == "notStarted"


def test_a_page_without_its_rows_member() -> None:
    with graphing(TEN, **failing(Fault(Kind.NO_VALUE, graph(GraphCall.TRACES)))) as asker:
        assert set(asker.traces(between()).json()) == {"@odata.context"}


def test_a_token_ends_in_the_middle() -> None:
    with graphing(TEN, **failing(Fault(Kind.UNAUTHORIZED, graph_page(2)))) as asker:
        link = asker.traces(between(), top=4).json()["@odata.nextLink"]
        refused = asker.ask(link)
        asker.caller.sign_in()
        assert (code(refused), asker.ask(link).status_code) == ((401, "InvalidAuthenticationToken"), 200)
    assert refused.headers["WWW-Authenticate"].startswith("Bearer ")


def test_a_claims_challenge_stands_in_the_header() -> None:
    with graphing(TEN, **failing(Fault(Kind.CLAIMS, any_graph))) as asker:
        assert "insufficient_claims" in asker.traces(between()).headers["WWW-Authenticate"]


@pytest.mark.parametrize("access", [Access(audience="https://elsewhere.example.org"), Access(tid="another")])
def test_a_token_for_another_api_or_of_another_tenant_is_not_taken(access: Access) -> None:
    with graphing(TEN, access=access) as asker:
        assert code(asker.traces(between())) == (401, "InvalidAuthenticationToken")


def test_no_token_is_no_entry() -> None:
    with graphing(TEN) as asker:
        assert code(asker.ask(TRACES, headers={"Authorization": ""})) == (401, "InvalidAuthenticationToken")


@pytest.mark.parametrize(
    ("role", "queries", "traces"),
    [(EXCHANGE_QUERIES, 201, 403), (TRACE_READ, 403, 200), ("AuditLogsQuery-Entra.Read.All", 403, 403)],
)
def test_each_role_opens_its_own_part(role: str, queries: int, traces: int) -> None:
    with graphing(TEN, access=Access(roles=(role,))) as asker:
        assert [asker.submit().status_code, asker.traces(between()).status_code] == [queries, traces]


def test_who_has_no_role_is_told_so() -> None:
    with graphing(TEN, access=Access(roles=())) as asker:
        refused = code(asker.ask(QUERIES)), code(asker.traces(between()))
    assert refused == ((403, "Forbidden"), (403, "Authorization_RequestDenied"))


@pytest.mark.parametrize(("method", "place"), [("GET", "/v1.0/users"), ("POST", f"/v1.0/{TRACES}"), ("GET", "/beta/")])
def test_what_is_not_served_is_not_found(method: str, place: str) -> None:
    with graphing(TEN) as asker:
        assert code(asker.ask(place, method)) == (404, "NotFound")


def test_a_path_is_read_without_case() -> None:
    with graphing(TEN) as asker:
        assert len(rows(asker.ask(f"/V1.0/{TRACES.lower()}", filter=between()))) == 10


ASKED = Asked(2, f"/v1.0/{QUERIES}", window=WINDOW, page=3, graph=RECORDS)


@pytest.mark.parametrize(
    ("holds", "does_not"),
    [
        (any_graph, any_cmdlet),
        (any_graph, any_feed),
        (graph(RECORDS), graph(GraphCall.TRACES)),
        (graph(RECORDS, 2), graph(RECORDS, 1)),
        (graph_page(3), graph_page(2)),
        (graph_chance(1.0), graph_chance(0.0)),
        (during(WINDOW), during(Window(START - 2 * HOUR, START - HOUR))),
        (every(any_graph, wider(HOUR)), wider(48 * HOUR)),
    ],
)
def test_a_condition_holds_where_it_says(holds: Any, does_not: Any) -> None:
    assert (holds(ASKED), does_not(ASKED)) == (True, False)


def test_conditions_of_graph_leave_cmdlets_and_the_feed_alone() -> None:
    others = Asked(1, "/x", "Search-UnifiedAuditLog"), Asked(1, "/x", operation="audit")
    conditions = any_graph, graph(RECORDS), graph_page(1), graph_chance(1.0)
    assert not any(fires(asked) for fires in conditions for asked in others)


def test_a_query_over_too_wide_a_window_fails_and_its_halves_do_not() -> None:
    wide = Fault(Kind.STATUS, every(graph(GraphCall.SUBMIT), wider(12 * HOUR)), times=None, status=504)
    with graphing(TEN, **failing(wide)) as asker:
        halves = Window(START, START + 12 * HOUR), Window(START + 12 * HOUR, WINDOW.end)
        assert [asker.submit(window).status_code for window in (WINDOW, *halves)] == [504, 201, 201]


def test_the_records_of_a_window_are_known_by_it_on_every_page() -> None:
    fault = Fault(Kind.STATUS, every(graph(RECORDS), during(WINDOW), graph_page(2)), status=500)
    with graphing(TEN, **failing(fault)) as asker:
        link = asker.ask(f"{QUERIES}/{asker.finished()}/records", top=4).json()["@odata.nextLink"]
        assert [asker.ask(link).status_code for _ in range(2)] == [500, 200]


def test_a_fault_by_path_fires_once_for_a_request_of_graph() -> None:
    with graphing(TEN, **failing(Fault(Kind.STATUS, path(TRACES), times=2))) as asker:
        assert [asker.traces(between()).status_code for _ in range(3)] == [503, 503, 200]
