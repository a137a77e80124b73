"""Collects a source whose parts are mailboxes, each of which keeps its records for as long as its own settings say.

Invariant: how old the records of one mailbox are says nothing of how long another one keeps its own.
"""

from collections.abc import Sequence

from collector.evidence import Commit
from collector.model import Slice
from collector.run.collect import Collection


class ByMailbox(Collection):
    """One source's part of a run, mailbox by mailbox. Source: protocol.md C3, AuditLogAgeLimit."""

    def _kept_as(self, slice_: Slice) -> Sequence[Commit]:
        return [commit for commit in self._run.commits if commit.part == slice_.part]
