"""Reports of a historical search against the simulated tenant: followed, taken up, and their files brought."""

from datetime import timedelta

import pytest

from collector.clock import SystemClock
from collector.config import load
from collector.errors import ExitCode, Interrupted, TemporaryError
from collector.evidence import verify
from collector.model import Sought, Status
from collector.run.engage import run
from collector.run.importing import Seams as Room
from collector.run.importing import bring_in
from collector.simulator import Access, Behaviour, Fault, Faults, Kind, Quotas, ReportBehaviour, any_cmdlet, cmdlet
from collector.simulator.cast import MEGAN
from tests.run.tenants import END, START, Quiet, collect, engagement_file, real_seams, rows, tenant

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


class Later(SystemClock):
    """The same clock, some hours later."""

    def now(self):
        return super().now() + timedelta(hours=2, minutes=3, seconds=4)


def test_a_run_that_was_cut_off_while_it_waited_takes_its_jobs_up_hours_later_and_starts_no_other(tmp_path):
    slow = reports(polls=10_000)
    with tenant(behaviour=slow) as served:
        file = engagement_file(served, tmp_path, **asked(window={"last": "30d"}))
        seams = real_seams()

        class Stopping(Quiet):
            def waiting(self, why, seconds):
                if "report" in why and len(starts(served)) == 4:
                    seams.clock.stop()

        with pytest.raises(Interrupted):
            run(load(file, now=seams.clock.now()), seams._replace(observer=Stopping()))
        begun = {title for title in titles(served) if title}
        object.__setattr__(slow.reports, "polls", 0)
        clock = Later()
        result = run(load(file, now=clock.now()), real_seams()._replace(clock=clock))
        again = titles(served)[4:]
    assert [one.reason[:15] for one in result.coverage.slices if one.expected] == ["file-in-browser"] * 2
    assert len(begun) == 4
    assert set(again) <= begun  # what is too young was refused before, and may be asked for once more
    followed = {row["ReportTitle"] for part in PARTS for row in rows(result.path, part)}
    assert not followed & set(again)
    assert len(list(result.path.parent.glob("2*"))) == 1


def titles(served):
    return [seen.parameters["ReportTitle"] for seen in starts(served)]


def test_an_outage_is_waited_for_and_costs_no_job(tmp_path):
    dead = Fault(Kind.STATUS, any_cmdlet, times=None, status=503)
    with tenant(faults=Faults((dead,))) as served, pytest.raises(TemporaryError):
        collect(engagement_file(served, tmp_path, **asked()))
    assert starts(served) == []


def test_a_start_whose_answer_was_lost_is_found_again(tmp_path):
    lost = Fault(Kind.CUT, cmdlet("Start-HistoricalSearch"), times=2)
    with tenant(faults=Faults((lost,))) as served:
        result = collect(engagement_file(served, tmp_path, **asked()))
        assert len(titles(served)) == 2
    assert {one.status for one in result.coverage.slices} <= {Status.GAP, Status.EMPTY}
    assert all((one.reason or "file-in-browser").startswith("file-in-browser") for one in result.coverage.slices)


def test_messages_are_asked_for_by_their_ids_a_hundred_a_job(tmp_path):
    ids = tuple(f"<{number}@contoso.example.org>" for number in range(150))
    with tenant() as served:
        file = engagement_file(served, tmp_path, **asked(**{"for": "accessed"}), attacker={"ips": ["203.0.113.66"]})
        seams = real_seams()
        result = run(load(file, now=seams.clock.now()), seams, seek=lambda: Sought(message_ids=ids))
        sent = [seen.parameters["MessageID"] for seen in starts(served)]
    assert sorted(map(len, sent)) == [50, 100]
    assert sorted(one for some in sent for one in some) == sorted(ids)
    assert result.exit_code is ExitCode.COMPLETE


def test_gaps_of_a_run_whose_reports_are_there_start_no_other_however_often_they_are_asked_for(tmp_path):
    with tenant() as served:
        file = engagement_file(served, tmp_path, **asked())
        first = collect(file)
        second = collect(file, gaps_of=first.path)
        third = collect(file, gaps_of=second.path)
        assert len(starts(served)) == 2
    told = [[(one.part, one.reason, one.expected) for one in run.coverage.slices] for run in (first, second, third)]
    assert told[0] == told[1] == told[2]


def test_gaps_of_a_run_whose_reports_failed_are_asked_for_by_new_jobs(tmp_path):
    with tenant(behaviour=reports(fails=True, polls=0)) as served:
        file = engagement_file(served, tmp_path, **asked())
        collect(file, gaps_of=collect(file).path)
        assert len(set(titles(served))) == 4
        assert len(titles(served)) == 8


def test_gaps_of_a_run_whose_jobs_are_listed_no_more_are_asked_for_by_new_ones(tmp_path):
    with tenant(behaviour=reports(fails=True, polls=0)) as served:
        first = collect(engagement_file(served, tmp_path, **asked()))
    with tenant() as served:
        second = collect(engagement_file(served, tmp_path, **asked()), gaps_of=first.path)
        assert len(starts(served)) == 2
    assert {one.reason[:15] for one in second.coverage.slices if one.reason} == {"file-in-browser"}


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


@pytest.mark.parametrize("after", [2, 4, 6, 9, 15])
def test_a_run_that_was_cut_off_while_it_halved_its_reports_takes_the_same_ones_up(tmp_path, after):
    few = Quotas(report_rows=4)
    with tenant(quotas=few) as served, pytest.MonkeyPatch.context() as patch:
        patch.setattr("collector.sources.historical_search.MOST_ROWS", 4)
        file = engagement_file(served, tmp_path, **asked())
        seams = real_seams()

        class Stopping(Quiet):
            left = after

            def committed(self, commit):
                self.left -= 1
                if not self.left:
                    seams.clock.stop()

        with pytest.raises(Interrupted):
            run(load(file, now=seams.clock.now()), seams._replace(observer=Stopping()))
        result = collect(file)
        begun = titles(served)
    assert len(begun) == len(set(begun))
    assert len(list(result.path.parent.glob("2*"))) == 1
    assert all((one.reason or "file-in-browser").startswith("file-in-browser") for one in result.coverage.slices)
