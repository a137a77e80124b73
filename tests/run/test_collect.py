"""What becomes of a slice, with a real evidence folder and a source that answers from a script."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from collector.config import Limits
from collector.errors import TemporaryError
from collector.evidence import Commit, Coverage, Opening, RunFolder, Store, cover, lines
from collector.model import Axis, Row, Slice, Status, Window
from collector.run.collect import Collection, holds_as_old
from collector.run.crew import Gang, run_all
from collector.run.outage import Lifeline
from collector.run.plan import slices_of
from collector.run.task import HOPELESS, Family, Task
from collector.sources.base import Finding, Kind, Page, Question
from tests.fakes import FakeClock
from tests.run.scripted import HOUR, NAME, START, Script, ScriptedSource, plan, row, whole

DAY = Window(START, START + timedelta(days=1))
NOW = START + timedelta(days=10)


class Silent:
    """An observer that only remembers the waits."""

    def __init__(self) -> None:
        self.waits: list[str] = []

    def planned(self, slices: int) -> None: ...
    def rows(self, slice_: Slice, count: int) -> None: ...
    def committed(self, commit: Commit) -> None: ...
    def notice(self, text: str) -> None: ...
    def waiting(self, why: str, seconds: float) -> None:
        self.waits.append(why)


class Answers:
    """Stands for the client: when something was last answered."""

    last_answer: float | None = None


OPEN: list[RunFolder] = []
"""The folders of a test; closed behind it."""


@pytest.fixture(autouse=True)
def _closed() -> Iterator[None]:
    yield
    while OPEN:
        OPEN.pop().close()


class Bench:
    """One source, one folder, one thread: everything a collection needs, with a clock that does not wait."""

    def __init__(self, tmp: Path, script: Script, *, window: Window = DAY, attempts: int = 6) -> None:
        self.window = window
        self.clock = FakeClock(NOW)
        self.source = ScriptedSource(script)
        self.answers = Answers()
        self.answers.last_answer = self.clock.monotonic() + 1e9
        self.observer = Silent()
        opening = Opening(plan=plan(window), engagement=b"{}", environment={}, compression="gzip", chunk_bytes=1 << 20)
        self.folder = RunFolder.create(tmp / "contoso", opening, store=Store(), clock=self.clock)
        OPEN.append(self.folder)
        limits = Limits(attempts=attempts, patience=600)
        lifeline = Lifeline(self.source, self.answers, window, limits=limits, clock=self.clock, observer=self.observer)
        self.collection = Collection(
            self.source, self.folder, lifeline, limits=limits, clock=self.clock, observer=self.observer
        )

    def first_slices(self) -> list[Window]:
        """Return the windows that a run of this plan begins with."""
        (planned,) = self.folder.plan.sources
        slices = slices_of(planned, {None: (self.window,)}, self.collection.horizon, self.source.longest)
        return [slice_.window for slice_ in slices if slice_.window]

    def collect(self, *windows: Window) -> Coverage:
        slices = [Slice(NAME, None, Axis.EVENT, window) for window in windows]
        run_all([Gang(self.collection.work, 1, self.collection.tasks(slices))], self.clock)
        self.collection.finish()
        return cover(self.folder.plan, self.folder.commits)

    def records(self) -> list[bytes]:
        chunks = (chunk for commit in self.folder.commits for chunk in commit.chunks)
        return sorted(line for chunk in chunks for line in lines(self.folder.path, chunk))


def raws(rows: list[Row]) -> list[bytes]:
    return sorted(r.raw for r in rows)


ROWS = [row(f"r{n}", START + HOUR * n) for n in range(24)]


def poison(second: int) -> Script:
    """Fail for whatever holds that second of the day."""

    def script(question: Question, _: int) -> Iterator[Page | Finding]:
        window = question.slice.window
        assert window is not None
        if window.start <= START + timedelta(seconds=second) < window.end:
            yield Finding(Kind.FAILED, "server-error")
        else:
            yield from whole(ROWS, question)

    return script


def test_a_whole_day_is_one_commit(tmp_path):
    bench = Bench(tmp_path, lambda question, _: whole(ROWS, question))
    coverage = bench.collect(DAY)
    assert [s.status for s in coverage.slices] == [Status.COMPLETE]
    assert bench.records() == raws(ROWS)


def test_a_poisonous_second_is_narrowed_to_itself_and_the_rest_is_whole(tmp_path):
    bench = Bench(tmp_path, poison(40_000))
    gaps = [s for s in bench.collect(DAY).slices if s.status is Status.GAP]
    assert [(g.start, g.end, g.reason) for g in gaps] == [
        (START + timedelta(seconds=40_000), START + timedelta(seconds=40_001), "server-error")
    ]
    assert bench.records() == raws(ROWS)


def test_a_fault_in_every_half_ends_as_one_gap_of_the_parent_and_soon(tmp_path):
    bench = Bench(tmp_path, lambda *_: iter([Finding(Kind.FAILED, "cancelled-task")]))
    (gap,) = bench.collect(DAY).slices
    assert (gap.start, gap.end, gap.status, gap.reason) == (DAY.start, DAY.end, Status.GAP, "cancelled-task")
    assert len(bench.source.asked) <= 6 * HOPELESS


def test_rows_of_a_slice_that_ends_as_a_gap_are_kept(tmp_path):
    def script(question: Question, _: int) -> Iterator[Page | Finding]:
        yield Page((ROWS[3],), "request")
        yield Finding(Kind.FAILED, "short-session", expected=9)

    second = Window(ROWS[3_000 % 24].at and START + HOUR * 3, START + HOUR * 3 + timedelta(seconds=1))
    bench = Bench(tmp_path, script, window=second)
    (gap,) = bench.collect(second).slices
    assert (gap.status, gap.records, gap.expected, gap.reason) == (Status.GAP, 1, 9, "short-session")
    assert bench.records() == [ROWS[3].raw]


def test_rows_that_an_earlier_failed_session_delivered_are_not_lost_when_a_slice_is_cut(tmp_path):
    def script(question: Question, n: int) -> Iterator[Page | Finding]:
        if n == 0:
            yield Page(tuple(ROWS), "first")
            yield Finding(Kind.TOO_LARGE, "over-ceiling", expected=50_000)
        else:
            yield from whole(ROWS, question)

    bench = Bench(tmp_path, script)
    coverage = bench.collect(DAY)
    assert coverage.complete
    assert bench.records() == raws(ROWS)


def test_a_slice_whose_answers_are_too_big_is_cut_and_goes_on_with_its_small_pages(tmp_path):
    def script(question: Question, n: int) -> Iterator[Page | Finding]:
        if n < 3:
            yield Finding(Kind.TOO_LARGE, "answer-too-large")
        else:
            yield from whole(ROWS, question)

    bench = Bench(tmp_path, script)
    assert bench.collect(DAY).complete
    assert [question.page_size for question in bench.source.asked] == [5000, 1000, 200, 200, 200]


def test_a_session_that_lacks_what_an_earlier_one_delivered_is_not_believed(tmp_path):
    def script(question: Question, n: int) -> Iterator[Page | Finding]:
        if n == 0:
            yield Page((ROWS[0], ROWS[1]), "first")
            yield Finding(Kind.FAILED, "short-session")
        elif n == 1:
            yield Page((ROWS[1],), "second")
            yield Finding(Kind.WHOLE, expected=1)
        else:
            yield from whole(ROWS[:2], question)

    bench = Bench(tmp_path, script)
    (slice_,) = bench.collect(DAY).slices
    assert (slice_.status, slice_.attempts) == (Status.COMPLETE, 3)
    assert bench.records() == raws(ROWS[:2])


def test_what_a_trace_has_finished_is_committed_before_the_rest_fails(tmp_path):
    edge = START + HOUR * 12

    def script(question: Question, _: int) -> Iterator[Page | Finding]:
        yield Page(tuple(ROWS[12:]), "newest")
        yield Page((), "", whole_from=edge)
        yield Finding(Kind.REFUSED, "refused: no")

    bench = Bench(tmp_path, script)
    first, second = bench.collect(DAY).slices
    assert (first.start, first.end, first.status) == (START, edge, Status.GAP)
    assert (second.start, second.end, second.status, second.records) == (edge, DAY.end, Status.COMPLETE, 12)


def test_an_outage_is_waited_for_and_blames_no_slice(tmp_path):
    bench = Bench(tmp_path, lambda question, _: whole(ROWS, question), attempts=2)
    bench.answers.last_answer = None
    healthy_after = 5

    def script(question: Question, n: int) -> Iterator[Page | Finding]:
        if n < healthy_after:
            question.effort.fail()
            question.effort.failing_since = question.effort.failing_since or bench.clock.monotonic()
            yield Finding(Kind.FAILED, "connection")
        else:
            bench.answers.last_answer = bench.clock.monotonic()
            yield from whole(ROWS, question)

    bench.source.script = script
    coverage = bench.collect(DAY)
    assert coverage.complete
    assert "the service does not answer" in bench.observer.waits
    assert bench.records() == raws(ROWS)


def test_an_outage_longer_than_the_patience_leaves_the_run_open(tmp_path):
    bench = Bench(tmp_path, lambda *_: iter(()), attempts=2)
    bench.answers.last_answer = None

    def script(question: Question, _: int) -> Iterator[Page | Finding]:
        question.effort.fail()
        question.effort.failing_since = question.effort.failing_since or bench.clock.monotonic()
        yield Finding(Kind.FAILED, "connection")

    bench.source.script = script
    with pytest.raises(TemporaryError):
        bench.collect(DAY)
    assert bench.folder.commits == ()


def test_an_empty_slice_beyond_the_retention_is_a_gap(tmp_path):
    old = Window(NOW - timedelta(days=300), NOW - timedelta(days=299))
    bench = Bench(tmp_path, lambda question, _: whole([], question), window=old)
    (gap,) = bench.collect(old).slices
    assert (gap.status, gap.reason) == (Status.GAP, "beyond-retention")


@pytest.mark.parametrize("reverse", [False, True])
def test_unless_the_run_holds_a_record_as_old_whatever_came_first(tmp_path, reverse):
    start = NOW - timedelta(days=300)
    window = Window(start, start + timedelta(days=2))
    days = [Window(start, start + timedelta(days=1)), Window(start + timedelta(days=1), window.end)]
    rows = [row("ancient", start + HOUR)]
    bench = Bench(tmp_path, lambda question, _: whole(rows, question), window=window)
    coverage = bench.collect(*(reversed(days) if reverse else days))
    assert [s.status for s in coverage.slices] == [Status.COMPLETE, Status.EMPTY]


def test_a_younger_record_says_nothing_of_older_days(tmp_path):
    start = NOW - timedelta(days=300)
    window = Window(start, start + timedelta(days=2))
    days = [Window(start, start + timedelta(days=1)), Window(start + timedelta(days=1), window.end)]
    rows = [row("younger", start + timedelta(days=1, hours=1))]
    bench = Bench(tmp_path, lambda question, _: whole(rows, question), window=window)
    assert [s.reason for s in bench.collect(*days).slices] == ["beyond-retention", None]
    assert not holds_as_old(bench.folder.commits, Slice(NAME, None, Axis.EVENT, days[0]))


def test_what_ended_less_than_a_day_before_it_was_asked_is_not_settled(tmp_path):
    recent = Window(NOW - timedelta(hours=48), NOW - timedelta(hours=1))
    edge = NOW - timedelta(hours=24)
    bench = Bench(tmp_path, lambda question, _: whole([], question), window=recent)
    coverage = bench.collect(Window(recent.start, edge), Window(edge, recent.end))
    assert [s.settled for s in coverage.slices] == [True, False]
    assert coverage.settled_until == edge
    assert coverage.complete


def test_that_many_slices_are_too_old_says_nothing_of_the_next_one(tmp_path):
    start = NOW - timedelta(days=200)
    hours = [Window(start + HOUR * n, start + HOUR * (n + 1)) for n in range(2 * HOPELESS)]

    def script(question: Question, _: int) -> Iterator[Page | Finding]:
        yield Finding(Kind.REFUSED, "refused: too old") if question.slice.window in hours[:-1] else Finding(Kind.EMPTY)

    bench, family = Bench(tmp_path, script, window=Window(start, hours[-1].end)), Family()
    tasks = [Task(Slice(NAME, None, Axis.EVENT, hour), bench.folder.stage(), family, 6) for hour in hours]
    run_all([Gang(bench.collection.work, 1, tasks)], bench.clock)
    assert [question.slice.window for question in bench.source.asked][-2:] == [hours[-1], hours[-1]]
