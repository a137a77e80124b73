"""`historical-search`: reports that the service makes over hours, and gives to a browser only. Source: protocol.md C6.

Invariants: one job a slice: before one is started, the jobs of the last ten days are looked through for it, so that a
run that was cut off takes up what it had begun (250 jobs a tenant and day, cancelled ones among them), and one that
asks for another's gaps what that one had, but for what failed or was asked too soon; a start whose answer was lost is
looked for before it is tried again; a job that failed is tried once more and no oftener. The file behind a report's
address is never fetched: what is evidence is the job's own row, and that its records lie there.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from collector.errors import QuestionError, Unanswered
from collector.http.client import Effort
from collector.model import Axis, Row, Slice, Window, iso, utc
from collector.sources.base import MARGIN, Finding, Kind, Page, Question, digest, failed, loose, spanned, told_by
from collector.sources.exchange import Bridge
from collector.sources.following import Following
from collector.sources.message_trace import RECIPIENT, SENDER

START, LOOK = "Start-HistoricalSearch", "Get-HistoricalSearch"

VALUES_AT_ONCE = 100
"""Addresses or ids that a job may name."""

JOBS_A_DAY = 250
"""Jobs that a tenant may start in 24 hours."""

MOST_ROWS = 100_000
"""Rows that a report's file holds at most: one that has as many may lack others."""

DELAY = timedelta(hours=4, minutes=1)
"""How long ago what is asked for must have ended: one to four hours; and how far off a clock may be."""

LONGEST = timedelta(hours=48)
"""How long a job is followed after it was submitted."""

REPORT = "report"
"""The member of a plan's question that holds the ReportType."""

_DONE, _FAILED = frozenset({"done"}), frozenset({"failed", "cancelled", "canceled"})
_TRIES = 2


class Asking(NamedTuple):
    """What a run asks for: the ReportType, the InternetMessageIds by part, the run, and those whose gaps it fills."""

    report: str
    message_ids: Mapping[str, Sequence[str]]
    run_id: str
    after: Sequence[str] = ()


class HistoricalSearch:
    """The jobs of a run; a part is a mailbox as sender or as recipient, or messages by their ids."""

    name = "historical-search"
    retention = longest = timedelta(days=90)
    page_sizes: tuple[int, ...] = (1000,)

    def __init__(self, bridge: Bridge, asking: Asking, following: Following) -> None:
        self._bridge = bridge
        self._asking = asking
        self._following = following

    def ask(self, question: Question) -> Iterator[Page | Finding]:
        """Find or start the job of a slice, follow it to its end, and tell what it came to."""
        try:
            if question.slice.window is None:
                self._jobs({}, question)
                yield Finding(Kind.WHOLE)
            else:
                yield from self._reported(question)
        except QuestionError as error:
            yield failed(error, Finding(Kind.FAILED))

    def probe(self, window: Window | None) -> Question:  # noqa: ARG002 - other sources need it
        """Return a look at the list of jobs, which starts none."""
        return Question(Slice(self.name, None, Axis.EVENT, None), self.page_sizes[0], Effort(1))

    def _reported(self, question: Question) -> Iterator[Page | Finding]:
        title, listed = title_of(self._asking.run_id, question.slice), self._jobs({}, question)
        own = [job for job in listed if job.title == title]
        failures = [job for job in own if job.status in _FAILED]
        found = [job for job in (*own, *self._of_runs_before(listed, question.slice)) if job.status not in _FAILED]
        job = min(found, key=lambda job: not job.ended, default=None)
        if job is None:
            job = failures[0] if len(failures) >= _TRIES else self._started(title, question)
        job = self._followed(job, question)
        finding = finding_of(job, tried=len({one.job_id for one in (*failures, job)}))
        if finding.kind not in {Kind.TOO_LARGE, Kind.FAILED}:  # another job takes its place then
            yield Page((_row(job.raw),), job.request)
        yield finding

    def _of_runs_before(self, listed: Sequence["Job"], slice_: Slice) -> list["Job"]:
        """Return what the runs before began for a slice late enough: its records had come, and none comes any more."""
        titles = {title_of(run_id, slice_) for run_id in self._asking.after}
        settled = spanned(slice_.window).end + timedelta(seconds=self._following.limits.settle)
        return [job for job in listed if job.title in titles and job.submitted and job.submitted >= settled]

    def _started(self, title: str, question: Question) -> "Job":
        """Start a job. It is sent once: whether a lost answer started one shows in the list, and nowhere else."""
        parameters = {"ReportTitle": title, "ReportType": self._asking.report, **self._asked(question.slice)}
        jobs = self._sent(START, parameters, question, Effort(1))
        if not jobs or not jobs[0].job_id:
            raise Unanswered("the service names no job", reason="no-job")
        return jobs[0]

    def _asked(self, slice_: Slice) -> dict[str, Any]:
        asked, part = spanned(slice_.window).widened(MARGIN), slice_.part or ""
        window = {"StartDate": iso(asked.start), "EndDate": iso(asked.end)}
        if part.startswith(SENDER):
            return {**window, "SenderAddress": [part.removeprefix(SENDER)]}
        if part.startswith(RECIPIENT):
            return {**window, "RecipientAddress": [part.removeprefix(RECIPIENT)]}
        return {**window, "MessageID": list(self._asking.message_ids[part])}

    def _followed(self, job: "Job", question: Question) -> "Job":
        """Look at a job until it has ended, or for as long as one is followed; each answer gives the attempts back."""

        def look(job: "Job") -> "Job":
            found = next((one for one in self._jobs({"JobId": job.job_id}, question) if one.job_id == job.job_id), job)
            question.effort.renew()
            return found

        return self._following.to_its_end(job, look, (job.submitted or self._following.clock.now()) + LONGEST)

    def _jobs(self, parameters: Mapping[str, Any], question: Question) -> list["Job"]:
        return self._sent(LOOK, parameters, question, question.effort)

    def _sent(self, cmdlet: str, parameters: Mapping[str, Any], question: Question, effort: Effort) -> list["Job"]:
        """Send a cmdlet and return the jobs that it tells of; raises Unanswered where there may be others."""
        jobs: list[Job] = []
        for answer in self._bridge.invoke(
            cmdlet, parameters, slice_=question.slice, page_size=question.page_size, effort=effort
        ):
            told = told_by(answer.warnings)
            if told.failed or told.more:
                raise Unanswered("the list of jobs is not whole", reason="list-incomplete")
            jobs += [job_of(raw, answer.request) for raw in answer.rows]
        return jobs


class Job(NamedTuple):
    """A job as a row tells of it; `status` is in small letters, `shown` as it came, `rows` None where none are told."""

    raw: bytes
    request: str
    job_id: str
    title: str
    status: str
    shown: str
    rows: int | None
    address: str
    why: str
    submitted: datetime | None

    @property
    def ended(self) -> bool:
        """Whether it will change no more; a status that is not known may."""
        return self.status in _DONE or self.status in _FAILED

    @property
    def told(self) -> str:
        """What is waited for, in words."""
        return f"the report {self.title} is {self.shown}"


def job_of(raw: bytes, request: str) -> Job:
    """Read a row of either cmdlet leniently: the names of its columns are in no page of the documentation."""
    row = loose(raw)

    def text(name: str) -> str:
        return value if isinstance(value := row.get(name), str) else ""

    shown = text("Status").strip()
    counts = [int(count) for name in ("Rows", "FileRows") if (count := str(row.get(name))).isdecimal()]
    return Job(
        raw=raw,
        request=request,
        job_id=text("JobId"),
        title=text("ReportTitle"),
        status=shown.lower(),
        shown=shown or "in no state",
        rows=max(counts, default=None),
        address=text("FileUrl"),
        why=text("ErrorDescription") or text("ReportStatusDescription") or text("ErrorCode"),
        submitted=utc(text("SubmitDate")),
    )


def finding_of(job: Job, tried: int) -> Finding:
    """Return what a job came to that has ended, or is followed no longer; `tried` counts the slice's jobs."""
    if job.status in _FAILED:
        reason = f"report-{job.status}: {job.why}" if job.why else f"report-{job.status}"
        return Finding(Kind.REFUSED if tried >= _TRIES else Kind.FAILED, reason)
    if not job.ended:
        return Finding(Kind.REFUSED, f"report-not-ready: {job.shown} after {LONGEST.total_seconds() / 3600:g} hours")
    if job.rows == 0:
        return Finding(Kind.EMPTY)
    address = job.address or f"no address was told of {job.title or job.job_id}"
    if job.rows is not None and job.rows >= MOST_ROWS:
        return Finding(Kind.TOO_LARGE, f"report-full: {address}")
    return Finding(Kind.WITHHELD, f"file-in-browser: {address}", job.rows)


def title_of(run_id: str, slice_: Slice) -> str:
    """Return the title of a slice's job, which the tenant's admins can read: it names neither case nor run."""
    window = spanned(slice_.window)
    mark = digest(run_id, slice_.part or "", iso(window.start), iso(window.end)).hex()
    return f"Message trace report {mark[:16]}"


def key(line: bytes) -> tuple[bytes, bytes]:
    """Return what tells rows of jobs apart: the slice whose job it is, by its title, and all that the row says."""
    row = _row(line)
    return row.identity, row.content


def _row(raw: bytes) -> Row:
    text = raw.decode("latin-1")
    return Row(raw, digest(str(loose(raw).get("ReportTitle"))), digest(text), None)
