"""Where things are in an engagement's folder and in a run (design 1.3), and who may work there.

Invariant: a name made here is safe on Windows, and two parts of a source never share a folder.
"""

import hashlib
import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

import filelock

from collector.errors import IntegrityError, LockedError
from collector.evidence.store import Store, disk_errors

DATA, STAGING, CUSTODY, QUARANTINE, SIGNATURES = "data", "staging", "custody", "quarantine", "signatures"
JOURNAL = "custody/journal.jsonl"
REQUESTS = "custody/requests.jsonl"
PLAN = "custody/plan.json"
ENVIRONMENT = "custody/environment.json"
ENGAGEMENT = "custody/engagement.yaml"
COVERAGE = "custody/coverage.json"
CUSTODY_FILES = (COVERAGE, ENGAGEMENT, ENVIRONMENT, JOURNAL, PLAN, REQUESTS)
SEAL = "bagit.txt"
UNREAD = "unread"
INDEX = "watch-index.sqlite"

_LOCK = ".lock"
_RUN = re.compile(r"(\d{8}T\d{6}Z)(?:-(\d+))?")
_PLAIN = re.compile(r"[a-z0-9@-]+(\.[a-z0-9@-]+)*")
_LONGEST = 64
_RESERVED = {"con", "prn", "aux", "nul", UNREAD, *(f"{port}{n}" for port in ("com", "lpt") for n in range(10))}
_PAYLOAD = re.compile(r"data(/[a-z0-9@_-][a-z0-9@._-]*)+")


def folder_name(part: str) -> str:
    """Name the folder of a source or part: itself where that is safe, else what is, `_` and a digest."""
    if _PLAIN.fullmatch(part) and len(part) <= _LONGEST and part.split(".", maxsplit=1)[0] not in _RESERVED:
        return part
    safe = re.sub(r"[^a-z0-9@]+", "-", part.lower())[:_LONGEST].strip("-")
    digest = hashlib.sha256(part.encode("utf-8", "surrogatepass")).hexdigest()[:12]
    return f"{safe}_{digest}"


def data_folder(source: str, part: str | None) -> str:
    """Return the folder of a source's part, below the run, with forward slashes."""
    above = f"{DATA}/{folder_name(source)}"
    return above if part is None else f"{above}/{folder_name(part)}"


def payload_path(run: Path, path: str) -> Path:
    """Return the file that a journal calls `path`; raises IntegrityError where that is not a plain file's in data/."""
    if not _PAYLOAD.fullmatch(path):
        raise IntegrityError(f"{path!r} is not a path in data/")
    found = run
    for name in path.split("/"):
        found = found / name
        if found.is_symlink():
            raise IntegrityError(f"{path} is reached by a symbolic link")
    return found


def free_name(folder: Path, moment: datetime) -> Path:
    """Return a path in `folder` named for the time (UTC), with -2, -3 … where that is taken."""
    stamp = f"{moment:%Y%m%dT%H%M%SZ}"
    path, count = folder / stamp, 1
    with disk_errors(path):
        while path.exists():
            count += 1
            path = folder / f"{stamp}-{count}"
    return path


def find_runs(folder: Path) -> tuple[Path, ...]:
    """Return the runs that `folder` is or holds at any depth, oldest first in each folder; () where there is none.

    A run that was never opened has no journal and does not count; a sealed one that lost its journal does.
    """
    if (folder / JOURNAL).is_file() or (folder / SEAL).is_file():
        return (folder,)
    below = sorted((entry for entry in folder.iterdir() if _enterable(entry)), key=_age)
    return tuple(run for entry in below for run in find_runs(entry))


def _enterable(path: Path) -> bool:
    return path.is_dir() and not path.is_symlink()


def _age(path: Path) -> tuple[str, int]:
    match = _RUN.fullmatch(path.name)
    return (match[1], int(match[2] or 1)) if match else (path.name, 0)


def make_engagement_folder(folder: Path, store: Store) -> None:
    """Make an engagement's folder, the evidence folder above it and what is missing above that; raises DiskError."""
    ground = folder.parent.parent
    while not ground.is_dir():
        ground = ground.parent
    store.make_folder(folder, within=ground)


@contextmanager
def lock(engagement_folder: Path) -> Iterator[None]:
    """Hold the engagement for one process; the system frees it with its holder, so a dead one is no obstacle.

    Raises LockedError where another run holds it, DiskError where the folder cannot be made or written.
    """
    make_engagement_folder(engagement_folder, Store())
    held = filelock.FileLock(engagement_folder / _LOCK, timeout=0)
    with disk_errors(engagement_folder):
        try:
            held.acquire()
        except filelock.Timeout:
            raise LockedError(
                f"another run is at work in {engagement_folder}", remedy="wait for it to end, or stop it"
            ) from None
    try:
        yield
    finally:
        held.release()
