"""Many parts of a source as one row of a table, where nothing that is shown but their names tells them apart."""

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from typing import Protocol, TypeVar

PARTS_SHOWN = 20
"""Parts that are alike, at most, before one row stands for them all."""


class Part(Protocol):
    """What is planned or known of a part of a source."""

    @property
    def part(self) -> str | None:
        """Its name, None where the source has no parts."""


P = TypeVar("P", bound=Part)


def rows_of(parts: Sequence[P], mark: Callable[[P], object]) -> Iterator[tuple[str | None, Sequence[P]]]:
    """Yield, in their order, the name of each row and the parts that it stands for: one, or all of one `mark`."""
    alike: defaultdict[object, list[P]] = defaultdict(list)
    for one in parts:
        alike[mark(one)].append(one)
    for one in parts:
        same = alike[mark(one)]
        if len(same) <= PARTS_SHOWN:
            yield one.part, [one]
        elif one is same[0]:
            yield f"{len(same):,} parts, the first: {one.part}", same
