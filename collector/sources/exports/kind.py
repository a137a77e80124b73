"""What a kind of export is."""

import re
from collections.abc import Iterable
from typing import NamedTuple


class Kind(NamedTuple):
    """A kind of export: it has, of `told_by`, all the names of one set at least, whatever other names it has.

    `times` are the columns whose times can stand as the maker's country writes them. Names stand here as `plain` has
    them, since tools and languages write them with other signs.
    """

    name: str
    told_by: tuple[frozenset[str], ...]
    times: frozenset[str] = frozenset()

    def fits(self, names: Iterable[str]) -> bool:
        """Whether columns or members of these names are those of such an export."""
        found = {plain(name) for name in names}
        return any(one <= found for one in self.told_by)


def plain(name: str) -> str:
    """Return a name in small letters and digits alone."""
    return re.sub(r"[^a-z0-9]", "", name.lower())
