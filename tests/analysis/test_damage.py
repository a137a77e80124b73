"""What damage costs under --unverified: what can be read is used, and what cannot is named, with its reason."""

import gzip
import os
from pathlib import Path
from random import Random

import pytest

from collector.analysis.filters import Filters
from collector.analysis.investigation import investigate
from collector.analysis.limits import Limit
from collector.analysis.prepare import Prepared
from collector.analysis.questions import question
from collector.errors import IntegrityError
from tests.analysis.cases import OF_ACCESSES, ask
from tests.analysis.damaged import DAY, chunk_of, flip, read_all, row_of_bind, small
from tests.analysis.feeds import ASKED, Piece, audit_log, collect, feed, record, row_of


def limits(prepared: Prepared, kind: str, name: str = "binds") -> list[Limit]:
    with investigate(prepared, question(name), Filters(), ASKED) as found:
        return [limit for limit in found.limits if limit.kind == kind]


def ids(prepared: Prepared) -> list[str]:
    return [one["record_id"] for one in ask(prepared, "binds")]


@pytest.mark.parametrize("name", OF_ACCESSES)
def test_every_question_is_answered_from_unverified_evidence_which_says_so(tmp_path: Path, name: str) -> None:
    run = small(tmp_path)
    (run / "manifest-sha256.txt").write_bytes(b"")
    prepared = read_all(run, unverified=True)
    ask(prepared, name)
    found = limits(prepared, "unverified", name)
    assert found
    assert {limit.run for limit in found} == {str(run)}
    assert all("fails verification" in limit.text for limit in found)


def test_intact_evidence_has_no_such_limit(tmp_path: Path) -> None:
    assert not limits(read_all(small(tmp_path), unverified=True), "unverified")


def many(evidence: Path) -> Path:
    """Collect a chunk of texts that do not pack well."""
    noise = Random("noise")
    return small(
        evidence, *(row_of_bind(f"b{n:03}", n / 1000, f"<{noise.randbytes(150).hex()}@x>") for n in range(900))
    )


def test_of_a_chunk_that_cannot_be_unpacked_half_way_what_came_before_is_used(tmp_path: Path) -> None:
    run = many(tmp_path)
    path = chunk_of(run)
    os.truncate(path, path.stat().st_size // 2)
    prepared = read_all(run, unverified=True)
    found = ids(prepared)
    assert 300 < len(found) < 600
    assert found == [f"b{number:03}" for number in range(len(found))]
    *torn, whole = limits(prepared, "unread")
    assert len(torn) <= 1, "the line that it breaks off in"
    assert str(path.relative_to(run)) in whole.text or str(path.relative_to(run)) in torn[0].text
    assert any("cannot be unpacked" in one.text for one in (*torn, whole))


def test_bytes_after_the_end_of_a_chunk_are_named(tmp_path: Path) -> None:
    run = small(tmp_path)
    with chunk_of(run).open("ab") as file:
        file.write(gzip.compress(row_of_bind("smuggled", 3, "<m@x>") + b"\n"))
    prepared = read_all(run, unverified=True)
    assert ids(prepared) == ["b1", "b2"]
    assert any("cannot be unpacked" in limit.text for limit in limits(prepared, "unread"))


def test_a_chunk_that_is_gone_is_named_and_the_others_are_used(tmp_path: Path) -> None:
    run = collect(
        tmp_path, audit_log(Piece(DAY, [row_of_bind("b1", 1, "<m1@x>")])), feed(Piece(DAY, [record("f1", 2)]))
    )
    gone = chunk_of(run, "management-activity")
    gone.unlink()
    prepared = read_all(run, unverified=True)
    assert ids(prepared) == ["b1"]
    assert any(str(gone.relative_to(run)) in limit.text for limit in limits(prepared, "unread"))


def test_what_is_read_is_what_stands_there_now(tmp_path: Path) -> None:
    run = small(tmp_path)
    read_all(run)
    lines = [row_of_bind("b1", 1, "<other@x>"), row_of_bind("b2", 2, "<m2@x>")]
    chunk_of(run).write_bytes(gzip.compress(b"".join(line + b"\n" for line in lines)))
    shown = [one["internet_message_id"] for one in ask(read_all(run, unverified=True), "binds")]
    assert shown == ["<other@x>", "<m2@x>"]


def test_a_journal_that_breaks_off_is_read_up_to_there(tmp_path: Path) -> None:
    run = collect(
        tmp_path,
        audit_log(Piece((0, 12), [row_of_bind("b1", 1, "<m1@x>")]), Piece((12, 24), [row_of_bind("b2", 13, "<m2@x>")])),
    )
    journal = run / "custody" / "journal.jsonl"
    opened, first, second, *_ = journal.read_bytes().splitlines(keepends=True)
    journal.write_bytes(opened + first + second.replace(b"{", b"[", 1))
    prepared = read_all(run, unverified=True)
    assert ids(prepared) == ["b1"]
    assert limits(prepared, "problem"), "it says where the journal stops being readable"
    (gap,) = limits(prepared, "gap")
    assert gap.start is not None
    assert gap.start.hour == 12


def test_without_a_first_line_of_the_journal_there_is_nothing_to_go_by(tmp_path: Path) -> None:
    run = small(tmp_path)
    flip(run / "custody" / "journal.jsonl", 0)
    with pytest.raises(IntegrityError, match="journal"):
        read_all(run, unverified=True)


UNREADABLE = {
    "torn": b"{",
    "no-object": b"[]",
    "no-audit-data": b'{"Identity": "i"}',
    "audit-data-no-text": row_of({"Id": "r"}),
    "audit-data-torn": row_of('{"Id": "r"'),
    "audit-data-empty": row_of(""),
    "too-deep": row_of("[" * 100_000),
}


@pytest.mark.parametrize("line", UNREADABLE.values(), ids=UNREADABLE)
def test_a_line_that_cannot_be_read_is_named_and_costs_no_other(tmp_path: Path, line: bytes) -> None:
    run = small(tmp_path, row_of_bind("b1", 1, "<m1@x>"), line, row_of_bind("b2", 2, "<m2@x>"))
    prepared = read_all(run)
    assert ids(prepared) == ["b1", "b2"]
    (limit,) = limits(prepared, "unread")
    assert (limit.run, limit.source) == (str(run), "unified-audit-log")
    assert f"{chunk_of(run).relative_to(run)} line 2 could not be read: " in limit.text
    assert limit.text.rpartition(": ")[2]


def test_lines_that_cannot_be_read_are_counted_beyond_those_that_are_named(tmp_path: Path) -> None:
    prepared = read_all(small(tmp_path, *[b"{"] * 1234))
    found = limits(prepared, "unread")
    assert len(found) == 1001
    assert found[-1].text.startswith("234 more lines could not be read")


def test_a_count_that_is_absurd_costs_no_answer(tmp_path: Path) -> None:
    rows = [row_of_bind(f"b{number}", 1, "<m@x>", OperationCount=9 * 10**17) for number in range(11)]
    assert len(ask(read_all(small(tmp_path, *rows)), "sessions")) == 1


def test_a_record_is_found_by_what_any_of_its_variants_says(tmp_path: Path) -> None:
    prepared = read_all(small(tmp_path, *(row_of_bind("b1", 1, "<m@x>", SessionId=session) for session in ("s", "t"))))
    assert [len(ask(prepared, "binds", session=[session])) for session in ("s", "t")] == [1, 1]
