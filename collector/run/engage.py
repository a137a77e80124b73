"""A run from beginning to end: which folder, which questions, which sources, and how it ends; design 1.3.

Invariants: one run at a time works on an engagement; an open run is taken up only with the same plan; the bag is
sealed when every slice is complete, empty or a gap, and only then.
"""

import hashlib
from collections.abc import Callable, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple

from collector import config
from collector.auth import MsalHttp, SignIn
from collector.clock import Clock
from collector.config import Engagement, Limits, Loaded, Network, differences
from collector.config.yamlfile import parse
from collector.errors import ExitCode, UsageError
from collector.evidence import Commit, Coverage, Opening, RunFolder, Store, cover, encode, find_runs, lock, remaining
from collector.evidence.layout import ENGAGEMENT, SEAL
from collector.http.client import Client
from collector.http.limiter import Gate
from collector.http.transport import Transport
from collector.model import Plan, SourcePlan, Status, iso
from collector.run import environment
from collector.run.collect import Collection
from collector.run.crew import Gang, run_all
from collector.run.observe import Observer
from collector.run.outage import Lifeline
from collector.run.plan import horizon_of, make_plan, slices_of
from collector.run.task import Task
from collector.sources import message_trace, unified_audit_log
from collector.sources.base import Source
from collector.sources.exchange import Bridge
from collector.sources.message_trace import MessageTrace
from collector.sources.unified_audit_log import UnifiedAuditLog


class Seams(NamedTuple):
    """What a run reaches the world through; tests give fakes."""

    clock: Clock
    store: Store
    transport: Callable[[Network, int], Transport]
    """Makes the way to the APIs for so many connections at once."""
    ask: Callable[[str], str]
    """Asks the operator for a secret."""
    observer: Observer


class Result(NamedTuple):
    """How a run ended: its folder, what it covers, and the exit code that follows."""

    path: Path
    coverage: Coverage
    commits: tuple[Commit, ...]
    exit_code: ExitCode


def run(loaded: Loaded, seams: Seams, *, new: bool) -> Result:
    """Collect what the engagement asks for; takes up an open run with the same plan, unless `new`.

    Raises a CollectorError where the run could not be ended: it stays open then and can be taken up again.
    """
    engagement = loaded.engagement
    folder = engagement.evidence.folder / engagement.engagement
    with lock(folder), closing(_folder(loaded, folder, seams, new=new)) as run_folder:
        _collect(engagement, run_folder, seams)
        coverage = cover(run_folder.plan, run_folder.commits)
        run_folder.seal(coverage=encode(coverage), bag_info=_bag_info(engagement, run_folder.plan))
        return Result(run_folder.path, coverage, run_folder.commits, exit_code_of(run_folder.commits))


def exit_code_of(commits: tuple[Commit, ...]) -> ExitCode:
    """Return what a sealed run ends with: 4 where a role was missing, 3 with other gaps, 0 without."""
    gaps = [commit.reason or "" for commit in commits if commit.status is Status.GAP]
    if any(reason.startswith("forbidden") for reason in gaps):
        return ExitCode.ACCESS
    return ExitCode.GAPS if gaps else ExitCode.COMPLETE


def _folder(loaded: Loaded, folder: Path, seams: Seams, *, new: bool) -> RunFolder:
    """Open the run to go on with, or a new one."""
    found = None if new else _open_run(loaded, folder)
    if found is not None:
        note = {"engagement_sha256": hashlib.sha256(loaded.text).hexdigest()}
        return RunFolder.resume(found, store=seams.store, clock=seams.clock, key=_key, note=note)
    evidence = loaded.engagement.evidence
    opening = Opening(
        plan=make_plan(loaded.engagement, seams.clock.now()),
        engagement=loaded.text,
        environment=environment.describe(seams.clock),
        compression=evidence.compression,
        chunk_bytes=evidence.chunk_bytes,
    )
    return RunFolder.create(folder, opening, store=seams.store, clock=seams.clock)


def _open_run(loaded: Loaded, folder: Path) -> Path | None:
    """Return the newest open run that asks the same; raises UsageError where there are open runs but none does."""
    changed: list[str] = []
    for path in reversed(find_runs(folder)):
        if (path / SEAL).exists():
            continue
        changes = differences(_document(path), loaded.document)
        if not changes:
            return path
        changed = changed or [f"{path.name} is open and was asked otherwise:", *changes]
    if changed:
        raise UsageError(
            "\n  ".join(changed),
            remedy="change the engagement file back to go on with that run, or start another with --new",
        )
    return None


def _document(path: Path) -> dict[str, Any]:
    """Return the plain values of the engagement file that an open run was started with."""
    return parse((path / ENGAGEMENT).read_bytes(), str(path / ENGAGEMENT)).values


SOURCES: Mapping[str, Callable[[Bridge, Engagement], Source]] = {
    UnifiedAuditLog.name: lambda bridge, engagement: UnifiedAuditLog(
        bridge, engagement.sources.unified_audit_log or config.UnifiedAuditLog()
    ),
    MessageTrace.name: lambda bridge, _: MessageTrace(bridge),
}
"""How each source is made; all of them speak through the cmdlet bridge so far."""

KEYS: Mapping[str, Callable[[bytes], tuple[bytes, bytes]]] = {
    UnifiedAuditLog.name: unified_audit_log.key,
    MessageTrace.name: message_trace.key,
}
"""What tells a source's records from each other."""


def _key(source: str, line: bytes) -> tuple[bytes, bytes]:
    return KEYS[source](line)


def _collect(engagement: Engagement, run_folder: RunFolder, seams: Seams) -> None:
    """Ask for all that is left of the plan."""
    sign_in = _sign_in(engagement, run_folder, seams)
    planned = [(one, engagement.limits_of(one.source)) for one in run_folder.plan.sources]
    transport = seams.transport(engagement.network, sum(limits.concurrency for _, limits in planned))
    sign_in.token(engagement.cloud.exchange)
    gangs: list[Gang[Task]] = []
    collections: list[Collection] = []
    for one, limits in planned:
        client = Client(
            transport=transport,
            sign_in=sign_in,
            gate=Gate(concurrency=limits.concurrency, rate=limits.rate, clock=seams.clock),
            limits=limits,
            clock=seams.clock,
            log=run_folder.log,
            waiting=seams.observer.waiting,
        )
        source = SOURCES[one.source](Bridge(client, sign_in, engagement.cloud.exchange), engagement)
        collection = _collection(one, source, client, run_folder, seams, limits=limits)
        left = remaining(one, run_folder.commits)
        tasks = collection.tasks(slices_of(one, left, horizon_of(source, seams.clock.now()), source.longest))
        gangs.append(Gang(collection.work, limits.concurrency, tasks))
        collections.append(collection)
    run_all(gangs, seams.clock)
    for collection in collections:
        collection.finish()


def _collection(
    planned: SourcePlan, source: Source, client: Client, run_folder: RunFolder, seams: Seams, *, limits: Limits
) -> Collection:
    assert planned.window is not None  # noqa: S101 - both sources have one
    clock, observer = seams.clock, seams.observer
    lifeline = Lifeline(source, client, planned.window, limits=limits, clock=clock, observer=observer)
    return Collection(source, run_folder, lifeline, limits=limits, clock=clock, observer=observer)


def _sign_in(engagement: Engagement, run_folder: RunFolder, seams: Seams) -> SignIn:
    """Return the sign-in, whose own requests stand in the request log too."""

    def on_request(method: str, address: str, status: int | None, milliseconds: float) -> None:
        entry = {"time": iso(seams.clock.now()), "purpose": "sign-in", "method": method, "address": address}
        run_folder.log({**entry, "status": status, "milliseconds": round(milliseconds)})

    http = MsalHttp(engagement, clock=seams.clock, on_request=on_request)
    return SignIn(engagement, clock=seams.clock, http=http, ask=seams.ask, tell=seams.observer.notice)


def _bag_info(engagement: Engagement, plan: Plan) -> dict[str, str]:
    """Return the reserved and other elements that say whose case it is. Source: RFC 8493 section 2.2.2."""
    case = engagement.case
    elements = {
        "Source-Organization": case.organisation,
        "Contact-Name": case.operator,
        "External-Identifier": case.reference,
        "Case-Authority": case.authority,
        "External-Description": f"Evidence of engagement {plan.engagement} at tenant {plan.tenant}",
        "Internal-Sender-Identifier": plan.engagement,
    }
    return {name: value for name, value in elements.items() if value}
