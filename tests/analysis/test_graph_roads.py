"""What came over Graph answers as what the cmdlets gave, and what it does not cover is said in the same way."""

import io
import json
from pathlib import Path
from typing import Any

import pytest

from collector.analysis.covers import AUDIT_QUERY, AuditLogCover
from collector.analysis.filters import Filters
from collector.analysis.investigation import investigate
from collector.analysis.limits import Limit
from collector.analysis.questions import question
from collector.analysis.rows import Place
from collector.analysis.trace_record import of_cmdlet, of_graph
from collector.evidence import find_runs, read
from collector.model import Axis, SourcePlan, Status
from tests.analysis.cases import ask, ready, trace
from tests.analysis.damaged import DAY, bind
from tests.analysis.feeds import ADELE, ASKED, LEE, Collected, Piece, audit_log, collect, record, row, window

MAIL_ITEMS = {"operationFilters": ["MailItemsAccessed"]}


def query(*pieces: Piece, **filters: Any) -> Collected:
    """Slices of Graph's audit queries."""
    asked = {"api": "Microsoft Graph security/auditLog/queries", **(filters or MAIL_ITEMS)}
    return Collected(SourcePlan(AUDIT_QUERY, Axis.EVENT, window(DAY), (None,), asked), pieces)


def graph_trace(*pieces: Piece, parts: tuple[str | None, ...] = (None,)) -> Collected:
    return Collected(SourcePlan("graph-message-trace", Axis.EVENT, window(DAY), parts, {"for": "tenant"}), pieces)


def nested(identity: str, hour: float, **members: object) -> bytes:
    data = {"@odata.type": "#microsoft.graph.security.x", **json.loads(record(identity, hour, **members))}
    data["OperationProperties@odata.type"] = "#Collection(x)"
    return json.dumps(
        {"id": f"graph-{identity}", "createdDateTime": "2026-11-10T01:00:00Z", "auditData": data}
    ).encode()


def mail(number: int, second: float = 0, *, status: str = "Delivered", recipient: str = ADELE) -> dict[str, Any]:
    return {
        "MessageTraceId": f"t-{number}",
        "MessageId": f"<{number}@x>",
        "Received": f"2026-11-10T01:00:{second:010.7f}Z",
        "SenderAddress": "s@x",
        "RecipientAddress": recipient,
        "Subject": "s",
        "Status": status,
        "Size": 1,
        "FromIP": "192.0.2.1",
        "ToIP": "",
    }


NAMES = {
    "MessageTraceId": "id",
    "MessageId": "messageId",
    "Received": "receivedDateTime",
    "SenderAddress": "senderAddress",
    "RecipientAddress": "recipientAddress",
    "Subject": "subject",
    "Status": "status",
    "Size": "size",
    "FromIP": "fromIP",
    "ToIP": "toIP",
}


def in_graph(cmdlets: dict[str, Any]) -> dict[str, Any]:
    status = cmdlets["Status"]
    return {NAMES[name]: value for name, value in cmdlets.items()} | {"status": status[:1].lower() + status[1:]}


def encoded(*rows: dict[str, Any]) -> list[bytes]:
    return [json.dumps(one).encode() for one in rows]


def told(evidence: Path, name: str = "binds", **filters: Any) -> list[Limit]:
    with investigate(ready(find_runs(evidence)), question(name), Filters(**filters), ASKED) as found:
        return list(found.limits)


def counted(evidence: Path) -> int:
    sql = "SELECT count(*) AS traces FROM traces"
    with investigate(ready(find_runs(evidence)), sql, Filters(), ASKED) as found:
        output = io.BytesIO()
        found.answer.write(output, "json")
    return int(json.loads(output.getvalue())[0]["traces"])


def test_a_record_of_both_roads_counts_once_by_the_id_inside(tmp_path: Path) -> None:
    both = bind("<m@x>")
    collect(tmp_path, audit_log(Piece(DAY, [row("a", 1, **both)])), query(Piece(DAY, [nested("a", 1, **both)])))
    (one,) = ask(ready(find_runs(tmp_path)), "binds")
    assert one["record_id"] == "a"
    assert told(tmp_path) == []


def test_a_record_without_auditdata_is_named(tmp_path: Path) -> None:
    collect(tmp_path, query(Piece(DAY, [b'{"id":"x"}', b'{"id":"y","auditData":"text"}', b"no JSON"])))
    assert [limit.kind for limit in told(tmp_path)] == ["unread"] * 3


@pytest.mark.parametrize(
    ("filters", "said"),
    [
        ({"operationFilters": ["Send"]}, "was not asked for MailItemsAccessed"),
        ({**MAIL_ITEMS, "userPrincipalNameFilters": [ADELE]}, "only for some: by UserIds"),
        ({**MAIL_ITEMS, "recordTypeFilters": ["exchangeItem"]}, "only for some: by RecordType"),
        ({**MAIL_ITEMS, "keywordFilter": "x", "objectIdFilters": ["o"]}, "only for some: by ObjectIds, FreeText"),
        ({"operationFilters": ["mailitemsaccessed"]}, None),
    ],
)
def test_what_narrowed_a_query_is_told(tmp_path: Path, filters: dict[str, Any], said: str | None) -> None:
    collect(tmp_path, query(Piece(DAY), **filters))
    found = told(tmp_path)
    assert [(limit.kind, limit.source) for limit in found] == ([("narrowed", AUDIT_QUERY)] if said else [])
    assert not said or said in found[0].text


def test_a_gap_of_a_query_is_named(tmp_path: Path) -> None:
    collect(tmp_path, query(Piece(DAY, status=Status.GAP)))
    assert [(limit.kind, limit.source) for limit in told(tmp_path)] == [("gap", AUDIT_QUERY)]


@pytest.mark.parametrize(
    ("filters", "scopes", "obstacles"),
    [
        (MAIL_ITEMS, [None], 0),
        (
            {"recordTypeFilters": ["exchangeItem", "exchangeItemAggregated"]},
            ["exchangeItem", "exchangeItemAggregated"],
            0,
        ),
        ({"recordTypeFilters": ["somethingNew"]}, [], 1),
        ({"keywordFilter": "x"}, [], 1),
    ],
)
def test_a_query_covers_what_it_asked_for(
    tmp_path: Path, filters: dict[str, Any], scopes: list[str | None], obstacles: int
) -> None:
    run = collect(tmp_path, query(Piece(DAY, [nested("a", 1)]), **filters))
    cover = AuditLogCover([read(run)], AUDIT_QUERY)
    assert [scope.record_type for scope in cover.scopes] == scopes
    assert len(cover.obstacles) == obstacles
    assert AuditLogCover([read(run)]).scopes == ()


def test_a_row_of_graph_reads_as_that_of_the_cmdlet() -> None:
    place = Place(1, "x", "f", 1)
    for status in ("Delivered", "FilteredAsSpam", "GettingStatus", "Recalled", ""):
        (cmdlets,), (graphs,) = encoded(mail(1, status=status)), encoded(in_graph(mail(1, status=status)))
        assert of_graph(graphs, place) == of_cmdlet(cmdlets, place)
    assert of_graph(b'{"status":null,"size":"12","fromIP":1}', place).size == 12


def test_a_message_that_both_roads_tell_of_counts_once_and_others_as_often_as_they_are(tmp_path: Path) -> None:
    cmdlets = [mail(1, 1.25), mail(2, 2), mail(3, 3, status="Pending")]
    nameless = {name: value for name, value in in_graph(mail(9)).items() if name != "messageId"}
    graphs = [
        in_graph(mail(1, 1.75)),  # the same second
        in_graph(mail(2, 3)),  # another second
        in_graph(mail(3, 3)),  # another status
        in_graph(mail(2, 2, recipient=LEE)),  # another recipient
        in_graph(mail(4)),
        nameless,
    ]
    collect(tmp_path, trace(Piece(DAY, encoded(*cmdlets))), graph_trace(Piece(DAY, encoded(*graphs))))
    assert counted(tmp_path) == len(cmdlets) + len(graphs) - 1


def test_the_same_over_two_runs(tmp_path: Path) -> None:
    collect(tmp_path, trace(Piece(DAY, encoded(mail(1), mail(2)))))
    collect(tmp_path, graph_trace(Piece(DAY, encoded(in_graph(mail(1)), in_graph(mail(3))))))
    assert counted(tmp_path) == 3


ACCESSES = audit_log(Piece(DAY, [row("a", 1, **bind("<1@x>", "<gone@x>"))]))


def test_graphs_trace_finds_a_message_and_reaches_as_far_as_it_is_whole(tmp_path: Path) -> None:
    collect(tmp_path, ACCESSES, graph_trace(Piece(DAY, encoded(in_graph(mail(1))))))
    answer = {one["internet_message_id"]: one for one in ask(ready(find_runs(tmp_path)), "emails")}
    assert answer["<1@x>"]["trace"] == "found"
    assert answer["<1@x>"]["statuses"] == ["Delivered"]
    assert answer["<gone@x>"]["trace"] == "not-found"
    assert not [limit for limit in told(tmp_path, "emails") if limit.kind == "not-collected"]


def test_a_gap_of_graphs_trace_puts_out_of_reach_what_it_may_hold(tmp_path: Path) -> None:
    pieces = [Piece((0, 12), encoded(in_graph(mail(1)))), Piece((12, 24), status=Status.GAP)]
    collect(tmp_path, ACCESSES, graph_trace(*pieces))
    answer = {one["internet_message_id"]: one["trace"] for one in ask(ready(find_runs(tmp_path)), "emails")}
    assert answer == {"<1@x>": "found", "<gone@x>": "out-of-reach"}


def test_what_was_sent_by_one_road_and_received_by_the_other_is_both_sides(tmp_path: Path) -> None:
    owner = audit_log(Piece(DAY, [row("a", 1, **bind("<gone@x>", MailboxOwnerUPN=ADELE))]))
    sent, received = f"sender:{ADELE}", f"recipient:{ADELE}"
    collect(
        tmp_path,
        owner,
        trace(Piece(DAY, part=sent), parts=(sent,)),
        graph_trace(Piece(DAY, part=received), parts=(received,)),
    )
    (one,) = ask(ready(find_runs(tmp_path)), "emails")
    assert one["trace"] == "not-found"
