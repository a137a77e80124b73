"""What happened to a message on its way to one recipient, as its trace row ended; protocol.md C5, C6.

Invariant: the events of a row are the same each time, ascend in time, begin with its receipt and end as its status
says, so that a trace, its detail and a report of the same message never contradict each other.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from xml.sax.saxutils import quoteattr

from collector.simulator.scenario import DOMAIN, TraceRow, ticks

SERVER = "DB7PR04MB4346.eurprd04.prod.outlook.com"
EVENTS = ("RECEIVE", "SEND", "FAIL", "DELIVER", "EXPAND", "TRANSFER", "DEFER")

_ENDS = {
    "Delivered": ("DELIVER", "", "The message was successfully delivered to the folder: DefaultFolderType:Inbox"),
    "FilteredAsSpam": ("DELIVER", "", "The message was delivered to the folder: DefaultFolderType:JunkEmail"),
    "Failed": ("FAIL", "", "Reason: [{LED=550 5.1.10 RESOLVER.ADR.RecipientNotFound; Recipient not found}]"),
    "Quarantined": ("FAIL", "Quarantine", "The message was quarantined as Phish."),
    "Expanded": ("EXPAND", "", "The distribution group was expanded."),
    "Resolved": ("TRANSFER", "", "The recipient was resolved to another address."),
}
_UNSETTLED = ("DEFER", "", "451 4.7.500 Server busy. Please try again later.")


@dataclass(frozen=True)
class TraceEvent:
    """One step of a message; `facts` is what its Data holds by name."""

    at: datetime
    event: str
    action: str
    detail: str
    facts: Mapping[str, str]

    @property
    def stamp(self) -> str:
        """The time with seven fractional digits."""
        return ticks(self.at)

    @property
    def data(self) -> str:
        """The Data of Get-MessageTraceDetailV2: XML in a string."""
        facts = "".join(
            f"<MEP Name={quoteattr(name)} String={quoteattr(value)}/>" for name, value in self.facts.items()
        )
        return f"<root>{facts}</root>"


def events(row: TraceRow) -> tuple[TraceEvent, ...]:
    """Return what happened to a row's message, in time order."""
    received = datetime.fromisoformat(row.received)
    name, action, detail = _ENDS.get(row.status, _UNSETTLED)
    if row.status == "Delivered" and not row.recipient.casefold().endswith(f"@{DOMAIN}"):
        name, detail = "SEND", "Message transferred to an external mail server."
    arrival = {
        "ConnectorId": f"{SERVER}\\Default {SERVER}",
        "ClientIP": row.from_ip,
        "ServerHostName": SERVER,
        "FirstForestHop": SERVER,
        "DeliveryPriority": "Normal",
        "ReturnPath": row.sender,
    }
    ended = {"MailboxServer": SERVER, "RecipientReference": row.recipient, "Status": row.status}
    return (
        TraceEvent(received, "RECEIVE", "", f"Message received by: {SERVER}", arrival),
        TraceEvent(received + timedelta(milliseconds=1500), name, action, detail, ended),
    )
