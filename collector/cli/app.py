"""The commands, each a short story told by the rooms below."""

from pathlib import Path
from typing import Annotated

import typer

from collector import __version__
from collector.analysis import questions
from collector.cli import given, screen
from collector.cli.options import (
    AnswerFormat,
    Engagement,
    ExportFormat,
    Folder,
    Json,
    Many,
    Method,
    Output,
    Quiet,
    Sql,
    Tables,
    Unverified,
    Verbose,
    Words,
)
from collector.config import template
from collector.errors import ExitCode, UsageError


def _end(code: int | None, **_: object) -> None:
    """Leave with what a command returned."""
    raise typer.Exit(code or ExitCode.COMPLETE)


app = typer.Typer(
    name="collector",
    result_callback=_end,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Secures a Microsoft 365 tenant's mailbox audit records and message traces as evidence that anyone can check.",
)


def _version(asked: bool) -> None:
    if asked:
        typer.echo(f"collector {__version__}")
        raise typer.Exit


@app.callback()
def collector(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """Hold the options that stand before any command."""


@app.command()
def demo(
    folder: Annotated[Path, typer.Option(help="Where the demonstration's files go.")] = Path("demo"),
    records: Annotated[int, typer.Option(min=100, help="Audit records in the made-up tenant.")] = 6000,
    traces: Annotated[int, typer.Option(min=1, help="Message traces in the made-up tenant.")] = 4000,
    seed: Annotated[int, typer.Option(help="Another number makes another tenant.")] = 1,
    quiet: Quiet = False,
) -> int:
    """Collect from a simulated tenant on this machine, verify the evidence and show what was found."""
    from collector.cli import demonstration  # noqa: PLC0415 - the simulated tenant loads for nobody else

    return demonstration.demonstrate(folder, records=records, traces=traces, seed=seed, quiet=quiet)


@app.command()
def init(
    file: Annotated[Path, typer.Argument(help="The file to write.", metavar="[FILE]")] = Path("engagement.yaml"),
    method: Annotated[Method, typer.Option(help="How the engagement signs in.")] = "certificate",
) -> None:
    """Write a commented engagement file, and print the least permissions to grant."""
    try:
        with file.open("x", encoding="utf-8", newline="\n") as output:
            output.write(template.render(method))
    except FileExistsError:
        raise UsageError(f"{file} exists already", remedy="name another file; nothing is written over") from None
    except OSError as error:
        raise UsageError(f"{file} cannot be written: {error.strerror}", remedy="name a file that can be") from None
    screen.line(f"wrote {file}\n")
    screen.line(template.permissions())


@app.command()
def plan(
    file: Engagement,
    powershell: Annotated[
        bool, typer.Option("--powershell", help="Print the same questions as a script of Exchange Online PowerShell.")
    ] = False,
    json: Json = False,
) -> None:
    """Show what would be asked: sources, slices, requests, and the time that the quotas make it take.

    Where only the tenant's own administrators may ask, hand them the script: collector plan case.yaml --powershell >
    ask.ps1
    """
    from collector.cli import work  # noqa: PLC0415 - signing in and the network load for nobody else

    if powershell and json:
        raise UsageError("--powershell and --json exclude each other", remedy="ask for one of the two")
    if powershell:
        work.print_script(file)
    else:
        work.look_ahead(file, as_json=json)


@app.command()
def run(  # noqa: PLR0917 - typer reads the options from the signature
    file: Engagement,
    new: Annotated[bool, typer.Option("--new", help="Start another run even if one is open.")] = False,
    gaps_of: Annotated[
        Path | None, typer.Option("--gaps-of", metavar="RUN", help="Ask only for a run's gaps and unsettled tail.")
    ] = None,
    json: Json = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> int:
    """Collect what the engagement file asks for; takes up an open run of the same plan."""
    from collector.cli import show, work  # noqa: PLC0415 - signing in and the network load for nobody else

    return work.collect(file, new=new, gaps_of=gaps_of, detail=show.Detail(as_json=json, quiet=quiet, verbose=verbose))


@app.command()
def watch(  # noqa: PLR0917 - typer reads the options from the signature
    file: Engagement,
    every: Annotated[str, typer.Option("--every", metavar="SPAN", help="From one cycle's start to the next.")] = "15m",
    lasts: Annotated[
        str | None, typer.Option("--for", metavar="SPAN", help="End after this long; without it, go on until stopped.")
    ] = None,
    seal_every: Annotated[
        str, typer.Option("--seal-every", metavar="SPAN", help="Seal the run, and begin the next, this often.")
    ] = "1d",
    new: Annotated[bool, typer.Option("--new", help="Close the open run as it stands, and begin another.")] = False,
    json: Json = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> int:
    """Collect again and again: each cycle asks for what has passed, and looks back for what came late.

    One sealed run a day, each chained to the last; a cycle that fails is made good by the next. Example:
    collector watch case.yaml --every 15m --for 12h
    """
    from collector.cli import show, work  # noqa: PLC0415 - signing in and the network load for nobody else

    rhythm = work.rhythm(every, lasts, seal_every)
    return work.watch(file, rhythm, new=new, detail=show.Detail(as_json=json, quiet=quiet, verbose=verbose))


@app.command()
def cmdlet(  # noqa: PLR0917 - typer reads the options from the signature
    file: Engagement,
    name: Annotated[str, typer.Argument(metavar="NAME", help="A cmdlet that only reads.", show_default=False)],
    parameter: Annotated[
        Many,
        typer.Option("--parameter", "-p", metavar="KEY=VALUE", help="JSON, or else text; given twice, a list."),
    ] = None,
    json: Json = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> int:
    """Ask one reading cmdlet of Exchange Online, into a run of its own; anything else is refused.

    Examples: collector cmdlet case.yaml Get-InboxRule -p Mailbox=adele@contoso.com -p IncludeHidden=true;
    collector cmdlet case.yaml Get-Recipient -p ResultSize=Unlimited
    """
    from collector.cli import show, work  # noqa: PLC0415 - signing in and the network load for nobody else

    detail = show.Detail(as_json=json, quiet=quiet, verbose=verbose)
    return work.ask_cmdlet(file, name, given.parameters(parameter or ()), detail=detail)


@app.command(name="import")
def import_(  # noqa: PLR0917 - typer reads the options from the signature
    folder: Annotated[Path, typer.Argument(help="The engagement's folder.", metavar="FOLDER", show_default=False)],
    files: Annotated[list[Path], typer.Argument(help="What was exported.", metavar="FILE...", show_default=False)],
    kind: Annotated[
        str | None, typer.Option("--as", metavar="KIND", help="What the files are, if not told from their content.")
    ] = None,
    json: Json = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> int:
    """Bring files that others exported into a run of their own, byte for byte, beside what was read from them.

    Kinds: purview-audit-log, unified-audit-log, purview-audit-query, audit-records, office-activity, message-trace,
    historical-search-trace, historical-search-detail, entra-sign-ins, plan-script; plain, gzip or several in a zip.
    Example: collector import evidence/contoso-2026-11 UAL-Combined.csv NonInteractiveSignIns_2026-11-01.csv
    """
    from collector.cli import importing, show  # noqa: PLC0415 - the readers load for nobody else

    detail = show.Detail(as_json=json, quiet=quiet, verbose=verbose)
    return importing.bring_in(folder, files, kind, detail=detail)


@app.command()
def status(
    folder: Folder,
    reconcile: Annotated[
        bool,
        typer.Option("--reconcile", help="Compare the roads that audit records came by, two by two, by record Id."),
    ] = False,
    json: Json = False,
) -> int:
    """Show what was asked, what came, what was empty and what is missing, per source and slice."""
    from collector.cli import work  # noqa: PLC0415 - signing in and the network load for nobody else

    return work.reconcile_all(folder, as_json=json) if reconcile else work.status_all(folder, as_json=json)


@app.command(epilog=questions.help_text())
def investigate(  # noqa: PLR0917 - typer reads the options from the signature
    words: Words,
    mailbox: Annotated[
        Many, typer.Option(metavar="NAME", help="The mailbox: any name it bore, or its MailboxGuid.")
    ] = None,
    user: Annotated[Many, typer.Option(metavar="NAME", help="Who opened it (UserId): owner, delegate or app.")] = None,
    ip: Annotated[Many, typer.Option(metavar="CIDR", help="An address or network it was opened from.")] = None,
    session: Annotated[
        Many, typer.Option(metavar="ID", help="A SessionId, or AADSessionId where there was none.")
    ] = None,
    app_: Annotated[Many, typer.Option("--app", metavar="ID", help="An AppId, or the ClientAppId behind it.")] = None,
    message_id: Annotated[
        Many, typer.Option(metavar="ID", help="An InternetMessageId, with or without brackets.")
    ] = None,
    since: Annotated[str | None, typer.Option(metavar="TIME", help="From then on; UTC, 2026-11-01T00:00:00Z.")] = None,
    until: Annotated[str | None, typer.Option(metavar="TIME", help="Before then.")] = None,
    source: Annotated[
        Many, typer.Option(metavar="NAME", help="Records of this source only, such as unified-audit-log.")
    ] = None,
    sql: Sql = None,
    format_: Annotated[AnswerFormat | None, typer.Option("--format", help="If not that of --output's ending.")] = None,
    output: Output = None,
    tables: Tables = None,
    unverified: Unverified = False,
) -> None:
    """Answer a question from evidence alone, offline.

    An option may be given more than once: values of one are joined with or, different options with and.

    A Bind is the access to a single message. A Sync is a folder copied to a desktop client: it names no message, and
    all that lay in the folder must be taken as copied. After throttling, a mailbox is blind for 24 hours.
    """
    from collector.cli import investigating  # noqa: PLC0415 - the database loads for nobody else

    names = {"mailbox": mailbox, "user": user, "session": session, "app": app_, "message_id": message_id}
    investigating.heard(
        investigating.investigate,
        words,
        sql=sql,
        filters=investigating.read_filters(since, until, ip, source=source, **names),
        format_=format_,
        output=output,
        elsewhere=tables,
        unverified=unverified,
    )


@app.command()
def export(
    folders: Annotated[
        list[Path], typer.Argument(metavar="FOLDER...", help="Runs, or folders above runs.", show_default=False)
    ],
    format_: Annotated[ExportFormat, typer.Option("--format", help="Timesketch's is one file of events.")] = "parquet",
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="FOLDER", help="A folder that does not exist yet.")
    ] = Path("export"),
    tables: Tables = None,
    unverified: Unverified = False,
) -> None:
    """Write all tables for other tools: records, items, addresses, apps, traces, raw texts, lines not read.

    Each record Id stands once, with the run, file and line that it came from. Example:
    collector export evidence/ --format timesketch --output timeline
    """
    from collector.cli import investigating  # noqa: PLC0415 - the database loads for nobody else

    investigating.heard(investigating.export, folders, format_, output, elsewhere=tables, unverified=unverified)


@app.command()
def verify(folder: Folder, json: Json = False) -> int:
    """Derive every hash again from the bytes, walk the chain, and compare; trusts nothing it wrote."""
    from collector.cli import work  # noqa: PLC0415 - signing in and the network load for nobody else

    return work.verify_all(folder, as_json=json)
