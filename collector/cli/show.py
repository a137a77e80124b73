"""Tables for people and JSON lines for programs, on standard output.

Invariant: a gap is never left out of what is shown, and no text from a tenant is taken for markup.
"""

import sys
from collections.abc import Iterable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from collector.analysis.found import Found
from collector.errors import ExitCode
from collector.evidence import Commit, Coverage, SliceCoverage, Verification
from collector.model import Status, iso
from collector.run.engage import Result
from collector.run.plan import Forecast

_WIDTH_OF_FILES = 140
"""Columns of a table that goes to a file or a pipe."""


class Detail(NamedTuple):
    """How much is shown, and how."""

    as_json: bool = False
    quiet: bool = False
    verbose: bool = False


def line(text: str) -> None:
    """Print a line of text."""
    sys.stdout.write(f"{text}\n")


def json_line(message_type: str, **facts: Any) -> None:
    """Print one JSON object on a line, its `message_type` first."""
    line(msgspec.json.encode({"message_type": message_type, **facts}).decode())


def table(title: str, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Print a table; numbers stand to the right, None is a dash."""
    grid = Table(title=escape(title), title_justify="left", title_style="bold", box=None, pad_edge=False)
    listed = [list(row) for row in rows]
    for place, name in enumerate(columns):
        numbers = bool(listed) and all(isinstance(row[place], int) or row[place] is None for row in listed)
        grid.add_column(name, justify="right" if numbers else "left", overflow="fold")
    for row in listed:
        grid.add_row(*(_cell(value) for value in row))
    console = Console(highlight=False, width=None if sys.stdout.isatty() else _WIDTH_OF_FILES)
    console.print(grid)
    console.print()


def _cell(value: object) -> str:
    if value is None:
        return "-"
    if isinstance(value, datetime):
        return iso(value)
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else escape(str(value))


def plan(forecasts: Sequence[Forecast], *, as_json: bool) -> None:
    """Print what would be asked."""
    if as_json:
        for one in forecasts:
            json_line("plan", **msgspec.to_builtins(one))
        return
    columns = ("source", "part", "start", "end", "slices", "requests at least", "at the quota, at least")
    rows = [
        (f.source, f.part, f.start, f.end, f.slices, f.requests, _span(f.seconds) if f.seconds else None)
        for f in forecasts
    ]
    table("What would be asked", columns, rows)
    line("Each slice takes one more request for every 5,000 records in it.")


def summary(result: Result, *, as_json: bool) -> None:
    """Print how a run ended."""
    coverage = result.coverage
    if as_json:
        json_line(
            "summary",
            folder=str(result.path),
            exit_code=int(result.exit_code),
            complete=coverage.complete,
            settled_until=coverage.settled_until,
            records=sum(commit.records for commit in result.commits),
        )
        return
    _sources(coverage)
    _gaps(coverage.slices)
    _tail(coverage)
    line(f"evidence: {result.path}")
    line(_SENTENCES[result.exit_code])


_SENTENCES = {
    ExitCode.COMPLETE: "complete: every slice was collected whole",
    ExitCode.GAPS: "finished, with gaps: what is missing stands above and in custody/coverage.json",
    ExitCode.ACCESS: "finished, but a role was missing: what is missing stands above and in custody/coverage.json",
}


def status(path: Path, coverage: Coverage, problems: Sequence[str], *, sealed: bool, as_json: bool) -> None:
    """Print what a run covers, source by source and slice by slice."""
    if as_json:
        facts = {"sealed": sealed, "complete": coverage.complete, "problems": list(problems)}
        json_line("run", folder=str(path), **facts, settled_until=coverage.settled_until)
        for one in coverage.slices:
            json_line("slice", **msgspec.to_builtins(one))
        return
    line(f"{path}: {'sealed' if sealed else 'open, it can be taken up again'}")
    for problem in problems:
        line(f"PROBLEM: {problem}")
    _sources(coverage)
    columns = ("source", "part", "start", "end", "status", "records", "expected", "reason", "settled")
    rows = [
        (s.source, s.part, s.start, s.end, s.status, s.records, s.expected, s.reason, "yes" if s.settled else "no")
        for s in coverage.slices
    ]
    table("Slices", columns, rows)


def verification(path: Path, found: Verification, *, as_json: bool) -> None:
    """Print what verifying a run has shown."""
    if as_json:
        facts = {"sealed": found.sealed, "intact": not found.problems, "problems": list(found.problems)}
        json_line("verification", folder=str(path), **facts, records=found.records, files=found.files)
        return
    for problem in found.problems:
        line(f"PROBLEM: {problem}")
    state = "NOT INTACT" if found.problems else "intact and sealed" if found.sealed else "intact, not sealed"
    line(f"{path}: {state}: {found.records:,} records in {found.files:,} files")


def mailboxes(what: Found) -> None:
    """Print what a run holds, by mailbox."""
    columns = ("mailbox", "records", "Binds", "Syncs", "sessions", "traces")
    rows = [(m.name, m.records, m.binds, m.syncs, len(m.sessions), m.traces) for m in what.mailboxes]
    table("What was found", columns, rows)
    if what.unreadable:
        line(f"{what.unreadable:,} lines could not be read and are not counted above")


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
    times = f"{_cell(commit.start)} to {_cell(commit.end)}"
    part = f" {commit.part}" if commit.part else ""
    reason = f" ({commit.reason})" if commit.reason else ""
    return f"{commit.status}{reason}: {commit.source}{part}, {times}, {commit.records:,} records"


def _sources(coverage: Coverage) -> None:
    by_source: dict[str, list[SliceCoverage]] = {}
    for one in coverage.slices:
        by_source.setdefault(one.source, []).append(one)
    columns = ("source", "slices", "complete", "empty", "gaps", "records", "left out as twins")
    table("Asked and got", columns, [_source_row(name, slices) for name, slices in by_source.items()])


def _source_row(name: str, slices: Sequence[SliceCoverage]) -> list[object]:
    counts = [sum(one.status is status for one in slices) for status in (Status.COMPLETE, Status.EMPTY, Status.GAP)]
    return [name, len(slices), *counts, sum(s.records for s in slices), sum(s.duplicates for s in slices)]


def _gaps(slices: Sequence[SliceCoverage]) -> None:
    gaps = [one for one in slices if one.status is Status.GAP]
    if gaps:
        rows = [(g.source, g.part, g.start, g.end, g.records, g.expected, g.reason) for g in gaps]
        table("Gaps", ("source", "part", "start", "end", "records kept", "expected", "reason"), rows)


def _tail(coverage: Coverage) -> None:
    unsettled = [one for one in coverage.slices if one.settled is False]
    if unsettled:
        since = min(one.start for one in unsettled if one.start)
        line(f"not settled from {iso(since)} on: records may still come late, ask for that time again")


def _span(seconds: float) -> str:
    minutes = int(seconds // 60)
    return f"{minutes // 60} h {minutes % 60:02d} min" if minutes >= 60 else f"{minutes} min {int(seconds % 60):02d} s"
