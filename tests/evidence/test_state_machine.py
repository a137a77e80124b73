"""Any order of pages, gaps, crashes, resumes and seals, on a disk that forgets, tears, fills up and rots.

After every step the invariants of design 1.3 are compared with a ledger kept by hand, whatever state the run is in;
at the end it is taken up until it is sealed, and then holds what was acknowledged, once, and nothing unaccounted for.
"""

import errno
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule, run_state_machine_as_test

from collector.errors import IntegrityError
from collector.evidence import RunFolder, Store, verify
from collector.model import Row, Status
from tests.evidence.engagement import HOUR, START, row
from tests.evidence.hours import CELLS, NAMELESS, Cell, Work, key
from tests.evidence.ledger import contents
from tests.evidence.lives import Lives
from tests.fakes import FakeClock
from tests.tally import Tally

TIMES = st.sampled_from([None, *((START + half * HOUR / 2).timestamp() for half in range(-1, 9))])
NAMED = st.builds(row, st.integers(0, 11), says=st.sampled_from(["as received", "otherwise"]), at=TIMES)
ROWS = st.lists(NAMED | st.just(Row(NAMELESS + b":true}", b"", b"", None)), max_size=5)
BODIES = st.sampled_from([(), (b"<html>busy</html>",), (b"", b"\0")])
SOME = len(CELLS) - 2
PICK = st.integers(0, 30)
SOON = st.integers(0, 3) | st.integers(4, 40)
FATE = st.tuples(st.sampled_from(["lose", "keep", "tear", "tear", "kill", "kill"]), st.integers(0, 1000))


class Engagement(Lives):
    """One run after another at one engagement, in any order of these steps."""

    # What the run is asked to do.

    @precondition(lambda self: not self.folder)
    @rule()
    def resume(self) -> None:
        with self.mishaps():
            self.start()

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
        with self.mishaps():
            for rows in pages:
                self.arrives(work, rows)
            self.commits(work)

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
        with self.mishaps():
            self.commits(self._picked(pick))

    @precondition(lambda self: self.folder and self.work)
    @rule(pick=PICK, unread=BODIES)
    def gap(self, pick: int, unread: tuple[bytes, ...]) -> None:
        """End a slice without its being whole; the rows that did arrive are kept."""
        with self.mishaps():
            self.commits(self._picked(pick), Status.GAP, unread)

    @precondition(lambda self: self.folder and len(self._free()) < SOME)
    @rule()
    def seal(self) -> None:
        with self.mishaps():
            self._gaps()
            self.seals()

    @rule()
    def verify(self) -> None:
        """At any moment, sealed or not, at work or not."""
        self.verifies()

    # What befalls it.

    @precondition(lambda self: not self.disk.armed)
    @rule(after=SOON, fate=FATE)
    def crash(self, after: int, fate: tuple[str, int]) -> None:
        """The process ends at once, or in the middle of whatever it does after so many operations."""
        if after:
            self.cut(after, fate)
        else:
            self.end(*fate)

    @precondition(lambda self: self.folder and self.work and not self.disk.armed)
    @rule(pick=PICK, after=st.integers(0, 20), fate=FATE)
    def crash_at_commit(self, pick: int, after: int, fate: tuple[str, int]) -> None:
        """The process ends inside a commit."""
        self.cut(after, fate)
        self.commit(pick)

    @precondition(lambda self: self.folder and len(self._free()) < SOME and not self.disk.armed)
    @rule(after=st.integers(0, 45), fate=FATE)
    def crash_at_seal(self, after: int, fate: tuple[str, int]) -> None:
        """The process ends inside the seal, when every slice is accounted for."""
        self._gaps()
        self.cut(after, fate)
        self.seal()

    @precondition(lambda self: not self.disk.armed)
    @rule(fate=FATE)
    def crash_at_line(self, fate: tuple[str, int]) -> None:
        """The process ends when the next line of the journal is written and not yet durable.

        Where none works on the run, that is the line of the one that takes it up.
        """
        self.disk.cut_at_commit, self.fate = True, fate
        if not self.folder:
            self.resume()

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

    def teardown(self) -> None:
        """Where every step held: go on until a run is sealed and none is open, and look once the power was lost."""
        if sys.exc_info()[0] is None:
            self._finish()
            self.end("lose", 0)
        super().teardown()

    def _finish(self) -> None:
        while self.run or not self.sealed:
            if not self.folder:
                self.resume()
            while self.folder and self._free():
                self.whole(0, True, [[row(number) for number in range(12)]])
            if self.folder:
                self.seal()

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
        with self.mishaps():
            self.arrives(work, rows)
            self.work.append(work)

    def _gaps(self) -> None:
        """End what is in hand; what was never asked for is a gap by itself."""
        while self.work:
            self.commits(self.work.pop(), Status.GAP)


CI = settings(
    max_examples=20,
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
