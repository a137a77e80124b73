"""Any two roads by Id: Graph's audit queries beside the cmdlet and the feed, and what others exported beside each."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from collector.analysis.compare import Expected
from collector.analysis.covers import AUDIT_LOG, AUDIT_QUERY, FEED
from collector.analysis.reconcile import Pair, Reconciled, pairs, reconcile
from collector.cli import work
from collector.evidence import find_runs, read
from collector.model import IMPORT, Axis, SourcePlan, Status
from tests.analysis.feeds import (
    ADELE,
    HOURLESS,
    LEE,
    Collected,
    Piece,
    at,
    audit_log,
    collect,
    feed,
    record,
    row,
    window,
)

DAYS, FOLLOWED = (0, 48), (0, 72)


def asked(*pieces: Piece, **filters: object) -> Collected:
    """Records that a query of Graph gave."""
    hours = window((min(piece.hours[0] for piece in pieces), max(piece.hours[1] for piece in pieces)))
    return Collected(SourcePlan(AUDIT_QUERY, Axis.EVENT, hours, (None,), {"api": "Microsoft Graph", **filters}), pieces)


def nested(identity: str, hour: float, **members: object) -> bytes:
    """Write a record as Graph does: userId and userPrincipalName are crossed there, and its own id may be another."""
    data = {**json.loads(record(identity, hour, **members)), "@odata.type": "#microsoft.graph.security.record"}
    return json.dumps({"id": f"graph-{identity}", "userId": "key", "auditData": data}).encode()


def brought(*files: tuple[str, list[bytes]]) -> Collected:
    """Files that others exported."""
    pieces = [Piece(HOURLESS, lines, part=name, status=Status.GAP) for name, lines in files]
    return Collected(SourcePlan(IMPORT, Axis.EVENT, None, tuple(name for name, _ in files), {}), pieces)


def exported(kind: str, columns: Mapping[str, Any]) -> bytes:
    return json.dumps({"file": "export.csv", "kind": kind, "line": 2, "row": columns}).encode()


def held(identity: str, hour: float, **members: object) -> bytes:
    """Write a row that Export-Csv made of the cmdlet's."""
    audit = record(identity, hour, **members).decode()
    return exported("unified-audit-log", {"CreationDate": "11/10/2026 1:00:00 AM", "AuditData": audit})


def compared(evidence: Path, pair: Pair, *roads: Collected) -> Reconciled:
    collect(evidence, *roads)
    return reconcile([read(run) for run in find_runs(evidence)], pair)


def findings(found: Reconciled) -> list[tuple[str, str]]:
    return [(one.sighting.id, one.source) for one in found.comparison.findings]


def test_graph_s_queries_and_the_cmdlet_are_compared_by_the_record_s_own_id(tmp_path: Path) -> None:
    found = compared(
        tmp_path,
        (AUDIT_LOG, AUDIT_QUERY),
        audit_log(Piece(DAYS, [row("b", 1), row("l", 2)])),
        asked(Piece(DAYS, [nested("b", 1), nested("q", 3)]), operationFilters=["MailItemsAccessed"]),
    )
    assert found.nothing is None
    assert (found.total.both, findings(found)) == (1, [("l", AUDIT_LOG), ("q", AUDIT_QUERY)])
    assert found.times == (window(DAYS),)
    assert [scope.operations for scope in found.scopes] == [("MailItemsAccessed",)]


def test_a_query_that_was_narrowed_lacks_nothing_that_it_was_not_asked_for(tmp_path: Path) -> None:
    found = compared(
        tmp_path,
        (FEED, AUDIT_QUERY),
        feed(Piece(FOLLOWED, [record("lee", 1, UserId=LEE), record("adele", 1)])),
        asked(Piece(DAYS), userPrincipalNameFilters=[ADELE]),
    )
    assert findings(found) == [("adele", FEED)]
    assert found.comparison.excluded == {(FEED, Expected.NOT_ASKED): 1}


def test_a_gap_of_a_query_is_no_finding(tmp_path: Path) -> None:
    found = compared(
        tmp_path,
        (AUDIT_LOG, AUDIT_QUERY),
        audit_log(Piece(DAYS, [row("inside", 1), row("after", 30)])),
        asked(Piece((0, 24), status=Status.GAP), Piece((24, 48))),
    )
    assert findings(found) == [("after", AUDIT_LOG)]


@pytest.mark.parametrize("line", [b"{", b'{"auditData": "text"}', b'{"auditData": {"Operation": "x"}}'])
def test_a_record_of_a_query_that_cannot_be_read_is_named(line: bytes, tmp_path: Path) -> None:
    found = compared(
        tmp_path, (AUDIT_LOG, AUDIT_QUERY), audit_log(Piece(DAYS)), asked(Piece(DAYS, [line, nested("q", 1)]))
    )
    assert findings(found) == [("q", AUDIT_QUERY)]
    assert [(one.source, one.line) for one in found.unread] == [(AUDIT_QUERY, 1)]


EXPORTED = {
    "a text in a row": held("x", 1),
    "an object in a row": exported("unified-audit-log", {"AuditData": json.loads(record("x", 1))}),
    "the portal's": exported("purview-audit-log", {"RecordId": "x", "AuditData": record("x", 1).decode()}),
    "Graph's": exported("purview-audit-query", json.loads(nested("x", 1))),
    "the record itself": exported("audit-records", json.loads(record("x", 1))),
    "Sentinel's": exported(
        "office-activity",
        {
            "TimeGenerated": "2026-11-10T01:00:00Z",
            "OfficeId": "x",
            "Operation": "MailItemsAccessed",
            "UserId": ADELE,
            "RecordType": "ExchangeItemAggregated",
            "OfficeWorkload": "Exchange",
        },
    ),
}


@pytest.mark.parametrize("line", EXPORTED.values(), ids=EXPORTED)
@pytest.mark.parametrize(("other", "road"), [(AUDIT_LOG, audit_log), (FEED, feed)])
def test_a_record_that_only_an_export_holds_is_missing_where_it_was_due(
    line: bytes, other: str, road: Any, tmp_path: Path
) -> None:
    found = compared(tmp_path, (other, IMPORT), road(Piece(FOLLOWED)), brought(("a.csv", [line])))
    assert findings(found) == [("x", IMPORT)]
    assert found.comparison.findings[0].at == at(1)


@pytest.mark.parametrize("line", EXPORTED.values(), ids=EXPORTED)
def test_a_record_in_an_export_is_the_one_that_was_collected(line: bytes, tmp_path: Path) -> None:
    found = compared(tmp_path, (AUDIT_LOG, IMPORT), audit_log(Piece(DAYS, [row("x", 1)])), brought(("a.csv", [line])))
    assert (found.total.both, found.total.only.total()) == (1, 0)


def test_nothing_is_missing_from_an_export_whose_reach_nobody_knows(tmp_path: Path) -> None:
    found = compared(
        tmp_path,
        (AUDIT_LOG, IMPORT),
        audit_log(Piece(DAYS, [row("early", 1), row("between", 3), row("late", 40)])),
        brought(("a.csv", [held("first", 2), held("last", 4)]), ("b.csv", [held("last", 4)])),
    )
    assert findings(found) == [("first", IMPORT), ("last", IMPORT)]
    assert found.total.only == {AUDIT_LOG: 1, IMPORT: 2}
    assert found.comparison.excluded == {(AUDIT_LOG, Expected.OUTSIDE_TIME): 2}
    assert found.times[0].start == at(2)


def test_other_rows_of_an_import_are_passed_over_and_damaged_ones_named(tmp_path: Path) -> None:
    lines = [
        exported("message-trace", {"MessageId": "<x@contoso.com>", "Received": "2026-11-10T01:00:00Z"}),
        exported("entra-sign-ins", {"id": "x", "createdDateTime": "2026-11-10T01:00:00Z"}),
        exported("unified-audit-log", {"AuditData": "torn {"}),
        exported("unified-audit-log", {"Other": 1}),
        b'{"no": "row"}',
        held("x", 1),
    ]
    found = compared(tmp_path, (FEED, IMPORT), feed(Piece(FOLLOWED)), brought(("a.csv", lines)))
    assert findings(found) == [("x", IMPORT)]
    assert [(one.source, one.line) for one in found.unread] == [(IMPORT, 3), (IMPORT, 4), (IMPORT, 5)]


def test_an_import_without_audit_records_is_nothing_to_compare(tmp_path: Path) -> None:
    found = compared(tmp_path, (AUDIT_LOG, IMPORT), audit_log(Piece(DAYS)), brought(("a.csv", [])))
    assert found.nothing == "there is no time that both cover"


def test_every_two_of_the_roads_that_there_are_are_compared(tmp_path: Path) -> None:
    collect(tmp_path, audit_log(Piece(DAYS)), asked(Piece(DAYS)))
    collect(tmp_path, brought(("a.csv", [held("x", 1)])))
    accounts = [read(run) for run in find_runs(tmp_path)]
    assert pairs(accounts) == ((AUDIT_LOG, AUDIT_QUERY), (AUDIT_LOG, IMPORT), (AUDIT_QUERY, IMPORT))
    assert pairs(()) == ((AUDIT_LOG, FEED),)


def test_each_pair_is_shown_by_its_names(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    collect(tmp_path, audit_log(Piece(DAYS, [row("l", 1)])), asked(Piece(DAYS)))
    collect(tmp_path, brought(("a.csv", [held("l", 1), held("x", 2), held("y", 3)])))
    assert work.reconcile_all(tmp_path, as_json=False) == 0
    text = capsys.readouterr().out
    for left, right in ((AUDIT_LOG, AUDIT_QUERY), (AUDIT_LOG, IMPORT), (AUDIT_QUERY, IMPORT)):
        assert f"{left} and {right} compared by record Id" in text
        assert f"only in {right}" in text
    assert work.reconcile_all(tmp_path, as_json=True) == 0
    told = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    totals = [one for one in told if one["message_type"] == "reconciled"]
    assert [(one["sources"], one["only_in"]) for one in totals] == [
        ([AUDIT_LOG, AUDIT_QUERY], {AUDIT_LOG: 1, AUDIT_QUERY: 0}),
        ([AUDIT_LOG, IMPORT], {AUDIT_LOG: 0, IMPORT: 2}),
        ([AUDIT_QUERY, IMPORT], {AUDIT_QUERY: 0, IMPORT: 3}),
    ]
