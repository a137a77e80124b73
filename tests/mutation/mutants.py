"""Mutants of the modules that `[tool.mutmut]` names, and what became of them.

mutmut changes functions inside a process that runs, and passes over those with a decorator. The mutants of properties
are therefore played here, by mutmut's own operators: each as a copy of the project, in which the module's tests run.
"""

import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from difflib import ndiff
from pathlib import Path
from typing import NamedTuple

import libcst
from libcst.metadata import MetadataWrapper
from mutmut.configuration import config
from mutmut.mutation.data import SourceFileMutationData
from mutmut.mutation.diff_apply import get_diff_for_mutant
from mutmut.mutation.file_mutation import MutationVisitor
from mutmut.mutation.mutators import mutation_operators
from mutmut.mutation.pragma_handling import IgnoredCode
from mutmut.stats import status_by_exit_code
from mutmut.utils.file_utils import walk_mutatable_files

KILLED = ("killed", "timeout")
CAUGHT = (1, 2)
"""What pytest ends with when a test failed, or could not even be imported."""

PROCESSES = 2
LONGEST = 120
"""Seconds that a module's tests may take before a mutant counts as caught in a loop."""


class Mutant(NamedTuple):
    """A change of a module: the lines that it took out and put in, without their indentation."""

    module: str
    was: str
    becomes: str
    killed: bool

    @property
    def change(self) -> tuple[str, str, str]:
        """What survivors.toml knows it by."""
        return self.module, self.was, self.becomes


def played_by_mutmut() -> Iterator[Mutant]:
    """Read what `mutmut run` left behind."""
    for path in walk_mutatable_files():
        data = SourceFileMutationData(path=path)
        data.load()
        for name, code in data.exit_code_by_key.items():
            diff = get_diff_for_mutant(name, path=path).splitlines()[2:]
            yield Mutant(str(path), *_changed(diff, ""), killed=status_by_exit_code[code] in KILLED)


def of_properties() -> Iterator[Mutant]:
    """Play the mutants of properties; every one but its own is as it stands in the project."""
    cases = [(path, source) for path in walk_mutatable_files() for source in _sources(path)]
    with ThreadPoolExecutor(PROCESSES) as pool:
        yield from pool.map(lambda case: _play(*case), cases)


class _Properties(MutationVisitor):
    def _skip_node_and_children(self, node: libcst.CSTNode) -> bool:
        if isinstance(node, libcst.FunctionDef):
            return not node.decorators
        return super()._skip_node_and_children(node)

    def _should_mutate_node(self, node: libcst.CSTNode) -> bool:
        outer = self.get_metadata(self.METADATA_DEPENDENCIES[1], node, None)
        return isinstance(outer, libcst.FunctionDef) and node is not outer


def _sources(path: Path) -> Iterator[str]:
    wrapper = MetadataWrapper(libcst.parse_module(path.read_text()))
    visitor = _Properties(mutation_operators, IgnoredCode(set(), set(), set()))
    wrapper.visit(visitor)
    for mutation in visitor.mutations:
        yield wrapper.module.deep_replace(mutation.original_node, mutation.mutated_node).code


def _play(path: Path, source: str) -> Mutant:
    with tempfile.TemporaryDirectory() as name:
        for folder in ("collector", "tests"):
            shutil.copytree(folder, Path(name, folder), ignore=shutil.ignore_patterns("__pycache__"))
        shutil.copy("pyproject.toml", name)
        Path(name, path).write_text(source)
        options = [*config().pytest_add_cli_args, *_tests_of(path)]
        command = [sys.executable, "-m", "pytest", "-x", "-q", *options]
        try:
            code = subprocess.run(command, cwd=name, capture_output=True, timeout=LONGEST, check=False).returncode
        except subprocess.TimeoutExpired:
            code = CAUGHT[0]
    diff = ndiff(path.read_text().splitlines(), source.splitlines())
    return Mutant(str(path), *_changed(diff, " "), killed=code in CAUGHT)


def _tests_of(path: Path) -> list[str]:
    """Return the files of the tests that mutmut saw to reach the module."""
    reached = json.loads(Path("mutants/mutmut-stats.json").read_text())["tests_by_mangled_function_name"]
    module = ".".join(path.with_suffix("").parts)
    tests = [test for name, tests in reached.items() if name.rpartition(".")[0] == module for test in tests]
    return sorted({test.partition("::")[0] for test in tests})


def _changed(diff: Iterable[str], gap: str) -> tuple[str, str]:
    lines = list(diff)
    return tuple(
        "\n".join(line[1:].removeprefix(gap).strip() for line in lines if line.startswith(sign + gap))
        for sign in ("-", "+")
    )
