"""Someone changes a sealed run: whatever it is, verify says so. And a folder made to harm is only described."""

import gzip
import hashlib
import json
import os
import random
import shutil
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest

from collector.evidence import find_runs, verify
from collector.evidence.bag import manifest
from collector.evidence.layout import COVERAGE, CUSTODY_FILES, JOURNAL, PLAN, REQUESTS
from collector.evidence.lines import digest
from tests.evidence.engagement import LOG, SHORT, WHOLE, begin, collect, commit
from tests.tally import Tally

CHUNK = f"data/{LOG}/000001.jsonl.gz"
BODY = f"data/{LOG}/unread/000001.body"
TAGS = ("bagit.txt", "bag-info.txt", "manifest-sha256.txt", "tagmanifest-sha256.txt")
Damage = Callable[[Path], None]


@pytest.fixture(scope="module")
def sealed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return collect(tmp_path_factory.mktemp("sealed"), WHOLE)


@pytest.fixture
def run(sealed: Path, tmp_path: Path) -> Path:
    return shutil.copytree(sealed, tmp_path / "run")


def test_an_untouched_copy_is_intact(run: Path) -> None:
    assert verify(run).problems == ()


@pytest.mark.parametrize("name", [CHUNK, BODY, *CUSTODY_FILES, *TAGS])
def test_a_flipped_bit_anywhere(run: Path, name: str, tally: Tally) -> None:
    whole = (run / name).read_bytes()
    for position in random.Random(name).choices(range(len(whole)), k=8):
        damaged = bytearray(whole)
        damaged[position] ^= 1 << position % 8
        (run / name).write_bytes(damaged)
        problems = verify(run).problems
        tally("a flipped bit in a sealed run", noticed=bool(problems))
        assert problems, position


@pytest.mark.parametrize("name", [CHUNK, BODY, *CUSTODY_FILES, *TAGS[1:]])
@pytest.mark.tries("a sealed run that was tampered with")
def test_a_file_that_is_gone(run: Path, name: str) -> None:
    (run / name).unlink()
    assert verify(run).problems


def test_without_bagit_txt_a_run_is_not_sealed(run: Path) -> None:
    (run / "bagit.txt").unlink()
    found = verify(run)
    assert not found.sealed
    assert found.notes == ("the seal was begun and not finished: bagit.txt is missing",)


@pytest.mark.parametrize(
    "name", [f"data/{LOG}/000099.jsonl.gz", "data/x", "custody/notes.txt", "verdict.csv", "staging/000001"]
)
@pytest.mark.tries("a sealed run that was tampered with")
def test_a_file_that_was_added(run: Path, name: str) -> None:
    (run / name).parent.mkdir(exist_ok=True)
    (run / name).write_bytes(b"{}\n")
    assert any(repr(name) in problem for problem in verify(run).problems)


@pytest.mark.parametrize("name", ["signatures/tagmanifest-sha256.txt.sig", "quarantine/20261121T050000Z/x"])
def test_signatures_and_quarantine_may_grow(run: Path, name: str) -> None:
    (run / name).parent.mkdir(parents=True)
    (run / name).write_bytes(b"")
    assert verify(run).problems == ()


@pytest.mark.parametrize("name", [CHUNK, BODY, JOURNAL, REQUESTS])
@pytest.mark.tries("a sealed run that was tampered with")
def test_a_file_with_another_name(run: Path, name: str) -> None:
    (run / name).rename((run / name).with_name("other"))
    assert verify(run).problems


def test_two_chunks_that_changed_places(run: Path) -> None:
    first, second = run / CHUNK, run / CHUNK.replace("000001", "000002")
    first.rename(run / "x")
    second.rename(first)
    (run / "x").rename(second)
    assert sum("does not match its hash" in problem for problem in verify(run).problems) >= 2


def _without_last_commit(lines: list[bytes]) -> list[bytes]:
    return [*lines[:-2], lines[-1]]


def _without_seal(lines: list[bytes]) -> list[bytes]:
    return lines[:-1]


def _swapped(lines: list[bytes]) -> list[bytes]:
    return [lines[0], lines[2], lines[1], *lines[3:]]


def _replayed(lines: list[bytes]) -> list[bytes]:
    return [*lines, lines[-1]]


@pytest.mark.parametrize("change", [_without_last_commit, _without_seal, _swapped, _replayed])
@pytest.mark.tries("a sealed run that was tampered with")
def test_a_journal_that_tells_another_story(run: Path, change: Callable[[list[bytes]], list[bytes]]) -> None:
    journal = run / JOURNAL
    journal.write_bytes(b"".join(change(journal.read_bytes().splitlines(keepends=True))))
    reseal(run)
    assert any("journal" in problem for problem in verify(run).problems)


def _edit(name: str, old: bytes, new: bytes) -> Damage:
    def damage(run: Path) -> None:
        data = (run / name).read_bytes()
        assert old in data
        (run / name).write_bytes(data.replace(old, new, 1))

    return damage


def _drop_chunk(run: Path) -> None:
    (run / CHUNK).unlink()


def _add_record(run: Path) -> None:
    (run / CHUNK).write_bytes(gzip.compress(gzip.decompress((run / CHUNK).read_bytes()) + b'{"Id":99}\n'))


@pytest.mark.parametrize(
    "damage",
    [
        _edit(COVERAGE, b'"complete"', b'"empty"'),
        _edit(COVERAGE, b'"complete": false', b'"complete": true'),
        _edit(PLAN, b"MailItemsAccessed", b"MailItemsForgotten"),
        _edit(REQUESTS, b'"rows":2', b'"rows":3'),
        _edit("custody/environment.json", b"3", b"2"),
        _edit("custody/engagement.yaml", b"contoso", b"fabrikam"),
        _edit(JOURNAL, b'"attempts":1', b'"attempts":2'),
        _drop_chunk,
        _add_record,
    ],
)
@pytest.mark.tries("a sealed run that was tampered with")
def test_a_change_with_all_manifests_made_anew(run: Path, damage: Damage) -> None:
    damage(run)
    reseal(run)
    assert verify(run).problems


def reseal(run: Path) -> None:
    """Make every manifest again, as a forger would who does not know of the journal."""
    files = sorted(path.relative_to(run).as_posix() for path in (run / "data").rglob("*") if path.is_file())
    (run / "manifest-sha256.txt").write_bytes(manifest((name, digest(run / name)[0]) for name in files))
    size = sum((run / name).stat().st_size for name in files)
    (run / "bag-info.txt").write_text(f"Payload-Oxum: {size}.{len(files)}\n")
    tags = [*CUSTODY_FILES, *TAGS[:3]]
    (run / TAGS[3]).write_bytes(manifest((name, digest(run / name)[0]) for name in tags))


def test_the_forger_can_make_an_untouched_run_anew(run: Path) -> None:
    """What `reseal` makes is sound, so the tests above find the damage and not the forger's mistakes."""
    reseal(run)
    assert verify(run).problems == ()


def rechain(run: Path, change: Callable[[dict[str, object]], object]) -> None:
    """Change the entries of a journal and chain them again, as a forger would who knows of it."""
    prev, out = "0" * 64, []
    for line in (run / JOURNAL).read_bytes().splitlines():
        entry = json.loads(line)
        change(entry)
        out.append(json.dumps({**entry, "prev": prev}).encode())
        prev = hashlib.sha256(out[-1]).hexdigest()
    (run / JOURNAL).write_bytes(b"\n".join(out) + b"\n")
    reseal(run)


def test_the_forger_can_chain_an_untouched_journal_anew(run: Path) -> None:
    rechain(run, lambda entry: None)
    assert verify(run).problems == ()


def _set(event: str, /, **values: object) -> Callable[[dict[str, object]], object]:
    return lambda entry: entry.update(values) if entry["event"] == event else None


def _chunk(**values: object) -> Callable[[dict[str, object]], object]:
    def change(entry: dict[str, object]) -> None:
        for chunk in entry.get("chunks", ()):  # type: ignore[attr-defined]
            chunk.update(values)

    return change


def _request(**values: object) -> Callable[[dict[str, object]], object]:
    def change(entry: dict[str, object]) -> None:
        for given in entry.get("requests", ()):  # type: ignore[attr-defined]
            given.update(values)

    return change


@pytest.mark.parametrize(
    "change",
    [
        _set("commit", records=7),
        _set("commit", status="complete"),
        _set("commit", source="message-trace"),
        _set("commit", chunks=[]),
        _set("commit", unread=[]),
        _set("commit", start=None),
        _set("commit", end="2026-11-01T00:00:00Z", start="2026-11-02T00:00:00Z"),
        _set("commit", start="0001-01-01T00:00:00+05:00"),
        _set("commit", requests_log={"bytes": 5, "sha256": "0" * 64}),
        _set("commit", requests_log={"bytes": -5, "sha256": "0" * 64}),
        _set("commit", requests_log={"bytes": 10**15, "sha256": "0" * 64}),
        _set("commit", asked_at="2026-11-04T00:00:00"),
        _set("commit", at="2026-11-04T00:00:00", start="2026-11-01T00:00:00Z", end="2026-11-01T01:00:00Z"),
        _set("commit", event="opened"),
        _set("commit", event="sealed"),
        _set("opened", files={}),
        _set("opened", files={"/etc/passwd": "0" * 64}),
        _set("opened", files=[]),
        _set("sealed", commits=0),
        _set("sealed", coverage="0" * 64),
        _set("sealed", payload=[{"path": "data/y", "sha256": "", "bytes": 0, "records": 0}]),
        _chunk(records=0),
        _chunk(records=10**30),
        _chunk(bytes=1),
        _chunk(path=CHUNK),
        _chunk(path="../../etc/passwd"),
        _chunk(path="/etc/passwd"),
        _chunk(path="custody/plan.json"),
        _chunk(path=["data"]),
        _chunk(path="data/\u001b[2J"),
        _request(first=0),
        _request(last=99),
        _request(path="data/elsewhere"),
    ],
)
@pytest.mark.tries("a sealed run that was tampered with")
def test_a_journal_forged_with_its_chain(run: Path, change: Callable[[dict[str, object]], object]) -> None:
    rechain(run, change)
    assert verify(run).problems


DEEP = b'{"event":"opened","x":' + b"[" * 100_000 + b"]" * 100_000 + b"}\n"
HOSTILE = {
    "a bomb": (CHUNK, gzip.compress(bytes(50_000_000))),
    "two members": (CHUNK, gzip.compress(b"{}\n") + gzip.compress(b"{}\n")),
    "half a chunk": (CHUNK, gzip.compress(b"{}\n")[:-9]),
    "no gzip at all": (CHUNK, b"\x1f\x8b\xff\xff" + os.urandom(99)),
    "zlib, not gzip": (CHUNK, zlib.compress(b"{}\n")),
    "an empty chunk": (CHUNK, b""),
    "deep nesting": (JOURNAL, b"[" * 100_000 + b"\n"),
    "deep nesting in an unknown member": (
        JOURNAL,
        DEEP,
    ),
    "another type": (JOURNAL, b'{"event":"opened","prev":7}\n'),
    "an unknown event": (JOURNAL, b'{"event":"erased"}\n'),
    "no JSON": (JOURNAL, b"\xff\xfe\n"),
    "a long line": (JOURNAL, b"x" * 3_000_000),
    "an empty journal": (JOURNAL, b""),
    "a plan of another type": (PLAN, b"[]"),
    "a plan with a window backwards": (PLAN, b'{"sources":[{"window":{"start":"x"}}]}'),
    "coverage of another type": (COVERAGE, b"[]"),
    "coverage that is deep": (COVERAGE, b'{"x":' + b"[" * 100_000),
    "coverage that is no text": (COVERAGE, b'{"x":"\xff"}'),
    "a manifest out of the folder": (TAGS[2], b"0" * 64 + b"  ../../etc/passwd\n"),
    "a manifest with an absolute path": (TAGS[2], b"0" * 64 + b"  /etc/passwd\n"),
    "a manifest that names a file twice": (TAGS[2], (b"0" * 64 + b"  data/x\n") * 2),
    "a manifest that is no text": (TAGS[2], b"\xff\n"),
    "a manifest of words": (TAGS[3], b"all is well\n"),
    "an empty tag manifest": (TAGS[3], b""),
    "another version": (TAGS[0], b"BagIt-Version: 0.97\nTag-File-Character-Encoding: UTF-8\n"),
    "two oxums": (TAGS[1], b"Payload-Oxum: 1.1\nPayload-Oxum: 1.1\n"),
}


@pytest.mark.parametrize("case", HOSTILE)
@pytest.mark.tries("a folder made to harm")
def test_a_hostile_file_is_described(run: Path, case: str) -> None:
    name, data = HOSTILE[case]
    (run / name).write_bytes(data)
    assert verify(run).problems


def _link_to_passwd(run: Path) -> None:
    (run / CHUNK).unlink()
    (run / CHUNK).symlink_to("/etc/passwd")


def _link_to_itself(run: Path) -> None:
    (run / "data/loop").symlink_to(run)


def _linked_custody(run: Path) -> None:
    (run / "custody").rename(run.parent / "elsewhere")
    (run / "custody").symlink_to(run.parent / "elsewhere")


def _pipe(run: Path) -> None:
    (run / CHUNK).unlink()
    os.mkfifo(run / CHUNK)


def _folder_for_a_file(run: Path) -> None:
    (run / CHUNK).unlink()
    (run / CHUNK).mkdir()


def _no_text_for_a_name(run: Path) -> None:
    (run / os.fsdecode(b"data/\xff\n\x1b[2J")).write_bytes(b"")


def _deep_folders(run: Path) -> None:
    path = run / "data"
    for _ in range(300):
        path /= "d"
    path.mkdir(parents=True)
    (path / "x").write_bytes(b"")


def _nothing_left(run: Path) -> None:
    shutil.rmtree(run)


def _a_file_for_the_run(run: Path) -> None:
    shutil.rmtree(run)
    run.write_bytes(b"")


@pytest.mark.parametrize(
    "damage",
    [
        _link_to_passwd,
        _link_to_itself,
        _linked_custody,
        _pipe,
        _folder_for_a_file,
        _no_text_for_a_name,
        _deep_folders,
        _nothing_left,
        _a_file_for_the_run,
    ],
)
@pytest.mark.tries("a folder made to harm")
def test_a_hostile_folder_is_described(run: Path, damage: Damage) -> None:
    damage(run)
    found = verify(run)
    assert found.problems
    assert all(problem.isprintable() for problem in found.problems)


def test_a_sealed_run_without_its_journal_is_not_passed_over(run: Path) -> None:
    (run / JOURNAL).unlink()
    assert find_runs(run.parent) == (run,)


def test_verifying_changes_nothing(run: Path) -> None:
    before = {path: (path.stat().st_mtime_ns, path.stat().st_size) for path in run.rglob("*")}
    verify(run)
    assert {path: (path.stat().st_mtime_ns, path.stat().st_size) for path in run.rglob("*")} == before


def test_an_open_run_is_intact_and_not_sealed(tmp_path: Path) -> None:
    folder = begin(tmp_path)
    for wanted in SHORT:
        commit(folder, wanted)
    folder.stage().add(SHORT[0].rows, "unfinished")
    folder.close()
    (run,) = find_runs(tmp_path)
    found = verify(run)
    assert (found.sealed, found.problems, found.records) == (False, (), 9)
    assert found.notes == ("staging/ holds slices that are not finished",)
