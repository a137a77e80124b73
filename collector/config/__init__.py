"""The engagement file: its shape, its reading, and the secrets it refers to."""

from collector.config.clouds import CLOUDS, Cloud
from collector.config.differences import differences
from collector.config.engagement import (
    Attacker,
    Auth,
    Between,
    Case,
    Certificate,
    ClientSecret,
    DeviceCode,
    Engagement,
    Evidence,
    Interactive,
    Last,
    Limits,
    ManagedIdentity,
    ManagementActivity,
    MessageTrace,
    Network,
    Sources,
    UnifiedAuditLog,
    WindowSpec,
)
from collector.config.reading import Loaded, load
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
    "Interactive",
    "Last",
    "Limits",
    "Loaded",
    "ManagedIdentity",
    "ManagementActivity",
    "MessageTrace",
    "Network",
    "Rate",
    "SecretRef",
    "Sources",
    "UnifiedAuditLog",
    "WindowSpec",
    "differences",
    "load",
    "reveal",
]
