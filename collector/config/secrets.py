"""Fetches a secret from where its reference says (design 1.2).

Invariant: a secret lives in memory only; no error, log or repr from here holds it, nor any output of a command.
"""

import os
import shlex
import subprocess
from collections.abc import Callable
from pathlib import Path

from collector.config.units import SecretRef
from collector.errors import UsageError

COMMAND_SECONDS = 60.0
"""How long a `command:` may take; long enough for a password manager that asks the operator."""

Ask = Callable[[str], str]
"""Asks the operator without echo; given the question, returns what was typed."""


def reveal(ref: SecretRef, *, label: str, ask: Ask) -> str:
    """Return the secret; `label` names its key for the operator.

    Raises UsageError, with the remedy and without the value, where there is none to be had.
    """
    fetch = {"env": _from_environment, "file": _from_file, "command": printed_by}.get(ref.kind)
    value = fetch(ref.target, label) if fetch else ask(label)
    if not value:
        raise UsageError(f"{label}: the secret is empty", remedy="put it where the file says, or name another place")
    return value


def _from_environment(name: str, label: str) -> str:
    if name not in os.environ:
        raise UsageError(f"{label}: the environment variable {name} is not set", remedy=f"set {name} and run again")
    return os.environ[name]


def _from_file(path: str, label: str) -> str:
    try:
        text = Path(path).read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise UsageError(
            f"{label}: {path} cannot be read: {error.strerror}", remedy="create the file, or allow reading it"
        ) from None
    except UnicodeDecodeError:
        raise UsageError(f"{label}: {path} is not UTF-8 text", remedy="save the secret as plain text") from None
    return _without_newline(text)


def printed_by(line: str, label: str, *, seconds: float = COMMAND_SECONDS) -> str:
    """Return what a command line prints, less one line break; run without a shell and ended after `seconds`.

    Raises UsageError when it cannot be started, fails or takes longer; what it printed is never shown.
    """
    remedy = "run the command by hand and mend it; it must print the secret and nothing else"
    try:
        done = subprocess.run(  # noqa: S603 - the operator's own command, and no shell
            shlex.split(line), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=True, timeout=seconds
        )
        return _without_newline(done.stdout.decode())
    except subprocess.CalledProcessError as error:
        fault = f"ended with {error.returncode}"
    except subprocess.TimeoutExpired:
        fault = f"took longer than {seconds:g} s"
    except OSError as error:
        fault = f"could not be started: {error.strerror}"
    except ValueError:  # UnicodeDecodeError too, whose text would show the output
        fault = "is not a command line, or did not print text"
    raise UsageError(f"{label}: the command {fault}", remedy=remedy)


def _without_newline(text: str) -> str:
    return text.removesuffix("\n").removesuffix("\r")
