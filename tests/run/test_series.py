"""The runs of a watch take over from each other without hole or overlap, and what is new starts at its beginning."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from collector.evidence import Account, Commit, cover
from collector.evidence.journal import Opened
from collector.model import Axis, Plan, SourcePlan, Window
from collector.run.series import leaves_off, next_plan
from tests.run.planned import NAME, START, asked, hours

LOG, TRACE = NAME, "message-trace"
DAY = hours(0, 24)
END = hours(0, 48).end
TODAY = hours(0, 24)


def source(
    name: str = LOG, window: Window = TODAY, parts: tuple[str | None, ...] = (None,), **question: Any
) -> SourcePlan:
    return SourcePlan(name, Axis.EVENT, window, parts, question)


def plan(*sources: SourcePlan) -> Plan:
    return Plan("contoso", "tenant", START, sources)


def account(sources: Sequence[SourcePlan], commits: Sequence[Commit], until: float | None = None) -> Account:
    opened = Opened(at=START, run_id="contoso/1", tool="collector", compression="gzip", chunk_bytes=1, files={})
    closed = None if until is None else hours(0, until).end
    return Account(Path("1"), opened, plan(*sources), tuple(commits), True, False, (), closed)


def windows(found: Plan) -> list[tuple[str, tuple[str | None, ...], Window | None]]:
    return [(one.source, one.parts, one.window) for one in found.sources]


def test_the_first_run_asks_from_the_beginning_to_its_own_end() -> None:
    found = next_plan(plan(source()), None, END)
    assert windows(found) == [(LOG, (None,), hours(0, 48))]
    assert found.watch
    assert found.sources[0].since == START


def test_the_next_run_begins_where_the_last_one_ended() -> None:
    found = next_plan(plan(source(window=hours(20, 30))), account([source()], [asked(0, 24)]), END)
    assert windows(found) == [(LOG, (None,), hours(24, 48))]
    assert found.sources[0].since == START


def test_where_a_watch_began_is_told_on_from_run_to_run() -> None:
    first = next_plan(plan(source()), None, hours(0, 24).end)
    second = next_plan(plan(source()), account(first.sources, [asked(0, 24)]), hours(0, 36).end)
    third = next_plan(plan(source()), account(second.sources, [asked(24, 36)]), END)
    assert third.sources[0].since == START


def test_what_a_run_did_not_ask_for_is_the_next_ones() -> None:
    found = next_plan(plan(source()), account([source()], [asked(0, 3), asked(5, 24)]), END)
    assert windows(found) == [(LOG, (None,), hours(3, 48))]


def test_a_run_that_was_closed_early_leaves_off_there() -> None:
    found = next_plan(plan(source()), account([source()], [asked(0, 7)], until=6), END)
    assert windows(found) == [(LOG, (None,), hours(6, 48))]


def test_a_new_source_a_new_part_and_a_new_question_begin_at_their_own_beginning() -> None:
    before = account([source(parts=("a",), q=1), source(TRACE, q=1)], [asked(0, 24, part="a"), asked(0, 24)])
    fresh = plan(
        source(window=hours(10, 30), parts=("a", "b"), q=1),
        source(TRACE, hours(2, 30), q=2),
        source("new", hours(3, 30)),
    )
    assert windows(next_plan(fresh, before, END)) == [
        (LOG, ("a",), hours(24, 48)),
        (LOG, ("b",), hours(10, 48)),
        (TRACE, (None,), hours(2, 48)),
        ("new", (None,), hours(3, 48)),
    ]


def test_a_part_that_is_no_longer_asked_for_is_left_out() -> None:
    before = account([source(parts=("a", "b"))], [asked(0, 24, part="a"), asked(0, 24, part="b")])
    assert windows(next_plan(plan(source(parts=("b",))), before, END)) == [(LOG, ("b",), hours(24, 48))]


def test_parts_that_began_apart_go_on_apart() -> None:
    split = [source(window=hours(0, 24), parts=("a",)), source(window=hours(6, 30), parts=("b",))]
    before = account(split, [asked(0, 24, part="a"), asked(6, 30, part="b")])
    assert windows(next_plan(plan(source(parts=("a", "b"))), before, END)) == [
        (LOG, ("a",), hours(24, 48)),
        (LOG, ("b",), hours(30, 48)),
    ]


def test_an_open_run_can_be_closed_up_to_where_every_source_was_asked_for() -> None:
    both = [source(), source(TRACE)]
    assert leaves_off(plan(*both), [asked(0, 8), asked(0, 5, source=TRACE)]) == hours(0, 5).end
    assert leaves_off(plan(*both), [asked(0, 8), asked(1, 5, source=TRACE)]) == START
    assert leaves_off(plan(*both), []) == START


def test_what_was_not_asked_for_at_all_in_a_run_that_is_closed_is_left_to_the_next_whole() -> None:
    both = [source(), source(TRACE, window=hours(6, 24))]
    commits = [asked(0, 4)]
    until = leaves_off(plan(*both), commits)
    covered = cover(plan(*both), commits, until)
    assert [(one.source, one.start, one.end) for one in covered.slices] == [(LOG, START, hours(0, 4).end)]
    found = next_plan(plan(*both), account(both, commits, until=4), END)
    assert windows(found) == [(LOG, (None,), hours(4, 48)), (TRACE, (None,), hours(6, 48))]
