"""What an export comes to, row by row."""

from typing import NamedTuple

LONGEST = 16 << 20
"""Bytes that a row may have; a message to thousands of recipients has a few hundred thousand."""


class Row(NamedTuple):
    """A row as a JSON object on one line; `line` is where it begins in the file, counted from 1."""

    line: int
    json: bytes


class Unread(NamedTuple):
    """What cannot be read as a row, where it begins, and why."""

    line: int
    why: str


Item = Row | Unread
