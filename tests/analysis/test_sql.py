"""The questions as an analyst reads them: SQL that DuckDB and Spark share, under a comment that says what it gives.

Both parsers must read each file as the same statement. One thing they may differ in, and it is no row: where missing
values stand in an order that does not say so.
"""

import io
import re
import shlex
from collections.abc import Iterator
from importlib.resources import files
from itertools import pairwise
from pathlib import Path

import pyarrow
import pytest
import sqlglot
import typer
from pyarrow import parquet
from sqlglot import exp
from sqlglot.tokens import TokenType

from collector.analysis.filters import Filters
from collector.analysis.investigation import investigate
from collector.analysis.prepare import Prepared
from collector.analysis.questions import NAMES, question
from collector.cli.app import app
from collector.cli.investigating import read_filters
from tests.analysis.cases import COLUMNS, LISTS, TIMES, ready, written
from tests.analysis.feeds import ASKED, Piece, audit_log, collect

QUERIES = Path(str(files("collector.analysis"))) / "queries"

FUNCTIONS = {
    "ARG_MAX",  # max_by
    "ARRAY_AGG",
    "ARRAY_DISTINCT",
    "ARRAY_SORT",
    "CAST",
    "COALESCE",
    "COUNT",
    "LEAST",
    "LOWER",
    "MAX",
    "MIN",
    "NULLIF",
    "SUM",
    "size",
}
"""What a query may call: each means the same in both engines."""
GRAMMAR = (exp.Connector, exp.Case, exp.If)
"""What the parser takes for functions and nobody else does."""
DUCKDB_ONLY = (
    exp.Array,
    exp.Columns,
    exp.Lambda,
    exp.Pivot,
    exp.PropertyEQ,
    exp.Qualify,
    exp.Slice,
    exp.Struct,
    exp.TableSample,
    exp.TryCast,
)
FOREIGN_TOKENS = {
    TokenType.L_BRACKET,
    TokenType.L_BRACE,
    TokenType.DCOLON,
    TokenType.COLON_EQ,
    TokenType.DSTAR,
    TokenType.PARAMETER,
    TokenType.PLACEHOLDER,
    TokenType.QUALIFY,
    TokenType.SEMICOLON,
}
NUMBERS = {
    *("logon_type", "binds", "syncs", "records", "operations", "folder_count", "accesses", "size"),
    *("session_records", "address_records"),
    *(("contexts", "messages"), ("contexts", "folders"), ("sessions", "messages")),
}


def text(name: str) -> str:
    return (QUERIES / f"{name}.sql").read_text(encoding="utf-8")


def spark(sql: str, read: str) -> str:
    """Return a statement as one of the parsers reads it, in Spark's words."""
    return plain(sqlglot.parse_one(sql, read=read)).sql("spark", comments=False, pretty=True)


def alike(sql: str) -> bool:
    try:
        return spark(sql, "duckdb") == spark(sql, "spark")
    except sqlglot.ParseError:
        return False


def plain(tree: exp.Expr) -> exp.Expr:
    """Leave out where missing values stand, and write a join by comma as what it is."""
    for ordered in tree.find_all(exp.Ordered):
        ordered.set("nulls_first", None)
    for join in tree.find_all(exp.Join):
        if not (join.kind or join.side or join.args.get("on") or join.args.get("using")):
            join.set("kind", "CROSS")
    return tree


def _calls(tree: exp.Expr) -> Iterator[exp.Func]:
    yield from (one for one in tree.find_all(exp.Func) if not isinstance(one, GRAMMAR))


def foreign(sql: str) -> list[str]:
    """Return what in a statement is not of both engines."""
    tree = sqlglot.parse_one(sql, read="duckdb")
    tokens = sqlglot.tokenize(sql, read="duckdb")
    kinds = [token.token_type for token in tokens]
    calls = {one.sql_name() if not isinstance(one, exp.Anonymous) else one.name for one in _calls(tree)}
    found = sorted(calls - FUNCTIONS)
    found += [type(one).__name__ for one in tree.find_all(*DUCKDB_ONLY)]
    found += ["* but for some columns" for one in tree.find_all(exp.Star) if any(one.args.values())]
    found += [token.text for token in tokens if token.token_type in FOREIGN_TOKENS]
    found += [token.text for token in tokens if token.token_type is TokenType.IDENTIFIER]  # "x" is a text in Spark
    found += [token.text for token in tokens if token.token_type is TokenType.STRING and "\\" in token.text]
    sources = [two for two in pairwise(kinds) if two[1] is TokenType.FROM and two[0] is not TokenType.DISTINCT]
    if len(sources) + (kinds[0] is TokenType.FROM) != kinds.count(TokenType.SELECT):
        found.append("a FROM without its SELECT")
    return found


def test_there_is_a_file_for_each_question_and_no_other() -> None:
    assert {path.name for path in QUERIES.iterdir()} == {f"{name}.sql" for name in NAMES}


@pytest.mark.parametrize("name", NAMES)
def test_duckdb_and_spark_read_the_same_statement(name: str) -> None:
    (statement,) = sqlglot.parse(text(name), read="duckdb")
    assert isinstance(statement, exp.Select)
    assert spark(text(name), "spark") == spark(text(name), "duckdb")
    assert foreign(text(name)) == []


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT * EXCLUDE (a) FROM t",
        "SELECT * REPLACE (a + 1 AS a) FROM t",
        "SELECT a FROM t QUALIFY row_number() OVER (ORDER BY a) = 1",
        "SELECT [a, b] AS c FROM t",
        "FROM t",
        "SELECT a FROM (FROM t) AS u",
        "SELECT a::BIGINT AS a FROM t",
        "SELECT list_sort(list(a)) AS a FROM t",
        "SELECT strftime(a, '%Y') AS a FROM t",
        "SELECT TRY_CAST(a AS BIGINT) AS a FROM t",
        "SELECT {'a': a} AS a FROM t",
        'SELECT "a" AS a FROM t',
        "SELECT a FROM t WHERE a = '\\Inbox'",
        "SELECT COLUMNS('a.*') FROM t",
        "SELECT a FROM t; SELECT b FROM t",
    ],
)
def test_what_one_engine_alone_takes_is_found(sql: str) -> None:
    assert foreign(sql) or not alike(sql)


def comment(name: str) -> list[str]:
    """Return the paragraphs of a file's comment, which stands before its SQL."""
    lines = text(name).splitlines()
    sql = next(place for place, line in enumerate(lines) if not line.startswith("--"))
    assert not any("--" in line for line in lines[sql:])
    paragraphs = "\n".join(line.removeprefix("--").strip() for line in lines[:sql]).split("\n\n")
    return [one.replace("\n", " ") for one in paragraphs]


def columns_told(name: str) -> list[str]:
    """Return the columns that a comment names, what stands in brackets left out."""
    found = re.search(r"Columns: (.*?)\. Example: ", comment(name)[2])
    assert found, comment(name)
    return re.split(r", | and ", re.sub(r" \([^)]*\)", "", found[1]))


@pytest.mark.parametrize("name", NAMES)
def test_the_comment_has_title_meaning_rows_columns_and_example(name: str) -> None:
    title, meaning, last = comment(name)
    assert title.endswith("?")
    assert meaning.endswith(".")
    assert "Ask this" in meaning
    assert last.startswith("One row for each ")
    assert columns_told(name) == COLUMNS[name].split()
    asked = question(name)
    assert (asked.title, asked.meaning, asked.sql) == (title, meaning, text(name))
    assert last.endswith(f" Example: {asked.example}")


@pytest.mark.parametrize("name", NAMES)
def test_the_example_is_a_command_that_the_program_takes(name: str) -> None:
    program, command, *words = shlex.split(question(name).example)
    assert (program, command, *words[:2]) == ("collector", "investigate", name, "evidence/")
    with typer.Context(typer.main.get_command(app)) as context:
        read = context.command.get_command(context, command).make_context(command, list(words)).params
    assert read["words"] == words[:2]
    assert any(read[option] for option in ("mailbox", "user", "ip", "session", "since", "message_id", "app_"))
    names = {option: read[option] for option in ("mailbox", "user", "session", "message_id", "source")}
    assert read_filters(read["since"], read["until"], read["ip"], app=read["app_"], **names) != Filters()


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Prepared:
    return ready([collect(tmp_path_factory.mktemp("empty"), audit_log(Piece((0, 1))))])


@pytest.mark.parametrize("name", NAMES)
def test_duckdb_gives_the_columns_of_the_design_with_their_types(empty: Prepared, name: str) -> None:
    with investigate(empty, question(name), Filters(), ASKED) as found:
        assert [column.name for column in found.answer.columns] == COLUMNS[name].split()
    (content,) = written(empty, name, "parquet")
    schema = parquet.read_schema(io.BytesIO(content))
    assert {field.name: plain_type(field.type) for field in schema} == {
        column: type_of(name, column) for column in COLUMNS[name].split()
    }


def plain_type(kind: pyarrow.DataType) -> str:
    """Return the name of a type; texts that are enumerated are texts."""
    if pyarrow.types.is_list(kind):
        return f"list of {plain_type(kind.value_type)}"
    return str(kind.value_type if pyarrow.types.is_dictionary(kind) else kind)


def type_of(name: str, column: str) -> str:
    if column in TIMES:
        return "timestamp[us, tz=UTC]"
    if column in NUMBERS or (name, column) in NUMBERS:
        return "int64"
    if column == "interactive":
        return "bool"
    return "list of string" if column in LISTS or (name, column) == ("messages", "folders") else "string"
