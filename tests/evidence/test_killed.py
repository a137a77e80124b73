"""SIGKILL in the middle of the work, again and again, until it is done."""

import random
import subprocess
import sys
from pathlib import Path

from collector.evidence import find_runs, read, verify
from tests.evidence.engagement import expected, records
from tests.evidence.killed import work
from tests.tally import Tally


def live(evidence: Path, commits: int) -> tuple[list[str], int]:
    """Let the process work for some commits, kill it, and return what it said and how it ended."""
    command = [sys.executable, "-m", "tests.evidence.killed", str(evidence)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        said = [line for line, _ in zip(process.stdout, range(commits), strict=False)]
        process.kill()
        said += process.stdout
    return [line.strip() for line in said], process.returncode


def test_sigkill_at_random_moments(tmp_path: Path, tally: Tally) -> None:
    chance = random.Random(7)
    said: list[str] = []
    deaths = 0
    for commits in (*(chance.randrange(1, 12) for _ in range(5)), 1000):
        heard, code = live(tmp_path, commits)
        said += heard
        deaths += code != 0
        (run,) = find_runs(tmp_path)
        assert verify(run).problems == ()
        standing = {str(committed.start) for committed in read(run).commits}
        assert standing >= set(said)
    assert deaths == 5
    assert verify(run).sealed
    tally.records("SIGKILL between the commits of the evidence room", records(run), expected(work()), tried=deaths)
