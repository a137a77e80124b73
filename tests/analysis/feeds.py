"""Made-up runs of both feeds, hour by hour from START: what every test in this room compares."""

import json
from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

from collector.analysis.covers import AUDIT_LOG, FEED
from collector.evidence import Opening, RunFolder, Store, cover, encode
from collector.model import Axis, Outcome, Plan, Row, Slice, SourcePlan, Status, Window
from tests.fakes import TENANT, FakeClock

START = datetime(2026, 11, 10, tzinfo=UTC)
ASKED = START + timedelta(days=10)
EXCHANGE, SHAREPOINT, DLP = "Audit.Exchange", "Audit.SharePoint", "DLP.All"
MAIL_ITEMS = {"cmdlet": "Search-UnifiedAuditLog", "Operations": ["MailItemsAccessed"]}
ADELE, LEE = "adele@contoso.example.org", "lee@contoso.example.org"
Times = tuple[float, float]
HOURLESS: Times = (0, 0)
"""The hours of a piece whose source has no window."""


class Piece(NamedTuple):
    """A slice of a feed, from one hour after START to another, and the lines that came for it."""

    hours: Times
    lines: Sequence[bytes] = ()
    part: str | None = None
    status: Status = Status.COMPLETE
    settled: bool = True


class Collected(NamedTuple):
    """One feed of a run."""

    plan: SourcePlan
    pieces: Sequence[Piece]


def at(hour: float) -> datetime:
    return START + timedelta(hours=hour)


def window(hours: Times) -> Window:
    return Window(at(hours[0]), at(hours[1]))


def record(identity: str, hour: float, **members: object) -> bytes:
    """Write an audit record as the Activity feed does; a member that is None is left out."""
    fields = {
        "CreationTime": at(hour).strftime("%Y-%m-%dT%H:%M:%S"),
        "Id": identity,
        "Operation": "MailItemsAccessed",
        "RecordType": 50,
        "Workload": "Exchange",
        "UserId": ADELE,
        **members,
    }
    return json.dumps({name: value for name, value in fields.items() if value is not None}).encode()


def row(identity: str, hour: float, **members: object) -> bytes:
    """Write the row of Search-UnifiedAuditLog for a record."""
    return row_of(record(identity, hour, **members).decode())


def row_of(data: object) -> bytes:
    return json.dumps({"RecordType": "ExchangeItemAggregated", "AuditData": data, "IsValid": True}).encode()


def audit_log(
    *pieces: Piece, question: Mapping[str, Any] = MAIL_ITEMS, parts: tuple[str | None, ...] = (None,)
) -> Collected:
    return Collected(SourcePlan(AUDIT_LOG, Axis.EVENT, _whole(pieces), parts, dict(question)), pieces)


def feed(*pieces: Piece) -> Collected:
    """Pieces without a part are of Audit.Exchange."""
    named = [piece if piece.part else piece._replace(part=EXCHANGE) for piece in pieces]
    parts = tuple(dict.fromkeys(piece.part for piece in named))
    return Collected(SourcePlan(FEED, Axis.AVAILABLE, _whole(pieces), parts, {}), named)


def _whole(pieces: Iterable[Piece]) -> Window:
    return window((min(piece.hours[0] for piece in pieces), max(piece.hours[1] for piece in pieces)))


def collect(evidence: Path, *feeds: Collected, seal: bool = True, tenant: str = TENANT) -> Path:
    """Make a run of some feeds; returns its folder."""
    plan = Plan("contoso-2026-11", tenant, ASKED, tuple(one.plan for one in feeds))
    opening = Opening(plan=plan, engagement=b"", environment={}, compression="gzip", chunk_bytes=1 << 20)
    with closing(RunFolder.create(evidence / "contoso-2026-11", opening, store=Store(), clock=FakeClock())) as run:
        for one in feeds:
            for piece in one.pieces:
                _commit(run, one.plan, piece)
        if seal:
            run.seal(coverage=encode(cover(plan, run.commits)), bag_info={})
    return run.path


def _commit(run: RunFolder, plan: SourcePlan, piece: Piece) -> None:
    staging = run.stage()
    staging.add([Row(line, b"", b"", None) for line in piece.lines], "request")
    reason = "timeout" if piece.status is Status.GAP else None
    outcome = Outcome(piece.status, ASKED, 1, reason=reason, settled=piece.settled)
    times = window(piece.hours) if plan.window else None
    run.commit(Slice(plan.source, piece.part, plan.axis, times), outcome, staging)
    staging.release()
