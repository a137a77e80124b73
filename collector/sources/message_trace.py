"""`message-trace`: Get-MessageTraceV2 with its cursor. Source: protocol.md C4.

Invariants (design 1.4): rows come newest first, so with a page whose oldest row was received at R everything after R
is whole; the next question ends at R, verbatim, and starts at that row's recipient; done when an answer is short and
carries no warning of more. A cursor that does not move is a failure, not an end; so is an answer with a warning of a
search that failed, or with nothing new where more was promised. An order that breaks proves nothing of what it spans.
"""

from collections.abc import Iterator, Mapping, Sequence, Set
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any, NamedTuple

import msgspec

from collector.errors import QuestionError
from collector.http.client import Effort
from collector.model import Axis, Row, Slice, Window, iso, utc
from collector.sources.base import (
    MARGIN,
    STANDS_STILL,
    Finding,
    Kind,
    Page,
    Question,
    digest,
    failed,
    spanned,
    texts,
    told_by,
)
from collector.sources.exchange import Answered, Bridge

CMDLET = "Get-MessageTraceV2"
MESSAGE_IDS = "message-ids"
"""The member of a plan's question that holds lists of InternetMessageIds by part."""

IDS_AT_ONCE = 50
"""How many messages a question names; no bound is documented (protocol.md C4), for a report it is 100 ids (C6)."""

SENDER = "sender:"
RECIPIENT = "recipient:"


class Cursor(NamedTuple):
    """Where the next question goes on: `received` verbatim, with all its digits."""

    received: str
    recipient: str


class MessageTrace:
    """The message trace by cmdlet; a part is one mailbox as sender or as recipient, or messages by their ids.

    None is the whole tenant.
    """

    name = "message-trace"
    retention = timedelta(days=90)
    longest = timedelta(days=10) - 2 * MARGIN
    page_sizes: tuple[int, ...] = (5000, 1000, 200)

    def __init__(self, bridge: Bridge, message_ids: Mapping[str, Sequence[str]] = MappingProxyType({})) -> None:
        self._bridge = bridge
        self._message_ids = message_ids

    def ask(self, question: Question) -> Iterator[Page | Finding]:
        """Read from the newest row to the oldest, page by page."""
        delivered = 0
        turn = _Turn(question.page_size, None)
        cursors: set[Cursor | None] = {None}
        try:
            while True:
                for answer in self._call(question, turn.cursor):
                    yield Page(turn.take(answer), answer.request)
                    del answer  # its rows are done with, before the next ones are waited for
                delivered += turn.rows
                trouble = turn.trouble(cursors)
                if trouble or not turn.more:
                    yield trouble or Finding(Kind.WHOLE if delivered else Kind.EMPTY)
                    return
                yield Page((), "", whole_from=turn.whole_from)
                cursors.add(turn.cursor)
                turn = _Turn(question.page_size, turn)
        except QuestionError as error:
            yield failed(error, Finding(Kind.FAILED))

    def probe(self, window: Window | None) -> Question:
        """Return a question for the window's last second, with pages that it fits in: each page costs of the quota."""
        end = spanned(window).end
        last = Slice(self.name, None, Axis.EVENT, Window(end - timedelta(seconds=1), end))
        return Question(last, self.page_sizes[0], Effort(1))

    def _call(self, question: Question, cursor: Cursor | None) -> Iterator[Answered]:
        parameters = parameters_of(question, cursor, self._message_ids.get(question.slice.part or "", ()))
        return self._bridge.invoke(
            CMDLET, parameters, slice_=question.slice, page_size=question.page_size, effort=question.effort
        )


def forms(message_id: str) -> tuple[str, ...]:
    """Return how a message is asked for by its id: one that a record gives without angle brackets has them here."""
    return (message_id,) if message_id.startswith("<") else (f"<{message_id}>", message_id)


def key(line: bytes) -> tuple[bytes, bytes]:
    """Return what tells a row from others: message trace id, recipient, time and status."""
    row, _ = _read(line)
    return row.identity, row.content


class _Turn:
    """One call: its rows, the oldest of them, and whether the service has more. It goes on where `before` ended."""

    def __init__(self, page_size: int, before: "_Turn | None") -> None:
        self._page_size = page_size
        self._warned = False
        self._failed = False
        self._ordered = True
        self._marks: set[bytes] = set()
        self._first = before is None
        self._was_promised = before._warned if before else False
        self._known = before._marks if before else frozenset()
        self._oldest: datetime | None = before._oldest if before else None
        self.cursor: Cursor | None = before.cursor if before else None
        self.rows = 0

    def take(self, answer: Answered) -> tuple[Row, ...]:
        """Take an answer into account and return its rows."""
        read = [_read(raw) for raw in answer.rows]
        for row, fields in read:
            self._marks.add(row.content)
            received = utc(fields.Received)
            if received is None or (self._oldest is not None and received > self._oldest):
                self._ordered = False
            else:
                self._oldest = received
                self.cursor = Cursor(fields.Received or "", fields.RecipientAddress or "")
        told = told_by(answer.warnings)
        self._warned = self._warned or told.more
        self._failed = self._failed or told.failed
        self.rows += len(read)
        return tuple(row for row, _ in read)

    @property
    def more(self) -> bool:
        """A warning says so; and a full page goes on too, for the warning may be missing (protocol.md C4)."""
        return self._warned or self.rows >= self._page_size

    @property
    def whole_from(self) -> datetime | None:
        """The first whole second after the oldest row: all that was received from then on has been delivered."""
        return self._oldest.replace(microsecond=0) + timedelta(seconds=1) if self._oldest else None

    def trouble(self, cursors: Set[Cursor | None]) -> Finding | None:
        """Return why the call proves nothing, None where it does; `cursors` are those that were asked with.

        One answer that holds all may come in any order; several have only their order to join them.
        """
        if self._failed:
            return Finding(Kind.FAILED, "cancelled-task")
        if self.more and self.cursor in cursors:
            return Finding(Kind.TOO_LARGE, STANDS_STILL)
        if not self._ordered and (self.more or not self._first):
            return Finding(Kind.TOO_LARGE, "order-broken")
        if self._was_promised and not self.more and self._marks <= self._known:
            return Finding(Kind.FAILED, "more-available")
        return None


def parameters_of(question: Question, cursor: Cursor | None, message_ids: Sequence[str] = ()) -> dict[str, Any]:
    """Return the cmdlet's parameters: the slice a second wider, or what the cursor leaves of it."""
    asked = spanned(question.slice.window).widened(MARGIN)
    parameters: dict[str, Any] = {
        "StartDate": iso(asked.start),
        "EndDate": cursor.received if cursor else iso(asked.end),
        "ResultSize": question.page_size,
    }
    part = question.slice.part or ""
    if part.startswith(SENDER):
        parameters["SenderAddress"] = [part.removeprefix(SENDER)]
    if part.startswith(RECIPIENT):
        parameters["RecipientAddress"] = [part.removeprefix(RECIPIENT)]
    if message_ids:
        parameters["MessageId"] = list(message_ids)
    if cursor and cursor.recipient:
        parameters["StartingRecipientAddress"] = cursor.recipient
    return parameters


class _Fields(msgspec.Struct):
    """The members of a row that are read; sidecars and all others are passed over."""

    MessageTraceId: str | None = None
    RecipientAddress: str | None = None
    Received: str | None = None
    Status: str | None = None


_decoder = msgspec.json.Decoder(_Fields)


def _read(raw: bytes) -> tuple[Row, _Fields]:
    fields = texts(raw, _decoder)
    return trace_row(raw, (fields.MessageTraceId, fields.RecipientAddress, fields.Received), fields.Status), fields


def trace_row(raw: bytes, named: tuple[str | None, str | None, str | None], status: str | None) -> Row:
    """Return a row of a trace by the message trace id, recipient and time that it names, and its status.

    One that does not name all three is told from others by all that it says.
    """
    received = utc(named[2])
    parts = (raw.decode("latin-1"),) if None in named else tuple(part or "" for part in named)
    content = digest(*parts, status or "")
    return Row(raw, digest(*parts[:2]), content, received.timestamp() if received else None)
