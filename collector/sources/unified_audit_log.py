"""`unified-audit-log`: Search-UnifiedAuditLog, one session for each asking. Source: protocol.md C1.

Invariants: each asking has a SessionId of its own and repeats the same command with ReturnLargeSet until an answer
is empty; a row that the service made up to say that it failed is no record; what the session proves is judged in
collector.sources.session.
"""

import json
import uuid
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import msgspec

from collector.config import UnifiedAuditLog as Asked
from collector.errors import QuestionError
from collector.http.client import Effort
from collector.model import Axis, Row, Slice, Window, iso, utc
from collector.sources.base import MARGIN, Finding, Page, Question, digest, failed, loose
from collector.sources.exchange import Answered, Bridge
from collector.sources.session import Seen, Session

CMDLET = "Search-UnifiedAuditLog"


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
        session = Session(question.page_size)
        parameters = self._parameters(question)
        try:
            while not session.over:
                seen: list[Seen] = []
                warnings: list[str] = []
                for answer in self._call(question, parameters):
                    rows, facts = read_rows(answer.rows)
                    seen += facts
                    warnings += answer.warnings
                    yield Page(rows, answer.request)
                session.add(seen, warnings)
        except QuestionError as error:
            yield failed(error, session.finding())
        else:
            yield session.finding()

    def probe(self, window: Window) -> Question:
        """Return a question for the window's last second and one row."""
        end = window.end
        last = Slice(self.name, None, Axis.EVENT, Window(end - timedelta(seconds=1), end))
        return Question(last, 1, Effort(1))

    def _call(self, question: Question, parameters: dict[str, Any]) -> Iterator[Answered]:
        return self._bridge.invoke(
            CMDLET, parameters, slice_=question.slice, page_size=question.page_size, effort=question.effort
        )

    def _parameters(self, question: Question) -> dict[str, Any]:
        window = question.slice.window
        assert window is not None  # noqa: S101 - this source is planned with a window
        asked = window.widened(MARGIN)
        part = {"RecordType": question.slice.part} if question.slice.part else {}
        return {
            "StartDate": iso(asked.start),
            "EndDate": iso(asked.end),
            **self._fixed,
            **part,
            "SessionId": str(uuid.uuid4()),
            "SessionCommand": "ReturnLargeSet",
            "ResultSize": question.page_size,
        }


def key(line: bytes) -> tuple[bytes, bytes]:
    """Return what tells a record from others: its Identity, and its AuditData."""
    row, _ = _read(line)
    return row.identity, row.content


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


class _Fields(msgspec.Struct):
    """The members of a row that are read; sidecars and all others are passed over."""

    Identity: str | None = None
    AuditData: Any = None
    CreationDate: str | None = None
    ResultIndex: int | None = None
    ResultCount: int | None = None
    more: Any = msgspec.field(name="moreRecordsAvailable", default=None)
    AuditSearchRequestMetadata: Any = None


_decoder = msgspec.json.Decoder(_Fields, strict=False)


def read_rows(raws: tuple[bytes, ...]) -> tuple[tuple[Row, ...], list[Seen]]:
    """Return the records among the rows of an answer, and what every row says of its session."""
    read = [_read(raw) for raw in raws]
    return tuple(row for row, seen in read if row.content != _NOTHING or seen.result_index != -1), [
        seen for _, seen in read
    ]


_NOTHING = digest("")


def _read(raw: bytes) -> tuple[Row, Seen]:
    fields = _fields(raw)
    data = fields.AuditData
    content = data if isinstance(data, str) else "" if data is None else json.dumps(data, sort_keys=True)
    if not content and not fields.Identity and fields.ResultIndex != -1:
        content = raw.decode("latin-1")  # a row that names nothing is told from others by all that it says
    created = utc(fields.CreationDate) if fields.CreationDate else None
    content_mark = digest(content)
    identity = digest(fields.Identity) if fields.Identity else content_mark
    row = Row(raw, identity, content_mark, created.timestamp() if created else None)
    return row, Seen(identity, fields.ResultIndex, fields.ResultCount, _more(fields))


def _fields(raw: bytes) -> _Fields:
    """Read a row; what msgspec refuses (lone surrogates, NaN, odd types) is read member by member."""
    try:
        return _decoder.decode(raw)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        pass
    row = loose(raw)
    return _Fields(
        Identity=_text(row.get("Identity")),
        AuditData=row.get("AuditData"),
        CreationDate=_text(row.get("CreationDate")),
        ResultIndex=_number(row.get("ResultIndex")),
        ResultCount=_number(row.get("ResultCount")),
        more=row.get("moreRecordsAvailable"),
        AuditSearchRequestMetadata=row.get("AuditSearchRequestMetadata"),
    )


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _number(value: object) -> int | None:
    try:
        return int(float(str(value)))
    except (ValueError, OverflowError):
        return None


def _more(fields: _Fields) -> bool | None:
    """Return moreRecordsAvailable, flattened or inside its object; its place in a row is not known (protocol.md G2)."""
    inner = fields.AuditSearchRequestMetadata
    said = inner.get("moreRecordsAvailable") if isinstance(inner, dict) else fields.more
    if said is None:
        return None
    return str(said).lower() == "true"
