"""Takes the gzip content-encoding off a body as it comes.

Invariants: what was not whole never counts as whole (a stream that stops before its trailer, or whose checksum does
not fit, is an error); no step gives more than STEP bytes, whatever a few bytes may unpack to.
"""

from collections.abc import Iterable, Iterator

from isal import igzip_lib

STEP = 2**20


class BrokenEncoding(Exception):  # noqa: N818
    """The body is not what its content-encoding says."""


def gunzip(blocks: Iterable[bytes]) -> Iterator[bytes]:
    """Yield what was packed, of one gzip member after the other (RFC 1952); raises BrokenEncoding."""
    member = _member()
    try:
        for block in blocks:
            data = block
            while data or not (member.needs_input or member.eof):
                member = _member() if member.eof else member
                yield member.decompress(data, STEP)
                data = member.unused_data if member.eof else b""
    except igzip_lib.error as error:  # type: ignore[misc]  # its stub calls the class an instance
        raise BrokenEncoding(str(error)) from error
    if not member.eof:
        raise BrokenEncoding("it stops short")


def _member() -> igzip_lib.IgzipDecompressor:
    return igzip_lib.IgzipDecompressor(igzip_lib.DECOMP_GZIP)
