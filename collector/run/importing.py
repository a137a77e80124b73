"""Files that others exported, brought into a run of their own: design 1.1, `import`.

Invariants: a file is kept byte for byte, and its rows are read from what was kept; nothing is written before all files
are known to be exports; a run that was cut off is taken up, file by file, and no row of it stands twice. What an export
covers is not known, whatever it holds, so that each is a gap: what its rows show of that stands in the reason.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from collector.clock import Clock
from collector.config import Evidence, misnamed
from collector.errors import UsageError
from collector.evidence import Opening, RunFolder, Store, Stretch, cover, encode, find_runs, lock, read
from collector.evidence.layout import SEAL
from collector.evidence.lines import digest, read_blocks
from collector.model import IMPORT, Axis, Outcome, Plan, Slice, SourcePlan, Status
from collector.run import environment
from collector.run.engage import Result, exit_code_of
from collector.run.exported import Export, Held, heard, looked_at
from collector.run.observe import Observer
from collector.run.packed import Broken, Member, members
from collector.sources import exports
from collector.sources.exports import Form, Row, Session, Unread

FILES = "files"
"""The member of a plan's question that says of each part what file it is."""

NOT_KNOWN = "not-known"

_TOGETHER, _BYTES = 256, 4 << 20
"""Rows that are written in one go, and the bytes that end one before."""
_NAMED = 100_000
"""Rows that cannot be read of which each is named; of more the number is told."""


class Seams(NamedTuple):
    """What an import reaches the world through."""

    clock: Clock
    store: Store
    observer: Observer


def bring_in(folder: Path, files: Sequence[Path], seams: Seams, *, kind: str | None = None) -> Result:
    """Bring files into a run below an engagement's folder; takes up an open run of the same files.

    `kind` is what all of them are, told from their content without it. Raises UsageError for what is no such export and
    for a folder that is no engagement's; DiskError, LockedError, Interrupted.
    """
    folder = _engagement_folder(folder)
    brought = looked_at(files, kind, seams.clock)
    told = {part: msgspec.json.decode(msgspec.json.encode(export)) for part, (_, export) in brought.items()}
    source = SourcePlan(IMPORT, Axis.EVENT, None, tuple(brought), {FILES: told})
    if not folder.is_dir():
        seams.observer.notice(f"{folder.name} is a new engagement: no folder of that name stood there")
    with lock(folder), closing(_opened(folder, source, seams)) as run_folder:
        done = {commit.part for commit in run_folder.commits}
        seams.observer.planned(len(brought) - len(done))
        for part, (file, export) in brought.items():
            if part not in done:
                _Bringing(run_folder, part, export, seams).bring(file)
        return _sealed(run_folder)


def _engagement_folder(folder: Path) -> Path:
    """Return an engagement's folder, there or not.

    Raises UsageError for one in a run, one above engagements', and a name that no engagement can have.
    """
    folder = folder.resolve()
    for broken in misnamed(folder.name):
        raise UsageError(broken.message, remedy=f"{broken.remedy} for the folder of the engagement")
    if any((above / SEAL).is_file() or (above / "custody").is_dir() for above in (folder, *folder.parents)):
        raise UsageError(f"{folder} lies in a run", remedy="name the folder above the runs of the engagement")
    runs = find_runs(folder) if folder.is_dir() else ()
    if any(run.parent != folder for run in runs):
        remedy = f"name the engagement's own, such as {runs[0].parent}"
        raise UsageError(f"{folder} is above the folders of engagements", remedy=remedy)
    return folder


def _opened(folder: Path, source: SourcePlan, seams: Seams) -> RunFolder:
    """Take up the open run of the same files, or open a new one."""
    for path in reversed(find_runs(folder)) if folder.is_dir() else ():
        if not (path / SEAL).exists() and read(path).plan.sources == (source,):
            return RunFolder.resume(path, store=seams.store, clock=seams.clock, key=_no_twins, note={})
    opening = Opening(
        plan=Plan(folder.name, "", seams.clock.now(), (source,)),
        engagement=f'# no engagement file was read for this import\nengagement: "{folder.name}"\n'.encode(),
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


class _Bringing:
    """One file on its way into a run."""

    def __init__(self, run_folder: RunFolder, part: str, export: Export, seams: Seams) -> None:
        self._run = run_folder
        self._export = export
        self._seams = seams
        self._slice = Slice(IMPORT, part, Axis.EVENT, None)
        self._unread: list[tuple[str, Unread]] = []
        self._unread_number = 0
        self._whole = 0

    def bring(self, file: Path) -> None:
        """Keep the file, read it, and commit both; raises UsageError where it is no longer what it was."""
        clock, asked_at = self._seams.clock, self._seams.clock.now()
        suffix = re.fullmatch(r"\.[a-z0-9]{1,8}", file.suffix.lower())
        name = f"original{suffix[0] if suffix else ''}"
        brought = self._run.bring(self._slice, name, heard(read_blocks(file), clock), self._stretches)
        outcome = Outcome(Status.GAP, asked_at, 1, reason=self._reason())
        unread = [self._named()] if self._unread else []
        self._seams.observer.committed(self._run.commit(self._slice, outcome, None, unread=unread, brought=brought))

    def _stretches(self, original: Path) -> Iterator[Stretch]:
        """Yield the lines that are made of the file as it was kept, which they name as what gave them."""
        sha256, length = digest(original)
        if (sha256, length) != (self._export.sha256, self._export.bytes):
            raise UsageError(
                f"{self._export.name} was changed while it was read", remedy="bring it again when nothing writes to it"
            )
        given_by = original.relative_to(self._run.path).as_posix()
        with members(original) as found:
            for held, member in zip(self._export.holds, found, strict=True):
                for together in _together(self._lines(held, member)):
                    self._seams.observer.rows(self._slice, len(together))
                    yield Stretch(b"".join(together), len(together), given_by)

    def _lines(self, held: Held, member: Member) -> Iterator[bytes]:
        """Yield the lines of a file that the file holds."""
        if held.form is None:
            self._note(held, Unread(0, held.why))
            return
        session, line, unread = Session(), 0, self._unread_number
        try:
            for item in exports.read(heard(member.blocks(), self._seams.clock), held.form):
                line = item.line
                if isinstance(item, Row):
                    session.add(item.json)
                    yield line_of(held.name, held.form, item) + b"\n"
                else:
                    self._note(held, item)
        except Broken as error:
            self._note(held, Unread(line, f"after this line {error}"))
        self._whole += session.whole and self._unread_number == unread

    def _note(self, held: Held, unread: Unread) -> None:
        self._unread_number += 1
        if len(self._unread) < _NAMED:
            self._unread.append((held.name, unread))

    def _reason(self) -> str:
        """Return why it is not known what the file covers, and what of that it shows."""
        number, files = self._unread_number, len(self._export.holds)
        what, of = ("rows", "it holds") if files == 1 else ("rows or files", f"{self._whole} of its {files} files hold")
        shown = [f"{number} {what} cannot be read, which unread/ names"] if number else []
        shown += [f"{of} all that one question found, but which one it does not tell"] if self._whole else []
        return f"{NOT_KNOWN}: {'; '.join(shown)}" if shown else NOT_KNOWN

    def _named(self) -> bytes:
        """Return what cannot be read, one a line."""
        lines = [msgspec.json.encode({"file": name, **one._asdict()}) for name, one in self._unread]
        more = self._unread_number - len(self._unread)
        lines += [msgspec.json.encode({"file": self._export.name, "more": more})] if more else []
        return b"".join(line + b"\n" for line in lines)


def _together(lines: Iterable[bytes]) -> Iterator[list[bytes]]:
    """Yield lines as they are written in one go."""
    together: list[bytes] = []
    size = 0
    for line in lines:
        together.append(line)
        size += len(line)
        if len(together) == _TOGETHER or size >= _BYTES:
            yield together
            together, size = [], 0
    if together:
        yield together


def line_of(name: str, form: Form, row: Row) -> bytes:
    """Return the line that stands in the evidence for a row: what file and kind it is of, where, and the row itself.

    `times` is what the row's times mean in UTC, where they are not written as ISO and it is known.
    """
    told = {"file": name, "kind": form.kind, "line": row.line, "row": msgspec.Raw(row.json)}
    times = exports.times_in_utc(row, form)
    return msgspec.json.encode(told | ({"times": times} if times else {}))


def _sealed(run_folder: RunFolder) -> Result:
    plan = run_folder.plan
    coverage = cover(plan, run_folder.commits)
    bag_info = {
        "External-Description": f"Files exported by others, brought into engagement {plan.engagement}",
        "Internal-Sender-Identifier": plan.engagement,
    }
    run_folder.seal(coverage=encode(coverage), bag_info=bag_info)
    return Result(run_folder.path, coverage, run_folder.commits, exit_code_of(coverage))
