"""The parts that a made-up record is put together from."""

from random import Random
from typing import Any

from tests.analysis.oracle.cast import (
    ADDRESSES,
    ADMIN,
    CALLER,
    CLIENTS,
    DELEGATE,
    GRAPH,
    NAMES,
    OUTLOOK,
    PATHS,
    ROBOT,
    SERVICE,
    Mail,
    guid,
    mixed,
)

Fields = dict[str, Any]
AAD_SESSIONS = ("c5a0de00-0000-4000-8000-000000000001", "C5A0DE00-0000-4000-8000-000000000002")


def actor(rng: Random, owner: str, *, plain: bool) -> Fields:
    """Return who did it: the owner, a delegate, an admin or an app."""
    roll = rng.random()
    if roll < 0.15:
        return _app(rng)
    logon, user = (0, owner) if roll < 0.75 else (2, DELEGATE) if roll < 0.9 else (1, ADMIN)
    found: Fields = {
        "UserType": 0 if logon != 1 else 2,
        "UserId": user if plain else mixed(rng, user),
        "LogonType": str(logon) if rng.random() < 0.1 else logon,
        "InternalLogonType": 0,
        "ClientInfoString": rng.choice(CLIENTS[1:]),
        "AppId": rng.choice((OUTLOOK, OUTLOOK, None)),
        "ClientAppId": rng.choice((None, None, "d3590ed6-52b3-4102-aeff-aad2292ab01c")),
    }
    if rng.random() < 0.04:
        del found["UserId"]
    if rng.random() < 0.04:
        del found["LogonType"]
    return found


def _app(rng: Random) -> Fields:
    context: Fields = {"APIId": GRAPH, "ClientAppId": CALLER, "CorrelationId": guid(rng)}
    if rng.random() < 0.7:
        context["AADSessionId"] = rng.choice(AAD_SESSIONS)
    if rng.random() < 0.3:
        del context["ClientAppId"]
    return {
        "UserType": 5,
        "UserId": rng.choice((ROBOT, SERVICE)),
        "LogonType": 1,
        "ClientInfoString": rng.choice((CLIENTS[0], None)),
        "AppId": GRAPH,
        "ClientAppId": rng.choice((CALLER, CALLER.upper(), None)),
        "AppAccessContext": rng.choice((context, [context], [{"IssuedAtTime": "2026-11-01T00:00:00"}, context], [])),
    }


def address(rng: Random, *, sync: bool) -> Fields:
    """Return where it came from, under one of the names that the services use, or under several or none."""
    roll = rng.random()
    chosen = rng.choice(ADDRESSES)
    if roll < 0.75:
        return {"ClientIPAddress": chosen} | ({"ClientIP": chosen} if sync else {})
    if roll < 0.85:
        return {"ClientIPAddress": rng.choice(("", None)), rng.choice(("ClientIP", "ActorIP")): chosen}
    if roll < 0.90:
        return {"ClientIPAddress": "2001:db8:10a6:802::feed", "ActorIP": chosen}
    if roll < 0.95:
        return {rng.choice(("ActorIpAddress", "Client_IPAddress")): chosen}
    return rng.choice(({}, {"ClientIPAddress": "not known"}, {"ClientIPAddress": None}))


def folders(rng: Random, mail: list[Mail]) -> Fields:
    """Return what a Bind names: one to four folders, each with some messages."""
    form, sized = rng.randrange(2), rng.random() < 0.6
    made: list[Fields] = []
    for path in rng.sample(PATHS, rng.choice((1, 1, 1, 2, 3, 4))):
        items = [one.item(rng, form=form, sized=sized) for one in rng.sample(mail, rng.randrange(min(6, len(mail))))]
        if items and rng.random() < 0.15:
            items.append(dict(items[0]))
        folder: Fields = {"FolderItems": items, "Id": f"LgAAAA{rng.getrandbits(64):016X}AAAB", "Path": path}
        if rng.random() < 0.03:
            del folder[rng.choice(("FolderItems", "Path"))]
        made.append(folder)
    count = sum(len(one.get("FolderItems") or []) for one in made)
    found: Fields = {"Folders": made}
    if rng.random() < 0.85:
        found["OperationCount"] = rng.choice((count, count, count + 1, str(count)))
    if rng.random() < 0.05:
        found["Folders"] = rng.choice((None, []))
    return found


def sync_item(rng: Random) -> Fields:
    """Return what a Sync names: one folder, without its messages."""
    number = rng.randrange(len(NAMES))
    name, identity = NAMES[number], f"LgAAAA0000{number}{rng.randrange(2)}AAAB"
    parent: Fields = {"Id": identity, "Name": name, "Path": "Not Available"}
    roll = rng.random()
    if roll < 0.06:
        parent = {"Id": identity, "Path": rng.choice((f"\\{name}", "Not Available"))}
    elif roll < 0.12:
        parent = {"Name": name, "Path": f"\\{name}"}
    elif roll < 0.15:
        parent = {}
    found: Fields = {
        "ClientProcessName": "OUTLOOK.EXE",
        "ClientVersion": rng.choice(("16.0.13929.20206", "16.0.17328.20206")),
        "Item": {"Id": identity, "ParentFolder": parent},
    }
    if rng.random() < 0.05:
        found["Item"] = rng.choice((None, {}, {"Id": identity, "ParentFolder": None}))
    return found


def unknown(rng: Random) -> Fields:
    """Return fields that nobody knows yet."""
    if rng.random() < 0.7:
        return {}
    return rng.choice(
        (
            {"SomethingNew": {"Nested": [1, {"Deep": "Bind"}]}, "CloudInstanceName": "microsoftonline.com"},
            {"TokenObjectId": guid(rng), "DeviceId": "", "HostAppId": None},
            {"VeryLargeNumber": 123456789012345678901234567890, "NotText": 1.5},
        )
    )
