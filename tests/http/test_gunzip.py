"""A body counts only where all of what was packed came out of it."""

import gzip
from collections.abc import Callable

import pytest

from collector.http.gunzip import STEP, BrokenEncoding, gunzip

TEXT = b'{"value":[' + b'{"Identity":"x"},' * 5_000 + b"]}"
PACKED = gzip.compress(TEXT)


@pytest.mark.parametrize("size", [1, 7, len(PACKED) - 1, len(PACKED)])
def test_blocks_of_any_size_give_the_whole_body(size: int) -> None:
    blocks = [PACKED[at : at + size] for at in range(0, len(PACKED), size)]
    assert b"".join(gunzip(blocks)) == TEXT


def test_a_second_member_belongs_to_the_body() -> None:
    assert b"".join(gunzip([PACKED + PACKED])) == TEXT * 2
    assert b"".join(gunzip([PACKED, PACKED])) == TEXT * 2


BREAKS: dict[str, Callable[[bytes], bytes]] = {
    "nothing came": lambda packed: b"",
    "cut in the header": lambda packed: packed[:5],
    "cut in the data": lambda packed: packed[:-20],
    "cut in the trailer": lambda packed: packed[:-1],
    "a wrong checksum": lambda packed: packed[:-8] + bytes([packed[-8] ^ 1]) + packed[-7:],
    "a wrong length": lambda packed: packed[:-1] + bytes([packed[-1] ^ 1]),
    "something else behind it": lambda packed: packed + b"</html>",
    "zeros": lambda packed: bytes(4096),
    "no gzip at all": lambda packed: TEXT,
}


@pytest.mark.parametrize("broken", BREAKS.values(), ids=BREAKS)
@pytest.mark.tries("an answer that is cut, reset, or not what it says it is")
def test_a_body_that_is_not_what_it_says_is_an_error(broken: Callable[[bytes], bytes]) -> None:
    with pytest.raises(BrokenEncoding):
        list(gunzip([broken(PACKED)]))


def test_a_bomb_comes_in_steps_that_a_reader_can_stop_at() -> None:
    bomb = gunzip([gzip.compress(bytes(STEP * 20))])
    assert [len(next(bomb)) for _ in range(3)] == [STEP] * 3
