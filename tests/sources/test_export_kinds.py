"""Each kind of export, good, damaged and hostile: told from its content, however it is written, and from no other."""

import codecs
import json
import os
import time
from collections.abc import Iterator

import pytest

from collector.errors import UsageError
from collector.sources.exports import KINDS, Form, Row, Session, Unread, dated, read, times_in_utc, told
from tests.sources import exported
from tests.sources.exported import Line, table

RECORDS: list[Line] = [
    {
        "CreationTime": f"2026-11-10T08:00:0{number}",
        "Id": f"record-{number}",
        "Operation": "MailItemsAccessed",
        "RecordType": 50,
        "Workload": "Exchange",
        "UserId": "megan@contoso.example.org",
        "ClientIPAddress": "203.0.113.66",
        "OriginatingServer": "DB7 (15.20)\r\n",
        "OperationProperties": [{"Name": "MailAccessType", "Value": "Bind"}],
        "Folders": [{"Path": "\\Boîte de réception", "FolderItems": [{"InternetMessageId": f"<{number};,\t@x>"}]}],
    }
    for number in range(3)
]
TRACE: Line = {
    "MessageTraceId": "t-1",
    "MessageId": "<1@x>",
    "Received": "11/10/2026 6:00:00 AM",
    "SenderAddress": "a@fabrikam.example.org",
    "RecipientAddress": "megan@contoso.example.org",
    "Subject": '=cmd; "Grüße",\r\nsecond line',
    "Status": "Delivered",
    "Size": 12,
}
SIGN_IN = {"id": "r1", "createdDateTime": "2026-11-01T08:00:00Z", "ipAddress": "192.0.2.1", "appDisplayName": "Office"}
ROWS = exported.ual_rows(RECORDS)
EXPORTS: dict[str, list[Line]] = {
    "purview-audit-log": exported.portal_rows(RECORDS),
    "unified-audit-log": ROWS,
    "purview-audit-query": exported.graph_rows(RECORDS),
    "audit-records": RECORDS,
    "office-activity": exported.office_rows(RECORDS),
    "message-trace": exported.traces([TRACE] * 3),
    "historical-search-trace": [
        {"origin_timestamp_utc": "t", "sender_address": "a", "recipient_status": "b##x", "message_id": "<1@x>"}
    ],
    "historical-search-detail": [
        {"date_time_utc": "t", "event_id": "SEND", "message_id": "<1@x>", "recipient_address": "b"}
    ],
    "entra-sign-ins": [SIGN_IN],
    "plan-script": [{"source": "tenant-settings", "part": "Get-OrganizationConfig", "row": {"AuditDisabled": False}}],
}


def blocks(data: bytes, size: int = 97) -> Iterator[bytes]:
    return (data[at : at + size] for at in range(0, len(data), size))


def form(data: bytes, kind: str | None = None) -> Form:
    return dated(blocks(data), told(blocks(data), kind))


def items(data: bytes) -> list[Row | Unread]:
    return list(read(blocks(data), form(data)))


def rows(data: bytes) -> list[Line]:
    return [json.loads(item.json) for item in items(data) if isinstance(item, Row)]


def texts(data: bytes) -> list[str]:
    return [row["AuditData"] for row in rows(data)]


def times(data: bytes) -> list[dict[str, str]]:
    told_of = form(data)
    return [times_in_utc(item, told_of) for item in items(data) if isinstance(item, Row)]


def test_every_kind_is_tried_here() -> None:
    assert set(EXPORTS) == {kind.name for kind in KINDS}


@pytest.mark.parametrize("kind", EXPORTS)
def test_each_kind_is_told_as_csv_and_as_json_and_is_no_other(kind: str) -> None:
    found = EXPORTS[kind]
    for data in (table(found), json.dumps(found).encode(), exported.lines(found), json.dumps(found, indent=4).encode()):
        assert form(data).kind == form(data, kind).kind == kind
        assert len(rows(data)) == len(found)
        for other in EXPORTS:
            if other != kind and not (kind == "purview-audit-log" and other == "unified-audit-log"):
                with pytest.raises(UsageError, match=f"not {other}"):
                    told(blocks(data), other)


@pytest.mark.parametrize(
    "above", ["", "#TYPE Deserialized.Microsoft.Exchange.Data\r\n", "sep={}\r\n", '"sep={}"\r\n\r\n']
)
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"])
def test_whatever_stands_above_between_and_underneath_a_record_is_as_it_was(
    above: str, delimiter: str, encoding: str
) -> None:
    data = table(ROWS, delimiter, above=above.format(delimiter), encoding=encoding)
    assert texts(data) == [row["AuditData"] for row in ROWS]
    assert [item.line for item in items(data)] == [number + above.count("\n") for number in (2, 3, 4)]


def test_utf_16_that_begins_with_its_other_mark_is_told() -> None:
    data = codecs.BOM_UTF16_BE + table(ROWS, encoding="utf-16-be")
    assert form(data).encoding == "utf-16-be"
    assert texts(data) == [row["AuditData"] for row in ROWS]


def test_unquoted_text_without_a_last_line_break_is_read() -> None:
    data = table(exported.traces([TRACE]), quote=False).removesuffix(b"\r\n")
    (row,) = rows(data)
    assert row["Subject"] == TRACE["Subject"]


def test_arrays_one_after_another_with_records_taken_apart_are_read() -> None:
    found = rows(exported.mes_json(RECORDS))
    assert [row["AuditData"] for row in found] == RECORDS


@pytest.mark.parametrize("kind", EXPORTS)
def test_a_damaged_line_of_each_kind_is_named_and_costs_no_other(kind: str) -> None:
    first, *rest = table(EXPORTS[kind] * 2, encoding="utf-8").splitlines(keepends=True)
    data = b"".join([first, b'"cut off\xff\r\n', *rest])
    found = items(data)
    assert [item.line for item in found if isinstance(item, Unread)] == [2]
    assert len(found) == len(EXPORTS[kind]) * 2 + 1
    damaged = exported.lines(EXPORTS[kind]) + b'{"cut": \r\n' + exported.lines(EXPORTS[kind])
    named = [item.line for item in items(damaged) if isinstance(item, Unread)]
    assert named == [len(EXPORTS[kind]) + 1]
    assert len(items(damaged)) == len(EXPORTS[kind]) * 2 + 1


def test_headers_in_the_middle_of_appended_files_are_rows_that_say_nothing() -> None:
    found = rows(table(ROWS) + table(ROWS))
    assert [row["Identity"] for row in found].count("Identity") == 1
    assert len(found) == 7


def test_rows_that_never_close_their_quotes_cost_no_more_time_than_the_file_is_long() -> None:
    begun = time.process_time()
    found = items(table(ROWS) + b'a","\r\n' * 60_000 + table(ROWS))
    assert time.process_time() - begun < 20
    assert sum(isinstance(item, Row) for item in found) == 3 + 4  # the second header is one
    assert [item.line for item in found][:3] == [2, 3, 4]


def test_after_a_quote_too_many_a_row_of_several_lines_is_read() -> None:
    trace = exported.traces([TRACE, TRACE])
    first, *rest = table(trace).splitlines(keepends=True)
    found = items(b"".join([first, b'"open,1,2\r\n', *rest]))
    assert [type(item) for item in found] == [Unread, Row, Row]


US = ["11/3/2026 6:00:00 AM", "11/13/2026 12:00:00 AM", "11/13/2026 12:30:00 PM"]


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        (US, ["2026-11-03T06:00:00Z", "2026-11-13T00:00:00Z", "2026-11-13T12:30:00Z"]),
        (["03.11.2026 06:00:00", "13.11.2026 18:00:07"], ["2026-11-03T06:00:00Z", "2026-11-13T18:00:07Z"]),
        (["3/11/2026 6:00", "13/11/2026 06:05:00 pm"], ["2026-11-03T06:00:00Z", "2026-11-13T18:05:00Z"]),
        (["11/13/2026, 6:00:00.123\u202fAM"], ["2026-11-13T06:00:00.123000Z"]),
        (["/Date(1794290400000)/"], ["2026-11-10T06:00:00Z"]),
        (["11/3/2026 6:00:00 AM"], [None]),
        (["11/13/2026 6:00:00 AM", "13/11/2026 6:00:00 AM"], [None, None]),
        (["2026-11-10T06:00:00Z", "13/13/2026 6:00:00", "", "yesterday"], [None] * 4),
        (["11/13/2026 13:00:00 PM", "11/31/2026 1:00:00 AM", "/Date(999999999999999)/"], [None] * 3),
    ],
)
@pytest.mark.parametrize("zone", ["UTC", "America/New_York", "Asia/Kathmandu"])
def test_a_countrys_dates_are_read_only_where_the_file_shows_them_in_whatever_zone_we_are(
    written: list[str], meant: list[str | None], zone: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TZ", zone)
    monkeypatch.setenv("LC_ALL", "de_DE.UTF-8")
    time.tzset()
    try:
        data = table(exported.traces([TRACE | {"Received": one} for one in written]))
        assert [one.get("Received") for one in times(data)] == meant
        assert [row["Received"] for row in rows(data)] == written
    finally:
        os.environ["TZ"] = "UTC"
        time.tzset()


@pytest.mark.parametrize(
    ("column", "others"),
    [
        ("Date (UTC)", ("Request ID", "IP address", "Application")),
        ("createdDateTime", ("ipAddress", "appDisplayName")),
        ("origin_timestamp_utc", ("sender_address", "recipient_status", "message_id")),
        ("date_time_utc", ("event_id", "message_id", "recipient_address")),
    ],
)
def test_a_countrys_dates_are_read_in_sign_ins_and_reports_too(column: str, others: tuple[str, ...]) -> None:
    data = table([{column: one} | dict.fromkeys(others, "x") for one in US])
    assert [one.get(column) for one in times(data)] == [
        "2026-11-03T06:00:00Z",
        "2026-11-13T00:00:00Z",
        "2026-11-13T12:30:00Z",
    ]


def test_a_damaged_date_takes_nothing_from_what_the_others_show() -> None:
    for damaged in ("13/13/2026 6:00", "32/1/2026 6:00", "1/45/2026 6:00"):
        data = table(exported.traces([TRACE | {"Received": one} for one in ("13/11/2026 6:00", damaged)]))
        assert [one.get("Received") for one in times(data)] == ["2026-11-13T06:00:00Z", None]


def test_a_time_that_powershell_5_wrote_as_an_object_is_read() -> None:
    received = {"value": "/Date(1794290400000)/", "DisplayHint": 2, "DateTime": "Tuesday"}
    data = json.dumps(exported.traces([TRACE | {"Received": received}, TRACE | {"Received": {"value": 7}}])).encode()
    assert times(data) == [{"Received": "2026-11-10T06:00:00Z"}, {}]


def test_sentinels_column_in_utc_is_a_time_and_one_in_another_zone_is_no_such_export() -> None:
    (row, *_) = exported.office_rows(RECORDS, "TimeGenerated [UTC]")
    data = table([row | {"TimeGenerated [UTC]": "11/13/2026, 8:00:00.000 AM"}])
    assert times(data) == [{"TimeGenerated [UTC]": "2026-11-13T08:00:00Z"}]
    with pytest.raises(UsageError):
        form(table(exported.office_rows(RECORDS, "TimeGenerated [Local Time]")))


def asked(numbers: list[object], count: object) -> bool:
    session = Session()
    for number in numbers:
        session.add(json.dumps({"ResultIndex": number, "ResultCount": count}).encode())
    return session.whole


def test_rows_without_a_hole_show_that_a_question_was_answered_whole() -> None:
    assert asked(["2", "1", "3"], "3")
    assert asked([3, 2, 1], 3)


@pytest.mark.parametrize(
    ("numbers", "count"),
    [
        ([1, 3], 3),
        ([1, 2, 3, 1, 2, 3], 3),
        ([1, 2], 3),
        ([1, 2, 3, 4], 3),
        ([-1], 0),
        ([0, 1], 2),
        ([None, 1], 1),
        (["1.0", "x"], 1),
        ([], 0),
        (list(range(1, 101)), 100),
        (list(range(1, 50_001)), 50_000),
        (["9" * 5000], "9" * 5000),
    ],
)
def test_nothing_is_claimed_of_rows_with_a_hole_twice_or_at_a_ceiling(numbers: list[object], count: object) -> None:
    assert not asked(numbers, count)


def test_rows_of_two_questions_that_go_on_in_one_another_show_nothing() -> None:
    session = Session()
    for number in range(1, 8):
        session.add(json.dumps({"ResultIndex": number, "ResultCount": 5 if number <= 3 else 7}).encode())
    assert not session.whole


def test_a_row_with_half_a_letter_counts() -> None:
    session = Session()
    session.add(b'{"x":"\\ud83d","ResultIndex":1,"ResultCount":1}')
    assert session.whole
