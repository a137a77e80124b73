"""Collects a source whose parts are mailboxes, each of which keeps its records for as long as its own settings say.

Invariants: how old the records of one mailbox are says nothing of how long another one keeps its own; that the cmdlet
is gone is said at the end, when no mailbox was answered: whichever was asked first, all that is denied is named alike.
"""

from collections.abc import Sequence

from collector.clock import Clock
from collector.config import Limits
from collector.evidence import Commit, RunFolder
from collector.model import Slice, Status
from collector.run.collect import Collection
from collector.run.decide import BEYOND_RETENTION, Settle
from collector.run.observe import Observer
from collector.run.outage import Lifeline
from collector.run.task import Task
from collector.sources.mailbox_audit_log import CMDLET_GONE, FORBIDDEN, MailboxAuditLog

_ANSWERED = frozenset({FORBIDDEN, BEYOND_RETENTION})
"""Gaps that show an answer all the same: a denial is called `forbidden`, where the cmdlet could have been gone, only if
there was one, or if the role is missing."""


class ByMailbox(Collection):
    """One source's part of a run, mailbox by mailbox. Source: protocol.md C3, AuditLogAgeLimit."""

    def __init__(
        self,
        source: MailboxAuditLog,
        run: RunFolder,
        lifeline: Lifeline,
        *,
        limits: Limits,
        clock: Clock,
        observer: Observer,
    ) -> None:
        super().__init__(source, run, lifeline, limits=limits, clock=clock, observer=observer)
        self._cmdlet = source
        self._denied: list[Task] = []

    def finish(self) -> None:
        """Settle what waited for the end: what is old and empty, then what was denied."""
        super().finish()
        reason = FORBIDDEN if self._is_there() else CMDLET_GONE
        for task in self._denied:
            self._commit(task, Settle(Status.GAP, reason))
        self._denied.clear()

    def _settle(self, task: Task, settle: Settle) -> Sequence[Task]:
        if settle.reason != CMDLET_GONE:
            return super()._settle(task, settle)
        self._denied.append(task)
        return ()

    def _is_there(self) -> bool:
        """Whether the cmdlet has answered, now or before the run was taken up."""
        own = (commit for commit in self._run.commits if commit.source == self.name)
        return self._cmdlet.served or any(
            commit.status is not Status.GAP or commit.records > 0 or commit.reason in _ANSWERED for commit in own
        )

    def _kept_as(self, slice_: Slice) -> Sequence[Commit]:
        return [commit for commit in self._run.commits if commit.part == slice_.part]
