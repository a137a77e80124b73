"""A scenario of Bind records that are about 3 KB each as a row of an answer, which is what a busy tenant has."""

from collections.abc import Iterator
from datetime import timedelta
from random import Random

from collector.clock import SystemClock
from collector.model import Window
from collector.simulator import AuditRow, Scenario
from collector.simulator.cast import CLIENTS, STAFF
from collector.simulator.mail import deliver, guid, moments, new_messages, old_messages
from collector.simulator.records import Bind, Context, Pick, accessed

DAYS = 20
ITEMS = 11
"""Messages that a record names; with so many its row is about 3 KB."""


def heavy(records: int) -> Scenario:
    """Tell of so many records over the twenty days that ended two days ago, so that all of it is settled."""
    end = SystemClock().now().replace(minute=0, second=0, microsecond=0) - timedelta(days=2)
    window = Window(end - timedelta(days=DAYS), end)
    return Scenario.of(audit=_binds(window, records), window=window)


def _binds(window: Window, records: int) -> Iterator[AuditRow]:
    rng = Random(1)
    folders = deliver([*old_messages(rng, window), *new_messages(rng, window, 5_000)])
    contexts = [
        (Context(person, person.upn, person.ip, client, session=guid(rng)), folders[person].inbox)
        for person in STAFF
        for client in CLIENTS.values()
    ]
    for moment in moments(rng, window, records):
        context, folder = rng.choice(contexts)
        first = rng.randrange(max(1, len(folder.items) - ITEMS))
        yield accessed(Bind(moment, guid(rng), context, (Pick(folder, first, ITEMS),)))
