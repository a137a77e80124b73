"""A run from beginning to end: which folder, which questions, and how it ends; design 1.3.

Invariants: one run at a time works on an engagement; an open run is taken up only with the same plan; the bag is
sealed when every slice is complete, empty or a gap, and only then.
"""

import hashlib
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

from collector.config import Engagement, Loaded, differences
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
from collector.model import Plan, Status
from collector.run import environment
from collector.run.connection import Connection, Seams
from collector.run.plan import gaps_plan, make_plan
from collector.run.registry import FEEDS
from collector.run.wiring import Job, collect, everything_left


class Result(NamedTuple):
    """How a run ended: its folder, what it covers, and the exit code that follows."""

    path: Path
    coverage: Coverage
    commits: tuple[Commit, ...]
    exit_code: ExitCode


def run(loaded: Loaded, seams: Seams, *, new: bool = False, gaps_of: Path | None = None) -> Result:
    """Collect what the engagement asks for; takes up an open run with the same plan, unless `new`.

    With `gaps_of` only that run's gaps and unsettled tail are asked for. Raises a CollectorError where the run could
    not be ended: it stays open then and can be taken up again.
    """
    engagement = loaded.engagement
    folder = engagement_folder(engagement)
    with (
        lock(folder),
        Connection(engagement, seams) as connection,
        closing(_folder(loaded, folder, seams, connection, new=new, gaps_of=gaps_of)) as run_folder,
    ):
        job = Job(engagement, run_folder, connection, seams.clock, seams.observer)
        collect(job, everything_left(run_folder))
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
    loaded: Loaded, folder: Path, seams: Seams, connection: Connection, *, new: bool, gaps_of: Path | None
) -> RunFolder:
    """Open the run to go on with, or a new one."""
    plan = None if gaps_of is None else _gaps_of(gaps_of, loaded)
    found = None if new else _open_run(loaded, folder, plan.gaps_of if plan else None)
    if found is not None:
        run_folder = taken_up(found, loaded, seams)
        connection.log_to(run_folder)
        return run_folder
    if plan is not None:
        return _opened(loaded, folder, plan, seams, connection)
    return new_run(loaded, folder, seams, connection)


def new_run(loaded: Loaded, folder: Path, seams: Seams, connection: Connection) -> RunFolder:
    """Open a run for all that the engagement asks as of now; raises what a sign-in raises, with the run left open."""
    trouble = connection.ask_the_time()
    plan = make_plan(loaded.engagement, seams.clock.now(), connection.ahead)
    run_folder = _opened(loaded, folder, plan, seams, connection)
    if trouble:
        run_folder.close()
        raise trouble
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


def _open_run(loaded: Loaded, folder: Path, gaps_of: str | None) -> Path | None:
    """Return the newest open run that asks the same; raises UsageError where there are open runs but none does."""
    open_runs = [path for path in reversed(find_runs(folder)) if not (path / SEAL).exists()]
    alike = [path for path in open_runs if _is_run(read(path).plan, gaps_of)]
    same = next((path for path in alike if not differences(_document(path), loaded.document)), None)
    if same is None and alike:
        require_same(alike[0], loaded)
    return same


def _is_run(plan: Plan, gaps_of: str | None) -> bool:
    """Whether a plan is that of `collector run`, for the same gaps if any; what a watch has open is for the watch."""
    return plan.gaps_of == gaps_of and not plan.watch


def require_same(path: Path, loaded: Loaded) -> None:
    """Raise UsageError, with the differences, where an open run was begun with another engagement file."""
    changes = differences(_document(path), loaded.document)
    if changes:
        raise UsageError(
            "\n  ".join([f"the run {path.name} was asked otherwise:", *changes]),
            remedy="change the engagement file back to go on from that run, or start another with --new",
        )


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
