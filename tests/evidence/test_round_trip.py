"""What comes is what stands on disk, byte for byte, and stock tools say that the bag is whole."""

import hashlib
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

import bagit
import msgspec
import pytest

from collector.errors import UsageError
from collector.evidence import Store, lines, read, verify
from collector.evidence.layout import REQUESTS
from collector.model import Outcome, Row, Status
from tests.evidence.engagement import (
    ADELE,
    ASKED,
    LEE,
    LOG,
    OPENING,
    START,
    TRACE,
    WHOLE,
    Wanted,
    begin,
    collect,
    commit,
    expected,
    key,
    log_slice,
    records,
    resume,
    row,
    rows,
    seal,
    trace_slice,
)

ODD = (
    b'{"a":"\\ud800","n":123456789012345678901234567890,"n":NaN}',
    '{"UserId":"zoë@contoso.example.org"}'.encode("latin-1"),
    b"",
    b" \t\r{} \r",
    b'{"Id":"' + b"x" * 5_000_000 + b'"}',
)


def checked(run: Path) -> None:
    """Let sha256sum and the Library of Congress's tool judge a run, and our own."""
    for manifest in ("manifest-sha256.txt", "tagmanifest-sha256.txt"):
        subprocess.run(["sha256sum", "--quiet", "--strict", "-c", manifest], cwd=run, check=True)
    subprocess.run([sys.executable, "-m", "bagit", "--validate", "--quiet", str(run)], check=True)
    found = verify(run)
    assert (found.sealed, found.problems, found.notes) == (True, (), ())


def named(raw: bytes) -> Row:
    return Row(raw, *key(LOG, raw), None)


def only_log(evidence: Path, pages: Iterable[Sequence[Row]], compression: str = "gzip") -> Path:
    """Collect one slice from some pages, and seal it."""
    folder = begin(evidence, opening=msgspec.structs.replace(OPENING, compression=compression, chunk_bytes=1 << 20))
    staging = folder.stage()
    for number, page in enumerate(pages):
        staging.add(page, f"request-{number}")
    folder.commit(log_slice(0), Outcome(Status.COMPLETE, ASKED, 1), staging)
    staging.release()
    seal(folder)
    folder.close()
    return folder.path


@pytest.mark.parametrize("compression", ["gzip", "none"])
def test_bytes_stand_as_they_came(tmp_path: Path, compression: str) -> None:
    run = only_log(tmp_path, [[named(raw) for raw in ODD]], compression)
    (committed,) = read(run).commits
    found = [line for chunk in committed.chunks for line in lines(run, chunk)]
    assert found == list(ODD)
    checked(run)


def test_a_whole_engagement(tmp_path: Path) -> None:
    run = collect(tmp_path, WHOLE)
    assert records(run) == expected(WHOLE)
    assert verify(run).records == sum(expected(WHOLE).values())
    checked(run)


def test_a_bag_that_was_moved(tmp_path: Path) -> None:
    run = collect(tmp_path, WHOLE)
    checked(run.rename(tmp_path / "court exhibit 7"))


def test_a_run_that_collected_nothing(tmp_path: Path) -> None:
    run = collect(tmp_path, [Wanted(log_slice(0), [], Status.EMPTY)])
    assert [path.name for path in (run / "data").iterdir()] == ["nothing-collected.txt"]
    checked(run)


def test_a_run_with_records_does_not_say_that_it_has_none(tmp_path: Path) -> None:
    assert not (collect(tmp_path, WHOLE[:1]) / "data/nothing-collected.txt").exists()


def test_an_unread_answer_stands_whole(tmp_path: Path) -> None:
    run = collect(tmp_path, WHOLE)
    body = run / "data" / LOG / "unread/000001.body"
    assert body.read_bytes() == b"<html>busy</html>"
    (gap,) = [committed for committed in read(run).commits if committed.unread]
    assert gap.status is Status.GAP
    assert gap.unread[0].sha256 == hashlib.sha256(b"<html>busy</html>").hexdigest()


def test_rows_of_a_gap_are_kept(tmp_path: Path) -> None:
    run = collect(tmp_path, WHOLE)
    (gap,) = [committed for committed in read(run).commits if committed.status is Status.GAP]
    assert gap.records == 2


def test_a_slice_in_many_chunks_keeps_its_order_and_its_requests(tmp_path: Path) -> None:
    folder = begin(tmp_path)
    committed = commit(folder, Wanted(log_slice(0), rows(0, 9)))
    folder.close()
    assert [chunk.records for chunk in committed.chunks] == [3, 3, 3]
    ids = [line for chunk in committed.chunks for line in lines(folder.path, chunk)]
    assert ids == [row(number).raw for number in range(9)]
    ranges = [(given.request[-1], Path(given.path).name[:6], given.first, given.last) for given in committed.requests]
    assert ranges == [("0", "000001", 1, 2), ("1", "000001", 3, 3), ("1", "000002", 1, 3), ("1", "000003", 1, 3)]


def test_a_record_at_an_edge_stands_once_across_slices_and_restarts(tmp_path: Path) -> None:
    folder = begin(tmp_path)
    commit(folder, Wanted(log_slice(0), rows(0, 5)))
    folder.close()
    folder = resume(folder.path)
    again = commit(folder, Wanted(log_slice(1), rows(3, 7)))
    assert (again.records, again.duplicates, again.expected) == (2, 2, 4)
    seal(folder)
    folder.close()
    assert records(folder.path) == Counter({(LOG, row(number).raw): 1 for number in range(7)})


def test_the_same_record_of_two_sources_stands_in_both(tmp_path: Path) -> None:
    folder = begin(tmp_path)
    commit(folder, Wanted(log_slice(0), rows(0, 1)))
    assert commit(folder, Wanted(trace_slice(ADELE), rows(0, 1))).records == 1
    assert commit(folder, Wanted(trace_slice(LEE), rows(0, 1))).duplicates == 1
    folder.close()


def test_two_contents_under_one_identity_are_both_kept(tmp_path: Path) -> None:
    folder = begin(tmp_path)
    within = commit(folder, Wanted(log_slice(0), [row(1), row(1, says="otherwise")]))
    across = commit(folder, Wanted(log_slice(1), [row(1), row(1, says="otherwise again")]))
    folder.close()
    assert (within.records, within.variants) == (2, 1)
    assert (across.records, across.variants, across.duplicates) == (1, 1, 1)


def test_rows_outside_the_slice_are_kept_and_counted(tmp_path: Path) -> None:
    times = [START.timestamp() - 1, START.timestamp(), START.timestamp() + 3600, None]
    folder = begin(tmp_path)
    committed = commit(folder, Wanted(log_slice(0), [row(n, at=at) for n, at in enumerate(times)]))
    folder.close()
    assert (committed.records, committed.outside) == (4, 2)


def test_a_row_without_identity_is_always_kept(tmp_path: Path) -> None:
    folder = begin(tmp_path)
    nameless = Row(b"{}", b"", b"", None)
    committed = commit(folder, Wanted(trace_slice(ADELE), [nameless, nameless, nameless]))
    assert (committed.records, committed.variants, committed.duplicates) == (3, 0, 0)
    assert commit(folder, Wanted(trace_slice(LEE), [nameless])).records == 1
    folder.close()


def test_a_lone_surrogate_in_a_reason_or_a_request_is_no_obstacle(tmp_path: Path) -> None:
    folder = begin(tmp_path)
    folder.log({"warning": "half a letter: \ud800"})
    gap = Outcome(Status.GAP, ASKED, 1, reason="unreadable: \ud800")
    folder.commit(log_slice(0), gap, None)
    folder.close()
    assert b"half a letter: ?" in (folder.path / REQUESTS).read_bytes()
    assert verify(folder.path).problems == ()


def test_case_words_cannot_forge_bag_info(tmp_path: Path) -> None:
    folder = begin(tmp_path)
    hostile = {"Source-Organization": "Contoso\nPayload-Oxum: 0.0\u2028Bagging-Date:\x85 never", "Contact-Name": " "}
    folder.seal(coverage=b'{"complete":false}', bag_info=hostile)
    folder.close()
    bag = bagit.Bag(str(folder.path))
    assert bag.info["Source-Organization"] == "Contoso Payload-Oxum: 0.0 Bagging-Date: never"
    assert bag.info["Payload-Oxum"].endswith(".1")
    assert "Contact-Name" not in bag.info


def test_a_slice_that_was_not_planned_is_refused(tmp_path: Path) -> None:
    folder = begin(tmp_path)
    with pytest.raises(ValueError, match="not in the plan"):
        folder.commit(trace_slice("nobody@example.org"), Outcome(Status.EMPTY, ASKED, 2), None)
    commit(folder, WHOLE[0])
    folder.close()


def test_a_sealed_run_is_not_taken_up(tmp_path: Path) -> None:
    run = collect(tmp_path, WHOLE)
    with pytest.raises(UsageError, match="sealed"):
        resume(run)


def test_two_runs_of_one_second_have_two_folders(tmp_path: Path) -> None:
    first = collect(tmp_path, WHOLE[:1])
    second = collect(tmp_path, WHOLE[:1], Store())
    assert [first.name, second.name] == ["20261121T050000Z", "20261121T050000Z-2"]
    assert records(second) == records(first)


def test_source_of_a_trace_is_its_own(tmp_path: Path) -> None:
    run = collect(tmp_path, WHOLE)
    assert {path.name for path in (run / "data" / TRACE).iterdir()} == {
        ADELE,
        "lee-gu@contoso-example-org_" + hashlib.sha256(LEE.encode()).hexdigest()[:12],
    }
