"""Both roads over Graph against the simulated tenant: whole, with a gap, refused, cut off and taken up again."""

import json
from collections import Counter
from datetime import timedelta

import pytest

from collector.config import load
from collector.errors import ExitCode, Interrupted
from collector.evidence import verify
from collector.model import Status, Window, utc
from collector.run.engage import run
from collector.simulator import (
    Access,
    Behaviour,
    Fault,
    Faults,
    GraphBehaviour,
    GraphCall,
    Kind,
    QueryEnd,
    Quotas,
    during,
    every,
    graph,
    graph_page,
)
from collector.simulator.cast import MEGAN
from tests.run.tenants import (
    END,
    QUICK,
    START,
    STORY,
    Quiet,
    collect,
    engagement_file,
    real_seams,
    rows,
    tenant,
    wanted,
)

QUERY = {"sources": {"purview-audit-query": {"operations": ["MailItemsAccessed"]}}}
TRACE = {"sources": {"graph-message-trace": {}}}
ROLES = ("Exchange.ManageAsApp", "ActivityFeed.Read")


def how(**graph_behaviour):
    return Behaviour(graph=GraphBehaviour(**graph_behaviour))


def faults(kind, when, times=1, **more):
    return Faults((Fault(kind, when, times, **more),))


def begun(served):
    return [seen for seen in served.requests if seen.method == "POST" and seen.path.endswith("/auditLog/queries")]


def found(*runs):
    """The ids of the records of some runs, as often as they stand there."""
    return sorted(record["id"] for path in runs for record in rows(path, None))


def all_traces(*mailboxes):
    return sorted(
        (row.message_trace_id, row.recipient, utc(row.received))
        for row in STORY.traces
        if not mailboxes or {row.sender, row.recipient} & set(mailboxes)
    )


def traced(path, *, parts=(None,)):
    held = [row for part in parts for row in rows(path, part)]
    return sorted((row["id"], row["recipientAddress"], utc(row["receivedDateTime"])) for row in held)


class Stopping(Quiet):
    """Stops a run when it has waited for something of that name so often."""

    def __init__(self, clock, word, times):
        self.clock, self.word, self.left = clock, word, times

    def waiting(self, why, seconds):
        self.left -= self.word in why
        if self.left == 0:
            self.clock.stop()


def cut_off(file, word, times=1):
    """Run an engagement until it has waited so often for something of that name."""
    seams = real_seams()
    with pytest.raises(Interrupted):
        run(load(file, now=seams.clock.now()), seams._replace(observer=Stopping(seams.clock, word, times)))


def test_an_audit_query_brings_every_record_as_it_came(tmp_path):
    with tenant() as served:
        result = collect(engagement_file(served, tmp_path, **QUERY))
        (query,) = begun(served)
    assert result.exit_code is ExitCode.COMPLETE
    assert found(result.path) == wanted()
    (one,) = result.coverage.slices
    assert (one.start, one.end, one.status, one.records, one.expected) == (START, END, Status.COMPLETE, 370, 370)
    assert all(isinstance(record["auditData"]["RecordType@odata.type"], str) for record in rows(result.path, None))
    assert verify(result.path).problems == ()
    assert "contoso" not in json.dumps(dict(query.parameters)).lower()


def test_what_narrows_a_query_narrows_what_it_finds(tmp_path):
    asked = {"operations": [], "users": [MEGAN.upn], "record_types": ["ExchangeItemAggregated"]}
    with tenant() as served:
        result = collect(engagement_file(served, tmp_path, sources={"purview-audit-query": asked}))
    held = rows(result.path, None)
    assert {(row["userPrincipalName"], row["auditData"]["RecordType"]) for row in held} == {(MEGAN.upn, 50)}


def test_where_nothing_is_found_two_queries_found_it(tmp_path):
    nothing = {"sources": {"purview-audit-query": {"operations": ["HardDelete-Nothing"]}}}
    with tenant() as served:
        result = collect(engagement_file(served, tmp_path, **nothing))
        assert len(begun(served)) == 2
    assert [one.status for one in result.coverage.slices] == [Status.EMPTY]
    assert result.exit_code is ExitCode.COMPLETE


@pytest.mark.parametrize("ends", [QueryEnd.FAILED, QueryEnd.CANCELLED])
def test_a_query_that_fails_twice_is_a_gap_and_one_that_fails_once_is_none(tmp_path, ends):
    with tenant(behaviour=how(ends=(ends,))) as served:
        result = collect(engagement_file(served, tmp_path, **QUERY))
        assert len(begun(served)) == 2
    assert result.exit_code is ExitCode.GAPS
    assert [one.reason for one in result.coverage.slices] == [f"query-{ends}"]
    with tenant(behaviour=how(ends=(ends, QueryEnd.SUCCEEDED))) as served:
        result = collect(engagement_file(served, tmp_path, **QUERY), new=True)
    assert result.exit_code is ExitCode.COMPLETE
    assert found(result.path) == wanted()


def test_a_query_at_its_ceiling_is_made_again_in_halves(tmp_path):
    with tenant(quotas=Quotas(query_records=150)) as served:
        result = collect(engagement_file(served, tmp_path, **QUERY))
        assert len(begun(served)) == 2 * len(result.coverage.slices) - 1
    assert len(result.coverage.slices) > 2
    assert {one.status for one in result.coverage.slices} == {Status.COMPLETE}
    assert found(result.path) == wanted()


def test_a_tenant_that_has_queries_in_beta_only_is_asked_there(tmp_path):
    with tenant(behaviour=how(v1_queries=False)) as served:
        result = collect(engagement_file(served, tmp_path, **QUERY))
    assert found(result.path) == wanted()
    assert result.exit_code is ExitCode.COMPLETE


@pytest.mark.parametrize(
    ("asked", "kept"), [(QUERY, "ExchangeMessageTrace.Read.All"), (TRACE, "AuditLogsQuery.Read.All")]
)
def test_a_missing_permission_is_a_gap_and_exit_4(tmp_path, asked, kept):
    with tenant(access=Access(roles=(*ROLES, kept))) as served:
        result = collect(engagement_file(served, tmp_path, **asked))
        assert [seen for seen in begun(served) if seen.status < 400] == []
    assert result.exit_code is ExitCode.ACCESS
    assert {one.reason for one in result.coverage.slices} == {"forbidden"}


@pytest.mark.parametrize("stage", ["notStarted", "running"])
def test_a_run_that_was_cut_off_while_its_query_was_at_work_begins_no_other(tmp_path, stage):
    with tenant(behaviour=how(polls=3)) as served:
        file = engagement_file(served, tmp_path, **QUERY)
        cut_off(file, stage)
        result = collect(file)
        assert len(begun(served)) == 1
    assert result.exit_code is ExitCode.COMPLETE
    assert found(result.path) == wanted()
    assert len(list(result.path.parent.glob("2*"))) == 1


def test_a_run_that_was_cut_off_amid_the_pages_loses_and_doubles_nothing(tmp_path):
    broken = faults(Kind.STATUS, every(graph(GraphCall.RECORDS), graph_page(3)))
    with tenant(behaviour=how(page_rows=50), faults=broken) as served:
        file = engagement_file(served, tmp_path, **QUERY)
        cut_off(file, "server-error")
        result = collect(file)
        assert len(begun(served)) == 1
    assert result.exit_code is ExitCode.COMPLETE
    assert found(result.path) == wanted()


def test_a_beginning_whose_answer_was_lost_is_found_again(tmp_path):
    with tenant(faults=faults(Kind.RESET, graph(GraphCall.SUBMIT))) as served:
        result = collect(engagement_file(served, tmp_path, **QUERY))
        assert len(begun(served)) == 1
    assert found(result.path) == wanted()


@pytest.mark.parametrize("kind", [Kind.HOLE, Kind.SHORT_SESSION, Kind.CUT, Kind.LINK_LOOP])
def test_pages_that_come_wrong_once_are_read_again(tmp_path, kind):
    wrong = faults(kind, every(graph(GraphCall.RECORDS), graph_page(2)))
    with tenant(behaviour=how(page_rows=50), faults=wrong) as served:
        result = collect(engagement_file(served, tmp_path, **QUERY))
    assert result.exit_code is ExitCode.COMPLETE
    assert found(result.path) == wanted()


@pytest.mark.parametrize("kind", [Kind.SHORT_SESSION, Kind.FOREIGN_LINK])
def test_pages_that_stay_wrong_are_a_gap_with_what_did_come(tmp_path, kind):
    wrong = faults(kind, every(graph(GraphCall.RECORDS), graph_page(2)), times=None)
    with tenant(behaviour=how(page_rows=50), faults=wrong) as served:
        result = collect(engagement_file(served, tmp_path, **QUERY))
    (one,) = result.coverage.slices
    assert (result.exit_code, one.status) == (ExitCode.GAPS, Status.GAP)
    assert one.records >= 50
    assert Counter(found(result.path)) <= Counter(wanted())


def test_gaps_are_asked_for_again_under_other_names(tmp_path):
    with tenant(behaviour=how(ends=(QueryEnd.FAILED, QueryEnd.FAILED, QueryEnd.SUCCEEDED))) as served:
        file = engagement_file(served, tmp_path, **QUERY)
        first = collect(file)
        second = collect(file, gaps_of=first.path)
        assert len({seen.parameters["displayName"] for seen in begun(served)}) == 2
    assert found(second.path) == wanted()


def test_graphs_trace_brings_every_row_as_it_came(tmp_path):
    with tenant() as served:
        result = collect(engagement_file(served, tmp_path, **TRACE))
    assert result.exit_code is ExitCode.COMPLETE
    assert traced(result.path) == all_traces()
    assert verify(result.path).problems == ()


def test_graphs_trace_of_mailboxes_is_what_they_sent_and_received(tmp_path):
    asked = {"sources": {"graph-message-trace": {"for": "mailboxes"}}, "mailboxes": [MEGAN.upn]}
    with tenant() as served:
        result = collect(engagement_file(served, tmp_path, **asked))
    assert result.exit_code is ExitCode.COMPLETE
    parts = (f"sender:{MEGAN.upn}", f"recipient:{MEGAN.upn}")
    assert sorted(set(traced(result.path, parts=parts))) == all_traces(MEGAN.upn)


def test_graphs_trace_in_small_pages_is_whole(tmp_path):
    with tenant(quotas=Quotas(page_rows=7)) as served:
        result = collect(engagement_file(served, tmp_path, **TRACE))
    assert result.exit_code is ExitCode.COMPLETE
    assert traced(result.path) == all_traces()


def test_a_stretch_that_graph_never_answers_is_a_gap_and_the_rest_is_there(tmp_path):
    silent = Window(START + timedelta(days=1), START + timedelta(days=1, minutes=1))
    broken = faults(Kind.STATUS, every(graph(GraphCall.TRACES), during(silent)), times=None)
    unhurried = {"default": {**QUICK, "attempts": 2}, "graph-message-trace": {"rate": "100000/1m"}}
    with tenant(faults=broken, quotas=Quotas(graph_trace_requests=100_000)) as served:
        result = collect(engagement_file(served, tmp_path, **TRACE, limits=unhurried))
    gaps = [one for one in result.coverage.slices if one.status is Status.GAP]
    assert result.exit_code is ExitCode.GAPS
    assert gaps
    assert all(one.end - one.start < timedelta(hours=1) for one in gaps)
    lacking = {row[2] for row in all_traces()} - {row[2] for row in traced(result.path)}
    assert all(any(one.start <= at < one.end for one in gaps) for at in lacking)


def test_without_the_service_principal_the_gap_says_what_to_make_and_the_other_sources_are_collected(tmp_path):
    asked = {"sources": {**TRACE["sources"], **QUERY["sources"]}}
    with tenant(behaviour=how(trace_principal=False)) as served:
        result = collect(engagement_file(served, tmp_path, **asked))
    assert result.exit_code is ExitCode.ACCESS
    reasons = {one.reason for one in result.coverage.slices if one.source == "graph-message-trace"}
    assert len(reasons) == 1
    assert "az ad sp create --id 8bd644d1-64a1-4d4b-ae52-2e0cbf64e373" in reasons.pop()
    kept = [one for one in result.coverage.slices if one.source == "purview-audit-query"]
    assert [one.status for one in kept] == [Status.COMPLETE]


def test_a_trace_that_was_cut_off_amid_its_pages_loses_and_doubles_nothing(tmp_path):
    broken = faults(Kind.STATUS, every(graph(GraphCall.TRACES), graph_page(2)))
    with tenant(quotas=Quotas(page_rows=20), faults=broken) as served:
        file = engagement_file(served, tmp_path, **TRACE)
        cut_off(file, "server-error")
        result = collect(file)
    assert result.exit_code is ExitCode.COMPLETE
    assert traced(result.path) == all_traces()
