"""Audit queries of Graph: one query a slice, found again by its name, followed to its end, read page by page."""

import json
from collections import Counter
from collections.abc import Mapping
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from collector.config import Limits, PurviewAuditQuery
from collector.errors import Interrupted
from collector.http.client import Effort
from collector.http.transport import Received, Sent, TransportFailure
from collector.model import Axis, Slice, Window, iso
from collector.sources.audit_query import filters_of, judged, name_of, query_of
from collector.sources.base import Finding, Kind, Page, Question
from collector.sources.following import Following
from collector.sources.graph import Graph
from collector.sources.purview_audit_query import LONGEST, key
from collector.sources.purview_audit_query import PurviewAuditQuery as Source
from tests.fakes import NOW, Line, received
from tests.sources.graphs import GRAPH, collection, error

WINDOW = Window(NOW - timedelta(days=9), NOW - timedelta(days=2))
RUN = "20261121T050000Z"
SLICE = Slice("purview-audit-query", None, Axis.EVENT, WINDOW)
NAME = name_of(RUN, SLICE)
RECORDS = [{"id": f"record-{n}", "createdDateTime": iso(WINDOW.start), "auditData": {"Id": str(n)}} for n in range(5)]


class Service:
    """The queries of a tenant: each goes through `stages`, the last of which stays; `found` is what its records are.

    `missing` are the versions that know nothing of queries; `instead` answers a request by its method and last step of
    the path, once, in place of the service.
    """

    def __init__(self, stages: tuple[str, ...] = ("running", "succeeded"), found: list[Any] | None = None) -> None:
        self.stages = stages
        self.found = RECORDS if found is None else found
        self.told: dict[str, Any] = {}
        self.missing: set[str] = set()
        self.instead: dict[tuple[str, str], list[Received | BaseException]] = {}
        self.queries: dict[str, dict[str, Any]] = {}
        self.left: dict[str, list[str]] = {}
        self.page_size = 2
        self.sent: list[Sent] = []
        self.line = Line(self._answer, limits=Limits(first_wait=2, longest_wait=60, attempts=3))
        self.waits: list[float] = []
        self.source = self._source()

    def _source(self) -> Source:
        following = Following(self.line.limits, self.line.clock, lambda why, seconds: self.waits.append(seconds))
        return Source(Graph(self.line.client, GRAPH), filters_of(PurviewAuditQuery()), RUN, following)

    def _answer(self, sent: Sent) -> Any:
        self.sent.append(sent)
        _, version, *_, last = (path := urlsplit(sent.address).path).split("/")
        if waiting := self.instead.get((sent.method, last)):
            return waiting.pop(0)
        if version in self.missing:
            return error(404, "UnknownError")
        if sent.method == "POST":
            return received(201, self.add(json.loads(sent.body or b"{}")))
        if last == "queries":
            return collection([self.shown(one) for one in self.queries])
        return self._records(sent, path) if last == "records" else self._looked_at(last)

    def _looked_at(self, last: str) -> Received:
        if last not in self.queries:
            return error(404, "itemNotFound", "no such query")
        if len(self.left[last]) > 1:
            self.left[last].pop(0)
        return received(200, self.shown(last))

    def add(self, body: Mapping[str, Any], stages: tuple[str, ...] | None = None) -> dict[str, Any]:
        identity = f"query-{len(self.queries) + 1}"
        self.queries[identity] = {"id": identity, **body}
        self.left[identity] = ["notStarted", *(stages or self.stages)]
        return self.shown(identity)

    def shown(self, identity: str) -> dict[str, Any]:
        return {**self.queries[identity], "status": self.left[identity][0], **self.told}

    def _records(self, sent: Sent, path: str) -> Received:
        start = int(parse_qs(urlsplit(sent.address).query).get("$skiptoken", ["0"])[0])
        rest = self.found[start + self.page_size :]
        link = f"{GRAPH}{path}?$skiptoken={start + self.page_size}" if rest else None
        return collection(self.found[start : start + self.page_size], link)

    def ask(self, slice_: Slice = SLICE, attempts: int = 3) -> tuple[list[dict[str, Any]], Finding]:
        *pages, finding = self.source.ask(Question(slice_, 1000, Effort(attempts)))
        assert isinstance(finding, Finding)
        return [json.loads(row.raw) for one in pages if isinstance(one, Page) for row in one.rows], finding

    @property
    def begun(self) -> list[dict[str, Any]]:
        return [json.loads(sent.body or b"{}") for sent in self.sent if sent.method == "POST"]


def test_a_query_is_looked_for_begun_followed_and_read_to_the_last_page() -> None:
    service = Service(stages=("running", "running", "succeeded"))
    assert service.ask() == (RECORDS, Finding(Kind.WHOLE))
    second = timedelta(seconds=1)
    assert service.begun == [
        {
            "displayName": NAME,
            "filterStartDateTime": iso(WINDOW.start - second),
            "filterEndDateTime": iso(WINDOW.end + second),
            "operationFilters": ["MailItemsAccessed"],
        }
    ]
    assert service.waits == [2, 4, 8]
    assert Counter(sent.method for sent in service.sent) == {"POST": 1, "GET": 2 + 3 + 3}


def test_everything_that_the_file_names_becomes_a_filter_of_graph() -> None:
    asked = PurviewAuditQuery(
        operations=("Send",),
        users=("adele@contoso.com",),
        record_types=("ExchangeItemAggregated", "DLPEndpoint", "CRM", "exchangeItem"),
        object_ids=("o",),
        ip_addresses=("192.0.2.1",),
        free_text="invoice",
    )
    assert filters_of(asked) == {
        "operationFilters": ["Send"],
        "userPrincipalNameFilters": ["adele@contoso.com"],
        "recordTypeFilters": ["exchangeItemAggregated", "dlpEndpoint", "crm", "exchangeItem"],
        "objectIdFilters": ["o"],
        "ipAddressFilters": ["192.0.2.1"],
        "keywordFilter": "invoice",
    }
    assert filters_of(PurviewAuditQuery(operations=())) == {}


def test_the_name_tells_the_slices_of_runs_apart_and_names_neither_case_nor_time() -> None:
    other = Slice("purview-audit-query", None, Axis.EVENT, Window(WINDOW.start, NOW))
    names = {NAME, name_of("20261122T050000Z", SLICE), name_of(RUN, other)}
    assert len(names) == 3
    assert not any("2026" in name for name in names)


@pytest.mark.parametrize("stage", ["running", "succeeded"])
def test_a_query_that_was_begun_before_a_break_is_taken_up_and_no_other_begun(stage: str) -> None:
    service = Service()
    service.add({"displayName": "Somebody else's"})
    service.add({"displayName": NAME}, stages=(stage, "succeeded"))
    assert service.ask() == (RECORDS, Finding(Kind.WHOLE))
    assert service.begun == []


def test_a_query_whose_beginning_lost_its_answer_is_found_and_not_begun_again() -> None:
    service = Service()

    def lost(sent: Sent) -> Any:
        answer = whole(sent)
        return TransportFailure("connection", "reset") if sent.method == "POST" else answer

    whole = service.line.transport._answer
    service.line.transport._answer = lost
    assert service.ask()[1].kind is Kind.FAILED
    assert service.ask() == (RECORDS, Finding(Kind.WHOLE))
    assert len(service.begun) == 1


def test_v1_that_knows_no_queries_is_left_for_beta() -> None:
    service = Service()
    service.missing = {"v1.0"}
    assert service.ask() == (RECORDS, Finding(Kind.WHOLE))
    assert {urlsplit(sent.address).path.split("/")[1] for sent in service.sent[-4:]} == {"beta"}


def test_where_no_version_knows_queries_it_is_a_refusal() -> None:
    service = Service()
    service.missing = {"v1.0", "beta"}
    rows, finding = service.ask()
    assert (rows, finding.kind, finding.forbidden) == ([], Kind.REFUSED, False)
    assert (finding.reason or "").startswith("not-found")


def test_a_list_that_is_not_there_keeps_nobody_from_asking() -> None:
    service = Service()
    missing = error(404, "ResourceNotFound")
    service.instead["GET", "queries"] = [missing, missing]
    assert service.ask() == (RECORDS, Finding(Kind.WHOLE))


def test_beta_that_refuses_its_list_is_no_matter_where_v1_has_one() -> None:
    service = Service()
    service.instead["GET", "queries"] = [collection(), error(403, "Forbidden")]
    assert service.ask() == (RECORDS, Finding(Kind.WHOLE))


def test_a_missing_permission_is_forbidden() -> None:
    service = Service()
    service.instead["GET", "queries"] = [error(403, "Forbidden", "Insufficient privileges")] * 2
    assert service.ask() == ([], Finding(Kind.REFUSED, "forbidden", forbidden=True))


@pytest.mark.parametrize("status", ["failed", "cancelled"])
def test_a_query_that_fails_is_made_once_more_and_then_a_refusal(status: str) -> None:
    service = Service(stages=(status,))
    assert service.ask() == ([], Finding(Kind.REFUSED, f"query-{status}"))
    assert len(service.begun) == 2
    assert service.ask() == ([], Finding(Kind.REFUSED, f"query-{status}"))
    assert len(service.begun) == 2


def test_a_query_that_failed_before_a_break_counts() -> None:
    service = Service()
    service.add({"displayName": NAME}, stages=("failed",))
    service.left["query-1"] = ["failed"]
    service.stages = ("failed",)
    assert service.ask()[1].kind is Kind.REFUSED
    assert len(service.begun) == 1


def test_nothing_is_what_two_queries_found() -> None:
    service = Service(found=[])
    assert service.ask() == ([], Finding(Kind.EMPTY))
    assert len(service.begun) == 2
    assert service.ask() == ([], Finding(Kind.EMPTY))
    assert len(service.begun) == 2


def test_what_only_the_second_query_finds_is_kept() -> None:
    service = Service()
    service.instead["GET", "records"] = [collection()]
    assert service.ask() == (RECORDS, Finding(Kind.WHOLE))
    assert len(service.begun) == 2


def test_a_query_at_its_ceiling_is_too_large_and_not_read() -> None:
    service = Service()
    service.told = {"isRecordCountLimitExceeded": True, "approximateReturnedRecordCount": 1_000_000}
    assert service.ask() == ([], Finding(Kind.TOO_LARGE, "over-ceiling"))


@pytest.mark.parametrize(("exceeded", "kind"), [(None, Kind.TOO_LARGE), (False, Kind.WHOLE), (True, Kind.TOO_LARGE)])
def test_a_query_that_does_not_say_so_is_at_its_ceiling_where_the_least_one_is(
    exceeded: bool | None, kind: Kind
) -> None:
    query = query_of({"id": "1", "isRecordCountLimitExceeded": exceeded}, "beta")
    assert judged(query, 1_000_000, Finding(Kind.WHOLE)).kind is kind
    assert judged(query, 999_999, Finding(Kind.WHOLE)).kind is (Kind.TOO_LARGE if exceeded else Kind.WHOLE)


def test_of_a_second_that_is_at_its_ceiling_all_that_there_is_is_kept() -> None:
    service = Service()
    service.told = {"isRecordCountLimitExceeded": "True"}
    shortest = Slice(SLICE.source, None, Axis.EVENT, Window(NOW - timedelta(seconds=1), NOW))
    assert service.ask(shortest) == (RECORDS, Finding(Kind.TOO_LARGE, "over-ceiling"))


@pytest.mark.parametrize(
    ("counted", "kind"),
    [(None, Kind.WHOLE), (0, Kind.WHOLE), (3, Kind.WHOLE), (20, Kind.WHOLE), (22, Kind.UNCOUNTED), (23, Kind.FAILED)],
)
def test_a_count_that_is_well_above_what_came_proves_a_loss(counted: int | None, kind: Kind) -> None:
    service = Service(found=[{"id": str(n)} for n in range(20)])
    service.page_size = 3
    service.told = {"approximateReturnedRecordCount": counted}
    rows, finding = service.ask()
    assert ({row["id"] for row in rows}, finding.kind) == ({str(n) for n in range(20)}, kind)


def test_less_than_was_counted_is_searched_for_again_and_holds_where_both_agree() -> None:
    service = Service(found=[{"id": str(n)} for n in range(20)])
    service.told = {"approximateReturnedRecordCount": 21}
    assert service.ask()[1] == Finding(Kind.UNCOUNTED, "count-unusable", 21)
    assert len(service.begun) == 2


@pytest.mark.parametrize(("counted", "kind"), [(None, Kind.UNCOUNTED), (5, Kind.WHOLE)])
def test_an_end_in_an_empty_page_needs_a_count_or_a_second_query(counted: int | None, kind: Kind) -> None:
    service = Service()
    service.told = {"approximateReturnedRecordCount": counted}
    pages = [collection(RECORDS, f"{GRAPH}/v1.0/security/auditLog/queries/query-1/records?$skiptoken=5"), collection()]
    service.instead["GET", "records"] = pages * 2
    assert service.ask()[1].kind is kind


@pytest.mark.parametrize(("counted", "kind"), [(None, Kind.TOO_LARGE), (0, Kind.TOO_LARGE), (4, Kind.WHOLE)])
def test_a_last_page_as_full_as_the_first_may_have_lost_its_link(counted: int | None, kind: Kind) -> None:
    service = Service(found=RECORDS[:4])
    service.told = {"approximateReturnedRecordCount": counted}
    assert service.ask()[1].kind is kind


def test_less_than_was_counted_that_two_queries_do_not_agree_on_proves_nothing() -> None:
    service = Service(found=[{"id": str(n)} for n in range(20)])
    service.told = {"approximateReturnedRecordCount": 22}
    service.instead["GET", "records"] = [collection([{"id": str(n)} for n in range(1, 21)])]
    assert service.ask()[1] == Finding(Kind.FAILED, "answers-differ", 22)


def test_records_that_come_twice_count_once() -> None:
    service = Service(found=[{"id": str(n % 5)} for n in range(10)])
    service.told = {"approximateReturnedRecordCount": 10}
    assert service.ask()[1].kind is Kind.FAILED


def test_nothing_where_something_was_counted_is_no_emptiness() -> None:
    service = Service(found=[])
    service.told = {"approximateReturnedRecordCount": 7}
    assert service.ask() == ([], Finding(Kind.FAILED, "fewer-than-counted", 7))


@pytest.mark.parametrize("answer", [error(404, "x"), error(400, "InvalidSkipToken")])
def test_records_that_are_refused_may_come_the_next_time(answer: Received) -> None:
    service = Service()
    service.instead["GET", "records"] = [answer]
    assert service.ask()[1].kind is Kind.FAILED
    assert service.ask() == (RECORDS, Finding(Kind.WHOLE))
    assert len(service.begun) == 1


def test_a_failing_reading_is_given_up_after_all_its_attempts() -> None:
    service = Service(found=[])
    service.told = {"approximateReturnedRecordCount": 7}
    effort = Effort(6)
    for _ in range(3):
        before = effort.failures
        *_, finding = service.source.ask(Question(SLICE, 1000, effort))
        assert isinstance(finding, Finding)
        assert finding.kind is Kind.FAILED
        assert effort.failures == before  # and the run counts it
        effort.fail()


def test_a_query_that_is_not_there_yet_is_looked_at_again() -> None:
    service = Service()
    service.instead["GET", "query-1"] = [error(404, "itemNotFound")]
    assert service.ask() == (RECORDS, Finding(Kind.WHOLE))
    assert len(service.begun) == 1


def test_a_query_that_v1_lists_and_does_not_show_is_followed_in_beta() -> None:
    service = Service()
    service.add({"displayName": NAME}, stages=("running", "succeeded"))
    listed = collection([service.shown("query-1")])
    service.instead["GET", "queries"] = [listed, listed]
    service.missing = {"v1.0"}
    assert service.ask() == (RECORDS, Finding(Kind.WHOLE))
    assert service.begun == []


def test_a_query_that_stays_away_is_given_up() -> None:
    service = Service()
    service.instead["GET", "query-1"] = [error(404, "itemNotFound")] * 9
    assert service.ask()[1].kind is Kind.REFUSED
    assert len(service.waits) == 3


def test_a_state_that_nobody_knows_is_waited_out_as_long_as_a_query_is_followed() -> None:
    service = Service(stages=("unknownFutureValue",))
    rows, finding = service.ask()
    assert (rows, finding) == ([], Finding(Kind.REFUSED, "query-not-ready: unknownFutureValue after 48 hours"))
    assert service.line.clock.monotonic() >= LONGEST.total_seconds()
    assert len(service.begun) == 1


def test_outages_amid_the_hours_give_the_attempts_back() -> None:
    service = Service(stages=("running",) * 6 + ("succeeded",))
    service.instead["GET", "query-1"] = [received(503), received(503)]
    assert service.ask() == (RECORDS, Finding(Kind.WHOLE))


def test_an_interruption_leaves_at_once() -> None:
    service = Service(stages=("running",))
    service.line.clock.stop()
    with pytest.raises(Interrupted):
        service.ask()


def test_a_link_to_another_host_is_not_followed() -> None:
    service = Service()
    service.instead["GET", "records"] = [collection(RECORDS, "https://graph.example.net/x")]
    assert service.ask()[1] == Finding(Kind.FAILED, "foreign-host")
    assert all(sent.address.startswith(GRAPH) for sent in service.sent)


def test_the_log_keeps_what_was_said_of_a_query_whole() -> None:
    service = Service()
    service.ask()
    (begun,) = [entry for entry in service.line.log if entry["method"] == "POST"]
    assert json.loads(str(begun["body"]))["id"] == "query-1"


def test_the_probe_begins_nothing() -> None:
    service = Service()
    assert [*service.source.ask(service.source.probe(WINDOW))] == [Finding(Kind.WHOLE)]
    assert service.begun == []


def test_a_record_in_another_spelling_is_the_same() -> None:
    pretty = b'{ "auditData": { "b": 1, "a": 12345678901234567890123 }, "id": "1" }'
    assert key(pretty) == key(b'{"id":"1","auditData":{"a":12345678901234567890123,"b":1}}')
    assert key(pretty) != key(b'{"id":"1","auditData":{"a":12345678901234567890124,"b":1}}')


def test_records_are_told_apart_by_their_id_and_all_that_they_say() -> None:
    one, same = key(b'{"id":"1","auditData":{}}'), key(b'{"id":"1","auditData":{}}')
    other, nameless = key(b'{"id":"1","auditData":{"a":NaN}}'), key(b'{"auditData":{}}')
    assert one == same
    assert (other[0], other[1] == one[1]) == (one[0], False)
    assert nameless[0] == nameless[1]


DOUBT = Finding(Kind.TOO_LARGE, "full-page-at-the-end")


@pytest.mark.parametrize(("counted", "finding"), [(950, DOUBT), (1000, Finding(Kind.WHOLE, expected=1000)), (0, DOUBT)])
def test_a_count_that_is_below_what_came_takes_no_doubt_away(counted: int, finding: Finding) -> None:
    query = query_of({"id": "1", "approximateReturnedRecordCount": counted}, "v1.0")
    assert judged(query, 1000, DOUBT) == finding


def test_a_query_that_tells_its_ceiling_is_too_large_there() -> None:
    query = query_of({"id": "1", "recordCountLimit": 1000}, "v1.0")
    assert judged(query, 1000, Finding(Kind.WHOLE)) == Finding(Kind.TOO_LARGE, "over-ceiling")
    assert judged(query, 999, Finding(Kind.WHOLE)) == Finding(Kind.WHOLE)


@pytest.mark.parametrize(
    "other",
    [
        {"filterEndDateTime": iso(WINDOW.start)},
        {"operationFilters": ["FileAccessed"]},
        {"userPrincipalNameFilters": ["adele@contoso.example.org"]},
        {"keywordFilter": "x"},
    ],
)
def test_a_query_of_our_name_that_asks_something_else_is_not_ours(other: dict[str, Any]) -> None:
    service = Service()
    service.ask()
    (own,) = service.begun
    planted = Service()
    planted.add({**own, **other}, ("succeeded",))
    assert planted.ask() == (RECORDS, Finding(Kind.WHOLE))
    assert len(planted.begun) == 1


def test_a_query_of_ours_is_known_in_another_spelling_and_where_it_does_not_tell_what_it_asks() -> None:
    service = Service()
    service.ask()
    (own,) = service.begun
    spelt = {**own, "filterEndDateTime": own["filterEndDateTime"].replace("Z", ".0000000Z"), "keywordFilter": ""}
    for told in (spelt, {**spelt, "operationFilters": ["mailitemsaccessed"]}, {"displayName": NAME}):
        again = Service()
        again.add(told, ("succeeded",))
        assert again.ask() == (RECORDS, Finding(Kind.WHOLE))
        assert again.begun == []
