"""One run at a time in an engagement's folder; a dead one is no obstacle."""

import subprocess
import sys
from pathlib import Path

import pytest

from collector.errors import DiskError, ExitCode, LockedError
from collector.evidence import find_runs, lock
from tests.evidence.engagement import SHORT, collect

HOLD = """
import sys
from pathlib import Path
from collector.evidence import lock
with lock(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_another_process_is_refused_until_the_first_is_dead(tmp_path: Path) -> None:
    command = [sys.executable, "-c", HOLD, str(tmp_path / "contoso")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout
        assert other.stdout.readline() == b"held\n"
        with pytest.raises(LockedError) as told, lock(tmp_path / "contoso"):
            pass
        assert told.value.exit_code is ExitCode.LOCKED
        other.kill()
    with lock(tmp_path / "contoso"):
        pass


def test_the_lock_is_free_after_an_error(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), lock(tmp_path / "contoso"):
        _ = 1 / 0
    with lock(tmp_path / "contoso"):
        pass


def test_two_engagements_do_not_wait_for_each_other(tmp_path: Path) -> None:
    with lock(tmp_path / "contoso"), lock(tmp_path / "fabrikam"):
        assert find_runs(tmp_path) == ()


def test_a_folder_that_cannot_be_made_is_a_disk_error(tmp_path: Path) -> None:
    (tmp_path / "evidence").write_bytes(b"")
    with pytest.raises(DiskError), lock(tmp_path / "evidence/contoso"):
        pass


def test_a_run_that_never_began_is_passed_over(tmp_path: Path) -> None:
    (tmp_path / "contoso/20261121T050000Z/custody").mkdir(parents=True)
    assert find_runs(tmp_path) == ()


def test_runs_are_found_at_any_depth_oldest_first(tmp_path: Path) -> None:
    runs = [collect(tmp_path / "case", SHORT[:1]) for _ in range(11)]
    assert find_runs(tmp_path) == tuple(runs)
    assert find_runs(runs[3]) == (runs[3],)
