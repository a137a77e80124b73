"""The operations of the Management Activity API; protocol.md A2, A3, A4.

Invariants: an answer is a bare array, of an operation that starts or stops an object or nothing; an error is a
FeedError. Of the faults only those of the header that leads to the next page stand here.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, NamedTuple

from collector.simulator.activity_feed import ContentBlob, Feed
from collector.simulator.behaviour import FeedBehaviour
from collector.simulator.conditions import AUDIT, CONTENT
from collector.simulator.faults import Fault, Kind
from collector.simulator.feed_call import Call
from collector.simulator.feed_errors import JSON_HEADERS, FeedError
from collector.simulator.listings import Listings, Page
from collector.simulator.scenario import TENANT_ID
from collector.simulator.subscriptions import Subscriptions
from collector.simulator.wire import Reply, to_json

Due = Mapping[Kind, Fault]


class Operations:
    """What a tenant's feed answers to who may ask."""

    def __init__(self, address: str, feed: Feed, behaviour: FeedBehaviour, now: Callable[[], datetime]) -> None:
        self._address = address
        self._behaviour = behaviour
        self._now = now
        self._subscriptions = Subscriptions(feed, now)
        self._listings = Listings(feed, self._subscriptions, behaviour, now)
        self._blobs = {blob.content_id: blob for blob in feed.blobs}

    def content_type(self, call: Call) -> str | None:
        """Return the content type that a request is about, where it is about one."""
        blob = self._blobs.get(call.content_id)
        return blob.content_type if blob else call.query.get("contenttype")

    def start(self, call: Call, _: Due) -> Reply:
        """Start a subscription."""
        return _json(self._subscriptions.start(call.content_type, call.webhook))

    def stop(self, call: Call, _: Due) -> Reply:
        """Stop a subscription."""
        self._subscriptions.stop(call.content_type)
        return Reply(200, b"", JSON_HEADERS)

    def subscriptions(self, _call: Call, _: Due) -> Reply:
        """List the subscriptions."""
        return _json(self._subscriptions.listed())

    def content(self, call: Call, due: Due) -> Reply:
        """List a page of the blobs of a window."""
        return self._page(call, due, {})

    def notifications(self, call: Call, due: Due) -> Reply:
        """List a page of the notifications of a window, one for each blob."""
        return self._page(call, due, {"notificationStatus": "success", "notificationSent": _iso(self._now())})

    def _page(self, call: Call, due: Due, more: Mapping[str, str]) -> Reply:
        page = self._listings.page(call.content_type, call.query)
        blobs = () if Kind.EMPTY in due or Kind.EMPTY_PAGE in due else page.blobs
        reply = _json([{**self._row(blob), **more} for blob in blobs])
        link = self._next_link(call, page, due)
        header = {self._behaviour.next_page_header: link} if link else {}
        return replace(reply, headers={**reply.headers, **header})

    def _row(self, blob: ContentBlob) -> dict[str, str]:
        return {
            "contentType": blob.content_type,
            "contentId": blob.content_id,
            "contentUri": f"{self._address}/api/v1.0/{TENANT_ID}/activity/feed/{AUDIT}/{blob.content_id}",
            "contentCreated": _iso(blob.created),
            "contentExpiration": _iso(blob.expires),
        }

    def _next_link(self, call: Call, page: Page, due: Due) -> str | None:
        """Return where the next page is said to be, None behind the last one."""
        foreign = due.get(Kind.FOREIGN_LINK)
        base, path = foreign.base if foreign else self._address, call.request.path
        if Kind.LINK_LOOP in due and "nextpage" in call.query:
            return f"{base}{path}?{call.request.query}"
        place = _next_place(page, due)
        return None if place is None else base + self._listings.link(path, page, place, call.publisher)

    def blob(self, call: Call, _: Due) -> Reply:
        """Give the records of a blob."""
        name, now = call.content_id, self._now()
        if "$" not in name:
            raise FeedError("AF20052", name)
        blob = self._blobs.get(name)
        if blob is None or not blob.available(now) or (blob.gone_from and now >= blob.gone_from):
            raise FeedError("AF20050", name)
        if now >= blob.expires:
            raise FeedError("AF20051", name)
        return Reply(200, _array(blob.held(now), pretty=self._behaviour.pretty), JSON_HEADERS)

    def dlp_types(self, call: Call, _: Due) -> Reply:
        """Give the kinds of sensitive information."""
        language = call.request.headers.get("Accept-Language") or ""
        if "," in language:
            raise FeedError("AF20053", language)
        return _json([{"id": "d1900000-0000-4000-8000-000000000001", "name": "Credit Card Number"}])


class Route(NamedTuple):
    """An operation: its HTTP method, what AF429 calls it, and what answers it."""

    method: str
    name: str
    handler: Callable[[Operations, Call, Due], Reply]


ROUTES = {
    "subscriptions/start": Route("POST", "StartSubscription", Operations.start),
    "subscriptions/stop": Route("POST", "StopSubscription", Operations.stop),
    "subscriptions/list": Route("GET", "ListSubscriptions", Operations.subscriptions),
    CONTENT: Route("GET", "GetContent", Operations.content),
    "subscriptions/notifications": Route("GET", "GetNotifications", Operations.notifications),
    AUDIT: Route("GET", "GetBlob", Operations.blob),
    "resources/dlpSensitiveTypes": Route("GET", "GetDlpSensitiveTypes", Operations.dlp_types),
}
"""The operations by their paths; protocol.md A2. Of the names only GetBlob was seen."""


def _next_place(page: Page, due: Due) -> int | None:
    """Return where in its listing the next page begins, rightly or by a fault; None for no next page."""
    if Kind.EMPTY in due:
        return None
    if Kind.EMPTY_PAGE in due or Kind.LINK_LOOP in due:
        return page.place
    if page.next_place is None and Kind.CYCLE in due:
        return 0
    if page.next_place is None and Kind.FOREIGN_LINK in due:
        return len(page.hits)
    return page.next_place


def _array(records: Sequence[object], *, pretty: bool) -> bytes:
    """Write records as a JSON array, each as it is; where it is pretty, on a line of its own."""
    start, between, end = (b"[\r\n  ", b",\r\n  ", b"\r\n]") if pretty else (b"[", b",", b"]")
    return start + between.join(str(record).encode("utf-8", "backslashreplace") for record in records) + end


def _json(value: Any) -> Reply:
    return Reply(200, to_json(value), JSON_HEADERS)


def _iso(moment: datetime) -> str:
    return f"{moment.isoformat(timespec='milliseconds')[:23]}Z"
