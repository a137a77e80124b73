"""A whole engagement file to spoil, and its reading at a fixed time."""

from datetime import UTC, datetime
from pathlib import Path

from collector.config import Engagement, load
from collector.errors import UsageError

NOW = datetime(2026, 11, 21, 5, 0, 0, 250_000, tzinfo=UTC)
GUID = "11111111-2222-3333-4444-555555555555"
GOOD = f"""\
engagement: contoso-2026-11
tenant: {GUID}
auth: {{method: device-code, client_id: {GUID}}}
window: {{last: 30d}}
mailboxes: [adele@contoso.com]
sources: {{unified-audit-log: {{}}}}
evidence: {{folder: ./evidence}}
"""


def with_(key: str, rest: str) -> str:
    """Return GOOD with what follows a top-level key replaced, or the key added at the end."""
    lines = GOOD.splitlines()
    spoilt = [f"{key}:{rest}" if line.startswith(f"{key}:") else line for line in lines]
    return "\n".join(spoilt if spoilt != lines else [*lines, f"{key}:{rest}"]) + "\n"


def read(folder: Path, text: str | bytes) -> Engagement:
    """Write a file and load it."""
    return load(written(folder, text), now=NOW).engagement


def written(folder: Path, text: str | bytes) -> Path:
    """Write a file."""
    path = folder / "engagement.yaml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def told(error: UsageError) -> str:
    """Return all that the operator is told."""
    return f"{error.message}\n{error.remedy}"
