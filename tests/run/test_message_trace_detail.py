"""Message details against the simulated tenant: whole, with a gap, forbidden, cut off, within the quota."""

from collections import Counter
from datetime import timedelta

import pytest

from collector.errors import ExitCode, TemporaryError, UsageError
from collector.evidence import read, verify
from collector.model import Sought, Status, Traced, utc
from collector.simulator import Access, Fault, Faults, Kind, Quotas, cmdlet, every
from tests.run.tenants import QUICK, STORY, collect, engagement_file, rows, tenant

DETAIL = "Get-MessageTraceDetailV2"
TRACED = tuple(Traced(row.message_trace_id, row.recipient, utc(row.received)) for row in STORY.traces[:12])
SOUGHT = Sought((STORY.traces[0].message_id,), TRACED)
PARTS = [f"{one.message_trace_id} {one.recipient}" for one in TRACED]
WIDE = Quotas(trace_requests=100_000)
FAST = {"default": QUICK, "message-trace": {"rate": "100000/1s"}}
CASE = {"sources": {"message-trace-detail": {}}, "attacker": {"ips": ["203.0.113.0/24"]}, "limits": FAST}


def gaps(result):
    return {one.part: one.reason for one in result.coverage.slices if one.status is Status.GAP}


def asked(served):
    """Count what was asked of which row."""
    names = ("MessageTraceId", "RecipientAddress")
    return Counter(tuple(seen.parameters[name] for name in names) for seen in served.requests if seen.cmdlet == DETAIL)


def test_the_events_of_each_row_are_collected_whole_and_asked_once(tmp_path):
    with tenant() as served:
        result = collect(engagement_file(served, tmp_path, **CASE), sought=SOUGHT)
        assert set(asked(served).values()) == {1}
    assert (result.exit_code, gaps(result)) == (ExitCode.COMPLETE, {})
    assert verify(result.path).problems == ()
    assert [one.part for one in result.coverage.slices] == PARTS
    for part in PARTS:
        assert next(row["Event"] for row in rows(result.path, part)) == "Receive"


def test_what_tells_most_is_asked_first(tmp_path):
    one_by_one = {**FAST, "default": {**QUICK, "concurrency": 1}}
    with tenant() as served:
        collect(engagement_file(served, tmp_path, **CASE | {"limits": one_by_one}), sought=SOUGHT)
        assert [f"{trace} {recipient}" for trace, recipient in asked(served)] == PARTS


def test_a_message_that_is_too_old_is_a_gap_in_the_services_words_and_no_other_is(tmp_path):
    old = Traced("old", "a@contoso.example.org", TRACED[0].received - timedelta(days=100))
    with tenant() as served:
        result = collect(engagement_file(served, tmp_path, **CASE), sought=Sought(traced=(*TRACED[:2], old)))
    assert result.exit_code is ExitCode.GAPS
    assert list(gaps(result)) == ["old a@contoso.example.org"]
    assert "90 days" in gaps(result)["old a@contoso.example.org"]


def test_a_message_that_was_traced_and_of_which_nothing_is_told_is_a_gap_after_two_answers(tmp_path):
    unknown = Traced("unknown", "a@contoso.example.org", TRACED[0].received)
    with tenant() as served:
        result = collect(engagement_file(served, tmp_path, **CASE), sought=Sought(traced=(unknown,)))
        assert asked(served) == {("unknown", "a@contoso.example.org"): 2}
    assert [(one.status, one.reason) for one in result.coverage.slices] == [
        (Status.GAP, "nothing-where-something-must-be")
    ]


def test_a_role_that_is_missing_is_a_gap_of_all_and_exit_4(tmp_path):
    with tenant(access=Access(forbidden=frozenset({DETAIL}))) as served:
        result = collect(engagement_file(served, tmp_path, **CASE), sought=SOUGHT)
    assert result.exit_code is ExitCode.ACCESS
    assert gaps(result) == dict.fromkeys(PARTS, "forbidden")


def test_details_that_were_cut_off_are_taken_up_with_their_list_and_nothing_committed_is_asked_again(tmp_path):
    dead = Fault(Kind.STATUS, every(cmdlet(DETAIL), lambda call: call.n > 6), times=None, status=503)
    with tenant(faults=Faults((dead,)), quotas=WIDE) as served, pytest.raises(TemporaryError):
        collect(engagement_file(served, tmp_path, **CASE), sought=SOUGHT)
    (cut_off,) = (tmp_path / "evidence").glob("*/2*")
    committed = {commit.part for commit in read(cut_off).commits}
    with tenant() as served:
        result = collect(engagement_file(served, tmp_path, **CASE), sought=Sought())
        again = {" ".join(key) for key in asked(served)}
    assert (result.exit_code, gaps(result)) == (ExitCode.COMPLETE, {})
    assert [one.part for one in result.coverage.slices] == PARTS
    assert committed
    assert again == set(PARTS) - committed


def test_an_open_run_is_not_taken_up_once_the_attacker_is_thought_to_be_another(tmp_path):
    down = Faults((Fault(Kind.STATUS, cmdlet(DETAIL), times=None, status=503),))
    with tenant(faults=down, quotas=WIDE) as served, pytest.raises(TemporaryError):
        collect(engagement_file(served, tmp_path, **CASE), sought=SOUGHT)
    with tenant() as served, pytest.raises(UsageError, match="attacker"):
        collect(engagement_file(served, tmp_path, **CASE | {"attacker": {"apps": ["other"]}}), sought=SOUGHT)


def test_traces_and_details_together_never_pass_the_quota_that_they_share(tmp_path):
    quotas = Quotas(trace_requests=8, trace_period=timedelta(milliseconds=80))
    limits = {"default": QUICK, "message-trace": {"rate": "8/100ms"}}
    sources = {"message-trace": {"for": "accessed"}, "message-trace-detail": {}}
    with tenant(quotas=quotas) as served:
        result = collect(
            engagement_file(served, tmp_path, **CASE | {"sources": sources, "limits": limits}), sought=SOUGHT
        )
        assert {seen.status for seen in served.requests if seen.cmdlet} == {200}
        assert {seen.cmdlet for seen in served.requests if seen.cmdlet} == {DETAIL, "Get-MessageTraceV2"}
    assert result.exit_code is ExitCode.COMPLETE


def test_the_gaps_of_a_run_are_asked_for_again_and_nothing_else(tmp_path):
    lost = Fault(Kind.STATUS, every(cmdlet(DETAIL), lambda call: call.n <= 1), times=None, status=400)
    one_by_one = {**FAST, "default": {**QUICK, "concurrency": 1}}
    case = {**CASE, "limits": one_by_one}
    with tenant(faults=Faults((lost,))) as served:
        first = collect(engagement_file(served, tmp_path, **case), sought=SOUGHT)
    assert list(gaps(first)) == PARTS[:1]
    with tenant() as served:
        again = collect(engagement_file(served, tmp_path, **case), gaps_of=first.path)
        assert {" ".join(key) for key in asked(served)} == {PARTS[0]}
    assert (again.exit_code, [one.part for one in again.coverage.slices]) == (ExitCode.COMPLETE, PARTS[:1])
