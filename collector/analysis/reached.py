"""Tells a case what message traces reach: of each mailbox, and of each message that was asked for by its id.

Invariant: a mailbox is judged by the runs of its own tenant.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from collector.analysis.case import Case, Mailbox
from collector.analysis.readers import TRACES
from collector.analysis.traced import Batch, Reach, asked_by_id, reach
from collector.evidence import Account

NOT_BY_ID = 0
"""The number that stands for not being asked for by an id."""


class Judged(NamedTuple):
    """What is to be said of the messages of a mailbox that were `asked` for alike, where no trace row names them."""

    mailbox_key: str | None
    asked: int
    reach: Reach


def say_reach(case: Case, accounts: Sequence[Account]) -> None:
    """Tell a case what the traces of some runs reach."""
    messages = asked_by_id(accounts)
    alike = {batches: number for number, batches in enumerate(dict.fromkeys(messages.values()), NOT_BY_ID + 1)}
    case.say_asked({message: alike[batches] for message, batches in messages.items()})
    case.say_reach([(one.mailbox_key, one.asked, *one.reach) for one in _judged(case, accounts, alike)])


def _judged(case: Case, accounts: Sequence[Account], alike: Mapping[tuple[Batch, ...], int]) -> Iterator[Judged]:
    pairs = case.asked_of_mailboxes()
    batches = {number: of for of, number in alike.items()}
    traces = [[one for one in account.coverage.slices if one.source in TRACES] for account in accounts]
    for mailbox in case.mailboxes():
        own = _own_runs(case, accounts, mailbox)
        slices = [one for run in own for one in traces[run]]
        for number in (NOT_BY_ID, *pairs.get(mailbox.key, ())):
            of = [batch for batch in batches.get(number, ()) if batch.run in own]
            by_id = [one for batch in of for one in traces[batch.run] if one.part == batch.part]
            yield Judged(mailbox.key, number, reach(slices, mailbox.names, by_id))


def _own_runs(case: Case, accounts: Sequence[Account], mailbox: Mailbox) -> list[int]:
    """Return the places of the runs of a mailbox's tenant, of all runs where they are of one."""
    tenants = [account.plan.tenant.lower() for account in accounts]
    own = set(tenants)
    if len(own) > 1:
        runs = case.runs_of(mailbox)
        own = {tenant for tenant, account in zip(tenants, accounts, strict=True) if str(account.path) in runs}
    return [place for place, tenant in enumerate(tenants) if tenant in own]
