"""What the files are that somebody brings, before anything of them is written.

Invariants: what a file is, is told from what it holds; nothing of it is unpacked to the disk; of a zip the files that
are no exports are named, and do not keep the others out.
"""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import msgspec

from collector.clock import Clock
from collector.errors import UsageError
from collector.evidence.lines import digest
from collector.run.packed import Broken, Member, members
from collector.sources import exports
from collector.sources.exports import Form


class Held(msgspec.Struct, frozen=True, omit_defaults=True):
    """A file of rows that a file holds, or is: how it is read, or why it is not."""

    name: str
    form: Form | None = None
    why: str = ""


class Export(msgspec.Struct, frozen=True):
    """A file that is brought, as the plan has it: its bytes' number and SHA-256 (hex), and what it holds."""

    name: str
    sha256: str
    bytes: int
    holds: tuple[Held, ...]


def looked_at(files: Iterable[Path], kind: str | None, clock: Clock) -> dict[str, tuple[Path, Export]]:
    """Return what files are, by the part that each is: its name, numbered where two have the same.

    `kind` is what all of them are said to be. Raises UsageError for what is no export, DiskError.
    """
    found: dict[str, tuple[Path, Export]] = {}
    names: dict[str, int] = {}
    digests: dict[str, Path] = {}
    for file in files:
        export = _looked_at(file, kind, clock)
        if twin := digests.get(export.sha256):
            raise UsageError(f"{file} holds the same bytes as {twin}", remedy="bring one of the two")
        digests[export.sha256] = file
        found[_numbered(export.name, names)] = file, export
    return found


def heard(blocks: Iterable[bytes], clock: Clock) -> Iterator[bytes]:
    """Yield blocks until the operator asks to stop."""
    for block in blocks:
        clock.check()
        yield block


def _numbered(name: str, names: dict[str, int]) -> str:
    number, free = names.get(name, 1), name
    while free in names:  # a file can be called so by itself
        number += 1
        free = f"{name} ({number})"
    names[name], names[free] = number, 1
    return free


def _looked_at(file: Path, kind: str | None, clock: Clock) -> Export:
    """Return what a file is; raises UsageError where it cannot be read or holds no export."""
    if not file.is_file():
        raise UsageError(f"{file} is not a file", remedy="name a file that was exported")
    try:
        with file.open("rb"):
            pass
    except OSError as error:
        raise UsageError(f"{file} cannot be read: {error.strerror}", remedy="let this account read it") from None
    with members(file) as found:
        holds = tuple(_holds(file, found, kind, clock))
    sha256, length = digest(file)
    return Export(_text(file.name), sha256, length, holds)


def _holds(file: Path, found: Sequence[Member], kind: str | None, clock: Clock) -> Iterator[Held]:
    """Yield what each member is; raises UsageError where none is an export."""
    names: dict[str, int] = {}
    trouble = UsageError(f"{file} holds no file", remedy="bring what was exported")
    told = 0
    for member in found:
        name = _numbered(_text(member.name), names)
        try:
            yield Held(name, form=_form(member, kind, clock))
            told += 1
        except UsageError as error:
            trouble = UsageError(f"{file}: {error.message}", remedy=error.remedy)
            yield Held(name, why=error.message)
    if not told:
        raise trouble


def _form(member: Member, kind: str | None, clock: Clock) -> Form:
    """Return how a member is read; raises UsageError where it is no export."""
    try:
        form = exports.told(heard(member.blocks(), clock), kind)
    except Broken as error:
        raise UsageError(str(error), remedy="look at what it is; get it once more where it is damaged") from None
    try:
        return exports.dated(heard(member.blocks(), clock), form)
    except Broken:  # which is named when its rows are read
        return form


def _text(name: str) -> str:
    return name.encode("utf-8", "backslashreplace").decode()
