"""Files that others exported: kept byte for byte, read row by row, taken up where it was cut off."""

import hashlib
import json
import subprocess
import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from collector.errors import DiskError, ExitCode, Interrupted, LockedError, UsageError
from collector.evidence import Commit, Store, find_runs, lines, lock, read, verify
from collector.evidence.layout import ENGAGEMENT, SEAL
from collector.evidence.store import SystemDisk
from collector.model import Status
from collector.run.importing import Seams, bring_in
from collector.simulator import MESSAGE_TRACE, report
from tests.evidence.unreliable import PowerCut, UnreliableDisk
from tests.fakes import FakeClock
from tests.run.tenants import STORY, Quiet, collect, engagement_file, tenant

SIGN_INS = b"Date (UTC),Request ID,Username,Application,IP address,Status\n"
ROWS = [b"2026-11-01T08:00:0%dZ,r%d,a@contoso.com,Office,192.0.2.1,Success\n" % (n, n) for n in range(5)]


class Stopping(Quiet):
    """An observer at whose n-th word the operator presses Ctrl-C."""

    def __init__(self, clock: FakeClock, after: int) -> None:
        self._clock, self._left = clock, after

    def committed(self, commit: Commit) -> None:
        self._left -= 1
        if not self._left:
            self._clock.stop()


def seams(store: Store | None = None, clock: FakeClock | None = None, observer: Any = None) -> Seams:
    return Seams(clock or FakeClock(), store or Store(), observer or Quiet())


def files(folder: Path, **contents: bytes) -> list[Path]:
    paths = [folder / f"{name}.csv" for name in contents]
    for path, data in zip(paths, contents.values(), strict=True):
        path.write_bytes(data)
    return paths


def said(run: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for commit in read(run).commits for chunk in commit.chunks for line in lines(run, chunk)]


def committed(run: Path) -> Iterator[tuple[str | None, bytes]]:
    for commit in read(run).commits:
        assert commit.original is not None
        yield commit.part, (run / commit.original.path).read_bytes()


def test_a_file_is_kept_byte_for_byte_beside_its_rows_each_with_its_line(tmp_path):
    data = report(MESSAGE_TRACE, STORY.traces)
    (file,) = files(tmp_path, trace=data)
    result = bring_in(tmp_path / "contoso-2026-11", [file], seams())
    assert result.exit_code is ExitCode.GAPS
    assert dict(committed(result.path)) == {"trace.csv": data}
    found = said(result.path)
    assert [line["line"] for line in found] == list(range(2, len(found) + 2))
    assert {(line["file"], line["kind"]) for line in found} == {("trace.csv", "historical-search-trace")}
    assert {line["row"]["message_id"] for line in found} == {trace.message_id for trace in STORY.traces}
    assert verify(result.path).problems == ()
    for manifest in ("manifest-sha256.txt", "tagmanifest-sha256.txt"):
        subprocess.run(["sha256sum", "--strict", "--quiet", "-c", manifest], cwd=result.path, check=True)
    stated = json.loads((result.path / "custody/plan.json").read_bytes())
    told = stated["sources"][0]["question"]["files"]["trace.csv"]
    assert told == {
        "name": "trace.csv",
        "sha256": hashlib.sha256(data).hexdigest(),
        "bytes": len(data),
        "holds": [
            {
                "name": "trace.csv",
                "form": {"kind": "historical-search-trace", "encoding": "utf-16-le", "delimiter": ","},
            }
        ],
    }
    assert b"contoso-2026-11" in (result.path / "bag-info.txt").read_bytes()


def test_what_an_export_covers_is_not_known_and_what_cannot_be_read_is_counted_and_named(tmp_path):
    damaged = SIGN_INS + ROWS[0] + b'"x"y\n' + ROWS[1] + b"too,few\n"
    result = bring_in(tmp_path / "contoso", files(tmp_path, good=SIGN_INS + ROWS[0], damaged=damaged), seams())
    good, bad = result.coverage.slices
    assert (good.status, good.reason, good.records, good.start, good.end) == (Status.GAP, "not-known", 1, None, None)
    assert (bad.reason, bad.records) == ("not-known: 2 rows cannot be read, which unread/ names", 2)
    (chunk,) = result.commits[1].unread
    named = [json.loads(line) for line in (result.path / chunk.path).read_bytes().splitlines()]
    assert [(one["file"], one["line"]) for one in named] == [("damaged.csv", 3), ("damaged.csv", 5)]
    assert verify(result.path).problems == ()


def test_a_changed_byte_of_the_original_is_found(tmp_path):
    result = bring_in(tmp_path / "contoso", files(tmp_path, a=SIGN_INS + ROWS[0]), seams())
    original = result.path / result.commits[0].original.path
    original.write_bytes(original.read_bytes().replace(b"192.0.2.1", b"192.0.2.2"))
    assert any("original.csv" in problem for problem in verify(result.path).problems)


def test_rows_that_stand_twice_in_a_file_are_kept_twice(tmp_path):
    result = bring_in(tmp_path / "contoso", files(tmp_path, a=SIGN_INS + ROWS[0] * 3), seams())
    assert len(said(result.path)) == 3


def test_two_files_of_one_name_are_two_parts_and_the_same_bytes_are_refused(tmp_path):
    for number in (1, 2):
        (tmp_path / str(number)).mkdir()
        (tmp_path / str(number) / "a.csv").write_bytes(SIGN_INS + ROWS[number])
    one, two = tmp_path / "1" / "a.csv", tmp_path / "2" / "a.csv"
    result = bring_in(tmp_path / "contoso", [one, two], seams())
    assert [part for part, _ in committed(result.path)] == ["a.csv", "a.csv (2)"]
    with pytest.raises(UsageError, match="same bytes"):
        bring_in(tmp_path / "contoso", [one, one], seams())


def test_a_file_that_is_called_as_another_is_numbered_is_a_part_of_its_own(tmp_path):
    paths = [tmp_path / str(number) / name for number, name in enumerate(("a", "a", "a (2)", "a"))]
    for path, row in zip(paths, ROWS, strict=False):
        path.parent.mkdir()
        path.write_bytes(SIGN_INS + row)
    result = bring_in(tmp_path / "contoso", paths, seams())
    assert [part for part, _ in committed(result.path)] == ["a", "a (2)", "a (2) (2)", "a (3)"]


def test_nothing_is_written_where_one_of_the_files_is_no_export(tmp_path):
    good, bad = files(tmp_path, good=SIGN_INS + ROWS[0], bad=b"name,value\n1,2\n")
    folder = tmp_path / "contoso"
    for wrong in ([good, bad], [tmp_path / "missing.csv"], [tmp_path]):
        with pytest.raises(UsageError):
            bring_in(folder, wrong, seams())
    with pytest.raises(UsageError, match="not historical-search-trace"):
        bring_in(folder, [good], seams(), kind="historical-search-trace")
    assert not folder.exists()


def test_a_folder_in_a_run_or_above_engagements_is_refused(tmp_path):
    (good,) = files(tmp_path, good=SIGN_INS + ROWS[0])
    run = bring_in(tmp_path / "evidence" / "contoso", [good], seams()).path
    for wrong in (run, run / "data", tmp_path / "evidence"):
        with pytest.raises(UsageError):
            bring_in(wrong, [good], seams())
    assert find_runs(tmp_path) == (run,)


def test_another_run_at_work_is_not_disturbed(tmp_path):
    (good,) = files(tmp_path, good=SIGN_INS + ROWS[0])
    with lock(tmp_path / "contoso"), pytest.raises(LockedError):
        bring_in(tmp_path / "contoso", [good], seams())


def test_an_import_that_was_stopped_is_taken_up_file_by_file(tmp_path):
    clock = FakeClock()
    brought = files(tmp_path, a=SIGN_INS + ROWS[0], b=SIGN_INS + ROWS[1], c=SIGN_INS + ROWS[2])
    with pytest.raises(Interrupted):
        bring_in(tmp_path / "contoso", brought, seams(clock=clock, observer=Stopping(clock, 2)))
    (run,) = find_runs(tmp_path)
    assert len(read(run).commits) == 2
    result = bring_in(tmp_path / "contoso", brought, seams())
    assert result.path == run
    assert [line["row"]["Request ID"] for line in said(run)] == ["r0", "r1", "r2"]
    assert verify(run).problems == ()


def test_the_power_goes_at_any_moment_and_every_row_stands_once(tmp_path):
    brought = files(tmp_path, a=SIGN_INS + b"".join(ROWS) + b"bad\n", b=SIGN_INS + ROWS[0])
    for cut in range(1, 400, 3):
        ground = tmp_path / str(cut)
        (ground / "evidence" / "contoso").mkdir(parents=True)
        disk = UnreliableDisk(ground, cut_after=cut)
        try:
            bring_in(ground / "evidence" / "contoso", brought, seams(Store(disk)))
            break
        except PowerCut:
            disk.die()
        left = disk.after("tear" if cut % 2 else "lose", tmp_path / f"{cut}-after", cut)
        result = bring_in(left / "evidence" / "contoso", brought, seams())
        assert [line["row"]["Request ID"] for line in said(result.path)] == ["r0", "r1", "r2", "r3", "r4", "r0"]
        assert verify(result.path).problems == ()
    assert cut > 20


class Full(SystemDisk):
    """A disk on which no file of data/ gets its name."""

    def rename(self, source: Path, target: Path) -> None:
        if "data" in target.parts:
            raise OSError(28, "No space left on device")
        super().rename(source, target)


def test_a_full_disk_leaves_a_run_that_can_be_taken_up(tmp_path):
    brought = files(tmp_path, a=SIGN_INS + ROWS[0])
    with pytest.raises(DiskError):
        bring_in(tmp_path / "contoso", brought, seams(Store(Full())))
    assert len(said(bring_in(tmp_path / "contoso", brought, seams()).path)) == 1


def test_a_file_that_changes_while_it_is_read_is_not_committed(tmp_path):
    (file,) = files(tmp_path, a=SIGN_INS + ROWS[0])

    class Writing(Quiet):
        def planned(self, slices: int) -> None:
            file.write_bytes(SIGN_INS + ROWS[1])

    with pytest.raises(UsageError, match="changed"):
        bring_in(tmp_path / "contoso", [file], seams(observer=Writing()))
    (run,) = find_runs(tmp_path)
    assert read(run).commits == ()


def test_an_open_import_is_not_taken_for_a_run_of_the_engagement(tmp_path):
    clock = FakeClock()
    with tenant() as served:
        file = engagement_file(served, tmp_path, sources={"tenant-settings": {}})
        name = served.engagement()["engagement"]
        brought = files(tmp_path, a=SIGN_INS + ROWS[0], b=SIGN_INS + ROWS[1])
        with pytest.raises(Interrupted):
            bring_in(tmp_path / "evidence" / name, brought, seams(clock=clock, observer=Stopping(clock, 1)))
        result = collect(file)
    assert result.exit_code is ExitCode.COMPLETE
    open_runs = [run for run in find_runs(tmp_path) if not (run / SEAL).exists()]
    assert len(open_runs) == 1
    assert open_runs[0] != result.path


def test_memory_does_not_grow_with_the_file(tmp_path):
    (file,) = files(tmp_path, a=SIGN_INS + b"".join(ROWS) * 24_000)
    tracemalloc.start()
    try:
        result = bring_in(tmp_path / "contoso", [file], seams())
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert result.coverage.slices[0].records == 120_000
    assert peak < file.stat().st_size


def test_memory_does_not_grow_with_the_rows_of_a_file(tmp_path):
    row = ROWS[0].replace(b"Office", b"x" * (1 << 20))
    (file,) = files(tmp_path, a=SIGN_INS + row * 64)
    tracemalloc.start()
    try:
        result = bring_in(tmp_path / "contoso", [file], seams())
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert result.coverage.slices[0].records == 64
    assert peak < file.stat().st_size


@pytest.mark.parametrize("name", ["a: [b", "a\nb", "CON", "a\x1b[31mb", "contoso 2026", "x" * 65])
def test_a_folder_that_no_engagement_can_have_the_name_of_is_not_made(tmp_path, name):
    brought = files(tmp_path, a=SIGN_INS + ROWS[0])
    with pytest.raises(UsageError) as raised:
        bring_in(tmp_path / name, brought, seams())
    assert str(raised.value).isprintable()
    assert list(tmp_path.iterdir()) == brought


def test_a_name_that_yaml_would_take_for_something_else_stays_a_name(tmp_path):
    result = bring_in(tmp_path / "2026", files(tmp_path, a=SIGN_INS + ROWS[0]), seams())
    assert yaml.safe_load((result.path / ENGAGEMENT).read_bytes()) == {"engagement": "2026"}


def test_it_is_said_when_a_folder_is_new(tmp_path):
    said_of = []

    class Telling(Quiet):
        def notice(self, text: str) -> None:
            said_of.append(text)

    for name in "ab":
        bring_in(
            tmp_path / "contoso",
            files(tmp_path, **{name: SIGN_INS + name.encode() + ROWS[0]}),
            seams(observer=Telling()),
        )
    assert said_of == ["contoso is a new engagement: no folder of that name stood there"]
