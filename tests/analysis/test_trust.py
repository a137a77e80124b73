"""Evidence that fails verification is refused; evidence that was found intact is not verified for each question."""

import os
import shutil
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import msgspec
import pytest

from collector.analysis import trust
from collector.analysis.tables import tables_folder
from collector.errors import IntegrityError
from collector.evidence import Opening, RunFolder, Store, cover, encode, last_line
from collector.evidence.journal import Follows
from collector.model import Outcome, Plan, Row, Slice, Status
from tests.analysis.damaged import DAY, chunk_of, flip, read_all, row_of_bind, small
from tests.analysis.feeds import ASKED, Piece, audit_log, window
from tests.fakes import TENANT, FakeClock


def _first_line_of(path: Path, old: bytes, new: bytes) -> None:
    content = path.read_bytes()
    assert old in content
    path.write_bytes(content.replace(old, new, 1))


HARM: dict[str, Callable[[Path], object]] = {
    "a-bit-of-a-chunk": lambda run: flip(chunk_of(run)),
    "chunk-gone": lambda run: chunk_of(run).unlink(),
    "chunk-cut": lambda run: os.truncate(chunk_of(run), 40),
    "chunk-that-nobody-committed": lambda run: shutil.copy(chunk_of(run), chunk_of(run).with_name("000002.jsonl.gz")),
    "journal": lambda run: _first_line_of(run / "custody" / "journal.jsonl", b'"records":2', b'"records":3'),
    "journal-cut": lambda run: _first_line_of(
        run / "custody" / "journal.jsonl", (run / "custody" / "journal.jsonl").read_bytes().splitlines(True)[-1], b""
    ),
    "manifest": lambda run: flip(run / "manifest-sha256.txt", 3),
    "manifest-gone": lambda run: (run / "manifest-sha256.txt").unlink(),
    "tag-manifest": lambda run: flip(run / "tagmanifest-sha256.txt", 3),
    "coverage": lambda run: _first_line_of(run / "custody" / "coverage.json", b'"complete"', b'"gap"'),
    "plan": lambda run: _first_line_of(run / "custody" / "plan.json", b"MailItemsAccessed", b"MailItemsAccesse_"),
}


@pytest.mark.parametrize("harm", HARM.values(), ids=HARM)
@pytest.mark.parametrize("asked_before", [True, False], ids=["asked-before", "never-asked"])
def test_damage_is_refused(tmp_path: Path, harm: Callable[[Path], object], asked_before: bool) -> None:
    run = small(tmp_path)
    if asked_before:
        read_all(run)
    harm(run)
    for _ in range(2):  # what was refused once is not believed the next time
        with pytest.raises(IntegrityError, match="fails verification") as refused:
            read_all(run)
        assert "--unverified" in refused.value.remedy


def test_damage_to_an_open_run_is_refused(tmp_path: Path) -> None:
    run = small(tmp_path, seal=False)
    read_all(run)
    flip(chunk_of(run))
    with pytest.raises(IntegrityError, match="fails verification"):
        read_all(run)


def test_one_damaged_run_among_others_is_named(tmp_path: Path) -> None:
    runs = [small(tmp_path / "whole"), small(tmp_path / "damaged")]
    flip(chunk_of(runs[1]))
    with pytest.raises(IntegrityError, match=str(runs[1])):
        read_all(*runs)
    assert {limit.run for limit in read_all(*runs, unverified=True).problems} == {str(runs[1])}


def stamped(run: Path) -> tuple[int, int]:
    """Return what changes whenever a run is found intact once more."""
    found = (tables_folder(run, None) / "verified.sha256").stat()
    return found.st_ino, found.st_mtime_ns


def test_intact_evidence_is_verified_once(tmp_path: Path) -> None:
    run = small(tmp_path)
    read_all(run)
    first = stamped(run)
    read_all(run)
    read_all(run, unverified=True)
    assert stamped(run) == first


@pytest.mark.parametrize("change", ["touched", "replaced", "moved"])
def test_evidence_that_may_have_changed_is_verified_again(tmp_path: Path, change: str) -> None:
    run = small(tmp_path)
    read_all(run)
    first = stamped(run)
    path = chunk_of(run)
    if change == "touched":
        os.utime(path)
    else:
        copy = Path(shutil.copy2(path, tmp_path / "copy"))
        copy.replace(path)
    read_all(run)
    assert stamped(run) != first


def test_a_stamp_that_was_written_by_hand_is_not_believed(tmp_path: Path) -> None:
    run = small(tmp_path)
    read_all(run)
    noted = tables_folder(run, None) / "verified.sha256"
    flip(chunk_of(run))
    noted.write_bytes(b"intact")
    with pytest.raises(IntegrityError):
        read_all(run)


def test_a_stamp_of_another_run_is_not_believed(tmp_path: Path) -> None:
    run, other = small(tmp_path / "one"), small(tmp_path / "other")
    read_all(run)
    flip(chunk_of(other))
    shutil.copytree(tables_folder(run, None), tables_folder(other, None))
    with pytest.raises(IntegrityError):
        read_all(other)


def test_damaged_evidence_leaves_no_stamp(tmp_path: Path) -> None:
    run = small(tmp_path)
    flip(chunk_of(run))
    tables_folder(run, None).mkdir()
    assert trust.problems(run, tables_folder(run, None))
    assert not (tables_folder(run, None) / "verified.sha256").exists()


def _day(evidence: Path, follows: Follows | None) -> Path:
    plan = Plan("contoso-2026-11", TENANT, ASKED, (audit_log(Piece(DAY)).plan,))
    opening = Opening(
        plan=plan, engagement=b"", environment={}, compression="gzip", chunk_bytes=1 << 20, follows=follows
    )
    with closing(RunFolder.create(evidence / "contoso-2026-11", opening, store=Store(), clock=FakeClock())) as run:
        staging = run.stage()
        staging.add([Row(row_of_bind("b1", 1, "<m@x>"), b"", b"", None)], "request")
        slice_ = Slice("unified-audit-log", None, plan.sources[0].axis, window(DAY))
        run.commit(slice_, Outcome(Status.COMPLETE, ASKED, 1, settled=True), staging)
        staging.release()
        run.seal(coverage=encode(cover(plan, run.commits)), bag_info={})
    return run.path


def test_runs_that_follow_each_other_are_trusted_together(tmp_path: Path) -> None:
    first = _day(tmp_path, None)
    second = _day(tmp_path, last_line(first))
    assert not read_all(first, second).problems
    assert not read_all(second).problems


def test_a_broken_chain_between_runs_is_refused_though_each_is_intact(tmp_path: Path) -> None:
    first = _day(tmp_path, None)
    second = _day(tmp_path, msgspec.structs.replace(last_line(first), journal="0" * 64))
    assert not read_all(second).problems, "alone there is nothing to compare it with"
    with pytest.raises(IntegrityError, match="whose journal does not end as it did then"):
        read_all(first, second)
    (problem,) = read_all(first, second, unverified=True).problems
    assert (problem.kind, problem.run) == ("unverified", str(second))
    assert "does not end as it did then" in problem.text


def test_a_run_given_twice_counts_once(tmp_path: Path) -> None:
    run = small(tmp_path)
    (tmp_path / "link").symlink_to(run)
    assert len(read_all(run, run.parent / "." / run.name, tmp_path / "link").tables) == 1
