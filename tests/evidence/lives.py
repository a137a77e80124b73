"""How a process that works on a run lives and ends, on a disk that forgets, tears and fills up; what holds meanwhile.

The rules, which say in what order things happen, are in test_state_machine.py.
"""

import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from hypothesis.stateful import RuleBasedStateMachine, invariant

from collector.errors import DiskError
from collector.evidence import RunFolder, Store, cover, find_runs, read, verify
from collector.evidence.layout import SEAL
from collector.model import Outcome, Row, Status
from tests.evidence.engagement import ASKED, begin, records, row
from tests.evidence.engagement import seal as seal_run
from tests.evidence.faulty import FaultyDisk
from tests.evidence.hours import OPENING, Work, key
from tests.evidence.ledger import Ledger, contents
from tests.evidence.unreliable import PowerCut
from tests.fakes import FakeClock
from tests.tally import Tally

WHAT = "runs sealed after any order of pages, gaps, crashes, disk faults and resumes"


class Lives(RuleBasedStateMachine):
    """One process after another at one engagement; `folder` is None while none works on it."""

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

    @invariant()
    def i1_to_i6(self) -> None:
        run = self.run
        if run:
            self.ledger.i1_what_the_journal_speaks_of_is_durable(run, self.disk)
            self.ledger.i3_the_journal_only_grows(run, self.disk)
            self.ledger.i6_nothing_in_data_is_written_again(run)
            self.ledger.quarantine_never_shrinks(run)
        if run and self.folder:
            self.ledger.i2_without_a_line_no_evidence(run)
        elif run:
            self.ledger.i2_records_stand_once(run)
        if run and (run / SEAL).exists():
            self.ledger.i5_before_the_seal_all_is_durable(run, self.disk)

    def teardown(self) -> None:
        self.disk.die()
        shutil.rmtree(self.ground)

    # What a process does.

    def start(self) -> None:
        """Take up the open run; open one where there is none."""
        if run := self.run:
            before = self.ledger.before_resume(run)
            self.folder = RunFolder.resume(run, store=Store(self.disk), clock=FakeClock(), key=key, note={})
            self.ledger.resumed(self.folder, *before)
        else:
            self.ledger = Ledger()
            self.folder = begin(self.disk.root / "evidence", Store(self.disk), OPENING)
            self._look()
            self.ledger.opened(self.run)

    def arrives(self, work: Work, rows: Sequence[Row]) -> None:
        self.requests += 1
        request = str(self.requests)
        self.folder.log({"request": request, "rows": len(rows)})
        work.staging.add(rows, request)
        work.page(rows, request)

    def commits(self, work: Work, status: Status | None = None, unread: tuple[bytes, ...] = ()) -> None:
        """Commit a slice: complete or empty, by what came, where it is not said how it ended."""
        status = status or (Status.COMPLETE if work.came else Status.EMPTY)
        self.ledger.hand(work, status, unread)
        reason = "unreadable" if status is Status.GAP else None
        outcome = Outcome(status, ASKED, 1, expected=len(work.came), reason=reason, settled=True)
        commit = self.folder.commit(work.slice, outcome, work.staging, unread=unread)
        self.ledger.acknowledge(self.folder.path, commit)
        work.staging.release()

    def seals(self) -> None:
        seal_run(self.folder)
        assert self.disk.durable(self.folder.path / SEAL)
        self.folder = None
        self._note_sealed()

    def verifies(self) -> None:
        """Nothing is wrong, and nothing is claimed that is not there."""
        found = {run: verify(run) for run in find_runs(self.disk.root)}
        assert [one.problems for one in found.values()] == [()] * len(found)
        if self.run and not self.ledger.handed:
            account = read(self.run)
            assert found[self.run].records == self.ledger.standing.total()
            self.ledger.coverage_joins(cover(account.plan, account.commits))

    # How it ends.

    def cut(self, after: int, fate: tuple[str, int]) -> None:
        """Let the process end, by this fate, once so many operations of the disk from now are done."""
        self.disk.cut_after, self.fate = self.disk.operations + after, fate

    @contextmanager
    def mishaps(self) -> Iterator[None]:
        """Do what a fault of the disk or of the power may end."""
        try:
            yield
        except PowerCut:
            self.end(*self.fate)
        except DiskError:
            assert self.disk.fails_after is not None
            self.disk.fails_after = None
            with suppress(DiskError):
                self._others_go_on()
            self.end("kill", 0)

    def _others_go_on(self) -> None:
        """Threads that did not see the disk fail get a page each and commit it: as it came, or not at all.

        After a commit that failed the folder takes nothing more.
        """
        if self.folder and self.ledger.handed:
            self.folder.seal(coverage=b"", bag_info={})
            raise AssertionError("sealed although a commit failed")
        for work in self.work if self.folder else ():
            self.arrives(work, [row(20), row(21)])
            self.commits(work, Status.GAP)

    def end(self, fate: str, chance: int) -> None:
        """The process is gone, and with any fate but `kill` the power too.

        I1 to I6 are looked at where it stopped, in the middle of whatever it did, before anything is lost or repaired.
        """
        self.ends += 1
        self.disk.die()
        self.folder, self.work = None, []
        self.disk.cut_after, self.disk.fails_after, self.disk.cut_at_commit = None, None, False
        self._look()
        self.i1_to_i6()
        begun = self.run and (self.run / SEAL).exists()
        # A seal that is seen and was not acknowledged can still be lost: whether it stands, the power must decide.
        if fate != "kill" or begun:
            self._power_is_back("lose" if fate == "kill" else fate, chance)

    def _power_is_back(self, fate: str, chance: int) -> None:
        self.disk = FaultyDisk(self.disk.after(fate, self._new_root(), chance))
        self._look()
        self.ledger.power_is_back(self.run)
        for name, sealed in self.sealed.items():
            assert contents(self.disk.root / name) == sealed
        if self.run and (self.run / SEAL).exists():
            self._note_sealed()
        self.verifies()

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
