"""The invariants of design 1.3, each by its name."""

import contextlib
import gzip
import shutil
from pathlib import Path

import msgspec
import pytest

from collector.errors import IntegrityError
from collector.evidence import Store, cover, encode, read, verify
from collector.evidence.chunks import contents
from collector.evidence.journal import walk
from collector.evidence.layout import JOURNAL, REQUESTS
from collector.model import Chunk
from tests.evidence.engagement import LOG, SHORT, WHOLE, begin, collect, commit, resume, seal
from tests.evidence.unreliable import PowerCut, UnreliableDisk

FIRST_CHUNK = f"data/{LOG}/000001.jsonl.gz"


def begun(evidence: Path) -> Path:
    """Leave a run open after its first slices."""
    folder = begin(evidence)
    for wanted in SHORT:
        commit(folder, wanted)
    folder.close()
    return folder.path


def snapshot(run: Path) -> dict[str, bytes]:
    return {path.relative_to(run).as_posix(): path.read_bytes() for path in run.rglob("*") if path.is_file()}


def test_i1_a_journal_line_speaks_only_of_durable_bytes(tmp_path: Path) -> None:
    """After each operation, all that the journal as seen speaks of is there when the power is lost."""
    total = 0
    for number in range(20, 120):
        root = tmp_path / str(number)
        (root / "disk").mkdir(parents=True)
        disk = UnreliableDisk(root / "disk", cut_after=number)
        with pytest.raises(PowerCut):
            collect(disk.root / "evidence", SHORT, Store(disk))
        disk.die()
        for run in disk.root.glob("*/*/*Z"):
            named = walk(run).payload if (run / JOURNAL).exists() else ()
            after = disk.after("lose", root / "after") / run.relative_to(disk.root)
            assert all((after / chunk.path).stat().st_size == chunk.bytes for chunk in named)
            total += len(named)
    assert total


def test_i2_a_file_without_a_journal_line_is_not_evidence(tmp_path: Path) -> None:
    run = begun(tmp_path)
    stray = run / "data" / LOG / "000009.jsonl.gz"
    stray.write_bytes(gzip.compress(b'{"Id":999}\n'))
    assert verify(run).notes == ("1 files in data/ are not committed, and so are not evidence",)
    folder = resume(run)
    seal(folder)
    folder.close()
    assert not stray.exists()
    (kept,) = run.glob(f"quarantine/*/data/{LOG}/000009.jsonl.gz")
    assert gzip.decompress(kept.read_bytes()) == b'{"Id":999}\n'
    assert verify(run).problems == ()


@pytest.mark.parametrize("torn", [b"{", b'{"event":"sealed"}', b"\0" * 40 + b"\n", b'{"event":"com\0\0\0\0\0"}\n'])
def test_i3_a_torn_last_line_is_cut_off_and_kept(tmp_path: Path, torn: bytes) -> None:
    run = begun(tmp_path)
    journal = run / JOURNAL
    whole = journal.read_bytes()
    journal.write_bytes(whole + torn)
    assert read(run).torn
    assert verify(run).problems == ()
    folder = resume(run)
    folder.close()
    assert journal.read_bytes().startswith(whole + b'{"event":"resumed"')
    assert [path.read_bytes() for path in run.glob("quarantine/*/custody/journal.jsonl")] == [torn]


def test_i3_a_torn_line_is_kept_before_it_is_cut_off(tmp_path: Path) -> None:
    """At whatever operation of taking the run up the power goes: the line is in the journal or in quarantine."""
    torn = b'{"half a line'
    whole = begun(tmp_path / "whole" / "evidence")
    (whole / JOURNAL).write_bytes((whole / JOURNAL).read_bytes() + torn)
    cut_off = number = 0
    while cut_off < 2 and number < 200:
        disk = UnreliableDisk(Path(shutil.copytree(tmp_path / "whole", tmp_path / str(number))), cut_after=number)
        run = disk.root / whole.relative_to(tmp_path / "whole")
        with contextlib.suppress(PowerCut):
            resume(run, Store(disk)).close()
        disk.die()
        after = disk.after("keep", tmp_path / "after") / run.relative_to(disk.root)
        kept = [path.read_bytes() for path in after.glob("quarantine/*/custody/journal.jsonl")]
        stands = torn in (after / JOURNAL).read_bytes()
        assert stands or kept == [torn]
        cut_off += not stands
        number += 1
    assert cut_off


def _flipped(data: bytes) -> bytes:
    return data.replace(b'"attempts":1', b'"attempts":2', 1)


def _garbled_last(data: bytes) -> bytes:
    return data[:-20] + b"}" + data[-19:]


def _swapped(data: bytes) -> bytes:
    first, second, third, *rest = data.splitlines(keepends=True)
    return b"".join([first, third, second, *rest])


def _replayed(data: bytes) -> bytes:
    return data + data.splitlines(keepends=True)[-1]


def _torn_inside(data: bytes) -> bytes:
    return data.replace(b'"attempts":1', b'"attempts":\0', 1)


def _beheaded(data: bytes) -> bytes:
    return b"".join(data.splitlines(keepends=True)[1:])


def _emptied(_: bytes) -> bytes:
    return b""


@pytest.mark.parametrize("damage", [_flipped, _garbled_last, _swapped, _replayed, _torn_inside, _beheaded, _emptied])
def test_i3_any_other_break_is_never_repaired(tmp_path: Path, damage: object) -> None:
    assert callable(damage)
    run = begun(tmp_path)
    (run / JOURNAL).write_bytes(damage((run / JOURNAL).read_bytes()))
    before = snapshot(run)
    with pytest.raises(IntegrityError):
        resume(run)
    assert snapshot(run) == before
    assert verify(run).problems


def test_i4_a_chunk_that_changed_before_the_seal_is_found(tmp_path: Path) -> None:
    folder = begin(tmp_path)
    commit(folder, WHOLE[0])
    chunk = folder.path / FIRST_CHUNK
    chunk.write_bytes(chunk.read_bytes()[:-1] + b"x")
    with pytest.raises(IntegrityError, match="does not match its hash"):
        seal(folder)
    folder.close()
    assert not (folder.path / "bagit.txt").exists()


def test_i4_a_file_that_appears_before_the_seal_is_not_in_the_bag(tmp_path: Path) -> None:
    folder = begin(tmp_path)
    commit(folder, WHOLE[0])
    (folder.path / "data/.DS_Store").write_bytes(b"made by a file manager")
    seal(folder)
    folder.close()
    assert verify(folder.path).problems == ()
    assert len(list(folder.path.glob("quarantine/*/data/.DS_Store"))) == 1


def test_i5_where_bagit_txt_stands_all_before_it_is_durable(tmp_path: Path) -> None:
    """At whatever operation the power goes: if bagit.txt is found after it, the bag is whole."""
    (tmp_path / "whole").mkdir()
    whole = UnreliableDisk(tmp_path / "whole")
    collect(whole.root / "evidence", SHORT, Store(whole))
    seen = 0
    for number in range(whole.operations - 30, whole.operations + 1):
        root = tmp_path / str(number)
        (root / "disk").mkdir(parents=True)
        disk = UnreliableDisk(root / "disk", cut_after=number)
        try:
            collect(disk.root / "evidence", SHORT, Store(disk))
        except PowerCut:
            disk.die()
        for seed in range(6):
            (run,) = disk.after("tear", root / "after", seed).glob("*/*/*Z")
            if (run / "bagit.txt").exists():
                seen += 1
                assert verify(run).problems == ()
    assert seen


def test_i6_nothing_under_data_is_written_again(tmp_path: Path) -> None:
    run = begun(tmp_path)
    before = {path: data for path, data in snapshot(run).items() if path.startswith("data/")}
    folder = resume(run)
    for wanted in WHOLE[len(SHORT) :]:
        commit(folder, wanted)
    seal(folder)
    folder.close()
    assert {path: data for path, data in snapshot(run).items() if path in before} == before


def test_i6_a_name_that_is_taken_is_refused(tmp_path: Path) -> None:
    (tmp_path / "staged").write_bytes(b"new")
    (tmp_path / "final").write_bytes(b"old")
    with pytest.raises(IntegrityError, match="never written again"):
        Store().publish(tmp_path / "staged", tmp_path / "final")
    assert (tmp_path / "final").read_bytes() == b"old"


def test_a_committed_chunk_that_changed_stops_the_run(tmp_path: Path) -> None:
    run = begun(tmp_path)
    chunk = run / FIRST_CHUNK
    chunk.write_bytes(chunk.read_bytes()[:-1])
    before = snapshot(run)
    with pytest.raises(IntegrityError, match="000001"):
        resume(run)
    assert snapshot(run) == before


def test_committed_requests_that_changed_stop_the_run(tmp_path: Path) -> None:
    run = begun(tmp_path)
    (run / REQUESTS).write_bytes((run / REQUESTS).read_bytes()[:-1])
    with pytest.raises(IntegrityError, match="requests"):
        resume(run)


def test_requests_after_the_last_commit_are_kept_as_far_as_they_are_whole(tmp_path: Path) -> None:
    run = begun(tmp_path)
    committed = (run / REQUESTS).read_bytes()
    (run / REQUESTS).write_bytes(committed + b'{"request":"late"}\n{"requ\0\0\0\n{"request":"lost"}\n')
    resume(run).close()
    assert (run / REQUESTS).read_bytes() == committed + b'{"request":"late"}\n'
    (kept,) = run.glob("quarantine/*/custody/requests.jsonl")
    assert kept.read_bytes() == b'{"requ\0\0\0\n{"request":"lost"}\n'


def test_two_crashes_in_one_second_do_not_collide_in_quarantine(tmp_path: Path) -> None:
    run = begun(tmp_path)
    for text in (b"first", b"second"):
        (run / "staging/000001").write_bytes(text)
        resume(run).close()
    found = sorted(path.read_bytes() for path in run.glob("quarantine/*/staging/000001"))
    assert found == [b"first", b"second"]


def test_the_same_records_give_the_same_bytes(tmp_path: Path) -> None:
    first, second = begun(tmp_path / "first"), begun(tmp_path / "second")
    assert (first / FIRST_CHUNK).read_bytes() == (second / FIRST_CHUNK).read_bytes()
    assert gzip.decompress((first / FIRST_CHUNK).read_bytes()) == b"".join(contents(first, walk(first).payload[0]))


def test_coverage_follows_from_plan_and_journal(tmp_path: Path) -> None:
    run = collect(tmp_path, WHOLE)
    account = read(run)
    assert (run / "custody/coverage.json").read_bytes() == encode(cover(account.plan, account.commits))


def test_unknown_members_of_a_journal_line_are_passed_over(tmp_path: Path) -> None:
    run = begun(tmp_path)
    journal = run / JOURNAL
    *before, last = journal.read_bytes().splitlines(keepends=True)
    line = msgspec.json.decode(last)
    journal.write_bytes(b"".join(before) + msgspec.json.encode({**line, "of a later version": [1]}) + b"\n")
    assert len(read(run).commits) == len(SHORT)


@pytest.mark.parametrize("path", ["../outside", "/etc/passwd", "data/../custody/plan.json", "data/", "data/.x", "x/y"])
def test_a_chunk_path_that_leads_out_is_refused(tmp_path: Path, path: str) -> None:
    with pytest.raises(IntegrityError, match="not a path in data/"):
        list(contents(tmp_path, Chunk(path, "", 0, 0)))


def test_a_chunk_behind_a_link_is_refused(tmp_path: Path) -> None:
    (tmp_path / "data").symlink_to("/")
    with pytest.raises(IntegrityError, match="symbolic link"):
        list(contents(tmp_path, Chunk("data/etc/passwd", "", 0, 0)))
