"""The runs of a case as one database: DuckDB over their tables, for reading only, shut off from all else.

Invariants: no network, no extension, no file but the tables that were opened; what a question reads of the operator
is bound as a value; memory is bounded, and what does not fit goes to a folder of its own beside the tables.
"""

import os
import re
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from contextlib import contextmanager
from datetime import UTC, datetime
from importlib.resources import files
from pathlib import Path
from typing import NamedTuple

import duckdb
import pyarrow

from collector.analysis.covers import MAILBOX_LOG
from collector.analysis.filters import Filters
from collector.analysis.old_store import Elsewhere, elsewhere
from collector.analysis.parquet import schema
from collector.analysis.readers import TRACES
from collector.analysis.tables import Tables
from collector.errors import DiskError, UsageError
from collector.evidence import disk_errors
from collector.model import IMPORT

_MEMORY, _GATHERING = "800MB", "1GB"
"""What sorts takes all that it is allowed: with the interpreter a process stays below 1 GB. What gathers a million
records takes a good half of it, but goes the long way round once a thread holds a fraction of what it is allowed."""
_RUN_ROWS = 1 << 48
"""Row numbers that a run has for itself."""
_KEYS = ("row_id", "context_id", "folder_number")
"""What joins the tables of a run."""
_AS_THEY_ARE = ("raw", "unread")
"""Tables whose lines are shown as they are, by a view of the table's name."""
_LEFT_OUT_OF = ("records", "items", "addresses", "apps")
"""Tables whose lines questions read as records, and leave out where another source tells of the same."""
_SOURCED = ("records", "traces", "details", "sign_ins", "settings", "unread")
"""Tables that name the source of each row; the others hang on a row of these."""
_SQL_TYPES = {
    pyarrow.string(): "VARCHAR",
    pyarrow.int64(): "BIGINT",
    pyarrow.bool_(): "BOOLEAN",
    pyarrow.timestamp("us"): "TIMESTAMP",
}
_ROADS = (*TRACES, IMPORT)
_OF_ONE_ROAD = f"""WHERE NOT (line_traces.source <> '{_ROADS[0]}' AND EXISTS (
    FROM line_traces AS other
    WHERE list_position({[*_ROADS]}, other.source) < list_position({[*_ROADS]}, line_traces.source)
        AND other.message = line_traces.message
        AND lower(other.recipient) = lower(line_traces.recipient)
        AND date_trunc('second', other.received) = date_trunc('second', line_traces.received)
        AND lower(other.status) = lower(line_traces.status)
))"""
"""What one road tells of a message another tells too; their times may differ in the fraction of a second."""
_TRACES_ONCE = """QUALIFY row_number() OVER (
    PARTITION BY message_trace_id, message_id, recipient, received, status, sender, subject, size, from_ip, to_ip
    ORDER BY row_id
) = 1"""


_FULLER = """(source <> 'import', (
    SELECT count(mailbox_guid) + count(mailbox_upn) + count(user_id) + count(client_ip) + count(client_info)
        + count(session_id) + count(logon_type) + count(app_id)
    FROM line_contexts AS shown
    WHERE shown.context_id = asked_records.context_id
))"""
"""How much a line says of who did it: what the services gave, and then what most columns hold."""


class Mailbox(NamedTuple):
    """A mailbox of the case: what its records are joined by, its latest name, and all names that it bore."""

    key: str | None
    name: str | None
    names: tuple[str, ...]


class Case:
    """An open case; `connection` has the views of views.sql, narrowed by the filters."""

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self.connection = connection

    def mailboxes(self) -> list[Mailbox]:
        """Return the mailboxes that any audit record names."""
        found = self.connection.execute(
            """SELECT mailbox_key, mailbox, list_sort(list_distinct(list(upn) FILTER (WHERE upn IS NOT NULL)))
            FROM mailboxes GROUP BY ALL ORDER BY ALL"""
        )
        return [Mailbox(key, name, tuple(names or ())) for key, name, names in found.fetchall()]

    def runs_of(self, mailbox: Mailbox) -> set[str]:
        """Return the runs that hold a record of a mailbox."""
        found = self.connection.execute(
            """SELECT DISTINCT run FROM line_records JOIN contexts USING (context_id)
            WHERE mailbox_key IS NOT DISTINCT FROM ?""",
            [mailbox.key],
        )
        return {str(run) for (run,) in found.fetchall()}

    def say_asked(self, numbers: Mapping[str, int]) -> None:
        """Tell the questions which messages were asked for by their ids; those of one number were so alike."""
        self.connection.execute("INSERT INTO asked_ids SELECT unnest(?), unnest(?)", [[*numbers], [*numbers.values()]])

    def asked_of_mailboxes(self) -> dict[str | None, list[int]]:
        """Return the numbers of the messages that were asked for by their ids, by the mailbox they were opened in."""
        if not self.number("SELECT count(*) FROM asked_ids"):
            return {}
        pairs = self.connection.execute(
            "SELECT mailbox_key, list(DISTINCT asked) FROM opened JOIN asked_ids USING (message) GROUP BY ALL"
        )
        return dict(pairs.fetchall())

    def say_reach(self, reach: Sequence[tuple[str | None, int, str, str]]) -> None:
        """Tell the questions what the message trace reaches, and why, by mailbox and how a message was asked for."""
        columns = [list(column) for column in zip(*reach, strict=True)] or [[], [], [], []]
        self.connection.execute("INSERT INTO trace_reach SELECT unnest(?), unnest(?), unnest(?), unnest(?)", columns)

    def number(self, sql: str) -> int:
        """Return the one number that some SQL gives."""
        ((number,),) = self.connection.execute(sql).fetchall()
        return int(number)


@contextmanager
def opened(tables: Sequence[Tables], filters: Filters, *, gathers: bool = False) -> Iterator[Case]:
    """Open the tables of some runs as a case, for a question that gathers or for others.

    Raises DiskError where they, or room beside them, cannot be had.
    """
    with disk_errors(tables[0].folder):
        spill = Path(tempfile.mkdtemp(prefix="spill-", dir=tables[0].folder))
    connection = duckdb.connect(
        config={
            "memory_limit": _GATHERING if gathers else _MEMORY,
            "temp_directory": str(spill),
            "threads": os.cpu_count() or 1,
            "python_enable_replacements": False,
            "autoinstall_known_extensions": False,
            "autoload_known_extensions": False,
            "allow_community_extensions": False,
        }
    )
    try:
        paths = (path for one in tables for name in one.trusted for path in one.files(name))
        connection.execute(f"SET allowed_paths = [{', '.join(map(literal, paths))}]")
        connection.execute("SET enable_external_access = false")
        _prepare(connection, tables, filters)
        connection.execute("SET lock_configuration = true")
        yield Case(connection)
    except (duckdb.IOException, duckdb.OutOfMemoryException) as error:
        raise DiskError(
            f"the tables cannot be read, or there is no room to work: {error}",
            remedy=f"free some room at {spill.parent}; the tables there can be removed, they are made anew",
        ) from error
    finally:
        connection.close()
        shutil.rmtree(spill, ignore_errors=True)


@contextmanager
def own_query(case: Case, sql: str) -> Iterator[str]:
    """Give SQL that reads what an analyst's one statement gives.

    Raises UsageError where it is not one, would do more than read, or fails while it is read.
    """
    views = "records, items, traces, details, sign_ins, settings, accesses, opened, raw, unread"
    remedy = f"write one SELECT over what there is, such as the views {views}"
    try:
        statements = case.connection.extract_statements(sql)
        if [statement.type for statement in statements] != [duckdb.StatementType.SELECT]:
            raise UsageError("the SQL is not one statement that only reads", remedy=remedy)
        case.connection.execute(f"CREATE OR REPLACE TEMP VIEW own AS {statements[0].query}")
        yield "FROM own"
    except (duckdb.IOException, duckdb.OutOfMemoryException):
        raise
    except (duckdb.Error, pyarrow.ArrowException) as error:
        raise UsageError(f"the SQL fails: {error}", remedy=remedy) from None


def _prepare(connection: duckdb.DuckDBPyConnection, tables: Sequence[Tables], filters: Filters) -> None:
    connection.execute("SET TimeZone = 'UTC'")
    for name in tables[0].trusted:
        connection.execute(_lines_view(name, tables))
    _leave_out(connection, tables, () if filters.source else elsewhere([one.account for one in tables]))
    connection.execute("CREATE TEMP TABLE wanted (filter VARCHAR, value VARCHAR, last VARCHAR)")
    for row in filters.wanted():
        connection.execute("INSERT INTO wanted VALUES (?, lower(?), lower(?))", row)
    connection.execute("CREATE TEMP TABLE period (since TIMESTAMP, until TIMESTAMP)")
    connection.execute("INSERT INTO period VALUES (?, ?)", [_plain(filters.since), _plain(filters.until)])
    connection.execute("CREATE TEMP TABLE asked_ids (message VARCHAR, asked BIGINT)")
    connection.execute(
        "CREATE TEMP TABLE trace_reach (mailbox_key VARCHAR, asked BIGINT, trace VARCHAR, reason VARCHAR)"
    )
    views = files("collector.analysis").joinpath("views.sql").read_text(encoding="utf-8")
    conditions = {
        "sources": filters.sources(),
        "scope": filters.scope(),
        "messages": filters.messages(),
        "sign_ins": filters.sign_ins(),
        "settings": filters.settings(),
    }
    sources = {commit.source for one in tables for commit in one.account.commits}
    once = "\n".join(_traces_once(sources, len(tables)))
    fuller = _FULLER if IMPORT in sources else "TRUE"
    connection.execute(views.format(**conditions, mailboxes=filters.mailboxes(), traces_once=once, fuller=fuller))


def _traces_once(sources: Set[str], runs: int) -> Iterator[str]:
    """Yield the SQL that lets a row of a trace count once, where it may stand in several places."""
    if len(sources & set(_ROADS)) > 1:
        yield _OF_ONE_ROAD
    if runs > 1 or IMPORT in sources:
        yield _TRACES_ONCE


def _leave_out(connection: duckdb.DuckDBPyConnection, tables: Sequence[Tables], told: Iterable[Elsewhere]) -> None:
    """Take the entries of mailboxes' own logs out of the lines, where another source tells of the same."""
    connection.execute("CREATE TEMP TABLE left_out (row_id BIGINT)")
    columns = [list(column) for column in zip(*told, strict=True)]
    if not columns:
        return
    runs, operations, *times = columns
    given = [runs, operations, *([_plain(moment) for moment in column] for column in times)]
    connection.execute(
        """INSERT INTO left_out SELECT DISTINCT row_id
        FROM line_records AS lines
        JOIN (SELECT unnest($1) AS run, unnest($2) AS operation, unnest($3) AS start, unnest($4) AS until) AS told
            ON lines.source = $5 AND lines.run = told.run AND lines.time >= told.start AND lines.time < told.until
            AND (told.operation IS NULL OR told.operation = lower(lines.operation))""",
        [*given, MAILBOX_LOG],
    )
    for name in _LEFT_OUT_OF:
        connection.execute(f"{_lines_view(name, tables)} WHERE row_id NOT IN (FROM left_out)")


def _lines_view(name: str, tables: Sequence[Tables]) -> str:
    """Return the SQL for the lines of a table over all runs, with the run that each is of."""
    columns = schema(name)
    parts = []
    for place, one in enumerate(tables):
        listed = ", ".join(literal(_plain_name(path)) for path in one.files(name)) or None
        own = [f"{key} + {place * _RUN_ROWS} AS {key}" for key in _KEYS if key in columns.names]
        row = f" REPLACE ({', '.join(own)})" if own else ""
        run = f", {literal(one.account.path)} AS run" if name in _SOURCED else ""
        parts += [f"SELECT *{row}{run} FROM read_parquet([{listed}], hive_partitioning = false)"] if listed else []  # noqa: S608 - quoted paths
    if not parts:
        nothing = ", ".join(f"CAST(NULL AS {_SQL_TYPES[field.type]}) AS {field.name}" for field in columns)
        parts = [f"SELECT {nothing}{', NULL AS run' if name in _SOURCED else ''} WHERE FALSE"]
    view = name if name in _AS_THEY_ARE else f"line_{name}"
    return f"CREATE OR REPLACE TEMP VIEW {view} AS FROM ({' UNION ALL '.join(parts)})"


def _plain_name(path: Path) -> Path:
    """Return a path in which the database sees no pattern; raises UsageError for any other."""
    if re.search(r"[*?\[]", str(path)):
        raise UsageError(
            f"{path.parent} has a *, ? or [ in its name, which the database takes for a pattern",
            remedy="keep the tables elsewhere with --tables FOLDER",
        )
    return path


def literal(value: object) -> str:
    """Return a text as SQL writes it."""
    return "'" + str(value).replace("'", "''") + "'"


def _plain(moment: datetime | None) -> datetime | None:
    return moment.astimezone(UTC).replace(tzinfo=None) if moment else None
