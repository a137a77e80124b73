"""Whatever the scheduler, it starts the one command that keeps an engagement collecting, and no secret is in it."""

import re
from pathlib import Path, PureWindowsPath

import pytest
import typer

from collector.cli.app import app
from tests.schedulers.files import COMMANDS, FOLDER, ROOT, TIMER

WATCH = ["watch", "FILE", "--every", "15m", "--for", "1d", "--quiet"]


def parse(words: list[str]) -> dict:
    """Read a command line as the program does, and do nothing."""
    name, *rest = words
    with typer.Context(typer.main.get_command(app)) as context:
        return context.command.get_command(context, name).make_context(name, rest).params


def test_every_file_is_checked() -> None:
    assert set(FOLDER.iterdir()) == {*COMMANDS, TIMER}


def test_the_commands_that_install_them_name_each_file_and_no_other() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    named = set(re.findall(r"config[/\\]schedulers[/\\]([\w@.*-]+)", readme))
    assert {path.name for pattern in named for path in FOLDER.glob(pattern)} == {path.name for path in FOLDER.iterdir()}
    assert all(any(FOLDER.glob(pattern)) for pattern in named)


@pytest.mark.parametrize("scheduler", COMMANDS, ids=lambda path: path.name)
def test_it_starts_the_watch_of_one_file_with_nothing_else_on_the_command_line(scheduler: Path) -> None:
    program, command, file, *options = COMMANDS[scheduler]()
    assert PureWindowsPath(program).stem == "collector"
    assert PureWindowsPath(file).suffix == ".yaml"
    assert [command, "FILE", *options] == WATCH


def test_the_program_understands_the_command() -> None:
    assert parse(WATCH)["file"] == Path("FILE")


def test_the_program_refuses_an_option_that_it_does_not_have() -> None:
    with pytest.raises(Exception, match="--evry"):
        parse([word.replace("every", "evry") for word in WATCH])
