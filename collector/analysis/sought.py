"""What evidence names that an engagement then asks about: messages that the attacker accessed, and rows of traces.

Invariants: what tells most stands first; what is named but cannot be asked for is said. Source: design 1.2, `for`.
"""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Literal, NamedTuple

from collector.analysis.case import Case, opened
from collector.analysis.filters import Filters
from collector.analysis.investigation import uncovered
from collector.analysis.limits import ACCESSES, MESSAGES, Limit
from collector.analysis.prepare import Prepared
from collector.model import Sought, Traced


class Interest(NamedTuple):
    """Whose accesses are looked for, and of which rows of traces the details are wanted, if of any.

    Those of the messages `accessed`, or those from and to `mailboxes`, under any name that these bore.
    """

    attacker: Filters
    mailboxes: tuple[str, ...]
    details: Literal["accessed", "mailboxes"] | None


class Found(NamedTuple):
    """What is sought, and what the evidence that it rests on does not cover."""

    sought: Sought
    limits: tuple[Limit, ...]


def seek(prepared: Prepared, interest: Interest, now: datetime) -> Found:
    """Look for what an engagement asks about. Raises DiskError."""
    with opened(prepared.tables, interest.attacker) as case:
        case.connection.execute(_NAMED)
        ids = case.connection.execute("SELECT message_id FROM named ORDER BY accesses DESC, message_id").fetchall()
        found = Sought(tuple(message_id for (message_id,) in ids), _traced(case, interest) if interest.details else ())
        subject = MESSAGES if interest.details else ACCESSES
        missing = uncovered(case, prepared, interest.attacker, now, subject)
        return Found(found, (*missing, *_not_sought(case, interest)))


def _traced(case: Case, interest: Interest) -> tuple[Traced, ...]:
    of_mailboxes = interest.details == "mailboxes"
    rows = case.connection.execute(_TRACED, [list(interest.mailboxes), of_mailboxes]).fetchall()
    return tuple(Traced(trace, recipient, received.replace(tzinfo=UTC)) for trace, recipient, received in rows)


_NAMED = """
CREATE TEMP TABLE named AS
SELECT
    message,
    coalesce(
        min(internet_message_id) FILTER (WHERE starts_with(internet_message_id, '<')), min(internet_message_id)
    ) AS message_id,
    count(*) AS accesses
FROM opened
WHERE internet_message_id IS NOT NULL
GROUP BY message"""
"""The messages that Binds name, and how often."""

_TRACED = """
WITH given AS (SELECT lower(unnest($1::VARCHAR[])) AS name),
interest AS (
    FROM given
    UNION
    SELECT other.upn
    FROM mailboxes AS one JOIN mailboxes AS other ON other.mailbox_key = one.mailbox_key
    WHERE one.upn IN (FROM given) AND other.upn IS NOT NULL
),
owners AS (
    SELECT DISTINCT lower(opened.message) AS message, mailboxes.upn AS name
    FROM opened JOIN mailboxes ON mailboxes.mailbox_key = opened.mailbox_key
    WHERE mailboxes.upn IS NOT NULL
),
accessed AS (SELECT lower(message) AS message, sum(accesses) AS accesses FROM named GROUP BY ALL),
asked AS (
    SELECT
        min(message_trace_id) AS message_trace_id,
        min(recipient) AS recipient,
        min(received) AS received,
        lower(traces.message) AS message,
        max(coalesce(accesses, 0)) AS accesses,
        bool_or(owners.name IS NOT NULL OR lower(recipient) IN (FROM interest)) AS own
    FROM traces
    LEFT JOIN accessed ON accessed.message = lower(traces.message)
    LEFT JOIN owners ON owners.message = lower(traces.message) AND owners.name = lower(recipient)
    WHERE message_trace_id IS NOT NULL AND recipient IS NOT NULL AND received IS NOT NULL AND CASE
        WHEN $2 THEN lower(sender) IN (FROM interest) OR lower(recipient) IN (FROM interest)
        ELSE accesses IS NOT NULL
    END
    GROUP BY lower(message_trace_id), lower(recipient), lower(traces.message)
)
SELECT message_trace_id, recipient, received
FROM asked
ORDER BY
    row_number() OVER (
        PARTITION BY coalesce(message, message_trace_id) ORDER BY own DESC, received, recipient, message_trace_id
    ),
    accesses DESC, message, message_trace_id, recipient"""
"""One row for each message before further recipients of any, the mailbox owner's own copy first."""


def _not_sought(case: Case, interest: Interest) -> Iterator[Limit]:
    """Yield what the attacker had that no trace can be asked for, or that is not asked for."""
    nameless = case.number("SELECT count(*) FROM opened WHERE internet_message_id IS NULL")
    if nameless:
        yield Limit("not-sought", f"{nameless:,} accesses to items without InternetMessageId: no trace knows these")
    synced = case.number("SELECT count(*) FROM accesses WHERE access = 'Sync'")
    if synced and interest.details != "mailboxes":
        text = f"{synced:,} Syncs, which name no message: what lay in those folders is asked for by `for: mailboxes`"
        yield Limit("not-sought", text)
    vague = case.number(
        "SELECT count(*) FROM traces WHERE message_trace_id IS NULL OR recipient IS NULL OR received IS NULL"
    )
    if vague and interest.details:
        yield Limit("not-sought", f"{vague:,} rows of traces that name no message trace, recipient or time")
