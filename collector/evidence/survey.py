"""What a folder holds, before any of it is believed.

Invariant: only regular files that the walk itself found, not through a link, are ever opened, whatever path a journal
or manifest names; so nothing outside the folder is read.
"""

import os
import stat
from collections.abc import Iterator
from pathlib import Path

from collector.errors import IntegrityError
from collector.evidence.lines import LONGEST_LINE, digest, read_blocks
from collector.evidence.store import disk_errors


class Survey:
    """The regular files below a folder, by path with forward slashes, and what else is there."""

    def __init__(self, run: Path) -> None:
        self.run = run
        self.files: dict[str, int] = {}
        self.problems: list[str] = []
        self._digests: dict[str, tuple[str, int]] = {}
        with disk_errors(run):
            self._walk()

    def digest(self, path: str) -> tuple[str, int]:
        """Return the SHA-256 (hex) and bytes of a file, from its bytes; IntegrityError where the walk found none."""
        if path not in self.files:
            raise IntegrityError(f"{path!r} is missing")
        if path not in self._digests:
            self._digests[path] = digest(self.run / path)
        return self._digests[path]

    def read(self, path: str) -> bytes:
        """Return what a small file holds; raises IntegrityError where there is none or it is not small."""
        if self.files.get(path, LONGEST_LINE) >= LONGEST_LINE:
            raise IntegrityError(f"{path!r} is missing, or too large to be what it is called")
        return b"".join(read_blocks(self.run / path))

    def below(self, *folders: str) -> Iterator[str]:
        """Yield the files in any of some folders of the run."""
        return (path for path in self.files if path.partition("/")[0] in folders)

    def _walk(self) -> None:
        pending = [self.run]
        while pending:
            with os.scandir(pending.pop()) as entries:
                for entry in entries:
                    if entry.is_dir(follow_symlinks=False):
                        pending.append(Path(entry.path))
                    else:
                        self._note(entry)

    def _note(self, entry: os.DirEntry[str]) -> None:
        path = Path(entry.path).relative_to(self.run).as_posix()
        found = entry.stat(follow_symlinks=False)
        if stat.S_ISREG(found.st_mode):
            self.files[path] = found.st_size
        else:
            self.problems.append(f"{path!r} is not a regular file")
