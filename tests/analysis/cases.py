"""Cases to ask the questions of, and asking them as an operator's options would."""

import csv
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

from pyarrow import parquet

from collector.analysis.addresses import network
from collector.analysis.answers import Format
from collector.analysis.filters import Filters
from collector.analysis.investigation import Investigation, investigate
from collector.analysis.prepare import Prepared, prepare
from collector.analysis.questions import NAMES, question
from collector.config.units import moment
from collector.model import Axis, SourcePlan, Status
from tests.analysis.feeds import ASKED, Collected, Piece, Times, audit_log, collect, feed, record, row, window
from tests.analysis.oracle import story

Row = dict[str, Any]
Line = dict[str, Any]
Narrowing = Mapping[str, Any]

COLUMNS = {
    "throttling": "mailbox throttled_at blind_until record_id",
    "syncs": "time mailbox user folder client_ip client_info client_process client_version session_id logon_type"
    " record_id",
    "contexts": "mailbox user client_ip client_info session_id logon_type app_id binds syncs messages folders"
    " first_seen last_seen",
    "binds": "time mailbox user internet_message_id folder client_ip client_info session_id logon_type app_id size"
    " record_id",
    "sessions": "session_id mailbox user client_ips first_seen last_seen records operations messages synced_folders",
    "messages": "internet_message_id mailbox user folders folder_count accesses sessions client_ips first_accessed"
    " last_accessed",
    "folders": "mail_access_type folder_name folder_path mailbox user",
    "emails": "internet_message_id mailbox subject sender recipients received size statuses from_ip trace reason",
    "signins": "time user result error client_ip session_id app_id app user_agent device interactive session_records"
    " session_ips address_records sources record_id",
    "settings": "about mailbox object setting value warning cmdlet run",
}
"""The table of design 1.5, and the questions about who came in and what stood open."""
OF_ACCESSES = tuple(name for name in NAMES if question(name).subject.of_accesses)
"""The questions of design 1.5: what was accessed."""
LISTS = {"client_ips", "sessions", "synced_folders", "recipients", "statuses", "session_ips", "sources"}
"""Columns that are lists; `folders` is one in the answer to messages."""
TIMES = {
    *("time", "throttled_at", "blind_until", "first_seen", "last_seen", "first_accessed", "last_accessed", "received"),
}
DAYS: Times = (0, 240)
"""The ten days that made-up runs were asked for."""


def trace(*pieces: Piece, parts: tuple[str | None, ...] = (None,)) -> Collected:
    """Return a message trace of the tenant, or of the parts named."""
    hours = (min(piece.hours[0] for piece in pieces), max(piece.hours[1] for piece in pieces))
    return Collected(SourcePlan("message-trace", Axis.EVENT, window(hours), parts, {}), pieces)


def encoded(lines: Iterable[Line]) -> list[bytes]:
    return [json.dumps(one).encode() for one in lines]


def as_rows(records: Iterable[Line]) -> list[bytes]:
    """Write records as Search-UnifiedAuditLog does."""
    return encoded(map(story.row, records))


def ready(runs: Sequence[Path]) -> Prepared:
    """Make the tables of runs beside them."""
    return prepare(runs, elsewhere=None, unverified=False, tell=lambda records: None)


def filters(narrowing: Narrowing) -> Filters:
    """Read what the options say, as text, and as the oracle takes it."""
    read: dict[str, Any] = {}
    for name, value in narrowing.items():
        if name in {"since", "until"}:
            read[name] = moment(value)
        else:
            read[name] = tuple(map(network, value) if name == "ip" else value)
    return Filters(**read)


def written(prepared: Prepared, name: str, *forms: Format, **narrowing: Any) -> list[bytes]:
    """Return an answer in some of its forms."""
    with investigate(prepared, question(name), filters(narrowing), ASKED) as found:
        return [_in_form(found, form) for form in forms]


def _in_form(found: Investigation, form: Format) -> bytes:
    output = io.BytesIO()
    found.answer.write(output, form)
    return output.getvalue()


def ask(prepared: Prepared, name: str, **narrowing: Any) -> list[Row]:
    """Return the rows of an answer, from its JSON."""
    (content,) = written(prepared, name, "json", **narrowing)
    rows: list[Row] = json.loads(content)
    return rows


def cells(prepared: Prepared, name: str, **narrowing: Any) -> list[tuple[Any, ...]]:
    """Return the rows of an answer, each value in the place of its column in the design."""
    rows = ask(prepared, name, **narrowing)
    assert all(" ".join(row) == COLUMNS[name] for row in rows)
    return [tuple(row.values()) for row in rows]


def from_csv(content: bytes) -> list[Row]:
    return list(csv.DictReader(io.StringIO(content.decode("utf-8"), newline="")))


def from_parquet(content: bytes) -> list[Row]:
    rows: list[Row] = parquet.read_table(io.BytesIO(content)).to_pylist()
    return [{name: _instant(value) for name, value in row.items()} for row in rows]


def _instant(value: Any) -> Any:
    """Write a time as JSON has it; one without its zone fails."""
    if not isinstance(value, datetime):
        return value
    assert value.utcoffset() == UTC.utcoffset(None)
    return value.isoformat().replace("+00:00", "Z")


class Told(NamedTuple):
    """A made-up story that was collected: what it holds, the runs, and their tables."""

    records: list[Line]
    runs: list[Path]
    prepared: Prepared


def told(evidence: Path, seed: int, count: int, *, traced: Status = Status.COMPLETE, seal: bool = True) -> Told:
    """Collect a story into two runs that overlap, of both feeds; `traced` is how its second half was traced."""
    records = story.records(seed, count)
    traces = encoded(story.traces(seed, records))
    rng = Random(f"feed {seed}")
    rows = as_rows(records)
    most, half = len(rows) * 2 // 3, len(traces) // 2
    first = collect(
        evidence,
        audit_log(Piece(DAYS, rows[:most])),
        feed(Piece(DAYS, encoded(one for one in records if rng.random() < 0.4))),
        trace(Piece((0, 120), traces[:half]), Piece((120, 240), traces[half:], status=traced)),
    )
    second = collect(evidence, audit_log(Piece((200, 260), rows[most - 40 :])), seal=seal)
    runs = [first, second]
    return Told(records, runs, ready(runs))


MEGAN, LENA, LEE = "megan@contoso.example.org", "lena@contoso.example.org", "lee@contoso.example.org"
OWNER_IP, ATTACKER_IP, VPN_IP, LEE_IP, APP_IP = (
    "198.51.100.7",
    "203.0.113.50",
    "203.0.113.77",
    "198.51.100.8",
    "2001:db8::6",
)
FLAGGED = (ATTACKER_IP, VPN_IP)
OWNERS, ATTACKERS, LEES, APPS = "s-owner", "s-attacker", "s-lee", "s-aad"
OWA, RPC, REST, IMAP = "Client=OWA;", "Client=MSExchangeRPC", "Client=REST;;", "Client=POP3/IMAP4;Protocol=IMAP4"
GRAPH, APP = "00000003-0000-0000-c000-000000000000", "7a4ff2a1-1111-4c7e-9d5e-0123456789ab"
SERVICE = "ServicePrincipal_7a4ff2a1"
OFFER, PAYROLL, REPLY, DRAFT = (
    "<offer@mail.example.org>",
    "<payroll@mail.example.org>",
    "<reply@mail.example.org>",
    "RgAAAA=",
)
OUTBOX = "Boîte d'envoi"


def access(kind: str, *, throttled: str = "False") -> Line:
    said = {"IsThrottled": throttled, "MailAccessType": kind}
    return {"OperationProperties": [{"Name": name, "Value": value} for name, value in said.items()]}


def bind(**folders: list[str]) -> Line:
    """Name the messages that were opened, by folder; one that is no InternetMessageId is an Id."""
    found = [
        {"Path": f"\\{path}", "FolderItems": [{"InternetMessageId" if "@" in one else "Id": one} for one in items]}
        for path, items in folders.items()
    ]
    return {"RecordType": 50, "Folders": found, **access("Bind")}


def sync(name: str, identity: str | None) -> Line:
    parent = {"Id": identity, "Name": name, "Path": "Not Available"}
    outlook = {"ClientProcessName": "OUTLOOK.EXE", "ClientVersion": "16.0.1", "ClientInfoString": RPC}
    return {"RecordType": 2, "Item": {"Id": identity, "ParentFolder": parent}, **outlook, **access("Sync")}


HERS: Line = {"MailboxGuid": "guid-m", "MailboxOwnerUPN": MEGAN, "UserId": MEGAN, "LogonType": 0}
OWNER: Line = {**HERS, "ClientIPAddress": OWNER_IP, "SessionId": OWNERS}
ATTACKER: Line = {**HERS, "SessionId": ATTACKERS}
HOURS = (0.0, 24.0)
CASE: dict[str, tuple[float, Line]] = {
    "sync-owner": (7, {**OWNER, **sync("Inbox", "f-1")}),
    "bind-owner": (8, {**OWNER, "ClientInfoString": OWA, "OperationCount": 1, **bind(Inbox=[OFFER])}),
    "bind-1": (
        9,
        {
            **ATTACKER,
            "ClientIPAddress": ATTACKER_IP,
            "ClientInfoString": OWA,
            "OperationCount": 4,
            **bind(Inbox=[OFFER, PAYROLL], Sent=[REPLY]),
        },
    ),
    "sync-1": (9.5, {**ATTACKER, "ClientIPAddress": ATTACKER_IP, "ClientIP": ATTACKER_IP, **sync("Inbox", "f-1")}),
    "sync-2": (9.75, {**ATTACKER, "Client_IPAddress": f"{VPN_IP}:4431", **sync(OUTBOX, "f-2"), "RecordType": 50}),
    "bind-2": (
        10,
        {**ATTACKER, "ClientIPAddress": f"{VPN_IP}:51234", "ClientInfoString": OWA, **bind(Archive=[PAYROLL])},
    ),
    "bind-lee": (
        11,
        {
            **HERS,
            "UserId": LEE,
            "LogonType": 2,
            "ClientIPAddress": LEE_IP,
            "ClientInfoString": RPC,
            "SessionId": LEES,
            **bind(Sent=[REPLY]),
        },
    ),
    "bind-app": (
        12,
        {
            **HERS,
            "UserId": SERVICE,
            "LogonType": 1,
            "ClientIPAddress": f"[{APP_IP}]:443",
            "ClientInfoString": REST,
            "AppId": GRAPH,
            "ClientAppId": APP,
            "AppAccessContext": {"AADSessionId": APPS, "ClientAppId": APP},
            **bind(Inbox=[PAYROLL.strip("<>"), DRAFT]),
        },
    ),
    "bind-imap": (13, {**HERS, "ActorIpAddress": ATTACKER_IP, "ClientInfoString": IMAP, **bind(Inbox=[OFFER])}),
    "throttled": (
        14,
        {
            "MailboxGuid": "guid-l",
            "MailboxOwnerUPN": LENA,
            "UserId": LENA,
            "LogonType": 0,
            "ClientIPAddress": "192.0.2.17",
            "ClientInfoString": OWA,
            "SessionId": "s-lena",
            **bind(Inbox=[OFFER]),
            **access("Bind", throttled="True"),
        },
    ),
    "attachment": (9, {**ATTACKER, "Operation": "AttachmentAccess", "ClientIP": ATTACKER_IP, **bind(Inbox=[OFFER])}),
}


def mail(message: str, recipient: str, status: str) -> Line:
    return {
        "MessageTraceId": "t-1",
        "MessageId": message,
        "Received": "2026-11-10T06:00:00.5000000Z",
        "SenderAddress": "orders@fabrikam.example.org",
        "RecipientAddress": recipient,
        "Subject": "Ångström: payroll",
        "Status": status,
        "Size": 4321,
        "FromIP": "192.0.2.200",
    }


TRACES = [mail(PAYROLL, MEGAN, "Delivered"), mail(PAYROLL, LEE, "FilteredAsSpam"), mail("<other@x>", LEE, "Delivered")]


def hand_made(evidence: Path) -> Path:
    """Collect CASE: some records from the log, some from the feed, some from both; the trace is of one day."""
    log = [row(name, hour, **fields) for name, (hour, fields) in CASE.items() if name not in {"bind-2", "sync-1"}]
    both = [(name, *CASE[name]) for name in ("bind-2", "sync-1", "bind-1", "throttled")]
    return collect(
        evidence,
        audit_log(Piece(HOURS, log), question={}),
        feed(Piece(HOURS, [record(name, hour, **fields) for name, hour, fields in both])),
        trace(Piece(HOURS, encoded(TRACES))),
    )
