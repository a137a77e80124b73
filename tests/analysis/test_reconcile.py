"""Two feeds side by side: what one lacks is found, and nothing is called missing that may only be late."""

from datetime import datetime
from pathlib import Path

import msgspec
import pytest

from collector.analysis.compare import HOUR, Expected
from collector.analysis.covers import AUDIT_LOG, FEED, Scope
from collector.analysis.reconcile import Reconciled, reconcile
from collector.evidence import find_runs, read
from collector.evidence.journal import Follows
from collector.model import Status
from tests.analysis.feeds import (
    ADELE,
    DLP,
    LEE,
    MAIL_ITEMS,
    SHAREPOINT,
    START,
    Collected,
    Piece,
    at,
    audit_log,
    collect,
    feed,
    record,
    row,
    row_of,
    window,
)

DAYS = (0, 48)
FOLLOWED = (0, 72)
"""Two days, and the same with the day in which their last records may become available."""


def reconciled(evidence: Path, *feeds: Collected) -> Reconciled:
    if feeds:
        collect(evidence, *feeds)
    return reconcile([read(run) for run in find_runs(evidence)])


def counts(found: Reconciled) -> dict[int, tuple[int, int, int, int]]:
    """Return in both, only in the log, only in the feed and findings, by the hour after START, where not all zero."""
    first = int(START.timestamp() // HOUR)
    told = {
        hour - first: (count.both, count.only[AUDIT_LOG], count.only[FEED], count.findings)
        for hour, count in found.comparison.hours.items()
    }
    return {hour: count for hour, count in told.items() if any(count)}


def findings(found: Reconciled) -> list[tuple[str, str]]:
    return [(one.sighting.id, one.source) for one in found.comparison.findings]


def test_a_record_that_one_feed_lacks_is_found_in_its_hour(tmp_path: Path) -> None:
    found = reconciled(
        tmp_path,
        audit_log(Piece(DAYS, [row("b1", 0.5), row("l1", 1.5), row("b2", 1.9), row("l2", 47.9)])),
        feed(Piece(FOLLOWED, [record("f1", 1.2), record("b2", 1.9), record("b1", 0.5)])),
    )
    assert found.nothing is None
    assert found.times == (window(DAYS),)
    assert sorted(found.comparison.hours) == list(
        range(round(START.timestamp()) // HOUR, round(at(48).timestamp()) // HOUR)
    )
    assert counts(found) == {0: (1, 0, 0, 0), 1: (1, 1, 1, 2), 47: (0, 1, 0, 1)}
    assert findings(found) == [("f1", FEED), ("l1", AUDIT_LOG), ("l2", AUDIT_LOG)]
    assert not found.unread
    assert not found.comparison.excluded


def test_a_finding_says_where_its_record_stands(tmp_path: Path) -> None:
    run = collect(tmp_path, audit_log(Piece(DAYS, [row("b", 2), row("l", 3)])), feed(Piece(FOLLOWED, [record("b", 2)])))
    (one,) = reconciled(tmp_path).comparison.findings
    assert (one.at, one.sighting.file, one.sighting.line) == (
        at(3),
        (run, "data/unified-audit-log/000001.jsonl.gz"),
        2,
    )


def test_a_record_in_two_blobs_counts_once(tmp_path: Path) -> None:
    found = reconciled(
        tmp_path,
        audit_log(Piece(DAYS, [row("b", 2), row("b", 2), row("l", 3), row("l", 3)])),
        feed(
            Piece((0, 36), [record("b", 2), record("f", 3)]),
            Piece((36, 72), [record("b", 2), record("f", 3), record("b", 2)]),
        ),
    )
    assert counts(found) == {2: (1, 0, 0, 0), 3: (0, 1, 1, 2)}


def test_what_the_feed_may_still_bring_is_no_finding(tmp_path: Path) -> None:
    found = reconciled(
        tmp_path,
        audit_log(Piece(DAYS, [row("due", 36), row("late", 36.5), row("later", 47)])),
        feed(Piece((0, 60))),
    )
    assert counts(found) == {36: (0, 2, 0, 1), 47: (0, 1, 0, 0)}
    assert findings(found) == [("due", AUDIT_LOG)]


def test_what_an_unsettled_slice_of_the_log_may_still_bring_is_no_finding(tmp_path: Path) -> None:
    found = reconciled(
        tmp_path,
        audit_log(Piece((0, 24)), Piece((24, 48), settled=False)),
        feed(Piece(FOLLOWED, [record("due", 23), record("late", 25)])),
    )
    assert counts(found) == {23: (0, 0, 1, 1), 25: (0, 0, 1, 0)}


def test_a_gap_in_the_feed_excuses_the_day_before_it(tmp_path: Path) -> None:
    rows = [row("before", 5), row("inside", 31), row("after", 33), row("long before", 4)]
    found = reconciled(
        tmp_path,
        audit_log(Piece(DAYS, rows)),
        feed(Piece((0, 28.5)), Piece((28.5, 32), status=Status.GAP), Piece((32, 72), status=Status.EMPTY)),
    )
    assert found.times == (window((0, 28.5)), window((32, 48)))
    assert counts(found) == {4: (0, 1, 0, 1), 5: (0, 1, 0, 0), 33: (0, 1, 0, 1)}
    assert found.comparison.excluded == {(AUDIT_LOG, Expected.OUTSIDE_TIME): 1}


def test_rows_kept_in_a_gap_of_the_log_are_not_compared(tmp_path: Path) -> None:
    found = reconciled(
        tmp_path,
        audit_log(Piece((0, 24), [row("kept", 3)], status=Status.GAP), Piece((24, 48))),
        feed(Piece(FOLLOWED, [record("f", 4), record("kept", 3), record("g", 30)])),
    )
    assert counts(found) == {30: (0, 0, 1, 1)}
    assert found.comparison.excluded == {(AUDIT_LOG, Expected.OUTSIDE_TIME): 1, (FEED, Expected.OUTSIDE_TIME): 2}


@pytest.mark.parametrize(
    ("question", "parts", "missing"),
    [
        ({}, (None,), {"mail", "case", "lee", "sync", "rule"}),
        (MAIL_ITEMS, (None,), {"mail", "case", "lee", "sync"}),
        ({**MAIL_ITEMS, "HighCompleteness": True}, (None,), {"mail", "case", "lee", "sync"}),
        ({"UserIds": [LEE.upper()]}, (None,), {"lee"}),
        (
            {"Operations": ["MailItemsAccessed", "New-InboxRule"], "UserIds": [ADELE]},
            (None,),
            {"mail", "case", "sync", "rule"},
        ),
        (MAIL_ITEMS, ("ExchangeItem",), {"sync"}),
        ({}, ("ExchangeItem", "ExchangeAdmin"), {"sync", "rule"}),
    ],
)
def test_the_log_lacks_nothing_that_it_was_not_asked_for(
    question: dict[str, object], parts: tuple[str | None, ...], missing: set[str], tmp_path: Path
) -> None:
    records = [
        record("mail", 1),
        record("case", 1, Operation="mailitemsaccessed"),
        record("lee", 1, UserId=LEE),
        record("sync", 1, RecordType=2, Subject="\ud800"),
        record("rule", 1, Operation="New-InboxRule", RecordType=1),
    ]
    found = reconciled(
        tmp_path,
        audit_log(*(Piece(DAYS, part=part) for part in parts), question=question, parts=parts),
        feed(Piece(FOLLOWED, records)),
    )
    assert {identity for identity, _ in findings(found)} == missing
    assert found.comparison.excluded[FEED, Expected.NOT_ASKED] == len(records) - len(missing)


@pytest.mark.parametrize(
    ("question", "parts", "reason"),
    [
        ({**MAIL_ITEMS, "FreeText": "invoice"}, (None,), "FreeText"),
        ({"IPAddresses": ["192.0.2.1"], "ObjectIds": ["x"]}, (None,), "IPAddresses, ObjectIds"),
        ({}, ("CopilotInteraction",), "RecordType CopilotInteraction"),
    ],
)
def test_what_was_narrowed_by_what_no_record_tells_is_not_compared(
    question: dict[str, object], parts: tuple[str | None, ...], reason: str, tmp_path: Path
) -> None:
    found = reconciled(
        tmp_path,
        audit_log(*(Piece(DAYS, part=part) for part in parts), question=question, parts=parts),
        feed(Piece(FOLLOWED, [record("f", 1)])),
    )
    assert found.nothing == "unified-audit-log was narrowed by what cannot be told from a record"
    (note,) = found.notes
    assert f"narrowed by {reason}," in note
    assert not found.comparison.hours


def test_rows_of_a_narrowed_run_still_show_that_the_log_holds_them(tmp_path: Path) -> None:
    collect(tmp_path, audit_log(Piece(DAYS, [row("b", 2)]), question={"FreeText": "invoice"}))
    found = reconciled(tmp_path, audit_log(Piece(DAYS)), feed(Piece(FOLLOWED, [record("b", 2), record("f", 2)])))
    assert counts(found) == {2: (1, 0, 1, 1)}
    assert len(found.notes) == 1


def test_a_record_of_a_content_type_that_was_not_collected_is_counted_apart(tmp_path: Path) -> None:
    rows = [
        row("file", 1, Operation="FileAccessed", Workload="OneDrive"),
        row("dlp", 1, Operation="DlpRuleMatch"),
        row("teams", 1, Operation="MessageSent", Workload="MicrosoftTeams"),
        row("unknown", 1, Workload=None),
        row("mail", 1),
    ]
    found = reconciled(tmp_path, audit_log(Piece(DAYS, rows), question={}), feed(Piece(FOLLOWED)))
    assert findings(found) == [("mail", AUDIT_LOG)]
    assert found.comparison.excluded == {(AUDIT_LOG, Expected.NOT_CARRIED): 4}
    assert found.content_types == ("Audit.Exchange",)


def test_each_content_type_has_its_own_coverage(tmp_path: Path) -> None:
    rows = [
        row("file", 1, Workload="SharePoint"),
        row("dlp", 1, Operation="DlpInfo"),
        row("teams", 1, Workload="MicrosoftTeams"),
        row("entra", 1, Workload="AzureActiveDirectory"),
        row("unknown", 1, Workload=None),
    ]
    found = reconciled(
        tmp_path,
        audit_log(Piece(DAYS, rows), question={}),
        feed(
            Piece(FOLLOWED, part=SHAREPOINT),
            Piece((0, 20), part=DLP),
            Piece((2, 72), part="Audit.General"),
            Piece(FOLLOWED, part="Audit.AzureActiveDirectory", status=Status.GAP),
        ),
    )
    assert counts(found) == {1: (0, 2, 0, 1)}
    assert findings(found) == [("file", AUDIT_LOG)]
    assert found.comparison.excluded == {(AUDIT_LOG, Expected.OUTSIDE_TIME): 2, (AUDIT_LOG, Expected.NOT_CARRIED): 1}


def test_a_record_is_of_the_content_type_that_it_was_listed_under(tmp_path: Path) -> None:
    found = reconciled(
        tmp_path,
        audit_log(Piece(DAYS), question={}),
        feed(Piece(FOLLOWED, [record("f", 1, Workload="SecurityComplianceCenter")])),
    )
    assert findings(found) == [("f", FEED)]


def test_runs_count_together(tmp_path: Path) -> None:
    collect(tmp_path, audit_log(Piece((0, 24), [row("b", 1), row("l", 20)])), feed(Piece((0, 30), [record("f", 40)])))
    collect(tmp_path, audit_log(Piece((24, 48))), feed(Piece((30, 72), [record("b", 1)])))
    found = reconciled(tmp_path)
    assert found.times == (window(DAYS),)
    assert counts(found) == {1: (1, 0, 0, 0), 20: (0, 1, 0, 1), 40: (0, 0, 1, 1)}


def test_each_question_to_the_log_has_its_own_coverage(tmp_path: Path) -> None:
    collect(tmp_path, audit_log(Piece((0, 24)), question={}))
    collect(tmp_path, audit_log(Piece(DAYS, status=Status.GAP), question={"UserIds": [LEE]}))
    records = [record("mail", 30), record("rule", 30, Operation="New-InboxRule"), record("early", 1, Operation="Send")]
    found = reconciled(tmp_path, audit_log(Piece(DAYS)), feed(Piece(FOLLOWED, records)))
    assert [identity for identity, _ in findings(found)] == ["early", "mail"]
    assert found.comparison.excluded == {(FEED, Expected.OUTSIDE_TIME): 1}
    assert found.scopes == (Scope(), Scope(operations=("MailItemsAccessed",)))


def test_an_open_run_counts_up_to_its_last_commit_and_is_named(tmp_path: Path) -> None:
    planned = audit_log(Piece(DAYS, [row("b", 1)]))
    run = collect(tmp_path, planned, feed(Piece((0, 30), [record("b", 1), record("f", 2)])), seal=False)
    found = reconciled(tmp_path)
    assert counts(found) == {1: (1, 0, 0, 0), 2: (0, 0, 1, 1)}
    assert found.notes == (f"{run}: open, read up to its last commit",)


def test_a_run_whose_forerunner_is_not_here_is_named(tmp_path: Path) -> None:
    first = read(collect(tmp_path, audit_log(Piece(DAYS, [row("b", 1)]))))
    second = read(collect(tmp_path, feed(Piece(FOLLOWED))))
    follows = Follows(first.opened.run_id, "0" * 64)
    second = msgspec.structs.replace(second, opened=msgspec.structs.replace(second.opened, follows=follows))
    assert reconcile([first, second]).notes == ()
    (note,) = reconcile([second]).notes
    assert note.startswith(f"{second.path}: follows {follows.run_id}, which is not here")


def test_times_are_read_as_the_feeds_write_them(tmp_path: Path) -> None:
    found = reconciled(
        tmp_path,
        audit_log(Piece(DAYS, [row("z", 0, CreationTime="2026-11-10T03:59:59.9999999Z")])),
        feed(Piece(FOLLOWED, [record("o", 0, CreationTime="2026-11-10T06:00:00+02:00")])),
    )
    assert counts(found) == {3: (0, 1, 0, 1), 4: (0, 0, 1, 1)}


SURROGATE = record("s", 1, Subject="\ud800", Size=12345)
HOSTILE = (
    SURROGATE,
    SURROGATE.replace(b'"s"', b'"huge"').replace(b"12345", b"1" * 5000),
    SURROGATE.replace(b'"s"', b'"control"').replace(b"12345", b'"\x01"'),
    SURROGATE.replace(b'"s"', b'"nan"').replace(b"12345", b"NaN"),
)


def test_lines_that_a_strict_reader_refuses_are_compared(tmp_path: Path) -> None:
    bare = row("bare", 1, UserId="x").replace(b'\\"x\\"', b'\\"\\udfff\\"')
    odd = row("odd", 1, RecordType="50", UserId=7, Operation=["x"])
    found = reconciled(
        tmp_path,
        audit_log(Piece(DAYS, [*(row_of(line.decode()) for line in HOSTILE), bare, odd]), question={}),
        feed(Piece(FOLLOWED, [*HOSTILE, record("bare", 1)])),
    )
    assert b"\\udfff" in bare
    assert not found.unread
    assert counts(found) == {1: (5, 1, 0, 1)}


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"{", "Expecting property name"),
        (b"[1]", "not a JSON object"),
        (b'"text"', "not a JSON object"),
        (b"[" * 200_000, "nests too deep"),
        (record("", 1), "there is no Id"),
        (record("x", 1, Id=7), "there is no Id"),
        (record("x", 1, CreationTime="10/11/2026 1:00"), "CreationTime is not a time"),
        (record("x", 1, CreationTime=7), "CreationTime is not a time"),
    ],
)
def test_a_line_that_cannot_be_read_is_named(line: bytes, reason: str, tmp_path: Path) -> None:
    run = collect(
        tmp_path,
        audit_log(Piece(DAYS, [row("b", 1), row_of(line.decode())])),
        feed(Piece(FOLLOWED, [line, record("b", 1)])),
    )
    found = reconciled(tmp_path)
    assert counts(found) == {1: (1, 0, 0, 0)}
    assert [(one.source, one.file.run, one.file.path, one.line) for one in found.unread] == [
        (AUDIT_LOG, run, "data/unified-audit-log/000001.jsonl.gz", 2),
        (FEED, run, next(one.file.path for one in found.unread if one.source == FEED), 1),
    ]
    assert all(reason in one.reason for one in found.unread)


@pytest.mark.parametrize("data", [None, 7, {"Id": "x"}])
def test_audit_data_that_is_no_text_is_named(data: object, tmp_path: Path) -> None:
    found = reconciled(tmp_path, audit_log(Piece(DAYS, [row_of(data)])), feed(Piece(FOLLOWED)))
    assert [(one.line, one.reason) for one in found.unread] == [(1, "AuditData is not a text")]


def test_a_record_without_a_time_still_stands_where_it_stands(tmp_path: Path) -> None:
    found = reconciled(
        tmp_path,
        audit_log(Piece(DAYS, [row("b", 1, CreationTime=None)])),
        feed(Piece(FOLLOWED, [record("b", 1)])),
    )
    assert counts(found) == {1: (1, 0, 0, 0)}
    assert [one.reason for one in found.unread] == ["CreationTime is not a time"]


def test_one_feed_alone_is_nothing_to_compare(tmp_path: Path) -> None:
    assert reconciled(tmp_path / "log", audit_log(Piece(DAYS))).nothing == "no run here asked for management-activity"
    assert reconciled(tmp_path / "feed", feed(Piece(DAYS))).nothing == "no run here asked for unified-audit-log"
    assert reconcile([]).nothing == "no run here asked for unified-audit-log or management-activity"


def test_feeds_without_a_common_time_are_nothing_to_compare(tmp_path: Path) -> None:
    found = reconciled(tmp_path, audit_log(Piece((0, 24), [row("l", 1)])), feed(Piece((24, 48), [record("f", 30)])))
    assert found.nothing == "there is no time that both cover"
    assert (found.comparison.hours, found.times) == ({}, ())


def test_hours_are_whole_where_the_common_time_is_not(tmp_path: Path) -> None:
    found = reconciled(tmp_path, audit_log(Piece((0.5, 2.25))), feed(Piece(FOLLOWED)))
    assert [datetime.fromtimestamp(hour * HOUR, START.tzinfo) for hour in sorted(found.comparison.hours)] == [
        at(0),
        at(1),
        at(2),
    ]
