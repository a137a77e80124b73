"""What a run says of itself, read without lock or repair, while it is collected or long after.

Invariant: reading changes nothing and believes only the whole part of the journal's chain; what it says is not
verified (`verify` does that).
"""

from datetime import datetime
from pathlib import Path

import msgspec

from collector.errors import IntegrityError
from collector.evidence.coverage import Coverage, cover
from collector.evidence.journal import Commit, Opened, walk
from collector.evidence.layout import JOURNAL, PLAN, SEAL
from collector.evidence.lines import read_blocks
from collector.model import Plan


class Account(msgspec.Struct, frozen=True):
    """A run as its plan and journal tell it; `problems` says where they stop being readable, `torn` is no problem.

    `until` is where it was closed before its planned end, if it was.
    """

    path: Path
    opened: Opened
    plan: Plan
    commits: tuple[Commit, ...]
    sealed: bool
    torn: bool
    problems: tuple[str, ...]
    until: datetime | None = None

    @property
    def coverage(self) -> Coverage:
        """What it covers, as its plan and commits have it."""
        return cover(self.plan, self.commits, self.until)


def read(path: Path) -> Account:
    """Read the account of the run at `path`.

    Raises IntegrityError where the plan or the journal's first line cannot be read, DiskError.
    """
    found = walk(path)
    return Account(
        path=path,
        opened=found.opened,
        plan=read_plan(path),
        commits=found.commits,
        sealed=(path / SEAL).is_file(),
        torn=found.torn,
        problems=(f"{JOURNAL}: {found.problem}",) if found.problem else (),
        until=found.until,
    )


def read_plan(path: Path) -> Plan:
    """Read plan.json of the run at `path`; raises IntegrityError where it is not one, DiskError."""
    try:
        return msgspec.json.decode(b"".join(read_blocks(path / PLAN)), type=Plan)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise IntegrityError(f"{PLAN} cannot be read: {error}") from error
