"""Made-up MailItemsAccessed records and message traces, the same for the same seed; no real name in them.

What the rulings leave open is kept out: the records' times differ unless they are copies or variants of one, variants
of one Id differ in the number of items, and a record without a time is written in plain case.
"""

import copy
import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

from tests.analysis.oracle.cast import BOXES, ELSEWHERE, TENANT, Box, Mail, guid, mails
from tests.analysis.oracle.parts import actor, address, folders, sync_item, unknown
from tests.analysis.oracle.post import traces

Fields = dict[str, Any]
START = datetime(2026, 11, 1, tzinfo=UTC)
STEP = 97
"""Seconds from one record to the next."""


@dataclass(frozen=True)
class _Scene:
    rng: Random
    count: int
    mail: dict[Box, list[Mail]]
    sessions: dict[Box, list[str]]


def records(seed: int, count: int) -> list[Fields]:
    """Return made-up audit records as the feed gives them, in no order."""
    rng = Random(f"records {seed}")
    each = max(4, count // 30)
    scene = _Scene(
        rng,
        count,
        {box: mails(rng, each) for box in BOXES},
        {box: [guid(rng) for _ in range(max(2, count // 60))] for box in BOXES},
    )
    made: list[Fields] = []
    varied: set[str] = set()
    while len(made) < count:
        roll = rng.random()
        if roll < 0.04 and made:
            made.append(copy.deepcopy(rng.choice(made)))
        elif roll < 0.10 and (variant := _variant(rng, made, varied)):
            made.append(variant)
        elif roll < 0.18:
            made.append(_other_operation(rng, len(made)))
        else:
            made.append(_mail_items_accessed(scene, len(made)))
    rng.shuffle(made)
    return made


def row(record: Fields) -> Fields:
    """Return a record as the row of Search-UnifiedAuditLog; one in two without Id has an Identity all the same."""
    kind = "ExchangeItem" if str(record.get("RecordType")) == "2" else "ExchangeItemAggregated"
    data = json.dumps(record, separators=(",", ":"))
    wrapped = {
        "RecordType": kind,
        "CreationDate": record.get("CreationTime"),
        "UserIds": record.get("UserId"),
        "Operations": record.get("Operation"),
        "AuditData": data,
        "ResultIndex": 1,
        "ResultCount": 1,
        "IsValid": True,
        "ObjectState": "Unchanged",
    }
    luck = Random(data)
    identity = record.get("Id") or (guid(luck) if luck.random() < 0.5 else None)
    return wrapped | ({"Identity": identity} if identity else {})


def _time(rng: Random, index: int) -> str:
    time = START + timedelta(seconds=index * STEP + rng.randrange(STEP))
    plain = time.strftime("%Y-%m-%dT%H:%M:%S")
    east = (time + timedelta(hours=2)).strftime("%Y-%m-%dT%H:%M:%S")
    return rng.choice((plain,) * 12 + (f"{plain}Z", f"{plain}.1234567", f"{plain}.250000Z", f"{east}+02:00"))


def _mail_items_accessed(scene: _Scene, index: int) -> Fields:
    rng, moment = scene.rng, index / scene.count
    box = rng.choice([one for one in BOXES if one.alive[0] <= moment < one.alive[1]])
    timed = rng.random() >= 0.03
    if not timed:
        moment = 1.0
    bind = rng.random() < 0.7
    record: Fields = {
        "CreationTime": _time(rng, index) if timed else rng.choice((None, "", "5/18/2026 10:48:21 AM", "soon")),
        "Id": guid(rng),
        "Operation": rng.choice(("MailItemsAccessed",) * 9 + ("mailitemsaccessed",)),
        "OrganizationId": TENANT,
        "RecordType": rng.choice((50 if bind else 2,) * 8 + ("50" if bind else "2", 2, 50)),
        "ResultStatus": "Succeeded",
        "UserKey": f"10032000{rng.randrange(1 << 32):08X}",
        "Version": 1,
        "Workload": "Exchange",
        rng.choice(("ExternalAccess", "ExternalAccess ")): False,
        **actor(rng, box.name(moment), plain=not timed),
        **address(rng, sync=not bind),
        **_mailbox(rng, box, moment, plain=not timed),
        "OperationProperties": _properties(rng, "Bind" if bind else "Sync"),
        "OriginatingServer": "DB7PR04MB4346 (15.20.2878.014)\r\n",
        "SessionId": rng.choice(scene.sessions[box]) if rng.random() < 0.6 else None,
        **(folders(rng, scene.mail[box]) if bind else sync_item(rng)),
        **unknown(rng),
    }
    if rng.random() < 0.02:
        del record["Id"]
    return {name: value for name, value in record.items() if value is not None or rng.random() < 0.1}


def _mailbox(rng: Random, box: Box, moment: float, *, plain: bool) -> Fields:
    name = box.name(moment)
    roll = rng.random()
    shown = name if plain or roll < 0.8 else rng.choice((name.upper(), name.title()))
    if box.guid is None or rng.random() < 0.08:
        return {"MailboxOwnerUPN": shown} if rng.random() < 0.9 else {}
    return {
        "MailboxGuid": box.guid.swapcase() if rng.random() < 0.1 else box.guid,
        "MailboxOwnerUPN": shown,
        "MailboxGuid@odata.type": "#Guid",
    }


def _properties(rng: Random, access: str) -> Any:
    throttled = rng.choice(("False",) * 18 + ("True", "true"))
    pairs = [("MailAccessType", access), ("IsThrottled", throttled)]
    form = rng.random()
    if form < 0.1:
        pairs = [(rng.choice((name, name.lower())), rng.choice((value, value.upper()))) for name, value in pairs]
    if rng.random() < 0.2:
        pairs.append(("NotKnownYet", "Sync"))
    rng.shuffle(pairs)
    if form < 0.82:
        return [{"Name": name, "Value": value} for name, value in pairs]
    if form < 0.90:
        return [f"{name}:{value}" for name, value in pairs]
    return dict(pairs) if form < 0.97 else rng.choice((None, [], [{"Name": "IsThrottled", "Value": throttled}]))


def _other_operation(rng: Random, index: int) -> Fields:
    operation, kind = rng.choice((("Send", 2), ("UserLoggedIn", 15), ("New-InboxRule", 1), ("AttachmentAccess", 50)))
    record: Fields = {
        "CreationTime": _time(rng, index),
        "Id": guid(rng),
        "Operation": operation,
        "RecordType": kind,
        "UserId": ELSEWHERE.upn,
        "ClientIP": "203.0.113.9:51234",
        "OperationProperties": [{"Name": "MailAccessType", "Value": "Bind"}, {"Name": "IsThrottled", "Value": "True"}],
    }
    if operation in ("Send", "AttachmentAccess"):
        record |= {"MailboxGuid": ELSEWHERE.guid, "MailboxOwnerUPN": ELSEWHERE.upn}
    if operation == "Send":
        record["Item"] = {"InternetMessageId": "<sent@mail.contoso.example.org>", "ParentFolder": {"Path": "\\Drafts"}}
    return record


def _variant(rng: Random, made: list[Fields], varied: set[str]) -> Fields | None:
    """Return another content under an Id that is there: with fewer items and other fields, or with one item more."""
    able = [one for one in made if _size(one) >= 2 and one.get("Id") and one["Id"].lower() not in varied]
    if not able:
        return None
    variant = copy.deepcopy(rng.choice(able))
    varied.add(variant["Id"].lower())
    full = next(one for one in variant["Folders"] if one.get("FolderItems"))
    full["FolderItems"].pop(0)
    if rng.random() < 0.5:
        for item in full["FolderItems"]:
            item.pop("SizeInBytes", None)
        return variant | {"Id": variant["Id"].upper(), "ClientVersion": "16.0.0.1", "SessionId": guid(rng)}
    for number in range(2):
        name = f"<variant-{rng.getrandbits(48):012x}@mail.contoso.example.org>"
        full["FolderItems"].append({"InternetMessageId": name, "SizeInBytes": 4_000 + number})
    return variant


def _size(record: Fields) -> int:
    found = record.get("Folders") or []
    return sum(len(one.get("FolderItems") or []) for one in found)


__all__ = ["START", "records", "row", "traces"]
