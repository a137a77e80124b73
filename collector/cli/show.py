"""What the commands show: tables for people and JSON lines for programs.

Invariant: a gap is never left out of what is shown.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from collector.cli.alike import rows_of
from collector.cli.screen import cell, json_line, line, plain, table
from collector.errors import CollectorError, ExitCode
from collector.evidence import Commit, Coverage, SliceCoverage, Verification
from collector.evidence.coverage import Recheck
from collector.model import Status, iso
from collector.run.engage import APART, Result
from collector.run.heartbeat import Beat
from collector.run.outcome import Outcome
from collector.run.plan import Forecast, Together
from collector.sources.historical_search import HistoricalSearch
from collector.sources.purview_audit_query import QUERIES_A_DAY, PurviewAuditQuery


class RunStatus(NamedTuple):
    """What a run covers, whether it is sealed or a watch is at work on it, and what in its account cannot be read."""

    path: Path
    coverage: Coverage
    sealed: bool
    watched: bool
    problems: tuple[str, ...]


class Detail(NamedTuple):
    """How much is shown, and how."""

    as_json: bool = False
    quiet: bool = False
    verbose: bool = False


def plan(forecasts: Sequence[Forecast], together: Sequence[Together], *, as_json: bool) -> None:
    """Print what would be asked, and what the sources that share a quota take together."""
    if as_json:
        for one in forecasts:
            json_line("plan", **msgspec.to_builtins(one))
        for shared in together:
            json_line("shared-quota", **msgspec.to_builtins(shared))
        return
    columns = ("source", "part", "start", "end", "slices", "requests at least", "at the quota, at least")
    rows = []
    for part, alike in rows_of(forecasts, lambda one: (one.source, one.start, one.end)):
        seconds = sum(one.seconds or 0 for one in alike)
        counts = (sum(one.slices for one in alike), sum(one.requests for one in alike))
        rows.append((alike[0].source, part, alike[0].start, alike[0].end, *counts, _span(seconds) if seconds else None))
    table("What would be asked", columns, rows)
    for shared in together:
        quota = f"share {shared.allowed:,} requests in {_span(shared.period).removesuffix(' 00 s')}"
        line(f"{' and '.join(shared.sources)} {quota}: at least {_span(shared.seconds)}")
    line("Each slice takes one more request for every 5,000 records in it, or for every blob of the Activity feed.")
    if any(one.source == HistoricalSearch.name for one in forecasts):
        line(
            "Each slice of historical-search is a job that takes hours; its file opens in a browser only, for `import`."
        )
    if queries := sum(one.slices for one in forecasts if one.source == PurviewAuditQuery.name):
        line(
            f"{PurviewAuditQuery.name} begins {queries:,} of the {QUERIES_A_DAY} queries that a tenant is sure of in "
            "a day, and one more for each that finds nothing; each takes minutes to hours."
        )


def summary(result: Result, *, as_json: bool) -> None:
    """Print how a run ended."""
    coverage = result.coverage
    if as_json:
        for gap in _gaps_of(coverage):
            json_line("gap", **msgspec.to_builtins(gap))
        json_line(
            "summary",
            folder=str(result.path),
            exit_code=int(result.exit_code),
            complete=coverage.complete,
            settled_until=coverage.settled_until,
            records=sum(commit.records for commit in result.commits),
            gaps=len(_gaps_of(coverage)),
        )
        return
    _sources(coverage)
    _gaps(coverage)
    _tail(coverage)
    line(f"evidence: {result.path}")
    line(_SENTENCES[result.exit_code])


_SENTENCES = {
    ExitCode.COMPLETE: "complete: every slice was collected whole",
    ExitCode.GAPS: "finished, with gaps: what is missing stands above and in custody/coverage.json",
    ExitCode.ACCESS: "finished, but a role was missing: what is missing stands above and in custody/coverage.json",
}


def status(run: RunStatus, *, as_json: bool) -> None:
    """Print what a run covers, source by source and slice by slice."""
    coverage = run.coverage
    if as_json:
        facts = {"sealed": run.sealed, "complete": coverage.complete, "problems": list(run.problems)}
        json_line("run", folder=str(run.path), **facts, settled_until=coverage.settled_until)
        for one in coverage.slices:
            json_line("slice", **msgspec.to_builtins(one))
        for again in coverage.rechecks:
            json_line("recheck", **msgspec.to_builtins(again))
        return
    apart = next((one.source for one in coverage.slices if one.source in APART), None)
    command = "watch" if run.watched else apart or "run"
    line(f"{run.path}: {'sealed' if run.sealed else f'open, not finished: `collector {command}` goes on with it'}")
    _problems(run.problems)
    _sources(coverage)
    columns = ("source", "part", "start", "end", "status", "records", "expected", "reason", "settled")
    rows = []
    for part, alike in rows_of(coverage.slices, _told_alike):
        s = alike[0]
        ended = (s.status, *_counted(alike), s.reason, _YES_NO[s.settled])
        rows.append((s.source, part, s.start, s.end, *ended))
    table("Slices", columns, rows)
    _rechecks(coverage)
    _tail(coverage)


def _rechecks(coverage: Coverage) -> None:
    """Print what was asked again, source by source; coverage.json holds each time."""
    by_source: dict[str, list[Recheck]] = {}
    for one in coverage.rechecks:
        by_source.setdefault(one.source, []).append(one)
    rows = [(name, len(ones), sum(o.late for o in ones), len(_gaps_among(ones))) for name, ones in by_source.items()]
    if rows:
        table("Asked again, for what comes late", ("source", "times", "records that came late", "failed"), rows)


_YES_NO = {True: "yes", False: "no", None: None}


def cycle(outcome: Outcome, *, as_json: bool) -> None:
    """Print how a cycle of a watch ended."""
    if as_json:
        json_line("cycle", **msgspec.to_builtins(outcome))
        return
    came = f"{outcome.records:,} records, {outcome.late:,} of them late, {outcome.gaps:,} gaps"
    line(f"{cell(outcome.ended)} cycle {outcome.number} {outcome.outcome}: {plain(outcome.message or came)}")
    for name in outcome.sealed:
        line(f"sealed {name}")


def heartbeat(beat: Beat, *, as_json: bool) -> None:
    """Print what a watch last said of itself."""
    if as_json:
        json_line("watch", **msgspec.to_builtins(beat))
        return
    line(f"watch over {plain(beat.engagement)}: {beat.state}, last heard of at {cell(beat.time)}")
    if beat.last_cycle:
        cycle(beat.last_cycle, as_json=False)
    if beat.failures:
        line(f"{beat.failures:,} cycles in a row have failed: what they did not collect is still to be asked for")
        line(f"remedy: {plain(beat.last_cycle.remedy or '')}" if beat.last_cycle and beat.last_cycle.remedy else "")


def unreadable(path: Path, error: CollectorError, *, as_json: bool) -> None:
    """Print that a run's account cannot be read."""
    if as_json:
        json_line("unreadable", folder=str(path), exit_code=int(error.exit_code), message=error.message)
        return
    line(f"{path}: cannot be read")
    _problems([error.message])


def verification(path: Path, found: Verification, *, as_json: bool) -> None:
    """Print what verifying a run has shown."""
    if as_json:
        facts = {"sealed": found.sealed, "intact": not found.problems, "problems": list(found.problems)}
        told = {"notes": list(found.notes), "records": found.records, "files": found.files}
        json_line("verification", folder=str(path), **facts, **told)
        return
    _problems(found.problems)
    for note in found.notes:
        line(f"note: {plain(note)}")
    state = "NOT INTACT" if found.problems else "intact and sealed" if found.sealed else "intact, not sealed"
    line(f"{path}: {state}: {found.records:,} records in {found.files:,} files")


def _problems(problems: Sequence[str]) -> None:
    for problem in problems:
        line(f"PROBLEM: {plain(problem)}")


def slice_facts(commit: Commit) -> dict[str, Any]:
    """Return what is told of a committed slice."""
    return {
        "source": commit.source,
        "part": commit.part,
        "start": commit.start,
        "end": commit.end,
        "status": commit.status,
        "records": commit.records,
        "reason": commit.reason,
    }


def slice_line(commit: Commit) -> str:
    """Return a committed slice as a line of the log."""
    times = f", {cell(commit.start)} to {cell(commit.end)}" if commit.start else ""
    part = f" {commit.part}" if commit.part else ""
    reason = f" ({commit.reason})" if commit.reason else ""
    return f"{commit.status}{reason}: {commit.source}{part}{times}, {commit.records:,} records"


def _sources(coverage: Coverage) -> None:
    by_source: dict[str, list[SliceCoverage]] = {}
    for one in coverage.slices:
        by_source.setdefault(one.source, []).append(one)
    columns = ("source", "slices", "complete", "empty", "gaps", "records", "left out as twins")
    table("Asked and got", columns, [_source_row(name, slices) for name, slices in by_source.items()])


def _source_row(name: str, slices: Sequence[SliceCoverage]) -> list[object]:
    counts = [sum(one.status is status for one in slices) for status in (Status.COMPLETE, Status.EMPTY, Status.GAP)]
    return [name, len(slices), *counts, sum(s.records for s in slices), sum(s.duplicates for s in slices)]


def _gaps_of(coverage: Coverage) -> list[SliceCoverage]:
    return _gaps_among(coverage.slices)


def _gaps_among(slices: Sequence[SliceCoverage]) -> list[SliceCoverage]:
    return [one for one in slices if one.status is Status.GAP]


def _gaps(coverage: Coverage) -> None:
    gaps = _gaps_of(coverage)
    if gaps:
        rows = [
            (alike[0].source, part, alike[0].start, alike[0].end, *_counted(alike), alike[0].reason)
            for part, alike in rows_of(gaps, _told_alike)
        ]
        table("Gaps", ("source", "part", "start", "end", "records kept", "expected", "reason"), rows)


def _told_alike(one: SliceCoverage) -> object:
    return one.source, one.start, one.end, one.status, one.reason, one.settled


def _counted(alike: Sequence[SliceCoverage]) -> tuple[int, int | None]:
    """Return the records of some slices, and how many were expected where each of them knows."""
    expected = [one.expected for one in alike if one.expected is not None]
    return sum(one.records for one in alike), sum(expected) if len(expected) == len(alike) else None


def _tail(coverage: Coverage) -> None:
    unsettled = [one.start for one in coverage.slices if one.settled is False and one.start]
    if unsettled:
        line(f"not settled from {iso(min(unsettled))} on: records may still come late, ask for that time again")


def _span(seconds: float) -> str:
    minutes = int(seconds // 60)
    return f"{minutes // 60} h {minutes % 60:02d} min" if minutes >= 60 else f"{minutes} min {int(seconds % 60):02d} s"
