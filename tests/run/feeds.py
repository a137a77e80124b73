"""Runs against a tenant's activity feed, inside this process: tenant and collector live by one clock, which jumps."""

import json
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

from collector import network
from collector.config import Limits, ManagementActivity, load
from collector.evidence import Commit, Coverage, Opening, RunFolder, SliceCoverage, Store, cover, lines, read
from collector.http.transport import Received, RequestsTransport, Sent, Transport
from collector.model import Axis, Blob, Plan, Slice, SourcePlan, Status, Window
from collector.run.connection import Seams
from collector.run.content import ContentCollection
from collector.run.crew import Gang, run_all
from collector.run.engage import Result, run
from collector.run.outage import Lifeline
from collector.simulator import CONTENT_TYPES, ContentBlob, Fault, Faults, Feed, Seen, SimulatedTenant
from collector.simulator.conditions import AUDIT, CONTENT
from collector.sources.management_activity import ManagementActivity as Source
from tests.fakes import API, TENANT, FakeClock, Line, Scripted, received
from tests.run.tenants import STORY, Quiet, engagement_file, tenant

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
HOUR, DAY, SECOND = timedelta(hours=1), timedelta(days=1), timedelta(seconds=1)
EXCHANGE, AZURE = "Audit.Exchange", "Audit.AzureActiveDirectory"
LONG_AGO = dict.fromkeys(CONTENT_TYPES, NOW - 365 * DAY)
ONE_AFTER_ANOTHER = {"concurrency": 1}


def made(number: int, *, age: timedelta | None = None, kind: str = EXCHANGE, **more: Any) -> ContentBlob:
    """Make up a blob of three records, `number` hours and a half old unless its age is given."""
    records = tuple(f'{{"Id":"{kind}-{number}-{n}"}}' for n in range(3))
    created = NOW - (HOUR * (number + 0.5) if age is None else age)
    name = f"{number:03}${kind}$x$X"
    return replace(ContentBlob(kind, name, created, created + 20 * DAY, records), **more)


def hourly(hours: int = 7 * 24, kind: str = EXCHANGE) -> list[ContentBlob]:
    """Make up a blob for each hour before now."""
    return [made(number, kind=kind) for number in range(hours)]


def feed(*blobs: ContentBlob, **more: Any) -> Feed:
    return Feed(blobs, **{"subscriptions": LONG_AGO, **more})


class Unhurried:
    """A transport of which each answer takes a millisecond, since what happens at one moment has no order."""

    def __init__(self, inner: Transport, clock: FakeClock) -> None:
        self._inner = inner
        self._clock = clock

    def send(self, sent: Sent) -> Received:
        self._clock.move(0.001)
        return self._inner.send(sent)


class Notices(Quiet):
    """An observer that remembers what the operator was told, and stops the run after so many commits."""

    def __init__(self, clock: FakeClock, stop_after: int | None) -> None:
        self._clock = clock
        self._left = stop_after
        self.told: list[str] = []

    def notice(self, text: str) -> None:
        self.told.append(text)

    def committed(self, commit: Commit) -> None:
        if self._left is not None:
            self._left -= 1
            if self._left <= 0:
                self._clock.stop()


@dataclass
class Case:
    """A tenant with a feed, and an engagement that asks for it; `ours` is the collector's clock."""

    tenant: SimulatedTenant
    folder: Path
    ours: FakeClock
    told: list[str] = field(default_factory=list)

    def collect(
        self,
        *,
        limits: Any = None,
        sources: Any = None,
        stop_after: int | None = None,
        gaps_of: Path | None = None,
        **asked: Any,
    ) -> Result:
        """Run the engagement; `asked` are keys of management-activity."""
        activity = {"content_types": [EXCHANGE], "window": {"last": "1d"}, **asked}
        quick = {"first_wait": "5s", "longest_wait": "20s", "patience": "2m", "attempts": 2, **(limits or {})}
        file = engagement_file(
            self.tenant,
            self.folder,
            sources={"management-activity": activity, **(sources or {})},
            limits={"default": quick},
        )
        observer = Notices(self.ours, stop_after)
        seams = Seams(
            clock=self.ours,
            store=Store(),
            transport=lambda settings, pool: Unhurried(
                RequestsTransport(network.session(settings, pool=pool), clock=self.ours, deadline=60), self.ours
            ),
            ask=lambda label: "",
            observer=observer,
        )
        try:
            return run(load(file, now=self.ours.now()), seams, gaps_of=gaps_of)
        finally:
            self.told += observer.told

    @property
    def asked(self) -> list[Seen]:
        """What the feed was asked so far."""
        return [seen for seen in self.tenant.requests if "/activity/feed/" in seen.path]

    def listings(self) -> list[tuple[datetime, datetime]]:
        """Return the window of each listing that was asked for."""
        queries = [
            {key.lower(): value for key, value in seen.query.items()}
            for seen in self.asked
            if seen.path.endswith(CONTENT)
        ]
        return [(moment(query["starttime"]), moment(query["endtime"])) for query in queries]

    def fetched(self) -> list[str]:
        """Return the contentId of each blob that was asked for, in the order of asking."""
        return [seen.path.partition(f"/{AUDIT}/")[2] for seen in self.asked if f"/feed/{AUDIT}/" in seen.path]

    def posted(self) -> list[str]:
        return [seen.path.rpartition("/feed/")[2] for seen in self.asked if seen.method != "GET"]


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@contextmanager
def case(folder: Path, feed_: Feed, *faults: Fault, ours: timedelta = timedelta(0), **more: Any) -> Iterator[Case]:
    """Serve a feed; `ours` is how far the collector's clock is ahead of the tenant's."""
    clock = FakeClock(NOW + ours)
    with tenant(STORY, feed=feed_, faults=Faults(faults), now=lambda: clock.now() - ours, **more) as served:
        yield Case(served, folder, clock)


def records(*runs: Path) -> list[bytes]:
    """Return every record of the feed in some runs, in order."""
    commits = [(path, commit) for path in runs for commit in read(path).commits]
    return sorted(line for path, commit in commits for chunk in commit.chunks for line in lines(path, chunk))


def held(*blobs: ContentBlob) -> list[bytes]:
    """Return every record that blobs hold, in order, as the tenant gives it."""
    return sorted(str(record).encode("utf-8", "backslashreplace") for blob in blobs for record in blob.records)


def told_of(*runs: Path) -> dict[str, list[Blob]]:
    """Return what the journals say of each blob, by its contentId."""
    said: dict[str, list[Blob]] = {}
    for path in runs:
        for commit in read(path).commits:
            for blob in commit.blobs:
                said.setdefault(blob.content_id, []).append(blob)
    return said


def outcomes(path: Path) -> Counter[str]:
    return Counter(blob.outcome for blobs in told_of(path).values() for blob in blobs)


def gaps(result: Result) -> list[SliceCoverage]:
    return [one for one in result.coverage.slices if one.status is Status.GAP]


def started(path: Path) -> list[str | None]:
    """Return what the journal says was started."""
    found = [json.loads(line) for line in (path / "custody/journal.jsonl").read_bytes().splitlines()]
    return [entry["part"] for entry in found if entry["event"] == "started"]


FEED = f"{API}/api/v1.0/{TENANT}/activity/feed"


def entry(name: str = "a$a", at: datetime = NOW - HOUR, **more: object) -> dict[str, object]:
    """Make up what a listing says of a blob."""
    said = {"contentId": name, "contentUri": f"{FEED}/audit/{name}", "contentCreated": f"{at:%Y-%m-%dT%H:%M:%S}.250Z"}
    return {"contentType": EXCHANGE, **said, **more}


class Desk:
    """One part of a feed, one folder, one thread; the answers come from a script instead of a tenant."""

    def __init__(
        self,
        tmp: Path,
        listing: bytes | list[object],
        blob: Callable[[Sent], Scripted],
        *,
        ahead: timedelta = timedelta(0),
    ) -> None:
        self._ahead = ahead
        self.window = Window(NOW - DAY, NOW)
        self._listing, self._blob = listing, blob
        self.line = Line(self._answer, clock=FakeClock(NOW), limits=Limits(attempts=2))
        asked = ManagementActivity(content_types=(EXCHANGE,))
        self.source = Source(self.line.client, self.line.sign_in, API, asked, clock=self.line.clock)
        self.planned = SourcePlan("management-activity", Axis.AVAILABLE, self.window, (EXCHANGE,), {})
        opening = Opening(
            plan=Plan("contoso", TENANT, NOW, (self.planned,)),
            engagement=b"{}",
            environment={},
            compression="gzip",
            chunk_bytes=1 << 20,
        )
        self.folder = RunFolder.create(tmp / "contoso", opening, store=Store(), clock=self.line.clock)

    def collect(self, *windows: Window, recheck: bool = False) -> Coverage:
        """Ask for some windows, the day as one where none is named, as a run or a cycle of a watch does."""
        given = {"limits": self.line.limits, "clock": self.line.clock, "observer": Quiet()}
        lifeline = Lifeline(self.source, self.line.client, self.window, **given)
        collection = ContentCollection(self.source, self.folder, lifeline, **given)
        slices = [Slice("management-activity", EXCHANGE, Axis.AVAILABLE, window) for window in windows or [self.window]]
        run_all([Gang(collection.work, 1, collection.tasks(slices, recheck=recheck))], self.line.clock)
        collection.finish()
        return cover(self.folder.plan, self.folder.commits)

    @property
    def got(self) -> list[str]:
        """The addresses that were asked for, listings aside."""
        return [sent.address for sent in self.line.transport.sent if "/subscriptions/" not in sent.address]

    @property
    def blobs(self) -> list[Blob]:
        return [blob for commit in self.folder.commits for blob in commit.blobs]

    @property
    def rows(self) -> list[bytes]:
        chunks = [chunk for commit in self.folder.commits for chunk in commit.chunks]
        return [line for chunk in chunks for line in lines(self.folder.path, chunk)]

    def _answer(self, sent: Sent) -> Scripted:
        self.line.clock.move(0.001)
        date = {"date": format_datetime(self.line.clock.now() + self._ahead)}
        if "/subscriptions/list" in sent.address:
            return received(200, [{"contentType": EXCHANGE, "status": "enabled", "webhook": None}], **date)
        return received(200, self._listing, **date) if "/subscriptions/" in sent.address else self._blob(sent)
