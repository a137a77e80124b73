"""Tables are made from a run's committed chunks, once, beside the run, and not believed when they are not whole."""

import gzip
import json
import subprocess
from collections.abc import Iterator, Set
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import duckdb
import msgspec
import pytest
from pyarrow import parquet

from collector.analysis.case import opened
from collector.analysis.filters import Filters
from collector.analysis.rows import TABLES
from collector.analysis.tables import Tables, tables_folder, up_to_date, working_in
from collector.cli.work import verify_all
from collector.errors import ExitCode
from collector.evidence import Account, Opening, RunFolder, Store, read
from collector.model import Axis, Outcome, Plan, Row, Slice, Status
from tests.analysis.damaged import DAY, listing, read_all, row_of_bind, row_of_text, small
from tests.analysis.feeds import ASKED, Piece, at, audit_log, collect, feed, record, window
from tests.fakes import TENANT, FakeClock


def made(run: Path) -> tuple[Tables, list[int]]:
    """Bring the tables of a run up to date; return them and the records that were read for it."""
    return made_of(read(run), tables_folder(run, None))


def made_of(account: Account, folder: Path, needed: Set[str] = TABLES.keys()) -> tuple[Tables, list[int]]:
    told: list[int] = []
    with working_in(folder):
        return up_to_date(account, folder, told.append, needed=needed), told


def ids(tables: Tables) -> list[str]:
    with opened([tables], Filters()) as case:
        return [one for (one,) in case.connection.execute("SELECT record_id FROM records ORDER BY ALL").fetchall()]


def files(folder: Path) -> dict[str, tuple[int, int]]:
    """Return the Parquet files, with what changes when one is written anew."""
    return {path.name: (path.stat().st_ino, path.stat().st_mtime_ns) for path in folder.glob("*.parquet")}


class Growing:
    """An open run that is committed to hour by hour."""

    def __init__(self, run: RunFolder) -> None:
        self._run = run
        self.path = run.path
        self._hour = 0

    def commit(self, *lines: bytes) -> None:
        staging = self._run.stage()
        staging.add([Row(line, b"", b"", None) for line in lines], "request")
        hours = window((self._hour, self._hour + 1))
        self._hour += 1
        slice_ = Slice("unified-audit-log", None, Axis.EVENT, hours)
        self._run.commit(slice_, Outcome(Status.COMPLETE, ASKED, 1, settled=True), staging)
        staging.release()


@contextmanager
def growing(evidence: Path) -> Iterator[Growing]:
    plan = Plan("contoso-2026-11", TENANT, ASKED, (audit_log(Piece(DAY)).plan,))
    opening = Opening(plan=plan, engagement=b"", environment={}, compression="gzip", chunk_bytes=1 << 20)
    with closing(RunFolder.create(evidence / "contoso-2026-11", opening, store=Store(), clock=FakeClock())) as run:
        yield Growing(run)


def test_only_new_chunks_are_read_when_an_open_run_grows(tmp_path: Path) -> None:
    with growing(tmp_path) as run:
        run.commit(row_of_bind("b1", 0.5, "<m1@x>"), row_of_bind("b2", 0.6, "<m2@x>"))
        first, read_first = made(run.path)
        before = files(first.folder)
        run.commit(row_of_bind("b3", 1.5, "<m3@x>"))
        second, read_then = made(run.path)
        assert (read_first, read_then) == ([2], [1])
        after = files(second.folder)
        assert before.items() <= after.items()
        assert len(after) == 2 * len(TABLES)
        assert ids(second) == ["b1", "b2", "b3"]


def test_nothing_is_read_when_nothing_is_new(tmp_path: Path) -> None:
    run = small(tmp_path)
    first, _ = made(run)
    before = files(first.folder)
    again, told = made(run)
    assert told == []
    assert files(again.folder) == before
    assert again == first


def test_rows_of_parts_do_not_share_their_numbers(tmp_path: Path) -> None:
    with growing(tmp_path) as run:
        for number in range(3):
            run.commit(row_of_bind(f"b{number}", number, f"<m{number}@x>"))
            tables, _ = made(run.path)
        with opened([tables], Filters()) as case:
            asked = "SELECT record_id, message FROM records JOIN items USING (row_id) ORDER BY ALL"
            assert case.connection.execute(asked).fetchall() == [("b0", "m0@x"), ("b1", "m1@x"), ("b2", "m2@x")]


def _shorter(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1])


def _other_bytes(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize("harm", [Path.unlink, _shorter, _other_bytes], ids=["gone", "shorter", "other-bytes"])
@pytest.mark.parametrize("table", ["records", "unread"])
def test_a_table_that_is_not_what_was_written_is_made_anew(tmp_path: Path, harm: Any, table: str) -> None:
    run = small(tmp_path)
    tables, _ = made(run)
    (path,) = tables.folder.glob(f"*.{table}.parquet")
    harm(path)
    again, told = made(run)
    assert told == [2]
    assert ids(again) == ["b1", "b2"]


def test_a_table_whose_hash_was_not_compared_is_not_read_and_is_made_anew_once_it_is_needed(tmp_path: Path) -> None:
    run = small(tmp_path)
    (path,) = made(run)[0].folder.glob("*.raw.parquet")
    _other_bytes(path)
    tables, told = made_of(read(run), path.parent, TABLES.keys() - {"raw"})
    assert (ids(tables), told) == (["b1", "b2"], [])
    with pytest.raises(ValueError, match="raw"):
        tables.files("raw")
    with opened([tables], Filters()) as case, pytest.raises(duckdb.CatalogException):
        case.connection.execute("FROM raw")
    again, told = made(run)
    assert told == [2]
    with opened([again], Filters()) as case:
        assert case.number("SELECT count(*) FROM raw") == 2


def _of_the_format_before(manifest: Path) -> None:
    told = json.loads(manifest.read_bytes())
    manifest.write_text(json.dumps({**told, "format": told["format"] - 1}), encoding="utf-8")


@pytest.mark.parametrize(
    "harm",
    [
        Path.unlink,
        _of_the_format_before,
        lambda path: path.write_bytes(b""),
        lambda path: path.write_bytes(b'{"format": 1'),
        lambda path: path.write_bytes(b"\xff"),
        lambda path: path.write_bytes(b"[" * 100_000),
    ],
    ids=["gone", "older-format", "empty", "torn", "no-text", "deep"],
)
def test_a_manifest_that_is_no_manifest_makes_all_tables_anew(tmp_path: Path, harm: Any) -> None:
    run = small(tmp_path)
    tables, _ = made(run)
    harm(tables.folder / "tables.json")
    again, told = made(run)
    assert told == [2]
    assert ids(again) == ["b1", "b2"]


def test_tables_of_another_run_in_the_same_place_are_not_believed(tmp_path: Path) -> None:
    run = small(tmp_path / "one")
    other = small(tmp_path / "other", row_of_bind("other", 1, "<m@x>"))
    made(run)
    tables, told = made_of(read(other), tables_folder(run, None))
    assert (told, ids(tables)) == ([1], ["other"])


def test_what_a_build_that_broke_off_left_is_removed(tmp_path: Path) -> None:
    run = small(tmp_path)
    folder = tables_folder(run, None)
    folder.mkdir()
    for name in ("000001.records.parquet", "000007.items.parquet"):
        (folder / name).write_bytes(b"PAR1 torn")
    tables, _ = made(run)
    there = {path.name for path in folder.glob("*.parquet")}
    assert there == {file.name for part in tables.parts for file in part.files.values()}
    assert len(there) == len(TABLES)
    assert ids(tables) == ["b1", "b2"]


@pytest.mark.parametrize("seal", [True, False], ids=["sealed", "open"])
def test_nothing_is_written_inside_the_run(tmp_path: Path, seal: bool) -> None:
    run = small(tmp_path, seal=seal)
    before = listing(run)
    with opened(read_all(run).tables, Filters()):
        pass
    assert listing(run) == before
    assert {path.name for path in run.parent.iterdir()} == {run.name, f"{run.name}.tables"}


def test_a_run_stays_sound_beside_its_tables(tmp_path: Path) -> None:
    run = small(tmp_path)
    read_all(run)
    assert verify_all(tmp_path, as_json=True) == ExitCode.COMPLETE
    for manifest in ("manifest-sha256.txt", "tagmanifest-sha256.txt"):
        subprocess.run(["sha256sum", "--strict", "--quiet", "-c", manifest], cwd=run, check=True, timeout=60)


def test_tables_may_be_kept_elsewhere_and_the_evidence_is_left_as_it_was(tmp_path: Path) -> None:
    runs = [small(tmp_path / "evidence" / name) for name in ("one", "two")]
    assert runs[0].name == runs[1].name
    before = listing(tmp_path / "evidence")
    tables = read_all(*runs, elsewhere=tmp_path / "work" / "tables").tables
    with opened(tables, Filters()):
        assert listing(tmp_path / "evidence") == before
    assert len({one.folder for one in tables}) == 2
    assert all(one.folder.parent == tmp_path / "work" / "tables" for one in tables)


@pytest.mark.parametrize(("inside", "name"), [("", "."), ("data", "..")])
def test_a_run_named_from_within_keeps_its_tables_outside(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, inside: str, name: str
) -> None:
    run = small(tmp_path)
    before = listing(run)
    monkeypatch.chdir(run / inside)
    read_all(Path(name))
    assert listing(run) == before


def test_tables_are_never_kept_in_a_run(tmp_path: Path) -> None:
    run = small(tmp_path)
    before = listing(run)
    with pytest.raises(Exception, match="run"):
        read_all(run, elsewhere=run)
    assert listing(run) == before


def test_each_row_points_to_the_line_that_it_came_from(tmp_path: Path) -> None:
    rows = [row_of_bind("b1", 1, "<m1@x>"), b"torn", row_of_text("odd", 2), row_of_bind("b2", 3, "<m2@x>")]
    run = collect(
        tmp_path,
        audit_log(Piece((0, 12), rows), Piece(DAY, [row_of_bind("b3", 13, "<m3@x>")])),
        feed(Piece((0, 48), [b"{", record("f1", 4)])),
    )
    with opened(read_all(run).tables, Filters()) as case:
        asked = "SELECT run, file, line, source, record_id, text FROM records JOIN raw USING (row_id) ORDER BY ALL"
        found = case.connection.execute(asked).fetchall()
        unread = case.connection.execute("SELECT run, file, line FROM unread ORDER BY ALL").fetchall()
    assert sorted(one for *_, one, _ in found) == ["b1", "b2", "b3", "f1", "odd"]
    for named, file, line, source, identity, text in found:
        stands = json.loads(_line(named, file, line))
        held = stands["AuditData"] if source == "unified-audit-log" else json.dumps(stands)
        assert text == held
        assert json.loads(held)["Id"] == identity
    assert [_line(*place) for place in unread] == [b"{", b"torn"]


def _line(run: str, file: str, line: int) -> bytes:
    return gzip.decompress(Path(run, file).read_bytes()).splitlines()[line - 1]


def _many(account: Account, times: int) -> Account:
    """Return an account in which each chunk has as many records as fill a part, as those of a great run have."""
    commits = []
    for commit in account.commits:
        chunks = tuple(msgspec.structs.replace(chunk, records=times) for chunk in commit.chunks)
        commits.append(msgspec.structs.replace(commit, chunks=chunks))
    return msgspec.structs.replace(account, commits=tuple(commits))


def test_a_great_run_is_read_in_several_processes_into_several_parts(tmp_path: Path) -> None:
    pieces = [Piece((hour, hour + 1), [row_of_bind(f"b{hour}", hour, f"<m{hour}@x>")]) for hour in range(3)]
    run = collect(tmp_path, audit_log(*pieces))
    tables, told = made_of(_many(read(run), 100_000), tables_folder(run, None))
    assert told == [300_000]
    assert [part.number for part in tables.parts] == [1, 2, 3]
    assert ids(tables) == ["b0", "b1", "b2"]


def test_the_columns_are_those_that_are_named_whatever_the_evidence_holds(tmp_path: Path) -> None:
    full, _ = made(small(tmp_path / "full"))
    empty, _ = made(small(tmp_path / "empty", b"torn"))
    for table in TABLES:
        schemas = [parquet.read_schema(one.folder / one.parts[0].files[table].name) for one in (full, empty)]
        assert schemas[0] == schemas[1]
        assert tuple(schemas[0].names) == TABLES[table]._fields  # type: ignore[attr-defined]


def test_a_table_s_time_is_utc_to_the_second(tmp_path: Path) -> None:
    tables, _ = made(small(tmp_path, row_of_bind("b1", 1.5, "<m@x>")))
    with opened([tables], Filters()) as case:
        ((time,),) = case.connection.execute("SELECT time FROM records").fetchall()
    assert time == at(1.5).replace(tzinfo=None)


def test_no_lock_or_spilled_file_is_left(tmp_path: Path) -> None:
    run = small(tmp_path)
    with opened(read_all(run).tables, Filters()) as case:
        case.connection.execute("SELECT count(*) FROM records").fetchall()
    assert not list(tables_folder(run, None).glob("spill-*"))


def test_a_manifest_half_written_by_a_process_that_was_killed_is_no_obstacle(tmp_path: Path) -> None:
    run = small(tmp_path)
    folder = tables_folder(run, None)
    folder.mkdir()
    for name in ("tables.json.tmp", "verified.sha256.tmp"):
        (folder / name).write_bytes(b"torn")
    assert read_all(run).tables[0].parts
    assert not list(folder.glob("*.tmp"))
