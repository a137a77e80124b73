"""Runs as a stranger does them: the tenant serves in this process, `python -m collector` is another process.

Evidence is read here with gzip, json and sha256sum, and with no code of the collector's. Nothing waits by the clock:
a `Tripwire` acts, or holds the tenant, when a given request arrives.
"""

import gzip
import hashlib
import json
import os
import signal
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import yaml

from collector.simulator import SECRET_VARIABLE, Asked, Scenario, SimulatedTenant, takeover
from tests.week import last_wednesday

ROOT = Path(__file__).parents[2]
END = last_wednesday()
START = END - timedelta(days=3)
STORY = takeover(seed=11, start=START, days=3, records=240, traces=120)
QUICK = {"first_wait": "20ms", "longest_wait": "50ms", "patience": "1s", "attempts": 3, "concurrency": 2}
TIMEOUT = 90

Record = tuple[str, ...]


@dataclass(frozen=True)
class Ended:
    """How a process ended, and what it said."""

    code: int
    out: str
    err: str

    @property
    def messages(self) -> list[dict[str, Any]]:
        """The JSON lines of standard output; a line that is none fails the test."""
        messages = [json.loads(line) for line in self.out.splitlines()]
        assert all(isinstance(message, dict) and message["message_type"] for message in messages)
        return messages

    def of_type(self, message_type: str) -> list[dict[str, Any]]:
        return [message for message in self.messages if message["message_type"] == message_type]


@dataclass
class Stage:
    """One tenant, one folder, and the collector run on it as often as a test likes."""

    tenant: SimulatedTenant
    folder: Path
    changes: Mapping[str, Any] = field(default_factory=dict)
    environment: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.file = self.folder / "engagement.yaml"
        self.environment = environment(**{SECRET_VARIABLE: self.tenant.client_secret}) | self.environment
        self.write()

    @property
    def evidence(self) -> Path:
        return self.folder / "evidence"

    @property
    def runs(self) -> list[Path]:
        """The runs that were opened, oldest first."""
        return sorted(journal.parents[1] for journal in self.evidence.glob("*/2*Z*/custody/journal.jsonl"))

    @property
    def run_folder(self) -> Path:
        (only,) = self.runs
        return only

    def beside(self, number: int) -> "Stage":
        """Set up another engagement of the same kind at the same tenant."""
        folder = self.folder.with_name(f"{self.folder.name}-{number}")
        folder.mkdir()
        return Stage(self.tenant, folder, self.changes)

    def write(self, **changes: Any) -> None:
        """Write the engagement file, with what is changed from the usual."""
        usual = {"evidence": {"folder": "./evidence"}, "limits": {"default": QUICK}}
        text = yaml.safe_dump(self.tenant.engagement(**{**usual, **self.changes, **changes}))
        self.file.write_text(text, encoding="utf-8")

    def collector(self, *words: str | Path, **how: Any) -> Ended:
        return collector(*words, cwd=self.folder, env=self.environment, **how)

    def run(self, *words: str, **how: Any) -> Ended:
        return self.collector("run", self.file, *words, **how)

    @contextmanager
    def running(self, *words: str) -> Iterator["subprocess.Popen[str]"]:
        """Start a run, and never leave it behind."""
        with started("run", self.file, *words, cwd=self.folder, env=self.environment) as process:
            yield process


def environment(**more: str) -> dict[str, str]:
    """An environment of its own: no colour or width of the one who runs the tests, plain pytest settings aside."""
    foreign = {"NO_COLOR", "FORCE_COLOR", "COLUMNS", "TTY_COMPATIBLE", "GITHUB_ACTIONS", SECRET_VARIABLE}
    kept = {name: value for name, value in os.environ.items() if name not in foreign}
    return {**kept, "PYTHONPATH": str(ROOT), **more}


def collector(*words: str | Path, cwd: Path, env: dict[str, str] | None = None, **how: Any) -> Ended:
    """Run a command to its end; a surprise on standard output or error is shown by the assertion that fails."""
    command = [sys.executable, "-m", "collector", *map(str, words)]
    done = subprocess.run(
        command, cwd=cwd, env=env or environment(), capture_output=True, timeout=TIMEOUT, check=False, **how
    )
    return Ended(done.returncode, done.stdout.decode("utf-8", "strict"), done.stderr.decode("utf-8", "strict"))


@contextmanager
def started(*words: str | Path, cwd: Path, env: dict[str, str]) -> Iterator["subprocess.Popen[str]"]:
    command = [sys.executable, "-m", "collector", *map(str, words)]
    with subprocess.Popen(
        command, cwd=cwd, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            yield process
        finally:
            if process.poll() is None:
                process.kill()


def ended(process: "subprocess.Popen[str]") -> Ended:
    """Wait for a process that was started."""
    out, err = process.communicate(timeout=TIMEOUT)
    return Ended(process.returncode, out, err)


class Tripwire:
    """A condition of a fault that never fires the fault: on the `at`-th cmdlet it acts, once."""

    def __init__(self) -> None:
        self._seen = 0
        self._at: int | None = None
        self._act: Callable[[], object] = bool

    def set(self, at: int, act: Callable[[], object]) -> None:
        """Act on the `at`-th cmdlet from now."""
        self._seen, self._at, self._act = 0, at, act

    def __call__(self, asked: Asked) -> bool:
        if asked.cmdlet is not None:
            self._seen += 1
            if self._seen == self._at:
                self._act()
        return False


class Switch:
    """A condition that holds while the switch is on."""

    def __init__(self, *, on: bool) -> None:
        self.on = on

    def __call__(self, asked: Asked) -> bool:
        return self.on and asked.cmdlet is not None


class Turnstile:
    """A condition that never fires its fault, but holds the first cmdlet, and so the run, until it is opened."""

    def __init__(self) -> None:
        self._arrived = threading.Event()
        self._opened = threading.Event()

    def __call__(self, asked: Asked) -> bool:
        if asked.cmdlet is not None:
            self._arrived.set()
            self._opened.wait(TIMEOUT)
        return False

    def await_arrival(self) -> None:
        assert self._arrived.wait(TIMEOUT)

    def open(self) -> None:
        self._opened.set()


def lines_of(run: Path, source: str) -> list[dict[str, Any]]:
    """The records of a source, as anyone reads them."""
    paths = sorted((run / "data" / source).rglob("*.jsonl.gz"))
    return [json.loads(line) for path in paths for line in gzip.decompress(path.read_bytes()).splitlines()]


def audit_of(run: Path) -> Counter[Record]:
    return Counter((row["Identity"], row["AuditData"]) for row in lines_of(run, "unified-audit-log"))


def traces_of(run: Path) -> Counter[Record]:
    names = ("MessageTraceId", "RecipientAddress", "Received", "Status")
    return Counter(tuple(row[name] for name in names) for row in lines_of(run, "message-trace"))


def audit_in(story: Scenario, operation: str = "MailItemsAccessed") -> Counter[Record]:
    """What the tenant holds of an operation."""
    return Counter((row.identity, row.raw_auditdata) for row in story.audit_rows if row.operation == operation)


def traces_in(story: Scenario, *mailboxes: str) -> Counter[Record]:
    """What the tenant holds of all message traces, or of those that some mailboxes sent or received."""
    return Counter(
        (row.message_trace_id, row.recipient, row.received, row.status)
        for row in story.traces
        if not mailboxes or {row.sender, row.recipient} & set(mailboxes)
    )


def assert_sealed_and_sound(stage: Stage, run: Path) -> None:
    """What a stranger checks: our verify, sha256sum on both manifests, and the Library of Congress's bagit."""
    verified = stage.collector("verify", run)
    assert verified.code == 0, verified
    assert not (run / "staging").exists()
    for manifest in ("manifest-sha256.txt", "tagmanifest-sha256.txt"):
        subprocess.run(["sha256sum", "--strict", "--quiet", "-c", manifest], cwd=run, check=True, timeout=TIMEOUT)
    subprocess.run(
        [sys.executable, "-W", "ignore", "-m", "bagit", "--validate", "--quiet", str(run)], check=True, timeout=TIMEOUT
    )


def assert_collected(run: Path, story: Scenario = STORY) -> None:
    """Every record of the tenant's that was asked for, and none twice."""
    assert audit_of(run) == audit_in(story)
    assert traces_of(run) == traces_in(story)


def coverage_of(run: Path) -> dict[str, Any]:
    coverage: dict[str, Any] = json.loads((run / "custody" / "coverage.json").read_text(encoding="utf-8"))
    return coverage


def kill(process: "subprocess.Popen[str]", number: signal.Signals) -> None:
    """Send a signal to a process of ours that may be gone."""
    if process.poll() is None:
        process.send_signal(number)


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
