"""The command line: the only room that prints. Results go to standard output, progress and errors to standard error."""

import os

from collector.errors import ExitCode

__all__ = ["main"]


def main() -> None:
    """Run the command line; an interruption while the rooms are still being loaded ends as tidily as a later one."""
    try:
        from collector.cli.main import main as run  # noqa: PLC0415 - loading is what may be interrupted
    except KeyboardInterrupt:
        os._exit(ExitCode.INTERRUPTED)
    run()
