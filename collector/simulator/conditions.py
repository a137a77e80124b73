"""When a fault fires: conditions on a request, to be combined with `every`."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from random import Random
from typing import Any

from collector.model import Window


@dataclass(frozen=True)
class Asked:
    """A request as a fault sees it.

    `n` counts from 1, cmdlets and other requests each on their own. `page` is the page of the session, from 1; of a
    message trace 1 where the question begins and 2 where it goes on from a cursor.
    """

    n: int
    path: str
    cmdlet: str | None = None
    parameters: Mapping[str, Any] = field(default_factory=dict)
    window: Window | None = None
    page: int = 1


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
    """Fire on every cmdlet whose window meets this one."""
    return lambda asked: asked.window is not None and asked.window.meets(window)


def wider(limit: timedelta) -> When:
    """Fire on every cmdlet whose window is longer than this."""
    return lambda asked: asked.window is not None and asked.window.length > limit


def larger(limit: int) -> When:
    """Fire on every cmdlet that asks for pages larger than this."""
    return lambda asked: asked.parameters.get("ResultSize", 100) > limit


def chance(probability: float, seed: int = 1) -> When:
    """Fire on a share of the cmdlets, the same ones for the same seed."""
    return lambda asked: asked.cmdlet is not None and Random(f"{seed}/{asked.n}").random() < probability  # noqa: S311


def every(*conditions: When) -> When:
    """Fire where all of these do."""
    return lambda asked: all(condition(asked) for condition in conditions)
