"""`purview-audit-query`: searches of the audit log that Graph makes over minutes to hours. Source: protocol.md D1.

Invariants: a slice's query bears a name of its own: before one is begun, the queries that there are get looked through
for it, so that a run that was cut off takes up what it had begun (200 a tenant and day are sure to be taken), and a
beginning whose answer was lost is looked for before it is tried again; a query that failed is made once more and no
oftener. What a query found is whole when its pages were read to their end, it did not reach its ceiling, and its count
is not above it. One that found nothing, or less than its count, which is approximate, is in doubt and made once more:
to read its records again would be no second answer. What two of them found alike holds.
"""

from collections.abc import Generator, Iterator, Mapping
from contextlib import suppress
from datetime import timedelta
from typing import Any

import msgspec

from collector.errors import Forbidden, QuestionError, Refused, Unanswered
from collector.http.client import Effort
from collector.model import Axis, Row, Slice, Window, iso, utc
from collector.sources.audit_query import Query, contradicts, judged, name_of, path_of, query_of
from collector.sources.base import MARGIN, Finding, Kind, Page, Question, digest, failed, loose, spanned, texts
from collector.sources.following import Following
from collector.sources.graph import Graph, ended

QUERIES_A_DAY = 200
"""Queries that a tenant may begin in 24 hours, at least; it is more with some licences."""

QUERIES_AT_ONCE = 50
"""Queries that may be queued or at work at a time, at least."""

LONGEST = timedelta(hours=48)
"""How long a query is followed; hours are usual."""

_NAME = "displayName"
_VERSIONS = ("v1.0", "beta")
"""In the order in which they are tried: there are tenants that have these queries in beta only."""

_TRIES = 2


class PurviewAuditQuery:
    """The queries of a run, which asks with the `filters` of a query; it has no parts."""

    name = "purview-audit-query"
    retention = timedelta(days=180)
    longest = timedelta(days=30)
    page_sizes: tuple[int, ...] = (1000, 200, 50)

    def __init__(self, graph: Graph, filters: Mapping[str, Any], run_id: str, following: Following) -> None:
        self._graph = graph
        self._filters = filters
        self._run_id = run_id
        self._following = following

    def ask(self, question: Question) -> Iterator[Page | Finding]:
        """Find or begin the query of a slice, follow it to its end, and read what it found."""
        try:
            if question.slice.window is None:
                self._listed(question, {})
                yield Finding(Kind.WHOLE)
            else:
                yield (yield from self._searched(question))
        except QuestionError as error:
            yield failed(error, Finding(Kind.FAILED))

    def probe(self, window: Window | None) -> Question:  # noqa: ARG002 - other sources need it
        """Return a look at the list of queries, which begins none."""
        return Question(Slice(self.name, None, Axis.EVENT, None), self.page_sizes[0], Effort(1))

    def _searched(self, question: Question) -> Generator[Page, None, Finding]:
        """Yield what the slice's queries found: of the first that is in no doubt, or of two that are."""
        asked = self._asked(question.slice)
        own = self._listed(question, asked)
        failures = [query for query in own if query.failed]
        going = sorted((query for query in own if not query.failed), key=lambda query: not query.ended)
        doubtful: set[bytes] | None = None
        while going or len(failures) < _TRIES:
            query = self._followed(going.pop(0) if going else self._begun(asked, question), question)
            if query.failed:
                failures.append(query)
                continue
            if not query.ended:
                hours = LONGEST.total_seconds() / 3600
                return Finding(Kind.REFUSED, f"query-not-ready: {query.shown} after {hours:g} hours")
            found: set[bytes] = set()
            finding = yield from self._read(query, question, found)
            if finding.kind not in {Kind.EMPTY, Kind.UNCOUNTED} or found == doubtful:
                return finding
            if doubtful is not None:
                return finding._replace(kind=Kind.FAILED, reason="answers-differ")
            doubtful = found
        return Finding(Kind.REFUSED, f"query-{failures[-1].status}")

    def _asked(self, slice_: Slice) -> dict[str, Any]:
        """Return the query of a slice, as it is sent."""
        asked = spanned(slice_.window).widened(MARGIN)
        times = {"filterStartDateTime": iso(asked.start), "filterEndDateTime": iso(asked.end)}
        return {_NAME: name_of(self._run_id, slice_), **times, **self._filters}

    def _begun(self, body: Mapping[str, Any], question: Question) -> Query:
        """Begin a query, in the first version that has them."""
        for version in _VERSIONS:
            try:
                found = query_of(self._graph.begin(path_of(version), body, question.slice), version)
            except Refused as error:
                if version == _VERSIONS[-1] or not _is_elsewhere(error):
                    raise
            else:
                if not found.id:
                    raise Unanswered("the service names no query", reason="no-query")
                return found
        raise AssertionError("the last version raises")

    def _listed(self, question: Question, asked: Mapping[str, Any]) -> list[Query]:
        """Return the queries of our name that ask this: those of each version, for one may not show the other's.

        Where no version has a list there is nothing to be found again; one list is enough.
        """
        found: dict[str, Query] = {}
        was_read = False
        for version in _VERSIONS:
            try:
                for page in self._graph.pages(path_of(version), question.slice, question.effort):
                    told = (query_of(one, version) for one in map(loose, page.rows) if _is_own(one, asked))
                    found |= {query.id: query for query in told if query.id and query.id not in found}
                was_read = True
            except Refused as error:
                if not was_read and not _is_elsewhere(error):
                    raise
        return list(found.values())

    def _followed(self, query: Query, question: Question) -> Query:
        """Look at a query until it has ended, or for as long as one is followed, and once at one that has ended.

        An answer gives the attempts back while it goes on; one that is not there yet, or only in another version, costs
        an attempt.
        """

        def look(query: Query) -> Query:
            try:
                found = query_of(self._graph.get(query.path, question.slice, question.effort), query.version)
            except Refused as error:
                if not _is_elsewhere(error) or question.effort.at_last:
                    raise
                question.effort.fail()
                return query._replace(version=next(one for one in _VERSIONS if one != query.version))
            if not found.ended:
                question.effort.renew()
            return found._replace(id=query.id, name=query.name)

        query = look(query) if query.ended else query
        return self._following.to_its_end(query, look, self._following.clock.now() + LONGEST)

    def _read(self, query: Query, question: Question, found: set[bytes]) -> Generator[Page, None, Finding]:
        """Yield what a query found, and note who it is. What it refuses now it may not the next time: it has it."""
        if query.exceeded and spanned(question.slice.window).divisible:
            return Finding(Kind.TOO_LARGE, "over-ceiling")
        sizes: list[int] = []
        path = f"{query.path}/records?$top={question.page_size}"
        try:
            for page in self._graph.pages(path, question.slice, question.effort):
                rows = tuple(map(_row, page.rows))
                sizes.append(len(rows))
                found.update(row.identity for row in rows)
                yield Page(rows, page.request)
                del page, rows  # they are done with, before the next ones are waited for
        except Forbidden:
            raise
        except Refused as error:
            raise Unanswered(str(error), reason=error.reason) from None
        return judged(query, len(found), ended(sizes, question.page_size))


def _is_own(members: Mapping[str, Any], asked: Mapping[str, Any]) -> bool:
    return members.get(_NAME) == asked.get(_NAME) and not contradicts(members, asked)


def _is_elsewhere(error: Refused) -> bool:
    """Whether a refusal says that what was asked for is not there: 404, or UnknownError whatever the status (D1)."""
    return not isinstance(error, Forbidden) and (error.reason == "not-found" or "UnknownError" in str(error))


class _Fields(msgspec.Struct, gc=False, rename="camel"):
    """The members of a record that are read."""

    id: str | None = None
    created_date_time: str | None = None


_decoder = msgspec.json.Decoder(_Fields)


def key(line: bytes) -> tuple[bytes, bytes]:
    """Return what tells a record from others: its id, and all that it says, in whatever order and spelling."""
    row = _row(line)
    return row.identity, row.content


def _row(raw: bytes) -> Row:
    fields = texts(raw, _decoder)
    created, content = utc(fields.created_date_time), digest(_said(raw).decode("latin-1"))
    identity = digest(fields.id) if fields.id else content
    return Row(raw, identity, content, created.timestamp() if created else None)


def _said(raw: bytes) -> bytes:
    """Return what a record says in one spelling; one that a strict reader refuses is the same only to the byte."""
    with suppress(msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return msgspec.json.encode(msgspec.json.decode(raw), order="deterministic")
    return raw
