"""The cmdlets that tell of a mailbox's rules and folders; protocol.md C3."""

from collections.abc import Mapping
from typing import Any

from collector.simulator.address_book import AddressBook, not_found
from collector.simulator.directory import Configuration, FolderFacts, InboxRule, Mailbox
from collector.simulator.parameters import Reader, bind, flag, one_of, required, size_or_unlimited, text
from collector.simulator.rows import Size, limited, typed
from collector.simulator.settings import SET_UP
from collector.simulator.wire import Answer

_SCOPES = (
    "All", "Archive", "Calendar", "Contacts", "ConversationHistory", "DeletedItems", "Drafts", "Inbox", "JunkEmail",
    "Journal", "LegacyArchiveJournals", "ManagedCustomFolder", "NonIpmRoot", "Notes", "Outbox", "Personal",
    "RecoverableItems", "RssSubscriptions", "SentItems", "SyncIssues", "Tasks",
)  # fmt: skip
_RULE_PARAMETERS: dict[str, Reader] = {
    "Mailbox": text,
    "Identity": text,
    "IncludeHidden": flag,
    "BypassScopeCheck": flag,
    "ResultSize": size_or_unlimited,
}
_FOLDER_PARAMETERS: dict[str, Reader] = {
    "Identity": text,
    "FolderScope": one_of(*_SCOPES),
    "IncludeOldestAndNewestItems": flag,
    "IncludeSoftDeletedRecipients": flag,
    "Archive": flag,
    "ResultSize": size_or_unlimited,
}


class MailboxContents:
    """The rules and folders of a tenant's mailboxes."""

    def __init__(self, configuration: Configuration, book: AddressBook) -> None:
        self._rules = configuration.inbox_rules
        self._book = book

    def rules(self, given: Mapping[str, Any]) -> Answer:
        """Answer Get-InboxRule; an app has no mailbox of its own, so that one must be named."""
        asked = bind(given, _RULE_PARAMETERS)
        required(asked, "Mailbox")
        box = self._book.one(asked["Mailbox"])
        own = [rule for rule in self._rules if rule.mailbox == box.upn]
        shown = [rule for rule in own if asked.get("IncludeHidden") or not rule.hidden]
        if "Identity" in asked:
            shown = [rule for rule in shown if asked["Identity"].casefold() in (rule.name.casefold(), str(rule.number))]
            if not shown:
                raise not_found(asked["Identity"])
        rows = [_rule(box, place, rule) for place, rule in enumerate(shown, 1)]
        return limited(rows, asked.get("ResultSize", 1000))

    def folders(self, given: Mapping[str, Any]) -> Answer:
        """Answer Get-MailboxFolderStatistics."""
        asked = bind(given, _FOLDER_PARAMETERS)
        required(asked, "Identity")
        box = self._book.one(asked["Identity"])
        folders = self._book.folders(box)
        dated = asked.get("IncludeOldestAndNewestItems", False)
        shown = _within(folders, asked.get("FolderScope", "All"))
        rows = [_folder(box, folder, folders, dated=dated) for folder in shown]
        return limited(rows, asked.get("ResultSize", 1000))


def _rule(box: Mailbox, priority: int, rule: InboxRule) -> dict[str, Any]:
    fields = {
        "Identity": f"{box.name}\\{rule.number}",
        "RuleIdentity": str(rule.number),
        "Name": rule.name,
        "Enabled": rule.enabled,
        "Priority": priority,
        "Description": _description(rule),
        "MailboxOwnerId": box.name,
        "From": None,
        "SubjectContainsWords": list(rule.subject_words) or None,
        "SubjectOrBodyContainsWords": None,
        "MoveToFolder": rule.move_to,
        "ForwardTo": list(rule.forward_to) or None,
        "ForwardAsAttachmentTo": None,
        "RedirectTo": None,
        "DeleteMessage": rule.delete,
        "MarkAsRead": rule.mark_read,
        "StopProcessingRules": True,
        "InError": False,
        "Legacy": False,
        "IsValid": True,
        "ObjectState": "Unchanged",
    }
    return typed(fields)


def _description(rule: InboxRule) -> str:
    """Say in words what a rule does, as the service does with CRLF and tabs."""
    when = f"the message's subject contains {' or '.join(rule.subject_words)}" if rule.subject_words else "it arrives"
    done = [f'move the message to folder "{rule.move_to}"'] if rule.move_to else []
    done += [f"forward the message to {address}" for address in rule.forward_to]
    done += ["mark the message as Read"] if rule.mark_read else []
    done += ["delete the message"] if rule.delete else []
    steps = "\r\n\tand ".join([*done, "stop processing more rules on this message"])
    return f"If the message:\r\n\t{when}\r\nTake the following actions:\r\n\t{steps}\r\n"


def _within(folders: list[FolderFacts], scope: str) -> list[FolderFacts]:
    """Return the folders of a scope, which is named as their kind is or in the plural, and those below them."""
    tops = [each.path for each in folders if scope == "All" or each.kind.startswith(scope.rstrip("s"))]
    return [each for each in folders if any(each.path == top or each.path.startswith(f"{top}/") for top in tops)]


def _folder(box: Mailbox, folder: FolderFacts, all_: list[FolderFacts], *, dated: bool) -> dict[str, Any]:
    below = [each for each in all_ if each.path == folder.path or each.path.startswith(f"{folder.path}/")]
    fields = {
        "Name": folder.path.rpartition("/")[2],
        "Identity": f"{box.upn}{folder.path.replace('/', chr(92))}",
        "FolderPath": folder.path,
        "FolderId": folder.id,
        "FolderType": folder.kind,
        "CreationTime": SET_UP,
        "ItemsInFolder": folder.items,
        "DeletedItemsInFolder": 0,
        "FolderSize": Size(folder.size),
        "ItemsInFolderAndSubfolders": sum(each.items for each in below),
        "FolderAndSubfolderSize": Size(sum(each.size for each in below)),
        "OldestItemReceivedDate": folder.oldest if dated else None,
        "NewestItemReceivedDate": folder.newest if dated else None,
        "ContainerClass": "IPF.Note",
    }
    return typed(fields)
