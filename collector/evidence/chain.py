"""The chain between runs that take over from each other: each names the last line of the journal of the run before.

Invariants: changes nothing; what cannot be read is left to `verify`, which says so of the run itself.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import msgspec

from collector.errors import CollectorError
from collector.evidence.journal import Follows, walk
from collector.evidence.layout import SEAL
from collector.evidence.verify import Verification, printable


class Link(NamedTuple):
    """What a run says of the run before: `problems` are breaches of integrity, `notes` what could not be compared."""

    problems: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


class _Run(NamedTuple):
    path: Path
    end: Follows
    sealed: bool
    follows: Follows | None


def last_line(run: Path) -> Follows:
    """Return what the run after this one says that it follows; raises IntegrityError or DiskError."""
    found = walk(run)
    return Follows(found.opened.run_id, found.last)


def links(paths: Iterable[Path]) -> dict[Path, Link]:
    """Compare each run that follows another with that one, where it is among them; a run that follows none is left out.

    Of several runs with one id (copies) it is enough that one is what was followed.
    """
    runs = tuple(run for path in paths if (run := _read(path)))
    return {run.path: _link(run.follows, runs) for run in runs if run.follows}


def chained(verification: Verification, link: Link | None) -> Verification:
    """Return what verifying a run has shown, with what it says of the run before."""
    if link is None:
        return verification
    problems, notes = verification.problems + link.problems, verification.notes + link.notes
    return msgspec.structs.replace(verification, problems=problems, notes=notes)


def _read(path: Path) -> _Run | None:
    try:
        found = walk(path)
        end = Follows(found.opened.run_id, found.last)
    except CollectorError:
        return None
    return _Run(path, end, (path / SEAL).is_file(), found.opened.follows)


def _link(follows: Follows, runs: Iterable[_Run]) -> Link:
    before = [run for run in runs if run.end.run_id == follows.run_id]
    name = printable(follows.run_id)
    if not before:
        return Link(notes=(f"follows {name}, which is not here",))
    ends = [run for run in before if run.end == follows]
    if not ends:
        return Link(problems=(f"follows {name}, whose journal does not end as it did then",))
    if not any(run.sealed for run in ends):
        return Link(problems=(f"follows {name}, which is not sealed",))
    return Link()
