"""The engagement file as typed, frozen values (design 1.2).

Invariants: what is absent in the file is a default here; spans of time are seconds, sizes are bytes, times are aware
and in UTC, paths are absolute. No value is a secret: a SecretRef says where one is.
"""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
from msgspec.structs import replace

from collector.config.asked import Between, Shape, Sources, WindowSpec
from collector.config.clouds import CLOUDS, Cloud
from collector.config.units import Rate, SecretRef
from collector.model import Window

QUOTAS = {
    "message-trace": Rate(requests=100, period=300.0),
    "graph-message-trace": Rate(requests=100, period=300.0),
    "management-activity": Rate(requests=2000, period=60.0),
}
"""The documented quota of each source that has one.

Get-MessageTraceV2 and Graph's message trace: 100 requests in 5 minutes (protocol.md C4, D2); the Activity API: 2,000 a
minute and tenant (A6).
"""

_SHARED = {"message-trace-detail": "message-trace"}
"""Sources that go by the quota of another one; protocol.md C4."""


def quota_of(source: str) -> str:
    """Return the source whose rate a source goes by: its own name, but for those that share a quota."""
    return _SHARED.get(source, source)


class Certificate(Shape, frozen=True, tag_field="method", tag="certificate"):
    """Signs in as an application with a PFX, or a PEM that holds key and certificate."""

    client_id: str
    certificate: Path
    certificate_password: SecretRef | None = None


class ClientSecret(Shape, frozen=True, tag_field="method", tag="client-secret"):
    """Signs in as an application with a secret; None asks for it when the run starts."""

    client_id: str
    client_secret: SecretRef | None = None


class DeviceCode(Shape, frozen=True, tag_field="method", tag="device-code"):
    """Signs in as a person, who types a code into a browser anywhere."""

    client_id: str


class Interactive(Shape, frozen=True, tag_field="method", tag="interactive"):
    """Signs in as a person, in this machine's browser."""

    client_id: str


class ManagedIdentity(Shape, frozen=True, tag_field="method", tag="managed-identity"):
    """Signs in as the Azure machine this runs on; None is its system-assigned identity."""

    client_id: str | None = None


Auth = Certificate | ClientSecret | DeviceCode | Interactive | ManagedIdentity
"""The ways to sign in; protocol.md E3, E7."""


class Attacker(Shape, frozen=True):
    """What is known of the attacker so far; the questions of design 1.5 and 1.6 use it."""

    ips: tuple[str, ...] = ()
    sessions: tuple[str, ...] = ()
    apps: tuple[str, ...] = ()


class Case(Shape, frozen=True):
    """Whose case it is and who collects, for bag-info.txt."""

    organisation: str | None = None
    operator: str | None = None
    reference: str | None = None
    authority: str | None = None


class Evidence(Shape, frozen=True):
    """Where the evidence goes and how; a file of records is closed after `chunk_bytes` bytes."""

    folder: Path
    compression: Literal["gzip", "none"] = "gzip"
    chunk_bytes: Annotated[int, msgspec.Meta(ge=1024)] = 64 * 2**20
    sign_with: None = None
    timestamp_authority: None = None


class Network(Shape, frozen=True):
    """The way out: `ca_bundle` holds against REQUESTS_CA_BUNDLE (protocol.md E2); time-outs are seconds."""

    ca_bundle: Path | None = None
    proxy: str | None = None
    connect_timeout: float = 10.0
    read_timeout: float = 600.0


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """What holds for one source; times are seconds.

    `attempts` are a slice's; `first_wait` doubles up to `longest_wait`; `patience` is how long an outage or a long
    Retry-After is waited for; a slice is settled when it ended `settle` before it was asked; `rate` None is no rate.
    """

    concurrency: int = 4
    attempts: int = 6
    first_wait: float = 2.0
    longest_wait: float = 60.0
    patience: float = 1800.0
    settle: float = 86400.0
    rate: Rate | None = None


class GivenLimits(Shape, frozen=True):
    """The limits that one entry under `limits` gives; None is not given."""

    concurrency: Annotated[int, msgspec.Meta(ge=1, le=64)] | None = None
    attempts: Annotated[int, msgspec.Meta(ge=1, le=100)] | None = None
    first_wait: float | None = None
    longest_wait: float | None = None
    patience: float | None = None
    settle: float | None = None
    rate: Rate | None = None


class LimitsTable(Shape, frozen=True, rename="kebab"):
    """The `limits` of the file: for all sources, and for each."""

    default: GivenLimits = GivenLimits()
    unified_audit_log: GivenLimits = GivenLimits()
    mailbox_audit_log: GivenLimits = GivenLimits()
    message_trace: GivenLimits = GivenLimits()
    message_trace_detail: GivenLimits = GivenLimits()
    historical_search: GivenLimits = GivenLimits()
    management_activity: GivenLimits = GivenLimits()
    purview_audit_query: GivenLimits = GivenLimits()
    graph_message_trace: GivenLimits = GivenLimits()
    tenant_settings: GivenLimits = GivenLimits()


class Engagement(Shape, frozen=True):
    """One case at one tenant: whom to sign in as, what to collect, where to keep it."""

    engagement: str
    tenant: str
    auth: Auth
    sources: Sources
    evidence: Evidence
    cloud: Cloud = CLOUDS["commercial"]
    window: WindowSpec | None = None
    mailboxes: tuple[str, ...] = ()
    attacker: Attacker = Attacker()
    case: Case = Case()
    network: Network = Network()
    limits: LimitsTable = LimitsTable()

    def limits_of(self, source: str) -> Limits:
        """Return what holds for a source: its own limits over `default`, over the documented quota (QUOTAS).

        The rate is that of the source whose quota it goes by.
        For `default`, or what is no source of the file's, such as signing in or one cmdlet, the file's `default`.
        """
        own = getattr(self.limits, source.replace("-", "_"), GivenLimits())
        limits = Limits(**{"rate": QUOTAS.get(source), **_given(self.limits.default), **_given(own)})
        quota = quota_of(source)
        return limits if quota == source else replace(limits, rate=self.limits_of(quota).rate)

    def freeze(self, spec: WindowSpec | None, now: datetime) -> Window:
        """Return a source's own window, or the engagement's for None, as it stands at `now`; whole seconds, UTC."""
        chosen = spec or self.window
        if chosen is None:
            raise ValueError("a source has a window of its own or the engagement's; reading makes sure of it")
        if isinstance(chosen, Between):
            return Window(chosen.start, chosen.end)
        end = now.astimezone(UTC).replace(microsecond=0)
        return Window(end - timedelta(seconds=chosen.last), end)


def _given(limits: GivenLimits) -> dict[str, Any]:
    return {key: value for key, value in msgspec.structs.asdict(limits).items() if value is not None}
