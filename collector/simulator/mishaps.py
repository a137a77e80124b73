"""What each kind of fault does; protocol.md A7, B3, B4, B7, C1.

Invariants: a mishap is a small function in one of three tables (instead of the cmdlet, around it, on its way out);
only a good answer comes to harm on its way out. UNAUTHORIZED and CLAIMS need the token, LINK_LOOP the request and
CYCLE the session, ACTIVITY_ERROR, EMPTY_PAGE and FOREIGN_LINK a listing of the feed or of Graph: they stand where
these are known.
"""

import json
from collections.abc import Callable
from dataclasses import replace

from isal import igzip

from collector.simulator.faults import Fault, Kind
from collector.simulator.wire import (
    FORBIDDEN,
    Answer,
    CmdletError,
    Ending,
    Reply,
    failure,
    plain,
    to_json,
)

HTML = b"<!DOCTYPE html><html><head><title>Service unavailable</title></head><body>Try again.</body></html>"
PAGING_REFUSED = CmdletError(
    "Expired or Invalid pagination request. Default Expiry time is 00:30:00",
    kind="Microsoft.Exchange.Admin.OData.Core.ODataServiceException",
)
"""How a cursor is refused; protocol.md B3."""

Run = Callable[[], Answer]


def _status(fault: Fault) -> Reply:
    return _with_retry_after(plain(fault.status, fault.text), fault)


def _html(fault: Fault) -> Reply:
    return _with_retry_after(Reply(fault.status, HTML, {"Content-Type": "text/html; charset=utf-8"}), fault)


def _with_retry_after(reply: Reply, fault: Fault) -> Reply:
    if fault.retry_after is None:
        return reply
    return replace(reply, headers={**reply.headers, "Retry-After": fault.retry_after})


def _transient(fault: Fault) -> Reply:
    return failure(CmdletError("The server could not answer now.", kind=fault.exception))


INSTEAD: dict[Kind, Callable[[Fault], Reply]] = {
    Kind.STATUS: _status,
    Kind.HTML: _html,
    Kind.TRANSIENT: _transient,
    Kind.FORBIDDEN: lambda _: FORBIDDEN,
    Kind.NO_ANSWER: lambda _: Reply(200, ending=Ending.NOTHING),
    Kind.PAGING_REFUSED: lambda _: failure(PAGING_REFUSED),
}
"""What is answered instead of running the cmdlet."""


def _minus_one(_: Fault, _run: Run, _last: Answer) -> Answer:
    blank = dict.fromkeys(("RecordType", "CreationDate", "UserIds", "Operations", "AuditData", "Identity"), "")
    return Answer([{**blank, "ResultIndex": -1, "ResultCount": 0, "IsValid": True, "ObjectState": "Unchanged"}])


def _hole(_: Fault, run: Run, _last: Answer) -> Answer:
    run()
    return run()


def _lost_row(_: Fault, run: Run, _last: Answer) -> Answer:
    """Leave out one of several rows; without its only one an answer would be empty, which is another fault."""
    answer = run()
    return replace(answer, rows=answer.rows[:-1] or answer.rows)


def _miscount(fault: Fault, run: Run, _last: Answer) -> Answer:
    """Be off by some in every ResultCount; the rows of most cmdlets have none."""
    answer = run()
    counts = [{"ResultCount": row["ResultCount"] + fault.by} if "ResultCount" in row else {} for row in answer.rows]
    return replace(answer, rows=[{**row, **count} for row, count in zip(answer.rows, counts, strict=True)])


def _more(_: Fault, run: Run, _last: Answer) -> Answer:
    answer = run()
    return replace(answer, rows=[{**row, "moreRecordsAvailable": True} for row in answer.rows])


AROUND: dict[Kind, Callable[[Fault, Run, Answer], Answer]] = {
    Kind.MINUS_ONE: _minus_one,
    Kind.EMPTY: lambda _fault, _run, _last: Answer(),
    Kind.SHORT_SESSION: lambda _fault, _run, _last: Answer(),
    Kind.HOLE: _hole,
    Kind.LOST_ROW: _lost_row,
    Kind.REPEAT: lambda _fault, _run, last: last,
    Kind.MISCOUNT: _miscount,
    Kind.MORE: _more,
    Kind.CANCELLED: lambda _fault, _run, _last: Answer(warnings=("A task was canceled.",)),
}
"""What becomes of an answer, given how to run the cmdlet and the answer before of the session or trace."""


def _pretty(_: Fault, reply: Reply) -> Reply:
    return replace(reply, body=json.dumps(json.loads(reply.body), indent=2).encode())


def _twice(_: Fault, reply: Reply) -> Reply:
    """Write `value` as two members with half of the rows each, which RFC 8259 leaves to the reader."""
    document = json.loads(reply.body)
    rows = document.pop("value")
    half = len(rows) // 2
    head = to_json(document)[:-1]
    return replace(reply, body=head + b',"value":%b,"value":%b}' % (to_json(rows[:half]), to_json(rows[half:])))


def _no_value(_: Fault, reply: Reply) -> Reply:
    document = json.loads(reply.body)
    del document["value"]
    return replace(reply, body=to_json(document))


def _errors(_: Fault, reply: Reply) -> Reply:
    document = {**json.loads(reply.body), "@adminapi.errors": ["The operation could not be performed."]}
    return replace(reply, body=to_json(document))


def _gzipped(body: bytes, reply: Reply) -> Reply:
    return replace(reply, body=body, headers={**reply.headers, "Content-Encoding": "gzip"})


def _broken_gzip(_: Fault, reply: Reply) -> Reply:
    packed = bytearray(igzip.compress(reply.body))
    middle = len(packed) // 2
    packed[middle : middle + 8] = bytes(byte ^ 0xFF for byte in packed[middle : middle + 8])
    return _gzipped(bytes(packed), reply)


def _cut_gzip(_: Fault, reply: Reply) -> Reply:
    packed = igzip.compress(reply.body)
    return _gzipped(packed[: len(packed) * 2 // 3], reply)


ON_THE_WAY: dict[Kind, Callable[[Fault, Reply], Reply]] = {
    Kind.PRETTY: _pretty,
    Kind.TWICE: _twice,
    Kind.NO_VALUE: _no_value,
    Kind.NO_ARRAY: lambda _, reply: replace(reply, body=b'{"value":%b}' % reply.body),
    Kind.ERRORS: _errors,
    Kind.BLOATED: lambda fault, reply: replace(reply, body=reply.body + b" " * fault.size),
    Kind.BROKEN_GZIP: _broken_gzip,
    Kind.CUT_GZIP: _cut_gzip,
    Kind.NOT_GZIP: lambda _, reply: _gzipped(reply.body, reply),
    Kind.CUT: lambda _, reply: replace(reply, ending=Ending.CUT),
    Kind.RESET: lambda _, reply: replace(reply, ending=Ending.RESET),
    Kind.WRONG_LENGTH: lambda _, reply: replace(reply, declared=len(reply.body) // 2),
    Kind.SLOW: lambda fault, reply: replace(reply, wait=reply.wait + fault.seconds),
    Kind.DRIP: lambda fault, reply: replace(reply, drip=fault.seconds),
}
"""What happens to an answer of rows on its way to the client."""

OF_AN_OBJECT = frozenset({Kind.TWICE, Kind.NO_VALUE, Kind.ERRORS})
"""Those of ON_THE_WAY that need the object around the rows; the Management Activity API answers with bare arrays."""
