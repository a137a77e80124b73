"""Sign-ins, as the audit log, Graph, the portal's CSV and Log Analytics tell of them."""

from datetime import datetime

import pytest

from collector.analysis.sign_in_record import SignIn, of_audit_log, of_entra

REQUEST = "A77AC4E2-0001-4000-8000-000000000001"
MEGAN = "megan@contoso.example.org"


def pairs(**told):
    return [{"Name": name, "Value": value} for name, value in told.items()]


LOGGED_IN = {
    "CreationTime": "2026-11-12T08:15:00",
    "Id": "11111111-0000-4000-8000-000000000001",
    "Operation": "UserLoggedIn",
    "UserId": MEGAN,
    "ActorIpAddress": "203.0.113.7",
    "ClientIP": "203.0.113.7",
    "ApplicationId": "00000002-0000-0ff1-ce00-000000000000",
    "IntraSystemId": REQUEST,
    "ErrorNumber": "0",
    "DeviceProperties": pairs(OS="Linux", BrowserType="Chrome", SessionId="s-1"),
    "ExtendedProperties": pairs(UserAgent="Mozilla/5.0", RequestType="Login:login"),
}


def test_a_sign_in_of_the_audit_log():
    assert of_audit_log(LOGGED_IN) == SignIn(
        key=REQUEST.lower(),
        record_id="11111111-0000-4000-8000-000000000001",
        time=datetime.fromisoformat("2026-11-12T08:15:00"),
        user_id=MEGAN,
        succeeded=True,
        error=None,
        client_ip="203.0.113.7",
        session_id="s-1",
        app_id="00000002-0000-0ff1-ce00-000000000000",
        app_name=None,
        user_agent="Mozilla/5.0",
        device="Linux, Chrome",
        interactive=None,
    )


def test_an_attempt_that_failed_says_why():
    failed = of_audit_log({**LOGGED_IN, "Operation": "UserLoginFailed", "ErrorNumber": 50126, "LogonError": "Invalid"})
    assert (failed.succeeded, failed.error) == (False, "50126 Invalid")


@pytest.mark.parametrize("odd", [None, 7, "text", [], [7], {"Name": "SessionId"}, [{"Name": 1, "Value": []}]])
def test_members_of_an_odd_type_are_no_obstacle(odd):
    members = dict.fromkeys(LOGGED_IN, odd) | {"Operation": "UserLoggedIn"}
    found = of_audit_log(members)
    assert found.session_id is None


def test_the_session_is_found_wherever_a_record_has_it():
    bare = {key: value for key, value in LOGGED_IN.items() if key != "DeviceProperties"}
    alone = of_audit_log({**bare, "SessionId": "s-2"})
    within = of_audit_log({**bare, "AppAccessContext": {"AADSessionId": "s-3"}})
    assert (alone.session_id, within.session_id) == ("s-2", "s-3")


def test_an_address_is_shown_without_port_and_brackets():
    found = of_audit_log({**LOGGED_IN, "ActorIpAddress": None, "ClientIP": "[2001:db8::1]:443"})
    assert found.client_ip == "2001:db8::1"


GRAPH = {
    "id": REQUEST.lower(),
    "createdDateTime": "2026-11-12T08:15:00Z",
    "userPrincipalName": MEGAN,
    "appId": "app",
    "appDisplayName": "Outlook",
    "ipAddress": "203.0.113.7",
    "isInteractive": False,
    "sessionId": "s-1",
    "userAgent": "Mozilla/5.0",
    "status": {"errorCode": 0, "failureReason": "Other."},
    "deviceDetail": {"displayName": "", "operatingSystem": "Linux", "browser": "Chrome 119"},
}
CSV = {
    "Date (UTC)": "2026-11-12T08:15:00Z",
    "Request ID": REQUEST,
    "User agent": "Mozilla/5.0",
    "User": "Megan Bowen",
    "Username": MEGAN,
    "Application": "Outlook",
    "Application ID": "app",
    "IP address": "203.0.113.7",
    "Status": "Success",
    "Sign-in error code": "",
    "Failure reason": "",
    "Browser": "Chrome 119",
    "Operating System": "Linux",
    "Session ID": "s-1",
}
LOGS = {
    "TimeGenerated": "2026-11-12T08:15:00Z",
    "Id": REQUEST,
    "UserPrincipalName": MEGAN,
    "AppId": "app",
    "AppDisplayName": "Outlook",
    "IPAddress": "203.0.113.7",
    "ResultType": "0",
    "UserAgent": "Mozilla/5.0",
    "SessionId": "s-1",
    "DeviceDetail_operatingSystem": "Linux",
    "DeviceDetail_browser": "Chrome 119",
}


@pytest.mark.parametrize("row", [GRAPH, CSV, LOGS], ids=["Graph", "the portal's CSV", "Log Analytics"])
def test_each_export_of_entra_tells_the_same_and_its_key_is_that_of_the_audit_log(row):
    found = of_entra(row, interactive=False)
    logged = of_audit_log(LOGGED_IN)
    assert found == SignIn(
        key=logged.key,
        record_id=row.get("id") or REQUEST,
        time=logged.time,
        user_id=MEGAN,
        succeeded=True,
        error=None,
        client_ip="203.0.113.7",
        session_id="s-1",
        app_id="app",
        app_name="Outlook",
        user_agent="Mozilla/5.0",
        device="Linux, Chrome 119",
        interactive=False,
    )


@pytest.mark.parametrize(
    ("status", "code", "succeeded", "error"),
    [
        ("Failure", "50126", False, "50126 Wrong password."),
        ("Interrupted", "50140", False, "50140 Wrong password."),
        ("Success", "", True, None),
        ("", "0", True, None),
        ("Erfolg", "", None, "Wrong password."),
        ("Success", "None", True, None),
        ("Success", "-", True, None),
        ("", "0.0", True, None),
        ("", "N/A", None, "N/A Wrong password."),
        ("Erfolg", "50126", False, "50126 Wrong password."),
    ],
)
def test_how_a_sign_in_ended(status, code, succeeded, error):
    row = {**CSV, "Status": status, "Sign-in error code": code, "Failure reason": "Wrong password."}
    found = of_entra(row, interactive=None)
    assert (found.succeeded, found.error) == (succeeded, error)


def test_a_row_that_shows_neither_when_nor_who_is_none():
    with pytest.raises(ValueError, match="neither"):
        of_entra({"Request ID": REQUEST}, interactive=None)
