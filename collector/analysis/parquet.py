"""Chunks of evidence to Parquet files, one a table.

Invariants: memory stays flat whatever a chunk holds; a chunk that cannot be read to its end leaves what came before
and a row of `unread` that says so; the columns are those of `rows`, never inferred from evidence.
"""

import hashlib
from collections.abc import Iterable
from contextlib import ExitStack
from datetime import datetime
from pathlib import Path
from types import UnionType
from typing import Any, get_args, get_type_hints

import msgspec
import pyarrow
from pyarrow import parquet

from collector.analysis.readers import READERS, Gathered, read_line
from collector.analysis.rows import SORTED_BY, TABLES, Place, UnreadRow
from collector.errors import DiskError, IntegrityError
from collector.evidence import disk_errors, lines
from collector.model import Chunk

_TYPES = {
    str: pyarrow.string(),
    int: pyarrow.int64(),
    bool: pyarrow.bool_(),
    datetime: pyarrow.timestamp("us"),
}
_GROUP_ROWS = 100_000
_GROUP_BYTES = 48 << 20
"""What is gathered, in rows of a table or in bytes of evidence, before it is written."""
_SORTED_BYTES = 96 << 20
"""What is sorted together, in bytes of a table: about what a part has."""


class Source(msgspec.Struct, frozen=True):
    """A chunk to be read, and the source and part it is of."""

    chunk: Chunk
    source: str
    part: str | None


class Written(msgspec.Struct, frozen=True):
    """A Parquet file: its name, its length and SHA-256 (hex), and its rows."""

    name: str
    bytes: int
    sha256: str
    rows: int


def file_digest(path: Path) -> str:
    """Return the SHA-256 (hex) of a file; raises OSError."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def schema(table: str) -> Any:
    """Return the Arrow schema of a table, from the annotations of its row."""
    return pyarrow.schema([(name, _TYPES[_plain(kind)]) for name, kind in get_type_hints(TABLES[table]).items()])


def write_part(run: Path, sources: Iterable[Source], folder: Path, name: str, first_row: int) -> dict[str, Written]:
    """Read some chunks of a run into a file a table in `folder`, rows numbered from `first_row`.

    Raises DiskError where they cannot be read or written.
    """
    with disk_errors(folder), ExitStack() as stack:
        writers = {table: stack.enter_context(Writer(folder, f"{name}.{table}.parquet", table)) for table in TABLES}
        gathered, size, number = Gathered(first_row), 0, first_row
        for one in sources:
            gathered.part = one.part
            for line, count in _numbered(run, one, gathered):
                read_line(line, Place(number, one.source, one.chunk.path, count), gathered)
                number += 1
                size += len(line)
                if size > _GROUP_BYTES or max(map(len, gathered.rows.values())) > _GROUP_ROWS:
                    _flush(gathered, writers)
                    size = 0
        gathered.end()
        _flush(gathered, writers)
    return {table: writer.written() for table, writer in writers.items()}


def _numbered(run: Path, one: Source, gathered: Gathered) -> Iterable[tuple[bytes, int]]:
    """Yield the lines of a chunk with their numbers; what ends it too early becomes a row of `unread`."""
    if one.source not in READERS:
        return
    try:
        for count, line in enumerate(lines(run, one.chunk), 1):
            yield line, count
    except (IntegrityError, DiskError) as error:
        if isinstance(error, DiskError) and (run / one.chunk.path).exists():
            raise
        gathered.rows["unread"].append(UnreadRow(one.source, one.chunk.path, 0, error.message))


def _flush(gathered: Gathered, writers: "dict[str, Writer]") -> None:
    for table, listed in gathered.rows.items():
        writers[table].write(listed)
        listed.clear()


class Writer:
    """One Parquet file while it is written; it is whole once it is closed."""

    def __init__(self, folder: Path, name: str, table: str) -> None:
        self._path = folder / name
        self._schema = schema(table)
        self._sorted_by = SORTED_BY.get(table)
        self._held: list[Any] = []
        self._writer = parquet.ParquetWriter(self._path, self._schema, compression="zstd")
        self._rows = 0

    def __enter__(self) -> "Writer":
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            self._settle()
        self._writer.close()

    def write(self, rows: list[tuple[Any, ...]]) -> None:
        """Write rows, at once or with others that they are sorted with."""
        if not rows:
            return
        columns = zip(*rows, strict=True)
        arrays = [pyarrow.array(column, field.type) for column, field in zip(columns, self._schema, strict=True)]
        self._held.append(pyarrow.Table.from_arrays(arrays, schema=self._schema))
        self._rows += len(rows)
        if self._sorted_by is None or sum(held.nbytes for held in self._held) >= _SORTED_BYTES:
            self._settle()

    def _settle(self) -> None:
        """Write what is held, in row groups."""
        if self._held:
            held = pyarrow.concat_tables(self._held)
            ordered = held.sort_by(self._sorted_by) if self._sorted_by else held
            self._writer.write_table(ordered, row_group_size=_GROUP_ROWS)
        self._held.clear()

    def written(self) -> Written:
        """Return what was written, once it is closed."""
        return Written(self._path.name, self._path.stat().st_size, file_digest(self._path), self._rows)


def _plain(kind: Any) -> type:
    """Return the type of a column, with or without None."""
    plain: type = next(one for one in get_args(kind) if one is not type(None)) if isinstance(kind, UnionType) else kind
    return plain
