"""Exports, good, damaged and hostile: every row is read as it stands, or named with its line."""

import csv
import io
import json
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.errors import UsageError
from collector.simulator import MESSAGE_TRACE, MESSAGE_TRACE_DETAIL, report, takeover
from collector.sources.exports import Row, Unread, csvtext, jsontext, read, text, told
from tests.week import last_wednesday

STORY = takeover(start=last_wednesday(), days=2, records=60, traces=40)
SIGN_INS = b"Date (UTC),Request ID,Username,Application,IP address,Status\n"
SIGN_IN = {"id": "r1", "createdDateTime": "2026-11-01T08:00:00Z", "ipAddress": "192.0.2.1", "appDisplayName": "Office"}
TRACE = "origin_timestamp_utc,sender_address,recipient_status,message_subject,message_id\r\n"


def blocks(data: bytes, size: int = 7) -> Iterator[bytes]:
    return (data[at : at + size] for at in range(0, len(data), size))


def items(data: bytes, kind: str | None = None, size: int = 7) -> list[Row | Unread]:
    return list(read(blocks(data, size), told(blocks(data, size), kind)))


def rows(data: bytes) -> list[dict[str, object]]:
    return [json.loads(item.json) for item in items(data) if isinstance(item, Row)]


def unread(data: bytes) -> dict[int, str]:
    return {item.line: item.why for item in items(data) if isinstance(item, Unread)}


@pytest.mark.parametrize(("report_type", "kind"), [(MESSAGE_TRACE, "trace"), (MESSAGE_TRACE_DETAIL, "detail")])
@pytest.mark.parametrize("mark", [True, False])
def test_a_report_in_utf_16_is_told_with_and_without_its_mark(report_type: str, kind: str, mark: bool) -> None:
    data = report(report_type, STORY.traces, mark=mark)
    form = told(blocks(data, 1000))
    assert (form.kind, form.encoding) == (f"historical-search-{kind}", "utf-16-le")
    assert unread(data) == {}
    ids = {row["message_id"] for row in rows(data)}
    assert ids == {trace.message_id for trace in STORY.traces}


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"])
def test_a_text_is_as_it_stands_in_whatever_encoding(encoding: str) -> None:
    subject = ' "Grüße",  =1+1\n\U0001f600 '
    quoted = '"' + subject.replace('"', '""') + '"'
    data = f"{TRACE}2026,a@contoso.com,b##Receive,{quoted},<1@x>\r\n".encode(encoding)
    (row,) = rows(data)
    assert row["message_subject"] == subject
    assert row["origin_timestamp_utc"] == "2026"


TEXTS = st.text(st.characters(exclude_categories=("Cs",)), max_size=12)


@given(st.lists(st.lists(TEXTS, min_size=6, max_size=6), max_size=5), st.sampled_from(["utf-8", "utf-16-le"]))
def test_whatever_texts_are_written_are_read_as_they_are(table: list[list[str]], encoding: str) -> None:
    written = io.StringIO(newline="")
    csv.writer(written).writerows([SIGN_INS.decode().strip().split(","), *table])
    data = written.getvalue().encode(encoding)
    assert [list(row.values()) for row in rows(data)] == table
    assert unread(data) == {}


def test_half_a_letter_of_utf_16_is_kept_and_not_replaced() -> None:
    data = f"{TRACE}1,a,b,cut \ud83d,<1@x>\n".encode("utf-16-le", "surrogatepass")
    assert rows(data)[0]["message_subject"] == "cut \ud83d"


def test_a_file_that_breaks_off_within_a_letter_says_so() -> None:
    data = f"{TRACE}1,a,b,c,<1@x>\n1,a,b,c,<2@x>".encode("utf-16-le")[:-1]
    assert len(rows(data)) == 1
    assert "not text" in unread(data)[3]


def test_each_row_names_the_line_at_which_it_begins() -> None:
    data = SIGN_INS + b't,r1,"a\nb\nc",o,i,s\n\nt,r2,u,o,i,s\n'
    assert [item.line for item in items(data)] == [2, 6]


def test_of_columns_with_one_name_none_is_lost() -> None:
    data = SIGN_INS.replace(b"Status", b"Status,Status,Status") + b"t,r,u,o,i,x,y,z\n"
    (row,) = rows(data)
    assert [row["Status"], row["Status (2)"], row["Status (3)"]] == ["x", "y", "z"]


@pytest.mark.parametrize(
    ("damage", "why"),
    [
        (b't,r,"x"y,o,i,s\n', "expected after"),
        (b"t,r,u,o,i\n", "5 texts"),
        (b"t,r,u,o,i,s,more\n", "7 texts"),
        (b"t,r,\xff\xfe,o,i,s\n", "not text"),
        (b"\0" * 40 + b"\n", "1 texts"),
        (b"t,r,u\rv,o,i,s\n", "new-line"),
    ],
)
def test_a_damaged_row_is_named_and_the_next_one_is_read(damage: bytes, why: str) -> None:
    data = SIGN_INS + b"t,r1,u,o,i,s\n" + damage + b"t,r3,u,o,i,s\n"
    assert [row["Request ID"] for row in rows(data)] == ["r1", "r3"]
    assert why in unread(data)[3]


def test_a_quote_that_is_never_closed_costs_one_row_and_not_the_file() -> None:
    data = SIGN_INS + b't,"r1,u,o,i,s\n' + b"t,r,u,o,i,s\n" * 5
    assert len(rows(data)) == 5
    assert list(unread(data)) == [2]


def test_an_endless_line_is_named_and_never_held(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(text, "LONGEST", 100)
    monkeypatch.setattr(csvtext, "LONGEST", 100)
    data = SIGN_INS + b"t,r1,u,o,i,s\n" + b"x" * 5000 + b"\nt,r3,u,o,i,s\n"
    assert [row["Request ID"] for row in rows(data)] == ["r1", "r3"]
    assert "too long" in unread(data)[3]


def test_the_separators_of_other_countries_are_told() -> None:
    for delimiter in (b";", b"\t"):
        data = (SIGN_INS + b"t,r,u,o,i,s\n").replace(b",", delimiter)
        assert rows(data)[0]["Username"] == "u"


AS_JSON = (b'{"id":"r1", "createdDateTime":"2026","ipAddress":"i","appDisplayName":"o","n":1.10,"s":"\\ud83d}"}',)


@pytest.mark.parametrize(
    "frame",
    [b"[%b,%b]", b"%b\n%b\n", b'{"@odata.context":"x","value":[%b,\n%b]}', b"\xef\xbb\xbf [%b , %b ] \n", b"[%b][%b]"],
)
def test_a_record_of_json_is_its_own_bytes_in_whatever_frame(frame: bytes) -> None:
    (one,) = AS_JSON
    found = items(frame % (one, one.replace(b"r1", b"r2")))
    assert [item.json for item in found if isinstance(item, Row)] == [one, one.replace(b"r1", b"r2")]
    assert len(found) == 2


def test_a_pretty_printed_record_loses_its_line_breaks_and_nothing_else() -> None:
    data = json.dumps([SIGN_IN, SIGN_IN], indent=2).encode()
    found = items(data)
    assert [item.line for item in found] == [2, 8]
    assert all(isinstance(item, Row) and b"\n" not in item.json and json.loads(item.json) == SIGN_IN for item in found)


def test_json_in_utf_16_is_read_too() -> None:
    assert rows(json.dumps([SIGN_IN]).encode("utf-16")) == [SIGN_IN]


def test_a_next_page_that_is_not_in_the_file_is_named() -> None:
    for data in (
        {"@odata.nextLink": "https://graph.example.org/x", "value": [SIGN_IN]},
        {"value": [SIGN_IN], "@odata.nextLink": "https://graph.example.org/x"},
    ):
        assert rows(json.dumps(data).encode()) == [SIGN_IN]
        assert list(unread(json.dumps(data).encode()).values()) == ["the answer names a next page, which is not in it"]


@pytest.mark.parametrize("value", [[], [{"x": 1}], [SIGN_IN]])
def test_a_record_that_has_a_value_is_a_record_and_no_answer(value: list[object]) -> None:
    for odd in (SIGN_IN | {"value": value}, {"@odata.type": "signIn", "value": value} | SIGN_IN):
        data = b"\n".join(json.dumps(one).encode() for one in (SIGN_IN, odd, SIGN_IN))
        assert rows(data) == [SIGN_IN, odd, SIGN_IN]
        assert unread(data) == {}


def test_what_stands_behind_a_long_answers_list_is_named_and_what_follows_is_read() -> None:
    answer = {"value": [SIGN_IN | {"note": "x" * 70_000}], "more": {"a": {}}, "@odata.nextLink": "x"}
    data = json.dumps(answer).encode() + b"\n" + json.dumps(SIGN_IN).encode()
    found = items(data, size=1 << 16)
    assert [json.loads(item.json)["id"] for item in found if isinstance(item, Row)] == ["r1", "r1"]
    assert [item.why for item in found if isinstance(item, Unread)] == [
        '"more" stands beside the list, and is not read',
        "the answer names a next page, which is not in it",
    ]


def test_a_list_that_breaks_off_says_so_after_the_records_that_came() -> None:
    whole = json.dumps([SIGN_IN, SIGN_IN]).encode()
    assert len(rows(whole[:-9])) == 1
    assert "does not end" in unread(whole[:-9])[1]
    assert "breaks off" in unread(whole[:-1])[1]


def test_a_damaged_object_of_a_list_is_named_and_its_inner_objects_are_no_records() -> None:
    one = json.dumps(SIGN_IN | {"status": {"ipAddress": "x"}}, indent=1)
    data = f"[{one},\n{one.replace(':', ';', 1)},\n{one}]".encode()
    assert len(rows(data)) == 2
    assert list(unread(data).values()) == ["it is not JSON"]


@pytest.mark.parametrize("odd", [b"null", b"-1.5e3", b'"a ] \\" text"', b"[]", b'[{"id":"inner"},[1]]'])
def test_what_is_no_object_in_a_list_costs_no_record(odd: bytes) -> None:
    one = json.dumps(SIGN_IN).encode()
    for data in (b"[%b,%b,\n%b]" % (one, odd, one), b"[%b,\n%b , %b\n]" % (odd, one, odd)):
        assert {row["id"] for row in rows(data)} == {"r1"}
        assert set(unread(data).values()) == {"it is no object"}
    assert len(rows(b"[%b,%b,%b]" % (one, odd, one))) == 2


def test_a_list_within_a_list_is_named_where_it_begins() -> None:
    data = b"[\n%b,\n[1,\n2]]" % json.dumps(SIGN_IN).encode()
    assert unread(data) == {3: "it is no object"}


def test_a_member_outside_of_its_object_ends_the_list() -> None:
    data = b"[%b" % json.dumps(SIGN_IN).encode() + b'},"more":{"id":"inner"}]'
    assert rows(data) == [SIGN_IN]
    assert "from here on" in unread(data)[1]


def test_a_line_that_is_no_json_costs_that_line() -> None:
    one = json.dumps(SIGN_IN).encode()
    data = b"\n".join([one, b'{"id": "cut off', b"Exported 2 records", one, b""])
    assert len(rows(data)) == 2
    assert list(unread(data)) == [2]


def test_an_object_that_never_ends_is_given_up_within_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jsontext, "LONGEST", 2000)
    data = b"[" + json.dumps(SIGN_IN).encode() + b',{"x":[' + b'"a",' * 5000
    assert rows(data) == [SIGN_IN]
    assert "from here on" in unread(data)[1]


def test_objects_that_never_end_cost_no_more_time_than_the_file_is_long() -> None:
    one = json.dumps(SIGN_IN).encode()
    data = one + b"\n" + b'{"x":[{\n' * 20_000 + one + b"\n"
    found = list(read(blocks(data, 1 << 16), told(blocks(data, 1 << 16))))
    assert [item.line for item in found if isinstance(item, Row)] == [1, 20_002]
    assert len(found) == 20_002


def test_after_damage_an_inner_object_of_a_pretty_printed_one_is_no_record() -> None:
    one = json.dumps(SIGN_IN | {"list": [{"ipAddress": "x"}]}, indent=1)
    data = "\n".join([one, one.replace("]", ")"), one]).encode()
    assert len(rows(data)) == 1
    assert len(unread(data)) == 2


def test_a_record_that_nests_too_deep_is_named() -> None:
    deep = json.dumps(SIGN_IN)[:-1].encode() + b',"x":' + b"[" * 2000 + b"]" * 2000 + b"}"
    data = b"[" + json.dumps(SIGN_IN).encode() + b"," + deep + b"]"
    assert rows(data) == [SIGN_IN]
    assert unread(data) == {1: "it is not JSON"}


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\0" * 64,
        b"PK\x03\x04 a zip",
        b"name,value\n1,2\n",
        b'{"id": 1}\n',
        b"[[[[[[",
        b"[]",
        b'"Date (UTC)\n',
        b"<html>sign in</html>",
        b"x" * 100_000,
    ],
)
def test_what_is_no_export_is_refused(data: bytes) -> None:
    with pytest.raises(UsageError):
        told(blocks(data))


def test_what_it_is_said_to_be_must_be_so() -> None:
    assert told(blocks(SIGN_INS), "entra-sign-ins").kind == "entra-sign-ins"
    with pytest.raises(UsageError, match="not historical-search-trace"):
        told(blocks(SIGN_INS), "historical-search-trace")
    with pytest.raises(UsageError, match="not a kind"):
        told(blocks(SIGN_INS), "gossip")


def test_blocks_of_any_size_make_no_difference() -> None:
    for data in (report(MESSAGE_TRACE, STORY.traces), json.dumps([SIGN_IN] * 9, indent=1).encode()):
        assert items(data, size=3) == items(data, size=1 << 20)


def test_columns_of_one_name_take_no_longer_than_others() -> None:
    names = csvtext.names_of(b"a,a (2)," + b"a," * 200_000 + b"b", ",")
    assert len(set(names)) == 200_003
    assert names[:4] == ("a", "a (2)", "a (3)", "a (4)")
