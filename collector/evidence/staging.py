"""Rows of slices that are not committed yet.

Invariants: the bytes are in a file under staging/, memory holds only where; nothing here is durable or evidence, a
crash sends it to quarantine/; within one staging a record stands once, by identity and content.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from threading import Lock
from typing import NamedTuple

import msgspec

from collector.evidence.lines import BLOCK, LONGEST_LINE
from collector.evidence.store import Guard, Output, Store, disk_errors
from collector.model import Row, Window

_AT_ONCE = 256
"""Rows that are written in one go."""


class StagedRow(msgspec.Struct, frozen=True, gc=False):
    """Where a row's line is, what tells it from others, its time (POSIX seconds) and the request that gave it.

    `length` counts the line feed too.
    """

    offset: int
    length: int
    identity: bytes
    content: bytes
    at: float | None
    request: str


class Stretch(NamedTuple):
    """Lines that one request gave and that follow each other, each ended by a line feed."""

    lines: bytes
    records: int
    request: str


class Spool:
    """The file behind one or more stagings; it goes when the last of them lets go.

    After a failed write, which may have written half, it takes no more: what came next would not be where it is said.
    """

    def __init__(self, store: Store, path: Path) -> None:
        self._store = store
        self._path = path
        self._guard = Guard()
        self._lock = Lock()
        self._output: Output | None = None
        self._length = 0
        self._users = 1

    def append(self, data: bytes) -> int:
        """Write at the end; return the offset at which the data begins."""
        with self._guard, self._lock:
            if self._output is None:
                self._output = self._store.create(self._path)
            offset = self._length
            self._length += self._output.write(data)
            return offset

    def read(self, rows: Iterable[StagedRow]) -> Iterator[Stretch]:
        """Yield the lines of rows, in their order."""
        if self._output is None:
            return
        with disk_errors(self._path), self._path.open("rb") as file:
            for offset, length, records, request in _joined(rows):
                file.seek(offset)
                yield Stretch(file.read(length), records, request)

    def share(self) -> None:
        """Count one more user."""
        with self._lock:
            self._users += 1

    def let_go(self) -> None:
        """Count one user less."""
        with self._lock:
            self._users -= 1
            if not self._users and self._output:
                self._output.close()
                self._store.remove(self._path)

    def close(self) -> None:
        """Close the file and leave it where it is, for the next run to clear away; a second call does nothing."""
        with self._lock:
            if self._output:
                self._output.close()


class Staging:
    """The rows that came for one slice so far, owned by the thread that asks for it.

    A row with an empty identity has no twin: however often it comes, it is kept. `duplicates` counts the rows that
    came again.
    """

    def __init__(self, spool: Spool, rows: Iterable[StagedRow] = (), duplicates: int = 0) -> None:
        self._spool = spool
        self._rows = list(rows)
        self._keys = {(row.identity, row.content) for row in self._rows}
        self._held = True
        self.duplicates = duplicates

    @property
    def rows(self) -> Sequence[StagedRow]:
        """The rows, in the order in which they came."""
        return self._rows

    @property
    def identities(self) -> set[bytes]:
        """The identities of the rows."""
        return {identity for identity, _ in self._keys}

    def add(self, rows: Iterable[Row], request: str) -> int:
        """Keep the rows that `request` gave; return how many were new here.

        Raises ValueError for a row that cannot be a line of its own, DiskError where it cannot be written.
        """
        new = [row for row in rows if self._is_new(row)]
        if any(b"\n" in row.raw or len(row.raw) >= LONGEST_LINE for row in new):
            raise ValueError("a row is one line, and not longer than a reader will take")
        for first in range(0, len(new), _AT_ONCE):
            self._keep(new[first : first + _AT_ONCE], request)
        return len(new)

    def read(self, rows: Iterable[StagedRow]) -> Iterator[Stretch]:
        """Yield the lines of some of the rows, in their order; raises DiskError."""
        return self._spool.read(rows)

    def part(self, keep: Callable[[StagedRow], bool]) -> tuple["Staging", "Staging"]:
        """Hand the rows over to two stagings, those to keep and the others; this one is released.

        The count of duplicates goes to the first.
        """
        kept: list[StagedRow] = []
        others: list[StagedRow] = []
        for row in self._rows:
            (kept if keep(row) else others).append(row)
        self._spool.share()
        self._spool.share()
        children = Staging(self._spool, kept, self.duplicates), Staging(self._spool, others)
        self.release()
        return children

    def release(self) -> None:
        """Let go of the file; a second call does nothing."""
        if self._held:
            self._held = False
            self._rows, self._keys = [], set()
            self._spool.let_go()

    def _keep(self, rows: Sequence[Row], request: str) -> None:
        offset = self._spool.append(b"\n".join([*(row.raw for row in rows), b""]))
        for row in rows:
            length = len(row.raw) + 1
            self._rows.append(StagedRow(offset, length, row.identity, row.content, row.at, request))
            offset += length

    def _is_new(self, row: Row) -> bool:
        key = (row.identity, row.content)
        if row.identity and key in self._keys:
            self.duplicates += 1
            return False
        self._keys.add(key)
        return True


def filled(rows: Iterable[StagedRow], size: int) -> Iterator[list[StagedRow]]:
    """Deal rows out, in their order, into lists that are full at `size` bytes."""
    dealt: list[StagedRow] = []
    length = 0
    for row in rows:
        dealt.append(row)
        length += row.length
        if length >= size:
            yield dealt
            dealt, length = [], 0
    if dealt:
        yield dealt


def dealt(stretches: Iterable[Stretch], size: int) -> Iterator[Iterator[Stretch]]:
    """Deal stretches out, in their order, into pieces that are full at `size` bytes; each is read before the next."""
    rest = iter(stretches)
    for first in rest:
        yield _piece(first, rest, size)


def _piece(first: Stretch, rest: Iterator[Stretch], size: int) -> Iterator[Stretch]:
    yield first
    length = len(first.lines)
    while length < size and (one := next(rest, None)):
        length += len(one.lines)
        yield one


def outside(window: Window | None, rows: Iterable[StagedRow]) -> int:
    """Count the rows whose time is known and not in a slice's window."""
    if window is None:
        return 0
    start, end = window.start.timestamp(), window.end.timestamp()
    return sum(row.at is not None and not start <= row.at < end for row in rows)


def _joined(rows: Iterable[StagedRow]) -> Iterator[tuple[int, int, int, str]]:
    """Join rows of one request that follow each other in the spool: yield offset, length, number and request."""
    offset = length = number = 0
    request = ""
    for row in rows:
        if row.offset != offset + length or row.request != request or length >= BLOCK:
            if number:
                yield offset, length, number, request
            offset, length, number, request = row.offset, 0, 0, row.request
        length += row.length
        number += 1
    if number:
        yield offset, length, number, request
