"""Sources without a window: what one call proves, and what stands between a short answer and a whole one."""

import json

import pytest

from collector.errors import UsageError
from collector.http.client import Effort
from collector.http.transport import Received
from collector.model import Axis, Slice
from collector.sources.base import Finding, Kind, Page, Question
from collector.sources.cmdlets import Call, Cmdlets, calls_of, key, planned
from collector.sources.exchange import Bridge
from collector.sources.tenant_settings import TENANT_SETTINGS, TenantSettings, calls
from tests.fakes import API, FakeSignIn, Line, Script, page, refusal

ADELE = "adele@contoso.com"
RULE = {"Identity": "adele\\1", "Name": "..", "MoveToFolder": "RSS Feeds"}
MORE = "There are more results available than are currently displayed. To view them, increase the value for ResultSize."


class Asking:
    """A source of calls on a scripted network."""

    kind: type[Cmdlets] = Cmdlets

    def __init__(self, script: Script, cmdlet: str = "Get-InboxRule", **parameters: object) -> None:
        sign_in = FakeSignIn()
        self.line = Line(script, sign_in=sign_in)
        bridge = Bridge(self.line.client, sign_in, API)
        self.source = self.kind("cmdlet", bridge, {"part": Call(cmdlet, parameters)})

    def ask(self, attempts: int = 1) -> tuple[list[Page], Finding]:
        question = Question(Slice("cmdlet", "part", Axis.EVENT, None), 1000, Effort(attempts))
        *pages, finding = self.source.ask(question)
        assert isinstance(finding, Finding)
        return [one for one in pages if isinstance(one, Page)], finding

    @property
    def inputs(self) -> list[object]:
        return [body["CmdletInput"] for body in self.line.transport.bodies]  # type: ignore[index]


def found(answer: Script, cmdlet: str = "Get-InboxRule", **parameters: object) -> Finding:
    return Asking(answer, cmdlet, **parameters).ask()[1]


def test_a_call_is_sent_as_the_plan_names_it_and_its_rows_are_kept_as_they_came() -> None:
    asking = Asking([page([RULE])], Mailbox=ADELE, IncludeHidden=True)
    pages, finding = asking.ask()
    assert finding == Finding(Kind.WHOLE)
    assert [json.loads(row.raw) for one in pages for row in one.rows] == [RULE]
    assert asking.inputs == [{"CmdletName": "Get-InboxRule", "Parameters": {"Mailbox": ADELE, "IncludeHidden": True}}]


def test_no_rows_are_no_rows() -> None:
    assert found([page()]).kind is Kind.EMPTY


def test_a_warning_that_there_is_more_is_no_whole_answer() -> None:
    assert found([page([RULE], MORE)]) == Finding(Kind.TOO_LARGE, "more-available")


def test_a_warning_of_a_failure_is_a_failure_though_rows_came() -> None:
    assert found([page([RULE], "The task was cancelled")]) == Finding(Kind.FAILED, "cancelled-task")


def test_a_page_as_full_as_was_asked_for_may_have_been_cut_off() -> None:
    assert found([page([RULE])], ResultSize=1).kind is Kind.TOO_LARGE
    assert found([page([RULE])], ResultSize="Unlimited").kind is Kind.WHOLE


def test_a_search_that_counts_more_than_it_gives_is_not_whole() -> None:
    row = {"ResultIndex": 1, "ResultCount": 7}
    assert found([page([row])], "Search-UnifiedAuditLog") == Finding(Kind.TOO_LARGE, "more-available", 7)


def test_a_search_that_timed_out_inside_says_so_by_its_index_alone() -> None:
    row = {"ResultIndex": -1, "ResultCount": 0}
    assert found([page([row])], "Search-UnifiedAuditLog") == Finding(Kind.FAILED, "internal-time-out")


def test_as_many_rows_as_a_cmdlet_gives_without_being_asked_for_more_may_be_cut_off() -> None:
    assert found([page([{}] * 100)], "Search-UnifiedAuditLog").kind is Kind.TOO_LARGE
    assert found([page([{}] * 100)], "Get-InboxRule").kind is Kind.WHOLE


def test_a_next_link_that_is_refused_is_a_failure_and_keeps_what_came() -> None:
    link = f"{API}/adminapi/beta/x/InvokeCommand?%24skiptoken=abc"
    expired = refusal("|X|Expired or Invalid pagination request. Default Expiry time is 00:30:00")
    pages, finding = Asking([page([RULE], link=link), expired], "Get-Mailbox").ask()
    assert (len(pages), finding.kind, finding.reason) == (1, Kind.FAILED, "paging-refused")


def test_a_mailbox_that_is_not_there_is_a_refusal_in_the_services_words() -> None:
    type_ = "Microsoft.Exchange.Configuration.Tasks.ManagementObjectNotFoundException"
    finding = found([refusal(f"Ex6F9304|{type_}|The object 'x' couldn't be found", status=404, code="NotFound")])
    assert finding.kind is Kind.REFUSED
    assert finding.reason is not None
    assert finding.reason.startswith("not-found")


def test_rows_of_two_calls_are_never_twins_and_a_row_of_one_is_told_by_its_guid() -> None:
    first, second = (Asking([page([{"Guid": "g", "LastSeen": n}])], Identity=ADELE).ask()[0] for n in (1, 2))
    other = Asking([page([{"Guid": "g", "LastSeen": 1}])], Identity="lee@contoso.com").ask()[0]
    one, changed, elsewhere = (pages[0].rows[0] for pages in (first, second, other))
    assert one.identity == changed.identity != elsewhere.identity
    assert one.content != changed.content
    assert key(one.raw) == (b"", one.content)


def test_a_hostile_row_is_kept_and_named_by_all_that_it_says() -> None:
    raw = b'{"Guid":7,"Name":"\\ud800"}'
    body = b'{"@adminapi.warnings":[],"value":[' + raw + b"]}"
    answer = page()
    pages, finding = Asking([answer._replace(body=body)]).ask()
    assert finding.kind is Kind.WHOLE
    assert pages[0].rows[0].raw == raw


def test_a_plan_of_calls_gives_the_calls_back_and_refuses_one_that_does_not_only_read() -> None:
    wanted = {"Get-User adele": Call("Get-User", {"Identity": "adele", "ResultSize": 5})}
    plan = planned("cmdlet", wanted)
    assert (plan.window, plan.parts) == (None, ("Get-User adele",))
    assert dict(calls_of(plan)) == wanted
    with pytest.raises(UsageError, match="Remove-Mailbox"):
        planned("cmdlet", {"x": Call("Remove-Mailbox", {})})


def test_the_settings_of_the_tenant_come_first_and_each_mailbox_is_asked_for_by_itself() -> None:
    asked = calls([ADELE])
    assert list(asked)[:3] == ["Get-AdminAuditLogConfig", "Get-OrganizationConfig", "Get-Mailbox"]
    assert asked[f"Get-Mailbox {ADELE}"] == Call("Get-Mailbox", {"Identity": ADELE, "IncludeInactiveMailbox": True})
    assert asked["Get-Mailbox inactive"].parameters["InactiveMailboxOnly"] is True
    assert asked["Get-Mailbox soft-deleted"].parameters["SoftDeletedMailbox"] is True
    assert all(planned(TENANT_SETTINGS, asked).parts)


class AskingSettings(Asking):
    kind = TenantSettings


def test_the_permissions_of_a_mailbox_are_asked_for_folder_by_folder_in_its_owners_language() -> None:
    folders = [
        {"FolderType": "Inbox", "FolderPath": "/Posteingang"},
        {"FolderType": "User Created", "FolderPath": "/Posteingang/Rechnungen 2025\uf8ff26"},
        {"FolderType": "Root", "FolderPath": "/Oberste Ebene"},
        {"FolderType": "Recoverable Items Root", "FolderPath": "/Recoverable Items"},
    ]
    right = {"FolderName": "x", "User": "Default", "AccessRights": ["None"]}
    script = [page([right]), page(folders), page([right]), page([right])]
    asking = AskingSettings(script, "Get-MailboxFolderPermission", Identity=ADELE)
    pages, finding = asking.ask()
    assert finding.kind is Kind.WHOLE
    sent = [(one["CmdletName"], one["Parameters"]["Identity"]) for one in asking.inputs]  # type: ignore[index]
    assert sent == [
        ("Get-MailboxFolderPermission", ADELE),
        ("Get-MailboxFolderStatistics", ADELE),
        ("Get-MailboxFolderPermission", f"{ADELE}:\\Posteingang"),
        ("Get-MailboxFolderPermission", f"{ADELE}:\\Posteingang\\Rechnungen 2025/26"),
    ]
    rows = [row for one in pages for row in one.rows]
    assert len({row.identity for row in rows}) == len(rows) == 3


ROOT, INBOX = {"FolderType": "Root", "FolderPath": "/Top"}, {"FolderType": "Inbox", "FolderPath": "/Inbox"}
RIGHT = {"FolderName": "x", "User": "Default"}


def of_folders(*script: Received) -> tuple[int, Finding]:
    asking = AskingSettings([page([RIGHT]), *script], "Get-MailboxFolderPermission", Identity=ADELE)
    pages, finding = asking.ask()
    return sum(len(one.rows) for one in pages), finding


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        ([page()], "nothing-where-something-must-be"),
        ([page([ROOT], "The task was cancelled")], "cancelled-task"),
        ([page([ROOT], MORE)], "more-available"),
        ([page([ROOT, {"FolderType": ["Inbox"]}, {"FolderType": "Inbox"}])], "folder-without-path"),
    ],
)
def test_folders_that_are_not_known_whole_are_no_ground_for_their_permissions(
    script: list[Received], reason: str
) -> None:
    assert of_folders(*script) == (1, Finding(Kind.FAILED, reason))


def test_a_folder_that_is_refused_does_not_keep_the_others_from_being_asked_for() -> None:
    gone = refusal("|X|couldn't be found", status=404)
    rows, finding = of_folders(page([INBOX, INBOX]), gone, page([RIGHT]))
    assert (rows, finding.kind) == (2, Kind.REFUSED)


def test_a_folder_of_which_nothing_is_told_does_not_keep_the_others_from_being_asked_for() -> None:
    rows, finding = of_folders(page([INBOX, INBOX]), page(), page([RIGHT]))
    assert (rows, finding) == (2, Finding(Kind.FAILED, "nothing-where-something-must-be"))


@pytest.mark.parametrize(
    "parameters",
    [{"resultsize": 2}, {"ResultSize": "2"}, {"PageSize": 2}, {"pagesize": "2", "ResultSize": "Unlimited"}],
)
def test_a_bound_on_the_rows_counts_however_it_is_written(parameters: dict[str, object]) -> None:
    assert found([page([{}, {}])], "Get-QuarantineMessage", **parameters).kind is Kind.TOO_LARGE
    assert found([page([{}])], "Get-QuarantineMessage", **parameters).kind is Kind.WHOLE


@pytest.mark.parametrize(
    ("row", "finding"),
    [
        ({"moreRecordsAvailable": True}, Finding(Kind.TOO_LARGE, "more-available")),
        ({"AuditSearchRequestMetadata": {"moreRecordsAvailable": "True"}}, Finding(Kind.TOO_LARGE, "more-available")),
        ({"moreRecordsAvailable": False}, Finding(Kind.WHOLE)),
        ({"Guid": [], "ResultIndex": -1}, Finding(Kind.FAILED, "internal-time-out")),
        ({"Guid": "\ud800", "ResultIndex": "-1", "ResultCount": 0}, Finding(Kind.FAILED, "internal-time-out")),
        ({"ResultCount": "9"}, Finding(Kind.TOO_LARGE, "more-available", 9)),
    ],
)
def test_what_a_row_tells_of_its_search_is_heard_whatever_else_stands_in_it(
    row: dict[str, object], finding: Finding
) -> None:
    assert found([page([row])], "Search-UnifiedAuditLog") == finding


@pytest.mark.parametrize(
    ("cmdlet", "parameters"),
    [
        ("Get-OrganizationConfig", {}),
        ("Get-Mailbox", {"Identity": ADELE}),
        ("Get-MessageTraceDetailV2", {"MessageTraceId": "x", "RecipientAddress": ADELE}),
    ],
)
def test_nothing_is_no_answer_where_there_must_be_something(cmdlet: str, parameters: dict[str, object]) -> None:
    assert found([page()], cmdlet, **parameters) == Finding(Kind.EMPTY, "nothing-where-something-must-be")
    assert found([page()], "Get-InboxRule", Mailbox=ADELE) == Finding(Kind.EMPTY)
