"""Files that others exported, brought into a run of their own: design 1.1, `import`.

Invariants: a file is kept byte for byte, and its rows are read from what was kept; nothing is written before all files
are known to be exports; a run that was cut off is taken up, file by file, and no row of it stands twice. What an export
covers is not known, whatever it holds, so that each is a gap.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from collector.clock import Clock
from collector.config import Evidence
from collector.errors import UsageError
from collector.evidence import Opening, RunFolder, Store, Stretch, cover, encode, find_runs, lock, read
from collector.evidence.layout import SEAL
from collector.evidence.lines import digest, read_blocks
from collector.model import IMPORT, Axis, Outcome, Plan, Slice, SourcePlan, Status
from collector.run import environment
from collector.run.engage import Result, exit_code_of
from collector.run.observe import Observer
from collector.sources import exports
from collector.sources.exports import Form, Row, Unread

FILES = "files"
"""The member of a plan's question that says of each part what file it is."""

NOT_KNOWN = "not-known"

_TOGETHER = 256
"""Rows that are written in one go."""
_NAMED = 100_000
"""Rows that cannot be read of which each is named; of more the number is told."""


class Seams(NamedTuple):
    """What an import reaches the world through."""

    clock: Clock
    store: Store
    observer: Observer


class Export(msgspec.Struct, frozen=True):
    """A file that is brought, as the plan has it: what it is, and its bytes' number and SHA-256 (hex)."""

    name: str
    kind: str
    encoding: str
    delimiter: str
    sha256: str
    bytes: int


def bring_in(folder: Path, files: Sequence[Path], seams: Seams, *, kind: str | None = None) -> Result:
    """Bring files into a run below an engagement's folder; takes up an open run of the same files.

    `kind` is what all of them are, told from their content without it. Raises UsageError for what is no such export and
    for a folder that is no engagement's; DiskError, LockedError, Interrupted.
    """
    folder = _engagement_folder(folder)
    brought = dict(_parts((file, _looked_at(file, kind, seams.clock)) for file in files))
    told = {part: msgspec.to_builtins(export) for part, (_, export) in brought.items()}
    source = SourcePlan(IMPORT, Axis.EVENT, None, tuple(brought), {FILES: told})
    with lock(folder), closing(_opened(folder, source, seams)) as run_folder:
        done = {commit.part for commit in run_folder.commits}
        seams.observer.planned(len(brought) - len(done))
        for part, (file, export) in brought.items():
            if part not in done:
                _Bringing(run_folder, part, export, seams).bring(file)
        return _sealed(run_folder)


def _engagement_folder(folder: Path) -> Path:
    """Return an engagement's folder, there or not; raises UsageError for one in a run, or above engagements'."""
    folder = folder.resolve()
    if any((above / SEAL).is_file() or (above / "custody").is_dir() for above in (folder, *folder.parents)):
        raise UsageError(f"{folder} lies in a run", remedy="name the folder above the runs of the engagement")
    runs = find_runs(folder) if folder.is_dir() else ()
    if any(run.parent != folder for run in runs):
        remedy = f"name the engagement's own, such as {runs[0].parent}"
        raise UsageError(f"{folder} is above the folders of engagements", remedy=remedy)
    return folder


def _looked_at(file: Path, kind: str | None, clock: Clock) -> Export:
    """Return what a file is; raises UsageError where it cannot be read or is no export."""
    if not file.is_file():
        raise UsageError(f"{file} is not a file", remedy="name a file that was exported")
    try:
        with file.open("rb"):
            pass
    except OSError as error:
        raise UsageError(f"{file} cannot be read: {error.strerror}", remedy="let this account read it") from None
    try:
        form = exports.told(_heard(file, clock), kind)
    except UsageError as error:
        raise UsageError(f"{file}: {error.message}", remedy=error.remedy) from None
    sha256, length = digest(file)
    name = file.name.encode("utf-8", "backslashreplace").decode()
    return Export(name, form.kind, form.encoding, form.delimiter, sha256, length)


def _parts(found: Iterable[tuple[Path, Export]]) -> Iterator[tuple[str, tuple[Path, Export]]]:
    """Yield files by the part that each is: its name, numbered where two have the same."""
    names: dict[str, int] = {}
    digests: dict[str, Path] = {}
    for file, export in found:
        if twin := digests.get(export.sha256):
            raise UsageError(f"{file} holds the same bytes as {twin}", remedy="bring one of the two")
        digests[export.sha256] = file
        number = names[export.name] = names.get(export.name, 0) + 1
        yield (export.name if number == 1 else f"{export.name} ({number})"), (file, export)


def _opened(folder: Path, source: SourcePlan, seams: Seams) -> RunFolder:
    """Take up the open run of the same files, or open a new one."""
    for path in reversed(find_runs(folder)) if folder.is_dir() else ():
        if not (path / SEAL).exists() and read(path).plan.sources == (source,):
            return RunFolder.resume(path, store=seams.store, clock=seams.clock, key=_no_twins, note={})
    opening = Opening(
        plan=Plan(folder.name, "", seams.clock.now(), (source,)),
        engagement=f"# no engagement file was read for this import\nengagement: {folder.name}\n".encode(),
        environment=environment.describe(seams.clock),
        compression=_EVIDENCE["compression"],
        chunk_bytes=_EVIDENCE["chunk_bytes"],
    )
    return RunFolder.create(folder, opening, store=seams.store, clock=seams.clock)


_EVIDENCE: Mapping[str, Any] = {field.name: field.default for field in msgspec.structs.fields(Evidence)}
"""What an engagement file that says nothing of it means."""


def _no_twins(source: str, line: bytes) -> tuple[bytes, bytes]:  # noqa: ARG001 - every line of an export stands
    """Return no identity: a row that stands twice in a file was exported twice, and is kept as it is."""
    return b"", b""


def _heard(file: Path, clock: Clock) -> Iterator[bytes]:
    """Yield what a file holds, until the operator asks to stop."""
    for block in read_blocks(file):
        clock.check()
        yield block


class _Bringing:
    """One file on its way into a run."""

    def __init__(self, run_folder: RunFolder, part: str, export: Export, seams: Seams) -> None:
        self._run = run_folder
        self._export = export
        self._seams = seams
        self._slice = Slice(IMPORT, part, Axis.EVENT, None)
        self._unread: list[Unread] = []
        self._unread_number = 0

    def bring(self, file: Path) -> None:
        """Keep the file, read it, and commit both; raises UsageError where it is no longer what it was."""
        clock, asked_at = self._seams.clock, self._seams.clock.now()
        suffix = re.fullmatch(r"\.[a-z0-9]{1,8}", file.suffix.lower())
        name = f"original{suffix[0] if suffix else ''}"
        brought = self._run.bring(self._slice, name, _heard(file, clock), self._stretches)
        if (brought.original.sha256, brought.original.bytes) != (self._export.sha256, self._export.bytes):
            raise UsageError(f"{file} was changed while it was read", remedy="bring it again when nothing writes to it")
        outcome = Outcome(Status.GAP, asked_at, 1, reason=self._reason())
        unread = [self._named()] if self._unread else []
        self._seams.observer.committed(self._run.commit(self._slice, outcome, None, unread=unread, brought=brought))

    def _stretches(self, original: Path) -> Iterator[Stretch]:
        """Yield the lines that are made of the file as it was kept, which they name as what gave them."""
        given_by = original.relative_to(self._run.path).as_posix()
        form = Form(self._export.kind, self._export.encoding, self._export.delimiter)
        rows = self._rows(exports.read(_heard(original, self._seams.clock), form))
        while together := list(islice(rows, _TOGETHER)):
            lines = b"".join(line_of(self._export, row) + b"\n" for row in together)
            self._seams.observer.rows(self._slice, len(together))
            yield Stretch(lines, len(together), given_by)

    def _rows(self, items: Iterable[Row | Unread]) -> Iterator[Row]:
        for item in items:
            if isinstance(item, Row):
                yield item
                continue
            self._unread_number += 1
            if len(self._unread) < _NAMED:
                self._unread.append(item)

    def _reason(self) -> str:
        number = self._unread_number
        return f"{NOT_KNOWN}: {number} rows cannot be read, which unread/ names" if number else NOT_KNOWN

    def _named(self) -> bytes:
        """Return the rows that cannot be read, one a line."""
        lines = [msgspec.json.encode({"file": self._export.name, **one._asdict()}) for one in self._unread]
        more = self._unread_number - len(self._unread)
        lines += [msgspec.json.encode({"file": self._export.name, "more": more})] if more else []
        return b"".join(line + b"\n" for line in lines)


def line_of(export: Export, row: Row) -> bytes:
    """Return the line that stands in the evidence for a row: what file and kind it is of, where, and the row itself."""
    told = {"file": export.name, "kind": export.kind, "line": row.line, "row": msgspec.Raw(row.json)}
    return msgspec.json.encode(told)


def _sealed(run_folder: RunFolder) -> Result:
    plan = run_folder.plan
    coverage = cover(plan, run_folder.commits)
    bag_info = {
        "External-Description": f"Files exported by others, brought into engagement {plan.engagement}",
        "Internal-Sender-Identifier": plan.engagement,
    }
    run_folder.seal(coverage=encode(coverage), bag_info=bag_info)
    return Result(run_folder.path, coverage, run_folder.commits, exit_code_of(coverage))
