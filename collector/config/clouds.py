"""The national clouds and their addresses (design 1.2; protocol.md A1, B6).

Invariant: an address is `https://host[:port][/path]` without trailing slash, so a token's scope is the address plus
`/.default`; the authority comes without the tenant.
"""

import msgspec


class Cloud(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Where to sign in (`authority`), and the base address of each API; None where no source here needs it."""

    authority: str
    exchange: str
    management: str | None = None
    graph: str | None = None


_PUBLIC = "https://login.microsoftonline.com"
_US_GOVERNMENT = "https://login.microsoftonline.us"

CLOUDS = {
    "commercial": Cloud(
        authority=_PUBLIC,
        exchange="https://outlook.office365.com",
        management="https://manage.office.com",
        graph="https://graph.microsoft.com",
    ),
    "gcc": Cloud(
        authority=_PUBLIC,
        exchange="https://outlook.office365.com",
        management="https://manage-gcc.office.com",
        graph="https://graph.microsoft.com",
    ),
    "gcc-high": Cloud(
        authority=_US_GOVERNMENT,
        exchange="https://outlook.office365.us",
        management="https://manage.office365.us",
    ),
    "dod": Cloud(
        authority=_US_GOVERNMENT,
        exchange="https://outlook-dod.office365.us",
        management="https://manage.protection.apps.mil",
    ),
    "china": Cloud(
        authority="https://login.partner.microsoftonline.cn",
        exchange="https://outlook.office365.cn",
        management="https://manage.office365.cn",
    ),
}
"""The clouds by the name that the engagement file gives them; protocol.md A1 (management), B6 (exchange).

What is asked of Graph here is in the global cloud only, which serves GCC too (D1, D2).
"""
