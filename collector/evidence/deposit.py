"""Files on their way into data/: written and made durable under staging/, then given their final name.

Invariants: I6, a name in data/ is given once; what this module returns is durable under its final name (I1).
"""

import hashlib
from collections.abc import Iterable
from contextlib import closing
from itertools import count
from pathlib import Path, PurePosixPath

from collector.evidence.chunks import SUFFIXES, ChunkFile
from collector.evidence.journal import Opened
from collector.evidence.layout import STAGING
from collector.evidence.staging import Stretch
from collector.evidence.store import Store
from collector.model import Chunk, RequestLines


class Deposit:
    """Gives out the names in staging/ and data/ of one run; `taken` are the files that stand in data/ already."""

    def __init__(self, run: Path, opened: Opened, taken: Iterable[Chunk], store: Store) -> None:
        self._run = run
        self._opened = opened
        self._store = store
        self._staged = count(1)
        self._made: set[str] = set()
        self._last: dict[str, int] = {}
        for chunk in taken:
            path = PurePosixPath(chunk.path)
            number = path.name.partition(".")[0]
            if number.isdecimal():
                folder = path.parent.as_posix()
                self._last[folder] = max(self._last.get(folder, 0), int(number))

    def staging_path(self) -> Path:
        """Return an unused path in staging/."""
        return self._run / STAGING / f"{next(self._staged):06}"

    def rows(
        self, folder: str, pieces: Iterable[Iterable[Stretch]]
    ) -> tuple[tuple[Chunk, ...], tuple[RequestLines, ...]]:
        """Write each piece as a chunk in a folder of data/; return the chunks, and who gave which lines."""
        chunks: list[Chunk] = []
        requests: list[RequestLines] = []
        for piece in pieces:
            with closing(self._begin(folder)) as file:
                for stretch in piece:
                    file.add(stretch)
                chunks.append(file.finish())
            requests += file.requests
            self._publish(file.staged, file.path)
        return tuple(chunks), tuple(requests)

    def body(self, folder: str, data: bytes) -> Chunk:
        """Write an answer that no reader could take apart, whole, into a folder of data/."""
        return self.file(self._number(folder, ".body"), [data])

    def file(self, path: str, blocks: Iterable[bytes]) -> Chunk:
        """Write a file of data/ that holds no records, hashed as it is written."""
        staged = self.staging_path()
        running, length = hashlib.sha256(), 0
        with closing(self._store.create(staged)) as output:
            for block in blocks:
                running.update(block)
                length += output.write(block)
            output.sync()
        self._publish(staged, path)
        return Chunk(path, running.hexdigest(), length, 0)

    def _begin(self, folder: str) -> ChunkFile:
        staged = self.staging_path()
        path = self._number(folder, SUFFIXES[self._opened.compression])
        return ChunkFile(staged, path, self._store.create(staged), self._opened.compression)

    def _number(self, folder: str, suffix: str) -> str:
        self._last[folder] = self._last.get(folder, 0) + 1
        return f"{folder}/{self._last[folder]:06}{suffix}"

    def _publish(self, staged: Path, path: str) -> None:
        folder = path.rpartition("/")[0]
        if folder not in self._made:
            self._store.make_folder(self._run / folder, within=self._run)
            self._made.add(folder)
        self._store.publish(staged, self._run / path)
