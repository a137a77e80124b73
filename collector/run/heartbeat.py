"""The heartbeat of a watch: one small file that says that it lives, and how its last cycle ended.

Invariants: it is written whole or not at all, and never holds a secret; that it cannot be written stops nothing.
"""

import os
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from threading import Lock

import msgspec

from collector.clock import Clock
from collector.errors import DiskError
from collector.evidence import Commit, Store
from collector.model import Slice
from collector.run.observe import Observer
from collector.run.outcome import Outcome

HEARTBEAT = "heartbeat.json"

_OFTEN = 15.0
"""Seconds between two beats while a cycle is at work."""


class Beat(msgspec.Struct, frozen=True):
    """What the file says. `state` is `collecting`, `waiting`, `ended`, `interrupted` or `failed`.

    `failures` are the cycles in a row that have failed, `next_cycle` is when the next one is due.
    """

    time: datetime
    pid: int
    engagement: str
    state: str
    cycle: int
    failures: int
    last_cycle: Outcome | None
    next_cycle: datetime | None


class Heart:
    """Writes the file of one engagement; its threads share it."""

    def __init__(self, folder: Path, *, store: Store, clock: Clock) -> None:
        self._path = folder / HEARTBEAT
        self._store = store
        self._clock = clock
        self._lock = Lock()
        self._last = -_OFTEN
        self._beat = Beat(clock.now(), os.getpid(), folder.name, "collecting", 0, 0, None, None)

    def began(self, cycle: int) -> None:
        """Say that a cycle is at work."""
        self._write(state="collecting", cycle=cycle, next_cycle=None)

    def ended(self, outcome: Outcome, next_cycle: datetime | None) -> None:
        """Say how a cycle ended, and when the next is due."""
        failures = self._beat.failures + 1 if outcome.outcome == "failed" else 0
        self._write(state="waiting", last_cycle=outcome, failures=failures, next_cycle=next_cycle)

    def stopped(self, state: str) -> None:
        """Say that the watch is over."""
        self._write(state=state, next_cycle=None)

    def tick(self) -> None:
        """Beat, unless the last beat is not long ago."""
        if self._clock.monotonic() - self._last >= _OFTEN:
            self._write()

    def _write(self, **changes: object) -> None:
        with self._lock, suppress(DiskError):
            self._last = self._clock.monotonic()
            self._beat = msgspec.structs.replace(self._beat, time=self._clock.now(), **changes)
            self._store.write_whole(self._path, msgspec.json.format(msgspec.json.encode(self._beat)) + b"\n")


def read_heartbeat(folder: Path) -> Beat | None:
    """Return what the heartbeat of an engagement's folder says; None where there is none that can be read."""
    try:
        return msgspec.json.decode((folder / HEARTBEAT).read_bytes(), type=Beat)
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError):
        return None


class Beating:
    """An observer that beats with each thing that happens, and passes it on; counts what came in a cycle."""

    def __init__(self, observer: Observer, heart: Heart) -> None:
        self._observer = observer
        self._heart = heart
        self.commits: list[Commit] = []

    def planned(self, slices: int) -> None:
        """Pass on."""
        self._observer.planned(slices)

    def rows(self, slice_: Slice, count: int) -> None:
        """Beat, and pass on."""
        self._heart.tick()
        self._observer.rows(slice_, count)

    def waiting(self, why: str, seconds: float) -> None:
        """Beat, and pass on."""
        self._heart.tick()
        self._observer.waiting(why, seconds)

    def committed(self, commit: Commit) -> None:
        """Count, beat and pass on."""
        self.commits.append(commit)
        self._heart.tick()
        self._observer.committed(commit)

    def notice(self, text: str) -> None:
        """Pass on."""
        self._observer.notice(text)
