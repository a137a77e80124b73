"""The units, judged by systemd itself; a warning is a failure."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from collector.errors import ExitCode
from tests.schedulers.files import PROGRAM, SERVICE, TIMER, only, systemd_command

EXPOSURE = 15
"""What systemd gives at most, in tenths: 0 is a closed service, 100 an open one, and ours 13 by systemd 252."""


def analyze(*words: str) -> subprocess.CompletedProcess[str]:
    program = shutil.which("systemd-analyze")
    assert program, "systemd-analyze is missing, so the units are not checked: install the package `systemd`"
    return subprocess.run([program, *words], capture_output=True, text=True, check=False)


@pytest.fixture
def units(tmp_path: Path) -> Path:
    """Copies of the units that start a stand-in, for the collector is not installed here."""
    stand_in = tmp_path / "collector"
    stand_in.touch(mode=0o755)
    for unit in (SERVICE, TIMER):
        text = unit.read_text(encoding="utf-8").replace(PROGRAM, str(stand_in))
        (tmp_path / unit.name).write_text(text, encoding="utf-8")
    return tmp_path


def change(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")


def verify(units: Path) -> subprocess.CompletedProcess[str]:
    return analyze("verify", "--recursive-errors=no", *(str(units / unit.name) for unit in (SERVICE, TIMER)))


def exposure(units: Path) -> subprocess.CompletedProcess[str]:
    return analyze("security", "--offline=yes", f"--threshold={EXPOSURE}", str(units / SERVICE.name))


def test_systemd_has_nothing_to_say_against_the_units(units: Path) -> None:
    verified = verify(units)
    assert verified.returncode == 0, verified.stderr


@pytest.mark.parametrize(
    ("unit", "old", "new"),
    [
        pytest.param(SERVICE, "NoNewPrivileges=", "NoNewPrivilege=", id="a misspelt key"),
        pytest.param(SERVICE, "TimeoutStopSec=2min", "TimeoutStopSec=soon", id="a span that is none"),
        pytest.param(SERVICE, "@system-service", "@system-servant", id="system calls that there are not"),
        pytest.param(SERVICE, "SuccessExitStatus=3", "SuccessExitStatus=300", id="an exit code that cannot be"),
        pytest.param(SERVICE, "ExecStart=/", "ExecStart=/nowhere/", id="a program that is not there"),
        pytest.param(TIMER, "*:0/15", "*:0/75", id="a time that never comes"),
    ],
)
def test_systemd_refuses_a_broken_unit(units: Path, unit: Path, old: str, new: str) -> None:
    change(units / unit.name, old, new)
    assert verify(units).returncode


def test_systemd_finds_the_service_closed_enough(units: Path) -> None:
    assert exposure(units).returncode == 0


@pytest.mark.parametrize(
    "line", ["DynamicUser=yes", "CapabilityBoundingSet=", "SystemCallFilter=@system-service", "RestrictNamespaces=yes"]
)
def test_systemd_finds_a_service_too_open(units: Path, line: str) -> None:
    change(units / SERVICE.name, line, "")
    assert exposure(units).returncode


def test_the_timer_starts_it_every_quarter_of_an_hour() -> None:
    schedule = only("^OnCalendar=(.+)$", TIMER.read_text(encoding="utf-8"))
    assert "Normalized form: *-*-* *:00/15:00" in analyze("calendar", schedule).stdout


def test_the_service_sees_the_engagement_file_and_beside_it_the_secret() -> None:
    names = re.findall("^LoadCredential=(.+):", SERVICE.read_text(encoding="utf-8"), re.MULTILINE)
    assert names == ["engagement.yaml", "secret"]
    assert systemd_command()[2] == f"%d/{names[0]}"


def test_gaps_a_lock_and_a_stop_are_no_failures_of_the_service() -> None:
    told = only("^SuccessExitStatus=(.+)$", SERVICE.read_text(encoding="utf-8")).split()
    assert {ExitCode(int(code)) for code in told} == {ExitCode.GAPS, ExitCode.LOCKED, ExitCode.INTERRUPTED}
