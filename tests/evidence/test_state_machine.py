"""Any order of pages, gaps, crashes, resumes and seals, on a disk that forgets, tears, fills up and rots.

After every step the invariants of design 1.3 are compared with a ledger kept by hand, whatever state the run is in;
at the end it is taken up until it is sealed, and then holds what was acknowledged, once, and nothing unaccounted for.
"""

import errno
import shutil
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from collector.errors import DiskError, IntegrityError
from collector.evidence import RunFolder, Store, cover, find_runs, read, verify
from collector.evidence.layout import SEAL
from collector.model import Outcome, Row, Status
from tests.evidence.engagement import ASKED, HOUR, START, begin, records, row
from tests.evidence.engagement import seal as seal_run
from tests.evidence.faulty import FaultyDisk
from tests.evidence.ledger import CELLS, NAMELESS, OPENING, Cell, Ledger, Work, contents, key
from tests.evidence.unreliable import PowerCut
from tests.fakes import FakeClock
from tests.tally import Tally

TIMES = st.sampled_from([None, *((START + half * HOUR / 2).timestamp() for half in range(-1, 9))])
NAMED = st.builds(row, st.integers(0, 11), says=st.sampled_from(["as received", "otherwise"]), at=TIMES)
ROWS = st.lists(NAMED | st.just(Row(NAMELESS + b":true}", b"", b"", None)), max_size=5)
BODIES = st.sampled_from([(), (b"<html>busy</html>",), (b"", b"\0")])
WHAT = "runs sealed after any order of pages, gaps, crashes, disk faults and resumes"
SOME = len(CELLS) - 2
PICK = st.integers(0, 30)
SOON = st.integers(0, 3) | st.integers(4, 40)
FATE = st.tuples(st.sampled_from(["lose", "keep", "tear", "tear", "kill"]), st.integers(0, 1000))


class Engagement(RuleBasedStateMachine):
    """One run after another at one engagement; `folder` is None while no process works on it."""

    def __init__(self, ground: Path, tally: Tally) -> None:
        super().__init__()
        self.tally = tally
        self.ground = Path(tempfile.mkdtemp(dir=ground))
        self.lives = self.requests = self.ends = 0
        self.disk = FaultyDisk(self._new_root())
        self.fate = ("kill", 0)
        self.run: Path | None = None
        self.folder: RunFolder | None = None
        self.work: list[Work] = []
        self.ledger = Ledger()
        self.sealed: dict[str, dict[str, bytes]] = {}

    # What the run is asked to do.

    @precondition(lambda self: not self.folder)
    @rule()
    def resume(self) -> None:
        """Take up the open run; open one where there is none."""
        with self._mishaps():
            if run := self.run:
                before = self.ledger.before_resume(run)
                clock = FakeClock()
                self.folder = RunFolder.resume(run, store=Store(self.disk), clock=clock, key=key, note={})
                self.ledger.resumed(self.folder, *before)
            else:
                self.ledger = Ledger()
                self.folder = begin(self.disk.root / "evidence", Store(self.disk), OPENING)
                self._look()
                self.ledger.opened(self.run)

    @precondition(lambda self: self.folder and self._free())
    @rule(pick=PICK, long=st.booleans(), rows=ROWS)
    def first_page(self, pick: int, long: bool, rows: Sequence[Row]) -> None:
        self._page(self._begun(pick, long), rows)

    @precondition(lambda self: self.folder and self.work)
    @rule(pick=PICK, rows=ROWS)
    def page(self, pick: int, rows: Sequence[Row]) -> None:
        self._page(self._picked(pick), rows)

    @precondition(lambda self: self.folder and self._free())
    @rule(pick=PICK, long=st.booleans(), pages=st.lists(ROWS, max_size=3))
    def whole(self, pick: int, long: bool, pages: Sequence[Sequence[Row]]) -> None:
        """Bring a slice home in one go, as most are."""
        work = self._begun(pick, long)
        with self._mishaps():
            for rows in pages:
                self._arrives(work, rows)
            self._commit(work, Status.COMPLETE if work.came else Status.EMPTY)

    @precondition(lambda self: self.folder and self._long())
    @rule(pick=PICK)
    def halve(self, pick: int) -> None:
        """Part a slice of two hours; its halves go on with the rows that came for it."""
        whole = self._long()[pick % len(self._long())]
        self.work.remove(whole)
        middle = (START + whole.cells[1].hour * HOUR).timestamp()
        stagings = whole.staging.part(lambda staged: (staged.at or 0.0) < middle)
        early = [(row, request) for row, request in whole.came if (row.at or 0.0) < middle]
        late = [(row, request) for row, request in whole.came if (row.at or 0.0) >= middle]
        self.work.append(Work(whole.cells[:1], stagings[0], early, whole.again))
        self.work.append(Work(whole.cells[1:], stagings[1], late, 0))

    @precondition(lambda self: self.folder and self.work)
    @rule(pick=PICK)
    def commit(self, pick: int) -> None:
        with self._mishaps():
            work = self._picked(pick)
            self._commit(work, Status.COMPLETE if work.came else Status.EMPTY)

    @precondition(lambda self: self.folder and self.work)
    @rule(pick=PICK, unread=BODIES)
    def gap(self, pick: int, unread: tuple[bytes, ...]) -> None:
        """End a slice without its being whole; the rows that did arrive are kept."""
        with self._mishaps():
            self._commit(self._picked(pick), Status.GAP, unread)

    @precondition(lambda self: self.folder and len(self._free()) < SOME)
    @rule()
    def seal(self) -> None:
        """End what is in hand as gaps, and seal; what was never asked for is a gap."""
        with self._mishaps():
            while self.work:
                self._commit(self.work.pop(), Status.GAP)
            seal_run(self.folder)
            assert self.disk.durable(self.folder.path / SEAL)
            self.folder = None
            self._note_sealed()

    @rule()
    def verify(self) -> None:
        """At any moment, sealed or not, at work or not: nothing is wrong, and nothing is claimed that is not there."""
        for run in find_runs(self.disk.root):
            assert verify(run).problems == ()
        if self.run and not self.ledger.handed:
            account = read(self.run)
            assert verify(self.run).records == self.ledger.standing.total()
            self.ledger.coverage_joins(cover(account.plan, account.commits))

    # What befalls it.

    @precondition(lambda self: not self.disk.armed)
    @rule(after=SOON, fate=FATE)
    def crash(self, after: int, fate: tuple[str, int]) -> None:
        """The process ends at once, or in the middle of whatever it does after so many operations."""
        if not after:
            self._end(*fate)
        else:
            self.disk.cut_after, self.fate = self.disk.operations + after, fate

    @precondition(lambda self: not self.disk.armed)
    @rule(fate=FATE)
    def crash_at_commit(self, fate: tuple[str, int]) -> None:
        """The process ends when the next line of the journal is written and not yet durable."""
        self.disk.cut_at_commit, self.fate = True, fate

    @precondition(lambda self: not self.disk.armed)
    @rule(after=SOON, fault=st.sampled_from([errno.ENOSPC, errno.EIO]))
    def fail_soon(self, after: int, fault: int) -> None:
        self.disk.fails_after, self.disk.fault = self.disk.operations + after, fault

    @precondition(lambda self: self.run and not self.folder)
    @rule(pick=PICK, at=st.integers(0, 10_000))
    def rot(self, pick: int, at: int) -> None:
        """I3, I4: a byte of what was acknowledged changes; that is found, not repaired, and nothing is written."""
        path, length = self.ledger.acknowledged(self.run, pick)
        file = self.run / path
        sound = file.read_bytes()
        at %= length
        file.write_bytes(sound[:at] + bytes([sound[at] ^ 1]) + sound[at + 1 :])
        before = contents(self.run)
        assert verify(self.run).problems
        with pytest.raises(IntegrityError):
            RunFolder.resume(self.run, store=Store(self.disk), clock=FakeClock(), key=key, note={})
        assert contents(self.run) == before
        file.write_bytes(sound)

    # What holds whatever happens.

    @invariant()
    def i1_to_i6(self) -> None:
        run = self.run
        if run:
            self.ledger.i1_what_the_journal_speaks_of_is_durable(run, self.disk)
            self.ledger.i2_records_stand_once(run)
            self.ledger.i3_the_journal_only_grows(run)
            self.ledger.i6_nothing_in_data_is_written_again(run)
            self.ledger.quarantine_never_shrinks(run)
        if run and self.folder:
            self.ledger.i2_without_a_line_no_evidence(run)
        if run and (run / SEAL).exists():
            self.ledger.i5_before_the_seal_all_is_durable(run, self.disk)

    def teardown(self) -> None:
        """Where every step held: go on until a run is sealed and none is open, and look once the power was lost."""
        if sys.exc_info()[0] is None:
            self._finish()
            self._end("lose", 0)
        self.disk.die()
        shutil.rmtree(self.ground)

    def _finish(self) -> None:
        while self.run or not self.sealed:
            if not self.folder:
                self.resume()
            while self.folder and self._free():
                self.whole(0, True, [[row(number) for number in range(12)]])
            if self.folder:
                self.seal()

    def _look(self) -> None:
        """Find the run that is not known to be sealed; there is never more than one."""
        runs = [run for run in find_runs(self.disk.root) if self._name(run) not in self.sealed]
        assert len(runs) <= 1
        self.run = runs[0] if runs else None

    def _name(self, run: Path) -> str:
        return run.relative_to(self.disk.root).as_posix()

    def _new_root(self) -> Path:
        self.lives += 1
        root = self.ground / str(self.lives)
        root.mkdir()
        return root

    def _free(self) -> list[Cell]:
        """The hours that nobody has asked for."""
        taken = {*self.ledger.status, *(cell for work in self.work for cell in work.cells)}
        return [cell for cell in CELLS if cell not in taken]

    def _long(self) -> list[Work]:
        return [work for work in self.work if len(work.cells) > 1]

    def _picked(self, pick: int) -> Work:
        return self.work.pop(pick % len(self.work))

    def _begun(self, pick: int, long: bool) -> Work:
        """Take a slice of an hour or two in hand."""
        free = self._free()
        cell = free[pick % len(free)]
        after = cell._replace(hour=cell.hour + 1) if cell.hour is not None else cell
        cells = (cell, after) if long and after != cell and after in free else (cell,)
        return Work(cells, self.folder.stage(), (), 0)

    def _page(self, work: Work, rows: Sequence[Row]) -> None:
        with self._mishaps():
            self._arrives(work, rows)
            self.work.append(work)

    def _arrives(self, work: Work, rows: Sequence[Row]) -> None:
        self.requests += 1
        request = str(self.requests)
        self.folder.log({"request": request, "rows": len(rows)})
        work.staging.add(rows, request)
        work.page(rows, request)

    def _commit(self, work: Work, status: Status, unread: tuple[bytes, ...] = ()) -> None:
        self.ledger.hand(work, status, unread)
        reason = "unreadable" if status is Status.GAP else None
        outcome = Outcome(status, ASKED, 1, expected=len(work.came), reason=reason, settled=True)
        commit = self.folder.commit(work.slice, outcome, work.staging, unread=unread)
        self.ledger.acknowledge(self.folder.path, commit)
        work.staging.release()

    @contextmanager
    def _mishaps(self) -> Iterator[None]:
        """Do what a fault of the disk or of the power may end."""
        try:
            yield
        except PowerCut:
            self._end(*self.fate)
        except DiskError:
            assert self.disk.fails_after is not None
            self.disk.fails_after = None
            with suppress(DiskError):
                self._others_go_on()
            self._end("kill", 0)

    def _others_go_on(self) -> None:
        """Threads that did not see the disk fail get a page each and commit it: as it came, or not at all.

        After a commit that failed the folder takes nothing more.
        """
        if self.folder and self.ledger.handed:
            self.folder.seal(coverage=b"", bag_info={})
            raise AssertionError("sealed although a commit failed")
        for work in self.work if self.folder else ():
            self._arrives(work, [row(20), row(21)])
            self._commit(work, Status.GAP)

    def _end(self, fate: str, chance: int) -> None:
        """The process is gone, and with any fate but `kill` the power too; look before anything is repaired."""
        self.ends += 1
        self.disk.die()
        self.folder, self.work = None, []
        self.disk.cut_after, self.disk.fails_after, self.disk.cut_at_commit = None, None, False
        self._look()
        self.i1_to_i6()
        begun = self.run and (self.run / SEAL).exists()
        if fate == "kill" and not begun:
            return
        # A seal that is seen and was not acknowledged can still be lost: whether it stands, the power must decide.
        self.disk = FaultyDisk(self.disk.after("lose" if fate == "kill" else fate, self._new_root(), chance))
        self._look()
        self.ledger.power_is_back(self.run)
        for name, sealed in self.sealed.items():
            assert contents(self.disk.root / name) == sealed
        if self.run and (self.run / SEAL).exists():
            self._note_sealed()
        self.verify()

    def _note_sealed(self) -> None:
        run = self.run
        found = verify(run)
        assert found.sealed
        assert found.problems == ()
        self.tally.records(WHAT, records(run), self.ledger.standing, ends=self.ends)
        self.ledger.sealed(run, self.disk)
        self.ends = 0
        self.sealed[self._name(run)] = contents(run)
        self.ledger, self.run = Ledger(), None


CI = settings(
    max_examples=25,
    stateful_step_count=50,
    derandomize=True,
    database=None,
    deadline=None,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)
AT_LENGTH = settings(CI, max_examples=100, phases=[Phase.generate, Phase.shrink])
"""Only here is there time to make a failure small."""


@pytest.mark.parametrize("number", range(4))
def test_any_order_of_pages_faults_and_resumes(tmp_path: Path, tally: Tally, number: int) -> None:
    run_state_machine_as_test(seed(number)(lambda: Engagement(tmp_path, tally)), settings=CI)


@pytest.mark.soak
@pytest.mark.parametrize("number", range(4, 54))
def test_any_order_at_length(tmp_path: Path, tally: Tally, number: int) -> None:
    run_state_machine_as_test(seed(number)(lambda: Engagement(tmp_path, tally)), settings=AT_LENGTH)
