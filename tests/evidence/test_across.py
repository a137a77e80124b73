"""What stands in the open run and in those before it: nothing within a run is forgotten, nothing is noted twice."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from collector.evidence import INDEX, Across, Index, find_runs
from collector.evidence.journal import Started
from tests.evidence.engagement import (
    LOG,
    OPENING,
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
)
from tests.evidence.remembering import FEED, KEEP, MAIL, after, blob, entry, keys, staged


@pytest.fixture
def index(tmp_path: Path) -> Iterator[Index]:
    (tmp_path / OPENING.plan.engagement).mkdir()
    with closing(Index.open(tmp_path / OPENING.plan.engagement / INDEX, [], key, keep=KEEP)) as made:
        yield made


def test_what_the_index_has_forgotten_still_stands_in_the_run(index: Index) -> None:
    across = Across(index)
    across.note("run", entry(after(1)), keys(rows(0, 5)))
    across.note("run", entry(after(500), recheck=True), ())
    assert len(index.sift(LOG, staged(rows(0, 5)))[0]) == 5
    assert across.sift(LOG, staged(rows(0, 5))) == ([], 0)


def test_what_stands_in_a_run_before_stands_and_a_variant_of_it_is_counted(index: Index) -> None:
    Across(index).note("run-1", entry(after(1)), keys(rows(0, 5)))
    across = Across(index)
    across.note("run-2", entry(after(2)), keys([row(7)]))
    found = staged([row(0), row(1, says="otherwise"), row(7), row(8)])
    assert across.sift(LOG, found) == ([found[1], found[3]], 1)
    assert across.sift(LOG, staged([row(7, says="otherwise")]))[1] == 1


def test_a_blob_is_known_from_before_and_what_the_run_knows_of_it_counts(index: Index) -> None:
    Across(index).note("run-1", Started(at=after(0), source=FEED, part=MAIL), ())
    old = [blob("old", created=0.5, fetched=1, digest="a"), blob("grown", created=0.6, fetched=1, digest="b")]
    Across(index).note("run-1", entry(after(1), source=FEED, part=MAIL, blobs=old), ())
    across = Across(index)
    grown = [blob("grown", created=0.6, fetched=2, digest="c")]
    across.note("run-2", entry(after(2), source=FEED, part=MAIL, blobs=grown), ())
    found = across.known(FEED, MAIL)
    assert found.blobs == {"old": (after(1), "a"), "grown": (after(2), "c")}
    assert (found.earliest, found.started) == (after(0.5), after(0))


@pytest.mark.parametrize("noted", [0, 1, 2])
def test_a_run_is_taken_up_whatever_the_index_had_noted_of_it(noted: int, tmp_path: Path, index: Index) -> None:
    """A kill can come between a commit and its note."""
    first, second = Wanted(log_slice(0), rows(0, 5)), Wanted(log_slice(1), rows(5, 9))
    with closing(begin(tmp_path, standing=Across(index) if noted else None)) as folder:
        commit(folder, first)
        if noted == 1:
            folder._standing = Across(Index(Path(":memory:"), KEEP))
        path = folder.path
    if noted == 2:
        with closing(resume(path, standing=Across(index))) as folder:
            commit(folder, second)
    with closing(resume(path, standing=Across(index))) as folder:
        again = commit(folder, Wanted(log_slice(2), [*rows(0, 9), row(20)]))
        assert again.records == (1 if noted == 2 else 5)
        seal(folder)
    assert set(records(path).values()) == {1}
    index.close()
    with closing(Index.open(tmp_path / OPENING.plan.engagement / INDEX, find_runs(tmp_path), key, keep=KEEP)) as opened:
        assert opened.notices == ()
        assert opened.sift(LOG, staged([*rows(0, 9), row(20)])) == ([], 0)
