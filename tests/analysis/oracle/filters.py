"""The filters of design 1.5: values of one are joined with or, filters with and."""

import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime

from tests.analysis.oracle.mailboxes import Mailboxes
from tests.analysis.oracle.records import Record
from tests.analysis.oracle.values import bare, day_after, moment, parsed

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
_MAPPED = ipaddress.IPv6Network("::ffff:0:0/96")


@dataclass(frozen=True)
class Filters:
    """What is asked for, in the form in which it is compared; an empty set asks for everything."""

    mailboxes: set[str]
    users: set[str]
    networks: list[Network]
    sessions: set[str]
    apps: set[str]
    messages: set[str]
    since: datetime | None
    until: datetime | None

    @classmethod
    def of(
        cls,
        *,
        mailbox: Iterable[str],
        user: Iterable[str],
        ip: Iterable[str],
        session: Iterable[str],
        app: Iterable[str],
        message_id: Iterable[str],
        since: str | None,
        until: str | None,
    ) -> "Filters":
        """Read the values; raises ValueError where one cannot be read."""
        return cls(
            _folded(mailbox),
            _folded(user),
            [_network(one) for one in ip],
            _folded(session),
            _folded(app),
            _folded(bare(one) or "" for one in message_id),
            _time(since),
            _time(until),
        )


def _folded(values: Iterable[str]) -> set[str]:
    return {value.lower() for value in values}


def _network(value: str) -> Network:
    network = ipaddress.ip_network(value, strict=False)
    if isinstance(network, ipaddress.IPv6Network) and network.subnet_of(_MAPPED):
        mapped = network.network_address.ipv4_mapped
        return ipaddress.ip_network(f"{mapped}/{network.prefixlen - 96}")
    return network


def _time(value: str | None) -> datetime | None:
    time = moment(value)
    if value is not None and time is None:
        raise ValueError(f"{value!r} is no time")
    return time


def narrow(records: Iterable[Record], filters: Filters, mailboxes: Mailboxes, *, by_blindness: bool) -> list[Record]:
    """Return the records that are asked for, with the items that are asked for."""
    kept = [_narrowed(record, filters.messages) for record in records if _asked(record, filters, mailboxes)]
    return [
        record
        for record in kept
        if (record.items or not filters.messages) and _within(record, filters, by_blindness=by_blindness)
    ]


def _asked(record: Record, filters: Filters, mailboxes: Mailboxes) -> bool:
    return all(
        (
            not filters.mailboxes or mailboxes.matches(mailboxes.key(record), filters.mailboxes),
            _among(filters.users, record.user),
            not filters.networks or any(_inside(one, filters.networks) for one in record.addresses),
            _among(filters.sessions, record.session_id),
            _among(filters.apps, *record.apps),
        )
    )


def _among(wanted: set[str], *values: str | None) -> bool:
    return not wanted or any(value is not None and value.lower() in wanted for value in values)


def _inside(address: str, networks: Iterable[Network]) -> bool:
    found = parsed(address)
    forms = [found, found.ipv4_mapped if isinstance(found, ipaddress.IPv6Address) else None]
    return any(form in network for form in forms if form is not None for network in networks)


def _narrowed(record: Record, messages: set[str]) -> Record:
    if not messages:
        return record
    named = (one for one in record.items if one.message is not None and one.message.lower() in messages)
    return replace(record, items=tuple(named))


def _within(record: Record, filters: Filters, *, by_blindness: bool) -> bool:
    if filters.since is None and filters.until is None:
        return True
    if record.time is None:
        return False
    if filters.until is not None and record.time >= filters.until:
        return False
    if filters.since is None:
        return True
    blind_until = day_after(record.time)
    return blind_until > filters.since if by_blindness and blind_until else record.time >= filters.since
