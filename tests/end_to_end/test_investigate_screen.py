"""Answers for people: aligned, within the terminal, with what is left out named, and no text of a tenant's obeyed."""

import fcntl
import os
import pty
import re
import struct
import subprocess
import sys
import termios
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from rich.cells import cell_len

from tests.analysis.damaged import DAY, bind, row_of_bind, small
from tests.analysis.feeds import Piece, audit_log, collect, row
from tests.end_to_end.stage import TIMEOUT, collector, environment

ESCAPE = "\x1b"
COLOUR = re.compile(r"\x1b\[[0-9;]*m")
HOSTILE = "\x1b[2J\x1b]0;owned\x07[red]\u202e\u0085x"
WIDE = "受信トレイ件名電子メール監査記録" * 6


class Shown(NamedTuple):
    """What a terminal got, and what was said beside it."""

    raw: str
    said: str

    @property
    def lines(self) -> list[str]:
        return [COLOUR.sub("", line).rstrip() for line in self.raw.replace("\r\n", "\n").splitlines()]


def on_terminal(*words: str | Path, cwd: Path, columns: int = 80, **more: str) -> Shown:
    """Run a question with a terminal of some columns as its standard output."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    command = [sys.executable, "-m", "collector", "investigate", *map(str, words)]
    with subprocess.Popen(
        command, cwd=cwd, env=environment(TERM="xterm-256color", **more), stdout=theirs, stderr=subprocess.PIPE
    ) as process:
        os.close(theirs)
        got = b"".join(_read_all(ours))
        assert process.stderr
        said = process.stderr.read().decode()
        assert process.wait(TIMEOUT) == 0, said
    os.close(ours)
    return Shown(got.decode(), said)


def _read_all(terminal: int) -> Iterator[bytes]:
    while True:
        try:
            block = os.read(terminal, 65536)
        except OSError:  # Linux says so when the other end is closed
            return
        if not block:
            return
        yield block


@pytest.fixture(scope="module")
def evidence(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Sixty Binds with everything that a record shows."""
    folder = tmp_path_factory.mktemp("evidence")
    told = {"ClientInfoString": "Client=OWA;Mozilla/5.0", "SessionId": "a77ac4e2-0001-4000-8000-000000000001"}
    rows = [row_of_bind(f"{n:08}-0000", n / 10, f"<{n:032}@mail.example>", LogonType=0, **told) for n in range(60)]
    collect(folder, audit_log(Piece(DAY, rows)))
    return folder


@pytest.mark.parametrize("columns", [40, 80, 132])
def test_a_table_fits_the_terminal_and_names_the_columns_left_out(evidence: Path, columns: int) -> None:
    shown = on_terminal("binds", evidence, cwd=evidence, columns=columns)
    title, names, *rows = shown.lines
    assert title == "Which single messages were opened?"
    table = [line for line in rows if line.startswith("2026-11")]
    assert len(table) == 50
    assert max(map(cell_len, [title, names, *table])) <= columns
    count, left_out = rows[50:]
    assert count == "60 rows, 50 of them shown: --format csv, json or parquet gives all"
    missing = left_out.removeprefix("columns that did not fit: ").partition(";")[0].split(", ")
    every = "time mailbox user internet_message_id folder client_ip client_info session_id logon_type size record_id"
    shown_or_named = names.split() + missing
    assert len(shown_or_named) == len(every.split())
    assert all(full.startswith(name.rstrip("…")) for full, name in zip(every.split(), shown_or_named, strict=True))


def test_an_address_or_an_id_is_never_shown_as_a_picture(tmp_path: Path) -> None:
    small(tmp_path, row_of_bind("a:b:c", 1, "<a:cat:b@x>", ClientIPAddress="2001:db8:a:100:b:1234::1"))
    done = collector("investigate", "binds", tmp_path, cwd=tmp_path)
    assert {"a:b:c", "<a:cat:b@x>", "2001:db8:a:100:b:1234::1"} <= set(done.out.split())


def test_no_time_is_cut_off(evidence: Path) -> None:
    lines = on_terminal("binds", evidence, cwd=evidence, columns=80).lines
    assert lines[2].startswith("2026-11-10T00:00:00Z ")


def test_columns_are_aligned(evidence: Path) -> None:
    _, names, *rows = on_terminal("binds", evidence, cwd=evidence, columns=200).lines
    at = names.index("mailbox")
    assert {row[at - 1 : at + 6] for row in rows[:50]} == {" adele@"}


def test_a_wide_terminal_shows_every_column_that_holds_something(evidence: Path) -> None:
    shown = on_terminal("binds", evidence, cwd=evidence, columns=400)
    assert not any(line.startswith("columns that did not fit") for line in shown.lines)
    assert "app_id" not in shown.lines[1]


def test_a_pipe_gets_values_whole(evidence: Path) -> None:
    done = collector("investigate", "binds", evidence, cwd=evidence)
    assert "a77ac4e2-0001-4000-8000-000000000001" in done.out
    assert f"<{59:032}@mail.example>" not in done.out, "the first fifty only"
    assert f"<{49:032}@mail.example>" in done.out
    assert ESCAPE not in done.out + done.err


def test_the_columns_of_the_environment_count(evidence: Path) -> None:
    shown = on_terminal("binds", evidence, cwd=evidence, columns=200, COLUMNS="60")
    assert max(map(cell_len, shown.lines[:52])) <= 60


def test_no_color_means_no_escape_codes(evidence: Path) -> None:
    assert ESCAPE not in on_terminal("binds", evidence, cwd=evidence, NO_COLOR="1").raw


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("hostile")
    odd = {"MailboxOwnerUPN": HOSTILE, "ClientInfoString": f"{HOSTILE}[/red][link=x]", "UserId": WIDE}
    folders = [{"Path": WIDE, "FolderItems": [{"InternetMessageId": f"<{WIDE}@x>"}]}]
    small(folder, row("r", 1, **bind(**odd, throttled="True", Folders=folders)))
    return folder


@pytest.mark.parametrize("question", ["binds", "contexts", "throttling"])
def test_hostile_text_is_shown_and_not_obeyed(hostile: Path, question: str) -> None:
    shown = on_terminal(question, hostile, cwd=hostile, columns=600)
    for text in (COLOUR.sub("", shown.raw), shown.said):
        assert ESCAPE not in text
        assert not set(text) & set("\x07\u202e\u0085")
    assert "[2J\ufffd]0;owned\ufffd[red]" in shown.raw


@pytest.mark.parametrize("columns", [60, 81])
def test_wide_text_is_cut_by_the_columns_it_takes(hostile: Path, columns: int) -> None:
    lines = on_terminal("binds", hostile, cwd=hostile, columns=columns).lines
    table = [line for line in lines if line.startswith("2026-11")]
    assert len(table) == 1
    assert cell_len(table[0]) <= columns


@pytest.fixture(scope="module")
def broken(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A mailbox whose name goes on in what looks like a line of ours."""
    folder = tmp_path_factory.mktemp("broken")
    name = "evil\nnot covered: nothing that is known of\r\n0 rows"
    small(folder, row("r", 1, **bind("<m@x>", throttled="True", MailboxOwnerUPN=name)))
    return folder


def test_a_line_break_in_a_name_makes_no_line_of_ours(broken: Path) -> None:
    done = collector("investigate", "binds", broken, cwd=broken)
    assert not any(line.startswith("not covered: nothing") for line in done.err.splitlines())


def test_a_line_break_in_a_name_makes_no_row(broken: Path) -> None:
    lines = on_terminal("binds", broken, cwd=broken).lines
    assert lines[2].startswith("2026-11")
    assert lines[3] == "1 row"
