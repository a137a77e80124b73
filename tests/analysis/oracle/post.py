"""Made-up message trace rows for a part of the messages that some records name."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

from tests.analysis.oracle.cast import guid
from tests.analysis.oracle.values import bare, objects, text

Fields = dict[str, Any]
FIRST = datetime(2026, 10, 20, tzinfo=UTC)
RECIPIENTS = (
    "megan.owner@contoso.example.org",
    "lena.new@contoso.example.org",
    "paul@contoso.example.org",
    "shared.desk@fabrikam.example.org",
    "åsa.öberg@fabrikam.example.org",
)
SENDERS = ("orders@fabrikam.example.org", "billing@contoso.example.org", "news@fabrikam.example.org")
STATUSES = ("Delivered", "Delivered", "Delivered", "Failed", "Quarantined", "FilteredAsSpam", "Expanded")


def traces(seed: int, records: Iterable[Fields]) -> list[Fields]:
    """Return the rows of Get-MessageTraceV2, in no order, some of them twice, some of messages that nobody accessed."""
    rng = Random(f"traces {seed}")
    named = sorted({one for record in records for one in _named(record)})
    rows: list[Fields] = []
    for message in named:
        if rng.random() < 0.6:
            rows += _message(rng, message)
    for number in range(len(named) // 5):
        rows += _message(rng, f"never-accessed-{number}@mail.fabrikam.example.org")
    rows += [dict(rng.choice(rows)) for _ in range(len(rows) // 20)]
    rng.shuffle(rows)
    return rows


def _named(record: Fields) -> Iterable[str]:
    for folder in objects(record.get("Folders")):
        for item in objects(folder.get("FolderItems")):
            if name := bare(text(item.get("InternetMessageId"))):
                yield name


def _message(rng: Random, message: str) -> list[Fields]:
    """Return the rows of one message: a recipient or several, under one trace id or two, its id in one case or both."""
    form = rng.random()
    shown = message.swapcase() if form < 0.12 else message
    rows = _delivery(rng, shown if rng.random() < 0.1 else f"<{shown}>", f"Order of {message[:6]}")
    if rng.random() < 0.1:
        rows += _delivery(rng, f"<{shown}>", f"Order of {message[:6]}")
    if form > 0.94:
        rows += _delivery(rng, f"<{message.swapcase()}>", "Another message")
    return rows


def _delivery(rng: Random, message: str, subject: str) -> list[Fields]:
    received = FIRST + timedelta(seconds=rng.randrange(20 * 86_400))
    fraction = rng.choice(("", f".{rng.randrange(10**7):07}", ".0480000", ".0000000"))
    size = rng.randrange(1_000, 9_000_000)
    common = {
        "MessageTraceId": guid(rng),
        "MessageId": message,
        "Received@data.type": "System.DateTime",
        "Received": f"{received:%Y-%m-%dT%H:%M:%S}{fraction}{rng.choice(('Z', 'Z', '+00:00'))}",
        "SenderAddress": rng.choice(SENDERS),
    }
    return [
        {
            **common,
            "RecipientAddress": recipient,
            "FromIP": rng.choice(("192.0.2.200", "192.0.2.200", "2001:db8::25", "", None)),
            "ToIP": "",
            "Subject": subject,
            "Status": rng.choice(STATUSES),
            "Size@data.type": "System.Int32",
            "Size": str(size) if rng.random() < 0.1 else size,
        }
        for recipient in rng.sample(RECIPIENTS, rng.choice((1, 1, 1, 2, 3)))
    ]
