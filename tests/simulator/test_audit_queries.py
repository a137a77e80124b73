"""Graph's audit log queries as protocol.md D1 tells of them."""

import json
from datetime import datetime, timedelta
from typing import Any

import pytest

from collector.model import Window
from collector.simulator import (
    EXCHANGE_QUERIES,
    Access,
    AuditRow,
    Behaviour,
    QueryEnd,
    Quotas,
    Scenario,
    takeover,
)

from .conftest import NOW, START, WINDOW, audit_rows
from .graphs import QUERIES, Asker, asking, behaving, code, graphing

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
TEN = Scenario.of(audit=audit_rows(10), window=WINDOW)
STORY = takeover(start=START, days=3, records=120, traces=50)


def row(number: int, created: datetime = START, **fields: Any) -> AuditRow:
    body = json.dumps({"Id": f"id-{number}", "RecordType": 50, "UserId": "megan@x", "Operation": "Send", **fields})
    told = json.loads(body)
    return AuditRow(created, f"id-{number}", told["RecordType"], told["UserId"], told["Operation"], body)


def holding(*rows: AuditRow) -> Scenario:
    return Scenario.of(audit=rows, window=WINDOW)


def ids(asker: Asker, **more: Any) -> set[str]:
    """The ids of what a query finds."""
    return {record["id"] for page in asker.records(asker.finished(**more)) for record in page}


def without_sidecars(value: Any) -> Any:
    if isinstance(value, list):
        return [without_sidecars(item) for item in value]
    if not isinstance(value, dict):
        return value
    return {name: without_sidecars(item) for name, item in value.items() if "@odata.type" not in name}


def test_a_query_is_submitted_followed_and_read() -> None:
    with graphing(TEN) as asker:
        created = asker.submit(operationFilters=["send"])
        identity = created.json()["id"]
        statuses = [asker.status(identity) for _ in range(4)]
        pages = asker.records(identity, top=4)
    assert (created.status_code, created.json()["status"]) == (201, "notStarted")
    assert created.json()["operationFilters"] == ["send"]
    assert statuses == ["notStarted", "running", "succeeded", "succeeded"]
    assert [len(page) for page in pages] == [4, 4, 2]
    assert {record["id"] for page in pages for record in page} == {f"id-{n}" for n in range(10)}


def test_the_records_come_in_no_order() -> None:
    with graphing(TEN) as asker:
        (page,) = asker.records(asker.finished())
    times = [record["createdDateTime"] for record in page]
    assert times != sorted(times)
    assert times != sorted(times, reverse=True)


def test_a_query_takes_the_time_of_the_tenants_clock() -> None:
    with graphing(TEN, **behaving(polls=0, takes=4 * HOUR)) as asker:
        identity = asker.made()
        statuses = []
        for _ in range(4):
            statuses.append(asker.status(identity))
            asker.wait(1.5 * HOUR)
    assert statuses == ["notStarted", "running", "running", "succeeded"]


def test_one_query_fails_one_is_cancelled_and_all_after_them_succeed() -> None:
    ends = QueryEnd.FAILED, QueryEnd.CANCELLED, QueryEnd.SUCCEEDED
    with graphing(TEN, **behaving(ends=ends)) as asker:
        identities = [asker.finished() for _ in range(4)]
        assert [asker.status(each) for each in identities] == ["failed", "cancelled", "succeeded", "succeeded"]
        assert code(asker.ask(f"{QUERIES}/{identities[0]}/records")) == (400, "BadRequest")


def test_records_before_the_end_are_refused_or_are_not_all() -> None:
    with graphing(TEN) as asker:
        assert code(asker.ask(f"{QUERIES}/{asker.made()}/records")) == (400, "BadRequest")
    with graphing(TEN, **behaving(early_records=True)) as asker:
        assert [len(page) for page in asker.records(asker.made())] == [5]


def test_a_query_of_more_records_than_the_limit_succeeds_and_says_so() -> None:
    with graphing(TEN, quotas=Quotas(query_records=7)) as asker:
        identity = asker.made()
        running = asker.ask(f"{QUERIES}/{identity}").json()
        asker.status(identity)
        done = asker.ask(f"{QUERIES}/{identity}").json()
        assert sum(len(page) for page in asker.records(identity)) == 7
    assert not running["isRecordCountLimitExceeded"]
    assert running["approximateReturnedRecordCount"] is None
    told = done["status"], done["isRecordCountLimitExceeded"], done["recordCountLimit"]
    assert told == ("succeeded", True, 7)
    assert done["approximateReturnedRecordCount"] == 7


def test_a_tenant_that_does_not_tell_of_the_limit() -> None:
    with graphing(TEN, quotas=Quotas(query_records=7), **behaving(limit_told=False)) as asker:
        assert "isRecordCountLimitExceeded" not in asker.ask(f"{QUERIES}/{asker.finished()}").json()


def test_v1_is_not_there_and_beta_is() -> None:
    with graphing(TEN, **behaving(v1_queries=False)) as asker:
        refused = asker.submit()
        assert (code(refused), refused.json()["error"]["message"]) == ((404, "UnknownError"), "")
        identity = asker.submit(root="beta").json()["id"]
        assert asker.ask(f"/beta/{QUERIES}/{identity}").status_code == 200
        assert asker.ask(f"{QUERIES}/{identity}").status_code == 404


def test_an_orphan_is_found_again_by_its_name() -> None:
    with graphing(TEN, **behaving(page_rows=2)) as asker:
        made = [asker.made(displayName=f"name-{n}") for n in range(3)]
        pages = asker.pages(asker.ask(QUERIES))
    assert [[query["id"] for query in page] for page in pages] == [[made[2], made[1]], [made[0]]]
    assert pages[1][0]["displayName"] == "name-0"


def test_a_submission_too_many_in_a_day_is_turned_away() -> None:
    with graphing(TEN, quotas=Quotas(query_submissions=2)) as asker:
        asker.made()
        asker.wait(6 * HOUR)
        asker.made()
        refused = asker.submit()
        assert (code(refused), refused.headers["Retry-After"]) == ((429, "TooManyRequests"), str(18 * 3600))
        asker.wait(18 * HOUR)
        assert asker.submit().status_code == 201


def test_a_query_too_many_at_once_is_turned_away_and_a_429_may_not_say_for_how_long() -> None:
    with graphing(TEN, quotas=Quotas(queries_active=1), **behaving(retry_after=False)) as asker:
        identity = asker.made()
        refused = asker.submit()
        assert (code(refused), refused.headers.get("Retry-After")) == ((429, "TooManyRequests"), None)
        while asker.status(identity) != "succeeded":
            pass
        assert asker.submit().status_code == 201


@pytest.mark.parametrize(
    "wrong",
    [
        {"filterStartDateTime": None},
        {"filterStartDateTime": "2026-10-01"},
        {"filterStartDateTime": "2026-10-01T00:00:00"},
        {"filterStartDateTime": "10/01/2026 00:00"},
        {"filterStartDateTime": "2026-12-01T00:00:00Z"},
        {"recordTypeFilters": ["ExchangeItem"]},
        {"recordTypeFilters": "exchangeItem"},
        {"operationFilters": [1]},
        {"keywordFilter": ["x"]},
        {"operations": ["Send"]},
    ],
)
def test_a_body_that_cannot_be_read_is_refused_and_does_not_count(wrong: dict[str, Any]) -> None:
    with graphing(TEN, quotas=Quotas(query_submissions=1)) as asker:
        assert code(asker.submit(**wrong)) == (400, "BadRequest")
        assert asker.submit().status_code == 201


def test_each_filter_narrows() -> None:
    rows = (
        row(0, Operation="MailItemsAccessed", Workload="Exchange"),
        row(1, RecordType=2, ClientIPAddress="192.0.2.7", ObjectId="thing"),
        row(2, UserId="noah@x", Note="needle"),
    )
    asked = (
        {"operationFilters": ["mailitemsaccessed", "Other"]},
        {"recordTypeFilters": ["exchangeItem", "sharePoint"]},
        {"ipAddressFilters": ["192.0.2.7"]},
        {"objectIdFilters": ["Thing"]},
        {"userPrincipalNameFilters": ["NOAH@x"]},
        {"keywordFilter": "Needle"},
        {"serviceFilter": "Exchange"},
        {"administrativeUnitIdFilters": ["unit"]},
        {"operationFilters": [], "keywordFilter": ""},
    )
    with graphing(holding(*rows)) as asker:
        found = [ids(asker, **each) for each in asked]
    assert found[:3] == [{"id-0"}, {"id-1"}, {"id-1"}]
    assert found[3:7] == [{"id-1"}, {"id-2"}, {"id-2"}, {"id-0"}]
    assert found[7:] == [set(), {"id-0", "id-1", "id-2"}]


def test_a_record_that_is_known_later_is_not_in_a_query_of_before() -> None:
    late = row(1)._replace(known_from=NOW + HOUR)
    with graphing(holding(row(0), late)) as asker:
        before = asker.made()
        asker.wait(2 * HOUR)
        assert ids(asker) == {"id-0", "id-1"}
        while asker.status(before) != "succeeded":
            pass
        assert [record["id"] for page in asker.records(before) for record in page] == ["id-0"]


@pytest.mark.parametrize("inclusive", [False, True])
def test_whether_the_end_is_inclusive(inclusive: bool) -> None:
    window = Window(START, START + HOUR)
    with graphing(holding(row(0), row(1, START + HOUR)), behaviour=Behaviour(end_inclusive=inclusive)) as asker:
        found = {record["id"] for page in asker.records(asker.finished(window)) for record in page}
    assert found == ({"id-0", "id-1"} if inclusive else {"id-0"})


def test_what_is_older_than_the_retention_is_not_found_without_a_word() -> None:
    with graphing(holding(row(0, NOW - 200 * DAY), row(1, NOW - 170 * DAY))) as asker:
        found = asker.records(asker.finished(Window(NOW - 300 * DAY, NOW)))
    assert [[record["id"] for record in page] for page in found] == [["id-1"]]


def test_a_role_for_exchange_alone_finds_the_records_of_exchange_alone() -> None:
    rows = row(0), row(1, RecordType=15)
    with graphing(holding(*rows), access=Access(roles=(EXCHANGE_QUERIES,))) as asker:
        assert ids(asker) == {"id-0"}
    with graphing(holding(*rows)) as asker:
        assert ids(asker) == {"id-0", "id-1"}


def test_a_record_looks_as_measured_and_its_users_are_crossed() -> None:
    (signed_in,) = [each for each in STORY.audit_rows if each.operation == "UserLoggedIn"][:1]
    held = json.loads(signed_in.raw_auditdata)
    with graphing(Scenario.of(audit=[signed_in], window=STORY.window)) as asker:
        ((record,),) = asker.records(asker.finished(STORY.window))
    assert list(record) == [
        "id", "createdDateTime", "auditLogRecordType", "operation", "organizationId", "userType", "userId", "service",
        "objectId", "userPrincipalName", "clientIp", "administrativeUnits", "auditData",
    ]  # fmt: skip
    assert (record["userId"], record["userPrincipalName"]) == (held["UserKey"], held["UserId"])
    assert record["userId"] != record["userPrincipalName"]
    told = record["auditLogRecordType"], record["userType"], record["service"], record["clientIp"]
    assert told == ("AzureActiveDirectoryStsLogon", "Regular", "AzureActiveDirectory", None)
    data = record["auditData"]
    assert data["@odata.type"] == "#microsoft.graph.security.defaultAuditData"
    assert data["RecordType@odata.type"] == "#Int64"
    assert data["Actor@odata.type"] == "#Collection(microsoft.graph.security.defaultAuditData)"
    assert list(data["Actor"][0]) == ["ID", "Type@odata.type", "Type"]


@pytest.mark.parametrize("zoned", [False, True])
def test_audit_data_holds_what_the_record_holds(zoned: bool) -> None:
    with graphing(STORY, **behaving(zoned_times=zoned)) as asker:
        pages = asker.records(asker.finished(STORY.window))
    found = {record["id"]: without_sidecars(record["auditData"]) for page in pages for record in page}
    held = {each.identity: json.loads(each.raw_auditdata) for each in STORY.audit_rows}
    for fields in held.values():
        fields["CreationTime"] += "Z" if zoned else ""
    assert found == held


DEEP = '{"A":' * 5000 + "1" + "}" * 5000


@pytest.mark.parametrize(
    ("raw", "readable"),
    [("[]", False), ("no json", False), (DEEP, False), ('{"N":' + "9" * 30 + ',"S":"\\ud800","F":1.5}', True)],
)
def test_an_odd_audit_data_is_served(raw: str, readable: bool) -> None:
    odd = row(0)._replace(body=raw)
    with graphing(holding(odd)) as asker:
        ((record,),) = asker.records(asker.finished())
    assert without_sidecars(record["auditData"]) == (json.loads(raw) if readable else {})


def test_a_query_that_nobody_submitted_is_not_found() -> None:
    with graphing(TEN) as asker:
        assert [code(asker.ask(f"{QUERIES}/none{rest}")) for rest in ("", "/records")] == [(404, "NotFound")] * 2


@pytest.mark.parametrize("top", ["0", "-1", "x", "1.5"])
def test_a_top_that_is_no_number_is_refused(top: str) -> None:
    with graphing(TEN) as asker:
        assert code(asker.ask(f"{QUERIES}/{asker.finished()}/records", top=top)) == (400, "BadRequest")


def test_what_was_submitted_is_remembered_and_no_token_with_it() -> None:
    with graphing(TEN) as asker:
        asker.made()
        seen = asker.tenant.requests[-1]
    assert (seen.method, seen.path, seen.status) == ("POST", f"/v1.0/{QUERIES}", 201)
    assert seen.parameters == asking()
    assert seen.headers["authorization"] == "Bearer"
