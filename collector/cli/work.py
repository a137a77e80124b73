"""What the commands do, in the words of the rooms below; printing is left to `show`."""

import getpass
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

from collector import network
from collector.analysis.reconcile import pairs, reconcile
from collector.cli import progress, reconciled, screen, show
from collector.cli.finding import runs_below
from collector.clock import Clock, SystemClock
from collector.config import Engagement, Network
from collector.config.reading import Loaded, load
from collector.config.units import Unreadable, duration
from collector.errors import PRECEDENCE, CollectorError, ExitCode, Interrupted, UsageError
from collector.evidence import Account, Store, Verification, chained, cover, links, read
from collector.evidence import verify as verify_run
from collector.http.transport import RequestsTransport, Transport
from collector.model import Sought
from collector.run.connection import Seams
from collector.run.engage import Result, run_cmdlet
from collector.run.engage import run as collect_run
from collector.run.heartbeat import read_heartbeat
from collector.run.outcome import Outcome
from collector.run.plan import forecast, together
from collector.run.powershell import script
from collector.run.watch import Rhythm
from collector.run.watch import watch as watch_over

__all__ = [
    "collect",
    "engage",
    "look_ahead",
    "print_script",
    "reconcile_all",
    "rhythm",
    "status_all",
    "stoppable",
    "verify_all",
    "watch",
]


def collect(file: Path, *, new: bool, gaps_of: Path | None, detail: show.Detail) -> int:
    """Run the engagement of a file; returns the exit code."""
    clock = SystemClock()
    with stoppable(clock):
        result = engage(load(file, now=clock.now()), clock, new=new, gaps_of=gaps_of, detail=detail)
    show.summary(result, as_json=detail.as_json)
    return result.exit_code


def look_ahead(file: Path, *, as_json: bool) -> None:
    """Show what the engagement of a file would ask for."""
    now = SystemClock().now()
    engagement = load(file, now=now).engagement
    forecasts = forecast(engagement, now, _seek(engagement))
    show.plan(forecasts, together(engagement, forecasts), as_json=as_json)


def print_script(file: Path) -> None:
    """Print what the engagement of a file would ask for as a script of Exchange Online PowerShell."""
    now = SystemClock().now()
    engagement = load(file, now=now).engagement
    screen.line(script(engagement, now, _seek(engagement)))


def _seek(engagement: Engagement) -> Sought:
    """Look in earlier evidence for what an engagement asks about; most ask about nothing there."""
    if not engagement.sources.resting_on_evidence:
        return Sought()
    from collector.cli import seeking  # noqa: PLC0415 - the database loads for nobody else

    return seeking.seek(engagement)


def ask_cmdlet(file: Path, name: str, parameters: dict[str, Any], *, detail: show.Detail) -> int:
    """Ask one cmdlet with the engagement of a file; returns the exit code."""
    clock = SystemClock()
    with stoppable(clock), _seams(clock, detail) as seams:
        result = run_cmdlet(load(file, now=clock.now()), seams, name, parameters)
    show.summary(result, as_json=detail.as_json)
    return result.exit_code


def rhythm(every: str, lasts: str | None, seal_every: str) -> Rhythm:
    """Read the spans of a watch; raises UsageError, with the option's name."""

    def seconds(option: str, text: str) -> float:
        try:
            return duration(text)
        except Unreadable as error:
            raise UsageError(f"{option}: {error.message}", remedy=error.remedy) from None

    last = None if lasts is None else seconds("--for", lasts)
    return Rhythm(seconds("--every", every), last, seconds("--seal-every", seal_every))


def watch(file: Path, pace: Rhythm, *, new: bool, detail: show.Detail) -> int:
    """Watch over the engagement of a file; returns the exit code."""
    clock = SystemClock()

    def tell(outcome: Outcome) -> None:
        show.cycle(outcome, as_json=detail.as_json)

    with stoppable(clock), _seams(clock, detail) as seams:
        return watch_over(load(file, now=clock.now()), seams, pace, tell, new=new)


def engage(
    loaded: Loaded, clock: Clock, *, detail: show.Detail, new: bool = False, gaps_of: Path | None = None
) -> Result:
    """Collect with this machine's disk, network and terminal."""
    with _seams(clock, detail) as seams:
        return collect_run(loaded, seams, new=new, gaps_of=gaps_of, seek=lambda: _seek(loaded.engagement))


@contextmanager
def _seams(clock: Clock, detail: show.Detail) -> Iterator[Seams]:
    """Give this machine's disk, network and terminal."""

    def transport(settings: Network, connections: int) -> Transport:
        session = network.session(settings, pool=connections)
        deadline = settings.connect_timeout + 2 * settings.read_timeout
        return RequestsTransport(session, clock=clock, deadline=deadline)

    with progress.watching(detail) as observer:
        yield Seams(clock=clock, store=Store(), transport=transport, ask=_ask, observer=observer)


def _ask(label: str) -> str:
    """Ask for a secret without echo; Ctrl-C at the prompt ends at once, since nothing is under way yet."""
    if not sys.stdin.isatty():
        raise UsageError(f"there is no terminal to ask at for {label}", remedy="name it as env:NAME or file:PATH")
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        return getpass.getpass(f"{label}: ")
    except KeyboardInterrupt:
        raise Interrupted("interrupted at the prompt", remedy="run the same command again") from None
    finally:
        signal.signal(signal.SIGINT, before)


@contextmanager
def stoppable(clock: SystemClock) -> Iterator[None]:
    """Let SIGINT and SIGTERM stop the run after what it is writing; a second one ends it at once."""

    def stop(number: int, frame: FrameType | None) -> None:  # noqa: ARG001 - the signature of signal handlers
        if clock.stopped:
            raise KeyboardInterrupt
        clock.stop()

    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def status_all(folder: Path, *, as_json: bool) -> int:
    """Show what each run below a folder covers, as its plan and journal tell it; 6 where one's cannot be read."""
    codes = {ExitCode.COMPLETE}
    clock = SystemClock()
    for above in dict.fromkeys(path.parent for path in runs_below(folder)):
        if beat := read_heartbeat(above):
            show.heartbeat(beat, as_json=as_json)
    for account in _accounts(folder, codes, as_json=as_json):
        watched = account.plan.watch and not account.sealed  # what is still to come is no gap yet
        coverage = cover(account.plan, account.commits, clock.now()) if watched else account.coverage
        run = show.RunStatus(account.path, coverage, account.sealed, watched, account.problems)
        show.status(run, as_json=as_json)
    return min(codes, key=PRECEDENCE.index)


def reconcile_all(folder: Path, *, as_json: bool) -> int:
    """Compare every two roads over all runs below a folder; 6 where a run's account cannot be read."""
    codes = {ExitCode.COMPLETE}
    accounts = list(_accounts(folder, codes, as_json=as_json))
    for pair in pairs(accounts):
        (reconciled.as_lines if as_json else reconciled.as_text)(reconcile(accounts, pair))
    return min(codes, key=PRECEDENCE.index)


def _accounts(folder: Path, codes: set[ExitCode], *, as_json: bool) -> Iterator[Account]:
    """Yield the account of each run below a folder; what cannot be read is shown, and its exit code added."""
    for path in runs_below(folder):
        try:
            account = read(path)
        except CollectorError as error:
            show.unreadable(path, error, as_json=as_json)
            codes.add(error.exit_code)
            continue
        codes |= {ExitCode.INTEGRITY} if account.problems else set()
        yield account


def verify_all(folder: Path, *, as_json: bool) -> int:
    """Verify the runs below a folder and the chain between them; 6 where one is not intact, 5 where one is open."""
    codes = {ExitCode.COMPLETE}
    paths = runs_below(folder)
    chain = links(paths)
    for path in paths:
        verification = chained(verify_run(path), chain.get(path))
        show.verification(path, verification, as_json=as_json)
        codes.add(_verdict(verification))
    return min(codes, key=PRECEDENCE.index)


def _verdict(verification: Verification) -> ExitCode:
    if verification.problems:
        return ExitCode.INTEGRITY
    return ExitCode.COMPLETE if verification.sealed else ExitCode.TEMPORARY
