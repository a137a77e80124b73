"""Search-UnifiedAuditLog; protocol.md C1.

Invariants: a session keeps the question of its first call; its rows carry ResultIndex 1 to n, each once, and its
cursor only moves forward. Rows are rendered when their page is asked for.
"""

import threading
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from random import Random
from typing import Any

from collector.simulator.behaviour import Behaviour, MoreRecords, Quotas, ResultCount
from collector.simulator.parameters import Reader, bind, count, flag, invalid, moment, one_of, required, text, texts
from collector.simulator.rows import MORE_RESULTS
from collector.simulator.scenario import RECORD_TYPES, AuditRow, Scenario, read_auditdata, ticks
from collector.simulator.wire import Answer

LARGE_SET = "ReturnLargeSet"
PREVIEW = "ReturnNextPreviewPage"
LIMIT_REACHED = "The maximum results limitation reached. Narrow the search to see the other records."

PARAMETERS: dict[str, Reader] = {
    "StartDate": moment,
    "EndDate": moment,
    "Operations": texts,
    "RecordType": one_of(*RECORD_TYPES.values()),
    "UserIds": texts,
    "IPAddresses": texts,
    "ObjectIds": texts,
    "SiteIds": texts,
    "FreeText": text,
    "ResultSize": count(1, 5000),
    "SessionId": text,
    "SessionCommand": one_of(LARGE_SET, PREVIEW),
    "HighCompleteness": flag,
    "Formatted": flag,
    "LegacyFlow": flag,
    "LongerRetentionEnabled": text,
}

_FIELDS = {
    "IPAddresses": ("ClientIP", "ClientIPAddress", "ActorIpAddress"),
    "ObjectIds": ("ObjectId",),
    "SiteIds": ("Site",),
}
"""The fields of AuditData that a filter looks at."""


@dataclass
class _Session:
    hits: Sequence[AuditRow]
    total: int
    ordinal: int
    command: str
    position: int = 0
    pages: int = 0


class AuditLog:
    """The unified audit log of a scenario, with the sessions that are open on it."""

    def __init__(self, scenario: Scenario, behaviour: Behaviour, quotas: Quotas, now: Callable[[], datetime]) -> None:
        self._rows = scenario.audit_rows
        self._behaviour = behaviour
        self._quotas = quotas
        self._now = now
        self._sessions: dict[str, _Session] = {}
        self._lock = threading.Lock()

    def page(self, session_id: str | None) -> int:
        """Return which page, from 1, the next call with this SessionId gives; 1 without one."""
        session = self._sessions.get(session_id) if session_id else None
        return session.pages + 1 if session else 1

    def start_over(self, session_id: str) -> None:
        """Let a session that is at its end begin again, as one whose paging loops."""
        with self._lock:
            session = self._sessions.get(session_id)
            if session and session.position == len(session.hits):
                session.position = 0

    def search(self, given: Mapping[str, Any]) -> Answer:
        """Answer one call; raises CmdletError for parameters that do not bind."""
        asked = bind(given, PARAMETERS)
        required(asked, "StartDate", "EndDate")
        if asked["StartDate"] >= asked["EndDate"]:
            raise invalid("The StartDate must be earlier than the EndDate.")
        if not asked.get("SessionId") or not asked.get("SessionCommand"):
            return self._without_session(asked)
        return self._next_page(asked)

    def _without_session(self, asked: Mapping[str, Any]) -> Answer:
        """Give about a hundred rows, whatever ResultSize says, and a ResultCount that mirrors it; C1."""
        size = asked.get("ResultSize", 100)
        hits = list(self._hits(asked))
        shown = hits[: min(size, 100 + len(hits) % 20)]
        rows = [_render(row, index, size) for index, row in enumerate(shown, 1)]
        return Answer(rows, (MORE_RESULTS,) if len(shown) < len(hits) else ())

    def _next_page(self, asked: Mapping[str, Any]) -> Answer:
        size = asked.get("ResultSize", 100)
        most = min(size, self._quotas.page_rows)
        with self._lock:
            session = self._sessions.get(asked["SessionId"]) or self._open(asked)
            if session.command != asked["SessionCommand"]:
                session.hits = session.hits[: self._quotas.mixed_rows]
            first, session.position = session.position, min(session.position + most, len(session.hits))
            session.pages += 1
        return self._render_page(session, range(first, session.position), size)

    def _open(self, asked: Mapping[str, Any]) -> _Session:
        hits = list(self._hits(asked))
        total, ordinal, command = len(hits), len(self._sessions), asked["SessionCommand"]
        if command == LARGE_SET:
            hits = _random(ordinal).sample(hits, min(total, self._quotas.session_rows))
        else:
            hits = hits[::-1][: self._quotas.preview_rows]
        session = self._sessions[asked["SessionId"]] = _Session(hits, total, ordinal, command)
        return session

    def _render_page(self, session: _Session, place: range, size: int) -> Answer:
        first, last = place.start, place.stop
        counts = {
            ResultCount.TOTAL: session.total,
            ResultCount.CAPPED: min(session.total, self._quotas.session_rows),
            ResultCount.MIRRORED: size,
        }
        result_count = counts[self._behaviour.result_count]
        extra = self._metadata(last < len(session.hits))
        rows = [
            {**_render(row, index, result_count), **extra}
            for index, row in enumerate(session.hits[first:last], first + 1)
        ]
        if session.command == LARGE_SET:
            _random(session.ordinal, first).shuffle(rows)
        full = bool(rows) and last == len(session.hits) < session.total
        return Answer(rows, (LIMIT_REACHED,) if full else ())

    def _metadata(self, more: bool) -> dict[str, Any]:
        outer, inner = "AuditSearchRequestMetadata", "moreRecordsAvailable"
        shapes: dict[MoreRecords, dict[str, Any]] = {
            MoreRecords.ABSENT: {},
            MoreRecords.FLAT: {inner: more},
            MoreRecords.DOTTED: {f"{outer}.{inner}": more},
            MoreRecords.OBJECT: {outer: {inner: more}},
        }
        return shapes[self._behaviour.more_records_available]

    def _hits(self, asked: Mapping[str, Any]) -> Iterator[AuditRow]:
        now = self._now()
        window = max(asked["StartDate"], now - self._quotas.audit_retention), asked["EndDate"]
        return found(self._rows, window, asked, now, end_inclusive=self._behaviour.end_inclusive)


def found(
    rows: Sequence[AuditRow],
    window: tuple[datetime, datetime],
    asked: Mapping[str, Any],
    now: datetime,
    *,
    end_inclusive: bool,
) -> Iterator[AuditRow]:
    """Yield the rows of a window that are known at a moment and pass the filters of a search, oldest first."""
    start, end = window
    low = bisect_left(rows, start, key=_created)
    high = (bisect_right if end_inclusive else bisect_left)(rows, end, key=_created)
    tests = [_known(now), *_tests(asked)]
    return (row for row in rows[low:high] if all(test(row) for test in tests))


def _created(row: AuditRow) -> datetime:
    return row.created


def _known(now: datetime) -> Callable[[AuditRow], bool]:
    return lambda row: (row.known_from or row.created) <= now


def _random(*seed: int) -> Random:
    return Random(repr(seed))  # noqa: S311 - an order that looks like none, the same each time


def _tests(asked: Mapping[str, Any]) -> Iterator[Callable[[AuditRow], bool]]:
    """Yield a test for each filter; UserIds is the actor, never the mailbox owner."""
    operations, users = asked.get("Operations"), asked.get("UserIds")
    if operations:
        yield lambda row: row.operation.casefold() in operations
    if users:
        yield lambda row: row.user.casefold() in users
    if kind := asked.get("RecordType"):
        yield lambda row: RECORD_TYPES.get(row.record_type) == kind
    if words := asked.get("FreeText"):
        yield lambda row: words.casefold() in row.raw_auditdata.casefold()
    yield from _field_tests(asked)


def _field_tests(asked: Mapping[str, Any]) -> Iterator[Callable[[AuditRow], bool]]:
    for parameter, keys in _FIELDS.items():
        if wanted := asked.get(parameter):
            yield _field_in(keys, wanted)


def _field_in(keys: tuple[str, ...], wanted: frozenset[str]) -> Callable[[AuditRow], bool]:
    def test(row: AuditRow) -> bool:
        fields = read_auditdata(row.raw_auditdata)
        return any(str(fields.get(key, "")).casefold() in wanted for key in keys)

    return test


def _render(row: AuditRow, index: int, result_count: int) -> dict[str, Any]:
    """Write a row as REST does; one in three carries the sidecars of B3."""
    kind = RECORD_TYPES.get(row.record_type, str(row.record_type))
    created = ticks(row.created)
    ending = {
        "ResultIndex": index,
        "ResultCount": result_count,
        "Identity": row.identity,
        "IsValid": True,
        "ObjectState": "Unchanged",
    }
    middle = {"UserIds": row.user, "Operations": row.operation, "AuditData": row.raw_auditdata}
    if index % 3:
        return {"RecordType": kind, "CreationDate": created, **middle, **ending}
    return {
        "RecordType@data.type": "Microsoft.Office.Compliance.Audit.AuditRecordType",
        "RecordType": kind,
        "CreationDate@data.type": "System.DateTime",
        "CreationDate": created,
        **middle,
        "ResultIndex@data.type": "System.Int32",
        **ending,
    }
