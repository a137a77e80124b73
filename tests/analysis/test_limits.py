"""What an answer does not cover is said with it: gaps, late records, narrow questions, blind hours, odd records."""

from collections.abc import Iterable
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest

from collector.analysis.filters import Filters
from collector.analysis.investigation import Investigation, investigate
from collector.analysis.limits import Limit, Subject, limits, searched
from collector.analysis.questions import question
from collector.evidence import Opening, RunFolder, Store, find_runs, read
from collector.evidence.journal import Follows
from collector.model import Plan, Status
from tests.analysis.cases import OF_ACCESSES, ask, trace
from tests.analysis.damaged import DAY, GUID, bind, properties, read_all, row_of_bind, small
from tests.analysis.feeds import (
    ADELE,
    ASKED,
    LEE,
    MAIL_ITEMS,
    Collected,
    Piece,
    at,
    audit_log,
    collect,
    feed,
    record,
    row,
)
from tests.fakes import TENANT, FakeClock

LOG, FEED, TRACE = "unified-audit-log", "management-activity", "message-trace"


def of(evidence: Path, name: str = "binds", **filters: Any) -> Investigation:
    """Ask a question of all runs, as it is told beside the answer."""
    with investigate(read_all(*find_runs(evidence)), question(name), Filters(**filters), ASKED) as found:
        return found


def told(evidence: Path, name: str = "binds", **filters: Any) -> list[Limit]:
    return list(of(evidence, name, **filters).limits)


def kinds(found: Iterable[Limit]) -> list[str]:
    return [one.kind for one in found]


def spans(found: Iterable[Limit], kind: str) -> list[tuple[datetime | None, datetime | None]]:
    return [(one.start, one.end) for one in found if one.kind == kind]


@pytest.mark.parametrize("name", OF_ACCESSES)
def test_of_a_complete_case_nothing_is_left_out(tmp_path: Path, name: str) -> None:
    rows = [row_of_bind("b1", 1, "<m1@x>")]
    collect(tmp_path, audit_log(Piece(DAY, rows)), feed(Piece((0, 48))), trace(Piece(DAY)))
    assert told(tmp_path, name) == []
    assert told(tmp_path, name, since=at(0), until=at(24)) == []


@pytest.mark.parametrize("name", OF_ACCESSES)
def test_an_empty_case_has_no_rows_and_says_what_was_searched(tmp_path: Path, name: str) -> None:
    run = collect(tmp_path, audit_log(Piece(DAY, status=Status.EMPTY)), trace(Piece(DAY, status=Status.EMPTY)))
    found = of(tmp_path, name)
    assert [(one.run, one.source, one.start, one.end, one.records) for one in found.searched] == [
        (str(run), LOG, at(0), at(24), 0),
        (str(run), TRACE, at(0), at(24), 0),
    ]
    assert found.limits == ()
    assert ask(read_all(run), name) == []


def test_a_run_that_committed_nothing_yet_is_all_gap(tmp_path: Path) -> None:
    asked = audit_log(Piece(DAY))
    collect(tmp_path, Collected(asked.plan, ()), seal=False)
    found = told(tmp_path)
    assert kinds(found) == ["open-run", "gap"]
    assert spans(found, "gap") == [(at(0), at(24))]


def test_a_gap_is_named_with_its_place_and_reason(tmp_path: Path) -> None:
    run = collect(tmp_path, audit_log(Piece((0, 12)), Piece((12, 13), status=Status.GAP), Piece((13, 24))))
    (gap,) = told(tmp_path)
    assert gap == Limit("gap", "not collected whole: timeout", str(run), LOG, None, at(12), at(13))


def test_a_gap_that_another_run_of_the_source_filled_is_none(tmp_path: Path) -> None:
    collect(tmp_path, audit_log(Piece((0, 12)), Piece((12, 13), status=Status.GAP), Piece((13, 24))))
    collect(tmp_path, audit_log(Piece((12, 13))))
    assert told(tmp_path) == []


def test_a_gap_of_the_feed_is_told_by_availability_with_its_content_type(tmp_path: Path) -> None:
    collect(tmp_path, feed(Piece((0, 12)), Piece((12, 24), status=Status.GAP)))
    (gap,) = told(tmp_path)
    assert (gap.part, gap.start, gap.end) == ("Audit.Exchange", at(12), at(24))
    assert "by when records became available" in gap.text


def test_of_another_source_s_gaps_only_emails_tells(tmp_path: Path) -> None:
    collect(tmp_path, audit_log(Piece(DAY)), trace(Piece(DAY, status=Status.GAP)))
    assert {name for name in OF_ACCESSES if told(tmp_path, name)} == {"emails"}


@pytest.mark.parametrize(
    ("since", "until", "named"),
    [(None, None, True), (0, 12, False), (0, 12.5, True), (13, 24, False), (12.5, 24, True), (12, 13, True)],
)
def test_a_gap_is_told_where_it_meets_the_period(
    tmp_path: Path, since: float | None, until: float | None, named: bool
) -> None:
    collect(tmp_path, audit_log(Piece((0, 12)), Piece((12, 13), status=Status.GAP), Piece((13, 24))))
    period = {"since": at(since) if since is not None else None, "until": at(until) if until else None}
    assert bool(told(tmp_path, **period)) is named


def test_a_gap_of_the_feed_may_hold_what_happened_before_it(tmp_path: Path) -> None:
    collect(tmp_path, feed(Piece((0, 12)), Piece((12, 24), status=Status.GAP)))
    assert kinds(told(tmp_path, since=at(0), until=at(6))) == ["gap"]
    collect(tmp_path, feed(Piece((12, 24))))
    assert kinds(told(tmp_path, since=at(24))) == []


def test_a_tail_that_was_asked_too_soon_is_told(tmp_path: Path) -> None:
    collect(tmp_path, audit_log(Piece((0, 12)), Piece((12, 24), settled=False)))
    (tail,) = told(tmp_path)
    assert (tail.kind, tail.start, tail.end) == ("not-settled", at(12), at(24))
    assert told(tmp_path, until=at(12)) == []


def test_an_open_run_is_said_to_be_open(tmp_path: Path) -> None:
    run = small(tmp_path, seal=False)
    (limit,) = told(tmp_path)
    assert (limit.kind, limit.run) == ("open-run", str(run))


def test_what_an_open_watch_is_still_to_ask_for_is_no_gap(tmp_path: Path) -> None:
    account = read(small(tmp_path, seal=False))
    source = msgspec.structs.replace(account.plan.sources[0], window=audit_log(Piece((0, 999))).plan.window)
    watched = msgspec.structs.replace(account.plan, sources=(source,), watch=True)
    for plan, expected in (
        (watched, ["open-run"]),
        (msgspec.structs.replace(watched, watch=False), ["open-run", "gap"]),
    ):
        account = msgspec.structs.replace(account, plan=plan)
        assert kinds(limits([account], Subject((LOG,)), Filters(), at(24))) == expected


def test_a_run_that_follows_another_is_not_all_there_is(tmp_path: Path) -> None:
    plan = Plan("contoso-2026-11", TENANT, ASKED, (audit_log(Piece(DAY)).plan,))
    before = Follows("contoso-2026-11/20261120T050000Z", "0" * 64)
    opening = Opening(plan, b"", {}, "gzip", 1 << 20, before)
    with closing(RunFolder.create(tmp_path / "contoso-2026-11", opening, store=Store(), clock=FakeClock())):
        pass
    (limit,) = [one for one in told(tmp_path) if one.kind == "follows"]
    assert "20261120T050000Z" in limit.text


@pytest.mark.parametrize(
    ("question_", "said"),
    [
        ({"Operations": ["Send"]}, "was not asked for MailItemsAccessed"),
        ({**MAIL_ITEMS, "UserIds": [ADELE]}, "only for some: by UserIds"),
        ({**MAIL_ITEMS, "IPAddresses": ["203.0.113.7"], "FreeText": "x"}, "only for some: by IPAddresses, FreeText"),
        ({**MAIL_ITEMS, "ObjectIds": ["x"]}, "only for some: by ObjectIds"),
        ({"Operations": ["mailitemsaccessed"]}, None),
        ({"Operations": []}, None),
        ({}, None),
        ({**MAIL_ITEMS, "UserIds": []}, None),
    ],
)
def test_a_question_that_was_narrowed_is_told(tmp_path: Path, question_: dict[str, Any], said: str | None) -> None:
    collect(tmp_path, audit_log(Piece(DAY), question=question_))
    found = told(tmp_path)
    assert kinds(found) == (["narrowed"] if said else [])
    assert not said or said in found[0].text


def test_a_question_for_some_record_types_is_told(tmp_path: Path) -> None:
    collect(tmp_path, audit_log(Piece(DAY, part="ExchangeItem"), parts=("ExchangeItem",)))
    (limit,) = told(tmp_path)
    assert "record type ExchangeItem" in limit.text


def test_times_that_nobody_asked_for_are_told(tmp_path: Path) -> None:
    collect(tmp_path, audit_log(Piece(DAY)))
    assert told(tmp_path, since=at(0), until=at(24)) == []
    found = told(tmp_path, since=at(-1), until=at(25))
    assert kinds(found) == ["not-asked", "not-asked"]
    assert spans(found, "not-asked") == [(at(-1), at(0)), (at(24), at(25))]


def test_times_between_two_runs_that_nobody_asked_for_are_told(tmp_path: Path) -> None:
    collect(tmp_path, audit_log(Piece((0, 24))))
    collect(tmp_path, audit_log(Piece((48, 72))))
    assert spans(told(tmp_path, since=at(0), until=at(72)), "not-asked") == [(at(24), at(48))]
    assert spans(told(tmp_path), "not-asked") == [(at(24), at(48))]


def test_a_case_without_audit_records_says_that_none_were_asked_for(tmp_path: Path) -> None:
    collect(tmp_path, trace(Piece(DAY)))
    assert kinds(told(tmp_path)) == ["not-collected"]


def test_emails_without_a_trace_say_so(tmp_path: Path) -> None:
    small(tmp_path)
    (limit,) = told(tmp_path, "emails")
    assert (limit.kind, limit.source) == ("not-collected", TRACE)
    assert told(tmp_path, "binds") == []


def test_a_source_that_no_run_asked_is_told(tmp_path: Path) -> None:
    small(tmp_path)
    assert "not-collected" in kinds(told(tmp_path, source=(FEED,)))


def throttled(identity: str, hour: float, owner: str = ADELE, guid: str = GUID) -> bytes:
    return row(identity, hour, **bind("<m@x>", throttled="True", MailboxOwnerUPN=owner, MailboxGuid=guid))


def test_blind_hours_that_meet_are_told_as_one_and_others_apart(tmp_path: Path) -> None:
    rows = [
        throttled("t1", 1),
        throttled("t2", 5),
        throttled("t3", 29),
        throttled("t4", 60),
        throttled("l", 2, LEE, "l"),
    ]
    collect(tmp_path, audit_log(Piece((0, 96), rows)))
    found = told(tmp_path)
    assert {one.mailbox: spans([two for two in found if two.mailbox == one.mailbox], "blind") for one in found} == {
        ADELE: [(at(1), at(53)), (at(60), at(84))],
        LEE: [(at(2), at(26))],
    }


def test_of_blind_hours_only_those_of_the_mailboxes_asked_about_are_told(tmp_path: Path) -> None:
    collect(tmp_path, audit_log(Piece((0, 96), [throttled("t", 1), throttled("l", 2, LEE, "l")])))
    assert {one.mailbox for one in told(tmp_path, mailbox=(LEE.upper(),))} == {LEE}
    assert {one.mailbox for one in told(tmp_path, mailbox=(GUID,))} == {ADELE}
    assert {one.mailbox for one in told(tmp_path, user=("nobody",), session=("none",))} == {ADELE, LEE}


@pytest.mark.parametrize(("since", "until", "named"), [(25, 48, False), (24, 48, True), (0, 1, False), (0, 2, True)])
def test_blind_hours_are_told_where_they_meet_the_period(
    tmp_path: Path, since: float, until: float, named: bool
) -> None:
    collect(tmp_path, audit_log(Piece((0, 96), [throttled("t", 1)])))
    assert bool(spans(told(tmp_path, since=at(since), until=at(until)), "blind")) is named


ODD = {
    "no-type": (row("o", 1, OperationProperties=properties(None)), "1 records of MailItemsAccessed show neither"),
    "no-item": (row_of_bind("o", 1), "1 records of a Bind name no message"),
    "no-id": (row("", 1, **bind("<m@x>")), "1 records show no Id"),
}


@pytest.mark.parametrize(("line", "said"), ODD.values(), ids=ODD)
def test_records_that_an_answer_cannot_show_are_counted(tmp_path: Path, line: bytes, said: str) -> None:
    small(tmp_path, line, row_of_bind("b1", 1, "<m@x>"))
    (limit,) = told(tmp_path)
    assert limit.kind == "incomplete-records"
    assert limit.text.startswith(said)


def test_records_without_a_time_are_counted_where_a_period_leaves_them_out(tmp_path: Path) -> None:
    rows = [
        row(f"o{number}", 1, **bind("<m@x>", CreationTime=time)) for number, time in enumerate(("", "5/18/2021", 7))
    ]
    small(tmp_path, *rows)
    assert told(tmp_path) == []
    for period in ({"since": at(0)}, {"until": at(24)}):
        (limit,) = told(tmp_path, **period)
        assert limit.text.startswith("3 records show no time")


def test_records_of_other_operations_are_not_counted(tmp_path: Path) -> None:
    small(tmp_path, row("send", 1, Operation="Send"), row("rule", 2, Operation="New-InboxRule"))
    assert told(tmp_path) == []


def test_a_record_of_both_feeds_is_searched_twice_and_counted_once(tmp_path: Path) -> None:
    run = collect(
        tmp_path,
        audit_log(Piece(DAY, [row("o", 1, OperationProperties=properties(None))])),
        feed(Piece((0, 48), [record("o", 1)])),
    )
    assert [(one.source, one.records) for one in searched(read(run))] == [(LOG, 1), (FEED, 1)]
    assert told(tmp_path)[0].text.startswith("1 records")
