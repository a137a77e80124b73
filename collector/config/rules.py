"""What an engagement must hold beyond the types of its keys (design 1.2).

Invariant: `broken` is pure; it returns the first rule that is broken, with the path of the key to name, or None.
"""

import ipaddress
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import NamedTuple

from collector.config.asked import CONTENT_TYPES, Between, Windowed, WindowSpec
from collector.config.engagement import Engagement, quota_of
from collector.config.readers import nearest
from collector.config.units import shown
from collector.config.yamlfile import Path

_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}", re.ASCII)
_RESERVED = re.compile(r"CON|PRN|AUX|NUL|(COM|LPT)[0-9]", re.ASCII | re.IGNORECASE)
_GUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.ASCII | re.IGNORECASE)
_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_DOMAIN = re.compile(rf"(?=.{{1,253}}$)(?:{_LABEL}\.)+(?!\d+$){_LABEL}", re.ASCII | re.IGNORECASE)
_MAILBOX = re.compile(r"[^@\s]+@[^@\s]+")
_EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)


class Broken(NamedTuple):
    """A broken rule."""

    path: Path
    message: str
    remedy: str


def broken(engagement: Engagement, now: datetime) -> Broken | None:
    """Return the first broken rule as things stand at `now`."""
    return next(_all(engagement, now), None)


def _all(engagement: Engagement, now: datetime) -> Iterator[Broken]:
    yield from _names(engagement)
    yield from _lists(engagement)
    yield from _sources(engagement)
    for path, spec in _windows(engagement):
        if spec is not None:
            yield from _window(spec, path, now)


def _names(engagement: Engagement) -> Iterator[Broken]:
    name, tenant, client_id = engagement.engagement, engagement.tenant, engagement.auth.client_id
    yield from misnamed(name)
    if not _GUID.fullmatch(tenant) and not _DOMAIN.fullmatch(tenant):
        remedy = "write the tenant's id, or one of its verified domains such as contoso.com"
        yield Broken(("tenant",), f"{shown(tenant)} is neither a GUID nor a domain", remedy)
    if client_id is not None and not _GUID.fullmatch(client_id):
        remedy = "write the application (client) id of the app registration"
        yield Broken(("auth", "client_id"), "it is not a GUID", remedy)


def misnamed(name: str) -> Iterator[Broken]:
    """Yield what keeps a name from being an engagement's, and so the name of a folder."""
    if not _NAME.fullmatch(name):
        remedy = "use 1 to 64 letters, digits, - and _"
        yield Broken(("engagement",), f"{shown(name)} cannot be the name of a folder everywhere", remedy)
    if _RESERVED.fullmatch(name):
        yield Broken(("engagement",), f"{shown(name)} is a name that Windows keeps for itself", "choose another name")


def _lists(engagement: Engagement) -> Iterator[Broken]:
    named: set[str] = set()
    for index, mailbox in enumerate(engagement.mailboxes):
        if mailbox.casefold() in named:
            yield Broken(("mailboxes", index), f"{shown(mailbox)} is named twice", "keep one of the two")
        named.add(mailbox.casefold())
        if not _MAILBOX.fullmatch(mailbox):
            yield Broken(("mailboxes", index), f"{shown(mailbox)} is not an address", "write it as name@domain")
    for index, network in enumerate(engagement.attacker.ips):
        if not _is_network(network):
            remedy = "write it as 192.0.2.1, 192.0.2.0/24 or 2001:db8::/32"
            yield Broken(("attacker", "ips", index), f"{shown(network)} is not an IP address or network", remedy)


def _is_network(text: str) -> bool:
    try:
        ipaddress.ip_network(text, strict=False)
    except ValueError:
        return False
    return True


def _sources(engagement: Engagement) -> Iterator[Broken]:
    if not engagement.sources.names:
        yield Broken(("sources",), "names no source, so nothing would be collected", "name at least one")
    if engagement.sources.mailbox_audit_log is not None and not engagement.mailboxes:
        message = "is asked mailbox by mailbox, and the file names none"
        yield Broken(("sources", "mailbox-audit-log"), message, "name them under `mailboxes`")
    for name, audience in engagement.sources.audiences.items():
        yield from _audience(engagement, ("sources", name, "for"), audience)
    yield from _management_activity(engagement)
    yield from _graph(engagement)
    yield from _limits(engagement)
    for path, spec in _windows(engagement):
        if spec is None and engagement.window is None and path[0] == "sources":
            yield Broken(path, "the source has no window", "give it one, or write `window` for the whole file")


def _audience(engagement: Engagement, path: Path, audience: str) -> Iterator[Broken]:
    attacker = engagement.attacker
    if audience == "mailboxes" and not engagement.mailboxes:
        yield Broken(path, "`mailboxes` needs mailboxes to ask for", "name them under `mailboxes`, or write another")
    if audience == "accessed" and not (attacker.ips or attacker.sessions or attacker.apps):
        remedy = "name ips, sessions or apps under `attacker`; `collector investigate contexts` shows all there are"
        yield Broken(path, "`accessed` needs to know who the attacker is", remedy)


def _limits(engagement: Engagement) -> Iterator[Broken]:
    for member in engagement.limits.__struct_fields__:
        name = member.replace("_", "-")
        if quota_of(name) != name and getattr(engagement.limits, member).rate is not None:
            message = f"it shares one quota with {quota_of(name)}"
            yield Broken(("limits", name, "rate"), message, f"give the rate under {quota_of(name)}")


def _management_activity(engagement: Engagement) -> Iterator[Broken]:
    asked = engagement.sources.management_activity
    if asked is None:
        return
    path: Path = ("sources", "management-activity")
    for index, name in enumerate(asked.content_types):
        if name not in CONTENT_TYPES:
            message = f"{shown(name)} is not a content type{nearest(name, CONTENT_TYPES)}"
            yield Broken((*path, "content_types", index), message, f"write one of {', '.join(CONTENT_TYPES)}")
        if name in asked.content_types[:index]:
            yield Broken((*path, "content_types", index), f"{shown(name)} is named twice", "keep one of the two")
    if engagement.cloud.management is None:
        message = "needs the address of the Activity API, which `cloud` does not give"
        yield Broken(path, message, "add `management` to `cloud`, such as https://manage.office.com")


def _graph(engagement: Engagement) -> Iterator[Broken]:
    for name in ("purview-audit-query", "graph-message-trace"):
        if engagement.cloud.graph is None and name in engagement.sources.names:
            message = "needs Microsoft Graph, which `cloud` does not give: it has this in the global cloud only"
            remedy = "leave it out; in another cloud of your own add `graph` to `cloud`"
            yield Broken(("sources", name), message, remedy)


def _windows(engagement: Engagement) -> Iterator[tuple[Path, WindowSpec | None]]:
    yield ("window",), engagement.window
    for name in engagement.sources.names:
        asked = engagement.sources.of(name)
        if isinstance(asked, Windowed):
            yield ("sources", name, "window"), asked.window


def _window(spec: WindowSpec, path: Path, now: datetime) -> Iterator[Broken]:
    if not isinstance(spec, Between):
        if spec.last % 1:
            yield Broken((*path, "last"), "a window has whole seconds", "write a whole number of seconds")
        return
    for name, value in (("start", spec.start), ("end", spec.end)):
        if value.microsecond:
            yield Broken((*path, name), "a window has whole seconds", "leave the fraction out")
    if spec.start < _EARLIEST:
        yield Broken((*path, "start"), "the window starts before there were any records", "start it in this century")
    if spec.start >= spec.end:
        yield Broken((*path, "start"), "the window starts at or after its end", "put the earlier time first")
    if spec.end > now:
        remedy = "end it in the past, or write {last: 30d} for a window that ends when the run starts"
        yield Broken((*path, "end"), "the window ends in the future", remedy)
