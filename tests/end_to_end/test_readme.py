"""The README says what is: its commands and options exist, its exit codes are ours, its tree is that of a real run."""

import re
from pathlib import Path

import pytest

from collector.errors import PRECEDENCE
from collector.sources.exports import KINDS
from tests.end_to_end.conftest import Staging
from tests.end_to_end.stage import ROOT, collector

README = (ROOT / "README.md").read_text(encoding="utf-8")


def section(title: str) -> str:
    """The text below a heading, up to the next of its rank."""
    return README.partition(f"\n## {title}\n")[2].partition("\n## ")[0]


def test_the_commands_that_it_names_are_those_that_there_are(tmp_path: Path) -> None:
    there = set(re.findall(r"^│ (\w+)  ", collector("--help", cwd=tmp_path).out, re.MULTILINE))
    table = set(re.findall(r"^\| `collector (\w+)", section("The commands"), re.MULTILINE))
    assert table == there
    assert set(re.findall(r"`collector (\w+)", README)) <= there


@pytest.mark.parametrize("line", sorted(set(re.findall(r"`collector (\w+ [^`]*--[^`]*)`", README))))
def test_an_option_that_it_names_exists(line: str, tmp_path: Path) -> None:
    command, *words = line.split()
    told = collector(command, "--help", cwd=tmp_path).out
    assert all(word in told for word in words if word.startswith("--"))


def test_its_exit_codes_are_ours_in_the_order_of_precedence() -> None:
    codes = [int(code) for code in re.findall(r"^\| (\d+) \|", section("Exit codes"), re.MULTILINE)]
    assert codes == [int(code) for code in PRECEDENCE]


def test_the_kinds_of_export_that_it_and_the_help_name_are_those_that_there_are(tmp_path: Path) -> None:
    cells = re.findall(r"^\| (`[^|]+) \|", section("What others exported"), re.MULTILINE)
    kinds = {kind.name for kind in KINDS}
    assert set(re.findall(r"`([^`]+)`", " ".join(cells))) == kinds
    told = " ".join(collector("import", "--help", cwd=tmp_path).out.split())
    assert all(f"{kind}," in told or f"{kind};" in told for kind in kinds)


def test_its_make_targets_exist() -> None:
    there = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    assert (
        set(re.findall(r"\bmake ([a-z]+)`", README)) | set(re.findall(r"^\$ make (\w+)", README, re.MULTILINE)) <= there
    )


def test_its_rooms_are_those_that_there_are() -> None:
    tree = section("The rooms").partition("```\n")[2].partition("```")[0]
    named = set(re.findall(r"^  (\w+)/", tree, re.MULTILINE))
    assert named == {path.parent.name for path in (ROOT / "collector").glob("*/__init__.py")}


def test_the_tree_of_a_run_is_that_of_a_real_one(staged: Staging) -> None:
    stage = staged()
    assert stage.run().code == 0
    run = stage.run_folder
    tree = section("What a run looks like").partition("```\n")[2].partition("```")[0].splitlines()[1:]
    told: set[str] = set()
    for line in tree:
        names = re.split(r"\s{2,}(?=\S)", line.strip())
        folder = names[0].rpartition("/")[0]
        beside = (name for name in names[1:] if re.fullmatch(r"[\w.-]+\.\w+", name))
        told |= {names[0], *(f"{folder}/{name}".lstrip("/") for name in beside)}
    once = {name for name in told if "<" not in name and not name.endswith("/")}
    there = {path.relative_to(run).as_posix() for path in run.rglob("*") if path.is_file()}
    assert once <= there
    assert {name for name in there if not name.startswith("data/")} <= once


def test_the_commands_that_repeat_its_table_of_faults_name_tests_that_are_there() -> None:
    named = re.findall(r"`pytest ([^`]+)`", README)
    assert len(named) >= 8
    assert all((ROOT / name).exists() for name in named)


def test_its_five_steps_name_files_that_are_there() -> None:
    named = re.findall(r"\]\(([^)h][^)]*)\)", README)
    assert named
    assert all((ROOT / name).exists() for name in named)
