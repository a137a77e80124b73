"""Microsoft Graph: collections page by page, single objects, and the one POST there is. Source: protocol.md D.

Invariants: nothing but GET leaves, save the POST that begins a query; a next link is followed only to Graph's own host
(`Client` holds that) and never twice; a link that is refused is a fault of the paging, and no refusal of the question.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import msgspec

from collector.errors import Forbidden, Refused, Unanswered
from collector.http.client import Client, Effort, Request
from collector.http.cut import Envelope, cut
from collector.http.transport import Received
from collector.model import Slice
from collector.sources.base import Finding, Kind, loose, named
from collector.sources.links import Chain

_PAGES = 50_000
"""Pages of one collection: several million rows where the service keeps a page to a hundred."""

_HEADERS = {"Accept": "application/json", "Prefer": "include-unknown-enum-members"}
"""What an enumeration was given later comes by its name only where that is preferred; protocol.md D2."""


class Answered(NamedTuple):
    """One page: its rows as received, the client-request-id."""

    rows: Sequence[bytes]
    request: str


class Entity(NamedTuple):
    """A single object. It is no page of rows, so that the request log keeps it whole."""

    members: Mapping[str, Any]
    warnings: None = None


class Graph:
    """Asks Graph at its base address; a path begins with the version."""

    def __init__(self, client: Client, base: str) -> None:
        self._client = client
        self._base = base

    def pages(self, path: str, slice_: Slice, effort: Effort) -> Iterator[Answered]:
        """Yield the pages of a collection. Raises as `Client.ask` does, and Unanswered for links that lead nowhere."""
        first = f"{self._base}{path}"
        chain = Chain(first, longest=_PAGES)
        address: str | None = first
        while address is not None:
            request = Request("GET", address, self._base, _HEADERS, None, {"slice": named(slice_)})
            try:
                envelope, number = self._client.ask(request, _page, effort)
            except Refused as error:
                if address == first or isinstance(error, Forbidden):
                    raise
                raise Unanswered(str(error), reason=error.reason) from None
            yield Answered(envelope.rows, number)
            address = chain.leads_to(envelope.next_link, envelope.rows) if envelope.next_link else None
            del envelope  # its rows are done with, before the next ones are waited for

    def get(self, path: str, slice_: Slice, effort: Effort) -> Mapping[str, Any]:
        """Return an object's members. Raises as `Client.ask` does."""
        request = Request("GET", f"{self._base}{path}", self._base, _HEADERS, None, {"slice": named(slice_)})
        entity, _ = self._client.ask(request, _entity, effort)
        return entity.members

    def begin(self, path: str, body: Mapping[str, Any], slice_: Slice) -> Mapping[str, Any]:
        """Return the members of an object that is made. Raises as `Client.ask` does.

        It is sent once: whether a lost answer made one shows where they are listed, and nowhere else.
        """
        headers = {**_HEADERS, "Content-Type": "application/json"}
        about = {"parameters": dict(body), "slice": named(slice_)}
        request = Request("POST", f"{self._base}{path}", self._base, headers, msgspec.json.encode(body), about)
        entity, _ = self._client.ask(request, _entity, Effort(1))
        return entity.members


def ended(sizes: Sequence[int], page_size: int) -> Finding:
    """Return what a chain of pages proves that was read to its end, by the rows of each.

    A last page that is as full as was asked for, or as the first, may have lost its link, and less must be asked for;
    one that is empty, where a link promised more, may have lost its rows, and must be seen so twice.
    """
    full = min(page_size, next((size for size in sizes[:-1] if size), page_size))
    if sizes[-1] >= full:
        return Finding(Kind.TOO_LARGE, "full-page-at-the-end")
    if any(sizes) and not sizes[-1]:
        return Finding(Kind.UNCOUNTED, "end-in-doubt")
    return Finding(Kind.WHOLE if any(sizes) else Kind.EMPTY)


def _page(received: Received) -> Envelope:
    return cut(received.body)


def _entity(received: Received) -> Entity:
    members = loose(received.body)
    if not members:
        raise Unanswered("the answer is no object", reason="unreadable", body=received.body)
    return Entity(members)
