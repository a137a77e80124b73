"""The story: megan.owner's mailbox is taken over while she works in it, then noah.second's.

At two fifths of the window the attacker signs in as Megan from 203.0.113.x, opens finance mail by REST (some of it
through a front end's IPv6 address and without a SessionId), syncs Inbox and Sent with a desktop client under a
second session, hides behind an inbox rule and sends. At eleven twentieths Noah follows. At three fifths Megan's
mailbox is throttled: no Bind of it is recorded for 24 hours. A delegate and a backup app open her mailbox rightly.
All around, everybody works.

Invariants: a seed gives the same scenario each time; there are exactly as many records and traces as asked for,
in time order; with sixty records or more the whole plot is told.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta
from random import Random

from collector.model import Window
from collector.simulator.cast import (
    ATTACKER_AAD_SESSION,
    ATTACKER_APP,
    ATTACKER_IPS,
    ATTACKER_SESSIONS,
    BACKUP_APP,
    CLIENTS,
    FRONT_END_IPS,
    GRAPH_APP,
    MEGAN,
    NOAH,
    OWA_APP,
    PRIYA,
    Person,
)
from collector.simulator.contoso import RULE_FOLDER, RULE_NAME, configuration, mailboxes
from collector.simulator.entrances import entrances
from collector.simulator.mail import Folder, Folders, deliver, guid, moments, new_messages, old_messages, trace
from collector.simulator.office import Office, pick
from collector.simulator.records import DELEGATED, Bind, Context, Sync, accessed, event
from collector.simulator.scenario import AuditRow, Scenario
from collector.simulator.sign_ins import ATTACKER_BROWSER, Origin, signed_in

BLIND = timedelta(hours=24)


def takeover(
    *, seed: int = 1, start: datetime, days: int, records: int, traces: int, sign_ins: bool = False
) -> Scenario:
    """Tell the story in a window of so many days, with so many audit records and message trace rows.

    With `sign_ins` there is a sign-in for every session beside these records, and a password spray before the
    break-in; all else stays as it is.
    """
    rng = Random(seed)  # noqa: S311 - a story, not a secret
    window = Window(start, start + timedelta(days=days))
    messages = new_messages(rng, window, traces)
    folders = deliver([*old_messages(rng, window), *messages])
    plot = list(_Plot(rng, window, folders).rows())[:records]
    blind = Window(_at(window, 0.6), _at(window, 0.6) + BLIND)
    office = Office(rng, folders, blind)
    told = [*plot, *office.rows(moments(rng, window, records - len(plot)))]
    if sign_ins:
        told += list(entrances(told, window, seed))
    return Scenario.of(
        audit=told,
        traces=trace(rng, messages),
        window=window,
        mailboxes=mailboxes(),
        configuration=configuration(folders),
    )


def _at(window: Window, fraction: float) -> datetime:
    """Return the moment at a fraction of the window, to the second."""
    return (window.start + window.length * fraction).replace(microsecond=0)


class _Plot:
    """The records of the plot, the most telling first."""

    def __init__(self, rng: Random, window: Window, folders: dict[Person, Folders]) -> None:
        self._rng = rng
        self._window = window
        self._folders = folders

    def rows(self) -> Iterator[AuditRow]:
        """Yield the plot's rows."""
        yield from self._break_in()
        yield from self._download()
        yield from self._cover()
        yield from self._second_victim()
        yield self._throttled()
        yield from self._rightful()

    def _break_in(self) -> Iterator[AuditRow]:
        first = _at(self._window, 0.4)
        mail = self._folders[MEGAN]
        yield self._sign_in(first, MEGAN, ATTACKER_SESSIONS[0])
        rest = _attacker(MEGAN, "rest", ATTACKER_IPS[0], session=ATTACKER_SESSIONS[0], client_app_id=ATTACKER_APP)
        yield from self._binds(rest, first, 12, mail.archive, mail.inbox)
        front_end = _attacker(MEGAN, "rest", FRONT_END_IPS[0], aad_session=ATTACKER_AAD_SESSION, app_id=GRAPH_APP)
        yield from self._binds(front_end, first + timedelta(minutes=1), 4, mail.archive)
        owner = Context(MEGAN, MEGAN.upn, MEGAN.ip, CLIENTS["owa"], app_id=OWA_APP, session=guid(self._rng))
        yield from self._binds(owner, first + timedelta(seconds=30), 8, mail.inbox)

    def _download(self) -> Iterator[AuditRow]:
        first = _at(self._window, 0.41)
        mail = self._folders[MEGAN]
        desktop = _attacker(MEGAN, "desktop", ATTACKER_IPS[1], session=ATTACKER_SESSIONS[1], sync=True)
        for number, folder in enumerate((mail.inbox, mail.sent)):
            yield accessed(Sync(first + timedelta(seconds=number), guid(self._rng), desktop, folder))
        opened = _attacker(MEGAN, "desktop", ATTACKER_IPS[1], session=ATTACKER_SESSIONS[1])
        yield from self._binds(opened, first + timedelta(minutes=4), 2, mail.sent)

    def _cover(self) -> Iterator[AuditRow]:
        first = _at(self._window, 0.42)
        where = {"ClientIP": f"{ATTACKER_IPS[0]}:51712", "SessionId": ATTACKER_SESSIONS[0]}
        rule = [{"Name": "Name", "Value": RULE_NAME}, {"Name": "MoveToFolder", "Value": RULE_FOLDER}]
        yield event(first, guid(self._rng), "New-InboxRule", 1, MEGAN, ObjectId=MEGAN.upn, Parameters=rule, **where)
        for minute in (2, 5):
            sent = {"MailboxGuid": MEGAN.mailbox_guid, "MailboxOwnerUPN": MEGAN.upn, "ClientIPAddress": ATTACKER_IPS[0]}
            yield event(first + timedelta(minutes=minute), guid(self._rng), "Send", 2, MEGAN, **sent)

    def _second_victim(self) -> Iterator[AuditRow]:
        first = _at(self._window, 0.55)
        mail = self._folders[NOAH]
        yield self._sign_in(first, NOAH, ATTACKER_SESSIONS[2])
        owa = _attacker(NOAH, "owa", ATTACKER_IPS[0], session=ATTACKER_SESSIONS[2], app_id=OWA_APP)
        yield from self._binds(owa, first, 6, mail.inbox, mail.archive)
        bare = _attacker(NOAH, "owa", ATTACKER_IPS[0])
        yield from self._binds(bare, first + timedelta(minutes=1), 2, mail.inbox)

    def _throttled(self) -> AuditRow:
        context = Context(MEGAN, MEGAN.upn, MEGAN.ip, CLIENTS["rest"], throttled=True)
        return self._bind(context, _at(self._window, 0.6), self._folders[MEGAN].inbox)

    def _rightful(self) -> Iterator[AuditRow]:
        mail = self._folders[MEGAN]
        delegate = Context(
            MEGAN,
            PRIYA.upn,
            PRIYA.ip,
            CLIENTS["owa"],
            user_key=PRIYA.key,
            sid=PRIYA.sid,
            logon_type=DELEGATED,
            session=guid(self._rng),
        )
        yield from self._binds(delegate, _at(self._window, 0.39), 5, mail.inbox, mail.archive)
        backup = Context(
            MEGAN,
            f"ServicePrincipal_{BACKUP_APP}",
            FRONT_END_IPS[1],
            CLIENTS["rest"],
            user_type=5,
            user_key=BACKUP_APP,
            sid="S-1-5-18",
            app_id=GRAPH_APP,
            client_app_id=BACKUP_APP,
        )
        yield from self._binds(backup, _at(self._window, 0.2), 5, mail.inbox)

    def _binds(self, context: Context, first: datetime, count: int, *folders: Folder) -> Iterator[AuditRow]:
        """Yield Bind records two minutes apart, which is how long one gathers; protocol.md F1."""
        for number in range(count):
            yield self._bind(context, first + timedelta(minutes=2 * number), *folders)

    def _bind(self, context: Context, moment: datetime, *folders: Folder) -> AuditRow:
        picks = tuple(pick(self._rng, folder, moment) for folder in folders)
        return accessed(Bind(moment, guid(self._rng), context, picks))

    def _sign_in(self, moment: datetime, who: Person, session: str) -> AuditRow:
        first = moment - timedelta(minutes=3)
        return signed_in(first, guid(self._rng), who, Origin(ATTACKER_IPS[0], ATTACKER_BROWSER), session)


def _attacker(
    mailbox: Person,
    client: str,
    ip: str,
    *,
    session: str | None = None,
    aad_session: str | None = None,
    app_id: str | None = None,
    client_app_id: str | None = None,
    sync: bool = False,
) -> Context:
    """Return a context of the attacker, who acts as the mailbox's owner."""
    return Context(
        mailbox,
        mailbox.upn,
        ip,
        CLIENTS[client],
        sync=sync,
        session=session,
        aad_session=aad_session,
        app_id=app_id,
        client_app_id=client_app_id,
    )
