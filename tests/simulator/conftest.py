"""A session that trusts the tenant's CA whatever the environment says (protocol.md E2), and calls by cmdlet."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import requests
from requests.adapters import HTTPAdapter

from collector.model import Window
from collector.simulator import TENANT_ID, AuditRow, Scenario, SimulatedTenant, TraceRow

START = datetime(2026, 10, 1, tzinfo=UTC)
NOW = datetime(2026, 10, 20, tzinfo=UTC)
WINDOW = Window(START, START + timedelta(days=1))
ANCHOR = f"APP:SystemMailbox{{bb558c35-97f1-4cb9-8ff7-d53741dc928c}}@{TENANT_ID}"


class Caller:
    """A plain HTTP client of one tenant, with an app token."""

    def __init__(self, tenant: SimulatedTenant, session: requests.Session) -> None:
        self.tenant = tenant
        self.session = session
        self.url = f"{tenant.address}/adminapi/beta/{tenant.tenant_id}/InvokeCommand"
        self.headers = {"X-AnchorMailbox": ANCHOR, "X-ResponseFormat": "json"}

    def token(self, **more: str) -> requests.Response:
        """Ask for an app token by secret."""
        form = {
            "client_id": self.tenant.client_id,
            "client_secret": self.tenant.client_secret,
            "grant_type": "client_credentials",
            "scope": f"{self.tenant.address}/.default",
        }
        return self.session.post(f"{self.tenant.address}/{TENANT_ID}/oauth2/v2.0/token", data=form | more)

    def sign_in(self, **more: str) -> None:
        """Use a new token from now on."""
        self.headers["Authorization"] = f"Bearer {self.token(**more).json()['access_token']}"

    def send(self, cmdlet: str, parameters: Any, **how: Any) -> requests.Response:
        """Send a cmdlet, whatever comes back."""
        if "Authorization" not in self.headers:
            self.sign_in()
        body = {"CmdletInput": {"CmdletName": cmdlet, "Parameters": parameters}}
        return self.session.post(how.pop("url", self.url), json=body, headers=self.headers | how.pop("headers", {}))

    def rows(self, cmdlet: str, parameters: Any) -> list[dict[str, Any]]:
        """Send a cmdlet and return its rows."""
        answer = self.send(cmdlet, parameters)
        assert answer.status_code == 200, answer.text
        return list(answer.json()["value"])

    def search(self, session: str = "s1", window: Window = WINDOW, **more: Any) -> list[dict[str, Any]]:
        """Ask for one page of a Search-UnifiedAuditLog session."""
        return self.rows("Search-UnifiedAuditLog", searching(session, window, **more))

    def trace(self, window: Window = WINDOW, **more: Any) -> list[dict[str, Any]]:
        """Ask for one answer of Get-MessageTraceV2."""
        return self.rows("Get-MessageTraceV2", dates(window) | more)


def dates(window: Window) -> dict[str, Any]:
    return {"StartDate": window.start.isoformat(), "EndDate": window.end.isoformat()}


def searching(session: str = "s1", window: Window = WINDOW, **more: Any) -> dict[str, Any]:
    return dates(window) | {"SessionId": session, "SessionCommand": "ReturnLargeSet", "ResultSize": 5000} | more


@contextmanager
def calling(scenario: Scenario, **how: Any) -> Iterator[Caller]:
    with SimulatedTenant(scenario, **{"now": lambda: NOW} | how) as tenant, requests.Session() as session:
        session.trust_env = False
        session.verify = str(tenant.ca_bundle)
        session.mount("https://", HTTPAdapter(max_retries=0))
        yield Caller(tenant, session)


def audit_rows(count: int, window: Window = WINDOW) -> list[AuditRow]:
    """Rows spread evenly over a window, the first at its start."""
    step = window.length / count
    return [
        AuditRow(window.start + step * number, f"id-{number}", 50, "megan.owner@contoso.example.org", "Send", "{}")
        for number in range(count)
    ]


def trace_row(received: str, recipient: str, number: int = 0, **more: Any) -> TraceRow:
    sender = "orders@fabrikam.example.org"
    row = TraceRow(received, f"trace-{number}", f"<m{number}@fabrikam.example.org>", sender, recipient, "", 1)
    return row._replace(**more)


@pytest.fixture
def rows_10() -> Scenario:
    return Scenario.of(audit=audit_rows(10), window=WINDOW)
