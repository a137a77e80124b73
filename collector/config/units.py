"""How the engagement file writes time spans, sizes, rates, moments and references to secrets (design 1.2).

Invariant: every reader takes the plain text of the file and returns a value or raises Unreadable, whose words name
the remedy. `secret` never repeats what it was given, for that may be the secret itself.
"""

import re
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from typing import Literal

import msgspec

_SPAN = re.compile(r"(\d{1,9}(?:\.\d{1,9})?)(ms|s|m|h|d)", re.ASCII)
_MILLISECONDS = {"ms": 1, "s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}
_SIZE = re.compile(r"(\d{1,15})(|B|KB|MB|GB|KiB|MiB|GiB)", re.ASCII)
_BYTES = {"": 1, "B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "KiB": 2**10, "MiB": 2**20, "GiB": 2**30}
_RATE = re.compile(r"([1-9]\d{0,8})/(.+)", re.ASCII)
_MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,6})?Z", re.ASCII)
_REFERENCE = re.compile(r"(env|file|command):(\S(?:.*\S)?)")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)
_LONGEST_DAYS = 36500
_SHOWN = 60


class Unreadable(ValueError):  # noqa: N818 - named for the text
    """A text is not what its key takes; `remedy` says what would be."""

    def __init__(self, message: str, remedy: str) -> None:
        super().__init__(message)
        self.message = message
        self.remedy = remedy


class Rate(msgspec.Struct, frozen=True):
    """At most `requests` in any `period` (seconds)."""

    requests: int
    period: float


class SecretRef(msgspec.Struct, frozen=True):
    """Where a secret is to be had, never the secret: `target` is a variable, an absolute path or a command line."""

    kind: Literal["env", "file", "command", "prompt"]
    target: str = ""

    def __str__(self) -> str:
        """Return the reference as it is written in the file."""
        return f"{self.kind}:{self.target}" if self.target else self.kind


def shown(text: str) -> str:
    """Return a text between quotes, of a long one the start."""
    return repr(text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…")


def duration(text: str) -> float:
    """Read a span such as `250ms`, `10s`, `15m`, `12h` or `30d` as seconds, more than none and at most 100 years."""
    seconds = patience(text)
    if not seconds:
        raise Unreadable(f"{shown(text)} is out of range", f"give more than none and at most {_LONGEST_DAYS}d")
    return seconds


def patience(text: str) -> float:
    """Read a span as `duration` does, or none at all, such as `0s`."""
    found = _SPAN.fullmatch(text)
    if not found:
        remedy = "write a number and a unit, such as 250ms, 10s, 15m, 12h or 30d"
        raise Unreadable(f"{shown(text)} is not a span of time", remedy)
    seconds = Fraction(found[1]) * _MILLISECONDS[found[2]] / 1000
    if seconds > timedelta(days=_LONGEST_DAYS).total_seconds():
        raise Unreadable(f"{shown(text)} is out of range", f"give at most {_LONGEST_DAYS}d")
    return float(seconds)


def size(text: str) -> int:
    """Read a size such as `64MiB`, `64MB` or `1048576` as bytes."""
    found = _SIZE.fullmatch(text)
    if not found:
        raise Unreadable(f"{shown(text)} is not a size", "write bytes, or a number and a unit, such as 64MiB or 64MB")
    return int(found[1]) * _BYTES[found[2]]


def rate(text: str) -> Rate:
    """Read a rate such as `100/5m`: requests, of which there is at least one, in a span of time."""
    found = _RATE.fullmatch(text)
    if not found:
        raise Unreadable(f"{shown(text)} is not a rate", "write requests and a span of time, such as 100/5m")
    return Rate(requests=int(found[1]), period=duration(found[2]))


def moment(text: str) -> datetime:
    """Read a time as ISO in UTC with Z; every other form is refused, for evidence has no local time (design 1.2)."""
    remedy = "write UTC as ISO with Z, such as 2026-10-01T00:00:00Z"
    if not _MOMENT.fullmatch(text):
        raise Unreadable(f"{shown(text)} is not a UTC time: {_fault_of(text)}", remedy)
    try:
        return datetime.fromisoformat(text).astimezone(UTC)
    except (ValueError, OverflowError):
        raise Unreadable(f"{shown(text)} is not in the calendar", remedy) from None


def _fault_of(text: str) -> str:
    """Say what keeps a text from being a UTC time, as closely as can be told."""
    try:
        other = datetime.fromisoformat(text)
    except ValueError:
        return "it is not ISO (year-month-dayThour:minute:secondZ)"
    if re.fullmatch(r"[\d-]+", text):
        return "it is a date without a time"
    if other.tzinfo is None:
        return "it has no zone, so it could be local time"
    return "only the one form with seconds and Z is taken, so that no zone has to be worked out"


def secret(text: str) -> SecretRef:
    """Read a reference to a secret; a literal one is refused, without repeating it (design 1.2)."""
    remedy = "write env:NAME, file:PATH or command:PROGRAM, or `prompt` to be asked when the run starts"
    if text == "prompt":
        return SecretRef(kind="prompt")
    found = _REFERENCE.fullmatch(text)
    if not found:
        raise Unreadable("a secret is never written in this file, only where to find it", remedy)
    if found[1] == "env" and not _VARIABLE.fullmatch(found[2]):
        raise Unreadable("what follows env: is not the name of an environment variable", remedy)
    return SecretRef(kind=found[1], target=found[2])  # type: ignore[arg-type] # the pattern holds the three kinds
