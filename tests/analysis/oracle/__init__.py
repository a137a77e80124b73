"""An independent answer to the questions of design 1.5, in plain Python: it imports nothing from collector.

It reads run folders as they lie on the disk, holds everything in memory and does one thing at a time: slow, and easy
to check against the text of the design. `emails` returns a `reason` whose wording means nothing: compare only whether
it is None (where the trace is `found`) or not.
"""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from tests.analysis.oracle import emails, questions
from tests.analysis.oracle.filters import Filters, narrow
from tests.analysis.oracle.mailboxes import Mailboxes
from tests.analysis.oracle.reading import Evidence, read
from tests.analysis.oracle.records import Record, records_of
from tests.analysis.oracle.values import canonical

Row = dict[str, Any]

QUESTIONS: dict[str, Callable[[list[Record], Mailboxes, Evidence], list[Row]]] = {
    "throttling": questions.throttling,
    "syncs": questions.syncs,
    "contexts": questions.contexts,
    "binds": questions.binds,
    "sessions": questions.sessions,
    "messages": questions.messages,
    "folders": questions.folders,
    "emails": emails.emails,
}


def answer(
    question: str,
    folders: Iterable[Path],
    *,
    mailbox: Iterable[str] = (),
    user: Iterable[str] = (),
    ip: Iterable[str] = (),
    session: Iterable[str] = (),
    app: Iterable[str] = (),
    message_id: Iterable[str] = (),
    since: str | None = None,
    until: str | None = None,
    source: Iterable[str] = (),
) -> list[Row]:
    """Return the rows of a question, sorted by what they say; the members are the question's columns."""
    filters = Filters.of(
        mailbox=mailbox, user=user, ip=ip, session=session, app=app, message_id=message_id, since=since, until=until
    )
    evidence = read(folders)
    everything = records_of(evidence.lines)
    mailboxes = Mailboxes(everything)
    wanted = {name.lower() for name in source}
    asked = records_of(line for line in evidence.lines if line.source in wanted) if wanted else everything
    kept = narrow(asked, filters, mailboxes, by_blindness=question == "throttling")
    return sorted(QUESTIONS[question](kept, mailboxes, evidence), key=canonical)
