"""Reports of a historical search against the simulated tenant: followed, taken up, and their files brought."""

from datetime import timedelta

import pytest

from collector.config import load
from collector.errors import ExitCode, Interrupted
from collector.evidence import verify
from collector.model import Status
from collector.run.engage import run
from collector.run.importing import Seams as Room
from collector.run.importing import bring_in
from collector.simulator import Access, Behaviour, Quotas, ReportBehaviour
from collector.simulator.cast import MEGAN
from tests.run.tenants import END, START, collect, engagement_file, real_seams, rows, tenant

PARTS = (f"sender:{MEGAN.upn}", f"recipient:{MEGAN.upn}")


def asked(**more):
    return {"sources": {"historical-search": more}, "mailboxes": [MEGAN.upn]}


def starts(served):
    return [seen for seen in served.requests if seen.cmdlet == "Start-HistoricalSearch"]


def reports(**how):
    return Behaviour(reports=ReportBehaviour(**how))


def test_each_report_ends_as_a_gap_that_says_where_its_file_is(tmp_path):
    with tenant() as served:
        result = collect(engagement_file(served, tmp_path, **asked()))
        sent = {seen.cmdlet for seen in served.requests if seen.cmdlet}
        fetched = [seen for seen in served.requests if "ExtendedReport" in seen.path]
        assert len(starts(served)) == 2
    assert result.exit_code is ExitCode.GAPS
    assert sent == {"Start-HistoricalSearch", "Get-HistoricalSearch"}
    assert fetched == []
    for part in PARTS:
        (one,) = [slice_ for slice_ in result.coverage.slices if slice_.part == part]
        (row,) = rows(result.path, part)
        assert (one.status, one.start, one.end) == (Status.GAP, START, END)
        assert one.reason == f"file-in-browser: {row['FileUrl']}"
        assert one.expected == row["Rows"] > 0
    assert verify(result.path).problems == ()


def test_a_report_without_rows_is_empty(tmp_path):
    with tenant() as served:
        file = engagement_file(served, tmp_path, sources=asked()["sources"], mailboxes=["nobody@contoso.example.org"])
        result = collect(file)
        assert len(starts(served)) == 2
    assert result.exit_code is ExitCode.COMPLETE
    assert [one.status for one in result.coverage.slices] == [Status.EMPTY, Status.EMPTY]


def test_a_report_that_fails_is_a_gap_in_the_services_words_after_one_new_try(tmp_path):
    with tenant(behaviour=reports(fails=True, polls=0)) as served:
        result = collect(engagement_file(served, tmp_path, **asked()))
        assert len(starts(served)) == 4
    assert result.exit_code is ExitCode.GAPS
    assert {one.reason for one in result.coverage.slices} == {"report-failed: The report could not be made."}


def test_a_report_that_is_full_is_made_again_in_halves(tmp_path):
    few = Quotas(report_rows=20)
    with tenant(quotas=few) as served, pytest.MonkeyPatch.context() as patch:
        patch.setattr("collector.sources.historical_search.MOST_ROWS", 20)
        result = collect(engagement_file(served, tmp_path, **asked()))
        jobs = len(starts(served))
    kept = [one for one in result.coverage.slices if one.part == PARTS[1]]
    assert len(kept) > 1
    assert (kept[0].start, kept[-1].end) == (START, END)
    assert all(one.expected is None or one.expected < 20 for one in result.coverage.slices)
    assert jobs > 2


def test_a_missing_role_is_a_gap_and_exit_4(tmp_path):
    with tenant(access=Access(forbidden=frozenset({"Start-HistoricalSearch"}))) as served:
        result = collect(engagement_file(served, tmp_path, **asked()))
    assert result.exit_code is ExitCode.ACCESS
    assert {one.reason for one in result.coverage.slices} == {"forbidden"}


def test_what_is_too_young_for_a_report_is_a_slice_of_its_own(tmp_path):
    with tenant() as served:
        result = collect(engagement_file(served, tmp_path, **asked(window={"last": "30d"})))
    for part in PARTS:
        old, young = [one for one in result.coverage.slices if one.part == part]
        assert old.reason.startswith("file-in-browser")
        assert young.end - young.start == timedelta(hours=4, minutes=1)
        assert "1 to 4 hours ago" in young.reason


def test_a_run_that_was_cut_off_while_it_waited_takes_its_jobs_up_and_starts_no_other(tmp_path):
    slow = reports(polls=10_000)
    with tenant(behaviour=slow) as served:
        file = engagement_file(served, tmp_path, **asked(window={"last": "30d"}))
        seams = real_seams()

        class Stopping(type(seams.observer)):
            def waiting(self, why, seconds):
                if "report" in why and len(starts(served)) == 4:
                    seams.clock.stop()

        with pytest.raises(Interrupted):
            run(load(file, now=seams.clock.now()), seams._replace(observer=Stopping()))
        begun = len(starts(served))
        object.__setattr__(slow.reports, "polls", 0)
        result = collect(file)
        again = len(starts(served)) - begun
    assert [one.reason[:15] for one in result.coverage.slices if one.expected] == ["file-in-browser"] * 2
    assert again <= 2  # the young slices, which were refused before and may not have been committed
    assert len(list(result.path.parent.glob("2*"))) == 1


def test_the_file_that_the_operator_brings_is_read_beside_the_run(tmp_path):
    with tenant() as served:
        result = collect(engagement_file(served, tmp_path, **asked()))
        files = []
        for number, part in enumerate(PARTS):
            (row,) = rows(result.path, part)
            files.append(tmp_path / f"{number}.csv")
            files[-1].write_bytes(served.download(row["JobId"]))
    seams = real_seams()
    brought = bring_in(result.path.parent, files, Room(seams.clock, seams.store, seams.observer))
    expected = [one.expected for one in result.coverage.slices]
    assert [one.records for one in brought.coverage.slices] == expected
    assert verify(brought.path).problems == ()
