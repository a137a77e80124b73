"""An unreliable disk that also fails from a given operation on, until it is mended, and says what is durable by now."""

from collections.abc import Iterator
from pathlib import Path

from collector.evidence.store import DiskFile
from tests.evidence.unreliable import Node, PowerCut, UnreliableDisk, UnreliableFile


class FaultyDisk(UnreliableDisk):
    """Every operation from `fails_after` on raises OSError with `fault`; a write that fails has written half.

    With `cut_at_commit` the power goes when the next line of the journal is written and not yet synced.
    """

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.fails_after: int | None = None
        self.fault = 0
        self.cut_at_commit = False

    @property
    def armed(self) -> bool:
        return self.cut_at_commit or self.cut_after is not None or self.fails_after is not None

    def tick(self) -> None:
        super().tick()
        if self.fails_after is not None and self.operations > self.fails_after:
            raise OSError(self.fault, "made to fail")

    def create(self, path: Path) -> DiskFile:
        super().create(path)
        return FaultyFile(self, path, self._files[-1])

    def extend(self, path: Path) -> DiskFile:
        super().extend(path)
        return FaultyFile(self, path, self._files[-1])

    def durable(self, path: Path) -> bytes | None:
        """Return what the file would hold if the power went now and all was lost that can be; None without a file."""
        node: Node | None = self._top
        for name in path.relative_to(self.root).parts:
            node = node.durable_names.get(name) if node else None
        return node.durable if node else None

    def durable_below(self, folder: Path) -> dict[str, bytes | None]:
        """Return all that would be there then below a folder, by its path: a file's contents, None for a folder."""
        node = self._top
        for name in folder.relative_to(self.root).parts:
            node = node.durable_names[name]
        return dict(_below(node))


def _below(node: Node, above: str = "") -> Iterator[tuple[str, bytes | None]]:
    for name, found in node.durable_names.items():
        yield f"{above}{name}", None if found.is_folder else found.durable
        yield from _below(found, f"{above}{name}/")


class FaultyFile(UnreliableFile):
    def __init__(self, disk: FaultyDisk, path: Path, real: DiskFile) -> None:
        super().__init__(disk, disk._node(path), real)
        self._cuts = lambda: disk.cut_at_commit and path.name == "journal.jsonl"
        self._written = False

    def write(self, data: bytes) -> int:
        self._written = True
        try:
            return super().write(data)
        except OSError:
            half = data[: len(data) // 2]
            self._node.seen += half
            self._real.write(half)
            raise

    def sync(self) -> None:
        if self._written and self._cuts():
            raise PowerCut
        super().sync()
        self._written = False
