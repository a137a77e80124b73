"""Each run of a watch names the last line of the one before: what was taken away or rewritten between them shows."""

import shutil
from contextlib import closing
from pathlib import Path

import msgspec
import pytest

from collector.cli.work import verify_all
from collector.errors import ExitCode, IntegrityError
from collector.evidence import find_runs, last_line, links, verify
from collector.evidence.journal import Follows
from tests.evidence.engagement import OPENING, WHOLE, begin, commit, resume, seal


def day(evidence: Path, follows: Follows | None, *, sealed: bool = True) -> Path:
    """Collect one slice into a run of its own that follows another."""
    with closing(begin(evidence, opening=msgspec.structs.replace(OPENING, follows=follows))) as folder:
        commit(folder, WHOLE[0])
        if sealed:
            seal(folder)
    return folder.path


@pytest.fixture
def days(tmp_path: Path) -> list[Path]:
    """Three sealed runs that follow each other."""
    first = day(tmp_path, None)
    second = day(tmp_path, last_line(first))
    return [first, second, day(tmp_path, last_line(second))]


def said(tmp_path: Path) -> dict[Path, tuple[str, str]]:
    """Return the problems and notes of each run that follows another."""
    found = links(find_runs(tmp_path))
    return {path: ("".join(link.problems), "".join(link.notes)) for path, link in found.items()}


def test_a_whole_chain(tmp_path: Path, days: list[Path]) -> None:
    assert said(tmp_path) == {days[1]: ("", ""), days[2]: ("", "")}
    assert verify_all(tmp_path, as_json=True) == ExitCode.COMPLETE


def test_a_day_taken_out_is_a_note(tmp_path: Path, days: list[Path], capsys: pytest.CaptureFixture[str]) -> None:
    shutil.rmtree(days[1])
    (problems, notes) = said(tmp_path)[days[2]]
    assert not problems
    assert notes.endswith("-2, which is not here")
    assert verify_all(tmp_path, as_json=True) == ExitCode.COMPLETE
    assert "which is not here" in capsys.readouterr().out


def test_a_day_collected_anew_under_the_old_name(
    tmp_path: Path, days: list[Path], capsys: pytest.CaptureFixture[str]
) -> None:
    run_id = last_line(days[1]).run_id
    shutil.rmtree(days[1])
    forged = day(tmp_path, None)
    assert last_line(forged).run_id == run_id
    assert verify(forged).problems == ()
    assert "does not end as it did then" in said(tmp_path)[days[2]][0]
    assert verify_all(tmp_path, as_json=True) == ExitCode.INTEGRITY
    assert "does not end as it did then" in capsys.readouterr().out


def test_a_copy_of_a_day_is_no_obstacle(tmp_path: Path, days: list[Path]) -> None:
    shutil.copytree(days[1], tmp_path / "copy")
    (tmp_path / "copy" / "bagit.txt").unlink()
    assert said(tmp_path)[days[2]] == ("", "")


def test_a_day_that_goes_on_after_it_was_followed(tmp_path: Path) -> None:
    first = day(tmp_path, None, sealed=False)
    second = day(tmp_path, last_line(first))
    assert said(tmp_path)[second][0].endswith("which is not sealed")
    resume(first).close()
    assert "does not end as it did then" in said(tmp_path)[second][0]


def test_a_day_that_cannot_be_read_is_left_to_verify(tmp_path: Path, days: list[Path]) -> None:
    (days[1] / "custody/journal.jsonl").write_bytes(b"no journal\n")
    assert said(tmp_path) == {days[2]: ("", f"follows {last_line(days[0]).run_id}-2, which is not here")}
    assert verify_all(tmp_path, as_json=True) == ExitCode.INTEGRITY
    with pytest.raises(IntegrityError):
        last_line(days[1])


def test_a_name_that_would_steer_a_terminal_is_printed_plainly(tmp_path: Path) -> None:
    run = day(tmp_path, Follows("contoso/\x1b[2J", "0" * 64))
    assert "\x1b" not in said(tmp_path)[run][1]
