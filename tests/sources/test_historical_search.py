"""Reports of a historical search: one job a slice, followed to its end, and its file left to a browser."""

import json
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import pytest

from collector.config import Limits
from collector.errors import Interrupted
from collector.http.client import Effort
from collector.http.transport import Received, Sent
from collector.model import Axis, Slice, Window, iso
from collector.sources.base import Finding, Kind, Page, Question
from collector.sources.exchange import Bridge
from collector.sources.following import Following
from collector.sources.historical_search import LONGEST, Asking, HistoricalSearch, key, title_of
from tests.fakes import API, NOW, FakeSignIn, Line, page, received, refusal

ADELE = "adele@contoso.com"
WINDOW = Window(NOW - timedelta(days=9), NOW - timedelta(days=2))
RUN = "contoso-2026-11/20261121T050000Z"
URL = "https://admin.example.org/ExtendedReport/Download?JobId=1"


def of(part: str = f"sender:{ADELE}", window: Window | None = WINDOW) -> Slice:
    return Slice("historical-search", part, Axis.EVENT, window)


TITLE = title_of(RUN, of())


def job(status: str, number: int = 1, title: str = TITLE, **more: Any) -> dict[str, Any]:
    told = {"JobId": f"job-{number}", "ReportTitle": title, "Status": status, "SubmitDate": iso(NOW), "Rows": 0}
    return told | more


DONE = job("Done", Rows=7, FileUrl=URL)


class Service:
    """The two cmdlets: `listed` is what a look without a job finds, `polled` what each look at one finds in turn."""

    def __init__(
        self,
        *,
        listed: list[Any] | None = None,
        polled: list[Any] | None = None,
        start: Any = None,
        after: tuple[str, ...] = (),
    ) -> None:
        self.listed, self.polled = listed or [], polled or [DONE]
        self.start = start or page([job("NotStarted")])
        self.line = Line(self._answer, limits=Limits(first_wait=2, longest_wait=60, attempts=3))
        self.sent: list[tuple[str, Mapping[str, Any]]] = []
        self.waits: list[float] = []
        asking = Asking("MessageTrace", {"message-ids:1": ["<1@x>", "<2@x>"]}, RUN, after)
        bridge = Bridge(self.line.client, FakeSignIn(), API)
        clock, limits = self.line.clock, self.line.limits
        following = Following(limits, clock, lambda why, seconds: self.waits.append(seconds))
        self.source = HistoricalSearch(bridge, asking, following)

    def _answer(self, sent: Sent) -> Any:
        asked = json.loads(sent.body or b"{}")["CmdletInput"]
        name, parameters = asked["CmdletName"], asked["Parameters"]
        self.sent.append((name, parameters))
        if name == "Start-HistoricalSearch":
            return self.start
        if "JobId" not in parameters:
            return page(self.listed)
        found = self.polled.pop(0) if len(self.polled) > 1 else self.polled[0]
        return found if isinstance(found, Received | BaseException) else page([found])

    def ask(self, slice_: Slice | None = None) -> tuple[list[dict[str, Any]], Finding]:
        question = Question(slice_ or of(), 1000, Effort(3))
        *pages, finding = self.source.ask(question)
        assert isinstance(finding, Finding)
        return [json.loads(row.raw) for one in pages if isinstance(one, Page) for row in one.rows], finding

    @property
    def starts(self) -> list[Mapping[str, Any]]:
        return [parameters for name, parameters in self.sent if name == "Start-HistoricalSearch"]


def test_a_job_is_looked_for_started_and_followed_and_its_row_is_the_evidence() -> None:
    service = Service(polled=[job("NotStarted"), job("InProgress"), job("Validating"), DONE])
    rows, finding = service.ask()
    assert rows == [DONE]
    assert finding == Finding(Kind.WITHHELD, f"file-in-browser: {URL}", 7)
    assert [name for name, _ in service.sent] == [
        "Get-HistoricalSearch",
        "Start-HistoricalSearch",
        *["Get-HistoricalSearch"] * 4,
    ]
    (start,) = service.starts
    second = timedelta(seconds=1)
    assert start == {
        "ReportTitle": TITLE,
        "ReportType": "MessageTrace",
        "SenderAddress": [ADELE],
        "StartDate": iso(WINDOW.start - second),
        "EndDate": iso(WINDOW.end + second),
    }


def test_the_title_names_neither_case_nor_person_and_is_the_slices_own() -> None:
    titles = {title_of(run, of(part)) for run in (RUN, "other") for part in (f"sender:{ADELE}", "recipient:x")}
    titles.add(title_of(RUN, of(window=Window(WINDOW.start, NOW - timedelta(days=3)))))
    assert len(titles) == 5
    assert not any(word in title.lower() for title in titles for word in ("contoso", "adele", "2026"))


@pytest.mark.parametrize(
    ("part", "expected"),
    [
        (f"recipient:{ADELE}", {"RecipientAddress": [ADELE]}),
        ("message-ids:1", {"MessageID": ["<1@x>", "<2@x>"]}),
    ],
)
def test_what_is_asked_for_is_one_thing_alone(part: str, expected: dict[str, Any]) -> None:
    service = Service()
    service.ask(of(part))
    (start,) = service.starts
    names = {"SenderAddress", "RecipientAddress", "MessageID"}
    assert {name: value for name, value in start.items() if name in names} == expected


@pytest.mark.parametrize("status", ["NotStarted", "InProgress", "Done"])
def test_a_job_that_an_earlier_run_of_this_process_began_is_taken_up(status: str) -> None:
    others = [job("Done", 9, title="Monthly report"), job("Failed", 8, title="")]
    service = Service(listed=[*others, job(status, Rows=7, FileUrl=URL)])
    assert service.ask()[1].kind is Kind.WITHHELD
    assert service.starts == []


BEFORE = ("contoso-2026-11/20261119T050000Z", "contoso-2026-11/20261120T050000Z")


@pytest.mark.parametrize("run", BEFORE)
@pytest.mark.parametrize("status", ["InProgress", "Done"])
def test_a_job_of_a_run_whose_gaps_are_asked_for_is_taken_up(run: str, status: str) -> None:
    service = Service(listed=[job(status, title=title_of(run, of()), Rows=7, FileUrl=URL)], after=BEFORE)
    assert service.ask()[1] == Finding(Kind.WITHHELD, f"file-in-browser: {URL}", 7)
    assert service.starts == []


@pytest.mark.parametrize("submitted", [iso(WINDOW.end + timedelta(hours=23)), "", None])
def test_a_job_that_was_begun_too_soon_is_no_answer_to_a_later_run(submitted: str | None) -> None:
    soon = job("Done", title=title_of(BEFORE[0], of()), SubmitDate=submitted)
    service = Service(listed=[soon], after=BEFORE)
    service.ask()
    assert [one["ReportTitle"] for one in service.starts] == [TITLE]


def test_what_failed_in_a_run_before_is_tried_anew() -> None:
    title = title_of(BEFORE[0], of())
    service = Service(listed=[job("Failed", number, title=title) for number in (1, 2)], after=BEFORE)
    assert service.ask()[1].kind is Kind.WITHHELD
    assert len(service.starts) == 1


def test_waits_double_up_to_the_longest() -> None:
    service = Service(polled=[*[job("InProgress")] * 8, DONE])
    service.ask()
    assert service.waits == [2, 4, 8, 16, 32, 60, 60, 60, 60]


def test_no_rows_are_none_and_the_job_that_says_so_is_kept() -> None:
    nothing = job("Done", Rows=0)
    assert Service(polled=[nothing]).ask() == ([nothing], Finding(Kind.EMPTY))


@pytest.mark.parametrize("rows", [{"Rows": 100_000}, {"Rows": "250000"}, {"Rows": 5, "FileRows": 100_000}])
def test_as_many_rows_as_a_file_holds_may_not_be_all(rows: dict[str, Any]) -> None:
    found, finding = Service(polled=[job("Done", FileUrl=URL, **rows)]).ask()
    assert (found, finding.kind, finding.expected) == ([], Kind.TOO_LARGE, None)


@pytest.mark.parametrize("rows", [{"Rows": None}, {"Rows": "many"}, {}])
def test_a_count_that_cannot_be_read_is_not_taken_for_none(rows: dict[str, Any]) -> None:
    done = {name: value for name, value in job("Done").items() if name != "Rows"} | rows
    finding = Service(polled=[done]).ask()[1]
    assert finding == Finding(Kind.WITHHELD, f"file-in-browser: no address was told of {TITLE}", None)


def test_a_job_that_failed_is_tried_once_more_and_then_is_a_gap_in_the_services_words() -> None:
    first = job("Failed", ErrorDescription="no luck")
    service = Service(polled=[first])
    assert service.ask() == ([], Finding(Kind.FAILED, "report-failed: no luck"))
    again = job("Cancelled", 2, ErrorDescription="stopped by an admin")
    service.listed, service.polled, service.start = [first], [again], page([job("NotStarted", 2)])
    assert service.ask() == ([again], Finding(Kind.REFUSED, "report-cancelled: stopped by an admin"))
    service.listed = [again, first]
    assert service.ask() == ([again], Finding(Kind.REFUSED, "report-cancelled: stopped by an admin"))
    assert len(service.starts) == 2


def test_a_job_that_never_ends_is_given_up_in_the_end() -> None:
    service = Service(polled=[job("Pondering")])
    rows, finding = service.ask()
    assert finding == Finding(Kind.REFUSED, "report-not-ready: Pondering after 48 hours")
    assert rows == [job("Pondering")]
    assert sum(service.waits) >= LONGEST.total_seconds()


def test_a_start_whose_answer_was_lost_is_not_sent_again_before_the_list_was_looked_at() -> None:
    service = Service(start=received(503, "busy"))
    assert service.ask()[1].kind is Kind.FAILED
    assert len(service.starts) == 1
    service.listed = [job("InProgress")]
    assert service.ask()[1].kind is Kind.WITHHELD
    assert len(service.starts) == 1


def test_a_list_that_may_lack_jobs_starts_none() -> None:
    service = Service()
    answer = service._answer
    service.line.transport._answer = lambda sent: (answer(sent), page([], "The operation was cancelled"))[1]
    assert service.ask()[1] == Finding(Kind.FAILED, "list-incomplete")
    assert service.starts == []


def test_a_look_that_fails_now_and_then_costs_nothing_in_the_end() -> None:
    busy = received(503, "busy")
    service = Service(polled=[item for _ in range(9) for item in (busy, busy, job("InProgress"))] + [DONE])
    assert service.ask()[1].kind is Kind.WITHHELD


def test_a_refusal_is_told_in_the_services_words_and_a_missing_role_as_such() -> None:
    text = "|Microsoft.Exchange.InvalidException|The limit of 250 historical searches in 24 hours is reached."
    finding = Service(start=refusal(text)).ask()[1]
    assert finding.kind is Kind.REFUSED
    assert "limit of 250" in (finding.reason or "")
    assert Service(start=received(403, b"\0" * 64)).ask()[1].forbidden


def test_ctrl_c_ends_the_wait() -> None:
    service = Service(polled=[job("InProgress")])
    service.line.clock.stop()
    with pytest.raises(Interrupted):
        service.ask()


def test_a_probe_looks_at_the_list_and_starts_nothing() -> None:
    service = Service()
    assert [item.kind for item in service.source.ask(service.source.probe(WINDOW)) if isinstance(item, Finding)] == [
        Kind.WHOLE
    ]
    assert service.sent == [("Get-HistoricalSearch", {})]


def test_rows_of_a_slices_jobs_are_variants_of_one_another() -> None:
    one, two = (json.dumps(job(status)).encode() for status in ("Failed", "Done"))
    assert key(one)[0] == key(two)[0]
    assert key(one)[1] != key(two)[1]
