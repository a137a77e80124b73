"""Files as they are brought: plain, packed by gzip, or several of them in a zip.

Invariants: nothing is unpacked to the disk, and the name of a member is nothing but a name; what is unpacked comes in
blocks, is checked to its end, and is not read on where it is out of all proportion to the file; an archive within an
archive is not opened. Whoever needs more than the bounds allow can unpack a file and bring what is in it.
"""

import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from io import BufferedReader, FileIO
from pathlib import Path
from typing import NamedTuple

from collector.errors import UsageError
from collector.evidence import disk_errors
from collector.evidence.lines import BLOCK, read_blocks
from collector.http.gunzip import BrokenEncoding, gunzip

_GZIP, _ZIP = b"\x1f\x8b", (b"PK\x03\x04", b"PK\x05\x06")
_UNPACKED = 100 << 30
"""Bytes that a file may unpack to."""
_FREE, _RATIO = 256 << 20, 250
"""Bytes that any file may unpack to, and how many times its length beyond; logs come to 20 to 60 times."""
_MEMBERS = 10_000
_DIRECTORY = 4 << 20
"""Bytes of a zip's directory; that of 10,000 members has about two million."""
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
"""How a member may be packed; of other ways a few bytes can come to gigabytes in one step."""
_ENCRYPTED = 0x1
"""The bit of a member's flags."""


class Broken(Exception):  # noqa: N818
    """A file cannot be unpacked any further, and why."""


class Member(NamedTuple):
    """A file that was brought, or one within it; `blocks` yields what it holds, and raises Broken, DiskError."""

    name: str
    blocks: Callable[[], Iterator[bytes]]


@contextmanager
def members(path: Path) -> Iterator[tuple[Member, ...]]:
    """Give what a file holds: itself, or what is packed in it. All of it can be read until the context ends.

    Raises UsageError for a zip that cannot be opened or is out of bounds, DiskError.
    """
    with ExitStack() as stack:
        head = next(read_blocks(path), b"")
        if head.startswith(_ZIP):
            yield _of_zip(path, stack)
        elif head.startswith(_GZIP):
            yield (Member(path.name, lambda: _no_archive(_gunzipped(path))),)
        else:
            yield (Member(path.name, lambda: read_blocks(path)),)


def _gunzipped(path: Path) -> Iterator[bytes]:
    length, total = path.stat().st_size, 0
    try:
        for block in gunzip(read_blocks(path)):
            total += len(block)
            if _too_much(total, length):
                raise Broken("what it unpacks to is out of all proportion")
            yield block
    except BrokenEncoding as error:
        raise Broken(f"it cannot be unpacked to its end: {error}") from None


def _of_zip(path: Path, stack: ExitStack) -> tuple[Member, ...]:
    try:
        with disk_errors(path):
            file = stack.enter_context(_ShortReads(FileIO(path)))
            archive = stack.enter_context(zipfile.ZipFile(file))
    except (zipfile.BadZipFile, NotImplementedError, ValueError) as error:
        raise UsageError(f"{path} is a zip that cannot be opened: {error}", remedy="get it once more") from None
    found = [info for info in archive.infolist() if not info.is_dir()]
    if len(found) > _MEMBERS or _too_much(sum(info.file_size for info in found), path.stat().st_size):
        raise UsageError(
            f"{path} holds {len(found):,} files, or more bytes than a zip of logs can",
            remedy="look at what it is; unpack it, and bring what is in it",
        )
    listed = tuple(Member(f"{path.name}/{info.filename}", _reader(archive, info, path)) for info in found)
    in_front = min((info.header_offset for info in archive.infolist()), default=0) > 0
    return (Member(f"{path.name}/", _in_front), *listed) if in_front else listed


def _in_front() -> Iterator[bytes]:
    """Stand for what is in front of a zip's first file: of zips that were joined only the last one's files are told."""
    raise Broken("bytes before the first file are in no directory: a zip was joined to another, or files taken out")


def _reader(archive: zipfile.ZipFile, info: zipfile.ZipInfo, path: Path) -> Callable[[], Iterator[bytes]]:
    return lambda: _no_archive(_unzipped(archive, info, path))


def _unzipped(archive: zipfile.ZipFile, info: zipfile.ZipInfo, path: Path) -> Iterator[bytes]:
    try:
        with disk_errors(path), archive.open(_readable(info)) as member:
            while block := member.read(BLOCK):
                yield block
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, ValueError) as error:
        raise Broken(f"it cannot be unpacked to its end: {error}") from None


def _readable(info: zipfile.ZipInfo) -> zipfile.ZipInfo:
    if info.header_offset < 0:
        raise Broken("it lies outside of the zip")
    if info.flag_bits & _ENCRYPTED:
        raise Broken("it is encrypted: unpack it, and bring what is in it")
    if info.compress_type not in _METHODS:
        raise Broken("it is packed in a way that is not read: unpack it, and bring what is in it")
    return info


class _ShortReads(BufferedReader):
    """A file of which a zip's directory is not read that is too long to be one of logs."""

    def read(self, size: int | None = -1, /) -> bytes:
        """Read some bytes; raises BadZipFile for too many at once."""
        if size is None or size > _DIRECTORY:
            raise zipfile.BadZipFile("its directory is too long")
        return super().read(size)


def _too_much(unpacked: int, packed: int) -> bool:
    return unpacked > min(_UNPACKED, max(_FREE, _RATIO * packed))


def _no_archive(blocks: Iterator[bytes]) -> Iterator[bytes]:
    """Yield blocks; raises Broken where they are an archive."""
    first = next((block for block in blocks if block), b"")
    if first.startswith((_GZIP, *_ZIP)):
        raise Broken("an archive within an archive is not opened: unpack it, and bring what is in it")
    yield first
    yield from blocks
