"""A slice that is cut keeps every row it had; a family of slices comes to an end, and gives up no more than it must."""

from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from collector.evidence import Staging, Store
from collector.evidence.staging import Spool
from collector.model import Axis, Row, Slice, Window
from collector.run.decide import Asked, Split
from collector.run.task import HOPELESS, PAID_BY, SESSIONS, Family, Task
from collector.sources.base import Finding, Kind

START = datetime(2026, 11, 1, tzinfo=UTC)
AT = START.timestamp()
SECOND, DAY = timedelta(seconds=1), timedelta(days=1)
SLICE = Slice("message-trace", "sender:adele@contoso.example.org", Axis.EVENT, Window(START, START + DAY))
SLICE_OF = (SLICE.source, SLICE.part, SLICE.axis)


def row(name: str, at: float | None) -> Row:
    return Row(b'"' + name.encode() + b'"', name.encode(), b"content", at)


@pytest.fixture
def task(tmp_path: Path) -> Iterator[Callable[..., Task]]:
    """Make the task of SLICE with some rows."""
    spool = Spool(Store(), tmp_path / "staged")

    def make(rows: Iterable[Row] = (), *, attempts: int = 6) -> Task:
        staging = Staging(spool)
        staging.add(rows, "request")
        return Task(SLICE, staging, Family(), attempts)

    yield make
    spool.close()


def names(held: Task) -> list[bytes]:
    return [row.identity for row in held.staging.rows]


def times(call: object, number: int, *arguments: object) -> None:
    assert callable(call)
    for _ in range(number):
        call(*arguments)


def test_a_family_has_a_budget_of_askings():
    family = Family()
    times(family.asked, SESSIONS)
    assert family.verdict is None
    family.asked()
    assert family.verdict == "budget-spent"


def test_records_that_were_kept_pay_for_more_askings():
    family = Family()
    family.kept(PAID_BY - 1)
    family.kept(PAID_BY + 1)
    times(family.asked, SESSIONS + 2)
    assert family.verdict is None
    family.asked()
    assert family.verdict == "budget-spent"


def test_too_few_records_pay_for_nothing():
    family = Family()
    family.kept(PAID_BY - 1)
    times(family.asked, SESSIONS + 1)
    assert family.verdict == "budget-spent"


def test_what_the_parts_cost_and_keep_counts_for_the_whole_family():
    whole = Family()
    parts = Family(whole), Family(whole)
    parts[0].kept(PAID_BY)
    times(parts[0].asked, SESSIONS)
    parts[1].asked()
    assert (whole.verdict, parts[1].verdict) == (None, None)
    parts[1].asked()
    assert whole.verdict == "budget-spent"
    assert {part.verdict for part in parts} == {"budget-spent"}


def test_a_family_of_which_every_part_fails_is_given_up_for_the_reason_of_the_last_straw():
    family = Family()
    times(family.failed, HOPELESS - 1, "server-error")
    assert family.verdict is None
    family.failed("transient")
    family.failed("request-timeout")
    assert family.verdict == "transient"


def test_a_family_that_is_given_up_keeps_its_reason_when_its_budget_ends_too():
    family = Family()
    times(family.failed, HOPELESS, "server-error")
    times(family.asked, SESSIONS + 1)
    assert family.verdict == "server-error"


def test_a_family_whose_budget_ended_keeps_that_reason():
    family = Family()
    times(family.asked, SESSIONS + 1)
    times(family.failed, HOPELESS, "server-error")
    assert family.verdict == "budget-spent"


def test_a_family_of_which_records_were_kept_is_never_hopeless():
    family = Family()
    family.kept(1)
    times(family.failed, 10 * HOPELESS, "server-error")
    assert family.verdict is None


def test_empty_halves_are_no_hope():
    family = Family()
    family.kept(0)
    times(family.failed, HOPELESS, "server-error")
    assert family.verdict == "server-error"


def test_what_is_hopeless_in_one_place_is_given_up_there_and_nowhere_else():
    whole = Family()
    fault, other = Family(whole), Family(whole)
    other.kept(1)
    times(fault.failed, HOPELESS, "server-error")
    assert fault.verdict == "server-error"
    assert whole.verdict is None
    assert other.verdict is None


def test_failures_of_several_places_add_up_while_nothing_was_kept():
    whole = Family()
    for _ in range(HOPELESS):
        Family(whole).failed("server-error")
    assert whole.verdict == "server-error"
    assert Family(whole).verdict == "server-error"


def test_a_slice_holds_its_start_and_not_its_end_and_what_shows_no_time(task):
    rows = [row("before", AT - 0.1), row("first", AT), row("last", AT + 86_399.9), row("after", AT + 86_400)]
    held = task([*rows, row("no time", None)])
    assert [held.inside(one.at) for one in held.staging.rows] == [False, True, True, False, True]
    assert held.known() == {b"first", b"last", b"no time"}


def test_an_outage_costs_a_slice_no_attempt(task):
    held = task(attempts=1)
    held.effort.fail()
    assert held.effort.spent
    held.effort.renew()
    assert not held.effort.spent
    held.effort.fail()
    assert held.effort.spent


def test_a_task_begins_with_its_largest_pages_and_nothing_known(task):
    held = task()
    assert (held.page_size, held.history, held.asked_at, held.expected, held.unread) == (0, [], None, None, None)
    assert not held.effort.spent


def test_a_task_that_is_done_lets_go_of_its_rows(task, tmp_path):
    held = task([row("a", AT)])
    held.history.append(Asked(Finding(Kind.WHOLE), frozenset(), frozenset()))
    held.done()
    assert held.history == []
    assert names(held) == []
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("failing", [False, True])
def test_parts_hold_every_row_once_each_in_its_time(task, failing):
    quarter = 21_600
    rows = [row(f"{number}", AT + number * quarter) for number in range(-1, 6)] + [row("no time", None)]
    parts = task(rows).parts(Split(4, failing=failing))
    assert [names(part) for part in parts] == [[b"-1", b"0"], [b"1"], [b"2"], [b"3", b"4", b"5", b"no time"]]
    assert [part.window for part in parts] == [Window(START + DAY * n / 4, START + DAY * (n + 1) / 4) for n in range(4)]
    assert {(part.slice.source, part.slice.part, part.slice.axis) for part in parts} == {SLICE_OF}


def test_a_slice_is_cut_where_it_was_told_to_be(task):
    edge = START + timedelta(hours=5)
    earlier, later = task([row("b", edge.timestamp()), row("a", edge.timestamp() - 1)]).parts(Split(at=edge))
    assert (earlier.window, later.window) == (Window(START, edge), Window(edge, START + DAY))
    assert (names(earlier), names(later)) == ([b"a"], [b"b"])


def test_a_burst_among_the_rows_that_came_is_cut_out(task):
    burst = [row(f"{n}", AT + 80_000 + n / 10) for n in range(10)]
    margins = [row(f"{side} {n}", AT + side) for side in (-1, 86_401) for n in range(10)]
    parts = task([*burst, *margins, row("no time", None)]).parts(Split(2))
    starts = [part.window.start.timestamp() - AT for part in parts]
    assert starts == [0, 43_200, 80_000, 80_001]


def test_the_halves_of_a_failing_slice_have_fewer_attempts_and_a_family_of_their_own(task):
    parent = task(attempts=6)
    parent.page_size = 2
    halves = parent.parts(Split(failing=True))
    assert [(half.attempts, half.page_size) for half in halves] == [(3, 0), (3, 0)]
    assert halves[0].family is halves[1].family
    parent.family.kept(1)
    times(halves[0].family.failed, HOPELESS, "server-error")
    assert (halves[1].family.verdict, parent.family.verdict) == ("server-error", None)
    times(halves[0].family.asked, SESSIONS + 1)
    assert parent.family.verdict == "budget-spent"


@pytest.mark.parametrize(("attempts", "each"), [(1, 2), (3, 2), (5, 2), (6, 3)])
def test_the_halves_of_a_failing_slice_are_asked_half_as_often_and_twice_at_least(task, attempts, each):
    assert [half.attempts for half in task(attempts=attempts).parts(Split(failing=True))] == [each, each]


def test_the_parts_of_a_slice_that_was_only_too_large_go_on_as_it_was_asked(task):
    parent = task(attempts=6)
    parent.page_size = 2
    assert [(part.attempts, part.page_size, part.family) for part in parent.parts(Split(3))] == [
        (6, 2, parent.family)
    ] * 3


def test_what_is_whole_from_an_edge_on_is_split_off_with_its_rows(task):
    edge = START + timedelta(hours=5)
    held = task([row("c", edge.timestamp() + 1), row("b", edge.timestamp()), row("a", edge.timestamp() - 1)])
    held.asked_at = START + 3 * DAY
    finished = held.finished_from(edge)
    assert finished is not None
    assert (finished.window, held.window) == (Window(edge, START + DAY), Window(START, edge))
    assert (names(finished), names(held)) == ([b"c", b"b"], [b"a"])
    assert finished.asked_at == START + 3 * DAY
    assert (finished.family, finished.attempts) == (held.family, 6)
    assert (finished.slice.source, finished.slice.part, finished.slice.axis) == SLICE_OF
    assert (held.slice.source, held.slice.part, held.slice.axis) == SLICE_OF


def test_one_row_at_the_edge_is_enough_to_split_it_off(task):
    edge = START + timedelta(hours=5)
    held = task([row("a", edge.timestamp())])
    finished = held.finished_from(edge)
    assert finished is not None
    assert (names(finished), names(held)) == ([b"a"], [])


@pytest.mark.parametrize("edge", [START - SECOND, START, START + DAY, START + DAY + SECOND])
def test_an_edge_that_is_not_inside_the_slice_splits_nothing_off(task, edge):
    held = task([row("a", AT + 100_000), row("b", AT)])
    assert held.finished_from(edge) is None
    assert held.window == SLICE.window
    assert len(names(held)) == 2


def test_nothing_is_split_off_that_holds_no_row_yet(task):
    held = task([row("a", AT + 3599), row("no time", None)])
    assert held.finished_from(START + timedelta(hours=1)) is None
    assert names(held) == [b"a", b"no time"]


@pytest.mark.parametrize("recheck", [True, False])
def test_parts_of_what_was_asked_for_before_were_too(task, recheck):
    whole = task([row("a", AT), row("b", AT + 80_000)])
    assert whole.recheck is False
    whole.recheck = recheck
    done = whole.finished_from(START + timedelta(seconds=70_000))
    assert done is not None
    assert done.recheck is recheck
    assert {part.recheck for part in whole.parts(Split(3))} == {recheck}


def test_a_task_is_asked_for_the_first_time_unless_it_says_otherwise(tmp_path):
    spool = Spool(Store(), tmp_path / "staged")
    assert Task(SLICE, Staging(spool), Family(), 6, recheck=True).recheck is True
    assert Task(SLICE, Staging(spool), Family(), 6).recheck is False


def test_a_slice_without_a_window_cannot_be_cut_and_holds_all_rows(task, tmp_path):
    staging = Staging(Spool(Store(), tmp_path / "other"))
    held = Task(Slice("tenant-settings", "Get-Mailbox", Axis.EVENT, None), staging, Family(), 6)
    assert held.divisible is False
    assert held.inside(None)
    assert held.inside(0.0)
    assert task().divisible is True
