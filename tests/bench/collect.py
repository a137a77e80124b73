"""`python -m tests.bench.collect`, or `make bench`: the collector against a bare threaded fetch of the same pages.

A tenant in a process of its own takes 150 ms an answer. A rehearsal, which is not measured, lets it render its pages
and tells the questions; then collector and bare fetch take turns, each in a process of its own whose CPU time and peak
memory the system tells. Runs where `os.wait4` is: not on Windows.
"""

import argparse
import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from collector.evidence.layout import REQUESTS

LATENCY = 0.15
"""Seconds that the tenant takes for an answer."""

_MIB = 2**20
_RSS_UNIT = 1 if sys.platform == "darwin" else 1024


class Measured(NamedTuple):
    """One process: what it said, its CPU and wall seconds from beginning to end, its peak memory in MiB."""

    said: dict[str, Any]
    cpu: float
    wall: float
    memory: float


class Report(NamedTuple):
    """All rounds, and what was asked in each."""

    records: int
    requests: int
    bytes: int
    collector: list[Measured]
    bare: list[Measured]

    @property
    def ratio(self) -> float:
        """The median over the rounds of the collector's seconds to the bare fetch's."""
        pairs = zip(self.collector, self.bare, strict=True)
        return statistics.median(ours.said["seconds"] / theirs.said["seconds"] for ours, theirs in pairs)


def bench(*, records: int, concurrency: int, rounds: int, latency: float) -> Report:
    """Rehearse, then measure so many rounds."""
    with tempfile.TemporaryDirectory(prefix="bench-") as made, _tenant(records, latency) as tenant:
        folder = Path(made)
        environment = {**os.environ, **tenant["environment"]}
        file = folder / "engagement.yaml"
        ours = {
            "sources": {"unified-audit-log": {"operations": ["MailItemsAccessed"]}},
            "limits": {"default": {"concurrency": concurrency}},
            "evidence": {"folder": "./evidence"},
        }
        file.write_text(yaml.safe_dump(tenant["engagement"] | ours))
        log = folder / "requests.jsonl"
        rehearsal = _collected(file, environment, log)
        collector, bare = [], []
        for _ in range(rounds):
            collector.append(_collected(file, environment, log))
            bare.append(_child("tests.bench.fetching", str(file), str(log), environment=environment))
        fetched = bare[-1].said
        return Report(rehearsal.said["records"], fetched["requests"], fetched["bytes"], collector, bare)


@contextmanager
def _tenant(records: int, latency: float) -> Iterator[dict[str, Any]]:
    """Start the tenant; it ends when its standard input does."""
    command = [sys.executable, "-m", "tests.bench.tenant", f"--records={records}", f"--latency={latency}"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        yield json.loads(process.stdout.readline())
        process.stdin.close()


def _collected(file: Path, environment: dict[str, str], log: Path) -> Measured:
    """Collect once; keep the request log and take the evidence away."""
    measured = _child("tests.bench.collecting", str(file), environment=environment)
    run = Path(measured.said["run"])
    if measured.said["exit_code"]:
        raise SystemExit(f"the collector ended with {measured.said['exit_code']}")
    shutil.copy(run / REQUESTS, log)
    shutil.rmtree(run)
    return measured


def _child(module: str, *arguments: str, environment: dict[str, str]) -> Measured:
    started = time.monotonic()
    with subprocess.Popen([sys.executable, "-m", module, *arguments], stdout=subprocess.PIPE, env=environment) as child:
        assert child.stdout is not None
        said = child.stdout.read()
        _, status, usage = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        raise SystemExit(f"{module} ended with {child.returncode}")
    cpu = usage.ru_utime + usage.ru_stime
    return Measured(json.loads(said), cpu, time.monotonic() - started, usage.ru_maxrss * _RSS_UNIT / _MIB)


def shown(report: Report) -> str:
    """Return the report as a small table."""
    per = 100_000 / report.records
    rows = [
        ("", "collector", "bare fetch"),
        ("seconds, first question to end", *_medians(report, lambda one: one.said["seconds"], "{:.2f}")),
        ("seconds, whole process", *_medians(report, lambda one: one.wall, "{:.2f}")),
        ("CPU seconds per 100,000 records", *_medians(report, lambda one: one.cpu * per, "{:.2f}")),
        ("peak memory, MiB", *_medians(report, lambda one: one.memory, "{:.0f}")),
    ]
    size = report.bytes / report.records
    lines = [
        f"ratio {report.ratio:.2f}   (median of {len(report.bare)} rounds)",
        f"{report.records} records in {report.requests} requests, {report.bytes} bytes, {size:.0f} bytes a record",
        f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}",
        *(f"{name:<34}{ours:>12}{theirs:>12}" for name, ours, theirs in rows),
    ]
    return "\n".join(lines) + "\n"


def _medians(report: Report, value: Any, form: str) -> tuple[str, str]:
    ours, theirs = (form.format(statistics.median(map(value, side))) for side in (report.collector, report.bare))
    return ours, theirs


def main() -> None:
    """Measure and show."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.collect", description=__doc__)
    parser.add_argument("--records", type=int, default=200_000, help="audit records, about 3 KB each")
    parser.add_argument("--concurrency", type=int, default=4, help="requests in flight")
    parser.add_argument("--rounds", type=int, default=3, help="how often each of the two is measured")
    parser.add_argument("--latency", type=float, default=LATENCY, help="seconds that an answer takes")
    sys.stdout.write(shown(bench(**vars(parser.parse_args()))))


if __name__ == "__main__":
    main()
