"""A plain client of a tenant's feed, and feeds to ask for."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import requests

from collector.simulator import (
    CONTENT_TYPES,
    TENANT_ID,
    Behaviour,
    ContentBlob,
    Fault,
    Faults,
    Feed,
    FeedBehaviour,
    Scenario,
)

from .conftest import WINDOW, Caller, calling

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
EXCHANGE, GENERAL = "Audit.Exchange", "Audit.General"
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
LONG_AGO = dict.fromkeys(CONTENT_TYPES, NOW - 90 * DAY)
PUBLISHER = "99999999-8888-4777-8666-555555555555"
NOTHING = Scenario.of(window=WINDOW)


class Time:
    """The tenant's clock, moved by hand."""

    def __init__(self) -> None:
        self.moment = NOW

    def __call__(self) -> datetime:
        return self.moment


class Reader:
    """A plain client of the feed."""

    def __init__(self, caller: Caller, time: Time) -> None:
        self.caller = caller
        self.tenant = caller.tenant
        self.time = time
        self.root = f"{caller.tenant.address}/api/v1.0/{TENANT_ID}/activity/feed"

    def ask(self, place: str, method: str = "GET", *, headers: Any = None, body: Any = None, **query: str) -> Any:
        """Send a request, below the feed's root or to a whole address."""
        if "Authorization" not in self.caller.headers:
            self.caller.sign_in()
        url = place if "://" in place else f"{self.root}/{place}"
        sent = {"Authorization": self.caller.headers["Authorization"], **(headers or {})}
        return self.caller.session.request(method, url, params=query, headers=sent, json=body)

    def content(self, kind: str = EXCHANGE, since: datetime = NOW - DAY, until: datetime = NOW, **more: str) -> Any:
        """List the blobs of a window."""
        return self.ask("subscriptions/content", contentType=kind, **times(since, until), **more)

    def start(self, kind: str = EXCHANGE, **how: Any) -> Any:
        return self.ask("subscriptions/start", "POST", contentType=kind, **how)


def times(since: datetime, until: datetime) -> dict[str, str]:
    return {"startTime": f"{since:%Y-%m-%dT%H:%M:%S}", "endTime": f"{until:%Y-%m-%dT%H:%M:%S}"}


@contextmanager
def reading(feed: Feed, **how: Any) -> Iterator[Reader]:
    time = Time()
    with calling(NOTHING, **{"feed": feed, "now": time} | how) as caller:
        yield Reader(caller, time)


def behaving(**how: Any) -> dict[str, Any]:
    return {"behaviour": Behaviour(feed=FeedBehaviour(**how))}


def failing(*faults: Fault) -> dict[str, Any]:
    return {"faults": Faults(faults)}


def made(number: int = 0, *, age: timedelta = HOUR, kind: str = EXCHANGE, **more: Any) -> ContentBlob:
    records = tuple(f'{{"Id":"id-{number}-{n}"}}' for n in range(3))
    created = NOW - age
    return replace(ContentBlob(kind, f"b{number}$b{number}$x$X", created, created + 7 * DAY, records), **more)


def feed(*blobs: ContentBlob, **more: Any) -> Feed:
    return Feed(blobs, **{"subscriptions": LONG_AGO, **more})


def code(answer: requests.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["error"]["code"]


def ids(answer: requests.Response) -> list[str]:
    assert answer.status_code == 200, answer.text
    return [row["contentId"] for row in answer.json()]


ONE = feed(made())
FIVE = feed(*(made(n, age=HOUR * (n + 1)) for n in range(5)), page_size=2)


def pages(reader: Reader, answer: requests.Response) -> list[list[str]]:
    found = [ids(answer)]
    while link := answer.headers.get("NextPageUri"):
        answer = reader.ask(link)
        found.append(ids(answer))
    return found
