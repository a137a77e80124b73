"""Sources without a window: cmdlets that tell how things stand now, each call a part of its own.

Invariants: what is sent is the call that the plan names, to the letter; a call is whole only where the service led to
the end of its answers and no warning says that there is more (protocol.md B3: truncation is told there alone).
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

import msgspec

from collector.errors import QuestionError
from collector.http.client import Effort
from collector.model import Axis, Row, Slice, SourcePlan, Window
from collector.sources.base import NO_TIME, Finding, Kind, Page, Question, digest, failed, loose, told_by
from collector.sources.exchange import Answered, Bridge, must_read

CMDLET = "cmdlet"
"""The source of a run that is one cmdlet, named on the command line."""

CALLS = "calls"
"""The member of a plan's question that holds its calls by part."""


class Call(NamedTuple):
    """One cmdlet with its parameters, as JSON has them (protocol.md B1)."""

    cmdlet: str
    parameters: Mapping[str, Any]


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
        """Make the call of a part, and those it leads to, and follow their answers to their end."""
        part = question.slice.part or ""
        rows = 0
        try:
            for call in self._led_to(self._calls[part], question):
                heard = _Heard(call)
                for answer in self._call(call, question):
                    read = [_read(_about(part, call), raw) for raw in answer.rows]
                    heard.take(answer, (fields for _, fields in read))
                    yield Page(tuple(row for row, _ in read), answer.request)
                if heard.trouble:
                    yield heard.trouble
                    return
                rows += heard.rows
        except QuestionError as error:
            yield failed(error, Finding(Kind.FAILED))
        else:
            yield Finding(Kind.WHOLE if rows else Kind.EMPTY)

    def probe(self, window: Window | None) -> Question:  # noqa: ARG002 - other sources need it
        """Return the first call, in one attempt."""
        part = next(iter(self._calls))
        return Question(Slice(self.name, part, Axis.EVENT, None), self.page_sizes[0], Effort(1))

    def _led_to(self, call: Call, question: Question) -> Iterator[Call]:  # noqa: ARG002 - other sources ask
        """Yield the calls that a part is made of."""
        yield call

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
    """The members of a row that are read: what names an object for good, and what counts a search's rows."""

    Guid: str | None = None
    ResultIndex: int | None = None
    ResultCount: int | None = None


_decoder = msgspec.json.Decoder(_Fields)

_DEFAULT_SIZES = {"Search-UnifiedAuditLog": 100, "Search-MailboxAuditLog": 1000, "Get-MessageTraceV2": 1000}
"""Rows that a cmdlet gives at most without a ResultSize and may say nothing of; protocol.md C1, C2, C4."""


class _Heard:
    """What the answers of one call have told."""

    def __init__(self, call: Call) -> None:
        asked = call.parameters.get("ResultSize", _DEFAULT_SIZES.get(call.cmdlet))
        self._most = asked if isinstance(asked, int) else None
        self.rows = 0
        self._counted = 0
        self._failed: str | None = None
        self._more = False

    def take(self, answer: Answered, fields: Iterable[_Fields]) -> None:
        """Take an answer into account."""
        told = told_by(answer.warnings)
        if told.failed:
            self._failed = "cancelled-task"
        self._more = self._more or told.more or told.at_ceiling
        for row in fields:
            self.rows += 1
            self._counted = max(self._counted, row.ResultCount or 0)
            if row.ResultIndex is not None and row.ResultIndex < 0:
                self._failed = "internal-time-out"

    @property
    def trouble(self) -> Finding | None:
        """Why the call is not whole. A full page may have been cut off, where nothing leads to the next one."""
        if self._failed:
            return Finding(Kind.FAILED, self._failed)
        if self._more or self._counted > self.rows or (self._most is not None and self.rows >= self._most):
            return Finding(Kind.TOO_LARGE, "more-available", self._counted or None)
        return None


def _about(part: str, call: Call) -> str:
    """Return what rows are about: two folders' permissions may be the same to the letter."""
    return f"{part}\n{sorted(call.parameters.items())}"


def _read(about: str, raw: bytes) -> tuple[Row, _Fields]:
    """Read a row: an object's Guid tells it from the others of its call, and all that it says where it has none."""
    fields, text = _fields(raw), raw.decode("latin-1")
    return Row(raw, digest(about, fields.Guid or text), digest(text), None), fields


def _fields(raw: bytes) -> _Fields:
    try:
        return _decoder.decode(raw)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        guid = loose(raw).get("Guid")
        return _Fields(guid if isinstance(guid, str) else None)
