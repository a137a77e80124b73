"""What evidence names that is asked about next: whatever the attacker accessed, in the order that tells most first."""

from pathlib import Path
from typing import Any

from collector.analysis.addresses import network
from collector.analysis.filters import AnyOf
from collector.analysis.sought import Found, Interest, seek
from collector.model import Status
from tests.analysis.cases import (
    APP,
    ATTACKER,
    ATTACKER_IP,
    ATTACKERS,
    HERS,
    HOURS,
    LEE,
    MEGAN,
    OFFER,
    PAYROLL,
    REPLY,
    VPN_IP,
    bind,
    encoded,
    hand_made,
    mail,
    ready,
    sync,
    trace,
)
from tests.analysis.feeds import ASKED, Piece, audit_log, collect, row

OLD = "old-name@contoso.example.org"
OUTSIDE = "orders@fabrikam.example.org"


def sought(
    *runs: Path, details: Any = "accessed", mailboxes: tuple[str, ...] = (), **attacker: tuple[str, ...]
) -> Found:
    known = {**attacker, "ip": tuple(map(network, attacker.get("ip", ())))}
    return seek(ready(runs), Interest(AnyOf(**known), mailboxes, details), ASKED)  # type: ignore[arg-type]


def ids(found: Found) -> list[str]:
    return list(found.sought.message_ids)


def rows(found: Found) -> list[tuple[str, str]]:
    return [(one.message_trace_id, one.recipient) for one in found.sought.traced]


def test_what_any_context_of_the_attackers_accessed_is_asked_about_most_accessed_first(tmp_path: Path) -> None:
    run = hand_made(tmp_path)
    assert ids(sought(run, session=(ATTACKERS,))) == [PAYROLL, OFFER, REPLY]
    assert ids(sought(run, ip=(f"{VPN_IP}/32",))) == [PAYROLL]
    assert ids(sought(run, ip=(f"{VPN_IP}/32",), app=(APP,))) == [PAYROLL]
    assert ids(sought(run, ip=(ATTACKER_IP,))) == [OFFER, PAYROLL, REPLY]
    assert ids(sought(run, ip=(ATTACKER_IP,), session=("nobody",), app=("nothing",))) == [OFFER, PAYROLL, REPLY]
    assert ids(sought(run, session=("nobody",))) == []


def test_a_message_is_named_with_its_brackets_wherever_a_record_has_them(tmp_path: Path) -> None:
    opened = [row(f"b{n}", n, **ATTACKER, **bind(Inbox=[one])) for n, one in enumerate([PAYROLL.strip("<>"), PAYROLL])]
    bare = [row("b3", 3, **ATTACKER, **bind(Inbox=["0@x"]))]
    assert ids(sought(collect(tmp_path, audit_log(Piece(HOURS, [*opened, *bare]))), session=(ATTACKERS,))) == [
        PAYROLL,
        "0@x",
    ]


def test_one_row_of_each_message_comes_before_further_recipients_of_any_and_the_owners_own_first(
    tmp_path: Path,
) -> None:
    traced = [
        mail(PAYROLL, "a@fabrikam.example.org", "Delivered") | {"MessageTraceId": "t-pay"},
        mail(PAYROLL, MEGAN.upper(), "Delivered") | {"MessageTraceId": "t-pay"},
        mail(PAYROLL, MEGAN, "Resolved") | {"MessageTraceId": "T-PAY"},
        mail(OFFER, LEE, "Delivered") | {"MessageTraceId": "t-offer"},
        mail(OFFER, OLD, "Delivered") | {"MessageTraceId": "t-offer"},
        mail(REPLY.upper(), OUTSIDE, "Delivered") | {"MessageTraceId": "t-reply", "SenderAddress": MEGAN},
        mail("<never-opened@x>", MEGAN, "Delivered") | {"MessageTraceId": "t-other"},
    ]
    renamed = row("old", 1, **HERS | {"MailboxOwnerUPN": OLD}, SessionId="s-owner", **bind(Inbox=[OFFER]))
    run = collect(tmp_path, audit_log(Piece(HOURS, [renamed])), trace(Piece(HOURS, encoded(traced))))
    found = sought(hand_made(tmp_path), run, session=(ATTACKERS,))
    named = [(trace_id.lower(), recipient.lower()) for trace_id, recipient in rows(found)]
    assert named[:3] == [("t-pay", MEGAN), ("t-offer", OLD), ("t-reply", OUTSIDE)]
    assert set(named[3:]) == {("t-pay", "a@fabrikam.example.org"), ("t-offer", LEE), ("t-1", MEGAN), ("t-1", LEE)}
    assert len(named) == len(set(named))


def test_of_mailboxes_of_interest_all_mail_from_and_to_any_of_their_names_is_asked_about(tmp_path: Path) -> None:
    traced = [
        mail("<to-old@x>", OLD, "Delivered") | {"MessageTraceId": "t-old"},
        mail("<sent@x>", OUTSIDE, "Delivered") | {"MessageTraceId": "t-sent", "SenderAddress": MEGAN.upper()},
        mail("<elsewhere@x>", LEE, "Delivered") | {"MessageTraceId": "t-lee"},
    ]
    renamed = row("old", 1, **HERS | {"MailboxOwnerUPN": OLD}, **bind(Inbox=[OFFER]))
    now = row("new", 2, **HERS, **bind(Inbox=[OFFER]))
    run = collect(tmp_path, audit_log(Piece(HOURS, [renamed, now])), trace(Piece(HOURS, encoded(traced))))
    assert set(rows(sought(run, details="mailboxes", mailboxes=(MEGAN,)))) == {("t-old", OLD), ("t-sent", OUTSIDE)}
    assert rows(sought(run, details=None, mailboxes=(MEGAN,))) == []


def test_what_the_list_may_lack_is_said(tmp_path: Path) -> None:
    opened = [
        row("b", 1, **ATTACKER, **bind(Inbox=[OFFER, "an-item-id"])),
        row("s", 2, **ATTACKER, **sync("Inbox", "f")),
    ]
    vague = encoded([mail(OFFER, MEGAN, "Delivered") | {"Received": "yesterday"}])
    run = collect(
        tmp_path,
        audit_log(Piece((0, 12), opened), Piece((12, 24), status=Status.GAP)),
        trace(Piece(HOURS, vague)),
    )
    found = sought(run, session=(ATTACKERS,))
    assert (ids(found), rows(found)) == ([OFFER], [])
    told = "\n".join(limit.text for limit in found.limits)
    for word in (
        "not collected whole",
        "without InternetMessageId",
        "1 Syncs, which name no message",
        "name no message trace",
    ):
        assert word in told
