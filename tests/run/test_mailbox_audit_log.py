"""The old store of mailbox audit entries: whole, with a gap, refused, gone, cut off and taken up again."""

import json
from datetime import timedelta

import pytest

from collector.errors import ExitCode, TemporaryError
from collector.evidence import verify
from collector.model import Status, Window, iso
from collector.simulator import Access, Behaviour, Fault, Faults, Kind, ListPaging, OldStore, cmdlet, during, every
from collector.simulator.cast import MEGAN, PRIYA
from collector.simulator.roles import SECURITY_READER
from tests.run.tenants import END, START, STORY, collect, engagement_file, rows, tenant

SEARCH = "Search-MailboxAuditLog"
OLD = {"sources": {"mailbox-audit-log": {}}, "mailboxes": [MEGAN.upn, PRIYA.upn]}


def gaps(result):
    return {(one.part, one.reason) for one in result.coverage.slices if one.status is Status.GAP}


def entries(path, mailbox=MEGAN):
    """Return the times and operations of the entries that a run holds of a mailbox."""
    held = rows(path, mailbox.upn)
    assert len({row["Identity"] for row in held}) == len(held)
    return sorted((row["LastAccessed"][:19], row["Operation"]) for row in held)


def accesses(mailbox=MEGAN):
    """Return the times and operations of what happened in a mailbox."""
    records = [json.loads(row.raw_auditdata) for row in STORY.audit_rows]
    own = (one for one in records if one.get("MailboxGuid") == mailbox.mailbox_guid)
    return sorted((one["CreationTime"][:19], one["Operation"]) for one in own if one["RecordType"] in (2, 3, 19, 50))


@pytest.mark.parametrize("paging", [ListPaging.WHOLE, ListPaging.AFFINE])
def test_each_entry_of_a_mailbox_of_interest_is_collected_once(tmp_path, paging):
    with tenant(behaviour=Behaviour(list_paging=paging, server_page=7)) as served:
        result = collect(engagement_file(served, tmp_path, **OLD))
        sent = {seen.cmdlet for seen in served.requests if seen.cmdlet}
    assert (result.exit_code, gaps(result)) == (ExitCode.COMPLETE, set())
    assert verify(result.path).problems == ()
    assert sent == {SEARCH}
    for mailbox in (MEGAN, PRIYA):
        assert entries(result.path, mailbox) == accesses(mailbox)
    assert {one.part for one in result.coverage.slices} == {MEGAN.upn, PRIYA.upn}
    assert b'"ShowDetails": true' in (result.path / "custody/plan.json").read_bytes()


def test_pages_whose_next_link_is_refused_are_narrowed_until_they_need_none(tmp_path):
    behaviour = Behaviour(list_paging=ListPaging.REFUSED, server_page=20)
    with tenant(behaviour=behaviour) as served:
        result = collect(engagement_file(served, tmp_path, **OLD))
    assert (result.exit_code, gaps(result)) == (ExitCode.COMPLETE, set())
    assert entries(result.path) == accesses()


def test_a_search_that_fails_in_an_hour_is_a_gap_there_and_nowhere_else(tmp_path):
    hour = Window(START + timedelta(hours=30), START + timedelta(hours=31))
    cancelled = Fault(Kind.CANCELLED, every(cmdlet(SEARCH), during(hour)), times=None)
    with tenant(faults=Faults((cancelled,))) as served:
        result = collect(engagement_file(served, tmp_path, **{**OLD, "mailboxes": [MEGAN.upn]}))
    assert result.exit_code is ExitCode.GAPS
    assert gaps(result) == {(MEGAN.upn, "cancelled-task")}
    missing = [one for one in result.coverage.slices if one.status is Status.GAP]
    first, last = min(one.start for one in missing), max(one.end for one in missing)
    assert first <= hour.start
    assert hour.end <= last
    outside = [one for one in accesses() if not iso(first)[:19] <= one[0] < iso(last)[:19]]
    assert set(outside) <= set(entries(result.path))
    assert last - first < timedelta(hours=2)


def test_a_mailbox_that_is_not_there_is_a_gap_that_says_so_and_the_others_are_collected(tmp_path):
    stranger = "nobody@contoso.example.org"
    with tenant() as served:
        result = collect(engagement_file(served, tmp_path, **{**OLD, "mailboxes": [stranger, MEGAN.upn]}))
    assert result.exit_code is ExitCode.GAPS
    assert {part for part, _ in gaps(result)} == {stranger}
    assert all(reason.startswith("not-found: ") for _, reason in gaps(result))
    assert entries(result.path) == accesses()


def test_where_the_role_is_missing_it_is_forbidden_and_exit_4(tmp_path):
    with tenant(access=Access(wids=(SECURITY_READER,))) as served:
        result = collect(engagement_file(served, tmp_path, **OLD))
    assert result.exit_code is ExitCode.ACCESS
    assert {reason for _, reason in gaps(result)} == {"forbidden"}


def test_where_the_cmdlet_is_gone_the_gap_says_so_and_the_rest_is_collected(tmp_path):
    sources = {"mailbox-audit-log": {}, "unified-audit-log": {"operations": ["MailItemsAccessed"]}}
    with tenant(behaviour=Behaviour(old_store=OldStore.GONE)) as served:
        result = collect(engagement_file(served, tmp_path, **{**OLD, "sources": sources}))
        probes = [seen.cmdlet for seen in served.requests if seen.parameters.get("ResultSize") == 1]
    assert result.exit_code is ExitCode.GAPS
    assert {reason.partition(":")[0] for _, reason in gaps(result)} == {"cmdlet-gone"}
    assert all("retired in this tenant" in reason for _, reason in gaps(result))
    assert {part for part, _ in gaps(result)} == {MEGAN.upn, PRIYA.upn}
    assert probes == [SEARCH, "Search-UnifiedAuditLog"]


def test_a_refusal_in_passing_costs_nothing(tmp_path):
    with tenant(faults=Faults((Fault(Kind.FORBIDDEN, cmdlet(SEARCH), times=1),))) as served:
        result = collect(engagement_file(served, tmp_path, **OLD))
    assert (result.exit_code, gaps(result)) == (ExitCode.COMPLETE, set())
    assert entries(result.path) == accesses()


def test_a_store_that_holds_nothing_is_empty_and_before_its_age_limit_a_gap(tmp_path):
    old = {"start": iso(END - timedelta(days=130)), "end": iso(END - timedelta(days=60))}
    with tenant(behaviour=Behaviour(old_store=OldStore.EMPTY)) as served:
        result = collect(engagement_file(served, tmp_path, **OLD, window=old))
    assert result.exit_code is ExitCode.GAPS
    assert {reason for _, reason in gaps(result)} == {"beyond-retention"}
    kept = [one for one in result.coverage.slices if one.status is Status.EMPTY]
    assert kept
    assert all(one.end >= END - timedelta(days=90) for one in kept)


def test_a_run_that_was_cut_off_is_taken_up_and_no_entry_is_lost_or_doubled(tmp_path):
    later = Window(START + timedelta(days=2), END)
    down = Fault(Kind.STATUS, every(cmdlet(SEARCH), during(later)), times=None, status=503)
    halfway = Fault(Kind.STATUS, every(cmdlet(SEARCH), lambda asked: asked.n > 6), times=None, status=503)
    for fault in (halfway, down):
        with tenant(faults=Faults((fault,))) as served, pytest.raises(TemporaryError):
            collect(engagement_file(served, tmp_path, **OLD))
    with tenant() as served:
        result = collect(engagement_file(served, tmp_path, **OLD))
    assert (result.exit_code, gaps(result)) == (ExitCode.COMPLETE, set())
    assert len(list(result.path.parent.glob("2*"))) == 1
    for mailbox in (MEGAN, PRIYA):
        assert entries(result.path, mailbox) == accesses(mailbox)
    assert verify(result.path).problems == ()


@pytest.mark.parametrize("order", [(MEGAN, PRIYA), (PRIYA, MEGAN)])
def test_a_cmdlet_that_one_mailbox_answers_is_gone_for_none_whichever_is_asked_first(tmp_path, order):
    denied = Fault(
        Kind.FORBIDDEN, every(cmdlet(SEARCH), lambda asked: asked.parameters["Identity"] == MEGAN.upn), times=None
    )
    with tenant(faults=Faults((denied,))) as served:
        result = collect(engagement_file(served, tmp_path, **{**OLD, "mailboxes": [one.upn for one in order]}))
    assert gaps(result) == {(MEGAN.upn, "forbidden")}
    assert entries(result.path, PRIYA) == accesses(PRIYA)


def test_what_was_answered_before_a_run_was_cut_off_counts_when_it_is_taken_up(tmp_path):
    down = Fault(Kind.STATUS, every(cmdlet(SEARCH), lambda asked: asked.n > 6), times=None, status=503)
    with tenant(faults=Faults((down,))) as served, pytest.raises(TemporaryError):
        collect(engagement_file(served, tmp_path, **OLD))
    with tenant(behaviour=Behaviour(old_store=OldStore.GONE)) as served:
        result = collect(engagement_file(served, tmp_path, **OLD))
    assert {reason for _, reason in gaps(result)} == {"forbidden"}
    assert any(one.records for one in result.coverage.slices)
