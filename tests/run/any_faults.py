"""Random faults, and whether they pass: what is drawn, how often, where."""

from datetime import timedelta
from email.utils import format_datetime
from random import Random
from typing import NamedTuple

from collector.model import Window
from collector.simulator import (
    CONCURRENCY,
    OF_THE_FEED,
    Fault,
    Faults,
    Kind,
    ResultCount,
    When,
    any_cmdlet,
    chance,
    cmdlet,
    during,
    every,
    from_page,
    larger,
    nth,
    page,
    wider,
)
from tests.fakes import NOW

AUDIT = cmdlet("Search-UnifiedAuditLog")
MINUTE = timedelta(minutes=1)
ENOUGH = 16
"""Attempts that outlast all passing faults of a case, were they to hit one slice."""

MOST_PASSING = 6
"""Times that faults fire in a passing case: each costs a slice two attempts at most, a lost answer and its hole."""

SHORTENING = (Kind.HOLE, Kind.SHORT_SESSION, Kind.LOST_ROW)
"""What makes a session short without a word; only its count tells."""

OF_AUDIT = {*SHORTENING, Kind.MINUS_ONE, Kind.MISCOUNT, Kind.MORE, Kind.CYCLE}
LATER_PAGES = {Kind.HOLE, Kind.SHORT_SESSION, Kind.REPEAT}
"""What makes an empty answer of a first page, which `EMPTY` does once in a case and no more."""

TOKENS = {Kind.UNAUTHORIZED, Kind.CLAIMS}
HARMLESS = {Kind.PRETTY, Kind.TWICE}
KINDS = [kind for kind in Kind if kind not in {Kind.SLOW, Kind.DRIP, Kind.FORBIDDEN, *OF_THE_FEED}]
QUIET = [*SHORTENING, Kind.MINUS_ONE, Kind.CANCELLED, Kind.EMPTY, Kind.CUT, Kind.CUT_GZIP, Kind.RESET]
"""What nobody notices who does not look: drawn more often."""

EXCEPTIONS = ("CmdletProxyNotAvailableFailure", "ServerBusyException", "TransientException")
RETRY_AFTER = (None, "0", "7", "30", "0.5", "soon", "-5", "", format_datetime(NOW + MINUTE, usegmt=True))


class Drawn(NamedTuple):
    """Faults, the attempts that a slice is given against them, and whether they pass."""

    faults: Faults
    attempts: int
    passing: bool


def draw_faults(rng: Random, window: Window, count: ResultCount, *, audit: bool, passing: bool) -> Drawn:
    """Draw none to six faults, `audit` ones too; `passing` ones end soon."""
    kinds = list(dict.fromkeys(rng.choices([*KINDS, *QUIET, *QUIET], k=rng.randrange(7))))
    kinds = _sound([kind for kind in kinds if audit or kind not in OF_AUDIT], count)
    once = {Kind.EMPTY, *(SHORTENING if count is ResultCount.MIRRORED else ())}
    if passing:
        kinds = [kind for kind in kinds if kind not in TOKENS] + [kind for kind in kinds if kind in TOKENS][:1]
        most = MOST_PASSING // max(1, len(kinds))
        faults = [_fault(rng, kind, window, times=1 if kind in {*once, *TOKENS} else most) for kind in kinds]
        return Drawn(Faults(tuple(faults)), ENOUGH, passing=True)
    faults = [_fault(rng, kind, window, times=1 if kind in once else rng.choice((3, 20, None, None))) for kind in kinds]
    if rng.random() < 0.1:
        faults.append(Fault(Kind.FORBIDDEN, rng.choice((AUDIT, cmdlet("Get-MessageTraceV2"))), times=None))
    return Drawn(Faults(tuple(faults)), rng.choice((3, 6)), passing=False)


def _sound(kinds: list[Kind], count: ResultCount) -> list[Kind]:
    """Leave out what nobody could tell: sessions that are short by just what their count is, or without a count."""
    shortening = [kind for kind in kinds if kind in SHORTENING]
    if Kind.MISCOUNT in kinds:
        return [kind for kind in kinds if kind not in SHORTENING]
    spared = shortening[1:] if count is ResultCount.MIRRORED else []
    return [kind for kind in kinds if kind not in spared]


def _fault(rng: Random, kind: Kind, window: Window, *, times: int | None) -> Fault:
    where = from_page(rng.randint(2, 3)) if kind in LATER_PAGES else _condition(rng, window, ends=times is not None)
    conditions = [any_cmdlet, where, *([AUDIT] if kind in OF_AUDIT else [])]
    status = rng.choice((429, 408, 500, 502, 503, 504))
    text = rng.choice((CONCURRENCY, "Service unavailable", ""))
    return Fault(
        kind,
        every(*conditions),
        times=None if kind in HARMLESS else times,
        status=rng.choice((200, 503)) if kind is Kind.HTML else status,
        text=text,
        retry_after=rng.choice(RETRY_AFTER),
        exception=f"Microsoft.Exchange.Data.Directory.{rng.choice(EXCEPTIONS)}",
        by=rng.choice((-1, 1, -7, 60_000 if times == 1 else 7)),
        size=rng.choice((100, 2**17)),
    )


def _condition(rng: Random, window: Window, *, ends: bool) -> When:
    """Draw where a fault fires: those that end are spread out, or all would be spent on the first question."""
    at = window.start + window.length * rng.random() * 0.8
    part = Window(at, at + rng.choice((timedelta(seconds=1), window.length / 4, window.length / 4)))
    by_chance = chance(rng.choice((0.1, 0.3, 0.5)), rng.randrange(1000))
    spread = (every(during(part), page(1)), during(part), by_chance, nth(*rng.sample(range(1, 20), 8)))
    anywhere = (
        any_cmdlet,
        page(rng.randint(1, 3)),
        during(part),
        wider(window.length / rng.choice((10, 100))),
        larger(rng.choice((200, 1000, 4999))),
        by_chance,
    )
    return rng.choice(spread if ends else anywhere)
