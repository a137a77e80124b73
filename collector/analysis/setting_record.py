"""A row of a settings cmdlet, taken apart: one setting after the other, as text.

Invariants: sidecars are passed over, all else is there; what is neither text nor number is the JSON that it was; a
missing setting is missing, never false (protocol.md C3: a key that is not there means unknown).
"""

import json
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from collector.analysis.reading import clean, text

_MAILBOX = ("UserPrincipalName", "PrimarySmtpAddress", "WindowsLiveID")
_OBJECT = ("Name", "FolderPath", "FolderName", "Identity", "Guid")


class Setting(NamedTuple):
    """One setting of one object; columns of `SettingRow`."""

    cmdlet: str
    mailbox: str | None
    object: str | None
    setting: str
    value: str | None


def settings_of(part: str, row: Mapping[str, Any]) -> Iterator[Setting]:
    """Yield the settings of a row; `part` names its cmdlet, and the mailbox that it was asked of, if any."""
    cmdlet, _, rest = part.partition(" ")
    asked = rest if "@" in rest else None
    mailbox = asked or _first(row, _MAILBOX)
    named = _first(row, _OBJECT)
    for setting, value in row.items():
        if "@odata.type" not in setting and "@data.type" not in setting:
            yield Setting(cmdlet, mailbox, named, clean(setting), _shown(value))


def _first(row: Mapping[str, Any], names: tuple[str, ...]) -> str | None:
    return next(filter(None, (text(row.get(name)) for name in names)), None)


def _shown(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return None if value is None else clean(value)
    return clean(json.dumps(value, ensure_ascii=False))
