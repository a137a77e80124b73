"""A plain client of a tenant's Graph."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import requests

from collector.model import Window, iso
from collector.simulator import Behaviour, Fault, Faults, GraphBehaviour, Scenario

from .conftest import NOW, WINDOW, Caller, calling

QUERIES = "security/auditLog/queries"
TRACES = "admin/exchange/tracing/messageTraces"


class Time:
    """The tenant's clock, moved by hand."""

    def __init__(self) -> None:
        self.moment = NOW

    def __call__(self) -> Any:
        return self.moment


class Asker:
    """A plain client of Graph."""

    def __init__(self, caller: Caller, time: Time) -> None:
        self.caller = caller
        self.tenant = caller.tenant
        self.time = time

    def ask(self, place: str, method: str = "GET", *, headers: Any = None, body: Any = None, **query: Any) -> Any:
        """Send a request, below /v1.0 or to a path or a whole address."""
        if "Authorization" not in self.caller.headers:
            self.caller.sign_in()
        path = place if place.startswith("/") else f"/v1.0/{place}"
        url = place if "://" in place else f"{self.tenant.address}{path}"
        sent = {"Authorization": self.caller.headers["Authorization"], **(headers or {})}
        return self.caller.session.request(method, url, params=dollars(query), headers=sent, json=body)

    def wait(self, span: timedelta) -> None:
        """Let time pass, and use a new token behind it."""
        self.time.moment += span
        self.caller.sign_in()

    def submit(self, window: Window = WINDOW, root: str = "v1.0", **more: Any) -> Any:
        return self.ask(f"/{root}/{QUERIES}", "POST", body=asking(window, **more))

    def made(self, window: Window = WINDOW, **more: Any) -> str:
        """Submit a query and return its id."""
        answer = self.submit(window, **more)
        assert answer.status_code == 201, answer.text
        return str(answer.json()["id"])

    def status(self, identity: str) -> str:
        return str(self.ask(f"{QUERIES}/{identity}").json()["status"])

    def finished(self, window: Window = WINDOW, **more: Any) -> str:
        """Submit a query, follow it to its end, and return its id."""
        identity = self.made(window, **more)
        while self.status(identity) in ("notStarted", "running"):
            pass
        return identity

    def records(self, identity: str, **query: Any) -> list[list[dict[str, Any]]]:
        """Read all pages of a query's records."""
        return self.pages(self.ask(f"{QUERIES}/{identity}/records", **query))

    def traces(self, asked: str = "", **query: Any) -> Any:
        return self.ask(TRACES, **({"filter": asked} if asked else {}), **query)

    def pages(self, answer: requests.Response, most: int = 20) -> list[list[dict[str, Any]]]:
        """Follow the links of a listing, to its end or to so many pages."""
        found = [rows(answer)]
        while (link := answer.json().get("@odata.nextLink")) and len(found) < most:
            answer = self.ask(link)
            found.append(rows(answer))
        return found


def dollars(query: dict[str, Any]) -> dict[str, Any]:
    return {f"${name}": value for name, value in query.items()}


def asking(window: Window = WINDOW, **more: Any) -> dict[str, Any]:
    times = {"filterStartDateTime": iso(window.start), "filterEndDateTime": iso(window.end)}
    return {"displayName": "contoso-2026-10", **times, **more}


def between(window: Window = WINDOW, *more: str) -> str:
    bounds = f"receivedDateTime ge {iso(window.start)}", f"receivedDateTime le {iso(window.end)}"
    return " and ".join((*bounds, *more))


def rows(answer: requests.Response) -> list[dict[str, Any]]:
    assert answer.status_code == 200, answer.text
    return list(answer.json()["value"])


def code(answer: requests.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["error"]["code"]


def behaving(**how: Any) -> dict[str, Any]:
    return {"behaviour": Behaviour(graph=GraphBehaviour(**how))}


def failing(*faults: Fault) -> dict[str, Any]:
    return {"faults": Faults(faults)}


@contextmanager
def graphing(scenario: Scenario, **how: Any) -> Iterator[Asker]:
    time = Time()
    with calling(scenario, **{"now": time} | how) as caller:
        yield Asker(caller, time)
