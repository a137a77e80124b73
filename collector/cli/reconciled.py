"""How two feeds side by side are shown: a sentence, the hours in which they differ, and the findings.

Invariant: people see a bounded number of lines and how many are left out; programs see every hour and finding.
"""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

import msgspec

from collector.analysis.compare import HOUR, Count, Difference, Expected, Sighting
from collector.analysis.covers import AUDIT_LOG, FEED, Scope
from collector.analysis.reconcile import Reconciled, Unread
from collector.cli.screen import json_line, line, plain, table
from collector.model import iso

SHOWN = 20
"""Findings, and lines that could not be read, that people are shown."""

_EXCLUDED = {
    Expected.OUTSIDE_TIME: "they are outside the time that both cover",
    Expected.NOT_ASKED: f"{AUDIT_LOG} was not asked for records like them",
    Expected.NOT_CARRIED: f"the content type that carries them in {FEED} was not collected",
}


def as_lines(found: Reconciled) -> None:
    """Print a comparison as JSON lines: the total, then every hour, finding and line that could not be read."""
    json_line(
        "reconciled",
        compared=found.nothing is None,
        reason=found.nothing,
        sources=[AUDIT_LOG, FEED],
        asked=[scope._asdict() for scope in found.scopes],
        content_types=found.content_types,
        times=[msgspec.to_builtins(window) for window in found.times],
        hours=len(found.comparison.hours),
        **_counted(found.total),
        not_compared=[
            {"source": source, "reason": reason.name.lower().replace("_", "-"), "records": records}
            for (source, reason), records in sorted(found.comparison.excluded.items())
        ],
        unread=len(found.unread),
        notes=found.notes,
    )
    for hour, count in sorted(found.comparison.hours.items()):
        json_line("hour", hour=_hour(hour), **_counted(count))
    for one in found.comparison.findings:
        seen = one.sighting
        json_line("finding", id=_clean(seen.id), source=one.source, time=one.at, hour=_hour(one.hour), **_place(seen))
    for unread in found.unread:
        json_line("unread-line", source=unread.source, reason=_clean(unread.reason), **_place(unread))


def as_text(found: Reconciled) -> None:
    """Print a comparison for people."""
    for note in found.notes:
        line(f"note: {plain(note)}")
    if found.nothing:
        line(f"{AUDIT_LOG} and {FEED} cannot be compared: {found.nothing}")
        return
    line(_sentence(found))
    _hours(found)
    _findings(found.comparison.findings)
    for remark in _remarks(found):
        line(remark)
    _unread(found)


def _sentence(found: Reconciled) -> str:
    times = ", and ".join(f"from {iso(window.start)} to {iso(window.end)}" for window in found.times)
    asked = "; or ".join(_asked(scope) for scope in found.scopes)
    return (
        f"{AUDIT_LOG} and {FEED} compared by record Id, {times}: "
        f"{plain(asked)}; content types {plain(', '.join(found.content_types))}"
    )


def _asked(scope: Scope) -> str:
    operations = f"operations {', '.join(scope.operations)}" if scope.operations else "all operations"
    users = f" of {', '.join(scope.users)}" if scope.users else ""
    record_type = f" in records of type {scope.record_type}" if scope.record_type else ""
    return operations + users + record_type


def _hours(found: Reconciled) -> None:
    hours = found.comparison.hours
    different = {hour: count for hour, count in sorted(hours.items()) if count.only.total()}
    rows = [(_hour(hour), *_row(count)) for hour, count in different.items()]
    columns = ("hour", "in both", f"only in {AUDIT_LOG}", f"only in {FEED}", "findings")
    table("Hours with differences", columns, [*rows, (f"all {len(hours):,} hours", *_row(found.total))])
    line(f"{len(hours) - len(different):,} of {len(hours):,} hours have no difference")


def _row(count: Count) -> tuple[int, int, int, int]:
    return count.both, count.only[AUDIT_LOG], count.only[FEED], count.findings


def _findings(findings: Sequence[Difference]) -> None:
    if not findings:
        line("no findings")
        return
    rows = [
        (one.sighting.id, one.source, one.at, one.sighting.file.run, one.sighting.file.path, one.sighting.line)
        for one in findings[:SHOWN]
    ]
    table("Findings", ("record Id", "only in", "time", "run", "file", "line"), rows)
    _left_out(len(findings))


def _left_out(number: int) -> None:
    if number > SHOWN:
        line(f"and {number - SHOWN:,} more: --json names them all")


def _remarks(found: Reconciled) -> Iterator[str]:
    total = found.total
    late = total.only.total() - total.findings
    if late:
        yield f"differences that are no findings: {late:,}; what lacks them was asked too soon, or not without a gap"
    for (source, reason), records in sorted(found.comparison.excluded.items()):
        yield f"not compared, of {source}: {records:,}; {_EXCLUDED[reason]}"


def _unread(found: Reconciled) -> None:
    if found.unread:
        line("lines that could not be read; a record in one can be missing above, or be taken for missing:")
        for one in found.unread[:SHOWN]:
            line(f"  {one.file.run / one.file.path} line {one.line:,}: {plain(one.reason)}")
        _left_out(len(found.unread))


def _counted(count: Count) -> dict[str, object]:
    only = {source: count.only[source] for source in (AUDIT_LOG, FEED)}
    return {"in_both": count.both, "only_in": only, "findings": count.findings}


def _place(seen: Sighting | Unread) -> dict[str, object]:
    return {"run": str(seen.file.run), "file": seen.file.path, "line": seen.line}


def _hour(hour: int) -> datetime:
    return datetime.fromtimestamp(hour * HOUR, UTC)


def _clean(text: str) -> str:
    """Return a text that JSON can hold: a lone surrogate becomes `?`."""
    return text.encode("utf-8", "replace").decode()
