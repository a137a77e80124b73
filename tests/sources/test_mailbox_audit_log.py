"""Search-MailboxAuditLog: what one search proves, what tells entries apart, and whether the cmdlet is still there."""

import json
from datetime import timedelta
from typing import Any

import pytest

from collector.http.transport import Received, Sent, TransportFailure
from collector.model import Window
from collector.sources.base import Finding, Kind
from collector.sources.exchange import Bridge
from collector.sources.mailbox_audit_log import CMDLET_GONE, FIXED, MailboxAuditLog, key
from tests.fakes import API, Line, Script, page, received, refusal

from .windows import HOUR, Asked, asked, question

MEGAN = "megan@contoso.example.org"
MORE = "There are more results available than are currently displayed. To view them, increase the value for ResultSize."
ROLE_MISSING = received(403, b"\0" * 4096)
UNKNOWN = "|System.Management.Automation.CommandNotFoundException|The term 'Search-MailboxAuditLog' is not recognized"
SECOND = Window(HOUR.start, HOUR.start + timedelta(seconds=1))


def entry(number: int, **fields: object) -> dict[str, Any]:
    accessed = f"2026-11-20T10:{number // 60:02}:{number % 60:02}.0000000+00:00"
    return {"Operation": "MailItemsAccessed", "LastAccessed": accessed, "Identity": f"RgAAAA{number}", **fields}


class Asking:
    """The source over a scripted service."""

    def __init__(self, script: Script) -> None:
        self.line = Line(script)
        self.source = MailboxAuditLog(Bridge(self.line.client, self.line.sign_in, API), [MEGAN])

    def ask(self, size: int = 5000, **how: Any) -> Asked:
        return asked(self.source.ask(question("mailbox-audit-log", size, part=MEGAN, **how)))

    @property
    def inputs(self) -> list[tuple[str, dict[str, Any]]]:
        given = (json.loads(sent.body or b"")["CmdletInput"] for sent in self.line.transport.sent)
        return [(one["CmdletName"], one["Parameters"]) for one in given]


class Tenant:
    """Answers each cmdlet in its own way, or one of several, in turn."""

    def __init__(self, **answers: Received | TransportFailure | list[Received | TransportFailure]) -> None:
        self._answers = answers

    def __call__(self, sent: Sent) -> Received | TransportFailure:
        name = json.loads(sent.body or b"")["CmdletInput"]["CmdletName"]
        answer = self._answers["old" if name == "Search-MailboxAuditLog" else "unified"]
        return answer.pop(0) if isinstance(answer, list) else answer


def found(*script: Received, **how: Any) -> Finding:
    return Asking(script).ask(**how).finding


def test_a_mailbox_is_asked_for_a_second_wider_with_details_of_whoever_opened_it() -> None:
    asking = Asking([page()])
    assert asking.ask().finding == Finding(Kind.EMPTY)
    assert asking.inputs == [
        (
            "Search-MailboxAuditLog",
            {
                "Identity": MEGAN,
                "StartDate": "2026-11-20T09:59:59Z",
                "EndDate": "2026-11-20T11:00:01Z",
                "ShowDetails": True,
                "IncludeInactiveMailbox": True,
                "LogonTypes": ["Owner", "Delegate", "Admin"],
                "ResultSize": 5000,
            },
        )
    ]


def test_entries_are_kept_as_they_came_with_the_time_of_the_access() -> None:
    got = Asking([page([entry(0), entry(61)])]).ask()
    assert got.finding == Finding(Kind.WHOLE)
    assert [json.loads(row.raw)["Identity"] for row in got.rows] == ["RgAAAA0", "RgAAAA61"]
    assert [row.at for row in got.rows] == [HOUR.start.timestamp(), HOUR.start.timestamp() + 61]


def test_next_links_are_followed_and_their_rows_counted_together() -> None:
    link = f"{API}/adminapi/beta/x/InvokeCommand?%24skiptoken=abc"
    asking = Asking([page([entry(1)], link=link), page([entry(2)])])
    got = asking.ask(3)
    assert (len(got.rows), got.finding) == (2, Finding(Kind.WHOLE))
    assert found(page([entry(1)], link=link), page([entry(2)]), size=2).kind is Kind.TOO_LARGE


def test_a_next_link_that_is_refused_is_no_end() -> None:
    link = f"{API}/adminapi/beta/x/InvokeCommand?%24skiptoken=abc"
    got = Asking(
        [page([entry(1)], link=link), refusal("|X|Expired or Invalid pagination request. Default Expiry time is 00:30")]
    ).ask(attempts=1)
    assert (len(got.rows), got.finding.kind, got.finding.reason) == (1, Kind.FAILED, "paging-refused")


def test_as_many_rows_as_were_asked_for_may_have_been_cut_off_there() -> None:
    assert found(page([entry(1), entry(2)]), size=2) == Finding(Kind.TOO_LARGE, "more-available")


def test_a_warning_that_there_is_more_is_no_whole_answer() -> None:
    assert found(page([entry(1)], MORE)) == Finding(Kind.TOO_LARGE, "more-available")


def test_a_warning_of_a_search_that_failed_is_a_failure_though_rows_came() -> None:
    assert found(page([entry(1)], "The operation timed out")) == Finding(Kind.FAILED, "cancelled-task")


def test_a_second_that_cannot_be_cut_is_asked_for_all_that_there_can_be() -> None:
    asking = Asking([page([entry(0, Identity=str(number)) for number in range(3)])])
    assert asking.ask(3, window=SECOND).finding.kind is Kind.WHOLE
    assert asking.inputs[0][1]["ResultSize"] == 250_000


def test_a_mailbox_that_is_not_there_is_a_refusal_in_the_services_words() -> None:
    type_ = "Microsoft.Exchange.Configuration.Tasks.ManagementObjectNotFoundException"
    finding = found(refusal(f"Ex6F9304|{type_}|The object 'x' couldn't be found on 'y'", status=404, code="NotFound"))
    assert finding.kind is Kind.REFUSED
    assert (finding.reason or "").startswith("not-found")
    assert "couldn't be found" in (finding.reason or "")


@pytest.mark.parametrize("no", [ROLE_MISSING, refusal(UNKNOWN), refusal(UNKNOWN, status=404, code="NotFound")])
def test_a_cmdlet_that_is_refused_while_the_unified_log_is_answered_is_gone(no: Received) -> None:
    asking = Asking(Tenant(old=no, unified=page()))
    assert asking.ask().finding == Finding(Kind.WITHHELD, CMDLET_GONE)
    assert CMDLET_GONE.startswith("cmdlet-gone: ")


@pytest.mark.parametrize("no", [ROLE_MISSING, refusal(UNKNOWN)])
def test_where_the_unified_log_is_forbidden_too_the_role_is_missing(no: Received) -> None:
    assert Asking(Tenant(old=no, unified=ROLE_MISSING)).ask().finding == Finding(
        Kind.REFUSED, "forbidden", forbidden=True
    )


def test_whether_the_cmdlet_is_gone_is_asked_once_and_of_one_second() -> None:
    asking = Asking(Tenant(old=ROLE_MISSING, unified=page()))
    for _ in range(3):
        asking.ask()
    _, (again, first), (unified, second), *others = asking.inputs
    assert (again, unified) == ("Search-MailboxAuditLog", "Search-UnifiedAuditLog")
    assert second == {"StartDate": "2026-11-20T10:59:59Z", "EndDate": "2026-11-20T11:00:00Z", "ResultSize": 1}
    assert first == {**second, "Identity": MEGAN, **FIXED}
    assert [name for name, _ in others] == ["Search-MailboxAuditLog"] * 2


def test_a_cmdlet_that_has_answered_is_not_gone() -> None:
    asking = Asking(Tenant(old=[page([entry(1)]), ROLE_MISSING, ROLE_MISSING], unified=page()))
    assert asking.ask().finding.kind is Kind.WHOLE
    assert asking.ask().finding.reason == "forbidden"


def test_a_refusal_in_passing_is_neither_and_is_asked_again() -> None:
    asking = Asking(Tenant(old=[ROLE_MISSING, page(), page([entry(1)])]))
    assert asking.ask().finding == Finding(Kind.FAILED, "refused-in-passing")
    assert asking.ask().finding.kind is Kind.WHOLE


def test_a_question_that_is_not_answered_tells_nothing_and_is_asked_again() -> None:
    asking = Asking(Tenant(old=ROLE_MISSING, unified=[received(503), page()]))
    assert asking.ask(attempts=1).finding.kind is Kind.FAILED
    assert asking.ask().finding.kind is Kind.WITHHELD


def test_an_entry_is_the_same_however_its_tokens_are_spaced_and_two_contents_of_one_identity_are_two() -> None:
    told = entry(1, Folder={"b": 1, "a": [1, 2]})
    compact, pretty = (json.dumps(told, separators=(",", ":")).encode(), json.dumps(told, indent=0).encode())
    assert key(compact) == key(pretty)
    other = key(json.dumps(entry(1, Operation="HardDelete")).encode())
    assert other[0] == key(compact)[0]
    assert other[1] != key(compact)[1]


def test_entries_that_bear_no_identity_of_their_own_are_told_by_all_that_they_say() -> None:
    unnamed = [key(json.dumps(entry(1, Identity=None, ItemSubject=subject)).encode()) for subject in "ab"]
    assert len({identity for identity, _ in unnamed}) == 2
    of_the_mailbox = [key(json.dumps(entry(number, Identity="Megan")).encode()) for number in (1, 2)]
    assert len({identity for identity, _ in of_the_mailbox}) == 2


@pytest.mark.parametrize("accessed", [None, 7, "11/20/2026 10:00:00 AM", ""])
def test_an_entry_whose_time_cannot_be_read_is_kept_without_one(accessed: object) -> None:
    (row,) = Asking([page([entry(1, LastAccessed=accessed)])]).ask().rows
    assert row.at is None


def test_a_hostile_row_is_kept_to_the_byte() -> None:
    raw = b'{"Identity":7,"LastAccessed":"2026-11-20T10:00:00Z","Subject":"\\ud800","Size":NaN}'
    answer = page()._replace(body=b'{"@adminapi.warnings":[],"value":[' + raw + b"]}")
    (row,) = Asking([answer]).ask().rows
    assert (row.raw, row.at) == (raw, HOUR.start.timestamp())


def test_the_probe_asks_for_the_last_second_of_one_mailbox() -> None:
    asking = Asking([page()])
    probe = asking.source.probe(HOUR)
    assert (probe.slice.part, probe.slice.window) == (MEGAN, Window(HOUR.end - timedelta(seconds=1), HOUR.end))
    assert asked(asking.source.ask(probe)).finding.kind is Kind.EMPTY
