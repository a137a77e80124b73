"""Run folders to lines: what the journal's commits name, and nothing else, is evidence (I1, I2)."""

import gzip
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

AUDIT_LOG, FEED, TRACE = "unified-audit-log", "management-activity", "message-trace"


@dataclass(frozen=True)
class Line:
    """One audit record of one line, and the Identity of the row that it came in."""

    source: str
    record: dict[str, Any]
    identity: Any = None


@dataclass
class Evidence:
    """All that the runs hold: audit records, trace rows, and the slices of the traces."""

    lines: list[Line] = field(default_factory=list)
    traces: list[dict[str, Any]] = field(default_factory=list)
    trace_slices: list[dict[str, Any]] = field(default_factory=list)


def read(folders: Iterable[Path]) -> Evidence:
    """Read every run in or below the folders, each once."""
    evidence = Evidence()
    for run in runs(folders):
        for commit in commits(run):
            _take(evidence, run, commit)
    return evidence


def runs(folders: Iterable[Path]) -> list[Path]:
    """Return the run folders at any depth."""
    journals = (journal for folder in folders for journal in sorted(Path(folder).rglob("journal.jsonl")))
    return list(dict.fromkeys(one.parent.parent.resolve() for one in journals if one.parent.name == "custody"))


def commits(run: Path) -> list[dict[str, Any]]:
    """Return the journal's commits; a torn last line is none."""
    entries = (decoded(line) for line in (run / "custody" / "journal.jsonl").read_bytes().split(b"\n"))
    return [entry for entry in entries if isinstance(entry, dict) and entry.get("event") == "commit"]


def _take(evidence: Evidence, run: Path, commit: dict[str, Any]) -> None:
    source = commit["source"]
    if source == TRACE:
        evidence.trace_slices.append(commit)
    for chunk in commit["chunks"]:
        for line in _lines(run / chunk["path"]):
            row = decoded(line)
            if not isinstance(row, dict):
                continue
            if source == TRACE:
                evidence.traces.append(row)
            elif source == FEED:
                evidence.lines.append(Line(source, row))
            elif source == AUDIT_LOG and isinstance(record := _audit_data(row), dict):
                evidence.lines.append(Line(source, record, row.get("Identity")))


def _lines(path: Path) -> Iterator[bytes]:
    content = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    yield from (line for line in content.split(b"\n") if line.strip())


def _audit_data(row: dict[str, Any]) -> Any:
    data = row.get("AuditData")
    return decoded(data) if isinstance(data, str) else data


def decoded(line: str | bytes) -> Any:
    """Return what a line says, without sidecars and as text that is valid; None where it cannot be read."""
    try:
        return _clean(json.loads(line))
    except (ValueError, RecursionError):
        return None


def _clean(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode()
    if isinstance(value, list):
        return [_clean(one) for one in value]
    if isinstance(value, dict):
        return {_clean(name): _clean(one) for name, one in value.items() if not _sidecar(name)}
    return value


def _sidecar(name: str) -> bool:
    return "@odata.type" in name or "@data.type" in name
