"""What searches of the audit log and the Activity feed cover, by their runs' accounts: what each should hold.

Invariants: only slices that are complete or empty count; runs count together; a question that was narrowed by what
cannot be told from a record covers nothing, and is named.
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from collector.analysis.audit_record import AuditRecord
from collector.analysis.compare import Expected
from collector.analysis.stretches import Stretches
from collector.evidence import Account, SliceCoverage
from collector.model import SourcePlan, Status, Window

AUDIT_LOG, FEED, MAILBOX_LOG = "unified-audit-log", "management-activity", "mailbox-audit-log"
AUDIT_QUERY = "purview-audit-query"

SEARCHES = (AUDIT_LOG, AUDIT_QUERY)
"""The sources that search the audit log, by cmdlet and by Graph."""

DELAY = timedelta(hours=24)
"""How long after its event a record of the feed may become available: 60 to 90 minutes as a rule, without guarantee;
after a day it is called missing. Sources: protocol.md A4, C1; design 1.3 on what is settled."""

RECORD_TYPES = {
    "ExchangeAdmin": 1,
    "ExchangeItem": 2,
    "ExchangeItemGroup": 3,
    "SharePoint": 4,
    "SharePointFileOperation": 6,
    "AzureActiveDirectory": 8,
    "AzureActiveDirectoryStsLogon": 15,
    "ExchangeAggregatedOperation": 19,
    "ExchangeItemAggregated": 50,
}
"""The numbers in records of the record types that a question names; protocol.md F1 and the schema's table."""

RECORD_TYPE = "RecordType"
_IN_GRAPH = {
    "operationFilters": "Operations",
    "userPrincipalNameFilters": "UserIds",
    "recordTypeFilters": RECORD_TYPE,
    "objectIdFilters": "ObjectIds",
    "ipAddressFilters": "IPAddresses",
    "keywordFilter": "FreeText",
}
"""What narrows a query of Graph, by the cmdlet's word for it; protocol.md C1, D1."""

_TOLD_BY_A_RECORD = {"Operations", "UserIds", RECORD_TYPE}
_NOT_NARROWING = {"cmdlet", "api", "HighCompleteness"}
_NUMBERS = {name.lower(): number for name, number in RECORD_TYPES.items()}


class Scope(NamedTuple):
    """What the audit log was searched for (protocol.md C1, D1); None is all."""

    operations: tuple[str, ...] | None = None
    users: tuple[str, ...] | None = None
    record_type: str | None = None

    def holds(self, record: AuditRecord) -> bool:
        """Whether an answer would hold a record; names are compared without case."""
        return (
            (self.record_type is None or record.record_type == _NUMBERS[self.record_type.lower()])
            and _among(record.operation, self.operations)
            and _among(record.user, self.users)
        )


def _among(name: str, names: tuple[str, ...] | None) -> bool:
    return names is None or name.casefold() in {one.casefold() for one in names}


class Cover(Protocol):
    """What a side covers: `times`, by the `scopes` of its questions and by `content_types`, where it has such.

    `obstacles` are the questions that nothing can be compared with.
    """

    times: Stretches
    scopes: tuple[Scope, ...]
    content_types: tuple[str, ...]
    obstacles: tuple[str, ...]

    def expects(self, record: AuditRecord) -> Expected:
        """Return what the side should hold of a record."""


class AuditLogCover:
    """What one of the SEARCHES covers: time along which things happened, by what was asked for."""

    content_types: tuple[str, ...] = ()

    def __init__(self, accounts: Iterable[Account], source: str = AUDIT_LOG) -> None:
        found: dict[Scope, list[SliceCoverage]] = {}
        obstacles: dict[str, None] = {}
        for account in accounts:
            question = _question(account, source)
            for slice_ in _slices(account, source):
                types = [slice_.part] if slice_.part else _names(question, RECORD_TYPE)
                unusable = _unusable(question, types or ())
                if unusable:
                    obstacles[_obstacle(account.path, source, unusable)] = None
                    continue
                for record_type in types or (None,):
                    found.setdefault(_scope(question, record_type), []).append(slice_)
        self._asked = [
            (scope, _stretches(slices), _stretches(one for one in slices if one.settled), _telling(slices))
            for scope, slices in found.items()
        ]
        self.obstacles = tuple(obstacles)
        self.scopes = tuple(scope for scope, whole, *_ in self._asked if whole.windows)
        self.times = Stretches(window for _, whole, *_ in self._asked for window in whole.windows)

    @property
    def of_everybody(self) -> Iterator[tuple[tuple[str, ...] | None, Stretches]]:
        """The times told of to the end, whoever acted and in whichever form of record; by operations, None for all.

        What was asked too soon may lack records, and what is empty tells of nothing.
        """
        for scope, _, _, telling in self._asked:
            if scope.users is None and scope.record_type is None:
                yield scope.operations, telling

    def expects(self, record: AuditRecord) -> Expected:
        """Return what it should hold of a record; CERTAIN only where it was settled when it was asked."""
        said = [_expected(record.at, whole, settled) for scope, whole, settled, _ in self._asked if scope.holds(record)]
        return max(said, default=Expected.NOT_ASKED)


def _expected(at: float | None, whole: Stretches, settled: Stretches) -> Expected:
    if at is None or not whole.hold(at):
        return Expected.OUTSIDE_TIME
    return Expected.CERTAIN if settled.hold(at) else Expected.LATE


class FeedCover:
    """What management-activity covers: time along which records became available, by content type."""

    scopes: tuple[Scope, ...] = ()
    obstacles: tuple[str, ...] = ()

    def __init__(self, accounts: Iterable[Account]) -> None:
        found: dict[str | None, list[SliceCoverage]] = {}
        for account in accounts:
            for slice_ in _slices(account, FEED):
                found.setdefault(slice_.part, []).append(slice_)
        self._whole = {part: _stretches(slices) for part, slices in found.items() if part is not None}
        self.content_types = tuple(sorted(part for part, whole in self._whole.items() if whole.windows))
        self.times = Stretches(window for whole in self._whole.values() for window in whole.windows)

    def certain(self, content_type: str) -> Stretches:
        """Return the time of events whose records of a content type are all there: the DELAY after it is covered."""
        listed = self._whole.get(content_type, Stretches()).windows
        return Stretches(Window(one.start, one.end - DELAY) for one in listed if one.length > DELAY)

    def expects(self, record: AuditRecord) -> Expected:
        """Return what it should hold of a record; CERTAIN only where all of the DELAY after it is covered."""
        whole = self._whole.get(record.content_type or "")
        if whole is None:
            return Expected.NOT_CARRIED
        if record.at is None or not whole.hold(record.at):
            return Expected.OUTSIDE_TIME
        return Expected.CERTAIN if whole.hold(record.at, DELAY.total_seconds()) else Expected.LATE


def _obstacle(run: Path, source: str, unusable: Sequence[str]) -> str:
    return f"{run}: {source} was narrowed by {', '.join(unusable)}, which no record tells; that is not compared"


def _question(account: Account, source: str) -> dict[str, Any]:
    """Return what a source was asked; a plan in which it stands more than once asks the same each time."""
    return next((asked_of(planned) for planned in account.plan.sources if planned.source == source), {})


def asked_of(planned: SourcePlan) -> dict[str, Any]:
    """Return what one of the SEARCHES was asked, in the words of Search-UnifiedAuditLog."""
    return {_IN_GRAPH.get(name, name): held for name, held in planned.question.items()}


def _slices(account: Account, source: str) -> Iterator[SliceCoverage]:
    return (one for one in account.coverage.slices if one.source == source)


def _stretches(slices: Iterable[SliceCoverage]) -> Stretches:
    """Return the time of the slices that are no gap."""
    return Stretches(
        Window(one.start, one.end) for one in slices if one.start and one.end and one.status is not Status.GAP
    )


def _telling(slices: Iterable[SliceCoverage]) -> Stretches:
    return _stretches(one for one in slices if one.settled and one.status is Status.COMPLETE)


def _scope(question: dict[str, Any], record_type: str | None) -> Scope:
    return Scope(_names(question, "Operations"), _names(question, "UserIds"), record_type)


def _names(question: dict[str, Any], parameter: str) -> tuple[str, ...] | None:
    return tuple(str(one) for one in question[parameter]) if question.get(parameter) else None


def _unusable(question: dict[str, Any], record_types: Iterable[str]) -> list[str]:
    """Return what narrows a question and cannot be told from a record."""
    unknown = [name for name in question if name not in _TOLD_BY_A_RECORD | _NOT_NARROWING]
    return unknown + [f"{RECORD_TYPE} {one}" for one in record_types if one.lower() not in _NUMBERS]
