"""What stands across the runs of a watch. The worst fault is a record that is left out and stands nowhere."""

import shutil
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.errors import DiskError, IntegrityError
from collector.evidence import INDEX, Index, find_runs, read
from collector.evidence.journal import Started
from collector.evidence.memory import _SCHEMA
from collector.evidence.twins import Twins
from collector.model import Axis, Outcome, Plan, Row, Slice, SourcePlan, Status, Window
from tests.evidence.engagement import (
    ADELE,
    ASKED,
    HOUR,
    LOG,
    OPENING,
    START,
    TRACE,
    Wanted,
    begin,
    commit,
    key,
    log_slice,
    records,
    resume,
    row,
    rows,
    seal,
    trace_slice,
)
from tests.evidence.remembering import FEED, KEEP, MAIL, after, blob, entry, keys, staged

FIRST, SECOND = Wanted(log_slice(0), rows(0, 5)), Wanted(log_slice(1), rows(5, 9))
AGAIN = Wanted(log_slice(2), rows(0, 9))
FEED_HOUR = Slice(FEED, MAIL, Axis.AVAILABLE, Window(START, START + HOUR))
FEED_PLAN = SourcePlan(FEED, Axis.AVAILABLE, Window(START, START + HOUR), (MAIL,), {})
WATCHED = OPENING.__class__(
    plan=Plan("contoso-2026-11", "contoso.example.org", START, (*OPENING.plan.sources, FEED_PLAN), watch=True),
    engagement=OPENING.engagement,
    environment=OPENING.environment,
    compression="gzip",
    chunk_bytes=90,
)


def index_of(evidence: Path) -> Path:
    return evidence / OPENING.plan.engagement / INDEX


@contextmanager
def opened(evidence: Path, keep=KEEP) -> Iterator[Index]:
    index_of(evidence).parent.mkdir(exist_ok=True)
    with closing(Index.open(index_of(evidence), find_runs(evidence), key, keep=keep)) as index:
        yield index


def day(evidence: Path, *work: Wanted, sealed: bool = True, indexed: bool = True) -> Path:
    """Collect some work into a run of its own, knowing what stands; without `indexed` it is not noted."""
    with opened(evidence) as index, closing(begin(evidence, standing=index if indexed else None)) as folder:
        for wanted in work:
            commit(folder, wanted)
        if sealed:
            seal(folder)
    return folder.path


def new_of(evidence: Path, asked: Sequence[Row] = AGAIN.rows, source: str = LOG) -> int:
    """Return how many of some rows would be kept by the next run."""
    with opened(evidence) as index:
        return len(index.sift(source, staged(asked))[0])


def test_a_record_stands_once_across_sealed_runs(tmp_path: Path) -> None:
    day(tmp_path, FIRST)
    day(tmp_path, SECOND)
    third = day(tmp_path, AGAIN, Wanted(trace_slice(ADELE), rows(0, 2)))
    assert records(third) == records_of(TRACE, rows(0, 2))
    assert read(third).commits[0].duplicates == 9


def records_of(source: str, wanted: Sequence[Row]) -> dict[tuple[str, bytes], int]:
    return {(source, one.raw): 1 for one in wanted}


def test_a_variant_is_kept_once_and_counted(tmp_path: Path) -> None:
    day(tmp_path, FIRST)
    other = Wanted(log_slice(1), [row(1), row(1, says="otherwise")])
    assert read(day(tmp_path, other)).commits[0].variants == 1
    assert new_of(tmp_path, other.rows) == 0
    assert new_of(tmp_path, [row(1, says="and again")]) == 1


def test_a_row_without_identity_is_never_remembered(tmp_path: Path) -> None:
    nameless = Row(b"{}", b"", b"", None)
    day(tmp_path, Wanted(log_slice(0), [nameless]))
    assert new_of(tmp_path, [nameless]) == 1


@pytest.mark.parametrize("sealed", [True, False])
def test_killed_between_the_commit_and_the_note(tmp_path: Path, sealed: bool) -> None:
    day(tmp_path, FIRST)
    day(tmp_path, SECOND, sealed=sealed, indexed=False)
    with opened(tmp_path) as index:
        assert index.sift(LOG, staged(AGAIN.rows)) == ([], 0)
        assert index.notices == ()


def test_an_open_run_is_taken_up_with_what_stands_elsewhere(tmp_path: Path) -> None:
    day(tmp_path, FIRST)
    path = day(tmp_path, SECOND, sealed=False)
    with opened(tmp_path) as index, closing(resume(path, standing=index)) as folder:
        assert commit(folder, AGAIN).records == 0
    assert new_of(tmp_path) == 0


def _gone(path: Path) -> None:
    path.unlink()


def _no_database(path: Path) -> None:
    path.write_bytes(b"a text that somebody put here by mistake" * 300)


def _cut_short(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def _garbled(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[4096 * 3 : 4096 * 8] = b"\x5a" * (4096 * 5)
    path.write_bytes(data)


def _foreign(path: Path) -> None:
    path.unlink()
    with closing(sqlite3.connect(path)) as other, other:
        other.execute("CREATE TABLE records (something TEXT)")


def _unfinished(path: Path) -> None:
    with closing(sqlite3.connect(path)) as index, index:
        index.execute("PRAGMA user_version = 0")
        index.execute("DELETE FROM records")


@pytest.mark.parametrize("damage", [_gone, _no_database, _cut_short, _garbled, _foreign, _unfinished])
def test_an_index_that_is_not_one_is_made_anew_from_the_bags(tmp_path: Path, damage: Callable[[Path], None]) -> None:
    day(tmp_path, FIRST)
    day(tmp_path, SECOND, sealed=False)
    damage(index_of(tmp_path))
    with opened(tmp_path) as index:
        assert index.sift(LOG, staged([*AGAIN.rows, row(9)]))[0] == staged([row(9)])
        assert bool(index.notices) is (damage is not _gone)
    with opened(tmp_path) as index:
        assert index.notices == ()


def test_what_was_forgotten_is_remembered_again_when_the_look_back_grows(tmp_path: Path) -> None:
    with opened(tmp_path, keep=HOUR) as index, closing(begin(tmp_path, standing=index)) as folder:
        commit(folder, FIRST)
        folder.commit(log_slice(4), Outcome(Status.EMPTY, ASKED, 1), None, recheck=True)
        assert len(index.sift(LOG, staged(FIRST.rows))[0]) == len(FIRST.rows)
    assert new_of(tmp_path, FIRST.rows) == 0


def test_records_of_a_run_that_is_gone_do_not_stand(tmp_path: Path) -> None:
    shutil.rmtree(day(tmp_path, FIRST))
    day(tmp_path, SECOND)
    assert new_of(tmp_path) == len(FIRST.rows)


def test_records_of_a_run_that_went_while_others_stay_do_not_stand(tmp_path: Path) -> None:
    first = day(tmp_path, FIRST)
    day(tmp_path, SECOND)
    shutil.rmtree(first)
    assert new_of(tmp_path) == len(FIRST.rows)


def test_an_index_ahead_of_a_folder_that_was_restored(tmp_path: Path) -> None:
    run = day(tmp_path, FIRST, sealed=False)
    shutil.copytree(run, tmp_path / "backup")
    with opened(tmp_path) as index, closing(resume(run, standing=index)) as folder:
        commit(folder, SECOND)
    shutil.rmtree(run)
    (tmp_path / "backup").rename(run)
    assert new_of(tmp_path) == len(SECOND.rows)


def test_an_index_of_another_story_of_the_same_length(tmp_path: Path) -> None:
    run = day(tmp_path, FIRST, sealed=False)
    shutil.copytree(run, tmp_path / "backup")
    with opened(tmp_path) as index, closing(resume(run, standing=index)) as folder:
        commit(folder, SECOND)
    shutil.rmtree(run)
    (tmp_path / "backup").rename(run)
    with closing(resume(run)) as folder:
        commit(folder, Wanted(log_slice(1), rows(20, 24)))
    assert new_of(tmp_path, [*AGAIN.rows, *rows(20, 24)]) == len(SECOND.rows)


def test_a_chunk_of_a_sealed_run_that_is_damaged_does_not_stand(tmp_path: Path) -> None:
    first = day(tmp_path, FIRST, Wanted(log_slice(1), [row(100)]))
    day(tmp_path, SECOND)
    (first / read(first).commits[0].chunks[0].path).write_bytes(b"bit rot")
    assert new_of(tmp_path, [*AGAIN.rows, row(100)]) == len(FIRST.rows)
    _gone(index_of(tmp_path))
    with opened(tmp_path) as index:
        assert "damaged" in "".join(index.notices)


def test_a_sealed_run_whose_journal_is_broken_does_not_stand(tmp_path: Path) -> None:
    first = day(tmp_path, FIRST)
    day(tmp_path, SECOND)
    journal = first / "custody/journal.jsonl"
    journal.write_bytes(journal.read_bytes().replace(b'"records":5', b'"records":4'))
    assert new_of(tmp_path) == len(FIRST.rows)


def test_an_open_run_that_is_damaged_is_no_ground_to_collect_on(tmp_path: Path) -> None:
    run = day(tmp_path, FIRST, sealed=False)
    (run / read(run).commits[0].chunks[0].path).unlink()
    with pytest.raises(IntegrityError, match="missing"), opened(tmp_path):
        pass


def fetch(evidence: Path, came: Sequence[Row], **facts: object) -> Path:
    """Fetch one blob with two records into a run of its own, and write the rows that are new."""
    with opened(evidence) as index, closing(begin(evidence, opening=WATCHED, standing=index)) as folder:
        staging = folder.stage()
        staging.add(came, "request")
        outcome = Outcome(Status.COMPLETE, ASKED, 1)
        folder.commit(FEED_HOUR, outcome, staging, blobs=[blob("b", created=0.1, records=2, **facts)])
        staging.release()
        assert folder.known(FEED, MAIL).blobs["b"].fetched_at == after(facts["fetched"])
        seal(folder)
    return folder.path


def blobs(evidence: Path) -> dict[str, object]:
    with opened(evidence) as index:
        return dict(index.known(FEED, MAIL).blobs)


def test_a_blob_is_known_across_runs_and_when_the_index_is_lost(tmp_path: Path) -> None:
    fetch(tmp_path, rows(0, 2), fetched=1, digest="d")
    assert blobs(tmp_path)["b"] == (after(1), "d")
    _gone(index_of(tmp_path))
    assert blobs(tmp_path)["b"] == (after(1), "d")


def test_a_blob_that_was_fetched_again_unchanged_falls_with_the_run_that_holds_it(tmp_path: Path) -> None:
    first = fetch(tmp_path, rows(0, 2), fetched=1, digest="d")
    fetch(tmp_path, [], fetched=2, digest="d")
    assert blobs(tmp_path)["b"] == (after(2), "d")
    shutil.rmtree(first)
    assert blobs(tmp_path) == {}


@pytest.fixture
def index(tmp_path: Path) -> Iterator[Index]:
    with closing(Index.open(tmp_path / INDEX, [], key, keep=KEEP)) as made:
        yield made


def test_what_is_known_of_a_part(index: Index) -> None:
    assert index.known(FEED, MAIL) == ({}, None, None)
    listed = [blob("lost", created=0, fetched=1, outcome="blob-gone"), blob("b", created=0.5, fetched=1, digest="d")]
    index.note("run", entry(after(1), source=FEED, part=MAIL, blobs=listed), ())
    index.note("run", Started(at=after(2), source=FEED, part=MAIL), ())
    index.note("run", Started(at=after(2), source=FEED, part=None), ())
    late = [blob("b", created=0.5, fetched=3, digest="e"), blob("odd", created=None, fetched=1)]
    index.note("run", entry(after(2), source=FEED, part=MAIL, blobs=late), ())
    assert index.known(FEED, MAIL) == ({"b": (after(3), "e"), "odd": (after(1), None)}, after(0), after(2))
    assert index.known(FEED, None) == ({}, None, after(2))


def test_what_ended_within_the_look_back_is_known_and_what_ended_long_before_is_forgotten(index: Index) -> None:
    listed = [blob("b", created=0.5, fetched=1)]
    index.note("run", entry(after(1), source=FEED, part=MAIL, blobs=listed), keys(rows(0, 5)))
    for hours in range(2, 50):
        index.note("run", entry(after(hours), source=FEED, part=MAIL, recheck=True), keys([row(1000 + hours)]))
    assert index.sift(FEED, staged(rows(0, 5))) == ([], 0)
    assert "b" in index.known(FEED, MAIL).blobs
    index.note("run", entry(after(49 + 2.1), source=FEED, part=MAIL, recheck=True), ())
    assert len(index.sift(FEED, staged(rows(0, 5)))[0]) == 5
    assert index.sift(FEED, staged([row(1004)])) == ([], 0)
    assert index.known(FEED, MAIL) == ({}, after(0.5), None)


def test_one_part_does_not_make_another_forget(index: Index) -> None:
    index.note("run", entry(after(1), part="slow"), keys(rows(0, 5)))
    index.note("run", entry(after(500), part="fast", recheck=True), keys(rows(5, 9)))
    assert index.sift(LOG, staged(rows(0, 9))) == ([], 0)


def test_a_watch_that_was_away_for_weeks_forgets_nothing_before_it_has_looked_back(index: Index) -> None:
    index.note("run", entry(after(1)), keys(rows(0, 5)))
    index.note("run", entry(after(500)), keys(rows(5, 9)))
    assert index.sift(LOG, staged(rows(0, 9))) == ([], 0)
    index.note("run", entry(after(1), recheck=True), ())
    assert index.sift(LOG, staged(rows(0, 9))) == ([], 0)
    index.note("run", entry(after(500), recheck=True), ())
    assert len(index.sift(LOG, staged(rows(0, 9)))[0]) == 5


def test_a_full_disk_is_said_with_its_remedy_and_leaves_the_note_undone(index: Index) -> None:
    index._db.execute("PRAGMA max_page_count = 30")
    with pytest.raises(DiskError) as refused:
        index.note("run", entry(after(1)), keys(rows(0, 5000)))
    assert "free some room" in refused.value.remedy
    assert len(index.sift(LOG, staged(rows(0, 5000)))[0]) == 5000


def test_thousands_of_notes_stay_flat(tmp_path: Path) -> None:
    path = tmp_path / INDEX
    sizes = []
    with closing(Index.open(path, [], key, keep=KEEP)) as index:
        for hours in range(600):
            index.note("run", entry(after(hours), recheck=True), keys(rows(hours * 20, hours * 20 + 20)))
            if hours in (200, 599):
                index._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
                sizes.append(path.stat().st_size)
    assert sizes[1] <= 1.2 * sizes[0]


KILLED = """
import os, signal, sys
from datetime import timedelta
from pathlib import Path
from collector.evidence import Index
from tests.evidence.engagement import key, rows
from tests.evidence.remembering import KEEP, after, entry, keys

def dying(found):
    yield from found
    os.kill(os.getpid(), signal.SIGKILL)

index = Index.open(Path(sys.argv[1]), [], key, keep=KEEP)
index.note("run", entry(after(1)), keys(rows(0, 5)))
index.note("run", entry(after(2)), dying(keys(rows(5, 4000))))
"""


def test_sigkill_in_the_middle_of_a_note_leaves_none_of_it(tmp_path: Path) -> None:
    path = tmp_path / INDEX
    assert subprocess.run([sys.executable, "-c", KILLED, str(path)], check=False).returncode == -signal.SIGKILL
    with closing(Index(path, KEEP)) as index:
        assert index._whole()
        assert len(index.sift(LOG, staged(rows(0, 4000)))[0]) == 3995
        assert index._db.execute("SELECT entries FROM runs").fetchall() == [(1,)]


ROWS = st.lists(st.builds(lambda n, says: row(n, says=says), st.integers(0, 6), st.sampled_from("ab")), max_size=8)
NAMELESS = Row(b"{}", b"", b"", None)


@given(st.lists(st.tuples(st.sampled_from([LOG, TRACE]), st.sampled_from([None, ADELE]), ROWS, st.booleans())))
def test_index_and_twins_agree_within_the_look_back(steps: list[tuple[str, str | None, list[Row], bool]]) -> None:
    twins = Twins()
    with closing(Index(Path(":memory:"), KEEP)) as index:
        index._db.executescript(_SCHEMA)
        for number, (source, part, came, nameless) in enumerate(steps):
            found = staged([*came, NAMELESS] if nameless else came)
            assert index.sift(source, found) == twins.sift(source, found)
            one = entry(after(number / 10), source=source, part=part)
            for standing in (index, twins):
                standing.note("run", one, keys(came))
