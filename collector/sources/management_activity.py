"""`management-activity`: the Office 365 Management Activity API. Source: protocol.md A.

What is asked for in a slice is the listing of the content blobs that became available in it; each blob is then got by
its address. Invariants: nothing but GET leaves, save the start of a subscription; every call carries the
PublisherIdentifier; a listing never reaches over 24 hours, nor further back than seven days by the service's clock; a
token goes only to the service's own host, whatever address a listing names (`Client` holds that).
"""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, quote, urldefrag, urljoin, urlsplit

import msgspec

from collector.auth import SignIn
from collector.clock import Clock
from collector.config import ManagementActivity as ManagementActivitySettings
from collector.errors import QuestionError, Refused
from collector.http.client import Client, Effort, Request
from collector.http.cut import Envelope, cut_array, verbatim
from collector.http.policy import ACTIVITY
from collector.http.transport import Received
from collector.model import Axis, Row, Slice, Window, utc
from collector.sources.base import MARGIN, Finding, Kind, Page, Question, digest, failed, loose, named, spanned
from collector.sources.links import Chain

ALREADY_ENABLED = "already-enabled"
NOT_SUBSCRIBED = "not-subscribed"
_OWN_REASONS = {rule.reason for rule in ACTIVITY}
_PUBLISHER = "PublisherIdentifier"
_TOLD_LATE = timedelta(seconds=5)
"""How far behind the service's clock its Date may be when we read it: it tells whole seconds, and has travelled."""
_NEXT_PAGE = ("nextpageuri", "nextpageurl")


class Listed(NamedTuple):
    """A content blob as a listing names it; an address or time that it does not name is "" or None."""

    content_id: str
    content_uri: str
    created: datetime | None
    expires: datetime | None


class Content(NamedTuple):
    """A content blob's records as received; `digest` (hex) is the same for the same records in any order."""

    rows: Sequence[bytes]
    request: str
    digest: str


class ManagementActivity:
    """The Activity API of one tenant; a part is a content type. `retention` is how far back content is listed."""

    name = "management-activity"
    retention = timedelta(days=7)
    longest = timedelta(hours=24) - 2 * MARGIN
    page_sizes: tuple[int, ...] = (0,)  # the service alone says how many

    def __init__(
        self, client: Client, sign_in: SignIn, base: str, asked: ManagementActivitySettings, *, clock: Clock
    ) -> None:
        self._client = client
        self._sign_in = sign_in
        self._base = base
        self._clock = clock
        self._content_type = asked.content_types[0]
        self.may_start = asked.start_subscriptions
        """Whether a subscription that is not on may be started."""

    @property
    def now(self) -> datetime:
        """What the service's clock shows, whole seconds."""
        return (self._clock.now() + self._client.ahead).replace(microsecond=0)

    def ask(self, question: Question) -> Iterator[Page | Finding]:
        """Yield the pages of a slice's listing; a row is what is listed of one blob, its time that of availability."""
        window = spanned(question.slice.window)
        if window.start < self._oldest:
            yield Finding(Kind.REFUSED, "window-refused")
            return
        pages = delivered = 0
        try:
            for envelope, request in self._pages(question.slice, self._asked(window), question.effort):
                pages += 1
                delivered += len(envelope.rows)
                yield Page(tuple(_row(raw) for raw in envelope.rows), request)
            yield Finding(Kind.WHOLE if delivered else Kind.EMPTY)
        except QuestionError as error:
            yield _failed(error, may_pass=pages > 0 or (error.reason == NOT_SUBSCRIBED and not question.effort.at_last))

    def probe(self, window: Window | None) -> Question:  # noqa: ARG002 - other sources need it
        """Return a question for the last second that has passed: the window's own end may be too old, or to come."""
        last = Window(self.now - timedelta(seconds=1), self.now)
        return Question(Slice(self.name, self._content_type, Axis.AVAILABLE, last), self.page_sizes[0], Effort(1))

    def fetch(self, blob: Listed, slice_: Slice, effort: Effort) -> Content:
        """Return what a blob holds. Raises a QuestionError for this blob, and what `Client.ask` raises."""
        about = {"blob": blob.content_id, "slice": named(slice_)}
        envelope, request = self._get(self._address(blob), about, effort)
        digests = sorted(hashlib.sha256(row).digest() for row in envelope.rows)
        return Content(envelope.rows, request, hashlib.sha256(b"".join(digests)).hexdigest())

    def subscriptions(self, effort: Effort) -> Mapping[str, bool]:
        """Return the content types, in lower case, that a subscription is known of, and whether it is on.

        Raises as `fetch` does. One that does not tell its status counts as on: the listing will say otherwise
        (protocol.md A2).
        """
        envelope, _ = self._get(f"{self._feed}/subscriptions/list", {"purpose": "list subscriptions"}, effort)
        known = (loose(raw) for raw in envelope.rows)
        return {str(one.get("contentType")).lower(): _enabled(one.get("status")) for one in known}

    def start(self, content_type: str, effort: Effort) -> bool:
        """Start a subscription for pulling; returns whether it may have been off before. Raises as `fetch` does.

        One that is on already may be so by an earlier attempt, whose answer was lost.
        """
        address = self.start_address(content_type)
        about = {"purpose": "start a subscription", "content_type": content_type}
        try:
            self._client.ask(Request("POST", address, self._base, {}, b"", about), _anything, effort)
        except Refused as refusal:
            if refusal.reason != ALREADY_ENABLED:
                raise
            return effort.failures > 0
        return True

    def start_address(self, content_type: str) -> str:
        """Return where a POST starts a subscription."""
        return self._with_publisher(f"{self._feed}/subscriptions/start?contentType={quote(content_type)}")

    @property
    def _oldest(self) -> datetime:
        return self.now - self.retention + _TOLD_LATE

    @property
    def _feed(self) -> str:
        return f"{self._base}/api/v1.0/{self._sign_in.tenant_id}/activity/feed"

    def _address(self, blob: Listed) -> str:
        """Return where a blob is got; raises Refused where it is listed under an address that is none."""
        try:
            return urljoin(f"{self._feed}/", blob.content_uri or f"audit/{quote(blob.content_id, safe='$')}")
        except ValueError:
            raise Refused("the blob is listed under no address", reason="no-address") from None

    def _asked(self, window: Window) -> Window:
        """Return the window a second wider, as far as the service's bounds and its clock let it be."""
        wider = window.widened(MARGIN)
        return Window(max(wider.start, self._oldest), wider.end if wider.end <= self.now else window.end)

    def _pages(self, slice_: Slice, asked: Window, effort: Effort) -> Iterator[tuple["Listing", str]]:
        times = f"startTime={asked.start:%Y-%m-%dT%H:%M:%S}&endTime={asked.end:%Y-%m-%dT%H:%M:%S}"
        first = f"{self._feed}/subscriptions/content?contentType={quote(slice_.part or '')}&{times}"
        chain = Chain(first)
        address: str | None = first
        while address is not None:
            envelope, request = self._get(address, {"purpose": "list content", "slice": named(slice_)}, effort)
            yield envelope, request
            address = chain.leads_to(envelope.next_page, envelope.rows) if envelope.next_page else None

    def _get(self, address: str, about: Mapping[str, Any], effort: Effort) -> tuple["Listing", str]:
        headers = {"Accept": "application/json"}
        request = Request("GET", self._with_publisher(address), self._base, headers, None, about)
        return self._client.ask(request, _read, effort)

    def _with_publisher(self, address: str) -> str:
        """Add the PublisherIdentifier where an address lacks it, and touch nothing else of it; protocol.md A3, A6."""
        address, _ = urldefrag(address)
        query = urlsplit(address).query
        if any(name.lower() == _PUBLISHER.lower() for name, _ in parse_qsl(query, keep_blank_values=True)):
            return address
        return f"{address}{'&' if query else '?'}{_PUBLISHER}={self._sign_in.tenant_id}"


def _enabled(status: object) -> bool:
    return status is None or str(status).lower() == "enabled"


def _failed(error: QuestionError, *, may_pass: bool) -> Finding:
    """Return what an error means for a listing; a code of the API's own needs no words behind it.

    A refusal `may_pass` where a page was had before: its link is one that the service got wrong, and may get right the
    next time, or that a shorter slice does not need. So may a missing subscription that is known to be on, or was just
    started.
    """
    finding = failed(error, Finding(Kind.FAILED))
    if may_pass and not finding.forbidden:
        return finding._replace(kind=Kind.FAILED, reason=error.reason)
    return finding._replace(reason=error.reason) if error.reason in _OWN_REASONS else finding


class Listing(NamedTuple):
    """An answer that is an array: its members as received, and where the next page of them is."""

    rows: Sequence[bytes]
    next_page: str | None
    warnings: tuple[str, ...] = ()


def key(_: bytes) -> tuple[bytes, bytes]:
    """Tell no record from others: blobs are kept whole, and an Id can stand in two of them (design 1.3)."""
    return b"", b""


def listed(raw: bytes) -> Listed:
    """Read an entry of a listing; a blob that names no id is known by its address, or by all that is said of it."""
    fields = _fields(raw)
    name = fields.content_uri or raw.decode("latin-1")
    return Listed(
        fields.content_id or name, fields.content_uri or "", utc(fields.content_created), utc(fields.content_expiration)
    )


def record(raw: bytes, created: datetime | None) -> Row:
    """Return one record of a blob as a row; its time is when the blob became available."""
    return Row(raw, b"", b"", created.timestamp() if created else None)


def _row(raw: bytes) -> Row:
    """Return an entry of a listing as a row, told from others by its blob."""
    blob = listed(raw)
    name = digest(blob.content_id)
    return Row(raw, name, name, blob.created.timestamp() if blob.created else None)


def _read(received: Received) -> Listing:
    envelope: Envelope = cut_array(received.body)
    links = (received.headers.get(name) for name in _NEXT_PAGE)
    return Listing(envelope.rows, next((link for link in links if link), None))


def _anything(_: Received) -> Listing:
    """Take any success for one: what a start answers with tells nothing that its status does not."""
    return Listing((), None)


class _Fields(msgspec.Struct, rename="camel"):
    """The members of a listing's entry that are read (protocol.md A3)."""

    content_id: str | None = None
    content_uri: str | None = None
    content_created: str | None = None
    content_expiration: str | None = None


_decoder = msgspec.json.Decoder(_Fields)


def _fields(raw: bytes) -> _Fields:
    try:
        return _decoder.decode(raw)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        pass
    entry = loose(raw)
    said = (entry.get(name) for name in _Fields.__struct_encode_fields__)
    return _Fields(*(verbatim(value) if isinstance(value, str) else None for value in said))
