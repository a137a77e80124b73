"""How an answer leaves: a table for people, or all of it as JSON, CSV or Parquet, to the screen's output or a file.

Invariants: a table shows a bounded number of rows, and says how many and which columns it leaves out; what an answer
does not cover goes to standard error, and beside the file into its notes; a file is there whole or not at all.
"""

import os
import shutil
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO

import msgspec

from collector.analysis.answers import Answer, Format
from collector.analysis.investigation import Investigation
from collector.analysis.limits import Limit
from collector.cli import screen
from collector.errors import DiskError, UsageError
from collector.model import iso

ROWS_SHOWN = 50
LIMITS_SHOWN = 20
_WIDEST = (44, 32, 24, 20, 16)
"""Signs that a column may take, the most first; the widest with which all columns fit is taken. Times are not cut."""


def table(title: str, found: Investigation) -> None:
    """Print the first rows for people."""
    answer = found.answer
    rows = [tuple(map(_cell, row)) for row in answer.first(ROWS_SHOWN)]
    names = [column.name for column in answer.columns]
    screen.line(screen.one_line(title))
    times = {column.name for column in answer.columns if column.type.startswith("timestamp")}
    left_out = screen.fitted(names, rows, width=_width(), widest=_WIDEST, whole=times)
    count = answer.count()
    more = f", {len(rows):,} of them shown: --format csv, json or parquet gives all" if count > len(rows) else ""
    screen.line(f"{count:,} row{'' if count == 1 else 's'}{more}")
    if left_out:
        screen.line(f"columns that did not fit: {', '.join(left_out)}; --format csv, json or parquet gives all")


def everything(answer: Answer, format_: Format) -> None:
    """Write all rows to standard output; whoever stops reading ends the output, never the work."""
    sys.stdout.flush()
    try:
        answer.write(sys.stdout.buffer, format_)
        sys.stdout.buffer.flush()
    except BrokenPipeError:
        screen.nobody_reads()
    except OSError as error:
        raise screen.not_written(error) from None


def to_file(found: Investigation, file: Path, format_: Format, facts: dict[str, Any]) -> None:
    """Write all rows to a file, and to FILE.notes.json what they do not cover; raises DiskError."""
    with whole_file(file) as output:
        rows = found.answer.write(output, format_)
    notes = file.with_name(f"{file.name}.notes.json")
    told = {**facts, "rows": rows, "searched": found.searched, "limits": found.limits, "remarks": found.remarks}
    with whole_file(notes) as output:
        output.write(msgspec.json.format(msgspec.json.encode(told), indent=1) + b"\n")
    say(f"wrote {rows:,} rows to {file}, and what they do not cover to {notes}")


@contextmanager
def whole_file(path: Path) -> Iterator[BinaryIO]:
    """Give a file to write to, which takes its name once it is whole; raises DiskError."""
    begun = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    if path.exists() and not path.is_file():
        raise UsageError(f"{path} is not a file", remedy="name a file with --output")
    try:
        with begun.open("xb") as output:
            yield output
        begun.replace(path)
    except OSError as error:
        begun.unlink(missing_ok=True)
        message = f"{path} cannot be written: {error.strerror or error}"
        raise DiskError(message, remedy="free some room, or name another --output") from None
    except BaseException:
        begun.unlink(missing_ok=True)
        raise


@contextmanager
def whole_folder(path: Path) -> Iterator[Path]:
    """Give a folder to write to, which takes its name once it is whole; raises DiskError."""
    begun = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    try:
        begun.mkdir()
        yield begun
        begun.replace(path)
    except OSError as error:
        message = f"{path} cannot be written: {error.strerror or error}"
        raise DiskError(message, remedy="free some room, or name another --output") from None
    finally:
        shutil.rmtree(begun, ignore_errors=True)


def limits(found: Investigation) -> None:
    """Say on standard error what was searched, what the answer does not cover, and how to read it."""
    for what in found.searched:
        times = f", {iso(what.start)} to {iso(what.end)}" if what.start and what.end else ""
        say(f"searched: {what.run}: {what.source}{times}: {what.records:,} records")
    not_covered(found.limits)
    for remark in found.remarks:
        say(f"note: {remark}")


def not_covered(limits: Sequence[Limit]) -> None:
    """Say on standard error what is not covered, the first ones by name."""
    if not limits:
        say("not covered: nothing that is known of")
    for one in limits[:LIMITS_SHOWN]:
        say(f"not covered: {_told(one)}")
    if len(limits) > LIMITS_SHOWN:
        say(f"not covered: and {len(limits) - LIMITS_SHOWN:,} more; with --output FILE, FILE.notes.json has all")


def say(text: str) -> None:
    """Print a line on standard error; where nobody reads that, the work goes on."""
    with suppress(OSError, ValueError):
        print(screen.one_line(text), file=sys.stderr, flush=True)  # noqa: T201 - this room prints


def _told(one: Limit) -> str:
    place = ", ".join(filter(None, (one.run, one.source, one.part, one.mailbox)))
    start, end = (iso(moment) if moment else None for moment in (one.start, one.end))
    times = " to ".join(filter(None, (start and f"from {start}", end))) if start else end and f"until {end}"
    return f"{' '.join(filter(None, (place and f'{place}:', times)))} {one.text}".strip()


def _cell(value: object) -> object:
    return ", ".join(map(str, value)) if isinstance(value, Sequence) and not isinstance(value, str) else value


def _width() -> int | None:
    """Return the columns of the terminal, None where there is none, so that nothing is cut off in a pipe."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else None
