"""A plan as a script: it asks what a run would ask, reads only, and no name of a tenant's breaks out of its string."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from collector.config import Engagement
from collector.http.client import Effort
from collector.model import Sought, Traced, iso
from collector.run.plan import first_slices, forecast, make_plan
from collector.run.powershell import script, text
from collector.sources import exports, message_trace, unified_audit_log
from collector.sources.base import Page, Question, Source
from collector.sources.exchange import Answered, must_read
from collector.sources.mailbox_audit_log import MailboxAuditLog
from collector.sources.message_trace import MessageTrace
from collector.sources.unified_audit_log import UnifiedAuditLog
from tests.config.files import GOOD, NOW, read
from tests.run.shell import calls, commands, faults, nodes, parsed, source, value

MAILBOX = "o'brien\u2019@contoso.com"
EVERYTHING = GOOD.replace("[adele@contoso.com]", f'["{MAILBOX}", lee@contoso.com]').replace(
    "{unified-audit-log: {}}",
    '{unified-audit-log: {operations: [], users: [lee@contoso.com], record_types: [A, B], free_text: "it\'s",'
    " high_completeness: true}, mailbox-audit-log: {window: {last: 2d}}, message-trace: {for: accessed},"
    " message-trace-detail: {for: mailboxes}, historical-search: {}, management-activity: {window: {last: 2d}},"
    " tenant-settings: {}}\nattacker: {ips: [192.0.2.0/24]}",
)
SOUGHT = Sought(
    message_ids=("<o'neil$(exit)@contoso.com>", "bare@contoso.com"),
    traced=(Traced("11111111-0000-0000-0000-000000000000", "lee@contoso.com", NOW),),
)

SHELL_S_OWN = {
    *("New-Object", "New-Item", "Join-Path", "Test-Path", "Move-Item", "Remove-Item", "Get-FileHash", "Where-Object"),
    "ForEach-Object",
    *("ConvertTo-Json", "ConvertFrom-Json", "Start-Sleep", "Set-StrictMode", "Write-Warning", "Write-Output"),
}


def engagement(tmp_path: Path, text: str = EVERYTHING) -> Engagement:
    return read(tmp_path, text)


def saved(tmp_path: Path) -> list[dict[str, Any]]:
    return calls(parsed(script(engagement(tmp_path), NOW, SOUGHT)), "Save-Slice")


def test_the_script_is_powershell_in_ascii(tmp_path: Path) -> None:
    written = script(engagement(tmp_path), NOW, SOUGHT)
    assert written.isascii()
    tree = parsed(written)
    assert faults(tree) == []
    assert tree.named_children[next(i for i, one in enumerate(tree.named_children) if one.type != "comment")].type == (
        "param_block"
    )


def test_a_script_that_breaks_off_is_seen_to_be_none() -> None:
    assert faults(parsed("function A {\n    if ($true) {\n"))


def test_nothing_is_called_but_cmdlets_that_read_and_what_writes_the_answers_down(tmp_path: Path) -> None:
    tree = parsed(script(engagement(tmp_path), NOW, SOUGHT))
    own = {source(one) for one in nodes(tree, "function_name")}
    assert commands(tree) - own - SHELL_S_OWN == set()
    by_name = {source(one) for one in nodes(tree, "command_invokation_operator")}
    assert by_name <= {"&"}
    assert all(must_read(one["Cmdlet"]) for one in saved(tmp_path))


@pytest.mark.parametrize(
    ("cmdlet", "reader"),
    [(unified_audit_log.CMDLET, "Read-AuditLog"), (message_trace.CMDLET, "Read-MessageTrace")],
)
def test_what_is_paged_is_read_by_the_function_that_pages_it(cmdlet: str, reader: str, tmp_path: Path) -> None:
    written = script(engagement(tmp_path), NOW, SOUGHT)
    assert f"'{cmdlet}' {{ return {reader} $File $Parameters" in written
    assert f"Invoke-Reading '{cmdlet}' $Asked" in written


class Overheard:
    """A bridge that notes what it is asked and answers nothing."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, dict[str, Any]]] = []

    def invoke(self, cmdlet: str, parameters: Mapping[str, Any], **_: object) -> Iterator[Answered]:
        self.asked.append((cmdlet, dict(parameters)))
        yield Answered((), (), "1")


def sent(made: Source, bridge: Overheard, question: Question) -> tuple[str, dict[str, Any]]:
    assert not [item for item in made.ask(question) if isinstance(item, Page) and item.rows]
    cmdlet, parameters = bridge.asked[0]
    parameters.pop("SessionId", None)
    return cmdlet, parameters


def test_each_slice_is_asked_with_the_parameters_that_a_run_sends(tmp_path: Path) -> None:
    asked = engagement(tmp_path)
    plan = make_plan(asked, NOW, sought=SOUGHT)
    ids = next(one.question["message-ids"] for one in plan.sources if one.source == "message-trace")
    expected = []
    for planned in plan.sources:
        for slice_ in (
            first_slices(planned, NOW) if planned.source not in {"historical-search", "management-activity"} else ()
        ):
            window = slice_.window
            bridge = Overheard()
            sources: dict[str, Source] = {
                "unified-audit-log": UnifiedAuditLog(bridge, asked.sources.unified_audit_log),
                "mailbox-audit-log": MailboxAuditLog(bridge, asked.mailboxes),
                "message-trace": MessageTrace(bridge, ids),
            }
            if window:
                made = sources[planned.source]
                cmdlet, parameters = sent(made, bridge, Question(slice_, made.page_sizes[0], Effort(1)))
            else:
                cmdlet, parameters = planned.question["calls"][slice_.part].values()
            times = {"Start": iso(window.start), "End": iso(window.end)} if window else {}
            part = {"Part": slice_.part} if slice_.part else {}
            expected.append(
                {"Source": planned.source, **part, **times, "Cmdlet": cmdlet, "Parameters": dict(parameters)}
            )
    told = saved(tmp_path)
    names = [one.pop("Slice") for one in told]
    assert told == expected
    assert (
        len(set(names))
        == len(names)
        == sum(
            one.slices
            for one in forecast(asked, NOW, SOUGHT)
            if one.source not in {"historical-search", "management-activity"}
        )
    )
    assert {one["Source"] for one in told} == set(asked.sources.names) - {"historical-search", "management-activity"}


HOSTILE = (
    "plain",
    "",
    "it's",
    "''",
    "'; Remove-Mailbox victim; '",
    '$(exit) `n "quoted" @{} #',
    "trailing\\",
    "\\u0041",
    "line\nbreak\r\n'",
    "\u2018\u2019\u201a\u201b; exit",
    "\u2019",
    "caf\u00e9 \u65e5\u672c \U0001f600",
    "\u2028\u0085\x00\x1b[2J",
    "lone \ud800 half",
)


@pytest.mark.parametrize("given", HOSTILE)
def test_a_hostile_text_is_one_string_that_says_what_it_said(given: str) -> None:
    line = f"Save-Slice -Part {text(given)} -Parameters @{{ Identity = {text(given)}; Many = @({text(given)}) }}"
    assert line.isascii()
    assert "\n" not in line
    tree = parsed(line)
    assert faults(tree) == []
    assert commands(tree) == {"Save-Slice"}
    assert calls(tree, "Save-Slice") == [{"Part": given, "Parameters": {"Identity": given, "Many": [given]}}]


def test_a_quote_that_is_not_doubled_would_be_seen() -> None:
    tree = parsed("Save-Slice -Part 'it's' -Parameters @{}")
    assert faults(tree) or calls(tree, "Save-Slice") != [{"Part": "it's", "Parameters": {}}]


def test_what_cmdlets_cannot_ask_is_said_and_not_asked(tmp_path: Path) -> None:
    lines = script(engagement(tmp_path), NOW, SOUGHT).splitlines()
    for name in ("historical-search", "management-activity"):
        (line,) = (line for line in lines if line.startswith(f"# {name}: "))
        assert "collector" in line


def test_traces_and_their_details_keep_to_the_quota_that_they_share(tmp_path: Path) -> None:
    lines = script(engagement(tmp_path), NOW, SOUGHT).splitlines()
    for name, pause in (("message-trace", 3000), ("message-trace-detail", 3000), ("unified-audit-log", 0)):
        above = next(at for at, line in enumerate(lines) if line.startswith(f"# {name}: "))
        assert f"Pause = {pause} " in lines[above + 1]


def test_the_script_asks_for_no_secret(tmp_path: Path) -> None:
    written = script(engagement(tmp_path), NOW, SOUGHT)
    code = "\n".join(line for line in written.splitlines() if not line.startswith("#"))
    assert "Connect-" not in code
    assert "SECRET" not in written.upper()
    assert "credential" not in written.lower()


def function(tmp_path: Path, name: str) -> str:
    """Return the text of a function of the script's."""
    tree = parsed(script(engagement(tmp_path), NOW, SOUGHT))
    assert faults(tree) == []
    (found,) = (one for one in nodes(tree, "function_statement") if source(next(nodes(one, "function_name"))) == name)
    return source(found)


def test_a_dictionary_is_told_by_what_it_holds_and_a_list_in_a_list_stays_one(tmp_path: Path) -> None:
    members, plain = function(tmp_path, "ConvertTo-Members"), function(tmp_path, "ConvertTo-Plain")
    assert "GetEnumerator()" in members
    assert "[pscustomobject]" not in members + plain
    assert "$List = @(foreach ($One in $Value) { ConvertTo-Plain $One })" in plain
    assert "return , $List" in plain


def test_rows_of_two_folders_or_of_one_answer_that_say_the_same_are_both_kept(tmp_path: Path) -> None:
    assert "Add-Row $File $Answer.Rows -About $Parameters.Identity" in function(tmp_path, "Read-Call")
    written = function(tmp_path, "Add-Row")
    assert 'ConvertTo-Ascii "$About`n$Text"' in written
    assert '$Key = "$Key $Count"' in written


def test_nothing_where_something_must_be_is_no_empty_answer(tmp_path: Path) -> None:
    head = script(engagement(tmp_path), NOW, SOUGHT).partition("function ")[0]
    assert "'get-organizationconfig '" in head
    assert "'get-messagetracedetailv2 messagetraceid'" in head
    assert "'get-mailboxfolderpermission identity'" in head
    call = function(tmp_path, "Read-Call")
    assert call.index("Test-NeverEmpty") < call.index("New-Finding 'empty'")


def test_the_permissions_of_folders_are_whole_only_where_their_listing_is(tmp_path: Path) -> None:
    folders = function(tmp_path, "Read-FolderPermission")
    assert "$Listed.Failed -or $Listed.More -or $Listed.AtCeiling" in folders
    assert "$Listed.Rows.Count -eq 0" in folders
    assert "'folder-without-path'" in folders
    assert "New-Finding 'uncounted' $NothingGiven 0 $Bare" in folders


def test_two_readings_of_a_value_agree() -> None:
    assert value(parsed("@(1, 'a', @('b'))")) == [1, "a", ["b"]]


@pytest.mark.parametrize(
    ("row", "kind"),
    [
        (
            {
                "PSComputerName": "outlook.office365.com",
                "RecordType": "ExchangeItemAggregated",
                "CreationDate": "2026-11-20T10:00:00.0000000Z",
                "UserIds": "lee@contoso.com",
                "Operations": "MailItemsAccessed",
                "AuditData": '{"Id":"a","Subject":"\ud800 \u00e9"}',
                "ResultIndex": 1,
                "ResultCount": 1,
                "Identity": "a",
                "IsValid": True,
            },
            "unified-audit-log",
        ),
        (
            {
                "MessageTraceId": "1",
                "MessageId": "<a@contoso.com>",
                "Received": "2026-11-20T10:00:00.1234567Z",
                "SenderAddress": "a@contoso.com",
                "RecipientAddress": "b@contoso.com",
                "Status": "Delivered",
            },
            "message-trace",
        ),
        (
            {
                "source": "tenant-settings",
                "part": "Get-InboxRule lee@contoso.com",
                "row": {"Name": "x", "ForwardTo": ["a@contoso.com"]},
            },
            "plan-script",
        ),
    ],
)
def test_import_knows_the_lines_that_the_script_writes(row: dict[str, Any], kind: str) -> None:
    line = json.dumps(row, separators=(",", ":")).encode()
    form = exports.told([line + b"\n" + line + b"\n"])
    assert form.kind == kind
    rows = list(exports.read([line + b"\n"], form))
    assert [one.json for one in rows if isinstance(one, exports.Row)] == [line]
