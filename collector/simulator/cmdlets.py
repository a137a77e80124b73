"""Every cmdlet that a tenant has, by name; protocol.md C."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from collector.simulator.access_rights import AccessRights
from collector.simulator.address_book import AddressBook
from collector.simulator.audit_log import AuditLog
from collector.simulator.behaviour import Behaviour, OldStore, Quotas
from collector.simulator.historical_search import HistoricalSearch
from collector.simulator.mailbox_audit_log import MailboxAuditLog
from collector.simulator.mailbox_contents import MailboxContents
from collector.simulator.mailboxes import Mailboxes
from collector.simulator.message_trace import MessageTrace
from collector.simulator.scenario import Scenario
from collector.simulator.settings import Settings
from collector.simulator.throttle import Throttle
from collector.simulator.trace_detail import TraceDetail
from collector.simulator.wire import Answer

SEARCH = "Search-UnifiedAuditLog"
TRACE = "Get-MessageTraceV2"
DETAIL = "Get-MessageTraceDetailV2"
OLD_SEARCH = "Search-MailboxAuditLog"

Cmdlet = Callable[[Mapping[str, Any]], Answer]


class Cmdlets:
    """The cmdlets of one tenant, over what its scenario holds."""

    def __init__(
        self, address: str, scenario: Scenario, behaviour: Behaviour, quotas: Quotas, now: Callable[[], datetime]
    ) -> None:
        book = AddressBook(scenario.mailboxes, scenario.configuration)
        self.audit_log = AuditLog(scenario, behaviour, quotas, now)
        self.reports = HistoricalSearch(address, scenario, behaviour.reports, quotas, now)
        self._trace_quota = Throttle(quotas.trace_requests, quotas.trace_period, now)
        known: dict[str, Cmdlet] = {
            SEARCH: self.audit_log.search,
            OLD_SEARCH: MailboxAuditLog(scenario, book, behaviour, quotas, now).search,
            TRACE: MessageTrace(scenario, behaviour, quotas, now).trace,
            DETAIL: TraceDetail(scenario, quotas, now).detail,
            "Start-HistoricalSearch": self.reports.start,
            "Get-HistoricalSearch": self.reports.get,
            **_settings(scenario, book),
        }
        gone = behaviour.absent | ({OLD_SEARCH} if behaviour.old_store is OldStore.GONE else set())
        self._known = {name: cmdlet for name, cmdlet in known.items() if name not in gone}

    def get(self, name: str) -> Cmdlet | None:
        """Return a cmdlet, None for one that the tenant does not have."""
        return self._known.get(name)

    def throttled(self, name: str) -> int | None:
        """Count a call against its quota, which trace and detail share; returns the seconds of Retry-After."""
        return self._trace_quota.wait() if name in (TRACE, DETAIL) else None


def _settings(scenario: Scenario, book: AddressBook) -> dict[str, Cmdlet]:
    """Return the cmdlets that read how a tenant is set up; protocol.md C3."""
    settings = Settings(scenario.configuration, book)
    mailboxes = Mailboxes(book)
    contents = MailboxContents(scenario.configuration, book)
    rights = AccessRights(scenario.configuration, book)
    return {
        "Get-AdminAuditLogConfig": settings.audit_config,
        "Get-OrganizationConfig": settings.organization,
        "Get-MailboxAuditBypassAssociation": settings.bypasses,
        "Get-TransportRule": settings.transport_rules,
        "Get-Mailbox": mailboxes.mailbox,
        "Get-CASMailbox": mailboxes.client_access,
        "Get-Recipient": mailboxes.recipient,
        "Get-User": mailboxes.user,
        "Get-InboxRule": contents.rules,
        "Get-MailboxFolderStatistics": contents.folders,
        "Get-MailboxPermission": rights.mailbox,
        "Get-RecipientPermission": rights.recipient,
        "Get-MailboxFolderPermission": rights.folder,
    }
