"""The command line: the only room that prints. Results go to standard output, progress and errors to standard error."""

from collector.cli.main import main

__all__ = ["main"]
