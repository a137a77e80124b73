"""Sources without a window: cmdlets that tell how things stand now, each call a part of its own.

Invariants: what is sent is the call that the plan names, to the letter; a call is whole only where the service led to
the end of its answers and no warning says that there is more (protocol.md B3: truncation is told there alone).
"""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import msgspec

from collector.errors import QuestionError, Refused, Unanswered, UsageError
from collector.http.client import Effort
from collector.model import Axis, Row, Slice, SourcePlan, Window
from collector.sources.base import NO_TIME, Finding, Kind, Page, Question, digest, failed, loose, told_by
from collector.sources.exchange import Answered, Bridge, must_read
from collector.sources.unified_audit_log import number, said_more

CMDLET = "cmdlet"
"""The source of a run that is one cmdlet, named on the command line."""

CALLS = "calls"
"""The member of a plan's question that holds its calls by part."""


class Call(NamedTuple):
    """One cmdlet with its parameters, as JSON has them (protocol.md B1)."""

    cmdlet: str
    parameters: Mapping[str, Any]


def part_of(call: Call) -> str:
    """Return the name of a part that is one call: the cmdlet, and the mailbox that it is asked of, if any.

    Raises UsageError for Start-HistoricalSearch: each time it is sent it starts a job, and a call is sent again where
    its answer is lost.
    """
    if call.cmdlet.lower() == "start-historicalsearch":
        raise UsageError(
            "Start-HistoricalSearch starts a job each time that it is sent",
            remedy="name the source historical-search in the engagement file; it never starts a job twice",
        )
    given = {name.lower(): value for name, value in call.parameters.items()}
    asked = (given.get(name) for name in ("mailbox", "identity"))
    mailbox = next((value for value in asked if isinstance(value, str) and "@" in value), None)
    return f"{call.cmdlet} {mailbox}" if mailbox else call.cmdlet


def planned(name: str, calls: Mapping[str, Call]) -> SourcePlan:
    """Return the plan of a source that makes these calls, in their order. Raises UsageError as `must_read` does."""
    told = {part: {"cmdlet": must_read(call.cmdlet), "parameters": call.parameters} for part, call in calls.items()}
    return SourcePlan(name, Axis.EVENT, None, tuple(calls), {CALLS: told})


def calls_of(plan: SourcePlan) -> Iterator[tuple[str, Call]]:
    """Yield the parts of a plan that `planned` made, and their calls."""
    for part, call in plan.question[CALLS].items():
        yield part, Call(call["cmdlet"], call["parameters"])


class Cmdlets:
    """Makes the calls of a plan."""

    retention = longest = NO_TIME
    page_sizes: tuple[int, ...] = (1000, 200)

    def __init__(self, name: str, bridge: Bridge, calls: Mapping[str, Call]) -> None:
        self.name = name
        self._bridge = bridge
        self._calls = calls

    def ask(self, question: Question) -> Iterator[Page | Finding]:
        """Make the call of a part, and those it leads to, and follow their answers to their end.

        A call that is refused, or not whole, does not keep the others from being made.
        """
        part = question.slice.part or ""
        rows, trouble = 0, None
        try:
            for call in self._led_to(self._calls[part], question):
                heard = _Heard(call)
                try:
                    yield from self._pages(call, question, heard)
                except Refused as error:
                    trouble = trouble or failed(error, Finding(Kind.FAILED))
                    continue
                trouble = trouble or heard.trouble
                rows += heard.rows
        except QuestionError as error:
            trouble = trouble or failed(error, Finding(Kind.FAILED))
        if trouble and trouble.kind is Kind.EMPTY and rows:
            trouble = trouble._replace(kind=Kind.FAILED)
        yield trouble or Finding(Kind.WHOLE if rows else Kind.EMPTY)

    def probe(self, window: Window | None) -> Question:  # noqa: ARG002 - other sources need it
        """Return the first call, in one attempt."""
        part = next(iter(self._calls))
        return Question(Slice(self.name, part, Axis.EVENT, None), self.page_sizes[0], Effort(1))

    def _led_to(self, call: Call, question: Question) -> Iterator[Call]:  # noqa: ARG002 - other sources ask
        """Yield the calls that a part is made of."""
        yield call

    def _pages(self, call: Call, question: Question, heard: "_Heard") -> Iterator[Page]:
        about = f"{question.slice.part}\n{sorted(call.parameters.items())}"
        for answer in self._call(call, question):
            read = zip(answer.rows, heard.take(answer), strict=True)
            yield Page(tuple(_row(about, *one) for one in read), answer.request)

    def _whole(self, call: Call, question: Question) -> list[bytes]:
        """Return the rows of a call that only leads on to others. Raises Unanswered where they are not whole."""
        heard, rows = _Heard(call), list[bytes]()
        for answer in self._call(call, question):
            heard.take(answer)
            rows += answer.rows
        if heard.trouble:
            raise Unanswered(f"{call.cmdlet} is not whole", reason=heard.trouble.reason or "failed")
        return rows

    def _call(self, call: Call, question: Question) -> Iterator[Answered]:
        return self._bridge.invoke(
            call.cmdlet,
            call.parameters,
            slice_=question.slice,
            page_size=question.page_size,
            effort=question.effort,
        )


def key(line: bytes) -> tuple[bytes, bytes]:
    """Return no identity: what one call gave has no twin in another, and no call is made again once it is committed."""
    return b"", digest(line.decode("latin-1"))


class _Fields(msgspec.Struct):
    """The members of a row that are read: what names an object for good, and what a search tells of its rows."""

    Guid: Any = None
    ResultIndex: Any = None
    ResultCount: Any = None
    more: Any = msgspec.field(name="moreRecordsAvailable", default=None)
    dotted: Any = msgspec.field(name="AuditSearchRequestMetadata.moreRecordsAvailable", default=None)
    metadata: Any = msgspec.field(name="AuditSearchRequestMetadata", default=None)


_decoder = msgspec.json.Decoder(_Fields)

_DEFAULT_SIZES = {"search-unifiedauditlog": 100, "search-mailboxauditlog": 1000, "get-messagetracev2": 1000}
"""Rows that a cmdlet gives at most without a ResultSize and may say nothing of; protocol.md C1, C2, C4."""

NEVER_EMPTY: Mapping[str, str | None] = {
    "get-adminauditlogconfig": None,
    "get-organizationconfig": None,
    "get-messagetracedetailv2": "messagetraceid",
    **dict.fromkeys(
        (
            "get-mailbox",
            "get-casmailbox",
            "get-mailboxpermission",
            "get-mailboxfolderstatistics",
            "get-mailboxfolderpermission",
        ),
        "identity",
    ),
}
"""Cmdlets that have a row to give, where the parameter here is given: what was traced had an event, a mailbox its own
rights and folders. Wrong parameters can come back silently empty (protocol.md C5)."""

NOTHING_GIVEN = "nothing-where-something-must-be"


class _Heard:
    """What the answers of one call have told. Names of cmdlets and parameters are compared without case."""

    def __init__(self, call: Call) -> None:
        given = {name.lower(): value for name, value in call.parameters.items()}
        cmdlet = call.cmdlet.lower()
        sizes = (given.get(name) for name in ("resultsize", "pagesize"))
        asked = [size for size in map(number, sizes) if size is not None]
        self._most = min(asked, default=None if "resultsize" in given else _DEFAULT_SIZES.get(cmdlet))
        needs = NEVER_EMPTY.get(cmdlet, "")
        self._must_have = needs is None or needs in given
        self.rows = 0
        self._counted = 0
        self._failed: str | None = None
        self._more = self._said_more = False

    def take(self, answer: Answered) -> list[_Fields]:
        """Take an answer into account; returns what was read of its rows."""
        told = told_by(answer.warnings)
        if told.failed:
            self._failed = "cancelled-task"
        self._more = self._more or told.more or told.at_ceiling
        read = [_fields(raw) for raw in answer.rows]
        for row in read:
            self.rows += 1
            self._counted = max(self._counted, number(row.ResultCount) or 0)
            if (number(row.ResultIndex) or 0) < 0:
                self._failed = "internal-time-out"
        if read:
            self._said_more = any(said_more(row.more, row.dotted, row.metadata) for row in read)
        return read

    @property
    def trouble(self) -> Finding | None:
        """Why the call is not whole. A full page may have been cut off, where nothing leads to the next one."""
        if self._failed:
            return Finding(Kind.FAILED, self._failed)
        full = self._counted > self.rows or (self._most is not None and self.rows >= self._most)
        if self._more or self._said_more or full:
            return Finding(Kind.TOO_LARGE, "more-available", self._counted or None)
        return Finding(Kind.EMPTY, NOTHING_GIVEN) if self._must_have and not self.rows else None


def _row(about: str, raw: bytes, fields: _Fields) -> Row:
    """Return a row: an object's Guid tells it from the others of its call, and all that it says where it has none.

    What rows are `about` is their call: two folders' permissions may be the same to the letter.
    """
    text = raw.decode("latin-1")
    name = fields.Guid if isinstance(fields.Guid, str) and fields.Guid else text
    return Row(raw, digest(about, name), digest(text), None)


def _fields(raw: bytes) -> _Fields:
    try:
        return _decoder.decode(raw)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        row = loose(raw)
        return _Fields(**{own: row.get(name) for own, name in _NAMES.items()})


_NAMES = dict(zip(_Fields.__struct_fields__, _Fields.__struct_encode_fields__, strict=True))
