"""Subscriptions to content types: start, stop, and what a start reaches back to; protocol.md A2.

Invariant: what was created between a stop and the next start is never listed.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from collector.simulator.activity_feed import ContentBlob, Feed
from collector.simulator.feed_errors import FeedError

Webhook = Mapping[str, Any] | None


@dataclass
class _Subscription:
    """`reach` is the earliest creation that is listed, `first_listing` when anything is."""

    reach: datetime
    first_listing: datetime
    enabled: bool = True
    webhook: Webhook = None
    stopped: datetime | None = None
    lost: list[tuple[datetime, datetime]] = field(default_factory=list)


class Subscriptions:
    """The subscriptions of one tenant."""

    def __init__(self, feed: Feed, now: Callable[[], datetime]) -> None:
        self._feed = feed
        self._now = now
        self._held = {
            name: self._begin(since or now(), enabled=bool(since)) for name, since in feed.subscriptions.items()
        }

    def start(self, content_type: str, webhook: Webhook) -> dict[str, Any]:
        """Start a subscription; raises AF20024 for one that is enabled and would stay as it is."""
        held = self._held.get(content_type)
        if held and held.enabled and not held.stopped and held.webhook == webhook:
            raise FeedError("AF20024")
        if held is None or held.stopped or not held.enabled:
            held = self._held[content_type] = self._restarted(held)
        held.webhook = webhook
        return _shown(content_type, held)

    def stop(self, content_type: str) -> None:
        """Stop a subscription; raises AF20022 where there is none."""
        self._subscribed(content_type).stopped = self._now()

    def listed(self) -> list[dict[str, Any]]:
        """Return what subscriptions/list tells."""
        return [_shown(name, held) for name, held in self._held.items() if not held.stopped]

    def shows(self, content_type: str) -> Callable[[ContentBlob], bool]:
        """Return the test for the blobs that are listed now; raises AF20022, AF20023."""
        held, now = self._subscribed(content_type), self._now()
        if not held.enabled:
            raise FeedError("AF20023", "a tenant administrator")
        if now < held.first_listing:
            return lambda _: False
        return lambda blob: (
            blob.created >= held.reach
            and blob.available(now)
            and not any(start <= blob.created < end for start, end in held.lost)
        )

    def _subscribed(self, content_type: str) -> _Subscription:
        held = self._held.get(content_type)
        if held is None or held.stopped:
            raise FeedError("AF20022")
        return held

    def _begin(self, since: datetime, *, enabled: bool = True) -> _Subscription:
        return _Subscription(since - self._feed.backfill, since + self._feed.first_content, enabled)

    def _restarted(self, old: _Subscription | None) -> _Subscription:
        """Begin now; what an earlier subscription reached stays in reach, what came after its stop is lost."""
        new = self._begin(self._now())
        if old and old.stopped:
            new.reach = min(old.reach, new.reach)
            new.lost = [*old.lost, (old.stopped, self._now())]
        return new


def _shown(content_type: str, held: _Subscription) -> dict[str, Any]:
    webhook = {"status": "enabled", **held.webhook} if held.webhook else None
    return {"contentType": content_type, "status": "enabled" if held.enabled else "disabled", "webhook": webhook}
