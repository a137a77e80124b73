"""Records of signing in: UserLoggedIn and UserLoginFailed, as Entra's token service writes them.

Their record type is 15 and their content type Audit.AzureActiveDirectory; the fields are those of the schema
"Azure Active Directory Secure Token Service (STS) Logon" (MSSCHEMA), beneath the common ones of protocol.md F2.
Invariant: the SessionId of a sign-in is that of what was then done in the session (protocol.md F3).
"""

import uuid
from collections.abc import Mapping
from datetime import datetime
from typing import Any, NamedTuple

from collector.simulator.cast import GRAPH_APP, MOBILE_APP, OWA_APP, Person
from collector.simulator.records import Event
from collector.simulator.scenario import TENANT_ID, AuditRow

STS_LOGON = 15
NOBODY = "Not Available"
"""The UserId of an attempt on an account that the tenant does not have."""

OFFICE_APP = "d3590ed6-52b3-4102-aeff-aad2292ab01c"
_NO_KEY = "00000000-0000-0000-0000-000000000000"


class Device(NamedTuple):
    """What somebody signs in with: to which app (`app`), for what (`resource`)."""

    user_agent: str
    system: str
    browser: str
    app: str
    resource: str = OWA_APP
    request: str = "OAuth2:Authorize"


BROWSER = Device(
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0 Safari/537.36 "
    "Edg/141.0.0.0",
    "Windows 10",
    "Edge",
    OWA_APP,
)
OUTLOOK = Device(
    "Microsoft Office/16.0 (Windows NT 10.0; Microsoft Outlook 16.0.17328; Pro)", "Windows", "IE", OFFICE_APP
)
PHONE = Device("Outlook-iOS/2.0", "Ios", "Other", MOBILE_APP, request="OAuth2:Token")
SCRIPT = Device("python-requests/2.32.5", "Linux", "Other", GRAPH_APP, GRAPH_APP, "OAuth2:Token")
ATTACKER_BROWSER = Device(
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/119.0.0.0 Safari/537.36",
    "Linux",
    "Chrome",
    OWA_APP,
    request="Login:login",
)


class Origin(NamedTuple):
    """From which address, and with what, somebody signs in."""

    ip: str
    device: Device


class LogonError(NamedTuple):
    """Why an attempt failed: the AADSTS number and the name that LogonError has for it."""

    number: int
    name: str
    detail: str = "UserError"


BAD_PASSWORD = LogonError(50126, "InvalidUserNameOrPassword")
LOCKED = LogonError(50053, "IdsLocked")
SECOND_FACTOR = LogonError(50076, "UserStrongAuthClientAuthNRequired", "Redirect")
NO_SUCH_USER = LogonError(50034, "UserAccountNotFound")


def signed_in(created: datetime, identity: str, who: Person, origin: Origin, session: str) -> AuditRow:
    """Return the row of a sign-in that opened a session."""
    own = {"Name": "SessionId", "Value": session}
    fields = _fields("UserLoggedIn", identity, who, origin, detail="Success")
    return _row(
        created, identity, {**fields, "DeviceProperties": [*_properties(origin.device), own], "ErrorNumber": "0"}
    )


def refused(created: datetime, identity: str, who: Person | None, origin: Origin, error: LogonError) -> AuditRow:
    """Return the row of an attempt that failed; `who` is None where the tenant has no such account."""
    fields = _fields("UserLoginFailed", identity, who, origin, detail=error.detail)
    why = {"ErrorNumber": str(error.number), "LogonError": error.name}
    return _row(created, identity, {**fields, "DeviceProperties": _properties(origin.device), **why})


def _row(created: datetime, identity: str, fields: Mapping[str, Any]) -> AuditRow:
    body = Event(created, identity, dict(fields))
    return AuditRow(created, identity, STS_LOGON, fields["UserId"], fields["Operation"], body)


def _fields(operation: str, identity: str, who: Person | None, origin: Origin, *, detail: str) -> dict[str, Any]:
    ip, device = origin
    key, upn = (who.object_id, who.upn) if who else (_NO_KEY, NOBODY)
    agent = {"ResultStatusDetail": detail, "UserAgent": device.user_agent, "RequestType": device.request}
    return {
        "Operation": operation,
        "OrganizationId": TENANT_ID,
        "RecordType": STS_LOGON,
        "ResultStatus": "Success" if operation == "UserLoggedIn" else "Failed",
        "UserKey": key,
        "UserType": 0,
        "Version": 1,
        "Workload": "AzureActiveDirectory",
        "ClientIP": ip,
        "ObjectId": device.resource,
        "UserId": upn,
        "AzureActiveDirectoryEventType": 1,
        "ExtendedProperties": [{"Name": name, "Value": value} for name, value in agent.items()],
        "ModifiedProperties": [],
        "Actor": [{"ID": key, "Type": 0}, {"ID": upn, "Type": 5}],
        "ActorContextId": TENANT_ID,
        "ActorIpAddress": ip,
        "InterSystemsId": str(uuid.uuid5(uuid.NAMESPACE_OID, f"inter/{identity}")),
        "IntraSystemId": identity,
        "SupportTicketId": "",
        "Target": [{"ID": device.resource, "Type": 0}],
        "TargetContextId": TENANT_ID,
        "ApplicationId": device.app,
    }


def _properties(device: Device) -> list[dict[str, str]]:
    told = {"OS": device.system, "BrowserType": device.browser, "IsCompliantAndManaged": "False"}
    return [{"Name": name, "Value": value} for name, value in told.items()]
