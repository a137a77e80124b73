"""Listings of content: their windows, their pages, the header that leads to the next one; protocol.md A3.

Invariants: a listing is by creation, `startTime <= contentCreated < endTime`; its pages are those of the moment when
its first one was asked for; a cursor is good for the content type and window it was given for, and for no other.
"""

import secrets
import threading
from bisect import bisect_left
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import NamedTuple
from urllib.parse import urlencode

from collector.model import Window
from collector.simulator.activity_feed import CONTENT_TYPES, ContentBlob, Feed
from collector.simulator.behaviour import FeedBehaviour
from collector.simulator.feed_errors import FeedError
from collector.simulator.subscriptions import Subscriptions

DAY = timedelta(hours=24)
REACH = timedelta(days=7)
LENIENT_REACH = REACH + timedelta(hours=1)
CURSORS = 1000
"""How many cursors are remembered; an older one is stale."""

_STAMP = "%Y-%m-%dT%H:%M:%S"
_FORMS = ("%Y-%m-%d", "%Y-%m-%dT%H:%M", _STAMP)


class Shelf(NamedTuple):
    """The blobs of one content type by creation, each with its place in the order of listing."""

    created: list[datetime]
    blobs: list[tuple[int, ContentBlob]]

    def within(self, window: Window) -> list[ContentBlob]:
        """Return the blobs that were created in a window, in the order of listing."""
        low, high = bisect_left(self.created, window.start), bisect_left(self.created, window.end)
        return [blob for _, blob in sorted(self.blobs[low:high], key=lambda placed: placed[0])]


@dataclass(frozen=True)
class Page:
    """Some of a listing's blobs. `asked` is what another page is asked for with, `place` where this one begins."""

    asked: Mapping[str, str]
    hits: Sequence[ContentBlob]
    place: int
    size: int

    @property
    def blobs(self) -> Sequence[ContentBlob]:
        """The blobs of the page."""
        return self.hits[self.place : self.place + self.size]

    @property
    def next_place(self) -> int | None:
        """Where the next page begins, None where this one is the last."""
        end = self.place + self.size
        return end if end < len(self.hits) else None


class Listings:
    """The listings of one tenant's feed."""

    def __init__(
        self, feed: Feed, subscriptions: Subscriptions, behaviour: FeedBehaviour, now: Callable[[], datetime]
    ) -> None:
        self._size = feed.page_size
        self._subscriptions = subscriptions
        self._behaviour = behaviour
        self._now = now
        self._shelves = {name: _shelf(name, feed) for name in CONTENT_TYPES}
        self._cursors: OrderedDict[str, Page] = OrderedDict()
        self._lock = threading.Lock()

    def page(self, content_type: str, query: Mapping[str, str]) -> Page:
        """Return the page that is asked for; raises FeedError. `query` has lower-case names."""
        shown = self._subscriptions.shows(content_type)
        if "nextpage" in query:
            return self._resumed(content_type, query)
        window = self._window(query)
        asked = {
            "contentType": content_type,
            "startTime": f"{window.start:{_STAMP}}",
            "endTime": f"{window.end:{_STAMP}}",
        }
        if window.length > DAY:
            window = Window(window.start, window.start + DAY)
        hits = [blob for blob in self._shelves[content_type].within(window) if shown(blob)]
        return Page(asked, hits, 0, self._size)

    def link(self, path: str, page: Page, place: int, publisher: str | None) -> str:
        """Return path and query of the page that begins at a place of a page's listing."""
        cursor = f"{self._now():%Y%m%d%H}R{secrets.randbelow(10**12):012}"
        with self._lock:
            self._cursors[cursor] = Page(page.asked, page.hits, place, page.size)
            while len(self._cursors) > CURSORS:
                self._cursors.popitem(last=False)
        asked = {**page.asked, "nextPage": cursor}
        if publisher and self._behaviour.publisher_in_link:
            asked["PublisherIdentifier"] = publisher
        if self._behaviour.lower_case_link:
            asked = {name.lower(): value for name, value in asked.items()}
        return f"{path}?{urlencode(asked)}"

    def _resumed(self, content_type: str, query: Mapping[str, str]) -> Page:
        page = self._cursors.get(query["nextpage"])
        asked = {"contentType": content_type, "startTime": query.get("starttime"), "endTime": query.get("endtime")}
        if page is None or page.asked != asked:
            raise FeedError("AF20031", query["nextpage"])
        return page

    def _window(self, query: Mapping[str, str]) -> Window:
        """Read the window of a first page; raises AF20002, AF20030."""
        now = self._now()
        times = [_moment(name, query[name.lower()]) for name in ("startTime", "endTime") if name.lower() in query]
        if not times:
            end = now.replace(microsecond=0)
            return Window(end - DAY, end)
        lenient = self._behaviour.lenient
        earliest = now - (LENIENT_REACH if lenient else REACH)
        if len(times) < 2 or not earliest <= times[0] < times[1] or (times[1] - times[0] > DAY and not lenient):
            raise FeedError("AF20030")
        return Window(*times)


def _shelf(content_type: str, feed: Feed) -> Shelf:
    placed = [(place, blob) for place, blob in enumerate(feed.blobs) if blob.content_type == content_type]
    placed.sort(key=lambda pair: pair[1].created)
    return Shelf([blob.created for _, blob in placed], placed)


def _moment(name: str, text: str) -> datetime:
    for form in _FORMS:
        try:
            return datetime.strptime(text, form).replace(tzinfo=UTC)
        except ValueError:
            continue
    raise FeedError("AF20002", name)
