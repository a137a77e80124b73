"""How two roads side by side are shown: a sentence, the hours in which they differ, and the findings.

Invariant: people see a bounded number of lines and how many are left out; programs see every hour and finding.
"""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

import msgspec

from collector.analysis.compare import HOUR, Count, Difference, Expected, Sighting
from collector.analysis.covers import FEED, SEARCHES, Scope
from collector.analysis.reconcile import Pair, Reconciled, Unread
from collector.cli.screen import json_line, line, plain, table
from collector.model import IMPORT, iso

SHOWN = 20
"""Findings, and lines that could not be read, that people are shown."""

_EXCLUDED = {
    Expected.OUTSIDE_TIME: "they are outside the time that both cover",
    Expected.NOT_ASKED: "{searches} was not asked for records like them",
    Expected.NOT_CARRIED: f"the content type that carries them in {FEED} was not collected",
}


def as_lines(found: Reconciled) -> None:
    """Print a comparison as JSON lines: the total, then every hour, finding and line that could not be read.

    What follows a total is of its two sources, up to the next total.
    """
    json_line(
        "reconciled",
        compared=found.nothing is None,
        reason=found.nothing,
        sources=found.sources,
        asked=[scope._asdict() for scope in found.scopes],
        content_types=found.content_types,
        times=[msgspec.to_builtins(window) for window in found.times],
        hours=len(found.comparison.hours),
        **_counted(found.total, found.sources),
        not_compared=[
            {"source": source, "reason": reason.name.lower().replace("_", "-"), "records": records}
            for (source, reason), records in sorted(found.comparison.excluded.items())
        ],
        unread=len(found.unread),
        notes=found.notes,
    )
    for hour, count in sorted(found.comparison.hours.items()):
        json_line("hour", hour=_hour(hour), **_counted(count, found.sources))
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
        line(f"{' and '.join(found.sources)} cannot be compared: {found.nothing}")
        return
    line(_sentence(found))
    _hours(found)
    _findings(found.comparison.findings)
    for remark in _remarks(found):
        line(remark)
    _unread(found)


def _sentence(found: Reconciled) -> str:
    times = ", and ".join(f"from {iso(window.start)} to {iso(window.end)}" for window in found.times)
    asked = ["; or ".join(_asked(scope) for scope in found.scopes)] if found.scopes else []
    listed = [f"content types {', '.join(found.content_types)}"] if found.content_types else []
    return f"{' and '.join(found.sources)} compared by record Id, {times}: {plain('; '.join(asked + listed))}"


def _asked(scope: Scope) -> str:
    operations = f"operations {', '.join(scope.operations)}" if scope.operations else "all operations"
    users = f" of {', '.join(scope.users)}" if scope.users else ""
    record_type = f" in records of type {scope.record_type}" if scope.record_type else ""
    return operations + users + record_type


def _hours(found: Reconciled) -> None:
    hours = found.comparison.hours
    different = {hour: count for hour, count in sorted(hours.items()) if count.only.total()}
    rows = [(_hour(hour), *_row(count, found.sources)) for hour, count in different.items()]
    columns = ("hour", "in both", *(f"only in {source}" for source in found.sources), "findings")
    total = (f"all {len(hours):,} hours", *_row(found.total, found.sources))
    table("Hours with differences", columns, [*rows, total])
    line(f"{len(hours) - len(different):,} of {len(hours):,} hours have no difference")


def _row(count: Count, sources: Pair) -> tuple[int, ...]:
    return count.both, *(count.only[source] for source in sources), count.findings


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
        need_not = ", or is an import, which need not hold all" if IMPORT in found.sources else ""
        why = f"what lacks them was asked too soon, or not without a gap{need_not}"
        yield f"differences that are no findings: {late:,}; {why}"
    searches = " or ".join(source for source in found.sources if source in SEARCHES)
    for (source, reason), records in sorted(found.comparison.excluded.items()):
        yield f"not compared, of {source}: {records:,}; {_EXCLUDED[reason].format(searches=searches)}"


def _unread(found: Reconciled) -> None:
    if found.unread:
        line("lines that could not be read; a record in one can be missing above, or be taken for missing:")
        for one in found.unread[:SHOWN]:
            line(f"  {one.file.run / one.file.path} line {one.line:,}: {plain(one.reason)}")
        _left_out(len(found.unread))


def _counted(count: Count, sources: Pair) -> dict[str, object]:
    only = {source: count.only[source] for source in sources}
    return {"in_both": count.both, "only_in": only, "findings": count.findings}


def _place(seen: Sighting | Unread) -> dict[str, object]:
    return {"run": str(seen.file.run), "file": seen.file.path, "line": seen.line}


def _hour(hour: int) -> datetime:
    return datetime.fromtimestamp(hour * HOUR, UTC)


def _clean(text: str) -> str:
    """Return a text that JSON can hold: a lone surrogate becomes `?`."""
    return text.encode("utf-8", "replace").decode()
