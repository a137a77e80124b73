"""Watches over the simulated tenant, inside this process, by one clock that nobody waits for."""

import errno
import json
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from collector import network
from collector.clock import Clock
from collector.config import load
from collector.errors import ExitCode
from collector.evidence import Account, Store, find_runs, lines, links, read, verify
from collector.evidence.chain import Link
from collector.evidence.store import DiskFile, SystemDisk
from collector.http.transport import RequestsTransport
from collector.model import utc
from collector.run.connection import Seams
from collector.run.observe import Observer
from collector.run.outcome import Outcome
from collector.run.watch import Rhythm, watch
from collector.simulator import Scenario, SimulatedTenant, takeover
from tests.fakes import FakeClock
from tests.run.tenants import Quiet, engagement_file, tenant

HOUR = timedelta(hours=1)
START = datetime(2026, 11, 10, 0, tzinfo=UTC)
AUDIT, TRACE, FEED = "unified-audit-log", "message-trace", "management-activity"
ALL_SOURCES = {
    AUDIT: {"operations": []},
    TRACE: {"for": "tenant"},
    FEED: {"content_types": ["Audit.Exchange", "Audit.AzureActiveDirectory"]},
}
PATIENT = {"first_wait": "2s", "longest_wait": "60s", "patience": "5m", "attempts": 3}


class FillingDisk(SystemDisk):
    """The machine's disk, never synced since no power is cut here, which takes no more while it is `full`."""

    def __init__(self) -> None:
        self.full = False

    def check(self) -> None:
        if self.full:
            raise OSError(errno.ENOSPC, "No space left on device")

    def sync_folder(self, path: Path) -> None: ...

    def create(self, path: Path) -> DiskFile:
        self.check()
        return FillingFile(super().create(path), self)

    def extend(self, path: Path) -> DiskFile:
        return FillingFile(super().extend(path), self)


class FillingFile:
    """A file on it."""

    def __init__(self, file: DiskFile, disk: FillingDisk) -> None:
        self._file = file
        self._disk = disk
        self.close = file.close

    def sync(self) -> None: ...

    def write(self, data: bytes) -> int:
        self._disk.check()
        return self._file.write(data)


def story(days: float = 1, records: int = 60, traces: int = 40, seed: int = 3) -> Scenario:
    return takeover(seed=seed, start=START, days=days, records=records, traces=traces)


@dataclass
class Watched:
    """A tenant, an engagement, and the watches over it; `clock` is the tenant's, the collector's may differ."""

    tenant: SimulatedTenant
    folder: Path
    clock: FakeClock
    outcomes: list[Outcome] = field(default_factory=list)
    disk: FillingDisk = field(default_factory=FillingDisk)
    observer: Observer = field(default_factory=Quiet)
    more: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.write()

    def write(self, **changes: Any) -> None:
        """Write the engagement file, with what is changed from the usual."""
        usual = {"sources": ALL_SOURCES, "window": {"last": "1d"}, "limits": {"default": PATIENT}}
        self.file = engagement_file(self.tenant, self.folder, **{**usual, **self.more, **changes})

    @property
    def engagement(self) -> Path:
        return self.folder / "evidence" / "contoso-takeover"

    def watch(
        self,
        lasts: float | None = None,
        *,
        every: float = 3600,
        seal_every: float = 86400,
        new: bool = False,
        clock: Clock | None = None,
        then: Callable[[Outcome], object] = bool,
    ) -> ExitCode:
        """Watch for so many seconds; `then` is told of each cycle. The rest between cycles is cut short."""
        own = clock or self.clock

        def tell(outcome: Outcome) -> None:
            self.outcomes.append(outcome)
            then(outcome)
            if own is self.clock:
                self._leap()

        seams = Seams(
            clock=own,
            store=Store(self.disk),
            transport=lambda settings, pool: RequestsTransport(
                network.session(settings, pool=pool), clock=own, deadline=60
            ),
            ask=lambda label: "",
            observer=self.observer,
        )
        return watch(load(self.file, now=own.now()), seams, Rhythm(every, lasts, seal_every), tell, new=new)

    @property
    def runs(self) -> Sequence[Account]:
        return [read(path) for path in find_runs(self.engagement)]

    def _leap(self) -> None:
        """Let the time pass, nearly up to the next cycle."""
        if next_cycle := utc(self.beat()["next_cycle"]):
            self.clock.move(max(0.0, (next_cycle - self.clock.now()).total_seconds() - 40))

    def beat(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads((self.engagement / "heartbeat.json").read_bytes())
        return found


@contextmanager
def watched(
    folder: Path, scenario: Scenario | None = None, *, start: datetime = START, **how: Any
) -> Iterator[Watched]:
    """Serve a scenario by a clock that begins at `start`; `how` is for the tenant, `more` changes the engagement."""
    more, clock = how.pop("more", {}), FakeClock(start)
    with tenant(scenario or story(), now=clock.now, **how) as served:
        yield Watched(served, folder, clock, more=more)


def rows(runs: Sequence[Account], source: str) -> list[bytes]:
    """Return every line of a source, in the order in which it was committed."""
    return [
        line
        for run in runs
        for commit in run.commits
        if commit.source == source
        for chunk in commit.chunks
        for line in lines(run.path, chunk)
    ]


def identities(runs: Sequence[Account]) -> Counter[str]:
    return Counter(json.loads(line)["Identity"] for line in rows(runs, AUDIT))


def audit_in(watch: Watched) -> set[str]:
    """Return what the tenant's audit log tells by now of the time that was watched."""
    now = watch.clock.now()
    return {
        row.identity
        for row in watch.tenant.scenario.audit_rows
        if row.created < now and (row.known_from or row.created) <= now
    }


def traces(runs: Sequence[Account]) -> Counter[tuple[str, ...]]:
    names = ("MessageTraceId", "RecipientAddress", "Received", "Status")
    return Counter(tuple(json.loads(line)[name] for name in names) for line in rows(runs, TRACE))


def feed_ids(runs: Sequence[Account]) -> set[str]:
    return {json.loads(line)["Id"] for line in rows(runs, FEED)}


def blobs(runs: Sequence[Account]) -> Counter[str]:
    """Count how often each blob was fetched."""
    commits = (commit for run in runs for commit in run.commits)
    return Counter(blob.content_id for commit in commits for blob in commit.blobs if blob.outcome == "fetched")


def assert_sound(runs: Sequence[Account], *, sealed: bool = True) -> None:
    """Each run verifies and follows the one before it."""
    for run in runs:
        assert verify(run.path).problems == ()
        assert run.sealed or not sealed
    chain = links([run.path for run in runs])
    assert set(chain) == {run.path for run in runs[1:]}
    assert set(chain.values()) <= {Link()}


def assert_joined(runs: Sequence[Account]) -> None:
    """What the runs cover joins, source by source and part by part, without hole or overlap."""
    edges: dict[tuple[str, str | None], datetime | None] = {}
    for run in runs:
        for one in run.coverage.slices:
            key = (one.source, one.part)
            assert edges.get(key, one.start) == one.start, (run.path.name, one)
            edges[key] = one.end
