"""`unified-audit-log`: Search-UnifiedAuditLog, one session for each asking. Source: protocol.md C1.

Invariants: each asking has a SessionId of its own and repeats the same command with ReturnLargeSet until an answer
is empty; a row that the service made up to say that it failed is no record; what the session proves is judged in
collector.sources.session.
"""

import json
import re
import uuid
from collections.abc import Iterable, Iterator, Mapping
from datetime import timedelta
from typing import Any

import msgspec

from collector.config import UnifiedAuditLog as Asked
from collector.errors import QuestionError
from collector.http.client import Effort
from collector.model import Axis, Row, Slice, Window, iso, utc
from collector.sources.base import MARGIN, Finding, Page, Question, digest, failed, loose, spanned
from collector.sources.exchange import Answered, Bridge
from collector.sources.session import Seen, Session

CMDLET = "Search-UnifiedAuditLog"
_AT_ONCE = 500
"""Rows that are handed on at once, of which a copy is in memory beside the answer."""


class UnifiedAuditLog:
    """The unified audit log by cmdlet; a part is a record type, where the engagement names some."""

    name = "unified-audit-log"
    retention = timedelta(days=180)
    longest = timedelta(days=7)
    page_sizes: tuple[int, ...] = (5000, 1000, 200)

    def __init__(self, bridge: Bridge, asked: Asked) -> None:
        self._bridge = bridge
        self._fixed = fixed_parameters(asked)

    def ask(self, question: Question) -> Iterator[Page | Finding]:
        """Read one session; rows of a failed one are yielded too, for rows that did arrive are kept."""
        session = Session(question.page_size, divisible=spanned(question.slice.window).divisible)
        parameters = {**parameters_of(question, self._fixed), "SessionId": str(uuid.uuid4())}
        try:
            while not session.over:
                seen: list[Seen] = []
                warnings: list[str] = []
                failures = question.effort.failures
                for answer in self._call(question, parameters):
                    warnings += answer.warnings
                    yield from _pages(answer, seen)
                    del answer  # its rows are done with, before the next ones are waited for
                session.add(seen, warnings, lost=question.effort.failures > failures)
        except QuestionError as error:
            yield failed(error, session.finding())
        else:
            yield session.finding()

    def probe(self, window: Window | None) -> Question:
        """Return a question for the window's last second, with pages that it fits in."""
        end = spanned(window).end
        last = Slice(self.name, None, Axis.EVENT, Window(end - timedelta(seconds=1), end))
        return Question(last, self.page_sizes[0], Effort(1))

    def _call(self, question: Question, parameters: dict[str, Any]) -> Iterator[Answered]:
        return self._bridge.invoke(
            CMDLET, parameters, slice_=question.slice, page_size=question.page_size, effort=question.effort
        )


def key(line: bytes) -> tuple[bytes, bytes]:
    """Return what tells a record from others: its Identity, and its AuditData."""
    row, _ = _read(line)
    return row.identity, row.content


def parameters_of(question: Question, fixed: Mapping[str, Any]) -> dict[str, Any]:
    """Return the cmdlet's parameters but for the session's: the slice a second wider, and those that are `fixed`."""
    asked = spanned(question.slice.window).widened(MARGIN)
    part = {"RecordType": question.slice.part} if question.slice.part else {}
    return {
        "StartDate": iso(asked.start),
        "EndDate": iso(asked.end),
        **fixed,
        **part,
        "SessionCommand": "ReturnLargeSet",
        "ResultSize": question.page_size,
    }


def fixed_parameters(asked: Asked) -> dict[str, Any]:
    """Return the parameters that are the same for each slice; HighCompleteness only where asked for (C1)."""
    lists = {
        "Operations": asked.operations,
        "UserIds": asked.users,
        "ObjectIds": asked.object_ids,
        "IPAddresses": asked.ip_addresses,
    }
    parameters: dict[str, Any] = {name: list(values) for name, values in lists.items() if values}
    if asked.free_text:
        parameters["FreeText"] = asked.free_text
    if asked.high_completeness:
        parameters["HighCompleteness"] = True
    return parameters


class _Fields(msgspec.Struct, gc=False):
    """The members of a row that are read; sidecars and all others are passed over."""

    Identity: str | None = None
    AuditData: Any = None
    CreationDate: str | None = None
    ResultIndex: int | None = None
    ResultCount: int | None = None
    more: Any = msgspec.field(name="moreRecordsAvailable", default=None)
    dotted: Any = msgspec.field(name="AuditSearchRequestMetadata.moreRecordsAvailable", default=None)
    metadata: Any = msgspec.field(name="AuditSearchRequestMetadata", default=None)


_decoder = msgspec.json.Decoder(_Fields, strict=False)


def _pages(answer: Answered, seen: list[Seen]) -> Iterator[Page]:
    """Yield an answer's records, some at a time, and add what every row of it says of its session to `seen`."""
    for first in range(0, len(answer.rows), _AT_ONCE):
        rows, facts = read_rows(answer.rows[first : first + _AT_ONCE])
        seen += facts
        yield Page(rows, answer.request)


def read_rows(raws: Iterable[bytes]) -> tuple[tuple[Row, ...], list[Seen]]:
    """Return the records among the rows of an answer, and what every row says of its session."""
    read = [_read(raw) for raw in raws]
    return tuple(row for row, _ in read if row.identity != _NOTHING), [seen for _, seen in read]


_NOTHING = digest("")


def _read(raw: bytes) -> tuple[Row, Seen]:
    fields = _fields(raw)
    content = _content(fields.AuditData, raw)
    if not content and not fields.Identity and fields.ResultIndex != -1:
        content = raw.decode("latin-1")  # a row that names nothing is told from others by all that it says
    created = utc(fields.CreationDate)
    content_mark = digest(content)
    identity = digest(fields.Identity) if fields.Identity else content_mark
    row = Row(raw, identity, content_mark, created.timestamp() if created else None)
    more = said_more(fields.more, fields.dotted, fields.metadata)
    return row, Seen(identity, fields.ResultIndex, fields.ResultCount, more)


def _content(data: object, raw: bytes) -> str:
    """Return what a record says: its AuditData, whose text is kept as it is; all of the row where it nests too deep."""
    if data is None or isinstance(data, str):
        return data or ""
    try:
        return json.dumps(data, sort_keys=True)
    except RecursionError:
        return raw.decode("latin-1")


def _fields(raw: bytes) -> _Fields:
    """Read a row; what msgspec refuses (lone surrogates, NaN, odd types) is read member by member."""
    try:
        return _decoder.decode(raw)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        pass
    row = loose(raw)
    return _Fields(
        Identity=_text(row.get("Identity")),
        AuditData=row.get("AuditData"),
        CreationDate=_text(row.get("CreationDate")),
        ResultIndex=number(row.get("ResultIndex")),
        ResultCount=number(row.get("ResultCount")),
        more=row.get("moreRecordsAvailable"),
        dotted=row.get("AuditSearchRequestMetadata.moreRecordsAvailable"),
        metadata=row.get("AuditSearchRequestMetadata"),
    )


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


def number(value: object) -> int | None:
    """Return a whole number, also one that is written as a text; None for anything else."""
    return int(str(value)) if re.fullmatch(r"-?[0-9]{1,18}", str(value)) else None


def said_more(alone: object, dotted: object, inner: object) -> bool | None:
    """Return moreRecordsAvailable, wherever it stands: flattened, or inside its object, which may be JSON in a text.

    Its place in a row is not known (protocol.md G2).
    """
    if alone is dotted is inner is None:
        return None
    if isinstance(inner, str):
        inner = loose(inner.encode("utf-8", "surrogatepass"))
    inside = inner.get("moreRecordsAvailable") if isinstance(inner, dict) else None
    said = [str(one).lower() == "true" for one in (alone, dotted, inside) if one is not None]
    return any(said) if said else None
