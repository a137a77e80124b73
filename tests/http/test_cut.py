"""Rows come out of an answer as the bytes that came in, all of them, or the answer is unreadable as a whole."""

import contextlib
import json

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from collector.errors import Unanswered
from collector.http.cut import Envelope, cut, cut_array

ROWS = {
    "compact": b'{"a":1,"b":[true,false,null],"c":"x"}',
    "blanks kept": b'{ "a" :\t1 }',
    "escapes kept": rb'{"a":"\u00e9\/\n\"\\"}',
    "lone surrogate": rb'{"a":"\ud800 and \udc00"}',
    "lone surrogate in a key": rb'{"\udfff":1}',
    "NaN": b'{"a":NaN,"b":Infinity,"c":-Infinity}',
    "an integer of 30 digits": b'{"a":123456789012345678901234567890}',
    "an integer of 5,000 digits": b'{"a":' + b"9" * 5000 + b"}",
    "a float of many digits": b'{"a":0.1000000000000000055511151231257827,"b":1e999,"c":-0.0}',
    "keys twice": b'{"a":1,"a":2,"a":{"b":1,"b":2}}',
    "a member called value": b'{"value":["x"],"@odata.nextLink":5,"error":{}}',
    "U+2028 and U+0085": '{"a":"x\u2028y\u2029z\u0085"}'.encode(),
    "NUL in a text": b'{"a":"x\0y"}',
    "a tab in a text": b'{"a":"x\ty"}',
    "bytes that are no UTF-8": b'{"a":"\xff\xfe\xc3"}',
    "CR LF escaped at an end": rb'{"OriginatingServer":"DB7PR04MB4346 (15.20.2878.014)\r\n"}',
    "a sidecar": b'{"Received@data.type":"System.DateTime","Received":"2026-11-01T00:00:00.0000001Z"}',
    "JSON in a text": rb'{"AuditData":"{\"value\":[1],\"@odata.nextLink\":\"x\",\"a\":\"\\u0041\"}"}',
    "an escaped letter": rb'{"\u0076alue":1}',
    "deep, as far as readers go": b'{"a":' + b"[" * 400 + b"]" * 400 + b"}",
    "no object": b'"text"',
    "null": b"null",
}


@pytest.mark.parametrize("row", ROWS.values(), ids=ROWS.keys())
def test_a_row_is_not_changed_by_a_byte(row: bytes) -> None:
    around = (b'{"Identity":"first"}', row, b'{"Identity":"last"}')
    assert cut(b'{"@adminapi.warnings":[],"value":[%b]}' % b",".join(around)).rows == around
    assert cut(b'{"value":[%b],"@odata.context":"x"}' % b" , ".join(around)).rows == around


@pytest.mark.parametrize("broken", [b"\n", b"\r\n", b"\r", b"\n\n\t"])
def test_line_breaks_between_tokens_are_the_one_thing_left_out(broken: bytes) -> None:
    row = b'{%b"a":%b[1,%b2],"b":"x\\ny"%b}' % ((broken,) * 4)
    expected = row.replace(b"\n", b"").replace(b"\r", b"")
    assert cut(b'{"value":[%b%b%b]}' % (broken, row, broken)).rows == (expected,)
    assert cut(b'{"value":[%b,NaN%b]}' % (row, broken)).rows == (expected, b"NaN")


def test_a_pretty_printed_page_gives_rows_of_one_line_each() -> None:
    rows = [{"a": {"b": [1, 2]}, "c": "x\r\ny"}, {"d": "\u2028"}]
    body = json.dumps({"@adminapi.warnings": ["w"], "value": rows}, indent=2, ensure_ascii=False).replace("\n", "\r\n")
    got = cut(body.encode())
    assert [json.loads(row) for row in got.rows] == rows
    assert not any(b"\n" in row or b"\r" in row for row in got.rows)
    assert got.warnings == ("w",)


@pytest.mark.parametrize("second", ["value", r"\u0076alue", r"valu\u0065"])
def test_a_second_value_member_hides_no_row(second: str) -> None:
    body = b'{"value":[{"a":1},{"a":2}],"x":{"value":[9]},"%b":[{"a":3}]}' % second.encode()
    assert cut(body).rows == (b'{"a":1}', b'{"a":2}', b'{"a":3}')


@pytest.mark.parametrize("name", ["@adminapi.warnings", r"\u0040adminapi.warnings"])
def test_a_second_warnings_member_hides_no_warning(name: str) -> None:
    body = b'{"@adminapi.warnings":["A task was canceled."],"value":[],"%b":[]}' % name.encode()
    assert cut(body).warnings == ("A task was canceled.",)


@pytest.mark.parametrize(
    ("said", "warnings"),
    [
        (b"null", ()),
        (b'"canceled"', ("canceled",)),
        (b"5", ("5",)),
        (b'[null,{"a":1}]', ('{"a": 1}',)),
        (rb'["a\ud800b"]', (r"a\ud800b",)),
        (b'["a\xff"]', ("a\ufffd",)),
    ],
)
def test_warnings_of_an_odd_shape_are_not_lost_and_can_be_written(said: bytes, warnings: tuple[str, ...]) -> None:
    got = cut(b'{"@adminapi.warnings":%b,"value":[1]}' % said)
    assert got.warnings == warnings
    "\n".join(got.warnings).encode()


@pytest.mark.parametrize("row", [b"1", b"NaN"], ids=["fast", "slow"])
@pytest.mark.parametrize("rest", [b'"error":{"code":"InternalServerError"}', b'"@adminapi.errors":["x"]'])
def test_a_stream_that_ends_in_an_error_is_no_answer(row: bytes, rest: bytes) -> None:
    body = b'{"value":[%b],%b}' % (row, rest)
    with pytest.raises(Unanswered) as caught:
        cut(body)
    assert (caught.value.reason, caught.value.body) == ("errors-beside-rows", body)


@pytest.mark.parametrize("row", [b"1", b"NaN"], ids=["fast", "slow"])
def test_an_error_that_is_null_is_none(row: bytes) -> None:
    assert cut(b'{"value":[%b],"error":null,"@adminapi.errors":[],"@odata.nextLink":null}' % row).rows == (row,)


@pytest.mark.parametrize("row", [b"1", b"NaN"], ids=["fast", "slow"])
def test_the_next_link_is_found_on_both_ways(row: bytes) -> None:
    link = "https://outlook.contoso.example.org/adminapi/beta/x/InvokeCommand?%24skiptoken=a"
    assert cut(b'{"@odata.nextLink":"%b","value":[%b]}' % (link.encode(), row)).next_link == link


UNREADABLE = {
    "nothing": b"",
    "blanks": b" \r\n",
    "HTML": b"<!DOCTYPE html><html></html>",
    "plain text": b"Service unavailable",
    "NULs": bytes(4096),
    "a list": b"[]",
    "no value": b'{"@adminapi.warnings":[]}',
    "value is null": b'{"value":null}',
    "value is an object": b'{"value":{"a":1}}',
    "a second value that is no list": b'{"value":[1],"value":{"a":1}}',
    "Value": b'{"Value":[1]}',
    "cut in a row": b'{"value":[{"a":1},{"a":',
    "cut between rows": b'{"value":[{"a":1},{"a":2}',
    "cut before the last brace": b'{"value":[{"a":1}]',
    "cut after a comma": b'{"value":[{"a":1},',
    "a row left out": b'{"value":[{"a":1},]}',
    "a row left out at the start": b'{"value":[,{"a":1}]}',
    "a member left out": b'{"value":[{"a":1}],}',
    "two answers glued": b'{"value":[1]}{"value":[2]}',
    "two answers on two lines": b'{"value":[1]}\n{"value":[2]}',
    "something behind it": b'{"value":[1]}\0',
    "too deep": b'{"value":[' + b"[" * 100_000 + b"]" * 100_000 + b"]}",
    "cut deep": b'{"value":[' + b"[" * 100_000,
    "a line break inside a text": b'{"value":["a\nb"]}',
    "a line break inside a text beside a NaN": b'{"value":["a\r\nb",NaN]}',
    "a bad escape": rb'{"value":["\x"]}',
    "a bad number": b'{"value":[01]}',
    "a key that is no text": b'{[1]:2,"value":[]}',
    "a key that is a number": b'{1:2,"value":[]}',
    "a next link that is no text": b'{"value":[1],"@odata.nextLink":5}',
    "two next links": b'{"value":[1],"@odata.nextLink":"a","@odata.nextLink":"b"}',
    "UTF-16": '{"value":[1]}'.encode("utf-16"),
}


@pytest.mark.parametrize("body", UNREADABLE.values(), ids=UNREADABLE.keys())
def test_what_cannot_be_taken_apart_is_kept_whole_and_is_no_answer(body: bytes) -> None:
    with pytest.raises(Unanswered) as caught:
        cut(body)
    assert caught.value.body == body
    assert caught.value.reason in {"not-json", "unreadable"}


def test_a_byte_order_mark_is_passed_over() -> None:
    assert cut(b'\xef\xbb\xbf{"value":[{"a":"\xef\xbb\xbf"}]}').rows == (b'{"a":"\xef\xbb\xbf"}',)


ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters()),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(st.characters()), inner, max_size=4),
    max_leaves=12,
)
BLANKS = st.text(" \t\r\n", max_size=3)


def spaced(value: object, blanks: st.DataObject, *, compact: bool) -> str:
    """Write JSON with drawn white space between its tokens."""

    def gap() -> str:
        return "" if compact else blanks.draw(BLANKS)

    if isinstance(value, dict):
        members = (
            f"{gap()}{json.dumps(k)}{gap()}:{gap()}{spaced(v, blanks, compact=compact)}" for k, v in value.items()
        )
        return "{" + f"{gap()},".join(members) + gap() + "}"
    if isinstance(value, list):
        items = (f"{gap()}{spaced(item, blanks, compact=compact)}" for item in value)
        return "[" + f"{gap()},".join(items) + gap() + "]"
    return json.dumps(value)


@given(st.lists(ANY_JSON, max_size=6), st.booleans(), st.data())
def test_every_row_comes_out_as_it_went_in(rows: list[object], compact: bool, data: st.DataObject) -> None:
    page = spaced({"@adminapi.warnings": [], "value": rows, "@odata.context": "x"}, data, compact=compact)
    got = cut(page.encode())
    assert [repr(json.loads(row)) for row in got.rows] == [repr(json.loads(json.dumps(row))) for row in rows]
    if compact:
        assert list(got.rows) == [spaced(row, data, compact=True).encode() for row in rows]


@given(st.lists(ANY_JSON, min_size=1, max_size=3), st.data())
def test_a_page_that_is_cut_anywhere_never_passes_for_a_shorter_one(rows: list[object], data: st.DataObject) -> None:
    body = json.dumps({"value": rows}).encode()
    with pytest.raises(Unanswered):
        cut(body[: data.draw(st.integers(0, len(body) - 1))])


LOOKS_LIKE_ONE = st.text('{}[],:"\\u0e value1 @odminpi.wrgsNxtLk\r\n\t', max_size=60)


@given(st.binary(max_size=80) | LOOKS_LIKE_ONE.map(lambda text: ('{"value":[' + text).encode()))
@example(b'{"value":[],"@adminapi.warnings":{"a":[1]}}')
@example(b'{{}:1,"value":[]}')
def test_no_body_is_more_than_unreadable(body: bytes) -> None:
    with contextlib.suppress(Unanswered):
        assert all(b"\n" not in row for row in cut(body).rows)


@pytest.mark.parametrize("row", ROWS.values(), ids=ROWS.keys())
def test_a_member_of_a_bare_array_is_not_changed_by_a_byte(row: bytes) -> None:
    around = (b'{"Id":"first"}', row, b'{"Id":"last"}')
    assert cut_array(b"[%b]" % b",".join(around)).rows == around
    assert cut_array(b"\xef\xbb\xbf [ %b\t] \n" % b" , ".join(around)).rows == around


@pytest.mark.parametrize("body", [b"[]", b" [ \r\n] ", b"\xef\xbb\xbf[]"])
def test_an_array_may_be_empty(body: bytes) -> None:
    assert cut_array(body) == Envelope((), (), None)


def test_a_pretty_printed_array_gives_rows_of_one_line_each() -> None:
    rows = [{"a": {"b": [1, 2]}, "c": "x\r\ny"}, {"d": "\u2028"}]
    body = json.dumps(rows, indent=2, ensure_ascii=False).replace("\n", "\r\n").encode()
    for spoilt in (body, body[:-1] + b",NaN]"):
        got = cut_array(spoilt).rows
        assert [json.loads(row) for row in got[:2]] == rows
        assert not any(b"\n" in row or b"\r" in row for row in got)


NO_ARRAY = {
    "nothing": (b"", "not-json"),
    "blanks": (b" \r\n", "not-json"),
    "HTML": (b"<!DOCTYPE html><html></html>", "not-json"),
    "NULs": (bytes(64), "not-json"),
    "an object": (b'{"value":[1]}', "unreadable"),
    "null": (b"null", "not-json"),
    "cut in a row": (b'[{"a":1},{"a":', "unreadable"),
    "cut between rows": (b'[{"a":1},{"a":2}', "unreadable"),
    "cut after a comma": (b'[{"a":1},', "unreadable"),
    "a row left out": (b'[{"a":1},]', "unreadable"),
    "a row left out at the start": (b'[,{"a":1}]', "unreadable"),
    "two answers glued": (b"[1][2]", "unreadable"),
    "two answers on two lines": (b"[1]\n[2]", "unreadable"),
    "something behind it": (b"[1]\0", "unreadable"),
    "something behind what only the slow way reads": (b"[NaN] x", "unreadable"),
    "too deep": (b"[" * 100_000 + b"]" * 100_000, "unreadable"),
    "a line break inside a text": (b'["a\nb"]', "unreadable"),
    "a bad number": (b"[01]", "unreadable"),
    "UTF-16": ("[1]".encode("utf-16"), "not-json"),
}


@pytest.mark.parametrize(("body", "reason"), NO_ARRAY.values(), ids=NO_ARRAY.keys())
def test_what_is_no_array_is_kept_whole_and_is_no_answer(body: bytes, reason: str) -> None:
    with pytest.raises(Unanswered) as caught:
        cut_array(body)
    assert (caught.value.reason, caught.value.body) == (reason, body)


@given(st.lists(ANY_JSON, max_size=6), st.booleans(), st.data())
def test_every_member_of_an_array_comes_out_as_it_went_in(
    rows: list[object], compact: bool, data: st.DataObject
) -> None:
    got = cut_array(spaced(rows, data, compact=compact).encode()).rows
    assert [repr(json.loads(row)) for row in got] == [repr(json.loads(json.dumps(row))) for row in rows]
    if compact:
        assert list(got) == [spaced(row, data, compact=True).encode() for row in rows]


@given(st.lists(ANY_JSON, min_size=1, max_size=3), st.data())
def test_an_array_that_is_cut_anywhere_never_passes_for_a_shorter_one(rows: list[object], data: st.DataObject) -> None:
    body = json.dumps(rows).encode()
    with pytest.raises(Unanswered):
        cut_array(body[: data.draw(st.integers(0, len(body) - 1))])
