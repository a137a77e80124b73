"""What stands in a run already, so that a record stands in it once (design 1.3).

Invariant: a row is left out only if one with its identity and its content stands in the run for the same source.
A row with an empty identity has no twin and is always kept.
"""

from collections.abc import Iterable

from collector.evidence.staging import StagedRow


class Twins:
    """The identities that stand in a run, by source, each with the contents that stand under it; in memory."""

    def __init__(self) -> None:
        self._sources: dict[str, dict[bytes, tuple[bytes, ...]]] = {}

    def add(self, source: str, identity: bytes, content: bytes) -> None:
        """Note that a record stands in the run."""
        if identity:
            standing = self._sources.setdefault(source, {})
            standing[identity] = (*standing.get(identity, ()), content)

    def sift(self, source: str, rows: Iterable[StagedRow]) -> tuple[list[StagedRow], int]:
        """Return the rows without a twin in the run, and how many are variants of a record there or among them."""
        standing = self._sources.get(source, {})
        kept: list[StagedRow] = []
        seen: set[bytes] = set()
        variants = 0
        for row in rows:
            contents = standing.get(row.identity, ())
            if row.content in contents:
                continue
            kept.append(row)
            variants += bool(row.identity) and (bool(contents) or row.identity in seen)
            seen.add(row.identity)
        return kept, variants
