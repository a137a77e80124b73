"""Every error the collector raises on purpose, as one tree grouped by what the runner must do.

    CollectorError
    |- IntegrityError      6    evidence does not match its own account: stop, touch nothing
    |- DiskError           7    the disk refused: stop, keep what is committed
    |- LockedError         8    another run works on this folder: stop
    |- UsageError          2    the operator's words or engagement file: say which and how to mend it
    |- Interrupted       130    the operator asked to stop: end tidily, can be taken up again
    |- TemporaryError      5    an outage outlasted the patience: stop, run again to go on
    |- AccessError         4    sign-in or permission: stop, leave the run open
    |  `- TokenError       4    ... an API accepts no token of ours
    `- QuestionError            one question to the tenant failed: never ends a run, becomes a retry, a split or a gap
       |- Unanswered            ... it may go better under a new session, with less asked for
       |- TooLarge              ... it is certain that less must be asked for
       `- Refused               ... asking again will not help: a gap
          `- Forbidden          ... for want of a role: a gap, and exit 4 with the rest collected

A fault of ours is any other exception: exit 1.
"""

from enum import IntEnum


class ExitCode(IntEnum):
    """What the process tells its caller; design 1.1."""

    COMPLETE = 0
    FAULT = 1
    USAGE = 2
    GAPS = 3
    ACCESS = 4
    TEMPORARY = 5
    INTEGRITY = 6
    DISK = 7
    LOCKED = 8
    INTERRUPTED = 130


PRECEDENCE = (
    ExitCode.FAULT,
    ExitCode.INTEGRITY,
    ExitCode.DISK,
    ExitCode.LOCKED,
    ExitCode.USAGE,
    ExitCode.INTERRUPTED,
    ExitCode.TEMPORARY,
    ExitCode.ACCESS,
    ExitCode.GAPS,
    ExitCode.COMPLETE,
)
"""Where several exit codes hold, the first of this order is given; design 1.1."""


class CollectorError(Exception):
    """Something the operator is told in one sentence, with a remedy."""

    exit_code = ExitCode.FAULT

    def __init__(self, message: str, *, remedy: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.remedy = remedy


class IntegrityError(CollectorError):
    """Evidence does not match the account that the journal or the manifests give of it."""

    exit_code = ExitCode.INTEGRITY


class DiskError(CollectorError):
    """The disk is full, cannot be written, or failed."""

    exit_code = ExitCode.DISK


class LockedError(CollectorError):
    """Another process holds the engagement's lock."""

    exit_code = ExitCode.LOCKED


class UsageError(CollectorError):
    """The command line or the engagement file asks for something that cannot be done."""

    exit_code = ExitCode.USAGE


class Interrupted(CollectorError):  # noqa: N818 - it is a request, not an error
    """The operator asked the run to stop."""

    exit_code = ExitCode.INTERRUPTED


class TemporaryError(CollectorError):
    """The services or the network stayed away longer than the engagement's patience."""

    exit_code = ExitCode.TEMPORARY


class AccessError(CollectorError):
    """Sign-in failed, or the token is not for this tenant or lacks a role for everything asked."""

    exit_code = ExitCode.ACCESS


class TokenError(AccessError):
    """An API did not accept a fresh token either; a source may know why, and make a gap of it."""


class QuestionError(CollectorError):
    """One question to the tenant failed; `reason` is the word that a gap carries in coverage.json."""

    def __init__(self, message: str, *, reason: str, remedy: str = "", body: bytes | None = None) -> None:
        super().__init__(message, remedy=remedy)
        self.reason = reason
        self.body = body


class Unanswered(QuestionError):  # noqa: N818 - named for what happened to the question
    """No usable answer came; the fault may pass, or depend on the size of the question."""


class TooLarge(QuestionError):  # noqa: N818
    """The answer is, or would be, over a ceiling: less must be asked for."""


class Refused(QuestionError):  # noqa: N818
    """The service understood and said no; the same question will get the same answer."""


class Forbidden(Refused):
    """The service said no for want of a role or permission."""
