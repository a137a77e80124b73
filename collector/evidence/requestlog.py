"""custody/requests.jsonl: one line for each request that was sent, in the order in which they ended.

Invariant: a line that a commit's mark covers is durable before that commit's journal line.
"""

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import msgspec

from collector.errors import IntegrityError
from collector.evidence.journal import LogMark
from collector.evidence.lines import encode_line, read_blocks, split
from collector.evidence.store import Guard, Output


class RequestLog:
    """The open log of a run; its threads share it."""

    def __init__(self, output: Output, so_far: Iterable[bytes] = ()) -> None:
        self._guard = Guard()
        self._output = output
        self._hash = hashlib.sha256()
        self._length = 0
        for block in so_far:
            self._count(block)

    def append(self, entry: Mapping[str, object]) -> None:
        """Add a line; durable with the next `mark`. Raises DiskError."""
        line = encode_line(entry) + b"\n"
        with self._guard:
            self._output.write(line)
            self._count(line)

    def mark(self) -> LogMark:
        """Return the length and hash of the log so far, once that much is durable."""
        with self._guard:
            self._output.sync()
            return LogMark(self._length, self._hash.hexdigest())

    def close(self) -> None:
        """Close the file."""
        self._output.close()

    def _count(self, data: bytes) -> None:
        self._hash.update(data)
        self._length += len(data)


def check_marks(path: Path, marks: Iterable[LogMark]) -> Iterator[LogMark]:
    """Yield each mark that the log at `path` does not bear out, reading it once; raises DiskError."""
    running, length = hashlib.sha256(), 0
    pending = sorted(marks, key=lambda mark: mark.bytes, reverse=True)
    for block in read_blocks(path):
        start = 0
        while pending and pending[-1].bytes <= length + len(block):
            mark = pending.pop()
            cut = max(mark.bytes - length, 0)
            running.update(block[start:cut])
            start = max(start, cut)
            if running.hexdigest() != mark.sha256:
                yield mark
        running.update(block[start:])
        length += len(block)
    yield from (mark for mark in pending if (mark.bytes, mark.sha256) != (length, running.hexdigest()))


def whole_length(path: Path) -> int:
    """Return how many bytes of the log at `path`, from its start, are whole lines that can be read."""
    length = 0
    try:
        for line in split(read_blocks(path)):
            if not line.endswith(b"\n"):
                break
            msgspec.json.decode(line, type=dict)
            length += len(line)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, IntegrityError):
        return length
    return length
