"""Where mailbox-audit-log answers: only where no other source is whole for the mailbox and the time (design 1.5).

Invariants: pure; a source that was narrowed to some users, record types, objects, addresses or words is whole for
nobody; what one tenant's runs hold says nothing of another's. What was asked too soon may lack what an entry tells of,
and an empty answer does: the entry counts beside it, rather twice than not at all.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import NamedTuple

from collector.analysis.audit_record import CONTENT_TYPES
from collector.analysis.covers import FEED, MAILBOX_LOG, SEARCHES, AuditLogCover, FeedCover
from collector.analysis.stretches import Stretches
from collector.evidence import Account
from collector.model import IMPORT

_MAIL = CONTENT_TYPES["exchange"]


class Elsewhere(NamedTuple):
    """A time in which another source has what the entries in a run tell of, of one operation (in small letters) or all.

    It sees every mailbox of the tenant.
    """

    run: str
    operation: str | None
    start: datetime
    end: datetime


def elsewhere(accounts: Sequence[Account]) -> Iterator[Elsewhere]:
    """Yield the times in which entries do not answer, for the runs that hold any."""
    by_tenant: dict[str, list[Account]] = {}
    for account in accounts:
        by_tenant.setdefault(account.plan.tenant.lower(), []).append(account)
    for together in by_tenant.values():
        runs = [account for account in together if _holds(account, MAILBOX_LOG)]
        for operation, whole in _whole(together) if runs else ():
            for account in runs:
                yield from (Elsewhere(str(account.path), operation, one.start, one.end) for one in whole.windows)


def _whole(accounts: Sequence[Account]) -> Iterator[tuple[str | None, Stretches]]:
    yield None, FeedCover(accounts).certain(_MAIL)
    for source in SEARCHES:
        for operations, whole in AuditLogCover(accounts, source).of_everybody:
            yield from ((one and one.lower(), whole) for one in (operations or (None,)))


def counted_beside(accounts: Sequence[Account]) -> bool:
    """Whether there are entries, and records of other sources that may tell of the same accesses."""
    return any(_holds(one, MAILBOX_LOG) for one in accounts) and any(
        _holds(one, source) for one in accounts for source in (*SEARCHES, FEED, IMPORT)
    )


def _holds(account: Account, source: str) -> bool:
    return any(commit.source == source and commit.records for commit in account.commits)
