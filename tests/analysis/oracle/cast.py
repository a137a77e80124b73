"""Who and what the made-up records speak of. Every name and address is reserved for documentation."""

from dataclasses import dataclass
from random import Random
from typing import Any

TENANT = "11111111-2222-3333-4444-555555555555"
GRAPH = "00000003-0000-0000-c000-000000000000"
OUTLOOK = "00000002-0000-0ff1-ce00-000000000000"
CALLER = "7a4ff2a1-1111-4c7e-9d5e-0123456789ab"


@dataclass(frozen=True)
class Box:
    """A mailbox: `guid` is None where no record ever gives one; from `turn` (0 to 1 of the story) on it has `later`."""

    guid: str | None
    upn: str
    later: str | None = None
    turn: float = 0.5
    alive: tuple[float, float] = (0.0, 1.0)

    def name(self, moment: float) -> str:
        """Return the owner's name at a moment of the story."""
        return self.later if self.later and moment >= self.turn else self.upn


BOXES = (
    Box("a0000000-0000-4000-8000-000000000001", "megan.owner@contoso.example.org"),
    Box("a0000000-0000-4000-8000-000000000002", "lena.old@contoso.example.org", "lena.new@contoso.example.org"),
    Box("a0000000-0000-4000-8000-000000000003", "paul@contoso.example.org", alive=(0.0, 0.5)),
    Box("a0000000-0000-4000-8000-000000000004", "paul@contoso.example.org", alive=(0.5, 1.0)),
    Box("a0000000-0000-4000-8000-000000000005", "shared.desk@fabrikam.example.org"),
    Box("A0000000-0000-4000-8000-00000000000F", "åsa.öberg@fabrikam.example.org"),
    Box(None, "legacy@fabrikam.example.org"),
)
ELSEWHERE = Box("a0000000-0000-4000-8000-0000000000ee", "elsewhere@fabrikam.example.org")
"""The mailbox of other operations, and of nothing else: what they say of it must not matter."""

DELEGATE, ADMIN, ROBOT = "priya.delegate@contoso.example.org", "admin@contoso.example.org", "S-1-5-18"
SERVICE = f"ServicePrincipal_{CALLER}"

ADDRESSES = (
    "192.0.2.17",
    "203.0.113.9",
    "203.0.113.9:51234",
    "198.51.100.7",
    "::ffff:198.51.100.7",
    "[::ffff:198.51.100.8]:4431",
    "2001:db8::5",
    "[2001:db8::5]:443",
    "[2001:db8:10a6:802::6]",
    "2001:DB8::A",
    "[192.0.2.18]:25",
)
CLIENTS = (
    "Client=REST;Client=RESTSystem;;",
    "Client=OWA;Action=ViaProxy",
    "Client=MSExchangeRPC",
    "Client=POP3/IMAP4;Protocol=IMAP4",
    "Client=OutlookService;Outlook-iOS/2.0;",
    "Client=WebServices;Microsoft Office/16.0 (Windows NT 10.0)[AppId=fe93bfe1-7947-460a-a5e0-7a5906b51360];",
)
PATHS = ("\\Inbox", "\\Sent Items", "\\Boîte de réception", "\\受信トレイ", "\\Входящие", "\\📮 Post", "\\Brief\ud83d")
NAMES = ("Inbox", "Sent Items", "Boîte d'envoi", "送信済み", "Черновики", "Archive")


@dataclass(frozen=True)
class Mail:
    """A message: `forms` are the ways its InternetMessageId is recorded, none where it has none."""

    forms: tuple[str, ...]
    item_id: str | None
    size: int
    subject: str | None

    def item(self, rng: Random, *, form: int, sized: bool) -> dict[str, Any]:
        """Return it as a FolderItem."""
        item: dict[str, Any] = {}
        if self.item_id:
            item["Id"] = self.item_id
        if self.forms:
            item["InternetMessageId"] = self.forms[form % len(self.forms)]
        if sized:
            item["SizeInBytes"] = str(self.size) if self.size % 7 == 0 else self.size
        if self.subject and rng.random() < 0.7:
            item["Subject"] = self.subject
        return item


def guid(rng: Random) -> str:
    """Return a made-up GUID."""
    digits = f"{rng.getrandbits(128):032x}"
    return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-8{digits[17:20]}-{digits[20:]}"


def mixed(rng: Random, name: str) -> str:
    """Return a name, sometimes in other case."""
    return rng.choice((name, name, name, name.upper(), name.title()))


def mails(rng: Random, count: int) -> list[Mail]:
    """Return the messages of one mailbox, the odd ones among them."""
    odd = [
        Mail((), f"RgAAAA{rng.getrandbits(64):016X}AAA=", 500, "A draft"),
        Mail((), None, 700, None),
        Mail((f"<Pair{rng.getrandbits(32):08X}aB@mail.contoso.example.org>",), None, 900, None),
        Mail((f"<<double-{rng.getrandbits(32):08x}@mail.fabrikam.example.org>>",), None, 910, "Double"),
        Mail((f"<half-{rng.getrandbits(32):08x}@mail.fabrikam.example.org",), None, 920, None),
        Mail((f"bl\u0259nk {rng.getrandbits(32):08x} (x)+=/@mail.fabrikam.example.org",), None, 930, "Betreff: Öl"),
    ]
    pair = odd[2].forms[0]
    odd.append(Mail((pair.replace("aB@", "Ab@"),), None, 901, None))
    return odd + [_mail(rng, number) for number in range(count)]


def _mail(rng: Random, number: int) -> Mail:
    inner = f"{rng.getrandbits(96):024X}@mail.{rng.choice(('contoso', 'fabrikam'))}.example.org"
    forms = rng.choice(((f"<{inner}>",),) * 6 + ((inner,), (f"<{inner}>", inner)))
    item_id = f"RgAAAA{rng.getrandbits(96):024X}AAA=" if rng.random() < 0.5 else None
    return Mail(forms, item_id, rng.randrange(1_000, 9_000_000), rng.choice((None, None, f"Order {number}")))
