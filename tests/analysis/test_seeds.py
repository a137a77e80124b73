"""Each query of the guides that the questions come from, by its name, against rows written by hand.

The guides are Microsoft's four steps and two ways of using Binds, MIA's three actions, and two Sentinel queries. The
case is small: Megan's mailbox, used by her, by a delegate, by an application and by an attacker, who comes from two
addresses with one session and once by an old protocol without any; and Lena's, which was throttled.
"""

import json
from pathlib import Path

import pytest

from collector.analysis.prepare import Prepared
from collector.model import Status
from tests.analysis.cases import (
    APP,
    APP_IP,
    APPS,
    ATTACKER_IP,
    ATTACKERS,
    DRAFT,
    FLAGGED,
    GRAPH,
    HOURS,
    IMAP,
    LEE,
    LEE_IP,
    LEES,
    LENA,
    MEGAN,
    OFFER,
    OUTBOX,
    OWA,
    OWNER_IP,
    OWNERS,
    PAYROLL,
    REPLY,
    REST,
    RPC,
    SERVICE,
    VPN_IP,
    ask,
    bind,
    cells,
    from_csv,
    hand_made,
    ready,
    sync,
    trace,
)
from tests.analysis.feeds import Piece, audit_log, collect, row
from tests.end_to_end.stage import Ended, collector


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return hand_made(tmp_path_factory.mktemp("case"))


@pytest.fixture(scope="module")
def case(run: Path) -> Prepared:
    return ready([run])


def command(run: Path, question: str, *options: str) -> Ended:
    done = collector("investigate", question, run, *options, cwd=run.parent)
    assert done.code == 0, done
    return done


def at(hour: float) -> str:
    return f"2026-11-10T{int(hour):02}:{round(hour % 1 * 60):02}:00Z"


SYNC_OWNER = (at(7), MEGAN, MEGAN, "Inbox", OWNER_IP, RPC, "OUTLOOK.EXE", "16.0.1", OWNERS, 0, "sync-owner")
SYNC_1 = (at(9.5), MEGAN, MEGAN, "Inbox", ATTACKER_IP, RPC, "OUTLOOK.EXE", "16.0.1", ATTACKERS, 0, "sync-1")
SYNC_2 = (at(9.75), MEGAN, MEGAN, OUTBOX, VPN_IP, RPC, "OUTLOOK.EXE", "16.0.1", ATTACKERS, 0, "sync-2")
BY_OWNER = (OWNER_IP, OWA, OWNERS, 0, None, None, "bind-owner")
BY_ATTACKER = (ATTACKER_IP, OWA, ATTACKERS, 0, None, None, "bind-1")
FROM_VPN = (VPN_IP, OWA, ATTACKERS, 0, None, None, "bind-2")
BY_LEE = (LEE_IP, RPC, LEES, 2, None, None, "bind-lee")
BY_APP = (APP_IP, REST, APPS, 1, APP, None, "bind-app")
BY_IMAP = (ATTACKER_IP, IMAP, None, 0, None, None, "bind-imap")
BY_LENA = ("192.0.2.17", OWA, "s-lena", 0, None, None, "throttled")
BINDS = [
    (at(8), MEGAN, MEGAN, OFFER, "\\Inbox", *BY_OWNER),
    (at(9), MEGAN, MEGAN, OFFER, "\\Inbox", *BY_ATTACKER),
    (at(9), MEGAN, MEGAN, PAYROLL, "\\Inbox", *BY_ATTACKER),
    (at(9), MEGAN, MEGAN, REPLY, "\\Sent", *BY_ATTACKER),
    (at(10), MEGAN, MEGAN, PAYROLL, "\\Archive", *FROM_VPN),
    (at(11), MEGAN, LEE, REPLY, "\\Sent", *BY_LEE),
    (at(12), MEGAN, SERVICE, DRAFT, "\\Inbox", *BY_APP),
    (at(12), MEGAN, SERVICE, PAYROLL.strip("<>"), "\\Inbox", *BY_APP),
    (at(13), MEGAN, MEGAN, OFFER, "\\Inbox", *BY_IMAP),
    (at(14), LENA, LENA, OFFER, "\\Inbox", *BY_LENA),
]


def test_microsoft_step_1_throttled_mailboxes(run: Path, case: Prepared) -> None:
    told = json.loads(command(run, "throttling", "--format", "json").out)
    blind = {"throttled_at": "2026-11-10T14:00:00Z", "blind_until": "2026-11-11T14:00:00Z"}
    assert told == [{"mailbox": LENA, **blind, "record_id": "throttled"}]
    assert ask(case, "throttling", since="2026-11-11T13:59:59Z") == told
    assert ask(case, "throttling", since="2026-11-11T14:00:00Z") == []
    assert ask(case, "throttling", until="2026-11-10T14:00:00Z") == []
    assert ask(case, "throttling", mailbox=[MEGAN]) == []  # no results: the mailbox was not throttled


def test_microsoft_step_2_sync_activities(case: Prepared) -> None:
    assert cells(case, "syncs", user=[MEGAN]) == [SYNC_OWNER, SYNC_1, SYNC_2]
    assert cells(case, "syncs", since=at(9.5), until=at(9.75)) == [SYNC_1]


def test_microsoft_step_3_the_context_of_a_sync(case: Prepared) -> None:
    assert cells(case, "contexts", mailbox=[MEGAN], until=at(9.75)) == [
        (MEGAN, MEGAN, OWNER_IP, RPC, OWNERS, 0, None, 0, 1, 0, 1, at(7), at(7)),
        (MEGAN, MEGAN, OWNER_IP, OWA, OWNERS, 0, None, 1, 0, 1, 0, at(8), at(8)),
        (MEGAN, MEGAN, ATTACKER_IP, OWA, ATTACKERS, 0, None, 1, 0, 3, 0, at(9), at(9)),
        (MEGAN, MEGAN, ATTACKER_IP, RPC, ATTACKERS, 0, None, 0, 1, 0, 1, at(9.5), at(9.5)),
    ]
    for asked in (APP, GRAPH):
        assert cells(case, "contexts", app=[asked.upper()]) == [
            (MEGAN, SERVICE, APP_IP, REST, APPS, 1, APP, 1, 0, 2, 0, at(12), at(12)),
        ]


def test_microsoft_step_3_two_synced_folders_of_one_name_are_two(tmp_path: Path) -> None:
    folders = [("Inbox", "f-1"), ("Inbox", "f-2"), ("Inbox", "f-1"), ("Inbox", None)]
    rows = [row(f"{number}", 1, **sync(*folder)) for number, folder in enumerate(folders)]
    case = ready([collect(tmp_path, audit_log(Piece(HOURS, rows)))])
    (context,) = ask(case, "contexts")
    assert (context["syncs"], context["folders"]) == (4, 3)
    assert [one["folder_name"] for one in ask(case, "folders")] == ["Inbox"]


def test_microsoft_step_4_binds(case: Prepared) -> None:
    assert cells(case, "binds") == BINDS


def test_microsoft_first_way_messages_that_an_attacker_accessed(case: Prepared) -> None:
    assert cells(case, "messages", session=[ATTACKERS]) == [
        (OFFER, MEGAN, MEGAN, ["\\Inbox"], 1, 1, [ATTACKERS], [ATTACKER_IP], at(9), at(9)),
        (PAYROLL, MEGAN, MEGAN, ["\\Archive", "\\Inbox"], 2, 2, [ATTACKERS], [*FLAGGED], at(9), at(10)),
        (REPLY, MEGAN, MEGAN, ["\\Sent"], 1, 1, [ATTACKERS], [ATTACKER_IP], at(9), at(9)),
    ]


def test_microsoft_second_way_records_of_given_messages(case: Prepared) -> None:
    asked = [PAYROLL.strip("<>").upper(), REPLY]
    assert cells(case, "binds", message_id=asked) == [BINDS[number] for number in (2, 3, 4, 5, 7)]


def test_microsoft_audit_records_are_told_apart_by_session_and_address(tmp_path: Path) -> None:
    a, b, c, d, e, f = (f"<{name}@mail.example.org>" for name in "ABCDEF")
    first, second = "192.0.2.1", "192.0.2.2"
    records = (("1", first, "s-2", [a, d, e, f]), ("2", second, "s-2", [a, c]), ("3", first, "s-3", [b]))
    rows = [
        row(name, 1, MailboxOwnerUPN=MEGAN, UserId=MEGAN, ClientIPAddress=ip, SessionId=session, **bind(Inbox=named))
        for name, ip, session, named in records
    ]
    case = ready([collect(tmp_path, audit_log(Piece(HOURS, rows)))])
    assert cells(case, "contexts") == [
        (MEGAN, MEGAN, first, None, "s-2", None, None, 1, 0, 4, 0, at(1), at(1)),
        (MEGAN, MEGAN, first, None, "s-3", None, None, 1, 0, 1, 0, at(1), at(1)),
        (MEGAN, MEGAN, second, None, "s-2", None, None, 1, 0, 2, 0, at(1), at(1)),
    ]
    found = {(one["record_id"], one["internet_message_id"]) for one in ask(case, "binds")}
    assert found == {*(("1", one) for one in (a, d, e, f)), ("2", a), ("2", c), ("3", b)}


def test_microsoft_audit_records_are_told_apart_by_client(tmp_path: Path) -> None:
    """EWSEditor and OWA at once: the same address and user, another ClientInfoString."""
    editor = "Client=WebServices;EWSEditor;"
    rows = [
        row(client, 1, MailboxOwnerUPN=MEGAN, UserId=MEGAN, ClientInfoString=client, **bind(Inbox=[OFFER]))
        for client in (OWA, editor)
    ]
    case = ready([collect(tmp_path, audit_log(Piece(HOURS, rows)))])
    assert cells(case, "contexts") == [
        (MEGAN, MEGAN, None, OWA, None, None, None, 1, 0, 1, 0, at(1), at(1)),
        (MEGAN, MEGAN, None, editor, None, None, None, 1, 0, 1, 0, at(1), at(1)),
    ]


def test_mia_sessions_of_a_user(case: Prepared) -> None:
    assert cells(case, "sessions", user=[MEGAN]) == [
        (OWNERS, MEGAN, MEGAN, [OWNER_IP], at(7), at(8), 2, 1, 1, ["Inbox"]),
        (ATTACKERS, MEGAN, MEGAN, [*FLAGGED], at(9), at(10), 4, 5, 3, [OUTBOX, "Inbox"]),
        (None, MEGAN, MEGAN, [ATTACKER_IP], at(13), at(13), 1, 1, 1, []),
    ]
    assert cells(case, "sessions", user=[SERVICE, LEE]) == [
        (LEES, MEGAN, LEE, [LEE_IP], at(11), at(11), 1, 1, 1, []),
        (APPS, MEGAN, SERVICE, [APP_IP], at(12), at(12), 1, 1, 2, []),
    ]


def test_mia_sessions_of_an_address(case: Prepared) -> None:
    assert cells(case, "sessions", ip=[VPN_IP]) == [
        (ATTACKERS, MEGAN, MEGAN, [VPN_IP], at(9.75), at(10), 2, 1, 1, [OUTBOX]),
    ]
    assert cells(case, "sessions", ip=[ATTACKER_IP]) == [
        (ATTACKERS, MEGAN, MEGAN, [ATTACKER_IP], at(9), at(9.5), 2, 4, 3, ["Inbox"]),
        (None, MEGAN, MEGAN, [ATTACKER_IP], at(13), at(13), 1, 1, 1, []),
    ]


def test_mia_messages_of_a_session(case: Prepared) -> None:
    assert [one[0] for one in cells(case, "messages", session=[ATTACKERS.upper()])] == [OFFER, PAYROLL, REPLY]
    assert cells(case, "messages", session=[APPS]) == [
        (DRAFT, MEGAN, SERVICE, ["\\Inbox"], 1, 1, [APPS], [APP_IP], at(12), at(12)),
        (PAYROLL.strip("<>"), MEGAN, SERVICE, ["\\Inbox"], 1, 1, [APPS], [APP_IP], at(12), at(12)),
    ]


def test_mia_email_metadata(run: Path, tmp_path: Path) -> None:
    command(run, "emails", "--session", ATTACKERS, "--output", str(tmp_path / "mails.csv"))
    told = ("Ångström: payroll", "orders@fabrikam.example.org", f"{LEE}; {MEGAN}", "2026-11-10T06:00:00.500000Z")
    whole = "not in the message trace, which is whole from 2026-11-10T00:00:00Z to 2026-11-11T00:00:00Z"
    rows = [tuple(one.values()) for one in from_csv((tmp_path / "mails.csv").read_bytes())]
    assert rows == [
        (PAYROLL, MEGAN, *told, "4321", "Delivered; FilteredAsSpam", "192.0.2.200", "found", ""),
        (OFFER, MEGAN, "", "", "", "", "", "", "", "not-found", whole),
        (REPLY, MEGAN, "", "", "", "", "", "", "", "not-found", whole),
    ]
    notes = json.loads((tmp_path / "mails.csv.notes.json").read_bytes())
    assert (notes["rows"], notes["filters"]) == (3, {"session": [ATTACKERS]})


@pytest.mark.parametrize("traced", [[], [Piece((0, 12)), Piece((12, 24), status=Status.GAP)]], ids=["none", "gap"])
def test_mia_email_metadata_out_of_reach(traced: list[Piece], tmp_path: Path) -> None:
    rows = [row("1", 1, MailboxOwnerUPN=MEGAN, **bind(Inbox=[OFFER]))]
    sources = [trace(*traced)] if traced else []
    case = ready([collect(tmp_path, audit_log(Piece(HOURS, rows)), *sources)])
    (email,) = cells(case, "emails")
    assert email[:-1] == (OFFER, MEGAN, None, None, [], None, None, [], None, "out-of-reach")
    gap = "the message trace has gaps: from 2026-11-10T12:00:00Z to 2026-11-11T00:00:00Z"
    assert email[-1] == (gap if traced else "no message trace of the mailbox was collected")


def test_sentinel_query_1_messages_of_binds_by_flagged_addresses(case: Prepared) -> None:
    assert cells(case, "messages", ip=FLAGGED) == [
        (OFFER, MEGAN, MEGAN, ["\\Inbox"], 1, 2, [ATTACKERS], [ATTACKER_IP], at(9), at(13)),
        (PAYROLL, MEGAN, MEGAN, ["\\Archive", "\\Inbox"], 2, 2, [ATTACKERS], [*FLAGGED], at(9), at(10)),
        (REPLY, MEGAN, MEGAN, ["\\Sent"], 1, 1, [ATTACKERS], [ATTACKER_IP], at(9), at(9)),
    ]
    assert cells(case, "messages", ip=["203.0.113.5"]) == []  # part of a flagged address, which has_any would find


def test_sentinel_query_2_folders_of_syncs_by_flagged_addresses(run: Path) -> None:
    flagged = [word for one in FLAGGED for word in ("--ip", one)]
    assert json.loads(command(run, "folders", *flagged, "--format", "json").out) == [
        {
            "mail_access_type": "Sync",
            "folder_name": name,
            "folder_path": "Not Available",
            "mailbox": MEGAN,
            "user": MEGAN,
        }
        for name in (OUTBOX, "Inbox")
    ]
