"""Random records: crowded seconds, quiet weeks, edges, variants, hostile texts."""

import json
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from random import Random

from collector.model import Window, utc
from collector.simulator import DOMAIN, AuditRow, Scenario, TraceRow, ticks

SECOND = timedelta(seconds=1)
OPERATIONS = ("MailItemsAccessed", "Send", "New-InboxRule")
PEOPLE = tuple(f"{name}@{DOMAIN}" for name in ("megan", "adele", "lee", "lidia"))
COUNTS = (0, 3, 40, 120, 400)

HOSTILE: tuple[Callable[[str], str], ...] = (
    lambda name: f'{{"Id":"{name}","Subject":"\ud83d lone"}}',
    lambda name: f'{{"Id":"{name}","Subject":"a\\u0000b \\ud800"}}',
    lambda name: f'{{"Id":"{name}","Subject":"\0\u2028\u2029\x85\ufeff"}}',
    lambda name: f'{{"Id":"{name}","Size":{"9" * 5000}}}',
    lambda name: f'{{"Id":"{name}","Size":NaN,"Id":"{name}","Size":-Infinity}}',
    lambda name: f'{{\r\n  "Id": "{name}",\n  "Folders": []\r\n}}\n',
    lambda name: f'{{"Id":"{name}","Folders":{"[" * 900}{"]" * 900}}}',
    lambda name: f'{{"Id":"{name}","Subject":"{"x" * 20_000}"}}',
    lambda name: f"{name}: no JSON at all, \\ \" ' \\u12 </script>",
)
"""AuditData that readers stumble over."""

ODD_SUBJECTS = ("\ud83d lone", "\0", "\u2028\u2029", "Re: \r\n\t", '"value":[{}]', "\\ud800")
ODD_SIZES = (10**30, float("nan"), -1)


def draw_records(rng: Random, window: Window) -> Scenario:
    """Draw what a tenant holds, inside the window and just outside."""
    return Scenario.of(audit=_audit(rng, window), traces=_traces(rng, window), window=window)


def moments(scenario: Scenario) -> tuple[list[datetime], list[datetime]]:
    """Return the times of the audit records and of the traces, each in order."""
    received = (utc(row.received) for row in scenario.traces)
    return [row.created for row in scenario.audit_rows], [moment for moment in received if moment]


def _times(rng: Random, window: Window) -> list[datetime]:
    """Draw when things happened: spread out or in one busy part, in bursts, at the edges of halves and eighths."""
    seconds = int(window.length.total_seconds())
    low, high = sorted(rng.sample(range(seconds), 2)) if rng.random() < 0.5 else (0, seconds - 1)
    times = [window.start + SECOND * rng.randint(low, high) for _ in range(rng.choice(COUNTS))]
    for _ in range(rng.choice((0, 0, 1, 2))):
        at = window.start + SECOND * rng.randrange(seconds)
        times += [at + SECOND * rng.randrange(rng.choice((1, 3))) for _ in range(rng.choice((10, 60, 250)))]
    if times:
        edges = [window.start + SECOND * (seconds * n // 8) for n in range(9)]
        times += [edge + SECOND * step for edge in edges for step in (-1, 0) if rng.random() < 0.7]
    return times


def _audit(rng: Random, window: Window) -> Iterator[AuditRow]:
    hostile = rng.random() < 0.4
    for number, time in enumerate(_times(rng, window)):
        created = time + timedelta(microseconds=rng.choice((0, 0, 0, 1, 999_999)))
        row = _record(rng, f"{rng.getrandbits(64):016x}-{number}", created)
        if hostile and rng.random() < 0.1:
            row = row._replace(body=rng.choice(HOSTILE)(row.identity))
        yield row
        if rng.random() < 0.02:
            yield rng.choice((row, row._replace(body=f"{row.body} ")))  # the same again, or a variant


def _record(rng: Random, name: str, created: datetime) -> AuditRow:
    operation, user, kind = rng.choice(OPERATIONS[:1] * 3 + OPERATIONS), rng.choice(PEOPLE), rng.choice((50, 50, 2))
    fields = {
        "CreationTime": f"{created:%Y-%m-%dT%H:%M:%S}",
        "Id": name,
        "Operation": operation,
        "RecordType": kind,
        "UserId": user,
        "Folders": [{"Path": "\\Boîte de réception", "FolderItems": [{"InternetMessageId": f"<{name}@{DOMAIN}>"}]}],
    }
    return AuditRow(created, name, kind, user, operation, json.dumps(fields, ensure_ascii=False))


def _traces(rng: Random, window: Window) -> Iterator[TraceRow]:
    odd = rng.random() < 0.3
    tenths_of_a_microsecond = rng.choice((1, 10_000_000))
    taken: set[tuple[str, str]] = set()
    for number, time in enumerate(_times(rng, window)):
        received = f"{ticks(time)[:20]}{rng.randrange(tenths_of_a_microsecond):07d}Z"
        recipient = rng.choice(PEOPLE) if rng.random() < 0.3 else f"guest{number:04d}@fabrikam.example.org"
        if (received, recipient) not in taken:  # or a crowd of them could not be paged through
            taken.add((received, recipient))
            yield TraceRow(
                received=received,
                message_trace_id=f"{rng.getrandbits(64):016x}",
                message_id=f"<{number}@{DOMAIN}>",
                sender=rng.choice(PEOPLE),
                recipient=recipient,
                subject=rng.choice(ODD_SUBJECTS) if odd else f"Invoice {number}",
                size=rng.choice(ODD_SIZES) if odd and rng.random() < 0.1 else rng.randrange(10**6),
                status=rng.choice(("Delivered", "Failed", "Quarantined")),
            )
