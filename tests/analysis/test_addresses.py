"""Addresses as records write them: shown without port and brackets, compared by what they mean."""

from ipaddress import IPv4Address, IPv6Address, ip_network

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from collector.analysis.addresses import address, network

V4 = st.integers(0, (1 << 32) - 1)
V6 = st.integers(0, (1 << 128) - 1)
GLOBAL = st.integers(1 << 125, (1 << 128) - 1)
"""Addresses of IPv6, and none of IPv4 in it anywhere near."""


def lies_in(recorded: str, wanted: str) -> bool:
    """Whether an address lies in a network, as the questions tell (BETWEEN)."""
    key, within = address(recorded).key, network(wanted)
    return key is not None and within.first <= key <= within.last


@pytest.mark.parametrize(
    ("recorded", "shown"),
    [
        ("203.0.113.7", "203.0.113.7"),
        ("203.0.113.7:50211", "203.0.113.7"),
        ("[203.0.113.7]:50211", "203.0.113.7"),
        ("2001:DB8::7", "2001:DB8::7"),
        ("[2001:db8::7]", "2001:db8::7"),
        ("[2001:db8::7]:443", "2001:db8::7"),
        (" 203.0.113.7 ", "203.0.113.7"),
        ("::ffff:203.0.113.7", "::ffff:203.0.113.7"),
        ("[::ffff:203.0.113.7]:25", "::ffff:203.0.113.7"),
        ("fe80::1%eth0", "fe80::1%eth0"),
        ("[fe80::1%25eth0]:443", "fe80::1%25eth0"),
    ],
)
def test_port_and_brackets_are_not_shown(recorded: str, shown: str) -> None:
    read = address(recorded)
    assert read.shown == shown
    assert read.key is not None


@pytest.mark.parametrize(
    "recorded",
    [
        *("", " ", "[]", "[]:443", ":80", "[::1", "::1]", "[::1]:", "1.2.3.4:", "1.2.3.4:80:81", "1.2.3", "1.2.3.256"),
        *("010.0.0.1", "n/a", "<null>", "::1::", "12345", "1.2.3.4/24", "\u0661.2.3.4", "no address:443", "\x00"),
    ],
)
def test_garbage_is_shown_as_it_is_and_lies_in_no_network(recorded: str) -> None:
    read = address(recorded)
    assert read.key is None
    assert read.shown == recorded or not recorded.strip("[] ")
    assert not lies_in(recorded, "0.0.0.0/0")
    assert not lies_in(recorded, "::/0")


@given(st.text())
def test_no_text_breaks_it(recorded: str) -> None:
    read = address(recorded)
    assert read.key is None or read.key[:2] in {"4:", "6:"}


@pytest.mark.parametrize("recorded", ["fe80::1%eth0", "[fe80::1%25eth0]:443", "fe80:0::0001", "[FE80::1]"])
def test_one_address_is_one_however_it_is_written(recorded: str) -> None:
    assert address(recorded).key == address("fe80::1").key


@given(V4)
def test_ipv4_in_ipv6_is_that_ipv4_address(number: int) -> None:
    plain = IPv4Address(number)
    mapped = IPv6Address((0xFFFF << 32) + number)
    assert address(f"::ffff:{plain}").key == address(str(mapped)).key == address(str(plain)).key
    assert lies_in(f"[{mapped}]:25", f"{plain}/32")
    assert lies_in(str(plain), f"::ffff:{plain}/128")


@given(V4, st.integers(0, 32), V4)
def test_a_network_holds_what_python_says_that_it_holds(base: int, prefix: int, number: int) -> None:
    written = f"{IPv4Address(base)}/{prefix}"
    held = IPv4Address(number) in ip_network(written, strict=False)
    assert lies_in(f"{IPv4Address(number)}:443", written) == held
    assert lies_in(str(IPv4Address(base)), written), "host bits may be set"


@given(GLOBAL, st.integers(3, 128), st.integers(0, 128), V6)
def test_an_ipv6_network_too(base: int, prefix: int, shared: int, other: int) -> None:
    kept = ((1 << shared) - 1) << (128 - shared)
    number = base & kept | other & ~kept & ((1 << 128) - 1)
    one, written = IPv6Address(number), f"{IPv6Address(base)}/{prefix}"
    if one.ipv4_mapped is None:
        assert lies_in(f"[{one}]:443", written) == (one in ip_network(written, strict=False))


@pytest.mark.parametrize("wanted", ["::/80", "::fffe:0:0/95"])
def test_a_network_that_ends_with_ipv4_in_ipv6_holds_the_rest_too(wanted: str) -> None:
    first = ip_network(wanted).network_address
    assert lies_in(str(first + 1), wanted)


def test_a_mapped_network_is_that_of_ipv4() -> None:
    assert network("::ffff:203.0.113.0/120")[1:] == network("203.0.113.0/24")[1:]


@given(V4, V6)
@example(0, 0)
def test_families_never_meet(four: int, six: int) -> None:
    one = IPv6Address(six)
    if one.ipv4_mapped is None:
        assert not lies_in(str(one), "0.0.0.0/0")
    assert not lies_in(str(IPv4Address(four)), "2000::/3")
    assert not lies_in(str(IPv4Address(four)), "::/96")


@pytest.mark.parametrize("wanted", ["203.0.113.7:443", "[203.0.113.7]", " 203.0.113.7 "])
def test_an_address_may_be_pasted_as_a_record_has_it(wanted: str) -> None:
    assert network(wanted)[1:] == network("203.0.113.7/32")[1:]


@pytest.mark.parametrize(
    "text", ["", "/8", "1.2.3.4/", "1.2.3.4/33", "::/129", "x", "1.2.3", "1.2.3.4/-1", "1.2.3.4/8/8"]
)
def test_what_is_no_network_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="does not appear to be"):
        network(text)
