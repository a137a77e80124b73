"""From the process to a command and back to an exit code.

Invariants: an error the operator can mend is one sentence and a remedy, never a traceback; a fault of ours shows
where it happened but no values, since those may hold a secret.
"""

import os
import sys
import traceback
from contextlib import suppress
from pathlib import Path

import click
from rich.console import Console

from collector.cli.app import app
from collector.errors import CollectorError, ExitCode


def main() -> None:
    """Run the command line and end the process with its exit code (design 1.1)."""
    code = _outcome()
    with suppress(BrokenPipeError):  # who reads us may have had enough
        sys.stdout.flush()
    sys.stderr.flush()
    # A thread may still wait for a slow answer after an interruption: it must not hold the process back.
    os._exit(code)


def _outcome() -> int:
    try:
        result = app(standalone_mode=False)
    except click.ClickException as error:
        error.show()
        return ExitCode.USAGE
    except (click.exceptions.Abort, KeyboardInterrupt):
        return _told("interrupted", "run the same command again to go on", ExitCode.INTERRUPTED)
    except CollectorError as error:
        return _told(error.message, error.remedy, error.exit_code)
    except Exception as error:  # noqa: BLE001 - the last line of defence: no traceback with values reaches the screen
        return _fault(error)
    return result if isinstance(result, int) else ExitCode.COMPLETE


def _told(message: str, remedy: str, code: ExitCode) -> int:
    console = Console(stderr=True, highlight=False, soft_wrap=True)
    console.print(f"[bold red]collector:[/] {_plain(message)}")
    if remedy:
        console.print(f"[bold]remedy:[/] {_plain(remedy)}")
    return code


def _fault(error: Exception) -> int:
    places = [
        f"  {Path(frame.filename).name}:{frame.lineno} in {frame.name}"
        for frame in traceback.extract_tb(error.__traceback__)
    ]
    text = f"a fault of ours, {type(error).__name__}, at\n" + "\n".join(places)
    return _told(text, "what was committed is whole; please report the lines above", ExitCode.FAULT)


def _plain(text: str) -> str:
    return text.replace("[", "\\[")
