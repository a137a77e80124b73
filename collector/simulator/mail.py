"""The tenant's mail: messages, the folders they lie in, and their message trace.

Invariants: a folder's items ascend by arrival, so that a record can only name what had arrived; the trace has
exactly the rows that were asked for. Mail from before the window lies in the folders and has no trace.
"""

import base64
import json
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property
from random import Random
from typing import NamedTuple

from collector.model import Window
from collector.simulator.cast import STAFF, Person, partners
from collector.simulator.scenario import DOMAIN, TraceRow

OLD_MESSAGES = 400
SUBJECTS = ("Invoice 2026-{}", "Re: Quarterly figures {}", "Überweisung {} / paiement reçu", "Lunch on {}?", "Order {}")
STATUSES = ("Delivered",) * 17 + ("FilteredAsSpam", "Failed", "Quarantined")

_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


class Message(NamedTuple):
    """A message as it was delivered. `received` has tenths of microseconds as text in `stamp`; protocol.md C4."""

    received: datetime
    stamp: str
    message_id: str
    sender: str
    recipients: tuple[str, ...]
    subject: str
    size: int


@dataclass
class Folder:
    """A folder: the arrival times of its items, and each item as a record names it."""

    id: str
    name: str
    path: str
    times: list[datetime] = field(default_factory=list)
    items: list[str] = field(default_factory=list)

    @cached_property
    def bind_members(self) -> str:
        """The folder's own members in a Bind record."""
        return _encode({"Id": self.id, "Path": self.path})[1:-1]

    @cached_property
    def sync_item(self) -> str:
        """The Item of a Sync record, whose folder is in Name; protocol.md F2."""
        return _encode({"Id": self.id, "ParentFolder": {"Id": self.id, "Name": self.name, "Path": "Not Available"}})

    def add(self, message: Message) -> None:
        """Put a message into the folder; now and then it is named in one of the other ways of protocol.md F2."""
        number = len(self.items)
        item_id = f"{self.id[:40]}{number:016d}AAA="
        item = {"InternetMessageId": message.message_id}
        if number % 37 == 36:
            item = {"Id": item_id}
        elif number % 2:
            item = {"Id": item_id, **item, "SizeInBytes": message.size}  # type: ignore[dict-item]
        self.times.append(message.received)
        self.items.append(_encode(item))

    def arrived(self, moment: datetime) -> int:
        """Return how many items had arrived."""
        return bisect_right(self.times, moment)


class Folders(NamedTuple):
    """The folders of one mailbox that the story uses."""

    inbox: Folder
    sent: Folder
    archive: Folder


def folders_of(person: Person) -> Folders:
    """Make the empty folders of a mailbox."""
    paths = (f"\\{person.inbox}", f"\\{person.sent}", f"\\{person.inbox}\\{person.archive}")
    made = (Folder(_folder_id(person, number), path.rpartition("\\")[2], path) for number, path in enumerate(paths, 1))
    return Folders(*made)


def _folder_id(person: Person, number: int) -> str:
    raw = bytes.fromhex(person.mailbox_guid.replace("-", "")) + number.to_bytes(16, "big")
    return f"LgAAAAD{base64.b64encode(raw).decode().rstrip('=')}AAAB"


def moments(rng: Random, window: Window, count: int) -> list[datetime]:
    """Draw times, ascending, whole seconds: many on working days, few at night and at weekends."""
    hours = max(1, int(window.length / timedelta(hours=1)))
    slots = [window.start + timedelta(hours=hour) for hour in range(hours)]
    width = int(window.length.total_seconds()) // hours
    drawn = rng.choices(slots, [_busy(slot) for slot in slots], k=count)
    return sorted(slot + timedelta(seconds=int(rng.random() * width)) for slot in drawn)


def _busy(slot: datetime) -> int:
    if slot.weekday() >= 5:
        return 2
    return 20 if 7 <= slot.hour < 18 else 1


def old_messages(rng: Random, window: Window) -> list[Message]:
    """Write the mail of the month before the window."""
    before = Window(window.start - timedelta(days=30), window.start)
    return [_message(rng, moment, 0) for moment in moments(rng, before, OLD_MESSAGES)]


def new_messages(rng: Random, window: Window, rows: int) -> list[Message]:
    """Write mail whose trace has exactly this many rows; now and then two messages share a moment."""
    sizes = list(_recipient_counts(rng, rows))
    times = moments(rng, window, len(sizes))
    for index in range(9, len(times), 10):
        times[index] = times[index - 1]
    return [_message(rng, moment, index, size) for index, (moment, size) in enumerate(zip(times, sizes, strict=True))]


def _recipient_counts(rng: Random, rows: int) -> Iterator[int]:
    while rows > 0:
        size = min(rows, rng.choice((1, 1, 1, 2, 3, 6)))
        rows -= size
        yield size


def _message(rng: Random, moment: datetime, index: int, size: int = 1) -> Message:
    people = rng.sample([person.upn for person in STAFF], size + 1)
    inward = rng.random() < 0.6
    sender = rng.choice(list(partners())) if inward else people[-1]
    sharing = 0 if index % 10 in (8, 9) else rng.randrange(10_000_000)
    return Message(
        received=moment,
        stamp=f"{moment:%Y-%m-%dT%H:%M:%S}.{sharing:07d}Z",
        message_id=f"<{rng.getrandbits(96):024X}@{'mail.fabrikam.example.org' if inward else f'mail.{DOMAIN}'}>",
        sender=sender,
        recipients=tuple(sorted(people[:size])),
        subject=rng.choice(SUBJECTS).format(rng.randrange(10_000)),
        size=rng.randrange(3_000, 3_000_000),
    )


def deliver(messages: Sequence[Message]) -> dict[Person, Folders]:
    """Sort messages, in order of arrival, into the folders of all who sent or received them."""
    folders = {person: folders_of(person) for person in STAFF}
    by_address = {person.upn: folders[person] for person in STAFF}
    for message in messages:
        if message.sender in by_address:
            by_address[message.sender].sent.add(message)
        for recipient in message.recipients:
            own = by_address[recipient]
            (own.archive if message.size % 4 == 0 else own.inbox).add(message)
    return folders


def trace(rng: Random, messages: Sequence[Message]) -> Iterator[TraceRow]:
    """Yield the trace of messages: a row for each recipient, those of one message under one MessageTraceId."""
    for message in messages:
        trace_id = guid(rng)
        from_ip = f"192.0.2.{rng.randrange(1, 255)}"
        for recipient in message.recipients:
            yield TraceRow(
                received=message.stamp,
                message_trace_id=trace_id,
                message_id=message.message_id,
                sender=message.sender,
                recipient=recipient,
                subject=message.subject,
                size=message.size,
                status=rng.choice(STATUSES),
                from_ip=from_ip,
            )


def guid(rng: Random) -> str:
    """Draw a GUID."""
    digits = f"{rng.getrandbits(128):032x}"
    return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-8{digits[17:20]}-{digits[20:]}"
