"""Reading what is on the disk, in blocks.

Invariant: memory stays flat whatever a file holds: at most one line of LONGEST_LINE bytes.
"""

import hashlib
import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO

import msgspec

from collector.errors import IntegrityError
from collector.evidence.store import disk_errors

BLOCK = 1 << 20
LONGEST_LINE = 256 << 20
"""Bytes; no record and no journal line of ours is near it."""


def blocks(file: BinaryIO) -> Iterator[bytes]:
    """Yield what a file holds from where it stands."""
    while block := file.read(BLOCK):
        yield block


def read_blocks(path: Path) -> Iterator[bytes]:
    """Yield what the file at `path` holds; raises DiskError."""
    with disk_errors(path), path.open("rb") as file:
        yield from blocks(file)


def split(source: Iterable[bytes]) -> Iterator[bytes]:
    """Yield lines with their line feed, the last one perhaps without; raises IntegrityError over LONGEST_LINE."""
    begun: list[bytes] = []
    length = 0
    for block in source:
        first, *others = block.split(b"\n")
        begun.append(first)
        length += len(first)
        if length > LONGEST_LINE:
            raise IntegrityError(f"a line is longer than {LONGEST_LINE} bytes")
        if others:
            yield b"".join(begun) + b"\n"
            yield from (line + b"\n" for line in others[:-1])
            begun, length = [others[-1]], len(others[-1])
    if length:
        yield b"".join(begun)


def encode_line(value: object) -> bytes:
    """Return a value as compact JSON, without line feed; a lone surrogate, which is no text, becomes `?`."""
    try:
        return msgspec.json.encode(value)
    except UnicodeEncodeError:
        plain = json.dumps(msgspec.to_builtins(value), ensure_ascii=False, separators=(",", ":"))
        return plain.encode("utf-8", "replace")


def digest(path: Path) -> tuple[str, int]:
    """Return the SHA-256 (hex) and the length in bytes of a file, from its bytes; raises DiskError."""
    running, length = hashlib.sha256(), 0
    for block in read_blocks(path):
        running.update(block)
        length += len(block)
    return running.hexdigest(), length
