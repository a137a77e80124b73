"""What `investigate` and `export` do, in the words of the rooms below."""

import difflib
from collections.abc import Callable, Sequence, Set
from concurrent.futures import ThreadPoolExecutor, wait
from datetime import datetime
from pathlib import Path
from typing import Any, ParamSpec, TypeVar, cast

from collector.analysis import export as tables_out
from collector.analysis.addresses import Network, network
from collector.analysis.answers import Format
from collector.analysis.case import opened
from collector.analysis.filters import Filters
from collector.analysis.investigation import investigate as ask
from collector.analysis.investigation import uncovered
from collector.analysis.limits import EVERYTHING
from collector.analysis.prepare import Prepared, prepare
from collector.analysis.questions import NAMES, NEEDED, Question, question
from collector.analysis.rows import TABLES
from collector.analysis.tables import outside_of_runs
from collector.cli import answered, screen
from collector.cli.finding import runs_below
from collector.clock import SystemClock
from collector.config.units import Unreadable, moment
from collector.errors import DiskError, UsageError
from collector.model import IMPORT

T = TypeVar("T")
P = ParamSpec("P")
_LISTEN = 0.2
"""Seconds after which Ctrl-C is heard at the latest."""
_SOURCES = (
    "unified-audit-log",
    "mailbox-audit-log",
    "message-trace",
    "historical-search",
    "management-activity",
    "purview-audit-query",
    "graph-message-trace",
    "tenant-settings",
    IMPORT,
)
"""The names of sources; design 1.2."""
_SUFFIXES: dict[str, Format] = {".json": "json", ".csv": "csv", ".parquet": "parquet"}


def heard(work: Callable[P, None], *given: P.args, **options: P.kwargs) -> None:
    """Do work in a thread, so that Ctrl-C is heard while the database is at work; the process then ends under it."""
    done = ThreadPoolExecutor(1).submit(work, *given, **options)
    while wait([done], timeout=_LISTEN).not_done:
        pass
    done.result()


def investigate(
    words: Sequence[str],
    *,
    sql: Path | None,
    filters: Filters,
    format_: str | None,
    output: Path | None,
    elsewhere: Path | None,
    unverified: bool,
) -> None:
    """Ask a question of the runs below some folders, and show or write the answer."""
    asked, folders = _asked(words, sql)
    form = _form(format_, output)
    if output is not None:
        _writable_place(output)
    needed = NEEDED if isinstance(asked, Question) else TABLES.keys()
    prepared = prepared_runs(folders, elsewhere=elsewhere, unverified=unverified, needed=needed)
    with ask(prepared, asked, filters, SystemClock().now()) as found:
        title = asked.title if isinstance(asked, Question) else f"{sql}"
        if output is not None and form is not None:
            name = asked.name if isinstance(asked, Question) else asked
            answered.to_file(found, output, form, {"question": name, "filters": _told(filters)})
        elif form is not None:
            answered.everything(found.answer, form)
        else:
            answered.table(title, found)
        answered.limits(found)


def show(name: str, run: Path, filters: Filters, *, quiet: bool) -> None:
    """Show what a question finds in a run, and without `quiet` what the answer does not cover."""
    prepared = prepare([run], elsewhere=None, unverified=False, tell=lambda _: None, needed=NEEDED)
    with ask(prepared, question(name), filters, SystemClock().now()) as found:
        answered.table(question(name).title, found)
        screen.line()
        if not quiet:
            answered.limits(found)


def export(
    folders: Sequence[Path], format_: tables_out.Format, output: Path, *, elsewhere: Path | None, unverified: bool
) -> None:
    """Write the tables of the runs below some folders into a new folder."""
    _writable_place(output)
    if output.exists():
        raise UsageError(f"{output} exists already", remedy="name another --output; nothing is written over")
    prepared = prepared_runs(folders, elsewhere=elsewhere, unverified=unverified, needed=TABLES.keys())
    with answered.whole_folder(output) as begun, opened(prepared.tables, Filters()) as case:
        files, left_out = tables_out.export(case, begun, format_)
        missing = uncovered(case, prepared, Filters(), SystemClock().now(), EVERYTHING)
    for file in files:
        screen.line(f"{output / file.name}: {file.rows:,} rows")
    answered.not_covered(missing)
    if left_out:
        answered.say(
            f"not covered: {left_out:,} records show no time, and are in no timeline: another --format has them"
        )


def prepared_runs(folders: Sequence[Path], *, elsewhere: Path | None, unverified: bool, needed: Set[str]) -> Prepared:
    """Return the tables of the runs below some folders; making them is said."""
    runs = [run for folder in folders for run in runs_below(folder)]

    def tell(records: int) -> None:
        answered.say(f"making tables of {records:,} records, once")

    return prepare(runs, elsewhere=elsewhere, unverified=unverified, tell=tell, needed=needed)


def read_filters(
    since: str | None, until: str | None, ip: Sequence[str] | None, **names: Sequence[str] | None
) -> Filters:
    """Read what the options narrow a question to; raises UsageError, with the option's name."""
    times = [_read(option, text, moment) if text else None for option, text in (("--since", since), ("--until", until))]
    if times[0] and times[1] and times[0] >= times[1]:
        raise UsageError("--since is not before --until", remedy="name an earlier --since or a later --until")
    for option, given in (*names.items(), ("ip", ip)):
        if not all(text.strip() for text in given or ()):
            raise UsageError(f"--{option.replace('_', '-')} is empty", remedy="give it a value, or leave it out")
    for name in names.get("source") or ():
        if name not in _SOURCES:
            raise _unknown(name, "a source", _SOURCES, "name one")
    networks = tuple(_read("--ip", text, _network) for text in ip or ())
    return Filters(
        ip=networks, since=times[0], until=times[1], **{name: tuple(got or ()) for name, got in names.items()}
    )


def _read(option: str, text: str, reader: Callable[[str], T]) -> T:
    try:
        return reader(text)
    except Unreadable as error:
        raise UsageError(f"{option}: {error.message}", remedy=error.remedy) from None


def _network(text: str) -> Network:
    try:
        return network(text)
    except ValueError:
        remedy = "write an address or a network, such as 203.0.113.7 or 203.0.113.0/24"
        raise Unreadable(f"{text!r} is no address and no network", remedy) from None


def _asked(words: Sequence[str], sql: Path | None) -> tuple[Question | str, list[Path]]:
    """Tell the question from the folders; with --sql all words are folders."""
    if sql is None:
        name, *folders = words
        if name not in NAMES:
            raise _unknown(name, "a question", NAMES, "ask one")
        asked: Question | str = question(name)
    else:
        folders = list(words)
        asked = _sql(sql)
    if not folders:
        raise UsageError("no folder is named", remedy="name a run's folder, or one above runs, after the question")
    return asked, [Path(folder) for folder in folders]


def _unknown(name: str, kind: str, known: Sequence[str], order: str) -> UsageError:
    near = difflib.get_close_matches(name, known, 1)
    remedy = f"did you mean {near[0]}?" if near else f"{order} of {', '.join(known)}"
    return UsageError(f"{name!r} is not {kind}", remedy=remedy)


def _sql(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise UsageError(f"{file} is not UTF-8", remedy="save it as UTF-8") from None
    except OSError as error:
        raise UsageError(f"{file} cannot be read: {error.strerror}", remedy="name a file that can be") from None


def _form(format_: str | None, output: Path | None) -> Format | None:
    """Return how all rows are to be written, None for a table for people."""
    if output is None:
        if format_ == "parquet":
            raise UsageError("Parquet is not for a screen", remedy="name a file with --output")
        return None if format_ in {None, "table"} else cast("Format", format_)
    form = format_ or _SUFFIXES.get(output.suffix.lower())
    if form is None or form == "table":
        raise UsageError("a table is for the screen", remedy="give --format json, csv or parquet with --output")
    return cast("Format", form)


def _writable_place(output: Path) -> None:
    """Raise where an output would lie inside a run, or in no folder."""
    outside_of_runs(output.absolute())
    if not output.absolute().parent.is_dir():
        raise DiskError(f"{output.parent} is not a folder", remedy="name an --output in a folder that exists")


def _told(filters: Filters) -> dict[str, Any]:
    told = {name: value for name, value in filters._asdict().items() if value} | {
        "ip": [one.text for one in filters.ip]
    }
    return {name: value if isinstance(value, datetime) else list(value) for name, value in told.items() if value}
