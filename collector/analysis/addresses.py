"""IP addresses as audit records write them, and the networks that they are looked up by.

Invariants: pure; an address is shown as it was recorded, without port and brackets, and compared by what it means, so
that an IPv4 address in IPv6 is that IPv4 address. What is no address is shown as it is, and lies in no network.

Sources: protocol.md F2 (ClientIPAddress), design 1.5 (--ip).
"""

import re
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address, ip_network
from typing import NamedTuple

_WITH_PORT = re.compile(r"\s*(?:\[(?P<bracketed>[^\]]*)\](?::\d+)?|(?P<plain>[0-9.]+):\d+)\s*", re.ASCII)
_MAPPED = IPv6Network("::ffff:0:0/96")


class Network(NamedTuple):
    """A network as it was written, and the sort keys of its first and last address, both inclusive."""

    text: str
    first: str
    last: str


class Address(NamedTuple):
    """An address as it is shown, and the text by which it sorts among others of its family; None for none."""

    shown: str
    key: str | None


@lru_cache(maxsize=65536)
def address(recorded: str) -> Address:
    """Read an address as it was recorded: bare, with a port, or in brackets with or without one."""
    found = _WITH_PORT.fullmatch(recorded)
    shown = (found["bracketed"] or found["plain"]) if found else recorded.strip()
    if not shown:
        return Address(recorded, None)
    try:
        return Address(shown, _key(ip_address(shown.partition("%")[0])))
    except ValueError:
        return Address(shown, None)


def network(text: str) -> Network:
    """Read what --ip takes, an address or a network; raises ValueError for anything else."""
    bare, slash, prefix = text.partition("/")
    read = ip_network(address(bare).shown + slash + prefix, strict=False)
    first, last = read.network_address, read.broadcast_address
    if isinstance(first, IPv6Address) and first in _MAPPED and last in _MAPPED:
        return Network(text, _key(first), _key(last))
    return Network(text, _plain_key(first), _plain_key(last))


def _key(one: IPv4Address | IPv6Address) -> str:
    """Return a text that sorts as the addresses of its family do; a mapped address is its IPv4 one."""
    if isinstance(one, IPv6Address) and one in _MAPPED:
        one = IPv4Address(int(one) & 0xFFFFFFFF)
    return _plain_key(one)


def _plain_key(one: IPv4Address | IPv6Address) -> str:
    return f"{one.version}:{one.packed.hex()}"
