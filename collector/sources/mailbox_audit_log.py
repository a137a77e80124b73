"""`mailbox-audit-log`: Search-MailboxAuditLog, the old store in each mailbox of interest. Source: protocol.md C2.

Invariants: an answer is whole only where it has fewer rows than were asked for and no warning says that there is more;
that the cmdlet is gone is said only where it has never answered and Search-UnifiedAuditLog, which needs the same role
(protocol.md B5), does. Nothing else is remembered from one question to the next: it is about the tenant.
"""

import re
from collections.abc import Iterator, Sequence
from datetime import timedelta
from threading import Lock
from typing import Any

import msgspec

from collector.errors import Forbidden, QuestionError, Refused
from collector.http.client import Effort
from collector.model import Axis, Row, Slice, Window, iso, utc
from collector.sources import unified_audit_log
from collector.sources.base import MARGIN, Finding, Kind, Page, Question, Told, digest, failed, loose, spanned, told_by
from collector.sources.exchange import Answered, Bridge

CMDLET = "Search-MailboxAuditLog"

FIXED: dict[str, Any] = {
    "ShowDetails": True,
    "IncludeInactiveMailbox": True,
    "LogonTypes": ["Owner", "Delegate", "Admin"],
}
"""The parameters that are the same for each question: a row for each entry, of whoever opened the mailbox."""

MOST = 250_000
"""Rows that can be asked for at most; protocol.md C2."""

CMDLET_GONE = (
    f"cmdlet-gone: {CMDLET} is refused, though {unified_audit_log.CMDLET}, which needs the same role, is answered: "
    "the old store is retired in this tenant, if no custom role leaves that cmdlet out"
)
"""What is said of a tenant that has no such cmdlet any more."""

FORBIDDEN = "forbidden"
"""What is said where the role is missing, or the cmdlet is there for others."""

_FORBIDDEN = Finding(Kind.REFUSED, FORBIDDEN, forbidden=True)
_UNKNOWN = re.compile(r"AuditLog\W{1,4}is not recognized|CommandNotFoundException", re.IGNORECASE)
_SECOND = timedelta(seconds=1)


class MailboxAuditLog:
    """The audit log of a mailbox by cmdlet; a part is a mailbox, as the engagement file names it.

    `retention` is the default of AuditLogAgeLimit (protocol.md C3). A mailbox may have another one, which
    tenant-settings shows: entries that are older than that are gone, and their slice is as empty as any other.
    """

    name = "mailbox-audit-log"
    retention = timedelta(days=90)
    longest = timedelta(days=7)
    page_sizes: tuple[int, ...] = (5000, 1000, 200)

    def __init__(self, bridge: Bridge, mailboxes: Sequence[str]) -> None:
        self._bridge = bridge
        self._mailboxes = mailboxes
        self.served = False
        """Whether the cmdlet has answered: what was called gone before is not."""
        self._denial: Finding | None = None
        self._lock = Lock()

    def ask(self, question: Question) -> Iterator[Page | Finding]:
        """Make the search of a mailbox, and follow its answers to their end."""
        rows, warnings = 0, list[str]()
        try:
            for answer in self._call(question):
                self.served = True
                rows += len(answer.rows)
                warnings += answer.warnings
                yield Page(tuple(map(_read, answer.rows)), answer.request)
                del answer  # its rows are done with, before the next ones are waited for
        except QuestionError as error:
            yield self._refused(question, error)
        else:
            yield _found(rows, _size(question), told_by(warnings))

    def probe(self, window: Window | None) -> Question:
        """Return a question for the last second of the first mailbox's window."""
        end = spanned(window).end
        last = Slice(self.name, self._mailboxes[0], Axis.EVENT, Window(end - _SECOND, end))
        return Question(last, self.page_sizes[0], Effort(1))

    def _call(self, question: Question) -> Iterator[Answered]:
        return self._invoke(CMDLET, parameters_of(question), question)

    def _invoke(self, cmdlet: str, parameters: dict[str, Any], question: Question) -> Iterator[Answered]:
        return self._bridge.invoke(
            cmdlet, parameters, slice_=question.slice, page_size=question.page_size, effort=question.effort
        )

    def _refused(self, question: Question, error: QuestionError) -> Finding:
        """Return what an error means for the asking that it ended, once it is known whether the cmdlet is there."""
        if not _is_denial(error):
            self.served |= isinstance(error, Refused)
            return failed(error, Finding(Kind.FAILED))
        try:
            return self._denied(question)
        except QuestionError as other:
            return failed(other, Finding(Kind.FAILED))

    def _denied(self, question: Question) -> Finding:
        """Tell a cmdlet that is gone from a role that is missing, and both from a refusal in passing.

        What stays refused is looked into once: a 403 and an unknown name can each be either (protocol.md B4).
        """
        with self._lock:
            if self._denial is None:
                end = spanned(question.slice.window).end
                second = {"StartDate": iso(end - _SECOND), "EndDate": iso(end), "ResultSize": 1}
                if self._is_there(CMDLET, {"Identity": question.slice.part, **second, **FIXED}, question):
                    return Finding(Kind.FAILED, "refused-in-passing")
                gone = self._is_there(unified_audit_log.CMDLET, second, question)
                self._denial = Finding(Kind.WITHHELD, CMDLET_GONE) if gone else _FORBIDDEN
            return _FORBIDDEN if self.served else self._denial

    def _is_there(self, cmdlet: str, parameters: dict[str, Any], question: Question) -> bool:
        try:
            next(self._invoke(cmdlet, parameters, question))
        except Refused as error:
            return not _is_denial(error)
        return True


def key(line: bytes) -> tuple[bytes, bytes]:
    """Return what tells an entry from others: its Identity at its time, and all that it says."""
    row = _read(line)
    return row.identity, row.content


def parameters_of(question: Question) -> dict[str, Any]:
    """Return the cmdlet's parameters: the mailbox, and the slice a second wider."""
    asked = spanned(question.slice.window).widened(MARGIN)
    return {
        "Identity": question.slice.part,
        "StartDate": iso(asked.start),
        "EndDate": iso(asked.end),
        **FIXED,
        "ResultSize": _size(question),
    }


def _is_denial(error: QuestionError) -> bool:
    """Whether the service would not run the cmdlet at all."""
    return isinstance(error, Forbidden) or (isinstance(error, Refused) and _UNKNOWN.search(error.message) is not None)


def _size(question: Question) -> int:
    """Return how many rows to ask for: all there can be of a slice that cannot be cut where they are too many."""
    return question.page_size if spanned(question.slice.window).divisible else MOST


def _found(rows: int, asked_for: int, told: Told) -> Finding:
    """Judge a search that was read to its end; as many rows as were asked for may have been cut off there."""
    if told.failed:
        return Finding(Kind.FAILED, "cancelled-task")
    if told.more or told.at_ceiling or rows >= asked_for:
        return Finding(Kind.TOO_LARGE, "more-available")
    return Finding(Kind.WHOLE if rows else Kind.EMPTY)


def _read(raw: bytes) -> Row:
    """Read an entry. With ShowDetails its Identity is the entry's own; its time is added, should it be the mailbox's.

    The same entry may come again with other blanks between its tokens, and is the same to what its content is told by.
    """
    fields = loose(raw)
    identity, accessed = fields.get("Identity"), fields.get("LastAccessed")
    content = digest(_plain(raw))
    at = utc(accessed) if isinstance(accessed, str) else None
    named = isinstance(identity, str) and identity
    return Row(raw, digest(str(identity), str(accessed)) if named else content, content, at.timestamp() if at else None)


def _plain(raw: bytes) -> str:
    """Return all that a row says without the blanks between its tokens; as it came where it cannot be read."""
    try:
        return msgspec.json.encode(msgspec.json.decode(raw), order="sorted").decode()
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return raw.decode("latin-1")
