"""Small runs to damage, damage, and what shows that a folder was left as it was."""

import hashlib
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from collector.analysis.prepare import Prepared, prepare
from tests.analysis.feeds import ADELE, Piece, audit_log, collect, record, row, row_of

DAY = (0, 24)
GUID = "5a0a1b2c-0000-4000-8000-00000000000a"


def properties(access: str | None = "Bind", throttled: str = "False") -> list[dict[str, str]]:
    told = [{"Name": "MailAccessType", "Value": access}] if access else []
    return [*told, {"Name": "IsThrottled", "Value": throttled}]


def bind(*messages: str, throttled: str = "False", **members: Any) -> dict[str, Any]:
    """Return what a Bind of some messages adds to a record."""
    items = [{"InternetMessageId": message, "SizeInBytes": 10} for message in messages]
    usual = {
        "OperationProperties": properties("Bind", throttled),
        "MailboxOwnerUPN": ADELE,
        "MailboxGuid": GUID,
        "ClientIPAddress": "203.0.113.7",
        "Folders": [{"Id": "f", "Path": "\\Inbox", "FolderItems": items}],
    }
    return {**usual, **members}


def row_of_bind(identity: str, hour: float, *messages: str, **members: Any) -> bytes:
    return row(identity, hour, **bind(*messages, **members))


def row_of_text(identity: str, hour: float, **members: Any) -> bytes:
    """Write a row whose record is no text of JSON that a strict reader takes: NaN stands in it."""
    return row_of(record(identity, hour, Odd=float("nan"), **members).decode())


def small(evidence: Path, *lines: bytes, seal: bool = True) -> Path:
    """Collect a sealed day of the audit log: two Binds, unless told otherwise."""
    rows: Sequence[bytes] = lines or (row_of_bind("b1", 1, "<m1@x>"), row_of_bind("b2", 2, "<m2@x>"))
    return collect(evidence, audit_log(Piece(DAY, rows)), seal=seal)


def read_all(*runs: Path, elsewhere: Path | None = None, unverified: bool = False) -> Prepared:
    return prepare(runs, elsewhere=elsewhere, unverified=unverified, tell=lambda records: None)


def chunk_of(run: Path, source: str = "unified-audit-log") -> Path:
    """Return the one chunk of a source."""
    (only,) = (run / "data" / source).rglob("*.jsonl.gz")
    return only


def flip(path: Path, place: int = -12) -> None:
    """Turn over a bit of a file, and put its time back: nothing but its bytes and its ctime tell."""
    before = path.stat()
    content = bytearray(path.read_bytes())
    content[place] ^= 1
    path.write_bytes(content)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def listing(folder: Path) -> Mapping[str, str]:
    """Return every file and folder below one, with what they hold."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""
        for path in folder.rglob("*")
    }
