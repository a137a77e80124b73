"""The journal line by line: what an append promises, and where a walk stops (I1, I3)."""

import hashlib
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest
from msgspec import structs

from collector.errors import DiskError, IntegrityError
from collector.evidence.journal import NO_LINE, Commit, Journal, LogMark, Opened, Resumed, Sealed, Walk, encode, walk
from collector.evidence.layout import JOURNAL
from collector.evidence.store import Output
from collector.model import Axis, Chunk, Slice, Status, Window

AT = datetime(2026, 11, 21, 5, tzinfo=UTC)
START, END = datetime(2026, 11, 1, tzinfo=UTC), datetime(2026, 11, 2, tzinfo=UTC)
CHUNK = Chunk("data/unified-audit-log/000001.jsonl.gz", "a" * 64, 20, 2)
UNREAD = Chunk("data/unified-audit-log/unread/000001.body", "b" * 64, 5, 0)
SETTINGS = Chunk("data/settings.json", "c" * 64, 7, 0)
OPENED = Opened(at=AT, run_id="20261121T050000Z", tool="collector 1", compression="gzip", chunk_bytes=90, files={})
RESUMED = Resumed(at=AT, tool="collector 1", note={}, quarantined=None)
SEALED = Sealed(at=AT, commits=1, coverage="d" * 64, payload=(SETTINGS,), requests_log=LogMark(30, "e" * 64))
COMMIT = Commit(
    at=AT,
    source="unified-audit-log",
    part=None,
    axis=Axis.EVENT,
    start=START,
    end=END,
    status=Status.COMPLETE,
    records=2,
    duplicates=0,
    variants=0,
    outside=0,
    expected=2,
    attempts=1,
    reason=None,
    asked_at=AT,
    settled=True,
    chunks=(CHUNK,),
    unread=(UNREAD,),
    requests=(),
    requests_log=LogMark(10, "f" * 64),
)
ENTRIES = (OPENED, COMMIT, RESUMED, SEALED)


class Disk:
    """A file that notes what is done with it, and can refuse to sync."""

    def __init__(self, *, full: bool = False) -> None:
        self.done: list[str] = []
        self.data = b""
        self.full = full

    def write(self, data: bytes) -> int:
        self.done.append("write")
        self.data += data
        return len(data)

    def sync(self) -> None:
        self.done.append("sync")
        if self.full:
            raise OSError(28, "no space")

    def close(self) -> None:
        self.done.append("close")


def journal_on(disk: Disk, last: str = NO_LINE) -> Journal:
    return Journal(Output(Path("journal.jsonl"), disk), last)


def digest(line: bytes) -> str:
    return hashlib.sha256(line).hexdigest()


def chained(*entries: Any) -> list[bytes]:
    """Return the lines of a journal with these entries."""
    disk = Disk()
    journal = journal_on(disk)
    for entry in entries:
        journal.append(entry)
    return disk.data.splitlines(keepends=True)


def walked(tmp_path: Path, data: bytes) -> Walk:
    (tmp_path / JOURNAL).parent.mkdir(exist_ok=True)
    (tmp_path / JOURNAL).write_bytes(data)
    return walk(tmp_path)


def test_a_line_is_written_when_the_one_before_is_durable_and_is_durable_itself_when_append_returns() -> None:
    disk = Disk()
    journal = journal_on(disk)
    journal.append(OPENED)
    assert disk.done == ["sync", "write", "sync"]
    journal.append(COMMIT)
    assert disk.done[3:] == ["write", "sync"]
    journal.close()
    assert disk.done[5:] == ["close"]


def test_nothing_is_written_after_a_line_that_cannot_be_made_durable() -> None:
    disk = Disk(full=True)
    journal = journal_on(disk)
    for _ in range(2):
        with pytest.raises(DiskError, match="no space"):
            journal.append(OPENED)
    assert disk.done == ["sync", "sync"]


def test_each_line_carries_the_hash_of_the_line_before() -> None:
    first, second, third = chained(OPENED, COMMIT, SEALED)
    assert msgspec.json.decode(first)["prev"] == "0" * 64
    assert msgspec.json.decode(second)["prev"] == digest(first.rstrip(b"\n"))
    assert msgspec.json.decode(third)["prev"] == digest(second.rstrip(b"\n"))


def test_a_resumed_journal_goes_on_from_the_last_line() -> None:
    disk = Disk()
    returned = journal_on(disk, "9" * 64).append(RESUMED)
    assert returned.prev == "9" * 64
    assert disk.data == encode(returned) + b"\n"


def test_a_whole_journal_is_walked_to_its_end(tmp_path: Path) -> None:
    lines = chained(*ENTRIES)
    found = walked(tmp_path, b"".join(lines))
    assert [type(entry) for entry in found.entries] == [Opened, Commit, Resumed, Sealed]
    assert found == Walk(found.entries, sum(map(len, lines)), digest(lines[-1][:-1]))
    assert found.opened == found.entries[0]
    assert found.commits == (found.entries[1],)
    assert found.marks == (LogMark(10, "f" * 64), LogMark(30, "e" * 64))
    assert found.payload == (CHUNK, UNREAD, SETTINGS)


def test_an_empty_journal_has_no_first_line(tmp_path: Path) -> None:
    found = walked(tmp_path, b"")
    assert found == Walk((), 0, NO_LINE)
    with pytest.raises(IntegrityError, match=r"custody/journal.jsonl has no first line: it is empty"):
        _ = found.opened


@pytest.mark.parametrize("torn", [b"{", b'{"event":"sealed"}', b"\0\0\n", b'{"event":"com\0\0"}\n', b"\0"])
def test_a_torn_last_line_ends_the_walk_and_is_no_problem(tmp_path: Path, torn: bytes) -> None:
    lines = chained(OPENED, COMMIT)
    found = walked(tmp_path, b"".join(lines) + torn)
    assert found == Walk(found.entries, sum(map(len, lines)), digest(lines[-1][:-1]), torn=True)
    assert len(found.entries) == 2


def test_a_torn_line_that_is_not_the_last_is_a_broken_chain(tmp_path: Path) -> None:
    lines = chained(OPENED, COMMIT, SEALED)
    found = walked(tmp_path, lines[0] + b"\0\n" + lines[1] + lines[2])
    problem = "a torn line is not the last"
    assert found == Walk(found.entries, len(lines[0]), digest(lines[0][:-1]), problem=problem)
    assert len(found.entries) == 1


def _another_past(lines: list[bytes]) -> list[bytes]:
    return [lines[0], lines[1].replace(b'"attempts":1', b'"attempts":2'), lines[2]]


def _left_out(lines: list[bytes]) -> list[bytes]:
    return [lines[0], lines[2]]


def _opened_twice(lines: list[bytes]) -> list[bytes]:
    return [*lines[:2], encode(msgspec.structs.replace(OPENED, prev=digest(lines[1][:-1]))) + b"\n"]


def _beheaded(lines: list[bytes]) -> list[bytes]:
    return chained(COMMIT)


def _not_an_entry(lines: list[bytes]) -> list[bytes]:
    return [lines[0], b'{"event":"erased"}\n', *lines[1:]]


def _no_text(lines: list[bytes]) -> list[bytes]:
    return [lines[0], b'{"event":"\xff"}\n', *lines[1:]]


def _too_deep(lines: list[bytes]) -> list[bytes]:
    return [lines[0], b'{"event":"resumed","note":{"x":' + b"[" * 100_000 + b"\n", *lines[1:]]


def _a_start_and_no_end(lines: list[bytes]) -> list[bytes]:
    return [lines[0], lines[1].replace(b'"end":"2026-11-02T00:00:00Z"', b'"end":null')]


def _an_end_and_no_start(lines: list[bytes]) -> list[bytes]:
    return [lines[0], lines[1].replace(b'"start":"2026-11-01T00:00:00Z"', b'"start":null')]


def _an_end_before_its_start(lines: list[bytes]) -> list[bytes]:
    return [lines[0], lines[1].replace(b'"end":"2026-11-02', b'"end":"2026-10-02')]


FOLLOWS = "does not follow from the line before"
FIRST = "`opened` is the first line and no other"
NEITHER = "is not an entry: a slice has a start and an end, or neither"
BREAKS: list[tuple[Callable[[list[bytes]], list[bytes]], int, str]] = [
    (_another_past, 3, FOLLOWS),
    (_left_out, 2, FOLLOWS),
    (_opened_twice, 3, FIRST),
    (_beheaded, 1, FIRST),
    (_not_an_entry, 2, "is not an entry: "),
    (_no_text, 2, "is not an entry: "),
    (_too_deep, 2, "is not an entry: "),
    (_a_start_and_no_end, 2, NEITHER),
    (_an_end_and_no_start, 2, NEITHER),
    (_an_end_before_its_start, 2, "is not an entry: a window starts before it ends"),
]


@pytest.mark.parametrize(("damage", "number", "says"), BREAKS)
def test_a_broken_chain_is_walked_up_to_the_break_and_says_where(
    tmp_path: Path, damage: Callable[[list[bytes]], list[bytes]], number: int, says: str
) -> None:
    lines = damage(chained(OPENED, COMMIT, SEALED))
    found = walked(tmp_path, b"".join(lines))
    whole = lines[: number - 1]
    assert (len(found.entries), found.length) == (len(whole), sum(map(len, whole)))
    assert found.last == (digest(whole[-1][:-1]) if whole else NO_LINE)
    assert not found.torn
    assert (found.problem or "").startswith(f"line {number}: {says}")
    assert found.problem is None or "None" not in found.problem


def test_a_journal_that_begins_with_another_entry_has_no_first_line(tmp_path: Path) -> None:
    with pytest.raises(IntegrityError, match="has no first line: line 1: `opened` is the first line"):
        _ = walked(tmp_path, b"".join(chained(COMMIT))).opened


def test_a_commit_knows_its_slice() -> None:
    assert COMMIT.slice == Slice("unified-audit-log", None, Axis.EVENT, Window(START, END))
    whole = msgspec.structs.replace(COMMIT, part="a part", axis=Axis.AVAILABLE, start=None, end=None)
    assert whole.slice == Slice("unified-audit-log", "a part", Axis.AVAILABLE, None)


def test_only_a_seal_says_where_a_run_leaves_off() -> None:
    early = msgspec.structs.replace(SEALED, until=END)
    assert Walk((OPENED, COMMIT, early), 0, NO_LINE).until == END
    assert Walk((OPENED, COMMIT, SEALED), 0, NO_LINE).until is None
    assert Walk((OPENED, early, RESUMED), 0, NO_LINE).until is None
    assert Walk((), 0, NO_LINE).until is None


def test_the_file_that_rows_were_read_from_is_payload_too() -> None:
    original = Chunk("data/import/report/original.csv", "d" * 64, 9, 0)
    assert structs.replace(COMMIT, original=original).payload == (CHUNK, UNREAD, original)
    assert COMMIT.payload == (CHUNK, UNREAD)
