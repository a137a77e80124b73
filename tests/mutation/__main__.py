"""Judges what `mutmut run` left behind: nine of ten mutants of each module are killed, each survivor is argued."""

import sys
import tomllib
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from tests.mutation.mutants import Mutant, of_properties, played_by_mutmut

SURVIVORS = Path(__file__).with_name("survivors.toml")
LEAST = 0.9

Change = tuple[str, str, str]


def main() -> int:
    """Print the table and what is wrong; return the exit code."""
    mutants = [*played_by_mutmut(), *of_properties()]
    entries = tomllib.loads(SURVIVORS.read_text())["survivor"]
    argued = {(one["module"], one["was"], one["becomes"]) for one in entries if one["why"]}
    wrong = [*few_killed(mutants), *not_as_argued(mutants, argued)]
    sys.stdout.write("\n".join([*table(mutants), *wrong, ""]))
    return 1 if wrong else 0


def table(mutants: Sequence[Mutant]) -> Iterator[str]:
    """Count the mutants of each module."""
    yield f"{'module':32}{'mutants':>9}{'killed':>9}{'survived':>9}"
    total, killed = _by_module(mutants)
    for module, number in sorted(total.items()):
        yield f"{module:32}{number:>9}{killed[module] / number:>9.1%}{number - killed[module]:>9}"


def few_killed(mutants: Sequence[Mutant]) -> Iterator[str]:
    """Name the modules of which too few mutants are killed."""
    total, killed = _by_module(mutants)
    for module, number in total.items():
        if killed[module] < LEAST * number:
            yield f"{module}: fewer than {LEAST:.0%} of the mutants are killed"


def not_as_argued(mutants: Sequence[Mutant], argued: set[Change]) -> Iterator[str]:
    """Name the survivors that nobody argued, and what is argued and did not survive."""
    survived = {mutant.change for mutant in mutants if not mutant.killed}
    for verdict, changes in (("survived", survived - argued), ("argued, but killed", argued - survived)):
        for module, was, becomes in sorted(changes):
            yield f"{verdict}: {module}\n    was     {was}\n    becomes {becomes}"


def _by_module(mutants: Sequence[Mutant]) -> tuple[Counter[str], Counter[str]]:
    return Counter(one.module for one in mutants), Counter(one.module for one in mutants if one.killed)


if __name__ == "__main__":
    sys.exit(main())
