"""A case is for reading: an analyst's SQL sees the evidence by its views, and nothing else, and changes nothing."""

import io
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb
import pytest
from pyarrow import parquet

from collector.analysis.answers import Answer
from collector.analysis.case import Case, opened, own_query
from collector.analysis.filters import Filters
from collector.analysis.investigation import investigate
from collector.analysis.prepare import Prepared
from collector.errors import CollectorError, UsageError
from tests.analysis.cases import trace
from tests.analysis.damaged import DAY, listing, properties, read_all, row_of_bind, row_of_text, small
from tests.analysis.feeds import ADELE, ASKED, Piece, audit_log, collect, feed, record, row

VIEWS = ("records", "items", "traces", "accesses", "opened", "raw", "unread", "mailboxes", "addresses", "apps")
HOSTILE = ("x' OR '1'='1", "'; DROP VIEW records; --", 'a"b', "%", "_", "\\", "\x00", "{scope}", "$1", "?")


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Prepared:
    folder = tmp_path_factory.mktemp("it's a case")
    sync = {"OperationProperties": properties("Sync"), "Item": {"ParentFolder": {"Name": "Inbox"}}}
    rows = [
        row_of_bind("b1", 1, "<m1@x>", SessionId="s1", AppId="App", NewIn2027={"Deep": ["seen"]}),
        row_of_bind(
            "b2", 2, "<m2@x>", SessionId=HOSTILE[0], UserId=HOSTILE[1], MailboxGuid="g2", MailboxOwnerUPN='a"b'
        ),
        row("s", 3, **sync),
        b"{",
    ]
    traced = json.dumps({"MessageTraceId": "t", "MessageId": "<m1@x>", "RecipientAddress": ADELE}).encode()
    run = collect(folder, audit_log(Piece(DAY, rows)), feed(Piece(DAY, [record("f", 4)])), trace(Piece(DAY, [traced])))
    return read_all(run)


@contextmanager
def case_of(prepared: Prepared, **filters: Any) -> Iterator[Case]:
    with opened(prepared.tables, Filters(**filters)) as case:
        yield case


def asked(prepared: Prepared, sql: str) -> Any:
    """Return the rows of an analyst's SQL, from its JSON."""
    output = io.BytesIO()
    with investigate(prepared, sql, Filters(), ASKED) as found:
        found.answer.write(output, "json")
    return json.loads(output.getvalue())


@pytest.mark.parametrize("view", VIEWS)
def test_the_views_are_there(prepared: Prepared, view: str) -> None:
    assert asked(prepared, f"SELECT count(*) AS n FROM {view}")[0]["n"] > 0


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT 1 AS n",
        "select 1 as n;",
        "\n\n  SELECT 1 AS n ;\n",
        "-- first\nSELECT 1 AS n",
        "WITH one AS (SELECT 1 AS n) SELECT n FROM one",
        "FROM (VALUES (1)) AS one(n)",
        "(SELECT 1 AS n)",
        "SELECT 1 AS n ORDER BY n LIMIT 5",
        "SELECT 1 AS n /* the end */",
    ],
)
def test_a_statement_that_reads_is_answered(prepared: Prepared, sql: str) -> None:
    assert asked(prepared, sql) == [{"n": 1}]


@pytest.mark.parametrize("sql", ["SELECT 1 AS n -- the end", "SELECT 1 AS n;\n-- the end\n", "SELECT 1 AS n;\n;\n"])
def test_a_comment_may_end_the_file(prepared: Prepared, sql: str) -> None:
    assert asked(prepared, sql) == [{"n": 1}]


@pytest.fixture(scope="module")
def case(prepared: Prepared) -> Iterator[Case]:
    with case_of(prepared) as found:
        yield found


def refused(case: Case, sql: str) -> BaseException:
    """Ask, and see it refused."""
    with pytest.raises((CollectorError, duckdb.Error)) as error, own_query(case, sql) as own:
        Answer(case, own).first(1)
    return error.value


@pytest.mark.parametrize(
    "function", ["read_csv", "read_text", "read_blob", "read_json", "read_parquet", "glob", "sniff_csv"]
)
@pytest.mark.parametrize(
    "path", ["/etc/passwd", "{folder}/other.parquet", "http://127.0.0.1:9/x", "s3://b/x", "{tables}"]
)
def test_no_file_can_be_read(case: Case, prepared: Prepared, tmp_path: Path, function: str, path: str) -> None:
    (tmp_path / "other.parquet").write_bytes(b"PAR1")
    named = path.format(folder=tmp_path, tables=prepared.tables[0].folder / "tables.json").replace("'", "''")
    error = refused(case, f"SELECT * FROM {function}('{named}')")
    assert "disabled by configuration" in str(error)


@pytest.mark.parametrize(
    "path", ["/etc/passwd", "/etc/hosts.csv", "http://127.0.0.1:9/x.csv", "https://x.example/x.parquet"]
)
def test_no_file_can_be_read_by_its_name_alone(case: Case, path: str) -> None:
    assert re.search(r"does not exist|disabled by configuration", str(refused(case, f"SELECT * FROM '{path}'")))


WRITING = (
    "COPY (SELECT 1) TO '{folder}/x.csv'",
    "COPY records TO '{folder}/x.parquet'",
    "EXPORT DATABASE '{folder}/x'",
    "IMPORT DATABASE '{folder}/x'",
    "ATTACH '{folder}/x.db'",
    "CREATE TABLE x AS SELECT 1",
    "CREATE OR REPLACE VIEW records AS SELECT 1",
    "INSERT INTO wanted VALUES ('user', 'x', 'x')",
    "DELETE FROM wanted",
    "UPDATE period SET since = NULL",
    "DROP VIEW records",
    "PRAGMA version",
    "SET memory_limit = '10GB'",
    "RESET ALL",
    "INSTALL httpfs",
    "LOAD httpfs",
    "CALL pragma_version()",
    "CHECKPOINT",
    "EXPLAIN SELECT 1",
    "EXPLAIN ANALYZE COPY (SELECT 1) TO '{folder}/x.csv'",
    "EXPLAIN ANALYZE DELETE FROM wanted",
    "SELECT 1; SELECT 2",
    "SELECT 1; COPY (SELECT 1) TO '{folder}/x.csv'",
    "BEGIN",
    "PREPARE p AS SELECT 1",
    "",
    ";",
    "-- nothing",
    "SELEC 1",
)


@pytest.mark.parametrize("sql", WRITING)
def test_what_is_not_one_statement_that_reads_is_refused(case: Case, tmp_path: Path, sql: str) -> None:
    with (
        pytest.raises(UsageError, match=r"not one statement|fails") as error,
        own_query(case, sql.format(folder=tmp_path)),
    ):
        pass
    assert "SELECT" in error.value.remedy
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "sql",
    [
        "WITH gone AS (DELETE FROM wanted RETURNING *) SELECT * FROM gone",
        "SELECT * FROM query('COPY (SELECT 1) TO ''{folder}/x.csv''')",
        "SELECT * FROM enable_logging(storage = 'file', storage_path = '{folder}')",
        "SELECT * FROM enable_profiling(format = 'json', save_location = '{folder}/x.json')",
        "SELECT getenv('HOME')",
        "SELECT * FROM duckdb_secrets()",
    ],
)
def test_a_select_that_would_do_more_is_refused(case: Case, tmp_path: Path, sql: str) -> None:
    refused(case, sql.format(folder=tmp_path))
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "sql",
    ["SET enable_external_access = true", "SET lock_configuration = false", "SET allowed_paths = ['/etc/passwd']"],
)
def test_the_lock_cannot_be_taken_off_even_by_us(case: Case, sql: str) -> None:
    with pytest.raises(duckdb.Error, match=r"locked|Cannot change"):
        case.connection.execute(sql)


def test_no_extension_can_be_had_even_by_us(prepared: Prepared) -> None:
    with case_of(prepared) as case:
        for sql in (
            "INSTALL httpfs",
            "LOAD httpfs",
            "ATTACH 'http://127.0.0.1:9/x.db'",
            "COPY records TO '/tmp/x.csv'",
        ):
            with pytest.raises(duckdb.Error):
                case.connection.execute(sql)


@pytest.mark.parametrize(
    "sql", ["SELECT nope FROM records", "SELECT * FROM nowhere", "SELECT * FROM read_text('/etc/passwd')", "SELECT ?"]
)
def test_sql_that_cannot_be_answered_is_the_analyst_s_to_mend(prepared: Prepared, sql: str) -> None:
    with pytest.raises(UsageError):
        asked(prepared, sql)


def test_sql_that_fails_over_a_value_is_the_analyst_s_to_mend(prepared: Prepared) -> None:
    with pytest.raises(UsageError):
        asked(prepared, "SELECT CAST(record_id AS INTEGER) FROM records")


def test_a_field_that_nobody_knows_yet_is_reached_through_the_raw_text(prepared: Prepared) -> None:
    deep = "SELECT record_id, text->>'$.NewIn2027.Deep[0]' AS deep FROM records JOIN raw USING (row_id)"
    assert asked(prepared, f"{deep} WHERE deep = 'seen'") == [{"record_id": "b1", "deep": "seen"}]


def test_text_that_is_no_strict_json_costs_no_other_where_it_is_tried(tmp_path: Path) -> None:
    run = small(tmp_path, row_of_bind("b1", 1, "<m@x>", New="seen"), row_of_text("odd", 2))
    sql = "SELECT text->>'$.New' AS new FROM raw WHERE json_valid(text)"
    assert {"new": "seen"} in asked(read_all(run), sql)


@pytest.mark.parametrize("form", ["json", "csv", "parquet"])
def test_sql_gives_every_format(prepared: Prepared, form: Any) -> None:
    time = "TIMESTAMP '2026-11-10 00:00:00'"
    sql = f"SELECT 'é' AS \"a 'b\"\"\", 1.5::DECIMAL(9, 1) AS d, ['y', 'x'] AS l, {time} AS t, NULL AS n"
    output = io.BytesIO()
    with investigate(prepared, sql, Filters(), ASKED) as found:
        assert found.answer.write(output, form) == 1
        assert [column.name for column in found.answer.columns] == ["a 'b\"", "d", "l", "t", "n"]
        assert found.answer.count() == 1
    if form == "json":
        told = {"a 'b\"": "é", "d": 1.5, "l": ["y", "x"], "t": "2026-11-10T00:00:00Z", "n": None}
        assert json.loads(output.getvalue()) == [told]
    elif form == "csv":
        assert output.getvalue().decode().splitlines()[1] == '"é","1.5","y; x","2026-11-10T00:00:00Z",'
    else:
        (held,) = parquet.read_table(io.BytesIO(output.getvalue())).to_pylist()
        assert (held["a 'b\""], held["l"], held["t"].isoformat()) == ("é", ["y", "x"], "2026-11-10T00:00:00+00:00")


def test_a_list_of_numbers_is_one(prepared: Prepared) -> None:
    assert asked(prepared, "SELECT [2, 1] AS n") == [{"n": [2, 1]}]


def test_times_in_a_list_are_iso_with_z_too(prepared: Prepared) -> None:
    assert asked(prepared, "SELECT [TIMESTAMP '2026-11-10 00:00:00'] AS t") == [{"t": ["2026-11-10T00:00:00Z"]}]


@pytest.mark.parametrize("name", ["mailbox", "user", "session", "app", "message_id", "source"])
def test_a_value_is_only_a_value(prepared: Prepared, name: str) -> None:
    matching = {"session": ["b2"], "user": ["b2"], "mailbox": ["b2"]}
    with case_of(prepared, **{name: HOSTILE}) as case:
        ids = [one for (one,) in case.connection.execute("SELECT record_id FROM in_scope").fetchall()]
        assert case.number("SELECT count(DISTINCT value) FROM wanted") == len({one.lower() for one in HOSTILE})
    assert ids == matching.get(name, [])


def test_quotes_in_the_name_of_a_folder_are_only_quotes(prepared: Prepared) -> None:
    assert "it's" in str(prepared.tables[0].folder)
    assert {one["run"] for one in asked(prepared, "SELECT run FROM records")} == {str(prepared.tables[0].account.path)}


def test_asking_leaves_the_tables_as_they_are(case: Case, prepared: Prepared) -> None:
    folder = prepared.tables[0].folder
    before = listing(folder)
    asked(prepared, "SELECT * FROM records")
    for sql in WRITING:
        refused(case, sql.format(folder=folder))
    assert listing(folder) == before


def test_an_answer_can_be_read_more_than_once(prepared: Prepared) -> None:
    with case_of(prepared) as case:
        answer = Answer(case, "SELECT record_id FROM records ORDER BY record_id")
        assert answer.first(2) == answer.first(2) == [("b1",), ("b2",)]
        assert answer.count() == 4
