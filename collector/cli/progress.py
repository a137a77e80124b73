"""What is shown while a run goes on: slices done, records, rate, time left, and what is waited for."""

import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, Task, TextColumn, TimeRemainingColumn
from rich.table import Column
from rich.text import Text

from collector.cli import screen, show
from collector.evidence import Commit
from collector.model import Slice, Status
from collector.run.observe import Observer


@contextmanager
def watching(detail: show.Detail) -> Iterator[Observer]:
    """Give the observer that the terminal and the options ask for."""
    if detail.as_json:
        yield JsonLines()
        return
    with Bar(detail) as bar:
        yield bar


class Bar:
    """A bar on standard error, where that is a terminal; lines for gaps and notices everywhere."""

    def __init__(self, detail: show.Detail) -> None:
        self._detail = detail
        self._console = screen.console(stderr=True)
        self._waits = _Waits()
        shown = self._console.is_terminal and not detail.quiet
        self._progress = Progress(
            TextColumn("slices"),
            BarColumn(bar_width=16),
            MofNCompleteColumn(),
            TextColumn("{task.fields[records]:,} records, {task.fields[rate]:,.0f}/s"),
            TextColumn("left"),
            TimeRemainingColumn(),
            self._waits,
            console=self._console,
            disable=not shown,
            transient=True,
        )
        self._lock = threading.Lock()
        self._task = self._progress.add_task("slices", total=0, records=0, rate=0.0)
        self._started = time.monotonic()
        self._slices = 0
        self._records = 0
        self._gaps: set[tuple[str, str | None, str | None]] = set()

    def __enter__(self) -> "Bar":
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def planned(self, slices: int) -> None:
        """Make the bar longer."""
        with self._lock:
            self._slices += slices
            self._progress.update(self._task, total=self._slices)

    def rows(self, slice_: Slice, count: int) -> None:  # noqa: ARG002 - the bar counts all slices together
        """Count records."""
        with self._lock:
            self._records += count
            rate = self._records / max(0.1, time.monotonic() - self._started)
            self._progress.update(self._task, records=self._records, rate=rate)

    def waiting(self, why: str, seconds: float) -> None:
        """Show what is waited for."""
        self._waits.began(why, seconds)
        if self._detail.verbose:
            self._say(f"waiting {seconds:.1f} s: {why}")

    def committed(self, commit: Commit) -> None:
        """Step on; the first gap of a kind is said at once, all of them stand in the summary.

        Without a window, a source can have thousands of parts.
        """
        self._progress.advance(self._task)
        kind = commit.source, commit.part if commit.start else None, commit.reason
        with self._lock:
            first_gap = commit.status is Status.GAP and kind not in self._gaps
            self._gaps |= {kind} if first_gap else set()
        if self._detail.verbose or (first_gap and not self._detail.quiet):
            self._say(show.slice_line(commit))

    def notice(self, text: str) -> None:
        """Show the operator something they must see, whatever the options."""
        self._say(text)

    def _say(self, text: str) -> None:
        self._console.print(screen.plain(text), markup=False, soft_wrap=True)


class _Waits(ProgressColumn):
    """Counts down the longest wait that is under way; nothing while there is none."""

    def __init__(self) -> None:
        super().__init__(Column(overflow="fold"))
        self._longest = 0.0, ""

    def began(self, why: str, seconds: float) -> None:
        """Take note of a wait."""
        self._longest = max(self._longest, (time.monotonic() + seconds, screen.plain(why)))

    def render(self, task: Task) -> Text:  # noqa: ARG002 - there is but one task
        """Return what is shown now."""
        until, why = self._longest
        left = until - time.monotonic()
        return Text(f"waiting {left:.0f} s: {why}" if left > 0 else "")


class JsonLines:
    """One JSON object a line on standard output for each thing that happens."""

    def __init__(self) -> None:
        self._lock = threading.Lock()

    def planned(self, slices: int) -> None:
        """Say how many slices more there are."""
        self._put("planned", slices=slices)

    def rows(self, slice_: Slice, count: int) -> None:
        """Say that rows came."""
        self._put("rows", source=slice_.source, part=slice_.part, count=count)

    def waiting(self, why: str, seconds: float) -> None:
        """Say what is waited for."""
        self._put("waiting", why=why, seconds=round(seconds, 3))

    def committed(self, commit: Commit) -> None:
        """Say that a slice is committed."""
        self._put("slice", **show.slice_facts(commit))

    def notice(self, text: str) -> None:
        """Say what the operator must see, on standard error too, where somebody may sit."""
        self._put("notice", text=text)
        print(text, file=sys.stderr, flush=True)  # noqa: T201 - this room prints

    def _put(self, message_type: str, **facts: object) -> None:
        with self._lock:
            screen.json_line(message_type, **facts)
