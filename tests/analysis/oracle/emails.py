"""The question that joins accessed messages with their trace."""

from collections import defaultdict
from collections.abc import Hashable, Iterable
from typing import Any

from tests.analysis.oracle.mailboxes import Mailboxes
from tests.analysis.oracle.questions import distinct, only, smallest
from tests.analysis.oracle.reading import Evidence
from tests.analysis.oracle.records import BIND, Item, Record
from tests.analysis.oracle.values import bare, moment, number, shown, text

Row = dict[str, Any]


class Traces:
    """Trace rows by the id of their message: exact, else without case."""

    def __init__(self, rows: Iterable[Row]) -> None:
        self._exact: dict[str, list[Row]] = defaultdict(list)
        self._folded: dict[str, list[Row]] = defaultdict(list)
        for row in rows:
            message = bare(text(row.get("MessageId")))
            if message is not None:
                self._exact[message].append(row)
                self._folded[message.lower()].append(row)

    def of(self, message: str | None) -> list[Row]:
        """Return the rows of a message."""
        if message is None:
            return []
        return self._exact.get(message) or self._folded.get(message.lower(), [])


def emails(records: list[Record], mailboxes: Mailboxes, evidence: Evidence) -> list[Row]:
    """Answer what the messages were that were accessed."""
    traces = Traces(evidence.traces)
    groups: dict[Hashable, list[tuple[Record, Item]]] = defaultdict(list)
    for record in only(records, BIND):
        for item in record.items:
            groups[item.message, mailboxes.key(record)].append((record, item))
    rows = []
    for pairs in groups.values():
        key = mailboxes.key(pairs[0][0])
        items = [item for _, item in pairs]
        found = traces.of(items[0].message)
        trace, reason = ("found", None) if found else reach(evidence.trace_slices, mailboxes.addresses(key))
        named = {"internet_message_id": smallest(one.name for one in items), "mailbox": mailboxes.name(key)}
        rows.append({**named, **_email(items, found), "trace": trace, "reason": reason})
    return rows


def _email(items: list[Item], traces: list[Row]) -> Row:
    subjects = [text(one.get("Subject")) for one in traces] if traces else [one.subject for one in items]
    sizes = [number(one.get("Size")) for one in traces] if traces else [one.size for one in items]
    times = [time for one in traces if (time := moment(one.get("Received"))) is not None]
    return {
        "subject": smallest(subjects),
        "sender": smallest(text(one.get("SenderAddress")) for one in traces),
        "recipients": distinct(text(one.get("RecipientAddress")) for one in traces),
        "received": shown(min(times, default=None)),
        "size": max((size for size in sizes if size is not None), default=None),
        "statuses": distinct(text(one.get("Status")) for one in traces),
        "from_ip": smallest(text(one.get("FromIP")) for one in traces),
    }


def reach(slices: Iterable[Row], addresses: set[str]) -> tuple[str, str]:
    """Return what it means that a mailbox's message was not found, and why."""
    whole: list[Row] = []
    sides: dict[str, list[Row]] = {"sender": [], "recipient": []}
    for one in slices:
        side, _, address = (one["part"] or "").lower().partition(":")
        if one["part"] is None:
            whole.append(one)
        elif side in sides and address in addresses:
            sides[side].append(one)
    concerned = whole + sides["sender"] + sides["recipient"]
    if not whole and not all(sides.values()):
        return "out-of-reach", "not traced"
    gaps = [f"{one['start']}/{one['end']} {one['reason']}" for one in concerned if one["status"] == "gap"]
    if gaps:
        return "out-of-reach", f"gaps: {', '.join(gaps)}"
    return "not-found", "not in " + ", ".join(sorted(f"{one['start']}/{one['end']}" for one in concerned))
