"""A request to the Management Activity API: where it leads to and what it asks; protocol.md A2."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, unquote

from collector.simulator.activity_feed import CONTENT_TYPES
from collector.simulator.conditions import AUDIT
from collector.simulator.feed_errors import FeedError
from collector.simulator.wire import Request

_PATH = re.compile(rf"/api/v1\.0/(?P<tenant>[^/]+)/activity/feed/(?P<operation>{AUDIT}(?=/)|.+)/?(?P<content_id>.*)")
NOBODY = "00000000-0000-0000-0000-000000000000"
"""What AF429 says for a PublisherIdentifier that was not sent."""


@dataclass(frozen=True)
class Call:
    """A request to the feed. `query` has lower-case names: the service reads them without case."""

    request: Request
    tenant: str
    operation: str
    content_id: str
    query: Mapping[str, str]

    @property
    def content_type(self) -> str:
        """The content type that is asked for; raises AF20001, AF20020."""
        name = self.query.get("contenttype")
        if not name:
            raise FeedError("AF20001", "contentType")
        if name not in CONTENT_TYPES:
            raise FeedError("AF20020")
        return name

    @property
    def publisher(self) -> str | None:
        """The PublisherIdentifier."""
        return self.query.get("publisheridentifier")

    @property
    def posted(self) -> Mapping[str, Any]:
        """What was posted: an object, empty for a body that is none."""
        try:
            posted = json.loads(self.request.body or b"{}")
        except ValueError:
            return {}
        return posted if isinstance(posted, dict) else {}

    @property
    def webhook(self) -> Mapping[str, Any] | None:
        """The webhook that a start names; raises AF20002 for one that is no object."""
        webhook = self.posted.get("webhook")
        if webhook is not None and not isinstance(webhook, dict):
            raise FeedError("AF20002", "webhook")
        return webhook


def read_call(request: Request) -> Call | None:
    """Read where a request leads to; None for one that is none of the feed's."""
    found = _PATH.fullmatch(request.path)
    if not found:
        return None
    query = {name.lower(): value for name, value in parse_qsl(request.query, keep_blank_values=True)}
    return Call(request, found["tenant"].lower(), found["operation"], unquote(found["content_id"]), query)
