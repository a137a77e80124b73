"""The engagement file: its shape, its reading, and the secrets it refers to."""

from collector.config.asked import (
    Between,
    GraphMessageTrace,
    HistoricalSearch,
    Last,
    MailboxAuditLog,
    ManagementActivity,
    MessageTrace,
    MessageTraceDetail,
    PurviewAuditQuery,
    Sources,
    TenantSettings,
    UnifiedAuditLog,
    Windowed,
    WindowSpec,
)
from collector.config.clouds import CLOUDS, Cloud
from collector.config.differences import differences
from collector.config.engagement import (
    Attacker,
    Auth,
    Case,
    Certificate,
    ClientSecret,
    DeviceCode,
    Engagement,
    Evidence,
    Interactive,
    Limits,
    ManagedIdentity,
    Network,
    quota_of,
)
from collector.config.reading import Loaded, load
from collector.config.rules import misnamed
from collector.config.secrets import reveal
from collector.config.units import Rate, SecretRef

__all__ = [
    "CLOUDS",
    "Attacker",
    "Auth",
    "Between",
    "Case",
    "Certificate",
    "ClientSecret",
    "Cloud",
    "DeviceCode",
    "Engagement",
    "Evidence",
    "GraphMessageTrace",
    "HistoricalSearch",
    "Interactive",
    "Last",
    "Limits",
    "Loaded",
    "MailboxAuditLog",
    "ManagedIdentity",
    "ManagementActivity",
    "MessageTrace",
    "MessageTraceDetail",
    "Network",
    "PurviewAuditQuery",
    "Rate",
    "SecretRef",
    "Sources",
    "TenantSettings",
    "UnifiedAuditLog",
    "WindowSpec",
    "Windowed",
    "differences",
    "load",
    "misnamed",
    "quota_of",
    "reveal",
]
