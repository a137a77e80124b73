"""Each fault does what it is named for, as often as it says, and where it says."""

import base64
import gzip
import json
import re
import time
import zlib
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
import requests
import urllib3

from collector.model import Window
from collector.simulator import (
    CONCURRENCY,
    Access,
    Asked,
    Fault,
    Faults,
    Kind,
    Scenario,
    When,
    chance,
    cmdlet,
    during,
    every,
    from_page,
    larger,
    nth,
    page,
    path,
    wider,
)

from .conftest import NOW, START, WINDOW, Caller, audit_rows, calling, searching

SEARCH = "Search-UnifiedAuditLog"
FULL = Scenario.of(audit=audit_rows(30), window=WINDOW)


def with_faults(*faults: Fault) -> dict[str, Any]:
    return {"faults": Faults(faults)}


def indices(rows: list[dict[str, Any]]) -> list[int]:
    return sorted(row["ResultIndex"] for row in rows)


def raw(caller: Caller) -> urllib3.response.BaseHTTPResponse:
    """Send a search below requests, so that what is wrong with the answer's bytes can be looked at."""
    caller.sign_in()
    body = json.dumps({"CmdletInput": {"CmdletName": SEARCH, "Parameters": searching()}})
    with urllib3.PoolManager(ca_certs=str(caller.tenant.ca_bundle)) as pool:
        headers = caller.headers | {"Accept-Encoding": "identity"}
        return pool.request("POST", caller.url, body=body, headers=headers, decode_content=False, retries=False)


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504, 408])
def test_a_status_once_and_then_the_answer(status: int) -> None:
    with calling(FULL, **with_faults(Fault(Kind.STATUS, status=status))) as caller:
        assert [caller.send(SEARCH, searching()).status_code for _ in range(2)] == [status, 200]


@pytest.mark.parametrize("retry_after", ["7", "Tue, 20 Oct 2026 00:00:07 GMT", None])
def test_retry_after_in_seconds_as_a_date_or_not_at_all(retry_after: str | None) -> None:
    fault = Fault(Kind.STATUS, status=429, text=CONCURRENCY, retry_after=retry_after)
    with calling(FULL, **with_faults(fault)) as caller:
        answer = caller.send(SEARCH, searching())
    assert (answer.headers.get("Retry-After"), answer.text) == (retry_after, CONCURRENCY)


@pytest.mark.parametrize("status", [200, 503])
def test_an_html_page_whatever_the_status(status: int) -> None:
    with calling(FULL, **with_faults(Fault(Kind.HTML, status=status))) as caller:
        answer = caller.send(SEARCH, searching())
    assert answer.status_code == status
    assert answer.headers["Content-Type"].startswith("text/html")
    assert answer.text.startswith("<!DOCTYPE html>")


def test_a_transient_type_inside_a_400() -> None:
    with calling(FULL, **with_faults(Fault(Kind.TRANSIENT))) as caller:
        answer = caller.send(SEARCH, searching())
    assert answer.status_code == 400
    assert "ServerBusyException" in answer.json()["error"]["details"][0]["message"]


def test_a_cmdlet_is_forbidden_for_a_while() -> None:
    with calling(FULL, **with_faults(Fault(Kind.FORBIDDEN, cmdlet(SEARCH)))) as caller:
        with pytest.raises(requests.exceptions.ContentDecodingError):
            caller.send(SEARCH, searching())
        assert caller.send(SEARCH, searching()).status_code == 200


def test_the_backend_timeout_is_a_row_with_index_minus_one() -> None:
    with calling(FULL, **with_faults(Fault(Kind.MINUS_ONE, page(2)))) as caller:
        first, second = caller.search(ResultSize=10), caller.search(ResultSize=10)
    assert len(first) == 10
    assert [(row["ResultIndex"], row["ResultCount"]) for row in second] == [(-1, 0)]


def test_a_first_answer_is_empty_though_there_are_rows() -> None:
    with calling(FULL, **with_faults(Fault(Kind.EMPTY))) as caller:
        assert [len(caller.search("a")), len(caller.search("b"))] == [0, 30]


def test_a_session_stops_short_and_stays_so_while_a_new_one_does_not() -> None:
    with calling(FULL, **with_faults(Fault(Kind.SHORT_SESSION, page(2)))) as caller:
        sizes = [len(caller.search("a", ResultSize=10)) for _ in range(3)]
        again = [len(caller.search("b", ResultSize=10)) for _ in range(3)]
    assert (sizes, again) == ([10, 0, 0], [10, 10, 10])


def test_a_page_is_skipped() -> None:
    with calling(FULL, **with_faults(Fault(Kind.HOLE, page(2)))) as caller:
        rows = caller.search(ResultSize=10) + caller.search(ResultSize=10)
    assert indices(rows) == [*range(1, 11), *range(21, 31)]


def test_a_page_comes_twice_and_none_is_lost() -> None:
    with calling(FULL, **with_faults(Fault(Kind.REPEAT, page(2)))) as caller:
        pages = [caller.search(ResultSize=10) for _ in range(4)]
    assert pages[0] == pages[1]
    assert indices(pages[1] + pages[2] + pages[3]) == list(range(1, 31))


def test_a_cancelled_task_is_a_warning_and_no_rows() -> None:
    with calling(FULL, **with_faults(Fault(Kind.CANCELLED))) as caller:
        answer = caller.send(SEARCH, searching()).json()
    assert (answer["value"], answer["@adminapi.warnings"]) == ([], ["A task was canceled."])


@pytest.mark.parametrize("kind", [Kind.NO_ANSWER, Kind.CUT, Kind.RESET, Kind.BROKEN_GZIP])
def test_an_answer_that_does_not_arrive_whole_is_noticed_and_the_next_one_is_fine(kind: Kind) -> None:
    with calling(FULL, **with_faults(Fault(kind))) as caller:
        with pytest.raises(requests.exceptions.RequestException):
            caller.send(SEARCH, searching())
        assert caller.send(SEARCH, searching("b")).status_code == 200


def test_an_answer_that_was_lost_on_the_way_leaves_a_hole_in_its_session() -> None:
    with calling(FULL, **with_faults(Fault(Kind.RESET))) as caller:
        with pytest.raises(requests.exceptions.RequestException):
            caller.search(ResultSize=10)
        assert indices(caller.search(ResultSize=10)) == list(range(11, 21))


def test_a_request_that_never_began_to_be_answered_has_no_status() -> None:
    with calling(FULL, **with_faults(Fault(Kind.NO_ANSWER))) as caller:
        with pytest.raises(requests.exceptions.ConnectionError):
            caller.send(SEARCH, searching())
        assert caller.tenant.requests[-1].status == 0


def test_a_wrong_content_length_makes_a_whole_answer_of_half_a_body() -> None:
    with calling(FULL, **with_faults(Fault(Kind.WRONG_LENGTH))) as caller:
        answer = raw(caller)
    assert len(answer.data) == int(answer.headers["Content-Length"])
    with pytest.raises(json.JSONDecodeError):
        json.loads(answer.data)


def test_broken_gzip_starts_like_gzip() -> None:
    with calling(FULL, **with_faults(Fault(Kind.BROKEN_GZIP))) as caller:
        answer = raw(caller)
    assert answer.headers["Content-Encoding"] == "gzip"
    assert answer.data[:2] == b"\x1f\x8b"
    with pytest.raises((OSError, EOFError, zlib.error)):
        gzip.decompress(answer.data)


def test_a_pretty_printed_answer_says_the_same() -> None:
    with calling(FULL, **with_faults(Fault(Kind.PRETTY))) as caller:
        answer = caller.send(SEARCH, searching())
    assert "\n  " in answer.text
    assert indices(answer.json()["value"]) == list(range(1, 31))


def test_two_value_members_have_half_of_the_rows_each() -> None:
    with calling(FULL, **with_faults(Fault(Kind.TWICE))) as caller:
        answer = caller.send(SEARCH, searching())
    halves = [value for name, value in json.loads(answer.text, object_pairs_hook=list) if name == "value"]
    assert [len(half) for half in halves] == [15, 15]
    assert len(answer.json()["value"]) == 15


@pytest.mark.parametrize("kind", [Kind.SLOW, Kind.DRIP])
def test_a_slow_answer_is_whole(kind: Kind) -> None:
    with calling(FULL, **with_faults(Fault(kind, seconds=0.1))) as caller:
        caller.sign_in()
        start = time.monotonic()
        assert len(caller.search()) == 30
        assert time.monotonic() - start >= 0.1


def test_leaving_does_not_wait_for_a_slow_answer() -> None:
    start = time.monotonic()
    with calling(FULL, **with_faults(Fault(Kind.SLOW, seconds=60.0))) as caller:
        caller.sign_in()
        with pytest.raises(requests.exceptions.ReadTimeout):
            caller.session.post(caller.url, json=_envelope(), headers=caller.headers, timeout=0.1)
    assert time.monotonic() - start < 10


def _envelope() -> dict[str, Any]:
    return {"CmdletInput": {"CmdletName": SEARCH, "Parameters": searching()}}


def test_a_token_revoked_in_the_middle_of_a_run_stays_revoked() -> None:
    with calling(FULL, **with_faults(Fault(Kind.UNAUTHORIZED, nth(2)))) as caller:
        statuses = [caller.send(SEARCH, searching()).status_code for _ in range(3)]
        caller.sign_in()
        statuses.append(caller.send(SEARCH, searching()).status_code)
    assert statuses == [200, 401, 401, 200]


def test_a_claims_challenge_is_only_met_by_a_token_with_the_claims() -> None:
    with calling(FULL, **with_faults(Fault(Kind.CLAIMS))) as caller:
        challenge = caller.send(SEARCH, searching())
        caller.sign_in()
        without = caller.send(SEARCH, searching()).status_code
        caller.sign_in(claims=claims_in(challenge))
        answer = caller.send(SEARCH, searching())
    assert 'error="insufficient_claims"' in challenge.headers["WWW-Authenticate"]
    assert (challenge.status_code, without, answer.status_code) == (401, 401, 200)


def claims_in(challenge: requests.Response) -> str:
    found = re.search(r'claims="([^"]+)"', challenge.headers["WWW-Authenticate"])
    assert found
    return base64.urlsafe_b64decode(found[1]).decode()


def test_the_token_endpoint_can_be_out_of_order() -> None:
    with calling(FULL, **with_faults(Fault(Kind.STATUS, path("/token"), times=2, status=503))) as caller:
        assert [caller.token().status_code for _ in range(3)] == [503, 503, 200]


def test_a_fault_on_cmdlets_leaves_the_identity_provider_alone() -> None:
    with calling(FULL, **with_faults(Fault(Kind.STATUS, times=None))) as caller:
        assert caller.token().status_code == 200


def test_faults_compose() -> None:
    faults = Fault(Kind.HOLE, page(1)), Fault(Kind.PRETTY, page(1)), Fault(Kind.STATUS, nth(2), status=504)
    with calling(FULL, **with_faults(*faults)) as caller:
        first = caller.send(SEARCH, searching(ResultSize=10))
        second = caller.send(SEARCH, searching(ResultSize=10))
    assert "\n  " in first.text
    assert indices(first.json()["value"]) == list(range(11, 21))
    assert second.status_code == 504


def test_a_fault_without_an_end_never_ends() -> None:
    with calling(FULL, **with_faults(Fault(Kind.EMPTY, times=None))) as caller:
        assert [len(caller.search(f"s{n}")) for n in range(5)] == [0] * 5


def test_a_fault_in_a_part_of_the_window_leaves_the_rest() -> None:
    bad = Window(START + timedelta(hours=6), START + timedelta(hours=7))
    halves = Window(START, START + timedelta(hours=6)), Window(START + timedelta(hours=6), WINDOW.end)
    with calling(FULL, **with_faults(Fault(Kind.STATUS, during(bad), times=None))) as caller:
        assert [caller.send(SEARCH, searching(str(n), half)).status_code for n, half in enumerate(halves)] == [200, 503]


ASKED = Asked(n=3, path="/x/InvokeCommand", cmdlet=SEARCH, parameters={"ResultSize": 5000}, window=WINDOW, page=2)


@pytest.mark.parametrize(
    ("holds", "does_not"),
    [
        (nth(3), nth(2)),
        (cmdlet(SEARCH), cmdlet("Get-Mailbox")),
        (path("/Invoke"), path("/token")),
        (page(1, 2), page(3)),
        (from_page(2), from_page(3)),
        (during(WINDOW), during(Window(NOW, NOW + timedelta(1)))),
        (wider(timedelta(hours=23)), wider(timedelta(hours=24))),
        (larger(4999), larger(5000)),
        (chance(1.0), chance(0.0)),
        (every(nth(3), page(2)), every(nth(3), page(1))),
    ],
)
def test_a_condition_holds_where_it_says(holds: When, does_not: When) -> None:
    assert (holds(ASKED), does_not(ASKED)) == (True, False)


def test_chance_is_the_same_for_a_seed() -> None:
    def drawn(condition: Callable[[Asked], bool]) -> list[bool]:
        return [condition(Asked(n, "/", SEARCH)) for n in range(200)]

    assert drawn(chance(0.3, seed=1)) == drawn(chance(0.3, seed=1)) != drawn(chance(0.3, seed=2))
    assert 30 < sum(drawn(chance(0.3))) < 90


def test_latency_is_added_to_every_cmdlet() -> None:
    with calling(FULL, latency=0.05, access=Access()) as caller:
        caller.sign_in()
        start = time.monotonic()
        caller.search("a")
        caller.search("b")
        assert time.monotonic() - start >= 0.1
