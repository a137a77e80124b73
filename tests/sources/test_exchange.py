"""The cmdlet bridge: what it sends, what it will not send, and where it follows a link to."""

import itertools
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.errors import Refused, Unanswered, UsageError
from collector.http.client import Effort
from collector.http.transport import Received, Sent
from collector.model import Axis, Slice
from collector.sources.exchange import READING_BY_NAME, Answered, Bridge, must_read
from tests.fakes import API, TENANT, FakeSignIn, Line, Script, page, refusal

from .windows import HOUR

SLICE = Slice("unified-audit-log", "part", Axis.EVENT, HOUR)
PARAMETERS = {"StartDate": "2026-11-20T00:00:00Z", "Operations": ["MailItemsAccessed"], "HighCompleteness": True}


class Asking:
    """A bridge on a scripted network."""

    def __init__(self, script: Script, sign_in: FakeSignIn | None = None) -> None:
        self.line = Line(script, sign_in=sign_in or FakeSignIn())
        self.bridge = Bridge(self.line.client, self.line.sign_in, API)
        self.got: list[Answered] = []

    def ask(self, cmdlet: str = "Get-Mailbox", attempts: int = 1) -> list[Answered]:
        effort = Effort(attempts)
        for answered in self.bridge.invoke(cmdlet, PARAMETERS, slice_=SLICE, page_size=1000, effort=effort):
            self.got.append(answered)
        return self.got

    @property
    def sent(self) -> list[Sent]:
        return self.line.transport.sent


def test_the_request_is_the_one_that_the_service_knows() -> None:
    asking = Asking([page()])
    asking.ask("Search-UnifiedAuditLog")
    (sent,) = asking.sent
    assert sent.method == "POST"
    assert sent.address == f"{API}/adminapi/beta/{TENANT}/InvokeCommand"
    assert json.loads(sent.body or b"") == {
        "CmdletInput": {"CmdletName": "Search-UnifiedAuditLog", "Parameters": PARAMETERS}
    }
    headers = dict(sent.headers)
    assert len(headers.pop("connection-id")) == len(headers.pop("client-request-id")) == 36
    assert headers == {
        "Content-Type": "application/json",
        "Accept": "application/json",
        "Accept-Charset": "UTF-8",
        "X-AnchorMailbox": f"APP:SystemMailbox{{bb558c35-97f1-4cb9-8ff7-d53741dc928c}}@{TENANT}",
        "X-CmdletName": "Search-UnifiedAuditLog",
        "X-ResponseFormat": "json",
        "Prefer": "odata.maxpagesize=1000",
    }


def test_a_person_is_routed_by_their_own_mailbox() -> None:
    asking = Asking([page()], FakeSignIn(upn="ir.operator@contoso.example.org"))
    asking.ask()
    assert asking.sent[0].headers["X-AnchorMailbox"] == "UPN:ir.operator@contoso.example.org"


def test_the_log_names_cmdlet_parameters_and_slice() -> None:
    asking = Asking([page()])
    asking.ask()
    (entry,) = asking.line.log
    assert (entry["cmdlet"], entry["parameters"]) == ("Get-Mailbox", PARAMETERS)
    assert entry["slice"] == {
        "source": "unified-audit-log",
        "part": "part",
        "start": "2026-11-20T10:00:00Z",
        "end": "2026-11-20T11:00:00Z",
    }


READING = ["Get-Mailbox", "Get-MessageTraceV2", "Get-MailboxAuditBypassAssociation", *sorted(READING_BY_NAME)]


@pytest.mark.parametrize("cmdlet", READING)
def test_a_reading_cmdlet_is_sent(cmdlet: str) -> None:
    assert must_read(cmdlet) == cmdlet
    assert Asking([page()]).ask(cmdlet)


WRITING = [
    "Search-Mailbox",
    "Set-Mailbox",
    "Set-AdminAuditLogConfig",
    "Set-OrganizationConfig",
    "Set-MailboxAuditBypassAssociation",
    "Remove-Mailbox",
    "New-ComplianceSearch",
    "New-ComplianceSearchAction",
    "Start-ComplianceSearch",
    "Stop-HistoricalSearch",
    "Add-MailboxPermission",
    "Disable-Mailbox",
    "Enable-OrganizationCustomization",
    "Import-RecipientDataProperty",
    "Clear-MobileDevice",
    "Invoke-Expression",
    "Test-Message",
    "Export-MailboxDiagnosticLogs",
    "Search-UnifiedAuditlog",
    "search-unifiedauditlog",
    "Search-UnifiedAuditLogX",
    "get-mailbox",
    "GET-Mailbox",
    "Get-",
    "Get",
    "Get-Mailbox ",
    " Get-Mailbox",
    "Get-Mailbox\n",
    "Get-Mailbox\r\nX-Injected: 1",
    "Get-Mailbox; Set-Mailbox",
    "Get-Mailbox|Remove-Mailbox",
    "Get-Mailbox -Identity x",
    "Get--Mailbox",
    "Get-Mail_box",
    "Get-Mail.box",
    "Get-../Set-Mailbox",
    "Get\u2010Mailbox",
    "Get\u2011Mailbox",
    "Get\uff0dMailbox",
    "\uff27et-Mailbox",
    "Get-M\u0430ilbox",
    "Get-Mailbox\u200b",
    "Get-\u0661",
    "\u202exobliaM-teG",
    "Get-Mailbox\0",
    "",
]


@pytest.mark.parametrize("cmdlet", WRITING)
def test_a_cmdlet_that_might_write_never_leaves(cmdlet: str) -> None:
    asking = Asking([])
    with pytest.raises(UsageError):
        asking.ask(cmdlet)
    assert asking.sent == []
    assert asking.line.sign_in.asked == []


@given(st.text(max_size=30) | st.from_regex(r"(?i)(get|set|search|remove)-?\w*\s?"))
def test_only_plain_names_of_reading_cmdlets_pass(cmdlet: str) -> None:
    try:
        assert must_read(cmdlet).isascii()
    except UsageError:
        return
    assert cmdlet in READING_BY_NAME or (cmdlet.startswith("Get-") and cmdlet[4:].isalnum())


LINK = f"{API}/adminapi/beta/{TENANT}/InvokeCommand?%24skiptoken="


def test_a_next_link_is_followed_with_the_same_body_and_routing() -> None:
    asking = Asking([page([1], link=f"{LINK}a"), page([], link=f"{LINK}b"), page([3])])
    assert [answered.rows for answered in asking.ask()] == [(b"1",), (), (b"3",)]
    assert [sent.address for sent in asking.sent[1:]] == [f"{LINK}a", f"{LINK}b"]
    first, *others = asking.sent
    for sent in others:
        assert sent.method == "POST"
        assert sent.body == first.body
        same = ("X-AnchorMailbox", "connection-id", "X-CmdletName", "Prefer")
        assert [sent.headers[name] for name in same] == [first.headers[name] for name in same]
    assert len({sent.headers["client-request-id"] for sent in asking.sent}) == 3


def test_the_connection_is_the_same_from_one_cmdlet_to_the_next() -> None:
    asking = Asking([page(), page()])
    asking.ask()
    asking.ask("Get-OrganizationConfig")
    assert len({sent.headers["connection-id"] for sent in asking.sent}) == 1


def test_a_relative_next_link_stays_on_the_host() -> None:
    asking = Asking([page([1], link="InvokeCommand?%24skiptoken=a"), page([2])])
    assert len(asking.ask()) == 2
    assert asking.sent[1].address == f"{LINK}a"


@pytest.mark.parametrize(
    "link",
    [
        "https://attacker.example.org/adminapi/beta/InvokeCommand",
        "//attacker.example.org/adminapi",
        "http://outlook.contoso.example.org/adminapi",
        "https://outlook.contoso.example.org.attacker.example.org/",
        "https://outlook.contoso.example.org@attacker.example.org/",
        "https://attacker.example.org\\@outlook.contoso.example.org/",
        "https://outlook.contoso.example.org:444/",
        "javascript:alert(1)",
    ],
)
def test_a_next_link_to_another_host_gets_no_token_and_loses_no_row(link: str) -> None:
    asking = Asking([page([1], link=link)])
    with pytest.raises(Refused) as caught:
        asking.ask()
    assert caught.value.reason == "foreign-host"
    assert len(asking.sent) == 1
    assert [answered.rows for answered in asking.got] == [(b"1",)]


@pytest.mark.parametrize("link", ["https://[", "https://[::1", "//[x]/", "https://a\u2100b/"])
def test_a_next_link_that_is_no_address_is_a_failure_and_loses_no_row(link: str) -> None:
    asking = Asking([page([1], link=link)])
    with pytest.raises((Unanswered, Refused)):
        asking.ask()
    assert [answered.rows for answered in asking.got] == [(b"1",)]


@pytest.mark.parametrize("back_to", [0, 1, 2])
def test_next_links_that_lead_in_a_circle_are_left(back_to: int) -> None:
    links = [f"{API}/adminapi/beta/{TENANT}/InvokeCommand", f"{LINK}a", f"{LINK}b"]
    asking = Asking([page([1], link=links[1]), page([2], link=links[2]), page([3], link=links[back_to])])
    with pytest.raises(Unanswered) as caught:
        asking.ask()
    assert caught.value.reason == "paging-loop"
    assert [answered.rows for answered in asking.got] == [(b"1",), (b"2",), (b"3",)]


@pytest.mark.parametrize("rows", [[], [1, 2]], ids=["empty", "the same again"])
def test_new_links_without_new_rows_do_not_go_on_for_ever(rows: list[int]) -> None:
    number = itertools.count()
    asking = Asking(lambda _: page(rows, link=f"{LINK}{next(number)}"))
    with pytest.raises(Unanswered) as caught:
        asking.ask()
    assert caught.value.reason == "paging-loop"
    assert len(asking.sent) < 15


def test_new_links_with_ever_new_rows_do_not_go_on_for_ever() -> None:
    number = itertools.count()
    asking = Asking(lambda _: page([next(number)], link=f"{LINK}{next(number)}"))
    with pytest.raises(Unanswered) as caught:
        asking.ask()
    assert caught.value.reason == "paging-loop"
    assert len(asking.got) == 1_000


def test_an_empty_page_now_and_then_ends_no_paging() -> None:
    number = itertools.count()

    def answer(_: Sent) -> Received:
        at = next(number)
        return page([at] if at % 9 == 0 else [], link=f"{LINK}{at}" if at < 90 else None)

    assert len([answered for answered in Asking(answer).ask() if answered.rows]) == 11


def test_a_paging_that_the_service_refuses_is_a_dead_cursor_and_loses_no_row() -> None:
    expired = refusal("|X|Expired or Invalid pagination request. Default Expiry time is 00:30:00")
    asking = Asking([page([1], link=f"{LINK}a"), expired])
    with pytest.raises(Unanswered) as caught:
        asking.ask(attempts=6)
    assert caught.value.reason == "paging-refused"
    assert [answered.rows for answered in asking.got] == [(b"1",)]


def test_a_slice_without_a_window_can_be_named() -> None:
    asking = Asking([page()])
    bare = Slice("tenant-settings", None, Axis.EVENT, None)
    list(asking.bridge.invoke("Get-OrganizationConfig", {}, slice_=bare, page_size=1, effort=Effort(1)))
    assert asking.line.log[0]["slice"] == {"source": "tenant-settings", "part": None, "start": None, "end": None}
    assert asking.line.transport.bodies == [{"CmdletInput": {"CmdletName": "Get-OrganizationConfig", "Parameters": {}}}]
