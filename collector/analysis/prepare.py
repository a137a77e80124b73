"""From runs to their tables: evidence that can be trusted, or nothing.

Invariants: a run that is not what its journal says is refused, unless the operator asks for it all the same, and then
what is wrong with it is said; of a run that is given twice one counts.
"""

from collections.abc import Iterable, Iterator, Sequence, Set
from pathlib import Path
from typing import NamedTuple

from collector.analysis import trust
from collector.analysis.limits import Limit
from collector.analysis.rows import TABLES
from collector.analysis.tables import Tables, Tell, tables_folder, up_to_date, working_in
from collector.errors import IntegrityError
from collector.evidence import links, read


class Prepared(NamedTuple):
    """The tables of some runs, and what is wrong with the evidence that they were made from."""

    tables: tuple[Tables, ...]
    problems: tuple[Limit, ...]


def prepare(
    runs: Sequence[Path], *, elsewhere: Path | None, unverified: bool, tell: Tell, needed: Set[str] = TABLES.keys()
) -> Prepared:
    """Verify runs, where that was not done already, and bring their tables up to date.

    Raises IntegrityError for evidence that fails verification, DiskError. `elsewhere` is where tables are kept if not
    beside each run, `needed` are the tables that can then be read.
    """
    runs = tuple({run.resolve(): run for run in runs}.values())
    chain = links(runs)
    tables, problems = [], list[Limit]()
    for run in runs:
        folder = tables_folder(run, elsewhere)
        with working_in(folder):
            wrong = (*trust.problems(run, folder), *(chain[run].problems if run in chain else ()))
            if wrong and not unverified:
                raise IntegrityError(
                    f"{run} fails verification: {_listed(wrong)}",
                    remedy="`collector verify` names all that is wrong; --unverified answers from it all the same",
                )
            problems += _unverified(run, wrong)
            tables.append(up_to_date(read(run), folder, tell, needed=needed, intact=not wrong))
    return Prepared(tuple(tables), tuple(problems))


def _listed(wrong: Sequence[str]) -> str:
    more = f", and {len(wrong) - 1} more" if len(wrong) > 1 else ""
    return f"{wrong[0]}{more}"


def _unverified(run: Path, wrong: Iterable[str]) -> Iterator[Limit]:
    for problem in wrong:
        yield Limit("unverified", f"the evidence fails verification: {problem}", run=str(run))
