"""What a kind of export is."""

import re
from collections.abc import Iterable
from typing import NamedTuple


class Kind(NamedTuple):
    """A kind of export: it has, of `told_by`, all the names of one set at least, whatever other names it has.

    Names stand there in small letters and digits alone, since tools and languages write them with other signs.
    """

    name: str
    told_by: tuple[frozenset[str], ...]

    def fits(self, names: Iterable[str]) -> bool:
        """Whether columns or members of these names are those of such an export."""
        plain = {re.sub(r"[^a-z0-9]", "", name.lower()) for name in names}
        return any(one <= plain for one in self.told_by)
