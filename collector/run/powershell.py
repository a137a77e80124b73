"""A plan as a script of Exchange Online PowerShell, for an administrator of the tenant to run: `plan --powershell`.

Invariants: the slices and their parameters come from the functions that a run asks with; no text of an engagement can
end the string that it stands in, or be read as anything but itself; the script is ASCII, so that no encoding damages
it; it holds reading cmdlets alone, and nothing to sign in with.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from importlib.resources import files
from typing import Any

from collector.config import Engagement
from collector.http.client import Effort
from collector.model import Plan, Slice, Sought, SourcePlan, iso
from collector.run.plan import NOTHING, first_slices, make_plan
from collector.sources import base, cmdlets, mailbox_audit_log, message_trace, session, tenant_settings
from collector.sources import unified_audit_log as audit_log
from collector.sources.base import Question
from collector.sources.cmdlets import Call
from collector.sources.exchange import must_read
from collector.sources.historical_search import HistoricalSearch
from collector.sources.mailbox_audit_log import MailboxAuditLog
from collector.sources.message_trace import MessageTrace
from collector.sources.message_trace_detail import MESSAGE_TRACE_DETAIL
from collector.sources.tenant_settings import TENANT_SETTINGS
from collector.sources.unified_audit_log import UnifiedAuditLog

_FUNCTIONS = ("rows", "readers", "slices")
_DATES = frozenset({"StartDate", "EndDate"})
_PLAIN = re.compile(r"[ -~]*")


def script(engagement: Engagement, now: datetime, sought: Sought = NOTHING) -> str:
    """Return the script that asks what the engagement would ask at `now`; raises UsageError as `make_plan` does."""
    plan = make_plan(engagement, now, sought=sought)
    functions = (files("collector.run").joinpath(f"functions/{name}.ps1").read_text("utf-8") for name in _FUNCTIONS)
    sections = (_section(number, planned, engagement, now) for number, planned in enumerate(plan.sources, 1))
    return "\n".join([_head(plan), *functions, *sections, "Write-Summary"])


def _head(plan: Plan) -> str:
    at = iso(plan.frozen_at.replace(microsecond=0))
    folder = f"collector-{plan.engagement}-{re.sub('[-:]', '', at)}"
    settings = {
        "Plan": f"{plan.engagement} {at}",
        "Margin": int(base.MARGIN.total_seconds()),
        "Ceiling": session.CEILING,
        "NearCeiling": session.NEAR_CEILING,
        "PatienceWithRepeats": session.PATIENCE_WITH_REPEATS,
        "FailedPattern": base.FAILED.pattern,
        "MorePattern": base.MORE.pattern,
        "CeilingPattern": base.AT_CEILING.pattern,
        "UnsharedFolders": sorted(tenant_settings.UNSHARED),
        "SlashInName": tenant_settings.SLASH,
        "NeverEmpty": [f"{cmdlet} {needs or ''}" for cmdlet, needs in cmdlets.NEVER_EMPTY.items()],
        "NothingGiven": cmdlets.NOTHING_GIVEN,
    }
    return _HEAD.format(
        folder=text(folder),
        settings="\n".join(f"${name} = {_value(value)}" for name, value in settings.items()),
    )


_HEAD = """\
# Asks Exchange Online what the plan below asks, slice by slice, and keeps each slice in a file of its own.
#
# 1. In Windows PowerShell 5.1 or PowerShell 7, with the module ExchangeOnlineManagement: Connect-ExchangeOnline
#    as an account that holds the roles View-Only Audit Logs, View-Only Recipients, View-Only Configuration and
#    Message Tracking.
# 2. Run this file. It only reads. What is not whole is said here, in log.txt and in manifest.ndjson; run it again,
#    and only that is asked for again. Nothing is written over.
# 3. Hand over the folder as it is. `collector import` reads its .jsonl files.

param([string]$Folder = {folder})

{settings}
"""


def _section(number: int, planned: SourcePlan, engagement: Engagement, now: datetime) -> str:
    """Return the calls for a source, or why there are none."""
    if planned.source not in _CALLS:
        return f"# {planned.source}: {_ELSEWHERE.get(planned.source, _NO_CMDLET)}\n"
    slices = first_slices(planned, now)
    lines = [f"# {planned.source}: {len(slices)} slices", _limits(planned.source, engagement)]
    lines += [
        _save(f"{number}-{nth:05}", slice_, _CALLS[planned.source](planned, slice_))
        for nth, slice_ in enumerate(slices, 1)
    ]
    return "\n".join([*lines, ""])


_NO_CMDLET = "there is no cmdlet for it; `collector run` collects it"
_ELSEWHERE = {
    HistoricalSearch.name: (
        "its reports open in a browser alone; start them in the Exchange admin centre, for `collector import`"
    )
}


def _limits(source: str, engagement: Engagement) -> str:
    """Return what a source's slices are asked within: seconds, and milliseconds before each call."""
    limits = engagement.limits_of(source)
    pause = limits.rate.period / limits.rate.requests if limits.rate else 0
    told = {
        "Attempts": limits.attempts,
        "FirstWait": limits.first_wait,
        "LongestWait": limits.longest_wait,
        "Pause": round(pause * 1000),
    }
    return f"$Limits = {_hashtable(told)}"


def _save(name: str, slice_: Slice, call: Call) -> str:
    start, end = (iso(slice_.window.start), iso(slice_.window.end)) if slice_.window else ("", "")
    given = {
        "Slice": name,
        "Source": slice_.source,
        "Part": slice_.part or "",
        "Start": start,
        "End": end,
        "Cmdlet": must_read(call.cmdlet),
    }
    told = " ".join(f"-{parameter} {text(value)}" for parameter, value in given.items() if value)
    return f"Save-Slice {told} -Parameters {_hashtable(call.parameters)}"


def _hashtable(parameters: Mapping[str, Any]) -> str:
    pairs = (f"{name} = {_date(value) if name in _DATES else _value(value)}" for name, value in parameters.items())
    return f"@{{ {'; '.join(pairs)} }}" if parameters else "@{}"


def _date(moment: str) -> str:
    return f"(ConvertTo-Utc {text(moment)})"


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return "$true" if value else "$false"
    if isinstance(value, int | float):
        return repr(value)
    if isinstance(value, Sequence) and not isinstance(value, str):
        return f"@({', '.join(map(_value, value))})"
    return text(str(value))


def text(value: str) -> str:
    """Return a text as PowerShell reads it back: what is not plain ASCII is escaped.

    PowerShell takes the typographic quotes U+2018 to U+201B for the end of a string too.
    """
    if _PLAIN.fullmatch(value):
        return "'" + value.replace("'", "''") + "'"
    return f"([regex]::Unescape({text(''.join(_escaped(value)))}))"


def _escaped(value: str) -> Iterator[str]:
    for character in value:
        if _PLAIN.fullmatch(character):
            yield "\\\\" if character == "\\" else character
        else:
            units = character.encode("utf-16-be", "surrogatepass")
            yield from (f"\\u{units[at : at + 2].hex()}" for at in range(0, len(units), 2))


def _audit_log_call(planned: SourcePlan, slice_: Slice) -> Call:
    fixed = {name: value for name, value in planned.question.items() if name != "cmdlet"}
    return Call(audit_log.CMDLET, audit_log.parameters_of(_question(slice_, UnifiedAuditLog.page_sizes), fixed))


def _mailbox_log_call(planned: SourcePlan, slice_: Slice) -> Call:  # noqa: ARG001 - the slice names the mailbox
    question = _question(slice_, MailboxAuditLog.page_sizes)
    return Call(mailbox_audit_log.CMDLET, mailbox_audit_log.parameters_of(question))


def _trace_call(planned: SourcePlan, slice_: Slice) -> Call:
    ids = planned.question.get(message_trace.MESSAGE_IDS, {}).get(slice_.part, ())
    question = _question(slice_, MessageTrace.page_sizes)
    return Call(message_trace.CMDLET, message_trace.parameters_of(question, None, ids))


def _planned_call(planned: SourcePlan, slice_: Slice) -> Call:
    call = planned.question[cmdlets.CALLS][slice_.part]
    return Call(call["cmdlet"], call["parameters"])


def _question(slice_: Slice, page_sizes: Sequence[int]) -> Question:
    return Question(slice_, page_sizes[0], Effort(1))


_CALLS: Mapping[str, Callable[[SourcePlan, Slice], Call]] = {
    UnifiedAuditLog.name: _audit_log_call,
    MailboxAuditLog.name: _mailbox_log_call,
    MessageTrace.name: _trace_call,
    MESSAGE_TRACE_DETAIL: _planned_call,
    TENANT_SETTINGS: _planned_call,
}
"""What each source that cmdlets answer is asked for a slice."""
