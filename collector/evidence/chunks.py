"""Chunks: files of record lines as received, one a line, each ended by a line feed.

Invariants: a chunk is hashed and counted while it is written; nothing is added to a line; the same lines give the
same bytes (the gzip header holds neither name nor time); neither writing nor reading holds a chunk in memory.
"""

import hashlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Literal

from isal import igzip_lib, isal_zlib

from collector.errors import IntegrityError
from collector.evidence.layout import payload_path
from collector.evidence.lines import BLOCK, read_blocks, split
from collector.evidence.staging import Stretch
from collector.evidence.store import Output
from collector.model import Chunk, RequestLines

Compression = Literal["gzip", "none"]
SUFFIXES: dict[Compression, str] = {"gzip": ".jsonl.gz", "none": ".jsonl"}

_LEVEL = 1
_GZIP = 31  # zlib's window bits for a gzip member
_GATHERED = 256 << 10
"""Bytes that are packed in one go, always as many, so that the same lines give the same bytes however they come."""


class ChunkFile:
    """One chunk while it is written, under a name that is not its last."""

    def __init__(self, staged: Path, path: str, output: Output, compression: Compression) -> None:
        self.staged = staged
        self.path = path
        self.requests: list[RequestLines] = []
        self._records = self._bytes = 0
        self._output = output
        self._hash = hashlib.sha256()
        self._packer = isal_zlib.compressobj(_LEVEL, isal_zlib.DEFLATED, _GZIP) if compression == "gzip" else None
        self._gathered = bytearray()

    def add(self, stretch: Stretch) -> None:
        """Write some lines, and note which request gave them."""
        first = self._records + 1
        self._records += stretch.records
        if self.requests and self.requests[-1].request == stretch.request:
            first = self.requests.pop().first
        self.requests.append(RequestLines(stretch.request, self.path, first, self._records))
        self._gathered += stretch.lines
        whole = len(self._gathered) // _GATHERED * _GATHERED
        for at in range(0, whole, _GATHERED):
            self._pass_on(bytes(self._gathered[at : at + _GATHERED]))
        del self._gathered[:whole]

    def finish(self) -> Chunk:
        """Return what was written, once it is durable (not yet under its name)."""
        self._pass_on(bytes(self._gathered))
        if self._packer:
            self._write(self._packer.flush())
        self._output.sync()
        return Chunk(self.path, self._hash.hexdigest(), self._bytes, self._records)

    def close(self) -> None:
        """Let go of the file, finished or not; a second call does nothing."""
        self._output.close()

    def _pass_on(self, data: bytes) -> None:
        self._write(self._packer.compress(data) if self._packer else data)

    def _write(self, data: bytes) -> None:
        self._hash.update(data)
        self._bytes += self._output.write(data)


def contents(run: Path, chunk: Chunk) -> Iterator[bytes]:
    """Yield a chunk's lines in blocks as they come; raises IntegrityError where it cannot be unpacked."""
    path = payload_path(run, chunk.path)
    if not chunk.path.endswith(SUFFIXES["gzip"]):
        yield from read_blocks(path)
        return
    try:
        yield from _unpacked(read_blocks(path))
    except (igzip_lib.error, EOFError) as error:  # type: ignore[misc]  # its stub calls the class an instance
        raise IntegrityError(f"{chunk.path} cannot be unpacked: {error}") from error


def _unpacked(packed: Iterable[bytes]) -> Iterator[bytes]:
    """Unpack one gzip member, never more than a block at a time."""
    unpacker = igzip_lib.IgzipDecompressor(igzip_lib.DECOMP_GZIP)
    for block in packed:
        if unpacker.eof:
            raise EOFError("more follows after its end")
        yield unpacker.decompress(block, BLOCK)
        while not unpacker.needs_input and not unpacker.eof:
            yield unpacker.decompress(b"", BLOCK)
    if not unpacker.eof or unpacker.unused_data:
        raise EOFError("it does not end where its records do")


def count_lines(run: Path, chunk: Chunk) -> int:
    """Count a chunk's lines in flat memory; raises IntegrityError where it cannot be unpacked or breaks off in one."""
    number, last = 0, b"\n"
    for block in contents(run, chunk):
        number += block.count(b"\n")
        last = block[-1:] or last
    if last != b"\n":
        raise IntegrityError(f"{chunk.path} breaks off in a line")
    return number


def lines(run: Path, chunk: Chunk) -> Iterator[bytes]:
    """Yield the records of a chunk of the run, each without its line feed.

    Raises IntegrityError where the chunk cannot be unpacked or its path leads out of the run, DiskError where it
    cannot be read. Does not compare its hash.
    """
    return (line.removesuffix(b"\n") for line in split(contents(run, chunk)))
