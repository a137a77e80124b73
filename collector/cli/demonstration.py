"""`collector demo`: a whole engagement against the simulated tenant, on loopback, with nothing left out."""

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import yaml

from collector.cli import investigating, screen, show, work
from collector.clock import SystemClock
from collector.config.reading import load
from collector.errors import PRECEDENCE, DiskError, ExitCode
from collector.simulator import SECRET_VARIABLE, SimulatedTenant, takeover

_DAYS = 14


def demonstrate(folder: Path, *, records: int, traces: int, seed: int, quiet: bool) -> int:
    """Collect, verify, and show what the evidence holds; returns the gravest exit code."""
    end = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) - timedelta(days=2)
    story = takeover(seed=seed, start=end - timedelta(days=_DAYS), days=_DAYS, records=records, traces=traces)
    with SimulatedTenant(story) as tenant:
        os.environ[SECRET_VARIABLE] = tenant.client_secret
        file = _engagement_file(folder, tenant)
        screen.line(f"a simulated tenant answers at {tenant.address}; the engagement file is {file}\n")
        clock = SystemClock()
        with work.stoppable(clock):
            result = work.engage(load(file, now=clock.now()), clock, new=True, detail=show.Detail(quiet=quiet))
    show.summary(result, as_json=False)
    verified = work.verify_all(result.path, as_json=False)
    screen.line("\nWhat was found, by `collector investigate`: a blind interval, and what the attacker did\n")
    attacker = ["203.0.113.0/24"]
    for name, ip in (("throttling", []), ("contexts", attacker), ("folders", attacker)):
        investigating.show(name, result.path, investigating.read_filters(None, None, ip), quiet=quiet)
    return min((result.exit_code, ExitCode(verified)), key=PRECEDENCE.index)


def _engagement_file(folder: Path, tenant: SimulatedTenant) -> Path:
    file = folder / "engagement.yaml"
    engagement = tenant.engagement(evidence={"folder": "./evidence"})
    try:
        folder.mkdir(parents=True, exist_ok=True)
        file.write_text(yaml.safe_dump(engagement, sort_keys=False), encoding="utf-8")
    except OSError as error:
        raise DiskError(f"{file} cannot be written: {error.strerror}", remedy="name another --folder") from None
    return file
