"""Whether a run's evidence is what its journal says, without deriving every hash again for each question.

Invariant: a run counts as verified only while every file in it has the length, the times and the place on the disk
that it had when `verify` found no problem; anything else is verified again. A file changed behind the back of the
file system is found by `collector verify`, which believes nothing.
"""

import hashlib
import os
from pathlib import Path

from collector.evidence import Store, disk_errors, verify

_STAMP = "verified.sha256"


def problems(run: Path, folder: Path) -> tuple[str, ...]:
    """Return what is wrong with a run; `folder` is where its tables are, held by the caller. Raises DiskError."""
    stamp = _stamp(run)
    noted = folder / _STAMP
    if noted.is_file() and noted.read_bytes() == stamp:
        return ()
    found = verify(run).problems
    if not found:
        Store().write_whole(noted, stamp)
    return found


def _stamp(run: Path) -> bytes:
    """Digest what the file system says of each file of a run."""
    told = hashlib.sha256(os.fsencode(run.resolve()))
    with disk_errors(run):
        for above, folders, files in os.walk(run):
            folders[:] = sorted(set(folders) - {"staging"})  # what comes and goes there is no evidence
            for name in sorted(files):
                path = Path(above, name)
                found = path.lstat()
                facts = (found.st_mode, found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_ino)
                told.update(os.fsencode(path.relative_to(run)) + repr(facts).encode())
    return told.hexdigest().encode()
