"""The windows and the sources of an engagement file as typed, frozen values (design 1.2).

Invariant: what is absent in the file is a default here; None stands for the engagement's own window.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Literal

import msgspec

FORM = "(form)"
"""Tells the two forms of a window apart once they are read; never written in the file."""

CONTENT_TYPES = ("Audit.AzureActiveDirectory", "Audit.Exchange", "Audit.SharePoint", "Audit.General", "DLP.All")
"""The content types of the Activity API, in their exact case; protocol.md A1."""


class Shape(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A mapping of the engagement file: immutable, and with no key but its own."""


class Between(Shape, frozen=True, tag_field=FORM, tag="between"):
    """From `start` (inclusive) to `end` (exclusive), whole seconds."""

    start: datetime
    end: datetime


class Last(Shape, frozen=True, tag_field=FORM, tag="last"):
    """The last so many seconds before the run starts."""

    last: float


WindowSpec = Between | Last
"""A window as asked for; `Engagement.freeze` makes a Window of it."""


class UnifiedAuditLog(Shape, frozen=True):
    """What to ask Search-UnifiedAuditLog (protocol.md C1); no operations at all means all of them.

    `users` are actors, not mailbox owners. Everything but `window` narrows the question.
    """

    operations: tuple[str, ...] = ("MailItemsAccessed",)
    users: tuple[str, ...] = ()
    record_types: tuple[str, ...] = ()
    object_ids: tuple[str, ...] = ()
    ip_addresses: tuple[str, ...] = ()
    free_text: str | None = None
    high_completeness: bool = False
    window: WindowSpec | None = None


class PurviewAuditQuery(UnifiedAuditLog, frozen=True):
    """What to have Graph search the audit log for (protocol.md D1): the keys of UnifiedAuditLog, and what they mean.

    Graph has nothing that `high_completeness` could set.
    """


class MailboxAuditLog(Shape, frozen=True):
    """What to ask Search-MailboxAuditLog (protocol.md C2), of each mailbox of interest."""

    window: WindowSpec | None = None


class MessageTrace(Shape, frozen=True, rename={"audience": "for"}):
    """What to ask Get-MessageTraceV2 (protocol.md C4).

    `audience` is the whole tenant; the mailboxes of interest, as sender and recipient; or the messages that earlier
    evidence shows as accessed by the attacker.
    """

    audience: Literal["tenant", "mailboxes", "accessed"] = "tenant"
    window: WindowSpec | None = None


class GraphMessageTrace(Shape, frozen=True, rename={"audience": "for"}):
    """What to ask Graph's message trace (protocol.md D2); `audience` as in MessageTrace, but for single messages."""

    audience: Literal["tenant", "mailboxes"] = "tenant"
    window: WindowSpec | None = None


class MessageTraceDetail(Shape, frozen=True, rename={"audience": "for"}):
    """Of which traced messages of earlier evidence to ask Get-MessageTraceDetailV2 (protocol.md C5).

    `audience` is those that the attacker accessed, or all from and to the mailboxes of interest.
    """

    audience: Literal["mailboxes", "accessed"] = "accessed"


class HistoricalSearch(Shape, frozen=True, rename={"audience": "for"}):
    """What to have Start-HistoricalSearch make a report of (protocol.md C6).

    `audience` is the mailboxes of interest, as sender and recipient, or the messages that the attacker accessed.
    """

    report: Literal["MessageTrace", "MessageTraceDetail"] = "MessageTrace"
    audience: Literal["mailboxes", "accessed"] = "mailboxes"
    window: WindowSpec | None = None


class TenantSettings(Shape, frozen=True):
    """The settings that a statement on coverage rests on, and those of each mailbox of interest (protocol.md C3)."""


class ManagementActivity(Shape, frozen=True):
    """What to ask the Office 365 Management Activity API (protocol.md A).

    `start_subscriptions` allows a subscription to be started that is not on; none is ever stopped.
    """

    content_types: Annotated[tuple[str, ...], msgspec.Meta(min_length=1)] = ("Audit.Exchange",)
    start_subscriptions: bool = False
    window: WindowSpec | None = None


Windowed = UnifiedAuditLog | MailboxAuditLog | MessageTrace | GraphMessageTrace | HistoricalSearch | ManagementActivity
"""What the file says of a source that is asked for a window of time."""

Source = Windowed | MessageTraceDetail | TenantSettings
"""What the file says of any one source."""


class Sources(Shape, frozen=True, rename="kebab"):
    """The sources that are collected; None is one that the file does not name."""

    unified_audit_log: UnifiedAuditLog | None = None
    mailbox_audit_log: MailboxAuditLog | None = None
    message_trace: MessageTrace | None = None
    message_trace_detail: MessageTraceDetail | None = None
    historical_search: HistoricalSearch | None = None
    management_activity: ManagementActivity | None = None
    purview_audit_query: PurviewAuditQuery | None = None
    graph_message_trace: GraphMessageTrace | None = None
    tenant_settings: TenantSettings | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """The sources that the file names, as it spells them."""
        given = zip(self.__struct_encode_fields__, msgspec.structs.astuple(self), strict=True)
        return tuple(name for name, source in given if source is not None)

    def of(self, name: str) -> Source:
        """Return what to ask a source that is named."""
        found: Source = getattr(self, name.replace("-", "_"))
        return found

    @property
    def resting_on_evidence(self) -> tuple[str, ...]:
        """The sources that ask about messages which earlier evidence names."""
        of = self.audiences
        return tuple(name for name in of if of[name] == "accessed" or isinstance(self.of(name), MessageTraceDetail))

    @property
    def audiences(self) -> Mapping[str, str]:
        """Of which messages each source asks that is not for the whole tenant alone."""
        return {name: asked.audience for name in self.names if hasattr(asked := self.of(name), "audience")}
