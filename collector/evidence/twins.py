"""What stands in a run already, so that a record stands in it once (design 1.3).

Invariant: a row is left out only if one with its identity and its content stands in the run for the same source.
A row with an empty identity has no twin and is always kept.
"""

from collections.abc import Iterable

from collector.evidence.staging import StagedRow


class Twins:
    """The identities that stand in a run, by source, each with the contents that stand under it; in memory.

    Nearly every identity has one content, so the first is held apart from the others.
    """

    def __init__(self) -> None:
        self._first: dict[str, dict[bytes, bytes]] = {}
        self._others: dict[str, set[tuple[bytes, bytes]]] = {}

    def stand(self, source: str, records: Iterable[tuple[bytes, bytes]]) -> None:
        """Note that records, each its identity and content, stand in the run."""
        first = self._first.setdefault(source, {})
        others = self._others.setdefault(source, set())
        for identity, content in records:
            if identity and first.setdefault(identity, content) != content:
                others.add((identity, content))

    def sift(self, source: str, rows: Iterable[StagedRow]) -> tuple[list[StagedRow], int]:
        """Return the rows without a twin in the run, and how many are variants of a record there or among them."""
        first, others = self._first.get(source, {}), self._others.get(source, set())
        kept: list[StagedRow] = []
        seen: set[bytes] = set()
        variants = 0
        for row in rows:
            standing = first.get(row.identity)
            if standing == row.content or (standing is not None and (row.identity, row.content) in others):
                continue
            kept.append(row)
            variants += bool(row.identity) and (standing is not None or row.identity in seen)
            seen.add(row.identity)
        return kept, variants
