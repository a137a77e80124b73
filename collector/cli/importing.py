"""What `import` does, in the words of the rooms below."""

from collections.abc import Sequence
from pathlib import Path

from collector.cli import progress, show
from collector.cli.work import stoppable
from collector.clock import SystemClock
from collector.evidence import Store
from collector.run import importing


def bring_in(folder: Path, files: Sequence[Path], kind: str | None, *, detail: show.Detail) -> int:
    """Bring files into a run below an engagement's folder; returns the exit code."""
    clock = SystemClock()
    with stoppable(clock), progress.watching(detail) as observer:
        seams = importing.Seams(clock=clock, store=Store(), observer=observer)
        result = importing.bring_in(folder, files, seams, kind=kind)
    show.summary(result, as_json=detail.as_json)
    return result.exit_code
