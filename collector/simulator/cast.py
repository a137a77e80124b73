"""The people of the story, their mailboxes, and where they and the attacker come from. All are made up."""

import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from collector.simulator.directory import Mailbox, external_id
from collector.simulator.scenario import DOMAIN


@dataclass(frozen=True)
class Person:
    """A user of the tenant. `ip` is where they work from; `inbox` and `sent` are the folders' localised names."""

    name: str
    number: int
    inbox: str = "Inbox"
    sent: str = "Sent Items"
    archive: str = "Projects"

    @property
    def upn(self) -> str:
        """The user principal name, which is also the mail address."""
        return f"{self.name}@{DOMAIN}"

    @property
    def ip(self) -> str:
        """The address of the office or home that they work from."""
        return f"198.51.100.{10 + self.number}"

    @property
    def sid(self) -> str:
        """The security identifier."""
        return f"S-1-5-21-1000000000-2000000000-3000000000-{5000 + self.number}"

    @property
    def key(self) -> str:
        """The PUID that UserKey holds."""
        return f"1003200{self.number:09X}"

    @cached_property
    def mailbox_guid(self) -> str:
        """The MailboxGuid, the same in each scenario."""
        return str(uuid.uuid5(uuid.NAMESPACE_DNS, self.upn))

    @property
    def object_id(self) -> str:
        """The object id in Entra, which is the ExternalDirectoryObjectId of the mailbox."""
        return external_id(self.upn)

    @property
    def mailbox(self) -> Mailbox:
        """What Get-Mailbox tells."""
        return Mailbox(self.upn, self.mailbox_guid, self.name.replace(".", " ").title())


MEGAN = Person("megan.owner", 1, archive="Finance")
NOAH = Person("noah.second", 2)
PRIYA = Person("priya.delegate", 3)
AMELIE = Person("amelie.bureau", 4, "Boîte de réception", "Éléments envoyés", "Comptabilité")
STAFF = (
    MEGAN,
    NOAH,
    PRIYA,
    AMELIE,
    *(Person(f"colleague{number:02}", number, archive="Archive") for number in range(5, 17)),
)

ATTACKER_IPS = ("203.0.113.50", "203.0.113.77")
ATTACKER_SESSIONS = (
    "a77ac4e2-0001-4000-8000-000000000001",
    "a77ac4e2-0002-4000-8000-000000000002",
    "a77ac4e2-0003-4000-8000-000000000003",
)
ATTACKER_AAD_SESSION = "a77ac4e2-0004-4000-8000-000000000004"
FRONT_END_IPS = ("2001:db8:10a6:800:125::13", "2001:db8:10a6:802:59:cafe:0:56")

OWA_APP = "00000002-0000-0ff1-ce00-000000000000"
GRAPH_APP = "00000003-0000-0000-c000-000000000000"
MOBILE_APP = "27922004-5251-4030-b22d-91ecd9a37ea4"
BACKUP_APP = "bac00bac-0000-4000-8000-00000000c0de"
ATTACKER_APP = "a77ac4e2-0005-4000-8000-0000000000ff"

CLIENTS = {
    "owa": "Client=OWA;Action=ViaProxy",
    "rest": "Client=REST;Client=RESTSystem;;",
    "desktop": "Client=MSExchangeRPC",
    "mobile": "Client=OutlookService;Outlook-iOS/2.0;",
    "ews": "Client=WebServices;Microsoft Office/16.0 (Windows NT 10.0; Microsoft Outlook 16.0.17328; Pro);",
}
"""ClientInfoString by kind of client; protocol.md F2."""


def partners() -> Iterator[str]:
    """Yield the outside addresses that the tenant writes with."""
    for name in ("orders", "billing", "jonas", "support", "newsletter", "hr"):
        yield f"{name}@fabrikam.example.org"
