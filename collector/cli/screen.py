"""How anything reaches the screen: lines, JSON lines and tables on standard output, the console of standard error.

Invariants: no text of a tenant's or a folder's is taken for markup or obeyed by a terminal; whoever stops reading us
ends the output, never the work; a pipe and NO_COLOR get no escape codes.
"""

import os
import sys
from collections.abc import Iterable, Sequence, Set
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

import msgspec
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from collector.errors import DiskError
from collector.model import iso

_WIDE = 1000
"""Columns that a table may take: a narrow terminal wraps its lines, which leaves names and times in one piece."""


def console(*, stderr: bool = False, width: int | None = None) -> Console:
    """Return a console that adds no colour of its own, and no style at all where NO_COLOR is set."""
    colours: Literal["auto"] | None = None if os.environ.get("NO_COLOR") else "auto"
    return Console(stderr=stderr, width=width, highlight=False, emoji=False, color_system=colours)


def line(text: str = "") -> None:
    """Print a line of text at once, so that a program that reads us is never behind."""
    try:
        sys.stdout.write(f"{text}\n")
        sys.stdout.flush()
    except BrokenPipeError:
        nobody_reads()
    except OSError as error:
        raise not_written(error) from None


def not_written(error: OSError) -> DiskError:
    """Return what to say of an output that cannot be written."""
    nobody_reads()
    remedy = "free some room where it goes, and run the command again"
    return DiskError(f"standard output cannot be written: {error.strerror or error}", remedy=remedy)


def nobody_reads() -> None:
    """Let what is still printed go nowhere: whoever read us has stopped."""
    sys.stdout = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115 - for the rest of the process


def json_line(message_type: str, **facts: Any) -> None:
    """Print one JSON object on a line, its `message_type` first."""
    line(msgspec.json.encode({"message_type": message_type, **facts}).decode())


def table(title: str, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Print a table; numbers stand to the right, None is a dash, and a column of nothing else is left out."""
    listed = [list(row) for row in rows]
    shown = [place for place in range(len(columns)) if any(row[place] is not None for row in listed)]
    _print(_grid(title, columns, listed, shown, widest=None), _WIDE)
    line()


def fitted(
    columns: Sequence[str],
    rows: Sequence[Sequence[object]],
    *,
    width: int | None,
    widest: Sequence[int],
    whole: Set[str] = frozenset(),
) -> list[str]:
    """Print a table that fits a terminal of some columns, None for any; returns the columns that it had to leave out.

    `widest` are the columns that a value may take before it is cut off, the most first; those of `whole` are not cut
    off. What does not fit with the least is left out from the right.
    """
    shown = [place for place in range(len(columns)) if not rows or any(row[place] is not None for row in rows)]
    if width is None:
        _print(_grid(None, columns, rows, shown, widest=None), _WIDE)
        return []
    for most in widest:
        grid = _grid(None, columns, rows, shown, widest=most, whole=whole)
        if _measured(grid) <= width:
            break
    kept = list(shown)
    while len(kept) > 1 and _measured(grid) > width:
        kept.pop()
        grid = _grid(None, columns, rows, kept, widest=widest[-1], whole=whole)
    _print(grid, width)
    return [columns[place] for place in shown if place not in kept]


def _grid(
    title: str | None,
    columns: Sequence[str],
    rows: Sequence[Sequence[object]],
    shown: Sequence[int],
    *,
    widest: int | None,
    whole: Set[str] = frozenset(),
) -> Table:
    grid = Table(
        title=escape(title) if title else None, title_justify="left", title_style="bold", box=None, pad_edge=False
    )
    overflow: Literal["fold", "ellipsis"] = "fold" if widest is None else "ellipsis"
    for place in shown:
        numbers = any(row[place] is not None for row in rows) and all(
            isinstance(row[place], int) or row[place] is None for row in rows
        )
        justify: Literal["left", "right"] = "right" if numbers else "left"
        most = None if columns[place] in whole else widest
        grid.add_column(columns[place], justify=justify, overflow=overflow, no_wrap=widest is not None, max_width=most)
    for row in rows:
        grid.add_row(*(escape(cell(row[place])) for place in shown))
    return grid


def _measured(grid: Table) -> int:
    screen = console(width=_WIDE)
    return grid.__rich_measure__(screen, screen.options).maximum


def _print(grid: Table, width: int) -> None:
    screen = console(width=width)
    with screen.capture() as captured:
        screen.print(grid)
    for text in captured.get().splitlines():
        line(text.rstrip())


def cell(value: object) -> str:
    """Return a value as a table shows it."""
    if value is None:
        return "-"
    if isinstance(value, datetime):
        return iso(value)
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else one_line(str(value))


def one_line(text: str) -> str:
    """Return a text without what a terminal would obey, line breaks too, so that it passes for no line of ours."""
    return plain(text).replace("\n", "\N{REPLACEMENT CHARACTER}")


def plain(text: str) -> str:
    """Return a text without what a terminal would obey; line breaks stay."""
    return "".join(sign if sign.isprintable() or sign == "\n" else "\N{REPLACEMENT CHARACTER}" for sign in text)
