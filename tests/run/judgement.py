"""Judges a run by the tenant's own data: nothing lost, nothing twice, nothing made up, nothing claimed.

Invariant: what is compared is the scenario and the files of the run, by code that is none of the collector's sources.
"""

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any, NamedTuple

from collector.errors import ExitCode
from collector.evidence import SliceCoverage, lines, read, verify
from collector.model import Status, utc
from collector.run.engage import Result
from collector.simulator.scenario import RECORD_TYPES, AuditRow, TraceRow, ticks
from collector.simulator.wire import to_json
from tests.run.any_tenant import Case

AUDIT, TRACE = "unified-audit-log", "message-trace"
MARGIN = timedelta(seconds=1)
Key = tuple[str, ...]


class Record(NamedTuple):
    """A record of the tenant: its time, the members it is served with, the parts of the plan that ask for it."""

    at: datetime
    served: dict[str, Any]
    parts: frozenset[str | None]


class Verdict(NamedTuple):
    """What is wrong with a run, and how many records are lost or stand more than once."""

    problems: list[str]
    lost: int
    twice: int


def judge(case: Case, result: Result) -> Verdict:
    """Compare a run with its tenant."""
    problems = [*_shape(case, result), *(f"verify: {problem}" for problem in verify(result.path).problems)]
    lost = twice = 0
    for source in case.sources:
        own = _own(case, source)
        found, foreign = _found(result, source, own)
        missing = list(_missing(case, source, own, found, result.coverage.slices))
        repeated = [key for key, times in found.items() if times > 1]
        strangers = [key for key in found if key in own and not _near(case, own[key])]
        lost, twice = lost + len(missing), twice + len(repeated)
        problems += [f"{source}: lost {key} at {own[key].at}" for key in missing]
        problems += [f"{source}: more than once {key}" for key in repeated]
        problems += [f"{source}: never served so {line[:300]!r}" for line in foreign]
        problems += [f"{source}: nobody asked for {key} at {own[key].at}" for key in strangers]
        told = sum(one.records for one in result.coverage.slices if one.source == source)
        if told != found.total() + len(foreign):
            problems.append(f"{source}: {told} records in coverage, {found.total()} on disk")
    return Verdict(problems, lost, twice)


def _own(case: Case, source: str) -> dict[Key, Record]:
    """Return the tenant's records by what tells them apart, for the parts that ask for them."""
    parts = [part for name, part in case.parts if name == source]
    records = _audit_records(case, parts) if source == AUDIT else _trace_records(case, parts)
    return {key: record for key, record in records if record.parts}


def _audit_records(case: Case, parts: list[str | None]) -> Iterator[tuple[Key, Record]]:
    operations = case.sources[AUDIT]["operations"]
    for row in case.scenario.audit_rows:
        if not operations or row.operation in operations:
            asking = frozenset(part for part in parts if part in (None, RECORD_TYPES[row.record_type]))
            yield (row.identity, row.raw_auditdata), Record(row.created, _served_audit(row), asking)


def _served_audit(row: AuditRow) -> dict[str, Any]:
    return {
        "RecordType": RECORD_TYPES[row.record_type],
        "CreationDate": ticks(row.created),
        "UserIds": row.user,
        "Operations": row.operation,
        "AuditData": row.raw_auditdata,
        "Identity": row.identity,
    }


def _trace_records(case: Case, parts: list[str | None]) -> Iterator[tuple[Key, Record]]:
    for row in case.scenario.traces:
        names = (None, f"sender:{row.sender}", f"recipient:{row.recipient}")
        at = utc(row.received)
        assert at is not None
        key = (row.message_trace_id, row.recipient, row.received, row.status)
        yield key, Record(at, _served_trace(row), frozenset(part for part in parts if part in names))


def _served_trace(row: TraceRow) -> dict[str, Any]:
    return {
        "MessageTraceId": row.message_trace_id,
        "MessageId": row.message_id,
        "Received": row.received,
        "SenderAddress": row.sender,
        "RecipientAddress": row.recipient,
        "Subject": row.subject,
        "Status": row.status,
        "Size": row.size,
    }


def _found(result: Result, source: str, own: dict[Key, Record]) -> tuple[Counter[Key], list[bytes]]:
    """Count the lines of a run by record; those that are no record of the tenant, to the byte, apart."""
    found: Counter[Key] = Counter()
    foreign = []
    for line in _lines(result, source):
        row = json.loads(line)
        names = ("Identity", "AuditData") if source == AUDIT else _TRACE_KEY
        key = tuple(row.get(name) for name in names)
        if key in own and _as_served(line, row, own[key].served):
            found[key] += 1
        else:
            foreign.append(line)
    return found, foreign


_TRACE_KEY = ("MessageTraceId", "RecipientAddress", "Received", "Status")


def _lines(result: Result, source: str) -> Iterator[bytes]:
    for commit in read(result.path).commits:
        if commit.source == source:
            for chunk in commit.chunks:
                yield from lines(result.path, chunk)


def _as_served(line: bytes, row: dict[str, Any], served: dict[str, Any]) -> bool:
    """Tell whether a line is a row as the tenant writes it, compact or pretty, less its line breaks."""
    own = to_json({name: row.get(name) for name in served}) == to_json(served)
    return own and line in (to_json(row), _pretty(row))


def _pretty(row: dict[str, Any]) -> bytes:
    nested = json.dumps({"value": [row]}, indent=2)
    return nested[nested.index("[") + 1 : nested.rindex("]")].strip().replace("\n", "").encode()


def _missing(
    case: Case, source: str, own: dict[Key, Record], found: Counter[Key], slices: Iterable[SliceCoverage]
) -> Iterator[Key]:
    """Yield the records of the window that do not stand in the run though a part that asked for them has no gap."""
    gaps = defaultdict(list)
    for one in slices:
        if one.source == source and one.status is Status.GAP and one.reason:
            gaps[one.part].append(one)
    window = case.scenario.window
    for key, record in own.items():
        excused = all(_holds(gaps[part], record.at) for part in record.parts)
        if window.start <= record.at < window.end and not found[key] and not excused:
            yield key


def _holds(slices: list[SliceCoverage], at: datetime) -> bool:
    return any(one.start <= at < one.end for one in slices if one.start and one.end)


def _near(case: Case, record: Record) -> bool:
    wide = case.scenario.window.widened(MARGIN)
    return wide.start <= record.at <= wide.end


def _shape(case: Case, result: Result) -> Iterator[str]:
    """Yield what does not fit together: slices, coverage, exit code."""
    by_part = defaultdict(list)
    for one in result.coverage.slices:
        by_part[one.source, one.part].append(one)
    if by_part.keys() != case.parts.keys():
        yield f"asked {sorted(map(str, by_part))}, planned {sorted(map(str, case.parts))}"
    for key, window in case.parts.items():
        slices = by_part[key]
        edges = [slices[0].start, slices[-1].end] if slices else []
        if edges != [window.start, window.end] or any(one.end != other.start for one, other in pairwise(slices)):
            yield f"the slices of {key} do not join: {[(one.start, one.end) for one in slices]}"
    gaps = [one for one in result.coverage.slices if one.status is Status.GAP]
    yield from (f"a gap without a reason: {one}" for one in gaps if not one.reason)
    written = json.loads((result.path / "custody" / "coverage.json").read_bytes())
    if {result.coverage.complete, written["complete"]} != {not gaps}:
        yield f"complete is {written['complete']} with {len(gaps)} gaps"
    if result.exit_code is not _exit_code(gaps):
        yield f"exit {result.exit_code} with {sorted({one.reason or '' for one in gaps})}"


def _exit_code(gaps: list[SliceCoverage]) -> ExitCode:
    if any((one.reason or "").startswith("forbidden") for one in gaps):
        return ExitCode.ACCESS
    return ExitCode.GAPS if gaps else ExitCode.COMPLETE
