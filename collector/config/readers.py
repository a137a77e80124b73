"""Which key of the engagement file is read how (design 1.2): the table, and the readers that need more than units.py.

Invariant: a reader takes what was written as text and returns the typed value or raises Unreadable. None shows a
secret: neither a reference's target where there is none, nor an address with a password in it.
"""

import difflib
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from urllib.parse import SplitResult, urlsplit

import msgspec

from collector.config.clouds import CLOUDS, Cloud
from collector.config.units import SecretRef, Unreadable, duration, moment, patience, rate, secret, shown, size

Reader = Callable[[str], object]
"""Reads the text of one value."""

Readers = Mapping[str, "Reader | Readers"]
"""Readers by key; `*` stands for any other key, and the empty key for a single value in place of a mapping."""

METHODS = ("certificate", "client-secret", "device-code", "interactive", "managed-identity")
"""The sign-in methods, in the order of preference."""

_HOST = re.compile(r"[A-Za-z0-9.:-]+", re.ASCII)


def readers(folder: Path) -> Readers:
    """Return the table for a file in `folder` (absolute), where relative paths start."""

    def path(text: str) -> Path:
        return folder / text

    def reference(text: str) -> SecretRef:
        ref = secret(text)
        return msgspec.structs.replace(ref, target=str(folder / ref.target)) if ref.kind == "file" else ref

    window: Readers = {"start": moment, "end": moment, "last": duration}
    waits: Readers = {"first_wait": duration, "longest_wait": duration, "patience": patience, "settle": patience}
    return {
        "cloud": {"": _cloud, **dict.fromkeys(Cloud.__struct_fields__, address)},
        "auth": {
            "method": choice(*METHODS),
            "certificate": path,
            "certificate_password": reference,
            "client_secret": reference,
        },
        "window": window,
        "sources": {
            "message-trace": {"for": choice("tenant", "mailboxes", "accessed"), "window": window},
            "graph-message-trace": {"for": choice("tenant", "mailboxes"), "window": window},
            "message-trace-detail": {"for": choice("mailboxes", "accessed")},
            "historical-search": {
                "report": choice("MessageTrace", "MessageTraceDetail"),
                "for": choice("mailboxes", "accessed"),
                "window": window,
            },
            "*": {"window": window},
        },
        "evidence": {
            "folder": path,
            "compression": choice("gzip", "none"),
            "chunk_bytes": size,
            "sign_with": _unsigned,
            "timestamp_authority": _unsigned,
        },
        "network": {"ca_bundle": path, "proxy": proxy, "connect_timeout": duration, "read_timeout": duration},
        "limits": {"*": {**waits, "rate": rate}},
    }


def choice(*names: str) -> Reader:
    """Return the reader of one of the names."""

    def read(text: str) -> str:
        if text not in names:
            raise Unreadable(f"{shown(text)} is not known{nearest(text, names)}", f"write one of {', '.join(names)}")
        return text

    return read


def nearest(word: str, known: tuple[str, ...]) -> str:
    """Return `; the nearest is …`, or nothing where no known word is near."""
    found = difflib.get_close_matches(word[:80], known, n=1)
    return f"; the nearest is {found[0]}" if found else ""


def address(text: str) -> str:
    """Read a base address: https, a host, perhaps a port and a path; without trailing slash."""
    remedy = "write https://host, perhaps with a port and a path"
    parts = _split(text, remedy)
    if parts.scheme != "https" or parts.query or parts.fragment or "?" in text or "#" in text:
        raise Unreadable(f"{shown(text)} is not a base address", remedy)
    return text.rstrip("/")


def proxy(text: str) -> str:
    """Read the address of an HTTP proxy; one with a user or password is refused without being shown."""
    remedy = "write http://host:port"
    parts = _split(text, remedy)
    if parts.scheme not in {"http", "https"} or parts.path.strip("/") or parts.query or parts.fragment:
        raise Unreadable("it is not the address of a proxy", remedy)
    return text.rstrip("/")


def _split(text: str, remedy: str) -> SplitResult:
    """Take an address apart; its user and password are a secret, which the file never holds."""
    if "@" in text:
        raise Unreadable("a secret is never written in this file, and an address with an @ holds one", remedy)
    try:
        parts = urlsplit(text)
        usable = parts.port != 0 and _HOST.fullmatch(parts.hostname or "") and not re.search(r"\s", text)
    except ValueError:
        usable = None
    if not usable:
        raise Unreadable("it is not an address", remedy)
    return parts


def _cloud(text: str) -> Cloud:
    choice(*CLOUDS)(text)
    return CLOUDS[text]


def _unsigned(_: str) -> None:
    raise Unreadable("this version does not sign yet", "write null, or leave the key out")
