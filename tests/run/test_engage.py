"""The life of a run against the simulated tenant: taken up, refused, asked again for its gaps."""

from datetime import timedelta

import pytest

from collector.errors import ExitCode, TemporaryError, UsageError
from collector.evidence import verify
from collector.model import Status, Window
from collector.simulator import Fault, Faults, Kind, any_cmdlet, cmdlet, during, every
from tests.run.tenants import END, START, STORY, collect, engagement_file, identities, tenant, traces, wanted

POISON = START + timedelta(days=1, hours=11, minutes=7)
AUDIT, TRACE = cmdlet("Search-UnifiedAuditLog"), cmdlet("Get-MessageTraceV2")


def failing(when, times=None, status=500):
    return Faults((Fault(Kind.STATUS, when, times=times, status=status),))


def test_a_tenant_is_collected_whole(tmp_path):
    with tenant() as served:
        result = collect(engagement_file(served, tmp_path))
        asked = {seen.cmdlet for seen in served.requests if seen.cmdlet}
    assert result.exit_code is ExitCode.COMPLETE
    assert result.coverage.complete
    assert identities(result.path) == wanted()
    assert len(traces(result.path)) == len(set(traces(result.path))) == len(STORY.traces)
    assert verify(result.path).problems == ()
    assert asked == {"Search-UnifiedAuditLog", "Get-MessageTraceV2"}


def test_the_gaps_of_a_run_are_asked_for_and_nothing_else(tmp_path):
    hour = Window(POISON, POISON + timedelta(hours=1))
    with tenant(faults=failing(every(AUDIT, during(hour)))) as served:
        first = collect(engagement_file(served, tmp_path))
    assert first.exit_code is ExitCode.GAPS
    gaps = [one for one in first.coverage.slices if one.status is Status.GAP]
    with tenant() as served:
        second = collect(engagement_file(served, tmp_path), gaps_of=first.path)
        questions = [seen.parameters for seen in served.requests if seen.cmdlet]
    assert second.exit_code is ExitCode.COMPLETE
    assert {(one.start, one.end) for one in second.coverage.slices} >= {(gaps[0].start, gaps[-1].end)}
    assert {q["StartDate"][:13] for q in questions} <= {f"{POISON:%Y-%m-%dT%H}", f"{hour.end:%Y-%m-%dT%H}"}
    assert sorted({*identities(first.path), *identities(second.path)}) == wanted()


def test_a_run_without_gaps_has_nothing_to_ask_for_again(tmp_path):
    with tenant() as served:
        file = engagement_file(served, tmp_path)
        whole = collect(file)
        with pytest.raises(UsageError, match="no gap"):
            collect(file, gaps_of=whole.path)


def test_what_an_outage_left_open_is_taken_up_and_ends_whole(tmp_path):
    with tenant(faults=failing(every(any_cmdlet, lambda asked: asked.n > 6))) as served, pytest.raises(TemporaryError):
        collect(engagement_file(served, tmp_path))
    with tenant() as served:
        result = collect(engagement_file(served, tmp_path))
    assert result.exit_code is ExitCode.COMPLETE
    assert identities(result.path) == wanted()
    assert len(list(result.path.parent.glob("2*"))) == 1


def test_an_open_run_is_not_taken_up_with_other_questions(tmp_path):
    with tenant(faults=failing(any_cmdlet)) as served, pytest.raises(TemporaryError):
        collect(engagement_file(served, tmp_path))
    with tenant() as served:
        window = {"start": f"{START:%Y-%m-%dT%H:%M:%SZ}", "end": f"{END - timedelta(days=1):%Y-%m-%dT%H:%M:%SZ}"}
        file = engagement_file(served, tmp_path, window=window)
        with pytest.raises(UsageError, match=r"window\.end"):
            collect(file)
        assert collect(file, new=True).exit_code is ExitCode.COMPLETE


def test_a_forbidden_cmdlet_is_a_gap_and_the_rest_is_collected(tmp_path):
    with tenant(faults=Faults((Fault(Kind.FORBIDDEN, TRACE, times=None),))) as served:
        result = collect(engagement_file(served, tmp_path))
    assert result.exit_code is ExitCode.ACCESS
    assert identities(result.path) == wanted()
    reasons = {(one.source, one.reason) for one in result.coverage.slices if one.status is Status.GAP}
    assert reasons == {("message-trace", "forbidden")}
    assert verify(result.path).problems == ()
