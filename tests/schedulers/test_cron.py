"""The crontab: its schedule, and that of the CronJob, as cron reads them, and its command as a shell runs it."""

import subprocess
from datetime import datetime, timedelta
from itertools import islice, pairwise
from pathlib import Path

import pytest
from cronsim import CronSim, CronSimError

from collector.errors import ExitCode
from tests.schedulers.files import CRONTAB, PROGRAM, cron_entry, kubernetes_objects

SCHEDULE, COMMAND = cron_entry(CRONTAB.read_text(encoding="utf-8"))
SILENT = {ExitCode.COMPLETE, ExitCode.LOCKED, ExitCode.INTERRUPTED}
NIGHT_BEFORE_A_MONTH = datetime(2026, 11, 30, 23, 1)  # noqa: DTZ001 - cron has no zones


@pytest.mark.parametrize(
    "schedule", [SCHEDULE, kubernetes_objects()["CronJob"]["spec"]["schedule"]], ids=["cron", "job"]
)
def test_it_is_started_every_quarter_of_an_hour(schedule: str) -> None:
    starts = islice(CronSim(schedule, NIGHT_BEFORE_A_MONTH), 100)
    assert {later - earlier for earlier, later in pairwise(starts)} == {timedelta(minutes=15)}


@pytest.mark.parametrize("schedule", ["*/15 * * *", "75 * * * *", "*/15 24 * * *", f"{SCHEDULE} *  *"])
def test_a_broken_schedule_is_refused(schedule: str) -> None:
    with pytest.raises(CronSimError):
        CronSim(schedule, NIGHT_BEFORE_A_MONTH)


def test_no_percent_sign_ends_the_command_early() -> None:
    assert "%" not in COMMAND


@pytest.mark.parametrize("code", [*ExitCode, 137], ids=str)
def test_mail_is_sent_of_what_matters_and_of_nothing_else(code: int, tmp_path: Path) -> None:
    stand_in = tmp_path / "collector"
    stand_in.write_text(f"#!/bin/sh\necho '2 slices  are gaps' >&2\nexit {int(code)}\n")
    stand_in.chmod(0o755)
    ran = subprocess.run(
        ["/bin/sh", "-c", COMMAND.replace(PROGRAM, str(stand_in))], capture_output=True, text=True, check=True
    )
    assert ran.stderr == ""
    assert ran.stdout == ("" if code in SILENT else "2 slices  are gaps\n")
