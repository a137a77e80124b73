"""What the collecting machine was, for custody/environment.json.

Invariant: no environment variable's value and no command line stands here, since either may hold a secret.
"""

import getpass
import platform
import re
import sys
from importlib.metadata import requires, version

from collector import __version__
from collector.clock import Clock
from collector.model import iso


def describe(clock: Clock) -> dict[str, object]:
    """Return who collected, with what, on which machine, and its clock."""
    return {
        "tool": f"collector {__version__}",
        "libraries": _libraries(),
        "python": sys.version,
        "platform": platform.platform(),
        "host": platform.node(),
        "account": _account(),
        "clock": iso(clock.now()),
    }


def _libraries() -> dict[str, str]:
    needed = [text for text in requires("collector") or () if "extra ==" not in text]
    names = [re.split(r"[^A-Za-z0-9._-]", text, maxsplit=1)[0] for text in needed]
    return {name: version(name) for name in names}


def _account() -> str | None:
    try:
        return getpass.getuser()
    except (KeyError, OSError, ImportError):
        return None
