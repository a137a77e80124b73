"""Everybody's ordinary work, which hides the plot: who reads mail with what, day by day.

Invariant: while a mailbox is blind no Bind of it is made; Syncs go on, they are not throttled (protocol.md F1).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from random import Random
from uuid import NAMESPACE_OID, uuid5

from collector.model import Window
from collector.simulator.cast import CLIENTS, FRONT_END_IPS, MEGAN, MOBILE_APP, OWA_APP, STAFF, Person
from collector.simulator.mail import Folder, Folders, guid
from collector.simulator.records import Bind, Context, Pick, Sync, accessed, event
from collector.simulator.scenario import AuditRow
from collector.simulator.sign_ins import BROWSER, STS_LOGON, Origin, signed_in

HABITS = ("owa", "owa", "desktop", "desktop", "rest", "rest", "rest", "mobile", "ews", "other")
SIZES = (1, 1, 1, 1, 2, 2, 3, 5, 8, 30)


def pick(rng: Random, folder: Folder, moment: datetime) -> Pick:
    """Choose some of the newest items of a folder that had arrived."""
    arrived = folder.arrived(moment)
    first = max(0, arrived - 1 - int(rng.random() * 59))
    return Pick(folder, first, min(rng.choice(SIZES), arrived - first))


@dataclass
class Office:
    """The staff at work. `blind` is when no Bind of Megan's mailbox is recorded."""

    rng: Random
    folders: dict[Person, Folders]
    blind: Window
    _contexts: dict[tuple[Person, str, date], Context] = field(default_factory=dict)

    def rows(self, times: Sequence[datetime]) -> Iterator[AuditRow]:
        """Yield a record of somebody's work for each of some times."""
        people = self.rng.choices(STAFF, k=len(times))
        habits = self.rng.choices(HABITS, k=len(times))
        yield from map(self._row, times, people, habits)

    def _row(self, moment: datetime, person: Person, habit: str) -> AuditRow:
        if person is MEGAN and self.blind.start <= moment < self.blind.end:
            habit = "desktop"
        if habit == "other":
            return self._other(person, moment)
        context, folders = self._context(person, habit, moment.date()), self.folders[person]
        identity = guid(self.rng)
        if context.sync:
            return accessed(Sync(moment, identity, context, self.rng.choice(folders)))
        chosen = (folders.inbox, folders.archive)[: self.rng.choice((1, 1, 2))]
        return accessed(Bind(moment, identity, context, tuple(pick(self.rng, folder, moment) for folder in chosen)))

    def _context(self, person: Person, habit: str, day: date) -> Context:
        """Return the day's session of a person with a client."""
        key = (person, habit, day)
        if key not in self._contexts:
            session = guid(self.rng) if habit in ("owa", "desktop") else None
            self._contexts[key] = Context(
                person,
                person.upn,
                self.rng.choice(FRONT_END_IPS) if habit == "rest" else person.ip,
                CLIENTS[habit],
                sync=habit == "desktop",
                session=session,
                app_id={"owa": OWA_APP, "mobile": MOBILE_APP}.get(habit),
            )
        return self._contexts[key]

    def _other(self, person: Person, moment: datetime) -> AuditRow:
        operation, kind = self.rng.choice((("UserLoggedIn", STS_LOGON), ("Send", 2), ("MoveToDeletedItems", 3)))
        identity = guid(self.rng)
        if kind == STS_LOGON:
            session = self._browser_session(person, moment, identity)
            return signed_in(moment, identity, person, Origin(person.ip, BROWSER), session)
        mailbox = {"MailboxGuid": person.mailbox_guid, "MailboxOwnerUPN": person.upn}
        return event(moment, identity, operation, kind, person, ClientIP=person.ip, **mailbox)

    def _browser_session(self, person: Person, moment: datetime, identity: str) -> str:
        """Return the session that a person has open in the browser that day, or one of its own for a sign-in."""
        context = self._contexts.get((person, "owa", moment.date()))
        return context.session if context and context.session else str(uuid5(NAMESPACE_OID, identity))
