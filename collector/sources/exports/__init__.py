"""Exports: what other tools and the portals wrote of a tenant's records, read row by row.

Invariants: a file is read as a stream, in memory that does not grow with it; every row comes out, with the line at
which it begins, or is named as one that cannot be read; no text is trimmed, turned into another type or guessed at.
Pure: bytes come in blocks, whoever reads the disk.
"""

from collector.sources.exports.kind import Kind
from collector.sources.exports.kinds import KINDS
from collector.sources.exports.reading import Form, dated, read, times_in_utc, told
from collector.sources.exports.row import Row, Unread
from collector.sources.exports.session import Session

__all__ = ["KINDS", "Form", "Kind", "Row", "Session", "Unread", "dated", "read", "times_in_utc", "told"]
