"""The cmdlets that read a tenant's audit settings; protocol.md C3. Auditing is on, for every mailbox."""

from collections.abc import Mapping
from typing import Any

from collector.simulator.parameters import bind, size_or_unlimited, text
from collector.simulator.scenario import DOMAIN, Mailbox, Scenario
from collector.simulator.wire import Answer, CmdletError

_OWNER = ["Update", "MoveToDeletedItems", "SoftDelete", "HardDelete", "UpdateInboxRules", "MailItemsAccessed", "Send"]
_DELEGATE = [*_OWNER[:-1], "SendAs", "SendOnBehalf", "Create", "UpdateFolderPermissions"]
_NOT_FOUND = "Microsoft.Exchange.Configuration.Tasks.ManagementObjectNotFoundException"


class Settings:
    """The settings of a scenario's tenant."""

    def __init__(self, scenario: Scenario) -> None:
        self._mailboxes = scenario.mailboxes

    def audit_config(self, given: Mapping[str, Any]) -> Answer:
        """Answer Get-AdminAuditLogConfig."""
        bind(given, {})
        row = {
            "AdminAuditLogEnabled": True,
            "AdminAuditLogAgeLimit": "90.00:00:00",
            "LogLevel": "Verbose",
            "UnifiedAuditLogIngestionEnabled": True,
            "UnifiedAuditLogFirstOptInDate@data.type": "System.DateTime",
            "UnifiedAuditLogFirstOptInDate": "2022-09-21T08:07:47.0000000Z",
        }
        return Answer([row])

    def organization(self, given: Mapping[str, Any]) -> Answer:
        """Answer Get-OrganizationConfig."""
        bind(given, {})
        return Answer([{"Name": DOMAIN, "AuditDisabled": False}])

    def mailbox(self, given: Mapping[str, Any]) -> Answer:
        """Answer Get-Mailbox; an Identity that is no mailbox's UPN or GUID is a 404."""
        asked = bind(given, {"Identity": text, "ResultSize": size_or_unlimited})
        wanted = asked.get("Identity", "").casefold()
        found = [box for box in self._mailboxes if wanted in ("", box.upn.casefold(), box.guid)]
        if wanted and not found:
            message = f"The operation couldn't be performed because object '{wanted}' couldn't be found on '{DOMAIN}'."
            raise CmdletError(message, kind=_NOT_FOUND, status=404, identifier="Ex6F9304")
        size = asked.get("ResultSize", 1000)
        return Answer([_mailbox(box) for box in (found if size == "Unlimited" else found[:size])])


def _mailbox(box: Mailbox) -> dict[str, Any]:
    return {
        "UserPrincipalName": box.upn,
        "DisplayName": box.name,
        "PrimarySmtpAddress": box.upn,
        "EmailAddresses@odata.type": "#Collection(String)",
        "EmailAddresses": [f"SMTP:{box.upn}"],
        "RecipientTypeDetails": "UserMailbox",
        "ExchangeGuid@data.type": "System.Guid",
        "ExchangeGuid": box.guid,
        "AuditEnabled": True,
        "AuditLogAgeLimit": "90.00:00:00",
        "AuditAdmin@odata.type": "#Collection(String)",
        "AuditAdmin": _DELEGATE,
        "AuditDelegate@odata.type": "#Collection(String)",
        "AuditDelegate": _DELEGATE,
        "AuditOwner@odata.type": "#Collection(String)",
        "AuditOwner": _OWNER,
        "DefaultAuditSet@odata.type": "#Collection(String)",
        "DefaultAuditSet": ["Admin", "Delegate", "Owner"],
        "PersistedCapabilities@odata.type": "#Collection(String)",
        "PersistedCapabilities": ["BPOS_S_Enterprise", "M365Auditing"],
    }
