"""Re-deriving a run from its bytes, believing nothing that it says of itself.

Invariants: changes nothing; opens nothing outside the folder (`Survey`); whatever the folder holds, the answer is a
list of problems, never a traceback; memory stays flat.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import msgspec

from collector.errors import CollectorError, IntegrityError
from collector.evidence import coverage
from collector.evidence.account import read_plan
from collector.evidence.bag import BAG_INFO, MANIFEST, SEAL_TEXT, TAG_FILES, TAG_MANIFEST, oxum
from collector.evidence.chunks import count_lines
from collector.evidence.journal import Commit, Sealed, Walk, walk
from collector.evidence.layout import (
    COVERAGE,
    DATA,
    ENGAGEMENT,
    ENVIRONMENT,
    JOURNAL,
    PLAN,
    QUARANTINE,
    REQUESTS,
    SEAL,
    SIGNATURES,
    STAGING,
    payload_path,
)
from collector.evidence.requestlog import check_marks, whole_length
from collector.evidence.survey import Survey
from collector.model import Chunk

_MANIFEST_LINE = re.compile(r"([0-9a-f]{64}) [ *](.+)")


class Verification(msgspec.Struct, frozen=True):
    """What the bytes of a run say: `problems` are breaches of integrity, `notes` what an open run may have.

    `records` counts the lines of intact chunks, `files` the files in data/ that are evidence.
    """

    sealed: bool
    problems: tuple[str, ...]
    notes: tuple[str, ...]
    records: int
    files: int


def verify(path: Path) -> Verification:
    """Verify the run at `path`; whatever is wrong with it, and whatever cannot be read, is among the problems."""
    try:
        survey = Survey(path)
        survey.digest(JOURNAL)
        found = walk(path)
    except CollectorError as error:
        return Verification(sealed=False, problems=(printable(error.message),), notes=(), records=0, files=0)
    sealed = SEAL in survey.files
    checks: list[Callable[[Survey, Walk], Iterable[str]]] = [_check_journal, _check_opening, _check_requests]
    if sealed:
        checks += [_check_end, _check_coverage, _check_manifest, _check_tags, _check_strays]
    problems = [*survey.problems, *(text for check in checks for text in _told(check, survey, found))]
    records = 0
    for commit in found.commits:
        counted, wrong = _check_commit(survey, commit)
        records += counted
        problems += wrong
    return Verification(
        sealed=sealed,
        problems=tuple(printable(problem) for problem in problems),
        notes=() if sealed else tuple(_notes(survey, found)),
        records=records,
        files=len(found.payload),
    )


def printable(text: str) -> str:
    """Return what a hostile folder may have a say in, without what a terminal would obey."""
    return "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in text)


def _told(check: Callable[[Survey, Walk], Iterable[str]], survey: Survey, found: Walk) -> Iterator[str]:
    """Yield the problems that a check finds, and the one that ends it."""
    try:
        yield from check(survey, found)
    except CollectorError as error:
        yield error.message


def _check_journal(_: Survey, found: Walk) -> Iterator[str]:
    if found.problem:
        yield f"{JOURNAL}: {found.problem}"
    named = Counter(chunk.path for chunk in found.payload)
    yield from (f"{JOURNAL} names {path} {times} times" for path, times in named.items() if times > 1)


def _check_opening(survey: Survey, found: Walk) -> Iterator[str]:
    opened = found.opened
    if set(opened.files) != {PLAN, ENVIRONMENT, ENGAGEMENT}:
        yield f"{JOURNAL}: the first line names other files than it should"
    for path, sha256 in opened.files.items():
        if survey.digest(path)[0] != sha256:
            yield f"{path} is not what it was when the run was opened"


def _check_requests(survey: Survey, found: Walk) -> Iterator[str]:
    size = survey.digest(REQUESTS)[1]
    for mark in check_marks(survey.run / REQUESTS, found.marks):
        yield f"the first {mark.bytes} bytes of {REQUESTS} are not what was committed"
    if SEAL in survey.files and whole_length(survey.run / REQUESTS) != size:
        yield f"{REQUESTS} has lines that cannot be read"


def _check_commit(survey: Survey, commit: Commit) -> tuple[int, list[str]]:
    """Return how many records of a commit are there, and what is wrong with it."""
    records, problems = 0, []
    for chunk in commit.payload:
        try:
            _check_file(survey, chunk)
            records += _check_records(survey, commit, chunk) if chunk in commit.chunks else 0
        except CollectorError as error:
            problems.append(error.message)
    if sum(chunk.records for chunk in commit.chunks) != commit.records:
        problems.append(f"{JOURNAL}: a commit of {commit.source} and its chunks differ in their number of records")
    return records, problems


def _check_records(survey: Survey, commit: Commit, chunk: Chunk) -> int:
    """Return how many records a chunk holds; raises IntegrityError where the commit says otherwise."""
    counted = count_lines(survey.run, chunk)
    if counted != chunk.records:
        raise IntegrityError(f"{chunk.path} holds {counted} records, the journal says {chunk.records}")
    if not _covered(commit, chunk):
        raise IntegrityError(f"{JOURNAL}: the requests of {chunk.path} do not give each of its lines once")
    return counted


def _covered(commit: Commit, chunk: Chunk) -> bool:
    """Whether the requests of a chunk give each of its lines once."""
    line = 0
    for given in sorted(commit.requests, key=lambda lines: lines.first):
        if given.path == chunk.path:
            if given.first != line + 1 or given.last < given.first:
                return False
            line = given.last
    return line == chunk.records


def _check_file(survey: Survey, chunk: Chunk) -> None:
    """Raise IntegrityError where a file of data/ is not, byte for byte, what the journal says."""
    payload_path(survey.run, chunk.path)
    if survey.digest(chunk.path) != (chunk.sha256, chunk.bytes):
        raise IntegrityError(f"{chunk.path} does not match its hash in the journal")


def _check_end(survey: Survey, found: Walk) -> Iterator[str]:
    """Check that the journal ends as that of a sealed run does."""
    last = found.entries[-1] if found.entries else None
    if found.torn:
        yield f"{JOURNAL} has a torn last line"
    if not isinstance(last, Sealed):
        yield f"{SEAL} stands, but {JOURNAL} does not end with the seal"
        return
    if last.commits != len(found.commits):
        yield f"{JOURNAL}: the seal speaks of {last.commits} commits, there are {len(found.commits)}"
    if last.requests_log.bytes != survey.files.get(REQUESTS):
        yield f"{REQUESTS} does not end where the seal says"
    if last.coverage != survey.digest(COVERAGE)[0]:
        yield f"{COVERAGE} is not what was sealed"
    named = {chunk.path for commit in found.commits for chunk in commit.payload}
    for chunk in found.payload:
        if chunk.path not in named:
            _check_file(survey, chunk)


def _check_coverage(survey: Survey, found: Walk) -> Iterator[str]:
    """Check that coverage.json follows from plan and journal."""
    survey.read(PLAN)
    derived = coverage.encode(coverage.cover(read_plan(survey.run), found.commits, found.until))
    try:
        stated = msgspec.json.decode(survey.read(COVERAGE), type=dict)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise IntegrityError(f"{COVERAGE} cannot be read: {error}") from error
    if stated != msgspec.json.decode(derived):
        yield f"{COVERAGE} does not follow from {PLAN} and {JOURNAL}"


def _check_manifest(survey: Survey, found: Walk) -> Iterator[str]:
    """Compare the manifest with the files in data/ both ways, and with the journal."""
    stated = _manifest(survey, MANIFEST)
    yield from _mismatches(survey, MANIFEST, stated)
    yield from (f"{path!r} is not in {MANIFEST}" for path in survey.below(DATA) if path not in stated)
    if stated != {chunk.path: chunk.sha256 for chunk in found.payload}:
        yield f"{MANIFEST} and {JOURNAL} do not name the same files with the same hashes"


def _check_tags(survey: Survey, _: Walk) -> Iterator[str]:
    stated = _manifest(survey, TAG_MANIFEST)
    yield from _mismatches(survey, TAG_MANIFEST, stated)
    if set(stated) != set(TAG_FILES):
        yield f"{TAG_MANIFEST} does not name the files that it should"
    if survey.read(SEAL) != SEAL_TEXT:
        yield f"{SEAL} does not say what it should"
    oxums = re.findall(rb"^Payload-Oxum: *(\S*)", survey.read(BAG_INFO), re.MULTILINE)
    expected = oxum(survey.files[path] for path in survey.below(DATA))
    if oxums != [expected.encode()]:
        yield f"{BAG_INFO}: the Payload-Oxum is not {expected}"


def _manifest(survey: Survey, name: str) -> dict[str, str]:
    try:
        lines = survey.read(name).decode().split("\n")
    except UnicodeDecodeError as error:
        raise IntegrityError(f"{name} is not UTF-8") from error
    matches = [_MANIFEST_LINE.fullmatch(line) for line in lines if line]
    entries = {match[2]: match[1] for match in matches if match}
    if len(entries) != len(matches) or lines[-1]:
        raise IntegrityError(f"{name} has lines that cannot be read, or names a file twice")
    return entries


def _mismatches(survey: Survey, name: str, stated: dict[str, str]) -> Iterator[str]:
    for path, sha256 in stated.items():
        try:
            if survey.digest(path)[0] != sha256:
                yield f"{path} does not match its hash in {name}"
        except CollectorError as error:
            yield f"{name}: {error.message}"


def _check_strays(survey: Survey, _: Walk) -> Iterator[str]:
    known = {*TAG_FILES, TAG_MANIFEST, *survey.below(DATA, QUARANTINE, SIGNATURES)}
    yield from (f"{path!r} is in a sealed run and in no manifest" for path in survey.files if path not in known)


def _notes(survey: Survey, found: Walk) -> Iterator[str]:
    """Say what an open run has that a sealed one must not have."""
    if found.torn:
        yield f"{JOURNAL} has a torn last line, which is not evidence"
    if found.entries and isinstance(found.entries[-1], Sealed):
        yield f"the seal was begun and not finished: {SEAL} is missing"
    known = {chunk.path for chunk in found.payload}
    uncommitted = sum(path not in known for path in survey.below(DATA))
    if uncommitted:
        yield f"{uncommitted} files in {DATA}/ are not committed, and so are not evidence"
    if any(survey.below(STAGING)):
        yield f"{STAGING}/ holds slices that are not finished"
