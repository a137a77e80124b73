"""The runs of a watch on the disk: the one that is open, those before it, and the index of what stands in them.

Invariants: at most one run is open; each new one follows the last sealed one, by the end of its journal; whatever is
let go of is taken up again from the disk.
"""

from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path

from collector.config import Loaded
from collector.errors import CollectorError, IntegrityError
from collector.evidence import Account, Across, Index, RunFolder, find_runs
from collector.evidence.chain import last_line
from collector.evidence.layout import INDEX
from collector.model import Plan
from collector.run.connection import Connection, Seams
from collector.run.cycle import BEFORE_A_SEAL
from collector.run.engage import Result, engagement_folder, key_of, opening, require_same, sealed, taken_up
from collector.run.series import leaves_off, next_plan, runs_of_watch

KEEP = BEFORE_A_SEAL + timedelta(hours=1)
"""How long the index remembers: the longest look-back, and the margin of its question."""


class Relay:
    """The runs of one watch; the caller holds the engagement's lock."""

    def __init__(self, loaded: Loaded, seams: Seams, connection: Connection) -> None:
        self._loaded = loaded
        self._seams = seams
        self._connection = connection
        self._folder = engagement_folder(loaded.engagement)
        self._run: RunFolder | None = None
        self._index: Index | None = None
        self._abandoned: set[Path] = set()

    @property
    def open_run(self) -> RunFolder | None:
        """The run that is open now, if one was taken up or begun."""
        return self._run

    def take_up(self) -> RunFolder | None:
        """Return the run that is open, taken up if need be; None where there is none.

        Raises UsageError where it was asked otherwise, IntegrityError, DiskError.
        """
        if self._run is None and (account := self._open_account()):
            require_same(account.path, self._loaded)
            self._take_up(account)
        return self._run

    def begin(self, fresh: Plan, end: datetime, ahead: timedelta) -> RunFolder:
        """Begin the next run, to be sealed at `end`, for what is asked `fresh`ly from where the last one left off.

        `ahead` is how far the clock of the Activity API is ahead of ours.
        """
        before = next(iter(reversed([account for account in self._accounts() if account.sealed])), None)
        follows = last_line(before.path) if before else None
        self._run = RunFolder.create(
            self._folder,
            opening(self._loaded, next_plan(fresh, before, end, ahead), self._seams, follows),
            store=self._seams.store,
            clock=self._seams.clock,
            standing=self._standing(),
        )
        self._connection.log_to(self._run)
        return self._run

    def seal(self, until: datetime | None = None) -> Result:
        """Close the run that is open, `until` a moment before its planned end where one is given."""
        run = self._run
        if run is None:
            raise ValueError("no run is open")
        self._connection.log_to(None)
        result = sealed(run, self._loaded.engagement, until)
        run.close()
        self._run = None
        return result

    def begin_anew(self) -> list[Result]:
        """Close what is open as it stands; what is damaged is left as it is, and not taken up again."""
        try:
            account = self._open_account()
            if account is None:
                return []
            self._take_up(account)
            return [self.seal(leaves_off(account.plan, account.commits))]
        except IntegrityError as error:
            damaged = find_runs(self._folder)[-1]
            self._abandoned.add(damaged)
            self._seams.observer.notice(f"{damaged} is left as it is: {error.message}")
            self.let_go()
            return []

    def let_go(self) -> None:
        """Close what is open; the next cycle takes it up again from the disk."""
        self._connection.log_to(None)
        for held in (self._run, self._index):
            if held is not None:
                with suppress(CollectorError):
                    held.close()
        self._run = self._index = None

    def _accounts(self) -> Sequence[Account]:
        return runs_of_watch(self._folder, but=self._abandoned)

    def _open_account(self) -> Account | None:
        """Return the newest run, if it is open; an older one that is was left as it is, for its damage."""
        newest = next(reversed(self._accounts()), None)
        return None if newest is None or newest.sealed else newest

    def _take_up(self, account: Account) -> None:
        self._run = taken_up(account.path, self._loaded, self._seams, self._standing())
        self._connection.log_to(self._run)

    def _standing(self) -> Across:
        """Return what stands in the open run and those before it."""
        if self._index is None:
            paths = [account.path for account in self._accounts() if account.sealed]
            if still_open := self._open_account():
                paths.append(still_open.path)
            self._index = Index.open(self._folder / INDEX, paths, key_of, keep=KEEP)
            for notice in self._index.notices:
                self._seams.observer.notice(notice)
        return Across(self._index)
