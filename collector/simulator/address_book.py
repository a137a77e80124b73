"""How an Identity finds a mailbox or a folder of it, and how it does not; protocol.md B1, B4.

Invariant: what is not found is a 404 with ManagementObjectNotFoundException, and never an empty answer.
"""

from collections.abc import Collection, Iterable, Iterator

from collector.simulator.directory import Configuration, FolderFacts, Mailbox, Standing, external_id
from collector.simulator.rows import Guid
from collector.simulator.wire import TYPE_NAME, CmdletError

_CONTROLLER = "DB7PR04A009DC01.EURPR04A009.PROD.OUTLOOK.COM"
_IN_USE = frozenset({Standing.ACTIVE})
_STANDARD = (
    ("/Top of Information Store", "Root"),
    ("/Calendar", "Calendar"),
    ("/Contacts", "Contacts"),
    ("/Deleted Items", "DeletedItems"),
    ("/Drafts", "Drafts"),
    ("/Inbox", "Inbox"),
    ("/Junk Email", "JunkEmail"),
    ("/RSS Feeds", "RssSubscription"),
    ("/Sent Items", "SentItems"),
    ("/Recoverable Items", "RecoverableItemsRoot"),
)
"""The folders that every mailbox has: path, and FolderType."""


def not_found(what: str) -> CmdletError:
    """Return the error of an object that is not there."""
    message = f"The operation couldn't be performed because object '{what}' couldn't be found on '{_CONTROLLER}'."
    kind = f"{TYPE_NAME}.ManagementObjectNotFoundException"
    return CmdletError(message, kind=kind, status=404, identifier="Ex6F9304")


def user_guid(mailbox: Mailbox) -> Guid:
    """Return the Guid of the object that a mailbox belongs to, which is another than its ExchangeGuid."""
    return Guid.of("user", mailbox.upn)


class AddressBook:
    """The mailboxes of a tenant, found by any of their names, and their folders."""

    def __init__(self, mailboxes: Iterable[Mailbox], configuration: Configuration) -> None:
        self._mailboxes = tuple(mailboxes)
        self._folders = configuration.folders

    def all(self, standings: Collection[Standing] = _IN_USE) -> list[Mailbox]:
        """Return the mailboxes of some standings."""
        return [box for box in self._mailboxes if box.standing in standings]

    def one(self, identity: str, standings: Collection[Standing] = _IN_USE) -> Mailbox:
        """Return the mailbox that an Identity names; raises CmdletError."""
        wanted = identity.casefold()
        found = next((box for box in self.all(standings) if wanted in _names(box)), None)
        if found is None:
            raise not_found(identity)
        return found

    def chosen(self, identity: str | None, standings: Collection[Standing] = _IN_USE) -> list[Mailbox]:
        """Return the mailbox that an Identity names, all where there is none."""
        return [self.one(identity, standings)] if identity is not None else self.all(standings)

    def folders(self, mailbox: Mailbox) -> list[FolderFacts]:
        """Return the folders of a mailbox: its own, and those of the standard ones that it has none of."""
        own = [folder for folder in self._folders if folder.mailbox == mailbox.upn]
        kinds = {folder.kind for folder in own}
        return [*own, *(folder for folder in _standard(mailbox) if folder.kind not in kinds)]

    def folder(self, identity: str) -> tuple[Mailbox, FolderFacts]:
        r"""Return what `mailbox:\path` names; the mailbox alone names the top of its folders."""
        name, _, path = identity.partition(":")
        mailbox = self.one(name)
        wanted = path.replace("\\", "/").casefold() or _STANDARD[0][0].casefold()
        found = next((each for each in self.folders(mailbox) if each.path.casefold() == wanted), None)
        if found is None:
            raise not_found(identity)
        return mailbox, found


def _names(mailbox: Mailbox) -> set[str]:
    names = (mailbox.upn, mailbox.guid, mailbox.name, mailbox.upn.partition("@")[0], *mailbox.aliases)
    return {name.casefold() for name in (*names, user_guid(mailbox), external_id(mailbox.upn))}


def _standard(mailbox: Mailbox) -> Iterator[FolderFacts]:
    for path, kind in _STANDARD:
        identity = Guid.of("folder", mailbox.upn, path).replace("-", "")
        yield FolderFacts(mailbox.upn, f"LgAAAAD{identity}AAAB", path, kind, 0, 0)
