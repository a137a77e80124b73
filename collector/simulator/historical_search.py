"""Start-HistoricalSearch and Get-HistoricalSearch: the jobs, and the reports that a browser fetches; protocol.md C6.

Invariant: a report is only ever told of to an app. Its bytes go to the operator (`download`), and its address asks
every other caller to sign in.
"""

import threading
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from collector.simulator.address_book import not_found
from collector.simulator.behaviour import Quotas, ReportBehaviour, SignInWall
from collector.simulator.parameters import Reader, bind, flag, invalid, moment, one_of, required, text, texts
from collector.simulator.progress import stage
from collector.simulator.report_csv import MESSAGE_TRACE, MESSAGE_TRACE_DETAIL, report, row_count
from collector.simulator.rows import Guid, typed
from collector.simulator.scenario import DOMAIN, Scenario, TraceRow, ticks
from collector.simulator.wire import Answer, Reply, Request

PATH = "/ExtendedReport/Download"
SIGN_IN = "/common/oauth2/authorize"
LISTED = timedelta(days=10)
MOST_VALUES = 100

_FILTERS = ("MessageID", "RecipientAddress", "SenderAddress")
_STAGES = ("NotStarted", "InProgress", "Done")
_DESCRIPTIONS = {
    "NotStarted": "Not started",
    "InProgress": "In progress",
    "Done": "Complete - Ready for download",
    "Failed": "Failed",
}
_PARAMETERS: dict[str, Reader] = {
    "ReportTitle": text,
    "ReportType": one_of(MESSAGE_TRACE, MESSAGE_TRACE_DETAIL),
    "StartDate": moment,
    "EndDate": moment,
    **dict.fromkeys(_FILTERS, texts),
    "NetworkMessageID": texts,
    "DeliveryStatus": one_of("Delivered", "Expanded", "Failed"),
    "Direction": one_of("All", "Received", "Sent"),
    "OriginalClientIP": text,
    "NotifyAddress": texts,
    "Locale": text,
    "CompressFile": flag,
}
_PAGE = b"<!DOCTYPE html><html><head><title>Sign in to your account</title></head><body>Sign in</body></html>"


@dataclass
class _Job:
    identity: str
    submitted: datetime
    asked: Mapping[str, Any]
    traces: tuple[TraceRow, ...]
    polls: int = field(default=0)


class HistoricalSearch:
    """The report jobs of one tenant."""

    def __init__(
        self,
        address: str,
        scenario: Scenario,
        behaviour: ReportBehaviour,
        quotas: Quotas,
        now: Callable[[], datetime],
    ) -> None:
        self._address = address
        self._rows = scenario.traces
        self._behaviour = behaviour
        self._quotas = quotas
        self._now = now
        self._jobs: dict[str, _Job] = {}
        self._lock = threading.Lock()

    def start(self, given: Mapping[str, Any]) -> Answer:
        """Answer Start-HistoricalSearch; raises CmdletError for what the service refuses."""
        asked = bind(given, _PARAMETERS)
        required(asked, "ReportTitle", "ReportType", "StartDate", "EndDate")
        self._check(asked)
        now = self._now()
        with self._lock:
            recent = [job for job in self._jobs.values() if job.submitted > now - self._quotas.report_period]
            if len(recent) >= self._quotas.report_jobs:
                raise invalid(f"The limit of {self._quotas.report_jobs} historical searches in 24 hours is reached.")
            settled = (row.at(now) for row in self._rows)
            found = [row for row in settled if _matches(row, asked)][: self._quotas.report_rows]
            job = _Job(str(uuid.uuid4()), now, asked, tuple(found))
            self._jobs[job.identity] = job
        return Answer([self._row(job, _STAGES[0])])

    def get(self, given: Mapping[str, Any]) -> Answer:
        """Answer Get-HistoricalSearch: one job, or those of the last ten days, the newest first."""
        asked = bind(given, {"JobId": text})
        with self._lock:
            if "JobId" not in asked:
                since = self._now() - LISTED
                jobs = [job for job in reversed(self._jobs.values()) if job.submitted >= since]
            elif (job := self._jobs.get(asked["JobId"])) is None:
                raise not_found(asked["JobId"])
            else:
                jobs = [job]
            for job in jobs:
                job.polls += 1
            return Answer([self._row(job, self._status(job)) for job in jobs])

    def download(self, job_id: str, *, mark: bool) -> bytes:
        """Return the file that an operator's browser gets for a job, with or without a byte order mark."""
        job = self._jobs[job_id]
        return report(job.asked["ReportType"], job.traces, mark=mark)

    def answer(self, request: Request) -> Reply | None:
        """Answer a request for a report, or for the page that it leads to; None for any other path."""
        html = Reply(200, _PAGE, {"Content-Type": "text/html; charset=utf-8"})
        if request.path == SIGN_IN:
            return html
        if request.path != PATH:
            return None
        if self._behaviour.wall is SignInWall.PAGE:
            return html
        return Reply(302, b"", {"Location": f"{self._address}{SIGN_IN}?response_type=code&prompt=select_account"})

    def _check(self, asked: Mapping[str, Any]) -> None:
        now = self._now()
        given = [asked[name] for name in _FILTERS if asked.get(name)]
        if not given:
            raise invalid("Specify at least one of MessageID, RecipientAddress or SenderAddress.")
        if any(len(values) > MOST_VALUES for values in given):
            raise invalid(f"No more than {MOST_VALUES} values can be specified.")
        if any(not address.endswith(f"@{DOMAIN}") for address in asked.get("NotifyAddress", ())):
            raise invalid("The NotifyAddress must be in an accepted domain of the organization.")
        if asked["StartDate"] >= asked["EndDate"]:
            raise invalid("The StartDate must be earlier than the EndDate.")
        earliest, latest = now - self._quotas.trace_retention, now - self._quotas.report_delay
        if asked["StartDate"] < earliest or asked["EndDate"] > latest:
            raise invalid("The date range must end 1 to 4 hours ago and begin within the last 90 days.")

    def _status(self, job: _Job) -> str:
        """Return how far a job has come, by how often it was asked for and by the clock, whichever is less."""
        quiet, takes = self._behaviour.polls, self._behaviour.takes
        reached = stage(polls=job.polls, quiet=quiet, elapsed=self._now() - job.submitted, takes=takes)
        status = _STAGES[reached]
        return "Failed" if status == "Done" and self._behaviour.fails else status

    def _row(self, job: _Job, status: str) -> dict[str, Any]:
        done, failed = status == "Done", status == "Failed"
        rows = row_count(job.asked["ReportType"], job.traces) if done else 0
        fields = {
            "JobId": Guid(job.identity),
            "SubmitDate": job.submitted,
            "ReportTitle": job.asked["ReportTitle"],
            "ReportType": job.asked["ReportType"],
            "Status": status,
            "ReportStatusDescription": _DESCRIPTIONS[status],
            "Rows": rows,
            "FileRows": rows,
            "ErrorCode": "Unknown" if failed else "",
            "ErrorDescription": "The report could not be made." if failed else "",
            "FileUrl": f"{self._address}{PATH}?JobId={job.identity}" if done else "",
        }
        return typed(fields)


def _matches(row: TraceRow, asked: Mapping[str, Any]) -> bool:
    """Whether a row is in the window of a job and passes all its filters."""
    sent = row.sender.casefold().endswith(f"@{DOMAIN}")
    direction = asked.get("Direction", "All")
    told = {
        "MessageID": row.message_id,
        "RecipientAddress": row.recipient,
        "SenderAddress": row.sender,
        "NetworkMessageID": row.message_trace_id,
    }
    return (
        ticks(asked["StartDate"]) <= row.received < ticks(asked["EndDate"])
        and all(value.casefold() in asked.get(name, (value.casefold(),)) for name, value in told.items())
        and row.from_ip == asked.get("OriginalClientIP", row.from_ip)
        and row.status == asked.get("DeliveryStatus", row.status)
        and (direction == "All" or sent == (direction == "Sent"))
    )
