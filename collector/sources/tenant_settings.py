"""`tenant-settings`: what a statement on coverage rests on, and the ways out of a mailbox. Source: protocol.md C3.

Invariant: each mailbox of interest is asked for by itself, so that what is known of it does not hang on a listing of
the whole tenant, whose next link the service may refuse (protocol.md B3).
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from collector.errors import Unanswered
from collector.sources.base import Question, loose
from collector.sources.cmdlets import Call, Cmdlets

TENANT_SETTINGS = "tenant-settings"

_ALL = {"ResultSize": "Unlimited"}

_OF_THE_TENANT: Mapping[str, Call] = {
    "Get-AdminAuditLogConfig": Call("Get-AdminAuditLogConfig", {}),
    "Get-OrganizationConfig": Call("Get-OrganizationConfig", {}),
    "Get-Mailbox": Call("Get-Mailbox", _ALL),
    "Get-Mailbox inactive": Call("Get-Mailbox", {**_ALL, "InactiveMailboxOnly": True}),
    "Get-Mailbox soft-deleted": Call("Get-Mailbox", {**_ALL, "SoftDeletedMailbox": True}),
    "Get-MailboxAuditBypassAssociation": Call("Get-MailboxAuditBypassAssociation", _ALL),
    "Get-TransportRule": Call("Get-TransportRule", _ALL),
}
"""Is auditing on, of which mailboxes and for whom not, and what the tenant does with mail that passes."""

_OF_A_MAILBOX: Mapping[str, tuple[str, Mapping[str, Any]]] = {
    "Get-Mailbox": ("Identity", {"IncludeInactiveMailbox": True}),
    "Get-InboxRule": ("Mailbox", {"IncludeHidden": True}),
    "Get-MailboxPermission": ("Identity", {}),
    "Get-RecipientPermission": ("Identity", {}),
    "Get-MailboxFolderStatistics": ("Identity", {}),
    "Get-MailboxFolderPermission": ("Identity", {}),
    "Get-CASMailbox": ("Identity", {}),
}
"""Its audit sets and forwarding, its rules, who else may open it or send from it, its folders, whom they are shared
with, and its open protocols: by cmdlet the parameter that names the mailbox, and the others."""

UNSHARED = ("root", "outbox", "audits", "calendarlogging", "recoverableitems")
"""How types of folders begin (Get-MailboxFolderStatistics; blanks and case vary) that nobody opens or shares: the root,
which is asked for by the mailbox alone, and those of the service's own. All others are looked at one by one: what
people share, and where mail is hidden."""

SLASH = "\uf8ff"
"""What Get-MailboxFolderStatistics writes for a slash in a folder's own name."""


def calls(mailboxes: Iterable[str]) -> dict[str, Call]:
    """Return the calls by part: first the tenant's own, then each mailbox's."""
    of_mailboxes = {
        f"{cmdlet} {mailbox}": Call(cmdlet, {parameter: mailbox, **others})
        for mailbox in mailboxes
        for cmdlet, (parameter, others) in _OF_A_MAILBOX.items()
    }
    return {**_OF_THE_TENANT, **of_mailboxes}


class TenantSettings(Cmdlets):
    """Makes the calls of a plan; the permissions of a mailbox's folders take one call for each folder.

    Folders have their names in the mailbox owner's language, so that they are asked for first.
    """

    def _led_to(self, call: Call, question: Question) -> Iterator[Call]:
        yield call
        if call.cmdlet == "Get-MailboxFolderPermission":
            mailbox = call.parameters["Identity"]
            listing = Call("Get-MailboxFolderStatistics", {"Identity": mailbox})
            folders = [loose(raw) for raw in self._whole(listing, question)]
            shared = [folder.get("FolderPath") for folder in folders if _may_be_shared(folder)]
            paths = [path for path in shared if isinstance(path, str) and path]
            for path in paths:
                below = path.replace("/", "\\").replace(SLASH, "/")
                yield Call("Get-MailboxFolderPermission", {"Identity": f"{mailbox}:{below}"})
            if len(paths) < len(shared):
                raise Unanswered("a folder tells no path", reason="folder-without-path")


def _may_be_shared(folder: Mapping[str, Any]) -> bool:
    return not "".join(str(folder.get("FolderType")).lower().split()).startswith(UNSHARED)
