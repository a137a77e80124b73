"""The cmdlets that read the settings of a whole tenant; protocol.md C3, B3."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from collector.simulator.address_book import AddressBook, not_found, user_guid
from collector.simulator.directory import Configuration, Mailbox, TransportRule
from collector.simulator.parameters import bind, one_of, size_or_unlimited, text
from collector.simulator.rows import Guid, limited, typed
from collector.simulator.scenario import DOMAIN
from collector.simulator.wire import Answer

SET_UP = datetime(2022, 9, 21, 8, 7, 47, tzinfo=UTC)
_SYSTEM_ACCOUNTS = (
    "DiscoverySearchMailbox {D919BA05-46A6-415f-80AD-7E09334BB852}",
    "FederatedEmail.4c1f4d8b-8179-4148-93bf-00a95fa1e042",
    "Migration.8f3e7716-2011-43e4-96b1-aba62d229136",
    "SystemMailbox{bb558c35-97f1-4cb9-8ff7-d53741dc928c}",
    "SystemMailbox{1f05a927-ca3d-4a25-8a6c-3d0b2b1a2f57}",
    "SystemMailbox{e0dc1c29-89c3-4034-b678-e6c29d823ed9}",
)
_ARBITRATION_ACCOUNTS = 220
"""How many more of them a tenant has; of 242 bypass associations nearly all are the system's (protocol.md C3)."""


class Settings:
    """The settings of a scenario's tenant."""

    def __init__(self, configuration: Configuration, book: AddressBook) -> None:
        self._configuration = configuration
        self._book = book

    def audit_config(self, given: Mapping[str, Any]) -> Answer:
        """Answer Get-AdminAuditLogConfig."""
        bind(given, {})
        fields = {
            "Name": "Admin Audit Log Settings",
            "AdminAuditLogEnabled": True,
            "AdminAuditLogCmdlets": ["*"],
            "AdminAuditLogParameters": ["*"],
            "AdminAuditLogExcludedCmdlets": [],
            "AdminAuditLogAgeLimit": timedelta(days=90),
            "LogLevel": "None",
            "TestCmdletLoggingEnabled": False,
            "UnifiedAuditLogIngestionEnabled": self._configuration.ingestion,
            "UnifiedAuditLogFirstOptInDate": self._configuration.first_opt_in,
            "Identity": "Admin Audit Log Settings",
            "Guid": Guid.of("admin audit log settings"),
            "WhenChanged": SET_UP,
        }
        return Answer([typed(fields)])

    def organization(self, given: Mapping[str, Any]) -> Answer:
        """Answer Get-OrganizationConfig."""
        bind(given, {})
        fields = {
            "Name": DOMAIN,
            "DisplayName": "Contoso",
            "Identity": DOMAIN,
            "Guid": Guid.of("organization"),
            "AuditDisabled": self._configuration.audit_disabled,
            "OAuth2ClientProfileEnabled": True,
            "AutoExpandingArchiveEnabled": False,
            "SmtpActionableMessagesEnabled": True,
            "EwsEnabled": None,
            "DefaultAuthenticationPolicy": None,
            "CustomerLockboxEnabled": False,
            "IsDehydrated": False,
            "WhenCreated": SET_UP,
            "WhenChanged": SET_UP,
        }
        return Answer([typed(fields)])

    def bypasses(self, given: Mapping[str, Any]) -> Answer:
        """Answer Get-MailboxAuditBypassAssociation: mostly system objects, some of which do not say; C3."""
        asked = bind(given, {"Identity": text, "ResultSize": size_or_unlimited})
        if "Identity" in asked:
            return Answer([self._bypass_of(asked["Identity"])])
        people = [self._bypass(box) for box in self._book.all()]
        return limited([*_system_bypasses(), *people], asked.get("ResultSize", 1000))

    def transport_rules(self, given: Mapping[str, Any]) -> Answer:
        """Answer Get-TransportRule."""
        known = {"Identity": text, "State": one_of("Enabled", "Disabled"), "ResultSize": size_or_unlimited}
        asked = bind(given, known)
        numbered = list(enumerate(self._configuration.transport_rules))
        wanted = asked.get("Identity")
        found = [(at, rule) for at, rule in numbered if wanted is None or wanted.casefold() in _names(rule)]
        if wanted is not None and not found:
            raise not_found(wanted)
        rows = [_rule(at, rule) for at, rule in found if rule.state == asked.get("State", rule.state)]
        return limited(rows, asked.get("ResultSize", 1000))

    def _bypass_of(self, identity: str) -> dict[str, Any]:
        named = (row for row in _system_bypasses() if row["Name"].casefold() == identity.casefold())
        return next(named, None) or self._bypass(self._book.one(identity))

    def _bypass(self, mailbox: Mailbox) -> dict[str, Any]:
        return _association(mailbox.name, user_guid(mailbox), on=mailbox.upn in self._configuration.bypassed)


def _system_bypasses() -> Iterator[dict[str, Any]]:
    """Yield the associations of the system's accounts; every seventh does not say whether it is on."""
    more = (f"Arbitration.{Guid.of('arbitration', str(number))}" for number in range(_ARBITRATION_ACCOUNTS))
    for number, name in enumerate((*_SYSTEM_ACCOUNTS, *more)):
        yield _association(name, Guid.of("system", name), on=None if number % 7 == 6 else False)


def _association(name: str, guid: Guid, *, on: bool | None) -> dict[str, Any]:
    said = {} if on is None else {"AuditBypassEnabled": on}
    fields = {"ObjectId": name, **said, "Identity": name, "Name": name, "Guid": guid, "WhenChanged": SET_UP}
    return typed({**fields, "WhenCreated": SET_UP, "IsValid": True, "ObjectState": "Unchanged"})


def _names(rule: TransportRule) -> set[str]:
    return {rule.name.casefold(), rule.guid}


def _rule(priority: int, rule: TransportRule) -> dict[str, Any]:
    name, value = rule.header or (None, None)
    fields = {
        "Name": rule.name,
        "Identity": rule.name,
        "Guid": Guid(rule.guid),
        "Priority": priority,
        "State": rule.state,
        "Mode": "Enforce",
        "FromScope": rule.from_scope,
        "BlindCopyTo": list(rule.blind_copy_to) or None,
        "RedirectMessageTo": None,
        "DeleteMessage": False,
        "SetHeaderName": name,
        "SetHeaderValue": value,
        "SetAuditSeverity": "DoNotAudit",
        "WhenChanged": SET_UP,
    }
    return typed(fields)
