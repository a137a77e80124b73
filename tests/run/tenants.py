"""Runs against the simulated tenant, inside this process."""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import yaml

from collector import network
from collector.clock import SystemClock
from collector.config import load
from collector.evidence import Commit, Store, lines, read
from collector.http.transport import RequestsTransport
from collector.model import Slice, Sought
from collector.run.connection import Seams
from collector.run.engage import Result, run, run_cmdlet
from collector.run.plan import NOTHING
from collector.simulator import SECRET_VARIABLE, Scenario, SimulatedTenant, takeover
from tests.week import last_wednesday

END = last_wednesday()
START = END - timedelta(days=4)
STORY = takeover(seed=7, start=START, days=4, records=400, traces=300)
QUICK = {"first_wait": "5ms", "longest_wait": "20ms", "patience": "2s"}


class Quiet:
    """An observer that shows nothing."""

    def planned(self, slices: int) -> None: ...
    def rows(self, slice_: Slice, count: int) -> None: ...
    def waiting(self, why: str, seconds: float) -> None: ...
    def committed(self, commit: Commit) -> None: ...
    def notice(self, text: str) -> None: ...


@contextmanager
def tenant(scenario: Scenario = STORY, **more: Any) -> Iterator[SimulatedTenant]:
    """Serve a scenario, and let this process know its secret."""
    with SimulatedTenant(scenario, **more) as served:
        os.environ[SECRET_VARIABLE] = served.client_secret
        yield served


def engagement_file(served: SimulatedTenant, folder: Path, **changes: Any) -> Path:
    """Write the engagement file of a tenant; evidence goes beside it."""
    usual = {"evidence": {"folder": "./evidence"}, "limits": {"default": QUICK}}
    file = folder / "engagement.yaml"
    file.write_text(yaml.safe_dump(served.engagement(**{**usual, **changes})), encoding="utf-8")
    return file


def collect(file: Path, *, new: bool = False, gaps_of: Path | None = None, sought: Sought = NOTHING) -> Result:
    """Run an engagement file with the real seams; `sought` is what earlier evidence names."""
    seams = real_seams()
    return run(load(file, now=seams.clock.now()), seams, new=new, gaps_of=gaps_of, seek=lambda: sought)


def ask_cmdlet(file: Path, cmdlet: str, **parameters: Any) -> Result:
    """Ask one cmdlet with the real seams."""
    seams = real_seams()
    return run_cmdlet(load(file, now=seams.clock.now()), seams, cmdlet, parameters)


def real_seams() -> Seams:
    """Return this machine's disk, network and clock."""
    clock = SystemClock()
    return Seams(
        clock=clock,
        store=Store(),
        transport=lambda settings, pool: RequestsTransport(
            network.session(settings, pool=pool), clock=clock, deadline=60
        ),
        ask=lambda label: "",
        observer=Quiet(),
    )


def identities(*runs: Path) -> list[str]:
    """Return the Identity of every audit record in some runs."""
    return sorted(json.loads(line)["Identity"] for line in _lines(runs, "unified-audit-log"))


def traces(*runs: Path) -> list[bytes]:
    """Return every trace row in some runs."""
    return sorted(_lines(runs, "message-trace"))


def wanted(scenario: Scenario = STORY) -> list[str]:
    """Return the Identity of every record that the engagement asks for."""
    return sorted(row.identity for row in scenario.audit_rows if row.operation == "MailItemsAccessed")


def rows(path: Path, part: str) -> list[dict[str, Any]]:
    """Return every row of one part of a run's sources."""
    return [json.loads(line) for line in _lines((path,), part=part)]


def _lines(runs: tuple[Path, ...], source: str | None = None, part: str | None = None) -> Iterator[bytes]:
    for path in runs:
        for commit in read(path).commits:
            if source in (None, commit.source) and part in (None, commit.part):
                for chunk in commit.chunks:
                    yield from lines(path, chunk)
