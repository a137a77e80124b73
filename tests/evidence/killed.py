"""The process that test_killed kills: collects many small slices and says each time that one is committed."""

import sys
from datetime import timedelta
from pathlib import Path

from collector.evidence import RunFolder, Store, lock
from collector.model import Axis, Plan, Slice, SourcePlan, Window
from tests.evidence.engagement import LOG, OPENING, START, Wanted, commit, open_run, resume, rows, seal
from tests.fakes import FakeClock

SLICES = 60
MINUTE = timedelta(minutes=1)
ENGAGEMENT = Plan(
    engagement="contoso-2026-11",
    tenant="contoso.example.org",
    frozen_at=START,
    sources=(SourcePlan(LOG, Axis.EVENT, Window(START, START + SLICES * MINUTE), (None,), {}),),
)


def work() -> list[Wanted]:
    """Each slice begins with the two records that the one before ends with."""
    return [
        Wanted(
            Slice(LOG, None, Axis.EVENT, Window(START + n * MINUTE, START + (n + 1) * MINUTE)), rows(n * 8, n * 8 + 10)
        )
        for n in range(SLICES)
    ]


def main(evidence: Path) -> None:
    with lock(evidence / ENGAGEMENT.engagement):
        path = open_run(evidence)
        folder = resume(path) if path else _begin(evidence)
        done = {committed.slice for committed in folder.commits}
        for wanted in work():
            if wanted.slice not in done:
                sys.stdout.write(f"{commit(folder, wanted).start}\n")
                sys.stdout.flush()
        seal(folder)
        folder.close()


def _begin(evidence: Path) -> RunFolder:
    opening = OPENING.__class__(ENGAGEMENT, OPENING.engagement, OPENING.environment, "gzip", 200)
    return RunFolder.create(evidence / ENGAGEMENT.engagement, opening, store=Store(), clock=FakeClock())


if __name__ == "__main__":
    main(Path(sys.argv[1]))
