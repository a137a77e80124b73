"""What an answer means, as a table: (status, what it says) to what is done about it.

Invariant: the first rule that matches holds, and the last rule matches everything, so no answer goes unread.
Sources: protocol.md A5 (the Activity API: its code counts first, its status second), B4 (admin REST) and E (redirects,
tokens); the words are matched without case.
"""

import re
from collections.abc import Container, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from enum import Enum
from typing import Any, NamedTuple

import msgspec

LONGEST_TEXT = 2_000
"""Characters of an error's text that are looked at and shown."""


class Action(Enum):
    """What is done about an answer."""

    TAKE = "the body counts, once its shape is checked"
    RETRY = "ask again after a growing wait; it costs the slice an attempt"
    WAIT = "ask again when the service says so; it costs patience, no attempt"
    NEW_TOKEN = "ask once more with a new token, then stop the run"  # noqa: S105 - not a password
    NEW_SESSION = "this cursor is dead: the slice starts over"
    SPLIT = "less must be asked for"
    GAP = "the service said no; asking again will not help"
    FORBIDDEN = "a role is missing; the rest is collected"


class Rule(NamedTuple):
    """A row of the table; `says` is searched in the error's code, type and text."""

    statuses: Container[int]
    says: str
    action: Action
    reason: str


class Reading(NamedTuple):
    """What an answer means: the action, the reason word for coverage.json, and the service's own words."""

    action: Action
    reason: str
    text: str


ANY = range(200, 600)
TRANSIENT = (
    "CmdletProxyNotAvailableFailure|ServerBusyException|TransientException|BackendCommunicationException"
    "|UnableToWriteToAadException|issue may be transient"
)

ACTIVITY: tuple[Rule, ...] = (
    Rule(ANY, r"^AF429\b", Action.WAIT, "throttled"),
    Rule(ANY, r"^AF10001\b", Action.FORBIDDEN, "forbidden"),
    Rule(ANY, r"^AF2001[0-3]\b", Action.FORBIDDEN, "forbidden-tenant"),
    Rule(ANY, r"^AF20022\b", Action.GAP, "not-subscribed"),
    Rule(ANY, r"^AF20023\b", Action.GAP, "subscription-disabled"),
    Rule(ANY, r"^AF20024\b", Action.GAP, "already-enabled"),
    Rule(ANY, r"^AF20030\b|^AF20055\b", Action.GAP, "window-refused"),
    Rule(ANY, r"^AF20031\b", Action.NEW_SESSION, "paging-refused"),
    Rule(ANY, r"^AF20050\b", Action.GAP, "blob-gone"),
    Rule(ANY, r"^AF20051\b", Action.GAP, "blob-expired"),
    Rule(ANY, r"Audit\.DataServiceException", Action.GAP, "auditing-off"),
    Rule(range(400, 500), r"^AF5\d{4}\b", Action.RETRY, "server-error"),
)
"""The codes of the Office 365 Management Activity API, whatever status they come with; protocol.md A1, A5."""

TABLE: tuple[Rule, ...] = (
    *ACTIVITY,
    Rule(ANY, "maximum number of concurrent requests", Action.WAIT, "throttled"),
    Rule((429,), "", Action.WAIT, "throttled"),
    Rule((401,), "", Action.NEW_TOKEN, "unauthorized"),
    Rule(ANY, "Expired or Invalid pagination request", Action.NEW_SESSION, "paging-refused"),
    Rule(ANY, "maximum results limitation reached", Action.SPLIT, "over-ceiling"),
    Rule((413,), "", Action.SPLIT, "answer-too-large"),
    Rule(range(400, 600), TRANSIENT, Action.RETRY, "transient"),
    Rule(range(200, 300), r"^\S", Action.RETRY, "error-inside-success"),
    Rule(range(200, 300), "", Action.TAKE, ""),
    Rule(range(300, 400), "", Action.GAP, "redirected"),
    Rule((403,), "", Action.FORBIDDEN, "forbidden"),
    Rule((404,), "", Action.GAP, "not-found"),
    Rule((405,), "", Action.GAP, "wrong-api-version"),
    Rule((408,), "", Action.RETRY, "request-timeout"),
    Rule(range(400, 500), "", Action.GAP, "refused"),
    Rule(range(100, 1000), "", Action.RETRY, "server-error"),
)


class _Error(msgspec.Struct):
    error: Any = None
    code: Any = None
    message: Any = None


def read(status: int, body: bytes) -> Reading:
    """Look the answer up in the table; of a JSON body only what tells of an error is looked at."""
    text = error_text(body)
    rule = next(rule for rule in TABLE if status in rule.statuses and re.search(rule.says, text, re.IGNORECASE))
    return Reading(rule.action, rule.reason, text)


def error_text(body: bytes) -> str:
    """Return what an error body says: `code: ErrId|Type|human`, or its plain text where it is not JSON.

    Source: protocol.md B4: details[0].message, else innererror.internalexception.message, else innererror.message,
    else message; then the exception's type where that does not name it. A body of NULs says nothing. An answer
    without an `error` member, or a code in its place, says nothing either.
    """
    try:
        said = msgspec.json.decode(body, type=_Error)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return "" if body.lstrip()[:1] in (b"{", b"[") else _printable(body)
    error = {"code": said.code, "message": said.message} if said.error is None and said.code else said.error
    if not isinstance(error, dict):
        return "" if error is None else str(error)[:LONGEST_TEXT]
    inner = error.get("innererror")
    internal = _member(inner, "internalexception")
    message = next(_messages(error.get("details"), internal, inner, error), "")
    kind = str(_member(internal, "type") or "")
    parts = (str(error.get("code", "error")), message, "" if kind in message else kind)
    return ": ".join(part for part in parts if part)[:LONGEST_TEXT]


def _messages(*holders: object) -> Iterator[str]:
    for holder in holders:
        found = _member(holder[0] if isinstance(holder, list) and holder else holder, "message")
        if isinstance(found, str) and found:
            yield found


def _member(holder: object, name: str) -> object:
    return holder.get(name) if isinstance(holder, dict) else None


def _printable(body: bytes) -> str:
    text = body[:LONGEST_TEXT].decode("utf-8", "replace")
    return "".join(c if c.isprintable() else " " for c in text).strip()


def retry_after(headers: Mapping[str, str], now: datetime) -> float | None:
    """Return the seconds that a Retry-After header asks for, given as seconds or as a date; None without one.

    Source: RFC 9110 section 10.2.3. A date in the past is no wait; nonsense counts as no header.
    """
    value = headers.get("retry-after", "").strip()
    if re.fullmatch(r"\d{1,9}(\.\d+)?", value):
        return float(value)
    try:
        date = parsedate_to_datetime(value)
    except ValueError:
        return None
    moment = date.replace(tzinfo=UTC) if date.tzinfo is None else date
    return max(timedelta(0), moment - now).total_seconds()
