"""Which runs a folder holds."""

from pathlib import Path

from collector.errors import DiskError, UsageError
from collector.evidence import find_runs


def runs_below(folder: Path) -> tuple[Path, ...]:
    """Return the runs that a folder is or holds; raises UsageError where there is none."""
    try:
        runs = find_runs(folder) if folder.is_dir() else ()
    except OSError as error:
        raise DiskError(f"{folder} cannot be read: {error.strerror}", remedy="let this account read it") from None
    if not runs:
        raise UsageError(f"{folder} holds no run", remedy="name a run's folder, or one above runs")
    return runs
