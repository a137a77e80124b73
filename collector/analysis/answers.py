"""An answer: the rows that a question's SQL gives over a case, and the forms in which they leave.

Invariants: rows leave a batch at a time, and the database alone holds them all; times are ISO with Z, missing values
null, lists sorted and never null (design 1.5); rows leave in the order of the question.
"""

from collections.abc import Iterator
from typing import Any, BinaryIO, Literal, NamedTuple

import pyarrow
from pyarrow import csv, parquet

from collector.analysis.case import Case, literal

Format = Literal["json", "jsonl", "csv", "parquet"]

_BATCH = 20_000
"""Rows that are in hand at once."""


class Column(NamedTuple):
    """A column of an answer, by its name and what DuckDB calls its type."""

    name: str
    type: str
    element: str | None = None

    @property
    def is_list(self) -> bool:
        """Whether its values are lists, of `element`."""
        return self.element is not None

    def plain(self, value: str) -> str:
        """Return SQL for a value as JSON has it: a time is ISO with Z, with a fraction only where it has one."""
        if self.element is not None:
            return f"coalesce(list_transform({value}, lambda x: {Column(self.name, self.element).plain('x')}), [])"
        if self.type == "enum":
            return f"{value}::VARCHAR"
        if self.type in {"float", "double"}:
            return f"CASE WHEN isfinite({value}) THEN {value} END"
        if not self.type.startswith("timestamp"):
            return value
        whole, broken = (f"strftime({value}, '%Y-%m-%dT%H:%M:%S{fraction}Z')" for fraction in ("", ".%f"))
        return f"CASE WHEN epoch_us({value}) % 1000000 = 0 THEN {whole} ELSE {broken} END"

    def in_csv(self, value: str) -> str:
        """Return SQL for a value as text."""
        return (
            f"array_to_string({self.plain(value)}, '; ')" if self.is_list else f"CAST({self.plain(value)} AS VARCHAR)"
        )

    def in_parquet(self, value: str) -> str:
        """Return SQL for a value with its type; a time is one of UTC."""
        return f"{value} AT TIME ZONE 'UTC'" if self.type == "timestamp" else self.plain(value)


class Answer:
    """The answer to some SQL over a case: asked once and `kept`, or asked anew each time that it is read."""

    def __init__(self, case: Case, sql: str, *, kept: bool = False) -> None:
        self._case = case
        if kept:
            case.connection.execute(f"CREATE OR REPLACE TEMP TABLE answer AS {sql}")
            sql = "FROM answer"
        self._unordered = sql.rpartition("\nORDER BY")[0] or sql
        described = case.connection.sql(sql)
        named = zip(described.columns, described.types, strict=True)
        self.columns = tuple(Column(name, kind.id, _element(kind)) for name, kind in named)
        names = ", ".join(f"c{place}" for place in range(len(self.columns)))
        self._from = f"FROM ({sql}\n) AS answer({names})"

    def count(self) -> int:
        """Return how many rows there are."""
        return self._case.number(f"SELECT count(*) FROM ({self._unordered}\n)")  # noqa: S608 - ours

    def first(self, most: int) -> list[tuple[Any, ...]]:
        """Return the first rows, at most so many."""
        values = ", ".join(column.plain(f"c{place}") for place, column in enumerate(self.columns))
        return self._case.connection.execute(f"SELECT {values} {self._from} LIMIT {most:d}").fetchall()

    def write(self, output: BinaryIO, format_: Format) -> int:
        """Write all rows; returns how many there were. Raises OSError."""
        writers = {
            "json": self._write_json,
            "jsonl": self._write_json_lines,
            "csv": self._write_csv,
            "parquet": self._write_parquet,
        }
        return writers[format_](output)

    def _write_json(self, output: BinaryIO) -> int:
        rows = 0
        for lines in self._objects():
            output.write((",\n" if rows else "[\n").encode())
            output.write(",\n".join(lines).encode())
            rows += len(lines)
        output.write(b"\n]\n" if rows else b"[]\n")
        return rows

    def _write_json_lines(self, output: BinaryIO) -> int:
        rows = 0
        for lines in self._objects():
            output.write("\n".join([*lines, ""]).encode())
            rows += len(lines)
        return rows

    def _objects(self) -> Iterator[list[str]]:
        """Yield the rows as JSON objects, some at a time."""
        members = [f"{literal(column.name)}, {column.plain(f'c{place}')}" for place, column in enumerate(self.columns)]
        for batch in self._batches(f"json_object({', '.join(members)})"):
            if batch.num_rows:
                yield batch.column(0).to_pylist()

    def _write_csv(self, output: BinaryIO) -> int:
        values = [column.in_csv(f"c{place}") for place, column in enumerate(self.columns)]
        schema = pyarrow.schema([(column.name, pyarrow.string()) for column in self.columns])
        options = csv.WriteOptions(quoting_style="needed")
        rows = 0
        with csv.CSVWriter(output, schema, write_options=options) as writer:
            for batch in self._batches(*values):
                writer.write_batch(batch.rename_columns(schema.names))
                rows += batch.num_rows
        return rows

    def _write_parquet(self, output: BinaryIO) -> int:
        reader = self._reader(*(column.in_parquet(f"c{place}") for place, column in enumerate(self.columns)))
        named = zip(reader.schema, self.columns, strict=True)
        schema = pyarrow.schema([field.with_name(column.name) for field, column in named])
        rows = 0
        with parquet.ParquetWriter(output, schema, compression="zstd") as writer:
            for batch in reader:
                writer.write_batch(pyarrow.RecordBatch.from_arrays(batch.columns, schema=schema))
                rows += batch.num_rows
        return rows

    def _reader(self, *values: str) -> Any:
        named = ", ".join(f"{value} AS v{place}" for place, value in enumerate(values))
        return self._case.connection.sql(f"SELECT {named} {self._from}").to_arrow_reader(_BATCH)

    def _batches(self, *values: str) -> Iterator[Any]:
        yield from self._reader(*values)


def _element(kind: Any) -> str | None:
    """Return what DuckDB calls the type of a list's elements, None for what is no list."""
    return str(kind.children[0][1].id) if kind.id == "list" else None
