"""The envelope, the errors and the next links of InvokeCommand; protocol.md B."""

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
import requests

from collector.model import Window
from collector.simulator import CONCURRENCY, Access, Behaviour, Mailbox, NextLink, Quotas, Scenario

from .conftest import NOW, WINDOW, audit_rows, calling, dates, searching

SEARCH = "Search-UnifiedAuditLog"
CONFIG = "Get-AdminAuditLogConfig"
EMPTY = Scenario.of(window=WINDOW)


def kind_of(answer: requests.Response) -> str:
    return str(answer.json()["error"]["details"][0]["message"]).split("|")[1]


def test_an_answer_has_the_envelope_and_the_headers_that_were_measured(rows_10: Scenario) -> None:
    with calling(rows_10) as caller:
        answer = caller.send(SEARCH, searching(), headers={"client-request-id": "r1", "Prefer": "odata.maxpagesize=9"})
    assert list(answer.json()) == ["@odata.context", "adminapi.warnings@odata.type", "@adminapi.warnings", "value"]
    assert answer.headers["Content-Type"].startswith("application/json;odata.metadata=minimal")
    assert answer.headers["Content-Encoding"] == "gzip"
    assert answer.headers["client-request-id"] == "r1"
    assert answer.headers["Preference-Applied"] == "odata.maxpagesize=9"
    assert {"Request-Id", "Odata-Version", "Rate-Limit-Remaining", "Rate-Limit-Reset"} <= set(answer.headers)
    assert answer.headers["Date"] == "Tue, 20 Oct 2026 00:00:00 GMT"


def test_gzip_is_only_sent_to_who_takes_it(rows_10: Scenario) -> None:
    with calling(rows_10) as caller:
        answer = caller.send(SEARCH, searching(), headers={"Accept-Encoding": "identity"})
    assert "Content-Encoding" not in answer.headers
    assert len(answer.json()["value"]) == 10


@pytest.mark.parametrize(
    ("cmdlet", "parameters", "kind"),
    [
        (SEARCH, searching(Colour="red"), "AmbiguousParameterSetException"),
        (CONFIG, {"Identity": "x"}, "AmbiguousParameterSetException"),
        (SEARCH, searching(RecordType="MailItems"), "ParameterTransformationException"),
        (SEARCH, searching(SessionCommand="All"), "ParameterTransformationException"),
        (SEARCH, searching(StartDate="10/01/2026"), "ParameterTransformationException"),
        (SEARCH, searching(ResultSize=5001), "ParameterTransformationException"),
        (SEARCH, searching(ResultSize="5000"), "ParameterTransformationException"),
        (SEARCH, searching(HighCompleteness="yes"), "ParameterTransformationException"),
        (SEARCH, searching(Operations=[1]), "ParameterTransformationException"),
        (SEARCH, {"StartDate": "2026-10-01"}, "TaskArgumentException"),
        (SEARCH, searching(EndDate="2026-09-01"), "TaskArgumentException"),
        ("Get-Mailbox", {"ResultSize": "All"}, "ParameterTransformationException"),
        (CONFIG, None, "InvalidOperation"),
        (CONFIG, [], "InvalidOperation"),
    ],
)
def test_a_wrong_parameter_is_400_and_says_how(cmdlet: str, parameters: Any, kind: str) -> None:
    with calling(EMPTY) as caller:
        answer = caller.send(cmdlet, parameters)
    assert answer.status_code == 400
    assert kind_of(answer).endswith(kind)
    assert answer.headers["X-ExceptionType"].endswith(kind)


def test_a_bad_enum_lists_the_names() -> None:
    with calling(EMPTY) as caller:
        assert "ExchangeItemAggregated" in caller.send(SEARCH, searching(RecordType="Bind")).text


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'{"CmdletInput":7}', b'{"CmdletInput":{"CmdletName":7}}'])
def test_a_body_that_is_no_cmdlet_input_is_400(body: bytes) -> None:
    with calling(EMPTY) as caller:
        caller.sign_in()
        assert caller.session.post(caller.url, data=body, headers=caller.headers).status_code == 400


@pytest.mark.parametrize(
    ("access", "cmdlet"),
    [
        (Access(forbidden=frozenset({SEARCH})), SEARCH),
        (Access(wids=()), CONFIG),
        (Access(), "Get-Secrets"),
    ],
    ids=["role missing", "no directory role", "unknown cmdlet"],
)
def test_what_the_app_may_not_run_is_403_with_nul_bytes_declared_gzip(access: Access, cmdlet: str) -> None:
    with calling(EMPTY, access=access) as caller:
        with pytest.raises(requests.exceptions.ContentDecodingError):
            caller.send(cmdlet, {})
        assert caller.tenant.requests[-1].status == 403


def test_a_role_that_is_missing_for_one_cmdlet_leaves_the_others() -> None:
    with calling(EMPTY, access=Access(forbidden=frozenset({SEARCH}))) as caller:
        assert caller.send(CONFIG, {}).status_code == 200


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/adminapi/v1.0/{tenant}/InvokeCommand", 405),
        ("/adminapi/beta/contoso.example.org/InvokeCommand", 200),
        ("/adminapi/beta/fabrikam.example.org/InvokeCommand", 404),
        ("/adminapi/beta/{tenant}/Mailbox", 404),
        ("/", 404),
    ],
)
def test_a_path_that_is_not_served_says_so(path: str, status: int) -> None:
    with calling(EMPTY) as caller:
        url = caller.tenant.address + path.format(tenant=caller.tenant.tenant_id)
        assert caller.send(CONFIG, {}, url=url).status_code == status


def test_too_many_cmdlets_at_once_are_429_in_plain_text() -> None:
    with calling(EMPTY, quotas=Quotas(concurrent=0)) as caller:
        answer = caller.send(CONFIG, {})
    assert (answer.status_code, answer.text) == (429, CONCURRENCY)


PAGED = Behaviour(next_link=NextLink.HONOURED, server_page=4)


def test_a_next_link_is_followed_by_the_same_body(rows_10: Scenario) -> None:
    with calling(rows_10, behaviour=PAGED) as caller:
        answer = caller.send(SEARCH, searching()).json()
        pages = [answer["value"]]
        while link := answer.get("@odata.nextLink"):
            answer = caller.send(SEARCH, searching(), url=link).json()
            pages.append(answer["value"])
    assert [len(page) for page in pages] == [4, 4, 2]
    assert len({row["Identity"] for page in pages for row in page}) == 10


@pytest.mark.parametrize(
    ("behaviour", "headers", "parameters", "later"),
    [
        (Behaviour(next_link=NextLink.REFUSED, server_page=4), {}, searching(), 0),
        (PAGED, {"X-AnchorMailbox": "another"}, searching(), 0),
        (PAGED, {}, searching("another"), 0),
        (PAGED, {}, searching(), 31),
    ],
    ids=["refused", "another anchor", "another body", "expired"],
)
def test_a_next_link_that_is_not_honoured_is_400(
    rows_10: Scenario, behaviour: Behaviour, headers: dict[str, str], parameters: dict[str, Any], later: int
) -> None:
    clock = [NOW]
    with calling(rows_10, behaviour=behaviour, now=lambda: clock[0]) as caller:
        link = caller.send(SEARCH, searching()).json()["@odata.nextLink"]
        clock[0] += timedelta(minutes=later)
        answer = caller.send(SEARCH, parameters, url=link, headers=headers)
    assert answer.status_code == 400
    assert "Expired or Invalid pagination request. Default Expiry time is 00:30:00" in answer.text


MAILBOXES = [Mailbox(f"m{n}@contoso.example.org", f"guid-{n}", f"M {n}") for n in range(3)]


@pytest.mark.parametrize(
    ("parameters", "expected"),
    [
        ({"ResultSize": "Unlimited"}, ["guid-0", "guid-1", "guid-2"]),
        ({"ResultSize": 2}, ["guid-0", "guid-1"]),
        ({"Identity": "M1@contoso.example.org"}, ["guid-1"]),
        ({"Identity": "guid-2"}, ["guid-2"]),
    ],
)
def test_mailboxes_are_listed(parameters: dict[str, Any], expected: list[str]) -> None:
    with calling(Scenario.of(window=WINDOW, mailboxes=MAILBOXES)) as caller:
        assert [row["ExchangeGuid"] for row in caller.rows("Get-Mailbox", parameters)] == expected


def test_a_mailbox_that_is_not_there_is_404() -> None:
    with calling(EMPTY) as caller:
        answer = caller.send("Get-Mailbox", {"Identity": "nobody"})
    assert answer.status_code == 404
    assert kind_of(answer).endswith("ManagementObjectNotFoundException")


def test_auditing_is_on() -> None:
    with calling(EMPTY) as caller:
        assert caller.rows(CONFIG, {})[0]["UnifiedAuditLogIngestionEnabled"] is True
        assert caller.rows("Get-OrganizationConfig", {})[0]["AuditDisabled"] is False


def test_what_was_asked_is_remembered(rows_10: Scenario) -> None:
    with calling(rows_10) as caller:
        caller.search()
        seen = caller.tenant.requests[-1]
    assert (seen.method, seen.cmdlet, seen.status) == ("POST", SEARCH, 200)
    assert seen.parameters == searching()
    assert seen.headers["authorization"] == "Bearer"


def test_an_engagement_names_the_secret_and_does_not_hold_it() -> None:
    with calling(EMPTY) as caller:
        told = caller.tenant.engagement(engagement="other")
    assert told["engagement"] == "other"
    assert told["window"] == {"start": "2026-10-01T00:00:00Z", "end": "2026-10-02T00:00:00Z"}
    assert told["auth"]["client_secret"] == "env:COLLECTOR_SIMULATOR_SECRET"
    assert caller.tenant.client_secret not in json.dumps(told)


def test_many_sessions_at_once_each_get_all_their_rows() -> None:
    windows = [Window(WINDOW.start + timedelta(hours=n), WINDOW.start + timedelta(hours=n + 1)) for n in range(24)]
    with calling(Scenario.of(audit=audit_rows(2400), window=WINDOW)) as caller:
        caller.sign_in()
        with ThreadPoolExecutor(8) as pool:
            found = list(pool.map(lambda n: caller.rows(SEARCH, searching(f"s{n}", windows[n])), range(24)))
    assert [len(rows) for rows in found] == [100] * 24
    assert len({row["Identity"] for rows in found for row in rows}) == 2400


def test_a_trace_without_window_is_a_question_too() -> None:
    with calling(EMPTY) as caller:
        assert caller.rows("Get-MessageTraceV2", {}) == []
        assert caller.rows("Get-MessageTraceV2", dates(WINDOW)) == []
