"""Settings and single cmdlets against the simulated tenant: whole, with a gap, refused, cut off and taken up."""

import pytest

from collector.errors import ExitCode, TemporaryError, UsageError
from collector.evidence import verify
from collector.model import Status
from collector.simulator import Access, Behaviour, Fault, Faults, Kind, any_cmdlet, cmdlet, every
from collector.simulator.behaviour import ListPaging
from collector.simulator.cast import MEGAN
from collector.simulator.roles import SECURITY_READER
from tests.run.tenants import ask_cmdlet, collect, engagement_file, rows, tenant

SETTINGS = {"sources": {"tenant-settings": {}}, "mailboxes": [MEGAN.upn]}


def gaps(result):
    return {one.part: one.reason for one in result.coverage.slices if one.status is Status.GAP}


def test_the_settings_of_a_tenant_and_of_a_mailbox_are_collected_whole(tmp_path):
    with tenant() as served:
        result = collect(engagement_file(served, tmp_path, **SETTINGS))
        sent = {seen.cmdlet for seen in served.requests if seen.cmdlet}
    assert (result.exit_code, gaps(result)) == (ExitCode.COMPLETE, {})
    assert verify(result.path).problems == ()
    assert all(name.startswith("Get-") for name in sent)
    assert rows(result.path, "Get-AdminAuditLogConfig")[0]["UnifiedAuditLogIngestionEnabled"] is True
    (own,) = rows(result.path, f"Get-Mailbox {MEGAN.upn}")
    assert "MailItemsAccessed" in own["AuditOwner"]
    assert own in rows(result.path, "Get-Mailbox")
    assert rows(result.path, "Get-Mailbox inactive")
    assert rows(result.path, "Get-Mailbox soft-deleted")
    assert any(rule["Name"] == ".." for rule in rows(result.path, f"Get-InboxRule {MEGAN.upn}"))
    folders = {right["FolderName"] for right in rows(result.path, f"Get-MailboxFolderPermission {MEGAN.upn}")}
    assert {"Inbox", "Calendar"} <= folders
    assert len(rows(result.path, "Get-MailboxAuditBypassAssociation")) > 200


def test_a_listing_that_comes_in_pages_is_whole_and_doubles_nothing(tmp_path):
    behaviour = Behaviour(list_paging=ListPaging.AFFINE, server_page=5)
    with tenant(behaviour=behaviour) as served:
        result = collect(engagement_file(served, tmp_path, **SETTINGS))
    assert (result.exit_code, gaps(result)) == (ExitCode.COMPLETE, {})
    guids = [row["Guid"] for row in rows(result.path, "Get-MailboxAuditBypassAssociation")]
    assert len(guids) == len(set(guids)) > 200


def test_a_listing_whose_next_page_is_refused_is_a_gap_and_the_mailbox_of_interest_is_known_all_the_same(tmp_path):
    behaviour = Behaviour(list_paging=ListPaging.REFUSED, server_page=5)
    with tenant(behaviour=behaviour) as served:
        result = collect(engagement_file(served, tmp_path, **SETTINGS))
    assert result.exit_code is ExitCode.GAPS
    missing = gaps(result)
    assert missing["Get-Mailbox"] == "paging-refused"
    assert len(rows(result.path, "Get-Mailbox")) == 5
    assert f"Get-Mailbox {MEGAN.upn}" not in missing
    assert rows(result.path, f"Get-Mailbox {MEGAN.upn}")


def test_a_role_that_is_missing_is_a_gap_of_what_needs_it_and_of_nothing_else(tmp_path):
    with tenant(access=Access(wids=(SECURITY_READER,))) as served:
        result = collect(engagement_file(served, tmp_path, **SETTINGS))
    assert result.exit_code is ExitCode.ACCESS
    missing = gaps(result)
    assert missing["Get-OrganizationConfig"] == "forbidden"
    assert "Get-AdminAuditLogConfig" not in missing


def test_a_mailbox_that_does_not_exist_is_a_gap_that_says_so(tmp_path):
    with tenant() as served:
        file = engagement_file(served, tmp_path, sources=SETTINGS["sources"], mailboxes=["nobody@contoso.example.org"])
        result = collect(file)
    assert result.exit_code is ExitCode.GAPS
    assert gaps(result)["Get-Mailbox nobody@contoso.example.org"].startswith("not-found")


def test_settings_that_were_cut_off_are_taken_up_and_what_was_committed_is_not_asked_again(tmp_path):
    dead = Fault(Kind.STATUS, every(any_cmdlet, lambda asked: asked.n > 8), times=None, status=503)
    with tenant(faults=Faults((dead,))) as served, pytest.raises(TemporaryError):
        collect(engagement_file(served, tmp_path, **SETTINGS))
    with tenant() as served:
        result = collect(engagement_file(served, tmp_path, **SETTINGS))
        again = [seen.cmdlet for seen in served.requests if seen.cmdlet]
    assert (result.exit_code, gaps(result)) == (ExitCode.COMPLETE, {})
    assert len(list(result.path.parent.glob("2*"))) == 1
    assert "Get-AdminAuditLogConfig" not in again
    assert len(rows(result.path, "Get-AdminAuditLogConfig")) == 1


def test_one_cmdlet_is_a_run_of_its_own_with_what_was_asked_in_its_plan(tmp_path):
    with tenant() as served:
        result = ask_cmdlet(engagement_file(served, tmp_path), "Get-InboxRule", Mailbox=MEGAN.upn, IncludeHidden=True)
    assert result.exit_code is ExitCode.COMPLETE
    assert any(rule["Name"] == ".." for rule in rows(result.path, f"Get-InboxRule {MEGAN.upn}"))
    assert b"IncludeHidden" in (result.path / "custody/plan.json").read_bytes()
    assert verify(result.path).problems == ()


def test_a_cmdlet_that_does_more_than_read_is_refused_before_anything_is_sent(tmp_path):
    with tenant() as served:
        file = engagement_file(served, tmp_path)
        for name in ("Set-Mailbox", "Search-Mailbox", "get-mailbox; Remove-Mailbox", "Get-Mailbox "):
            with pytest.raises(UsageError, match="only reads"):
                ask_cmdlet(file, name)
        assert not [seen for seen in served.requests if seen.cmdlet]
    assert not (tmp_path / "evidence").exists() or not list((tmp_path / "evidence").glob("*/2*"))


def test_a_cmdlet_that_is_not_there_or_not_allowed_is_a_gap_and_exit_4(tmp_path):
    with tenant() as served:
        result = ask_cmdlet(engagement_file(served, tmp_path), "Get-Nonsense")
    assert (result.exit_code, gaps(result)) == (ExitCode.ACCESS, {"Get-Nonsense": "forbidden"})


def test_a_wrong_parameter_is_a_gap_in_the_services_words(tmp_path):
    with tenant() as served:
        result = ask_cmdlet(engagement_file(served, tmp_path), "Get-Mailbox", Nonsense=1)
    assert result.exit_code is ExitCode.GAPS
    assert "Nonsense" in gaps(result)["Get-Mailbox"]


def test_a_cmdlet_run_that_was_cut_off_is_taken_up_by_the_same_call_and_left_alone_by_others(tmp_path):
    down = Faults((Fault(Kind.STATUS, cmdlet("Get-User"), times=None, status=503),))
    with tenant(faults=down) as served, pytest.raises(TemporaryError):
        ask_cmdlet(engagement_file(served, tmp_path), "Get-User", Identity=MEGAN.upn)
    with tenant() as served:
        file = engagement_file(served, tmp_path)
        other = ask_cmdlet(file, "Get-User", Identity=MEGAN.upn, ResultSize=10)
        whole = collect(file)
        same = ask_cmdlet(file, "Get-User", Identity=MEGAN.upn)
    assert {one.exit_code for one in (other, whole, same)} == {ExitCode.COMPLETE}
    names = [path.name for path in (same.path, other.path, whole.path)]
    assert sorted(names) == names
    assert len(set(names)) == 3
