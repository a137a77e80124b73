"""A run from beginning to end: which folder, which questions, and how it ends; design 1.3.

Invariants: one run at a time works on an engagement; an open run is taken up only with the same plan; the bag is
sealed when every slice is complete, empty or a gap, and only then.
"""

import hashlib
from collections.abc import Callable, Mapping
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

from collector.config import Engagement, Loaded, differences
from collector.config.differences import ASKED, ATTACKER
from collector.config.yamlfile import parse
from collector.errors import ExitCode, UsageError
from collector.evidence import (
    Commit,
    Coverage,
    Opening,
    RunFolder,
    Standing,
    cover,
    encode,
    find_runs,
    lock,
    read,
)
from collector.evidence.journal import Follows
from collector.evidence.layout import ENGAGEMENT, SEAL
from collector.model import IMPORT, Plan, Sought, Status
from collector.run import environment
from collector.run.connection import Connection, Seams
from collector.run.plan import gaps_plan, make_plan
from collector.run.registry import FEEDS
from collector.run.wiring import Job, collect, everything_left
from collector.sources import cmdlets
from collector.sources.cmdlets import Call

APART = frozenset({cmdlets.CMDLET, IMPORT})
"""Sources of runs that no engagement file asks for: each has a command of its own."""


class Result(NamedTuple):
    """How a run ended: its folder, what it covers, and the exit code that follows."""

    path: Path
    coverage: Coverage
    commits: tuple[Commit, ...]
    exit_code: ExitCode


Seek = Callable[[], Sought]
"""Looks in earlier evidence for what the engagement asks about; called only where a new run is planned."""


def run(loaded: Loaded, seams: Seams, *, new: bool = False, gaps_of: Path | None = None, seek: Seek = Sought) -> Result:
    """Collect what the engagement asks for; takes up an open run with the same plan, unless `new`.

    With `gaps_of` only that run's gaps and unsettled tail are asked for. Raises a CollectorError where the run could
    not be ended: it stays open then and can be taken up again.
    """

    def opened(connection: Connection) -> RunFolder:
        return _folder(loaded, seams, connection, seek, new=new, gaps_of=gaps_of)

    return _collected(loaded, seams, opened)


def run_cmdlet(loaded: Loaded, seams: Seams, cmdlet: str, parameters: Mapping[str, Any]) -> Result:
    """Ask one cmdlet, into a run of its own; takes up an open run of the same call.

    Raises UsageError for a cmdlet that does not only read, and as `run` does.
    """
    call = Call(cmdlet, parameters)
    sources = (cmdlets.planned(cmdlets.CMDLET, {cmdlets.part_of(call): call}),)
    folder = engagement_folder(loaded.engagement)

    def opened(connection: Connection) -> RunFolder:
        same = _open_run(loaded, folder, lambda plan: plan.sources == sources)
        if same is not None:
            return _resumed(same, loaded, seams, connection)
        plan = Plan(loaded.engagement.engagement, loaded.engagement.tenant, seams.clock.now(), sources)
        return _opened(loaded, folder, plan, seams, connection)

    return _collected(loaded, seams, opened)


def _collected(loaded: Loaded, seams: Seams, opened: Callable[[Connection], RunFolder]) -> Result:
    """Collect all that is left of the run that `opened` returns, and seal it."""
    engagement = loaded.engagement
    with (
        lock(engagement_folder(engagement)),
        Connection(engagement, seams) as connection,
        closing(opened(connection)) as run_folder,
    ):
        job = Job(engagement, run_folder, connection, seams.clock, seams.observer)
        collect(job, everything_left)
        return sealed(run_folder, engagement)


def engagement_folder(engagement: Engagement) -> Path:
    """Return the folder above all runs of an engagement."""
    return engagement.evidence.folder / engagement.engagement


def sealed(run_folder: RunFolder, engagement: Engagement, until: datetime | None = None) -> Result:
    """Seal a run of which every slice is settled, or is up to `until`, and tell how it ended."""
    coverage = cover(run_folder.plan, run_folder.commits, until)
    run_folder.seal(coverage=encode(coverage), bag_info=_bag_info(engagement, run_folder.plan), until=until)
    return Result(run_folder.path, coverage, run_folder.commits, exit_code_of(coverage))


def exit_code_of(coverage: Coverage) -> ExitCode:
    """Return what a sealed run ends with: 4 where a role was missing, 3 with other gaps, 0 without."""
    gaps = [slice_.reason or "" for slice_ in coverage.slices if slice_.status is Status.GAP]
    if any(reason.startswith("forbidden") for reason in gaps):
        return ExitCode.ACCESS
    return ExitCode.GAPS if gaps else ExitCode.COMPLETE


def _folder(
    loaded: Loaded, seams: Seams, connection: Connection, seek: Seek, *, new: bool, gaps_of: Path | None
) -> RunFolder:
    """Open the run to go on with, or a new one."""
    folder = engagement_folder(loaded.engagement)
    plan = None if gaps_of is None else _gaps_of(gaps_of, loaded)
    of_run = plan.gaps_of if plan else None
    found = None if new else _same_run(loaded, folder, of_run)
    if found is not None:
        return _resumed(found, loaded, seams, connection)
    if plan is not None:
        return _opened(loaded, folder, plan, seams, connection)
    return new_run(loaded, folder, seams, connection, seek)


def new_run(loaded: Loaded, folder: Path, seams: Seams, connection: Connection, seek: Seek = Sought) -> RunFolder:
    """Open a run for all that the engagement asks as of now; raises what a sign-in raises, with the run left open."""
    sought = seek()
    trouble = connection.ask_the_time()
    plan = make_plan(loaded.engagement, seams.clock.now(), connection.ahead, sought)
    run_folder = _opened(loaded, folder, plan, seams, connection)
    if trouble:
        run_folder.close()
        raise trouble
    return run_folder


def _resumed(path: Path, loaded: Loaded, seams: Seams, connection: Connection) -> RunFolder:
    run_folder = taken_up(path, loaded, seams)
    connection.log_to(run_folder)
    return run_folder


def _opened(loaded: Loaded, folder: Path, plan: Plan, seams: Seams, connection: Connection) -> RunFolder:
    run_folder = RunFolder.create(folder, opening(loaded, plan, seams), store=seams.store, clock=seams.clock)
    connection.log_to(run_folder)
    return run_folder


def opening(loaded: Loaded, plan: Plan, seams: Seams, follows: Follows | None = None) -> Opening:
    """Return what a run of this plan is opened with; `follows` is the run that it takes over from."""
    evidence = loaded.engagement.evidence
    return Opening(
        plan=plan,
        engagement=loaded.text,
        environment=environment.describe(seams.clock),
        compression=evidence.compression,
        chunk_bytes=evidence.chunk_bytes,
        follows=follows,
    )


def taken_up(path: Path, loaded: Loaded, seams: Seams, standing: Standing | None = None) -> RunFolder:
    """Take up a run that is not sealed. Raises as `RunFolder.resume` does."""
    note = {"engagement_sha256": hashlib.sha256(loaded.text).hexdigest()}
    return RunFolder.resume(path, store=seams.store, clock=seams.clock, key=key_of, note=note, standing=standing)


def key_of(source: str, line: bytes) -> tuple[bytes, bytes]:
    """Return what tells a line of evidence from others of its source, as `Row` has it."""
    return FEEDS[source].key(line)


def _gaps_of(path: Path, loaded: Loaded) -> Plan:
    """Return the plan for another run's gaps; raises UsageError where it was asked otherwise, or lacks nothing."""
    account = read(path)
    require_same(path, loaded)
    if account.plan.watch and not account.sealed:
        raise UsageError(f"{path} is still being collected by a watch", remedy="start `collector watch` to go on")
    plan = gaps_plan(account.plan, account.opened.run_id, account.coverage.slices)
    if not plan.sources:
        raise UsageError(f"{path} has no gap and no unsettled tail", remedy="nothing is left to ask for")
    return plan


def _same_run(loaded: Loaded, folder: Path, gaps_of: str | None) -> Path | None:
    """Return the newest open run that asks the same; raises UsageError where there are open runs but none does."""

    def alike(plan: Plan) -> bool:
        """Whether it is one of `collector run`, for the same gaps if any; what a watch has open is for the watch."""
        apart = any(source.source in APART for source in plan.sources)
        return plan.gaps_of == gaps_of and not plan.watch and not apart

    same = _open_run(loaded, folder, alike)
    others = () if same else _open_runs(folder, alike)
    for path in others[:1]:
        require_same(path, loaded)
    return same


def _open_run(loaded: Loaded, folder: Path, alike: Callable[[Plan], bool]) -> Path | None:
    """Return the newest open run of such a plan that was begun with the same engagement file."""
    return next((path for path in _open_runs(folder, alike) if not _changes(path, loaded)), None)


def _open_runs(folder: Path, alike: Callable[[Plan], bool]) -> list[Path]:
    """Return the open runs of such a plan, newest first."""
    open_runs = (path for path in reversed(find_runs(folder)) if not (path / SEAL).exists())
    return [path for path in open_runs if alike(read(path).plan)]


def require_same(path: Path, loaded: Loaded) -> None:
    """Raise UsageError, with the differences, where an open run was begun with another engagement file."""
    changes = _changes(path, loaded)
    if changes:
        raise UsageError(
            "\n  ".join([f"the run {path.name} was asked otherwise:", *changes]),
            remedy="change the engagement file back to go on from that run, or start another with --new",
        )


def _changes(path: Path, loaded: Loaded) -> list[str]:
    """Return what an engagement file asks otherwise than the one that an open run was begun with."""
    accessed = "accessed" in loaded.engagement.sources.audiences.values()
    return differences(_document(path), loaded.document, (*ASKED, ATTACKER) if accessed else ASKED)


def _document(path: Path) -> dict[str, Any]:
    """Return the plain values of the engagement file that an open run was started with."""
    return parse((path / ENGAGEMENT).read_bytes(), str(path / ENGAGEMENT)).values


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
