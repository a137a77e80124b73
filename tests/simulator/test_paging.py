"""Next links of the cmdlets that list objects; protocol.md B3, G1."""

from datetime import timedelta
from typing import Any

import pytest

from collector.simulator import Behaviour, ListPaging, Mailbox, Scenario, cmdlet
from collector.simulator.faults import Fault, Faults, Kind

from .conftest import NOW, WINDOW, Caller, calling

BOXES = [Mailbox(f"m{n:02}@contoso.example.org", f"guid-{n}", f"M {n:02}") for n in range(10)]
TEN = Scenario.of(window=WINDOW, mailboxes=BOXES)
ASKED = {"ResultSize": "Unlimited"}
FOUR = {"Prefer": "odata.maxpagesize=4"}
SESSION = {"connection-id": "c1"}


def pages(caller: Caller, cmdlet: str = "Get-Mailbox", **headers: str) -> list[list[dict[str, Any]]]:
    answer = caller.send(cmdlet, ASKED, headers=headers).json()
    found = [answer["value"]]
    while link := answer.get("@odata.nextLink"):
        answer = caller.send(cmdlet, ASKED, url=link, headers=headers).json()
        found.append(answer["value"])
    return found


def sizes(found: list[list[dict[str, Any]]]) -> list[int]:
    return [len(page) for page in found]


@pytest.mark.parametrize(
    ("prefer", "behaviour", "expected"),
    [
        ({}, Behaviour(), [10]),
        (FOUR, Behaviour(), [4, 4, 2]),
        ({"Prefer": "odata.maxpagesize=1000"}, Behaviour(server_page=3), [3, 3, 3, 1]),
        ({"Prefer": "odata.maxpagesize=0"}, Behaviour(server_page=9), [1] * 10),
        ({"Prefer": "return=minimal"}, Behaviour(server_page=6), [6, 4]),
        (FOUR, Behaviour(list_paging=ListPaging.WHOLE), [10]),
        (FOUR | SESSION, Behaviour(list_paging=ListPaging.AFFINE), [4, 4, 2]),
    ],
)
def test_a_page_is_as_long_as_is_asked_for_and_no_longer_than_the_servers(
    prefer: dict[str, str], behaviour: Behaviour, expected: list[int]
) -> None:
    with calling(TEN, behaviour=behaviour) as caller:
        found = pages(caller, **prefer)
    assert sizes(found) == expected
    assert [row["UserPrincipalName"] for page in found for row in page] == [box.upn for box in BOXES]


def test_the_associations_are_paged_too() -> None:
    with calling(TEN) as caller:
        found = pages(caller, "Get-MailboxAuditBypassAssociation", Prefer="odata.maxpagesize=100")
    assert sizes(found) == [100, 100, 36]


def test_the_audit_log_and_the_trace_are_not_cut_by_what_is_preferred(rows_10: Scenario) -> None:
    with calling(rows_10) as caller:
        caller.headers |= FOUR
        assert len(caller.search()) == 10


@pytest.mark.parametrize(
    ("behaviour", "first", "then", "later", "status"),
    [
        (Behaviour(list_paging=ListPaging.REFUSED), SESSION, SESSION, 0, 400),
        (Behaviour(list_paging=ListPaging.AFFINE), SESSION, SESSION, 0, 200),
        (Behaviour(list_paging=ListPaging.AFFINE), SESSION, {"connection-id": "c2"}, 0, 400),
        (Behaviour(list_paging=ListPaging.AFFINE), SESSION, {}, 0, 400),
        (Behaviour(list_paging=ListPaging.AFFINE), {}, {}, 0, 400),
        (Behaviour(list_paging=ListPaging.AFFINE), SESSION, SESSION | {"X-AnchorMailbox": "another"}, 0, 400),
        (Behaviour(), {}, {"X-AnchorMailbox": "another"}, 0, 400),
        (Behaviour(), SESSION, {}, 0, 200),
        (Behaviour(), {}, {}, 30, 200),
        (Behaviour(), {}, {}, 31, 400),
    ],
)
def test_a_link_is_honoured_or_not(
    behaviour: Behaviour, first: dict[str, str], then: dict[str, str], later: int, status: int
) -> None:
    clock = [NOW]
    with calling(TEN, behaviour=behaviour, now=lambda: clock[0]) as caller:
        link = caller.send("Get-Mailbox", ASKED, headers=FOUR | first).json()["@odata.nextLink"]
        clock[0] += timedelta(minutes=later)
        answer = caller.send("Get-Mailbox", ASKED, url=link, headers=FOUR | then)
    assert answer.status_code == status
    assert status == 200 or "Expired or Invalid pagination request. Default Expiry time is 00:30:00" in answer.text


def test_another_body_does_not_get_the_rest() -> None:
    with calling(TEN) as caller:
        link = caller.send("Get-Mailbox", ASKED, headers=FOUR).json()["@odata.nextLink"]
        assert caller.send("Get-Mailbox", {"ResultSize": 10}, url=link).status_code == 400
        assert caller.send("Get-Mailbox", ASKED, url=f"{caller.url}?%24skiptoken=made-up").status_code == 400


def test_a_link_can_lead_in_a_circle_for_a_list_too() -> None:
    loop = Faults((Fault(Kind.LINK_LOOP, cmdlet("Get-Mailbox"), times=2),))
    with calling(TEN, faults=loop) as caller:
        assert sizes(pages(caller)) == [10, 10, 10]
