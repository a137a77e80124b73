"""Which mailbox a record belongs to, what it and its users are called: from all the evidence, before any filter."""

from collections import defaultdict
from collections.abc import Iterable
from datetime import UTC, datetime

from tests.analysis.oracle.records import Record

Key = tuple[str, str] | None
_NEVER = datetime.min.replace(tzinfo=UTC)


class Mailboxes:
    """The mailboxes of the evidence, by MailboxGuid, else by the owner's name."""

    def __init__(self, records: Iterable[Record]) -> None:
        records = list(records)
        self._guids: dict[str, set[str]] = defaultdict(set)
        for record in records:
            if record.guid and record.upn:
                self._guids[record.upn.lower()].add(record.guid.lower())
        self._names: dict[Key, list[tuple[datetime, str]]] = defaultdict(list)
        self._written: dict[Key, str] = {}
        self._users: dict[str, tuple[datetime, str]] = {}
        for record in records:
            if record.user:
                seen = record.time or _NEVER, record.user
                self._users[record.user.lower()] = max(seen, self._users.get(record.user.lower(), seen))
            if record.upn:
                self._names[self.key(record)].append((record.time or _NEVER, record.upn))
            if record.guid:
                self._written[self.key(record)] = min(record.guid, self._written.get(self.key(record), record.guid))

    def key(self, record: Record) -> Key:
        """Return what tells a record's mailbox from others, None where it names none."""
        if record.guid:
            return "guid", record.guid.lower()
        if not record.upn:
            return None
        guids = self._guids.get(record.upn.lower(), set())
        return ("guid", next(iter(guids))) if len(guids) == 1 else ("upn", record.upn.lower())

    def name(self, key: Key) -> str | None:
        """Return a mailbox's latest name, its guid where it never had one."""
        return max(self._names[key])[1] if key in self._names else self._written.get(key)

    def user(self, name: str | None) -> str | None:
        """Return a user's name as the latest record writes it."""
        return self._users[name.lower()][1] if name else name

    def addresses(self, key: Key) -> set[str]:
        """Return every name that a mailbox ever had, in lower case."""
        return {name.lower() for _, name in self._names.get(key, [])}

    def matches(self, key: Key, wanted: set[str]) -> bool:
        """Whether one of the wanted, in lower case, is a name of the mailbox or its guid."""
        return key is not None and not wanted.isdisjoint(self.addresses(key) | {key[1]})
