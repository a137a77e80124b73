"""Links from one answer to the next, which a service may get wrong.

Invariant: a link is followed never twice, and a chain of links that brings nothing new is given up.
"""

import hashlib
from collections.abc import Sequence
from urllib.parse import urljoin

from collector.errors import Unanswered

_IDLE = 10
"""Answers in a row that may bring no new rows and still name a next link."""

_LONGEST_CHAIN = 1_000
"""Answers of one call: a million rows where a page holds a thousand, as the service's own do (protocol.md B2)."""


class Chain:
    """The answers of one call, `longest` at most, to tell whether their links lead on."""

    def __init__(self, first: str, *, longest: int = _LONGEST_CHAIN) -> None:
        self._first = first
        self._longest = longest
        self._addresses = {first}
        self._pages: set[bytes] = set()
        self._idle = 0

    def leads_to(self, link: str, rows: Sequence[bytes]) -> str:
        """Return the address to go on with after these rows; raises Unanswered for a loop, or a link that is none."""
        page = hashlib.sha256(b"\n".join(rows)).digest()
        self._idle = 0 if rows and page not in self._pages else self._idle + 1
        self._pages.add(page)
        try:
            address = urljoin(self._first, link)
        except ValueError:
            raise Unanswered("the next link is no address", reason="paging-refused") from None
        if address in self._addresses or self._idle >= _IDLE or len(self._addresses) >= self._longest:
            raise Unanswered("the next links lead nowhere", reason="paging-loop")
        self._addresses.add(address)
        return address
