"""A sign-in as one record tells of it: of the audit log (UserLoggedIn, UserLoginFailed) or of Entra's own log.

Invariants: every member may be missing or of an odd type, and then its column is None; the same sign-in gives the same
`key` in both logs, where both name its request; nothing is guessed: what a log does not tell is None.
Source: the schemas "Azure Active Directory STS Logon" of the Management Activity API and signIn of Microsoft Graph; the
columns of the portal's CSV are those with other names.
"""

import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, NamedTuple

from collector.analysis.addresses import address
from collector.analysis.reading import number, objects, text
from collector.model import utc

OPERATIONS = {"userloggedin": True, "userloginfailed": False}
"""The operations that are sign-ins, in small letters, and whether they succeeded."""


class SignIn(NamedTuple):
    """What is told of one sign-in; columns of `SignInRow`. `interactive` is whether a person was asked for anything."""

    key: str | None
    record_id: str | None
    time: datetime | None
    user_id: str | None
    succeeded: bool | None
    error: str | None
    client_ip: str | None
    session_id: str | None
    app_id: str | None
    app_name: str | None
    user_agent: str | None
    device: str | None
    interactive: bool | None


def of_audit_log(record: Mapping[str, Any]) -> SignIn:
    """Return the sign-in that an audit record of one of the OPERATIONS tells of."""
    succeeded = OPERATIONS.get(str(record.get("Operation")).lower())
    device, extended = _pairs(record.get("DeviceProperties")), _pairs(record.get("ExtendedProperties"))
    access = next(iter(objects(record.get("AppAccessContext"))), {})
    record_id = text(record.get("Id"))
    error = _joined(text(record.get("ErrorNumber")), text(record.get("LogonError")), by=" ")
    return SignIn(
        key=_small(text(record.get("IntraSystemId")) or record_id),
        record_id=record_id,
        time=_moment(record.get("CreationTime")),
        user_id=text(record.get("UserId")),
        succeeded=succeeded,
        error=None if succeeded and error == "0" else error,
        client_ip=_address(record.get("ActorIpAddress"), record.get("ClientIP")),
        session_id=device.get("sessionid") or text(record.get("SessionId")) or text(access.get("AADSessionId")),
        app_id=text(record.get("ApplicationId")),
        app_name=None,
        user_agent=extended.get("useragent"),
        device=_joined(device.get("displayname"), device.get("os"), device.get("browsertype")),
        interactive=None,
    )


_COLUMNS: Mapping[str, tuple[str, ...]] = {
    "id": ("id", "requestid", "originalrequestid"),
    "time": ("createddatetime", "dateutc", "date", "timegenerated"),
    "user": ("userprincipalname", "username", "signinidentifier"),
    "app_id": ("appid", "applicationid"),
    "app_name": ("appdisplayname", "application"),
    "ip": ("ipaddress",),
    "session": ("sessionid",),
    "agent": ("useragent",),
    "code": ("statuserrorcode", "signinerrorcode", "resulttype", "errorcode"),
    "why": ("statusfailurereason", "failurereason", "resultdescription"),
    "status": ("status",),
    "device": ("devicedetaildisplayname", "devicedisplayname"),
    "system": ("devicedetailoperatingsystem", "operatingsystem"),
    "browser": ("devicedetailbrowser", "browser"),
    "interactive": ("isinteractive",),
}
"""By what is meant, the names that Graph, the portal's CSV and Log Analytics have for it: small letters and digits."""

_ENDED = {"success": True, "failure": False, "interrupted": False}


def of_entra(row: Mapping[str, Any], *, interactive: bool | None) -> SignIn:
    """Return the sign-in that a row of an Entra export tells of; `interactive` is what the export's name tells.

    Raises ValueError for a row that shows neither when nor who.
    """
    told = dict(_flat(row))

    def one(meaning: str) -> str | None:
        return next(filter(None, (text(told.get(name)) for name in _COLUMNS[meaning])), None)

    record_id, time = one("id"), _moment(one("time"))
    code = number(one("code"))
    if time is None and one("user") is None:
        raise ValueError("it shows neither a time nor a user")
    succeeded = _ENDED.get((one("status") or "").lower(), None if code is None else code == 0)
    flag = told.get("isinteractive")
    return SignIn(
        key=_small(record_id),
        record_id=record_id,
        time=time,
        user_id=one("user"),
        succeeded=succeeded,
        error=None if succeeded else _joined(one("code"), one("why"), by=" "),
        client_ip=_address(one("ip")),
        session_id=one("session"),
        app_id=one("app_id"),
        app_name=one("app_name"),
        user_agent=one("agent"),
        device=_joined(one("device"), one("system"), one("browser")),
        interactive=_truth(flag) if flag is not None else interactive,
    )


def _flat(row: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, Any]]:
    """Yield the members by their names in small letters and digits, those of an object after its own name."""
    for name, value in row.items():
        plain = above + re.sub(r"[^a-z0-9]", "", name.lower())
        if isinstance(value, Mapping):
            yield from _flat(value, plain)
        else:
            yield plain, value


def _pairs(value: Any) -> dict[str, str]:
    """Return a list of Name and Value as a mapping, names in small letters; protocol.md F2."""
    found = ((text(one.get("Name")), text(one.get("Value"))) for one in objects(value))
    return {name.lower(): told for name, told in found if name and told}


def _joined(*parts: str | None, by: str = ", ") -> str | None:
    return by.join(filter(None, parts)) or None


def _small(value: str | None) -> str | None:
    return value.lower() if value else None


def _moment(value: Any) -> datetime | None:
    moment = utc(value) if isinstance(value, str) else None
    return moment.replace(tzinfo=None) if moment else None


def _address(*values: Any) -> str | None:
    first = next(filter(None, map(text, values)), None)
    return address(first).shown if first else None


def _truth(value: Any) -> bool | None:
    return value if isinstance(value, bool) else {"true": True, "false": False}.get(str(value).lower())
