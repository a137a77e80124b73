"""How a cycle of a watch ended, as a value."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

import msgspec

from collector.errors import CollectorError, ExitCode
from collector.evidence import Commit
from collector.model import Status


class Outcome(msgspec.Struct, frozen=True):
    """How a cycle ended: `complete`, `gaps` or `failed`.

    `records` came in it, `late` of them for a time that had been asked for before; `gaps` are slices. `run` is the run
    that was open at its end, `sealed` are those that it closed.
    """

    number: int
    began: datetime
    ended: datetime
    outcome: str
    exit_code: int
    records: int
    late: int
    gaps: int
    run: str | None
    sealed: tuple[str, ...] = ()
    message: str | None = None
    remedy: str | None = None


class Course(NamedTuple):
    """What happened in a cycle: `code` is that of its failure."""

    number: int
    began: datetime
    commits: Sequence[Commit]
    run: str | None
    sealed: tuple[str, ...]
    failure: CollectorError | None
    code: ExitCode


def outcome_of(course: Course, ended: datetime) -> Outcome:
    """Put a cycle's course into words; a gap of a look-back is no gap of the cycle, for the time was asked before."""
    commits, failure = course.commits, course.failure
    gaps = [commit.reason or "" for commit in commits if commit.status is Status.GAP and not commit.recheck]
    forbidden = any(reason.startswith("forbidden") for reason in gaps)
    code = ExitCode.ACCESS if forbidden else ExitCode.GAPS if gaps else ExitCode.COMPLETE
    return Outcome(
        number=course.number,
        began=course.began,
        ended=ended,
        outcome="failed" if failure else "gaps" if gaps else "complete",
        exit_code=int(course.code if failure else code),
        records=sum(commit.records for commit in commits),
        late=sum(commit.records for commit in commits if commit.recheck),
        gaps=len(gaps),
        run=course.run,
        sealed=course.sealed,
        message=failure.message if failure else None,
        remedy=failure.remedy if failure else None,
    )
