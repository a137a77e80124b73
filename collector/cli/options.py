"""The arguments and options that commands share, with their help."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from collector.analysis import questions

Engagement = Annotated[Path, typer.Argument(help="The engagement file.", metavar="FILE", show_default=False)]
Folder = Annotated[Path, typer.Argument(help="A run, or any folder above runs.", metavar="FOLDER", show_default=False)]
Method = Literal["certificate", "client-secret", "device-code", "interactive", "managed-identity"]
Many = list[str] | None
AnswerFormat = Literal["table", "json", "csv", "parquet"]
ExportFormat = Literal["parquet", "csv", "jsonl", "timesketch"]
Words = Annotated[
    list[str],
    typer.Argument(
        metavar="QUESTION FOLDER...",
        help=f"One of {', '.join(questions.NAMES)}; then runs, or folders above runs. With --sql only folders.",
        show_default=False,
    ),
]
Sql = Annotated[
    Path | None,
    typer.Option("--sql", metavar="FILE", help="Your own SELECT instead; filters narrow its accesses and opened."),
]
Output = Annotated[
    Path | None, typer.Option("--output", "-o", metavar="FILE", help="Write all rows there, and FILE.notes.json.")
]
Tables = Annotated[
    Path | None,
    typer.Option("--tables", metavar="FOLDER", help="Keep the tables there, where the evidence is read-only."),
]
Unverified = Annotated[bool, typer.Option("--unverified", help="Read evidence even if it fails verification.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object a line instead of tables.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Show no progress.")]
Verbose = Annotated[bool, typer.Option("--verbose", "-v", help="Show each slice as it is committed.")]
