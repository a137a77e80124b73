"""A source that answers from a script, for trying what the run makes of each finding."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

from collector.http.client import Effort
from collector.model import Axis, Plan, Row, Slice, SourcePlan, Window
from collector.sources.base import Finding, Kind, Page, Question, digest

START = datetime(2026, 11, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
NAME = "unified-audit-log"


def row(name: str, at: datetime, content: str = "") -> Row:
    """Return a record of that name and time."""
    return Row(f'{{"{name}":"{content}"}}'.encode(), digest(name), digest(content), at.timestamp())


Script = Callable[[Question, int], Iterator[Page | Finding]]


class ScriptedSource:
    """Answers each question by its script, which is told how many were asked before it."""

    name = NAME
    retention = timedelta(days=180)
    longest = timedelta(days=7)
    page_sizes = (5000, 1000, 200)

    def __init__(self, script: Script) -> None:
        self.script = script
        self.asked: list[Question] = []

    def ask(self, question: Question) -> Iterator[Page | Finding]:
        self.asked.append(question)
        yield from self.script(question, len(self.asked) - 1)

    def probe(self, window: Window | None) -> Question:
        return Question(Slice(NAME, "probe", Axis.EVENT, window), 1, Effort(1))


def whole(rows: list[Row], question: Question) -> Iterator[Page | Finding]:
    """Answer with all the rows of the slice, or that there are none."""
    window = question.slice.window
    assert window is not None
    own = tuple(r for r in rows if window.start.timestamp() <= (r.at or 0) < window.end.timestamp())
    yield Page(own, "request")
    yield Finding(Kind.WHOLE, expected=len(own)) if own else Finding(Kind.EMPTY)


def plan(window: Window) -> Plan:
    """Return a plan for one source over a window."""
    return Plan("contoso", "tenant", START, (SourcePlan(NAME, Axis.EVENT, window, (None,), {}),))
