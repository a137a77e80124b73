"""`python -m tests.bench.questions`, or part of `make bench`: the eight questions over a large made-up run.

A run of so many records, and of a third as many trace rows, is written as evidence: 200 mailboxes, in each a hundred
sessions, half of them without a SessionId, and 1,500 messages, of which a Bind names one to five. Its tables are made
once; then each question is asked by a process of its own, whose wall time and peak memory the system tells: the table
for people, and all rows as JSON. What a plain reading takes that only unpacks and parses each line once is measured
beside it, so that times can be compared across machines.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import NamedTuple

import msgspec

from collector.analysis.questions import NAMES
from collector.evidence import Opening, RunFolder, Store, cover, encode, lines, read
from collector.model import Axis, Outcome, Plan, Row, Slice, SourcePlan, Status, Window
from tests.bench.collect import _MIB, _RSS_UNIT
from tests.fakes import TENANT, FakeClock

START = datetime(2026, 10, 1, tzinfo=UTC)
SLICE = 50_000
MAILBOXES, SESSIONS, MESSAGES = 200, 20_000, 300_000


class Asked(NamedTuple):
    """A process that asked: wall seconds, peak memory in MiB, bytes that it wrote."""

    seconds: float
    memory: float
    bytes: int


class Report(NamedTuple):
    """What was measured: seconds to make the tables and to read the evidence plainly, and by question and format."""

    records: int
    building: Asked
    reading: float
    asked: dict[tuple[str, str], Asked]


def bench(*, records: int, rounds: int) -> Report:
    """Write a run, make its tables, ask each question so many times; the median counts."""
    with tempfile.TemporaryDirectory() as folder:
        run = write(Path(folder), records)
        building = ask(run, "throttling", "json")
        asked = {
            (name, form): _median([ask(run, name, form) for _ in range(rounds)])
            for name in NAMES
            for form in ("table", "json")
        }
        return Report(records, building, plain_reading(run), asked)


def ask(run: Path, name: str, form: str) -> Asked:
    """Ask a question in a process of its own."""
    command = [sys.executable, "-m", "collector", "investigate", name, str(run), "--format", form]
    with tempfile.TemporaryFile() as output:
        begun = time.perf_counter()
        process = subprocess.Popen(command, stdout=output, stderr=subprocess.DEVNULL)
        _, status, used = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - begun
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            raise RuntimeError(f"{name} ended with {status}")
        return Asked(seconds, used.ru_maxrss * _RSS_UNIT / _MIB, output.seek(0, os.SEEK_END))


def plain_reading(run: Path) -> float:
    """Return the seconds that it takes to unpack and parse each line once, keeping nothing."""
    begun = time.perf_counter()
    for commit in read(run).commits:
        for chunk in commit.chunks:
            for line in lines(run, chunk):
                msgspec.json.decode(line)
    return time.perf_counter() - begun


def write(folder: Path, records: int) -> Path:
    """Write a sealed run of so many records and a third as many trace rows."""
    window = Window(START, START + timedelta(days=30))
    audit = SourcePlan("unified-audit-log", Axis.EVENT, window, (None,), {"Operations": ["MailItemsAccessed"]})
    trace = SourcePlan("message-trace", Axis.EVENT, window, (None,), {})
    plan = Plan("contoso-bench", TENANT, window.end, (audit, trace))
    opening = Opening(plan=plan, engagement=b"", environment={}, compression="gzip", chunk_bytes=64 << 20)
    rng = Random(1)
    with closing(RunFolder.create(folder / "contoso-bench", opening, store=Store(), clock=FakeClock())) as run:
        for planned, rows, number in ((audit, audit_rows(rng, records), records), (trace, traces(rng), records // 3)):
            _commit(run, planned, rows, number)
        run.seal(coverage=encode(cover(plan, run.commits)), bag_info={})
    return run.path


def _commit(run: RunFolder, planned: SourcePlan, rows: Iterator[bytes], number: int) -> None:
    assert planned.window is not None
    slices = -(-number // SLICE)
    length = planned.window.length / slices
    for place in range(slices):
        staging = run.stage()
        staging.add((Row(next(rows), b"", b"", None) for _ in range(min(SLICE, number - place * SLICE))), "request")
        start = planned.window.start + place * length
        end = planned.window.end if place == slices - 1 else start + length
        outcome = Outcome(Status.COMPLETE, planned.window.end, 1, settled=True)
        run.commit(Slice(planned.source, None, Axis.EVENT, Window(start, end)), outcome, staging)
        staging.release()


def audit_rows(rng: Random, records: int) -> Iterator[bytes]:
    """Yield rows of Search-UnifiedAuditLog: nine Binds of one to five messages for each Sync."""
    sessions = [(_guid(rng), f"198.51.100.{rng.randrange(250)}") for _ in range(SESSIONS)]
    for number in range(records):
        used = rng.randrange(SESSIONS)
        mailbox = used % MAILBOXES
        session, ip = sessions[used]
        name = f"user{mailbox:04}@contoso.example.org"
        identity = _guid(rng)
        data = {
            "CreationTime": (START + timedelta(seconds=number * 2_592_000 // records)).isoformat()[:19],
            "Id": identity,
            "Operation": "MailItemsAccessed",
            "OrganizationId": TENANT,
            "RecordType": 50,
            "UserId": name,
            "ClientIPAddress": ip,
            "ClientInfoString": "Client=REST;Client=RESTSystem;;",
            "LogonType": 0,
            "MailboxGuid": f"00000000-0000-4000-8000-{mailbox:012}",
            "MailboxOwnerUPN": name,
            **({"SessionId": session} if used % 2 else {}),
            **(_sync() if number % 10 == 0 else _bind(rng, mailbox)),
        }
        yield json.dumps({"AuditData": json.dumps(data), "Identity": identity, "RecordType": 50}).encode()


def _bind(rng: Random, mailbox: int) -> dict[str, object]:
    own = rng.randrange(MESSAGES // MAILBOXES)
    numbers = [(own + place) * MAILBOXES + mailbox for place in range(rng.randrange(1, 6))]
    items = [{"InternetMessageId": _message(number), "SizeInBytes": 4096} for number in numbers]
    folder = own % 20
    return {
        "OperationProperties": [{"Name": "MailAccessType", "Value": "Bind"}, {"Name": "IsThrottled", "Value": "False"}],
        "Folders": [{"FolderItems": items, "Id": f"LgAAAAD{folder}", "Path": f"\\Folder {folder}"}],
        "OperationCount": len(items),
    }


def _sync() -> dict[str, object]:
    return {
        "OperationProperties": [{"Name": "MailAccessType", "Value": "Sync"}, {"Name": "IsThrottled", "Value": "False"}],
        "Item": {"Id": "LgAAAAD1", "ParentFolder": {"Id": "LgAAAAD1", "Name": "Inbox", "Path": "Not Available"}},
    }


def traces(rng: Random) -> Iterator[bytes]:
    """Yield rows of Get-MessageTraceV2, without end."""
    while True:
        row = {
            "MessageTraceId": _guid(rng),
            "MessageId": _message(rng.randrange(MESSAGES)),
            "Received": "2026-10-05T22:01:22.0480000Z",
            "SenderAddress": "orders@fabrikam.example.org",
            "RecipientAddress": f"user{rng.randrange(MAILBOXES):04}@contoso.example.org",
            "FromIP": "192.0.2.1",
            "Subject": "Invoice",
            "Status": "Delivered",
            "Size": 4096,
        }
        yield json.dumps(row).encode()


def _message(number: int) -> str:
    return f"<{number * 2_654_435_761 % 2**48:012x}{number:08x}@mail.fabrikam.example.org>"


def _guid(rng: Random) -> str:
    digits = f"{rng.getrandbits(128):032x}"
    return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-8{digits[17:20]}-{digits[20:]}"


def _median(asked: list[Asked]) -> Asked:
    return Asked(statistics.median(a.seconds for a in asked), max(a.memory for a in asked), asked[0].bytes)


def main() -> None:
    """Measure and print."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--records", type=int, default=1_000_000)
    options.add_argument("--rounds", type=int, default=3)
    report = bench(**vars(options.parse_args()))
    reading, made = report.reading, report.building
    told = [
        f"{report.records:,} records; a plain reading that parses each line once takes {reading:.1f} s",
        f"making the tables: {made.seconds:.1f} s, {made.seconds / reading:.2f} of that, {made.memory:,.0f} MiB",
        *(
            f"{name:11} {form:6} {asked.seconds:6.2f} s, {asked.seconds / reading:.3f}, {asked.memory:5,.0f} MiB"
            for (name, form), asked in report.asked.items()
        ),
    ]
    sys.stdout.write("\n".join([*told, ""]))


if __name__ == "__main__":
    main()
