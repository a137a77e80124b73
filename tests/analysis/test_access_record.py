"""A record taken apart: by what it says, whatever form its members have, and never by its type or client."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.analysis.access_record import Taken, message_key, take
from collector.analysis.audit_record import unwrap
from tests.analysis.damaged import bind, properties
from tests.analysis.feeds import record, row

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.just("\ud800"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
MEMBERS = (
    *("Id", "CreationTime", "Operation", "RecordType", "UserId", "UserType", "MailboxGuid", "MailboxOwnerUPN"),
    *("ClientIPAddress", "ClientIP", "ActorIP", "ClientInfoString", "SessionId", "LogonType", "AppId", "ClientAppId"),
    *("AppAccessContext", "OperationProperties", "OperationCount", "Folders", "FolderItems", "Item", "ParentFolder"),
    *("Name", "Value", "Path", "InternetMessageId", "SizeInBytes", "AADSessionId", "Subject"),
)
KNOWN = st.recursive(
    JSON, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(MEMBERS), inner), max_leaves=20
)


def told(raw: bytes) -> dict[str, Any]:
    """Return the columns that a record fills."""
    taken = take(raw)
    return {**taken.context._asdict(), **taken.told}


def of(**members: Any) -> dict[str, Any]:
    return told(record("r", 1, **members))


def ids(*items: dict[str, Any]) -> list[tuple[str | None, str | None, str | None]]:
    """Return what the items of a Bind are compared by, and the ids that they show."""
    taken = take(record("r", 1, **bind(Folders=[{"Path": "\\Inbox", "FolderItems": list(items)}])))
    return [(one.message, one.internet_message_id, one.item_id) for one in taken.items]


@pytest.mark.parametrize(
    "listed",
    [
        properties("Bind", "True"),
        properties("Bind", "True")[::-1],
        [{"Value": "bind", "Name": "MAILACCESSTYPE"}, {"Name": "isthrottled", "Value": "TRUE"}],
        [{"Name": " MailAccessType ", "Value": " Bind "}, {"Name": "IsThrottled", "Value": True}],
        ["MailAccessType:Bind", "IsThrottled:True"],
        {"MailAccessType": "Bind", "IsThrottled": "True"},
        [None, 7, {"Value": "Sync"}, {"Name": None}, *properties("Bind", "True")],
    ],
    ids=["listed", "the-other-way-round", "letters", "blanks", "texts", "object", "with-odd-ones"],
)
def test_properties_are_looked_up_by_name(listed: Any) -> None:
    found = of(OperationProperties=listed)
    assert (found["access"], found["throttled"]) == ("Bind", True)


@pytest.mark.parametrize("access", ["Bind", "Sync"])
@pytest.mark.parametrize("record_type", [2, 3, 50, "ExchangeItemAggregated", None])
@pytest.mark.parametrize("client", ["Client=OWA;Action=ViaProxy", "Client=MSExchangeRPC", None])
def test_neither_record_type_nor_client_tells_bind_from_sync(
    access: str, record_type: object, client: str | None
) -> None:
    found = of(OperationProperties=properties(access), RecordType=record_type, ClientInfoString=client)
    assert found["access"] == access


@pytest.mark.parametrize("listed", [None, [], "", "Bind", 7, properties(None), properties("Other"), [{"Name": "Bind"}]])
def test_without_the_property_it_is_neither(listed: Any) -> None:
    found = of(OperationProperties=listed, RecordType=50, Folders=bind("<m@x>")["Folders"])
    assert (found["access"], found["throttled"]) == (None, False)


@pytest.mark.parametrize(
    ("members", "session"),
    [
        ({"SessionId": "s", "AppAccessContext": {"AADSessionId": "a"}}, "s"),
        ({"AppAccessContext": {"AADSessionId": "a"}}, "a"),
        ({"SessionId": "", "AppAccessContext": {"AADSessionId": "a"}}, "a"),
        ({"AppAccessContext": [{"UniqueTokenId": "u"}, {"AADSessionId": "a"}]}, "a"),
        ({"SessionId": {}, "AppAccessContext": ["a", None, {"AADSessionId": None}]}, None),
        ({"AppAccessContext": "a"}, None),
        ({}, None),
    ],
    ids=["session", "aad", "empty", "array", "odd", "text", "none"],
)
def test_the_session_is_the_record_s_own_else_that_of_the_sign_in(members: Any, session: str | None) -> None:
    assert of(**members)["session_id"] == session


def test_the_app_is_the_one_that_called_else_the_one_that_was_called() -> None:
    both = take(record("r", 1, AppId="Graph", ClientAppId="Caller", AppAccessContext={"ClientAppId": "CALLER-2"}))
    assert both.context.app_id == "Caller"
    assert sorted(both.apps) == ["caller", "caller-2", "graph"]
    assert of(AppId="Graph", AppAccessContext={"ClientAppId": "other"})["app_id"] == "Graph"
    assert of(AppAccessContext={"ClientAppId": "other"})["app_id"] is None


def test_every_address_of_a_record_is_looked_up_and_the_first_is_shown() -> None:
    names = ("ClientIPAddress", "ClientIP", "ActorIP", "ActorIpAddress", "Client_IPAddress")
    taken = take(record("r", 1, **{name: f"[2001:db8::{number}]:443" for number, name in enumerate(names, 1)}))
    assert taken.context.client_ip == "2001:db8::1"
    assert [key[-1] for key in taken.addresses] == ["1", "2", "3", "4", "5"]
    assert of(ClientIPAddress="", Client_IPAddress="203.0.113.7:1")["client_ip"] == "203.0.113.7"


def test_the_folder_of_a_sync_is_in_its_name() -> None:
    parent = {"Id": "LgAA", "Name": "Boîte de réception", "Path": "Not Available"}
    found = of(OperationProperties=properties("Sync"), Item={"Id": "LgAA", "ParentFolder": parent})
    assert (found["folder_id"], found["folder_name"], found["folder_path"]) == tuple(parent.values())


def test_a_message_without_internet_message_id_goes_by_its_id() -> None:
    assert ids(
        {"Id": "RgAA"}, {"InternetMessageId": "", "Id": "RgBB"}, {"InternetMessageId": "<m@x>", "Id": "RgCC"}
    ) == [
        ("RgAA", None, "RgAA"),
        ("RgBB", None, "RgBB"),
        ("m@x", "<m@x>", "RgCC"),
    ]


@pytest.mark.parametrize(
    "written",
    [
        "<A+b=c@EXAMPLE.org>",
        "no-brackets@x",
        "<<a>@x>",
        " <m@x> ",
        "<m@x",
        "<é日本@x>",
        "<a\tb\r\n c@x>",
        "<%3Cm@x>",
        "\x00",
    ],
)
def test_an_id_is_never_changed(written: str) -> None:
    assert ids({"InternetMessageId": written})[0][1] == written


def test_ids_are_compared_without_their_brackets_and_nothing_else_is_taken_off() -> None:
    assert message_key("<m@x>") == message_key("m@x") == "m@x"
    assert message_key("<<m>@x>") == "<m>@x"
    assert message_key("") is message_key(None) is None
    assert message_key("<M@x>") == "M@x"


def test_the_same_item_twice_in_a_record_is_two() -> None:
    taken = take(record("r", 1, **bind("<m@x>", "m@x", "<other@x>")))
    assert [(one.message, one.repeat) for one in taken.items] == [("m@x", 0), ("m@x", 1), ("other@x", 0)]


@pytest.mark.parametrize(
    ("written", "number"),
    [
        *((7, 7), ("7", 7), (7.0, 7), ("7.00", 7), (-1, -1), (10**18 - 1, 10**18 - 1)),
        *(
            (7.5, None),
            (True, None),
            ("", None),
            ([7], None),
            ({}, None),
            ("seven", None),
            (10**30, None),
            (10.0**30, None),
        ),
        *((float("nan"), None), (float("inf"), None), ("\u0667", None), (" 7", None)),
    ],
)
def test_numbers_that_no_table_holds_are_none(written: Any, number: int | None) -> None:
    found = of(LogonType=written, RecordType=written, OperationCount=written)
    assert {found["logon_type"], found["record_type"], found["operation_count"]} == {number}


@pytest.mark.parametrize("odd", [[], {}, True, False, None, ""])
def test_what_is_no_text_is_none(odd: Any) -> None:
    found = of(UserId=odd, SessionId=odd, ClientIPAddress=odd, MailboxOwnerUPN=odd, CreationTime=odd, ClientAppId=odd)
    named = ("user_id", "session_id", "client_ip", "mailbox_upn", "time", "app_id")
    assert [found[name] for name in named] == [None] * len(named)


def test_a_number_in_place_of_a_text_is_its_digits_all_of_them() -> None:
    assert of(SessionId=123456789012345678901234567890)["session_id"] == "123456789012345678901234567890"


def test_a_lone_surrogate_is_written_out_and_nul_stays() -> None:
    found = told(b'{"Id": "a\\ud800", "UserId": "a\\u0000b", "ClientInfoString": "\\udfff\\u00e9"}')
    assert (found["record_id"], found["user_id"], found["client_info"]) == ("a\\ud800", "a\x00b", "\\udfff\u00e9")


@pytest.mark.parametrize(
    "raw",
    [
        b'{"Id": "r", "Odd": NaN, "UserId": "u"}',
        b'{"Id": "r", "Odd": "\\ud83d", "UserId": "u"}',
        b'{"Id": "r", "Odd": ' + b"9" * 6000 + b', "UserId": "u"}',
        b'{"Id": "r", "Odd": "\x01", "UserId": "u"}',
        b'{"Id": "r", "Odd": "\xff", "UserId": "u"}',
    ],
    ids=["nan", "surrogate", "long-integer", "control", "not-utf-8"],
)
def test_one_odd_member_costs_no_other(raw: bytes) -> None:
    found = told(raw)
    assert (found["record_id"], found["user_id"]) == ("r", "u")


@pytest.mark.parametrize("raw", [b"", b"{", b"[]", b"null", b'"text"', b'{"Id": "r"} x', b"[" * 100_000])
def test_what_is_no_object_is_an_error_that_says_why(raw: bytes) -> None:
    with pytest.raises(ValueError, match=r".+"):
        take(raw)


@pytest.mark.parametrize("depth", [100, 600, 900])
def test_deep_members_are_passed_over(depth: int) -> None:
    deep = b"[" * depth + b"]" * depth
    raw = b'{"Id": "r", "RecordType": %b, "OperationProperties": [{"Name": %b, "Value": %b}], "New": %b}'
    assert told(raw % (deep, deep, deep, deep))["record_id"] == "r"


@given(st.dictionaries(st.sampled_from(MEMBERS) | st.text(max_size=5), KNOWN))
def test_any_object_is_taken_apart(members: dict[str, Any]) -> None:
    taken = take(json.dumps(members).encode())
    assert taken.key
    for texts in ((*taken.context, *taken.told.values()), *taken.items):
        for text in texts:
            if isinstance(text, str):
                text.encode()  # a table can hold it


@given(st.binary())
def test_any_bytes_are_taken_apart_or_say_why_not(raw: bytes) -> None:
    try:
        take(raw)
    except ValueError as error:
        assert str(error)  # noqa: PT017 - either outcome is right


def both(**members: Any) -> tuple[Taken, Taken]:
    """Return a record as each feed has it."""
    data, identity = unwrap(row("9A1c", 1, **members))
    return take(data, identity), take(record("9A1c", 1, **members))


@given(st.dictionaries(st.sampled_from(MEMBERS[2:]), KNOWN, max_size=6))
def test_both_feeds_give_the_same_record(members: dict[str, Any]) -> None:
    one, other = both(**members)
    assert (one.key, one.content, one.items) == (other.key, other.content, other.items)


def test_the_letters_of_an_id_make_no_second_record() -> None:
    assert take(record("9A1C", 1)).key == take(record("9a1c", 1)).key


@pytest.mark.parametrize(
    "changed",
    [
        *(
            {"UserId": "x"},
            {"SessionId": "x"},
            {"ClientIPAddress": "192.0.2.1"},
            {"OperationCount": 9},
            {"LogonType": 2},
        ),
        *(bind("<m1@x>"), bind("<m1@x>", "<m3@x>"), bind("<m1@x>", "<m2@x>", throttled="True")),
    ],
)
def test_variants_share_their_key_and_differ_in_content(changed: dict[str, Any]) -> None:
    usual = {"SessionId": "s", "OperationCount": 2, **bind("<m1@x>", "<m2@x>")}
    one, other = take(record("r", 1, **usual)), take(record("r", 1, **{**usual, **changed}))
    assert one.key == other.key
    assert one.content != other.content


def test_records_without_id_are_one_only_where_they_say_the_same() -> None:
    one, same, other = (take(record("", 1, SessionId=session)) for session in ("s", "s", "t"))
    assert one.key == same.key != other.key
    assert one.told["record_id"] is None
    assert take(record("", 1), "identity").told["record_id"] == "identity"
