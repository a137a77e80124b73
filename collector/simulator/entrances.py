"""How everybody came in: a sign-in for each session of a story, and the attempts that failed before it.

Invariants: each session's first sign-in is before what was done in it, or at the start of the window; one that the
story tells of already is not told twice; the same rows and seed give the same sign-ins. No other record is touched.
"""

import json
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from random import Random

from collector.model import Window
from collector.simulator.cast import ATTACKER_AAD_SESSION, ATTACKER_IPS, ATTACKER_SESSIONS, CLIENTS, STAFF, Person
from collector.simulator.mail import guid
from collector.simulator.records import Bind, Context, Sync
from collector.simulator.scenario import AuditRow
from collector.simulator.sign_ins import (
    ATTACKER_BROWSER,
    BAD_PASSWORD,
    BROWSER,
    LOCKED,
    NO_SUCH_USER,
    OUTLOOK,
    PHONE,
    SCRIPT,
    SECOND_FACTOR,
    STS_LOGON,
    Origin,
    refused,
    signed_in,
)

_BY_ADDRESS = {person.upn: person for person in STAFF}
_DEVICES = {CLIENTS["owa"]: BROWSER, CLIENTS["desktop"]: OUTLOOK, CLIENTS["mobile"]: PHONE}
_THEIRS = frozenset({*ATTACKER_SESSIONS, ATTACKER_AAD_SESSION})
_SPRAYED = timedelta(seconds=20)


def entrances(rows: Iterable[AuditRow], window: Window, seed: int) -> Iterator[AuditRow]:
    """Yield the sign-ins that a story's records suppose, and a password spray at three tenths of the window."""
    rng = Random(f"{seed}/entrances")  # noqa: S311 - a story, not a secret
    in_order = sorted(rows, key=lambda row: row.created)
    told = {session for row in in_order if row.record_type == STS_LOGON for session in _sessions(row)}
    for session, (first, context) in _opened(in_order).items():
        person = _BY_ADDRESS.get(context.user)
        if person and session not in told:
            moment = max(window.start, first - timedelta(seconds=rng.randrange(60, 600)))
            yield signed_in(moment, guid(rng), person, _origin(context, session), session)
    yield from _spray(rng, window)


def _opened(rows: Iterable[AuditRow]) -> dict[str, tuple[datetime, Context]]:
    """Return when each session is first seen at work, and as what."""
    opened: dict[str, tuple[datetime, Context]] = {}
    for row in rows:
        if isinstance(row.body, (Bind, Sync)) and (session := row.body.context.session or row.body.context.aad_session):
            opened.setdefault(session, (row.created, row.body.context))
    return opened


def _sessions(row: AuditRow) -> Iterator[str]:
    for pair in json.loads(row.raw_auditdata)["DeviceProperties"]:
        if pair["Name"] == "SessionId":
            yield pair["Value"]


def _origin(context: Context, session: str) -> Origin:
    """Return address and device of a sign-in: the user's own, where the records show a front end's; F3."""
    if session == ATTACKER_AAD_SESSION:
        return Origin(ATTACKER_IPS[0], SCRIPT)
    device = ATTACKER_BROWSER if session in _THEIRS else _DEVICES.get(context.client_info, BROWSER)
    return Origin(context.ip, device)


def _spray(rng: Random, window: Window) -> Iterator[AuditRow]:
    """Yield the attacker's attempts on everybody and on one who is not there, the last with the right password."""
    first = (window.start + window.length * 0.3).replace(microsecond=0)
    victims: list[Person | None] = [*STAFF, None]
    for number, person in enumerate(victims):
        error = BAD_PASSWORD if person else NO_SUCH_USER
        yield refused(first + number * _SPRAYED, guid(rng), person, Origin(ATTACKER_IPS[1], SCRIPT), error)
    again = first + timedelta(minutes=30)
    for number, error in enumerate((BAD_PASSWORD, BAD_PASSWORD, LOCKED, SECOND_FACTOR)):
        moment = again + number * 10 * _SPRAYED
        yield refused(moment, guid(rng), STAFF[0], Origin(ATTACKER_IPS[0], ATTACKER_BROWSER), error)
