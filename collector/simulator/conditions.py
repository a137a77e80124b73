"""When a fault fires: conditions on a request, to be combined with `every`."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from random import Random
from typing import Any

from collector.model import Window

CONTENT = "subscriptions/content"
AUDIT = "audit"
"""The operations of the Management Activity API that list blobs and fetch one; protocol.md A2."""


class GraphCall(StrEnum):
    """What can be asked of Microsoft Graph; protocol.md D1, D2."""

    SUBMIT = "submit"
    QUERIES = "queries"
    QUERY = "query"
    RECORDS = "records"
    TRACES = "traces"
    DETAILS = "details"


@dataclass(frozen=True)
class Asked:
    """A request as a fault sees it.

    `n` counts from 1: cmdlets, each operation of the Management Activity API, each call of Graph, and all else, each
    on its own. `page` is the page of the session or of Graph's listing, from 1; of a message trace 1 where the
    question begins and 2 where it goes on from a cursor. `window` is that of the question, where there is one.
    """

    n: int
    path: str
    cmdlet: str | None = None
    parameters: Mapping[str, Any] = field(default_factory=dict)
    window: Window | None = None
    page: int = 1
    operation: str | None = None
    content_type: str | None = None
    content_id: str | None = None
    graph: GraphCall | None = None


When = Callable[[Asked], bool]


def any_cmdlet(asked: Asked) -> bool:
    """Fire on every cmdlet, and on nothing that is none."""
    return asked.cmdlet is not None


def nth(*numbers: int) -> When:
    """Fire on these cmdlets, counted from 1 over the life of the tenant."""
    return lambda asked: asked.cmdlet is not None and asked.n in numbers


def cmdlet(name: str) -> When:
    """Fire on one cmdlet."""
    return lambda asked: asked.cmdlet == name


def path(part: str) -> When:
    """Fire on a path that holds a text, the token endpoint's for one."""
    return lambda asked: part in asked.path


def page(*numbers: int) -> When:
    """Fire on these pages of a session."""
    return lambda asked: asked.cmdlet is not None and asked.page in numbers


def from_page(number: int) -> When:
    """Fire on this page of a session and all after it."""
    return lambda asked: asked.cmdlet is not None and asked.page >= number


def during(window: Window) -> When:
    """Fire on every cmdlet, and every call of Graph, whose window meets this one."""
    return lambda asked: asked.window is not None and asked.window.meets(window)


def wider(limit: timedelta) -> When:
    """Fire on every cmdlet, and every call of Graph, whose window is longer than this."""
    return lambda asked: asked.window is not None and asked.window.length > limit


def larger(limit: int) -> When:
    """Fire on every cmdlet that asks for more rows than this, by ResultSize; Unlimited is more."""

    def fires(asked: Asked) -> bool:
        size = asked.parameters.get("ResultSize", 100)
        return asked.cmdlet is not None and (size == "Unlimited" or (isinstance(size, int) and size > limit))

    return fires


def chance(probability: float, seed: int = 1) -> When:
    """Fire on a share of the cmdlets, the same ones for the same seed."""
    return lambda asked: asked.cmdlet is not None and Random(f"{seed}/{asked.n}").random() < probability  # noqa: S311


def any_feed(asked: Asked) -> bool:
    """Fire on every request to the Management Activity API."""
    return asked.operation is not None


def operation(name: str) -> When:
    """Fire on one operation of the Management Activity API: subscriptions/start, for one."""
    return lambda asked: asked.operation == name


def listing(*numbers: int) -> When:
    """Fire on these pages of listings, counted from 1 over the life of the tenant; on all, where none is named."""
    return lambda asked: asked.operation == CONTENT and (not numbers or asked.n in numbers)


def blob(*numbers: int) -> When:
    """Fire on these fetches of a blob, counted from 1 over the life of the tenant; on all, where none is named."""
    return lambda asked: asked.operation == AUDIT and (not numbers or asked.n in numbers)


def content_type(name: str) -> When:
    """Fire on all that is asked of one content type, its blobs too."""
    return lambda asked: asked.content_type == name


def content_id(name: str) -> When:
    """Fire on the fetches of one blob."""
    return lambda asked: asked.content_id == name


def feed_chance(probability: float, seed: int = 1) -> When:
    """Fire on a share of the requests to the Management Activity API, the same ones for the same seed."""
    return lambda asked: (
        asked.operation is not None and Random(f"{seed}/{asked.operation}/{asked.n}").random() < probability  # noqa: S311
    )


def any_graph(asked: Asked) -> bool:
    """Fire on every request to Microsoft Graph."""
    return asked.graph is not None


def graph(call: GraphCall, *numbers: int) -> When:
    """Fire on these calls of one kind, counted from 1 over the life of the tenant; on all, where none is named."""
    return lambda asked: asked.graph is call and (not numbers or asked.n in numbers)


def graph_page(*numbers: int) -> When:
    """Fire on these pages of Graph's listings: of queries, records and traces."""
    return lambda asked: (
        asked.graph in (GraphCall.QUERIES, GraphCall.RECORDS, GraphCall.TRACES) and (asked.page in numbers)
    )


def graph_chance(probability: float, seed: int = 1) -> When:
    """Fire on a share of the requests to Microsoft Graph, the same ones for the same seed."""
    return lambda asked: (
        asked.graph is not None and Random(f"{seed}/{asked.graph}/{asked.n}").random() < probability  # noqa: S311
    )


def every(*conditions: When) -> When:
    """Fire where all of these do."""
    return lambda asked: all(condition(asked) for condition in conditions)
