"""The cmdlet bridge: cmdlets of Exchange Online over the admin REST's `InvokeCommand`. Source: protocol.md B.

Invariants: no cmdlet leaves that is not a reading one, whoever asks; a next link is followed only to the host that
gave it, with the same body and anchor, and never twice; a chain of links that brings nothing new is given up.
"""

import re
import uuid
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import msgspec

from collector.auth import SignIn
from collector.errors import UsageError
from collector.http.client import Client, Effort, Request
from collector.http.cut import Envelope, cut
from collector.http.transport import Received
from collector.model import Slice
from collector.sources.base import named
from collector.sources.links import Chain

READING_BY_NAME = frozenset(
    {"Search-UnifiedAuditLog", "Search-MailboxAuditLog", "Search-AdminAuditLog", "Start-HistoricalSearch"}
)
"""Cmdlets that read although they are no Get-*. A verb is no proof: Search-Mailbox can purge mail."""

_GET = re.compile(r"Get-[A-Za-z0-9]+", re.ASCII)
_SYSTEM_MAILBOX = "SystemMailbox{bb558c35-97f1-4cb9-8ff7-d53741dc928c}"


def must_read(cmdlet: str) -> str:
    """Return the cmdlet's name if it only reads; raises UsageError for any other, before anything is sent."""
    if _GET.fullmatch(cmdlet) or cmdlet in READING_BY_NAME:
        return cmdlet
    raise UsageError(
        f"{cmdlet!r} is not a cmdlet that only reads",
        remedy=f"the collector sends Get-* cmdlets and {', '.join(sorted(READING_BY_NAME))}, nothing else",
    )


class Answered(NamedTuple):
    """One answer of a cmdlet: its rows as received, its warnings, the client-request-id."""

    rows: Sequence[bytes]
    warnings: tuple[str, ...]
    request: str


class Bridge:
    """Sends cmdlets to one tenant; `connection` stays the same for its life, as a PowerShell session's would."""

    def __init__(self, client: Client, sign_in: SignIn, base: str) -> None:
        self._client = client
        self._sign_in = sign_in
        self._base = base
        self._connection = str(uuid.uuid4())

    def invoke(
        self, cmdlet: str, parameters: Mapping[str, Any], *, slice_: Slice, page_size: int, effort: Effort
    ) -> Iterator[Answered]:
        """Yield a cmdlet's answers, following next links. Raises UsageError for a cmdlet that does not only read."""
        name = must_read(cmdlet)
        body = msgspec.json.encode({"CmdletInput": {"CmdletName": name, "Parameters": dict(parameters)}})
        about = {"cmdlet": name, "parameters": dict(parameters), "slice": named(slice_)}
        headers = self._headers(name, page_size)
        first = f"{self._base}/adminapi/beta/{self._sign_in.tenant_id}/InvokeCommand"
        chain = Chain(first)
        address: str | None = first
        while address is not None:
            request = Request("POST", address, self._base, headers, body, about)
            envelope, number = self._client.ask(request, _read, effort)
            yield Answered(envelope.rows, envelope.warnings, number)
            address = chain.leads_to(envelope.next_link, envelope.rows) if envelope.next_link else None
            del envelope  # its rows are done with, before the next ones are waited for

    def _headers(self, cmdlet: str, page_size: int) -> dict[str, str]:
        return {
            "Content-Type": "application/json",
            "Accept": "application/json",
            "Accept-Charset": "UTF-8",
            "X-AnchorMailbox": self._anchor(),
            "X-CmdletName": cmdlet,
            "X-ResponseFormat": "json",
            "Prefer": f"odata.maxpagesize={page_size}",
            "connection-id": self._connection,
        }

    def _anchor(self) -> str:
        """Return the mailbox that routes to the tenant's own forest. Source: protocol.md B2."""
        token = self._sign_in.token(self._base)
        if not token.app_only and token.upn:
            return f"UPN:{token.upn}"
        return f"APP:{_SYSTEM_MAILBOX}@{self._sign_in.tenant_id}"


def _read(received: Received) -> Envelope:
    return cut(received.body)
