"""An audit query of Graph: what it asks, how it stands, what it proves. Pure. Source: protocol.md D1.

Invariant: what a query does not tell of itself is no more than that; nothing is made of an approximate count but doubt.
"""

import re
from collections.abc import Mapping
from typing import Any, NamedTuple
from urllib.parse import quote

from collector.config import UnifiedAuditLog
from collector.model import Slice, iso, utc
from collector.sources.base import Finding, Kind, digest, spanned

PATH = "security/auditLog/queries"

_SUCCEEDED, _FAILED = frozenset({"succeeded"}), frozenset({"failed", "cancelled", "canceled"})

_ABOUT = 0.9
"""The part of an approximate count that must have come, or rows are missing: counting is distributed."""

_CEILING = 1_000_000
"""Records that a query finds at least before it stops; more with some licences, so that it says itself where it did."""

_FILTERS = (
    "operationFilters",
    "userPrincipalNameFilters",
    "recordTypeFilters",
    "objectIdFilters",
    "ipAddressFilters",
    "keywordFilter",
)

_HEAD = re.compile(r"[A-Z]+(?=[A-Z][a-z]|[0-9]|$)|[A-Z]")


def filters_of(asked: UnifiedAuditLog) -> dict[str, Any]:
    """Return what narrows a query. Users are asked for by userPrincipalName, which holds a record's UserId."""
    lists = {
        "operationFilters": asked.operations,
        "userPrincipalNameFilters": asked.users,
        "recordTypeFilters": [_camel(name) for name in asked.record_types],
        "objectIdFilters": asked.object_ids,
        "ipAddressFilters": asked.ip_addresses,
    }
    filters: dict[str, Any] = {name: list(values) for name, values in lists.items() if values}
    return {**filters, "keywordFilter": asked.free_text} if asked.free_text else filters


def _camel(record_type: str) -> str:
    """Return a record type as Graph writes it: ExchangeItem is exchangeItem, DLPEndpoint dlpEndpoint."""
    return _HEAD.sub(lambda head: head[0].lower(), record_type, count=1) if record_type[:1].isupper() else record_type


class Query(NamedTuple):
    """A query as Graph tells of it; `status` is in small letters, `shown` as it came.

    `exceeded` is whether it reached its ceiling, which is at `limit`, `counted` how many records it found, about; None
    where it does not tell.
    """

    version: str
    id: str
    name: str
    status: str
    shown: str
    exceeded: bool | None
    counted: int | None
    limit: int | None = None

    @property
    def path(self) -> str:
        """Where it is."""
        return f"{path_of(self.version)}/{quote(self.id, safe='')}"

    @property
    def failed(self) -> bool:
        """Whether it found nothing because it failed, or somebody cancelled it."""
        return self.status in _FAILED

    @property
    def ended(self) -> bool:
        """Whether it will change no more; a status that is not known may."""
        return self.status in _SUCCEEDED or self.failed

    @property
    def told(self) -> str:
        """What is waited for, in words."""
        return f"the audit search {self.name} is {self.shown}"


def query_of(members: Mapping[str, Any], version: str) -> Query:
    """Read a query leniently; what it does not tell is no more than that."""

    def text(name: str) -> str:
        return value if isinstance(value := members.get(name), str) else ""

    def count(name: str) -> int | None:
        return int(value) if (value := str(members.get(name))).isdecimal() else None

    shown = text("status").strip()
    return Query(
        version=version,
        id=text("id"),
        name=text("displayName"),
        status=shown.lower(),
        shown=shown or "in no state",
        exceeded={"true": True, "false": False}.get(str(members.get("isRecordCountLimitExceeded")).lower()),
        counted=count("approximateReturnedRecordCount"),
        limit=count("recordCountLimit"),
    )


def judged(query: Query, delivered: int, ended: Finding) -> Finding:
    """Return what the records of a query prove, `delivered` in all, whose pages were read to their end.

    `ended` is what the pages prove by themselves: it holds, but for a count that is just what was delivered.
    """
    if query.exceeded or (query.exceeded is None and delivered >= (query.limit or _CEILING)):
        return Finding(Kind.TOO_LARGE, "over-ceiling", query.counted)
    if not query.counted:
        return ended
    if delivered < query.counted * _ABOUT:
        return Finding(Kind.FAILED, "fewer-than-counted", query.counted)
    if delivered < query.counted:
        return Finding(Kind.UNCOUNTED, "count-unusable", query.counted)
    return Finding(Kind.WHOLE, expected=query.counted) if delivered == query.counted else ended


def contradicts(members: Mapping[str, Any], asked: Mapping[str, Any]) -> bool:
    """Whether a query tells that it asks something else: anybody in the tenant can give one a name that is ours."""
    for name in ("filterStartDateTime", "filterEndDateTime"):
        if (told := utc(str(members.get(name)))) and told != utc(asked.get(name)):
            return True
    return any(_told(members.get(name)) not in (None, _told(asked.get(name, []))) for name in _FILTERS)


def _told(value: object) -> list[str] | None:
    """Return what a filter names, in small letters and in order; None where nothing is told."""
    listed = value if isinstance(value, list) else [value]
    return None if value is None else sorted(str(one).lower() for one in listed if one not in (None, ""))


def name_of(run_id: str, slice_: Slice) -> str:
    """Return the name of a slice's queries, which the tenant's auditors can read: it names neither case nor run."""
    window = spanned(slice_.window)
    mark = digest(run_id, slice_.part or "", iso(window.start), iso(window.end)).hex()
    return f"Audit search {mark[:16]}"


def path_of(version: str) -> str:
    """Return where the queries are, in a version of Graph."""
    return f"/{version}/{PATH}"
