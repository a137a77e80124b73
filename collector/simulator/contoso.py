"""How the story's tenant is set up: its mailboxes, rules and permissions, each as the plot left it; protocol.md C3.

Invariants: what an audit record of the story says was done stands in the settings too; the mailboxes whose auditing
is not as it should be have no records that would contradict it.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from collector.simulator.cast import MEGAN, NOAH, PRIYA, STAFF, Person
from collector.simulator.directory import (
    OWNER_SET,
    AuditSettings,
    Configuration,
    FolderFacts,
    InboxRule,
    Mailbox,
    MailboxKind,
    Permission,
    Standing,
    TransportRule,
)
from collector.simulator.mail import Folder, Folders
from collector.simulator.rows import Guid
from collector.simulator.scenario import DOMAIN

RULE_NAME = ".."
RULE_FOLDER = "RSS Feeds"
"""The inbox rule that the attacker hides behind."""

MESSAGE_BYTES = 75_000
"""What a message takes up in a mailbox, on average."""

_KINDS = ("Inbox", "SentItems", "User Created")


def _other(name: str, **more: Any) -> Mailbox:
    upn = f"{name}@{DOMAIN}"
    return Mailbox(upn, Guid.of("mailbox", upn), name.replace(".", " ").title(), **more)


FINANCE = _other("finance", kind=MailboxKind.SHARED, aliases=(f"invoices@{DOMAIN}",))
CUSTOMISED = _other(
    "temp.worker",
    audit=AuditSettings(
        owner=tuple(action for action in OWNER_SET if action != "MailItemsAccessed"), managed=("Admin", "Delegate")
    ),
)
UNAUDITED = _other("kiosk.desk", audit=AuditSettings(enabled=False))
UNLICENSED = _other("front.line", audit=AuditSettings(capabilities=("BPOS_S_Standard",)))
BYPASSED = _other("svc.migration")
INACTIVE = _other("former.employee", standing=Standing.INACTIVE)
SOFT_DELETED = _other("left.lately", standing=Standing.SOFT_DELETED)
OTHERS = (
    FINANCE,
    CUSTOMISED,
    UNAUDITED,
    UNLICENSED,
    BYPASSED,
    _other("room.berlin", kind=MailboxKind.ROOM),
    _other("discoverysearchmailbox", kind=MailboxKind.DISCOVERY),
    INACTIVE,
    SOFT_DELETED,
)


def mailboxes() -> tuple[Mailbox, ...]:
    """Return the mailboxes of the tenant: those of the staff first."""
    return (*(person.mailbox for person in STAFF), *OTHERS)


def configuration(folders: Mapping[Person, Folders]) -> Configuration:
    """Return how the tenant is set up, its folders as full as the story's mail makes them."""
    return Configuration(
        bypassed=frozenset({BYPASSED.upn}),
        inbox_rules=tuple(_inbox_rules()),
        transport_rules=(
            TransportRule(
                "External warning",
                Guid.of("rule", "external"),
                from_scope="NotInOrganization",
                header=("X-External", "yes"),
            ),
            TransportRule("Journal to archive", Guid.of("rule", "journal"), "Disabled", None, (f"archive@{DOMAIN}",)),
        ),
        permissions=(
            Permission(MEGAN.upn, PRIYA.upn, ("FullAccess",)),
            Permission(FINANCE.upn, MEGAN.upn, ("FullAccess",)),
            Permission(FINANCE.upn, NOAH.upn, ("ReadPermission",)),
        ),
        send_as=(Permission(FINANCE.upn, MEGAN.upn, ("SendAs",)),),
        folder_permissions=(
            Permission(MEGAN.upn, PRIYA.upn, ("Editor",), f"/{MEGAN.inbox}"),
            Permission(NOAH.upn, MEGAN.upn, ("Reviewer",), "/Calendar"),
        ),
        folders=tuple(
            _facts(person, kind, folder)
            for person, theirs in folders.items()
            for kind, folder in zip(_KINDS, theirs, strict=True)
        ),
    )


def _inbox_rules() -> Iterator[InboxRule]:
    for person in STAFF:
        yield InboxRule(person.upn, "Junk E-mail Rule", 7_000_000 + person.number, hidden=True)
    yield InboxRule(MEGAN.upn, RULE_NAME, 9_184_733, subject_words=("Invoice",), move_to=RULE_FOLDER, mark_read=True)
    yield InboxRule(NOAH.upn, "Newsletters", 9_184_734, subject_words=("Newsletter",), move_to="Newsletters")


def _facts(person: Person, kind: str, folder: Folder) -> FolderFacts:
    count, first, last = len(folder.items), folder.times[:1], folder.times[-1:]
    return FolderFacts(
        person.upn,
        folder.id,
        folder.path.replace("\\", "/"),
        kind,
        count,
        count * MESSAGE_BYTES,
        oldest=first[0] if first else None,
        newest=last[0] if last else None,
    )
