"""From the process to a command and back to an exit code.

Invariants: an error the operator can mend is one sentence and a remedy, never a traceback; a fault of ours shows
where it happened but no values, since those may hold a secret; no text is too strange to be shown.
"""

import io
import os
import sys
import traceback
from contextlib import suppress
from pathlib import Path

from rich.markup import escape

from collector.cli import screen
from collector.cli.app import app
from collector.errors import CollectorError, ExitCode


def main() -> None:
    """Run the command line and end the process with its exit code (design 1.1)."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    code = _outcome()
    with suppress(OSError):  # who reads us may have had enough
        sys.stdout.flush()
        sys.stderr.flush()
    # A thread may still wait for a slow answer after an interruption: it must not hold the process back.
    os._exit(code)


def _outcome() -> int:
    try:
        app(prog_name="collector")
    except SystemExit as end:
        if end.code == ExitCode.INTERRUPTED:  # Ctrl-C where no run was at work
            return _told("interrupted", "run the same command again", ExitCode.INTERRUPTED)
        return end.code if isinstance(end.code, int) else ExitCode.COMPLETE
    except CollectorError as error:
        return _told(error.message, error.remedy, error.exit_code)
    except Exception as error:  # noqa: BLE001 - the last line of defence: no traceback with values reaches the screen
        return _fault(error)
    return ExitCode.COMPLETE


def _told(message: str, remedy: str, code: ExitCode) -> int:
    """Say on standard error what went wrong, and to a program that asked for JSON lines on standard output too."""
    console = screen.console(stderr=True)
    console.print(f"[bold red]collector:[/] {escape(screen.plain(message))}", soft_wrap=True)
    if remedy:
        console.print(f"[bold]remedy:[/] {escape(screen.plain(remedy))}", soft_wrap=True)
    if "--json" in sys.argv:
        screen.json_line("error", exit_code=int(code), message=message, remedy=remedy)
    return code


def _fault(error: Exception) -> int:
    places = [
        f"  {Path(frame.filename).name}:{frame.lineno} in {frame.name}"
        for frame in traceback.extract_tb(error.__traceback__)
    ]
    text = f"a fault of ours, {type(error).__name__}, at\n" + "\n".join(places)
    return _told(text, "what was committed is whole; please report the lines above", ExitCode.FAULT)
