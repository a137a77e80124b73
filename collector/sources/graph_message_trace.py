"""`graph-message-trace`: the message trace by Graph, page by page. Source: protocol.md D2.

Invariants: rows come in no order that anybody has promised, so that only a chain of pages which was read to its end
proves anything, and nothing where its end is in doubt.
"""

from collections.abc import Iterator
from datetime import timedelta
from urllib.parse import quote

import msgspec

from collector.errors import QuestionError, TokenError
from collector.http.client import Effort
from collector.model import Axis, Row, Slice, Window, iso
from collector.sources.base import MARGIN, Finding, Kind, Page, Question, failed, spanned, texts
from collector.sources.graph import Graph, ended
from collector.sources.message_trace import RECIPIENT, SENDER, trace_row

PATH = "admin/exchange/tracing/messageTraces"

NO_SERVICE_PRINCIPAL = (
    "forbidden: a fresh token is not accepted; the tenant may lack the service principal of message tracing: have an "
    "administrator run `az ad sp create --id 8bd644d1-64a1-4d4b-ae52-2e0cbf64e373` once, and ask again some hours later"
)
"""What a 401 means here that a new token does not mend."""


class GraphMessageTrace:
    """The message trace by Graph; a part is one mailbox as sender or as recipient, None the whole tenant."""

    name = "graph-message-trace"
    retention = timedelta(days=90)
    longest = timedelta(days=10) - 2 * MARGIN
    page_sizes: tuple[int, ...] = (5000, 1000, 200)

    def __init__(self, graph: Graph) -> None:
        self._graph = graph

    def ask(self, question: Question) -> Iterator[Page | Finding]:
        """Read all pages of a slice."""
        sizes: list[int] = []
        try:
            for page in self._graph.pages(address_of(question), question.slice, question.effort):
                sizes.append(len(page.rows))
                yield Page(tuple(map(_row, page.rows)), page.request)
                del page  # its rows are done with, before the next ones are waited for
        except TokenError:
            yield Finding(Kind.REFUSED, NO_SERVICE_PRINCIPAL, forbidden=True)
        except QuestionError as error:
            yield failed(error, Finding(Kind.FAILED))
        else:
            yield ended(sizes, question.page_size)

    def probe(self, window: Window | None) -> Question:
        """Return a question for the window's last second, with pages that it fits in: each page costs of the quota."""
        end = spanned(window).end
        last = Slice(self.name, None, Axis.EVENT, Window(end - timedelta(seconds=1), end))
        return Question(last, self.page_sizes[0], Effort(1))


def address_of(question: Question) -> str:
    """Return the path of a slice's first page: the slice a second wider, and one value for each property (D2)."""
    asked, part = spanned(question.slice.window).widened(MARGIN), question.slice.part or ""
    conditions = [f"receivedDateTime ge {iso(asked.start)}", f"receivedDateTime le {iso(asked.end)}"]
    for side, member in ((SENDER, "senderAddress"), (RECIPIENT, "recipientAddress")):
        if part.startswith(side):
            mailbox = part.removeprefix(side).replace("'", "''")
            conditions.append(f"{member} eq '{mailbox}'")
    return f"/v1.0/{PATH}?$filter={quote(' and '.join(conditions), safe=':')}&$top={question.page_size}"


class _Fields(msgspec.Struct, gc=False, rename="camel"):
    """The members of a row that are read; all others are passed over."""

    id: str | None = None
    recipient_address: str | None = None
    received_date_time: str | None = None
    status: str | None = None


_decoder = msgspec.json.Decoder(_Fields)


def key(line: bytes) -> tuple[bytes, bytes]:
    """Return what tells a row from others: its id, recipient, time and status."""
    row = _row(line)
    return row.identity, row.content


def _row(raw: bytes) -> Row:
    fields = texts(raw, _decoder)
    return trace_row(raw, (fields.id, fields.recipient_address, fields.received_date_time), fields.status)
