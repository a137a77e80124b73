"""One question to some runs, from their evidence to an answer and to what the answer does not cover.

Invariant: every answer comes with its limits; gaps, blind intervals, lines that could not be read and records that an
answer cannot show are counted and named, never passed over.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import NamedTuple

from collector.analysis.answers import Answer
from collector.analysis.case import Case, Mailbox, opened, own_query
from collector.analysis.covers import MAILBOX_LOG
from collector.analysis.filters import Filters
from collector.analysis.limits import (
    EVERYTHING,
    SIGN_INS,
    TENANT_SETTINGS,
    Limit,
    Searched,
    Subject,
    limits,
    nothing_asked,
    searched,
)
from collector.analysis.old_store import counted_beside
from collector.analysis.prepare import Prepared
from collector.analysis.questions import Question
from collector.analysis.reached import say_reach
from collector.analysis.stretches import Stretches
from collector.model import Window

_UNREAD_SHOWN = 1000
"""Lines that could not be read and are named one by one."""


class Investigation(NamedTuple):
    """An answer that can be read, what was searched for it, and what it does not cover."""

    answer: Answer
    searched: tuple[Searched, ...]
    limits: tuple[Limit, ...]
    remarks: tuple[str, ...]


@contextmanager
def investigate(prepared: Prepared, asked: Question | str, filters: Filters, now: datetime) -> Iterator[Investigation]:
    """Ask one of the questions, or an analyst's SQL; raises UsageError for SQL that is not read-only, DiskError."""
    accounts = [tables.account for tables in prepared.tables]
    with opened(prepared.tables, filters, gathers=isinstance(asked, Question) and asked.gathers) as case:
        say_reach(case, accounts)
        subject = EVERYTHING if isinstance(asked, str) else asked.subject
        found = uncovered(case, prepared, filters, now, subject)
        what = tuple(one for account in accounts for one in searched(account))
        remarks = tuple(_left_out(case) if subject.of_accesses else ())
        if isinstance(asked, Question):
            yield Investigation(Answer(case, asked.sql, kept=asked.gathers), what, found, (*remarks, *asked.remarks))
            return
        with own_query(case, asked) as sql:
            yield Investigation(Answer(case, sql), what, found, remarks)


def uncovered(case: Case, prepared: Prepared, filters: Filters, now: datetime, subject: Subject) -> tuple[Limit, ...]:
    """Return what answers from a case do not cover that are about something."""
    accounts = [tables.account for tables in prepared.tables]
    return (
        *prepared.problems,
        *nothing_asked(accounts, subject, filters),
        *(_of_mailboxes(case, prepared, filters) if subject.of_accesses else ()),
        *limits(accounts, subject, filters, now),
        *_unread(case),
        *(_not_shown(case, filters) if subject.of_accesses else ()),
        *(_odd_sign_ins(case, filters) if subject is SIGN_INS else ()),
        *(_settings_of_strangers(case, filters) if subject is TENANT_SETTINGS else ()),
    )


def _of_mailboxes(case: Case, prepared: Prepared, filters: Filters) -> Iterator[Limit]:
    """Yield what is not known of the mailboxes that were asked for."""
    yield from _strangers(case.mailboxes(), filters)
    yield from _blind(case)
    yield from _counted_beside(case, prepared)


def _strangers(mailboxes: Sequence[Mailbox], filters: Filters) -> Iterator[Limit]:
    """Yield the mailboxes asked for of which there is no record."""
    known = {name for one in mailboxes for name in (*one.names, one.key)}
    for name in filters.mailbox:
        if name.lower() not in known:
            yield Limit("not-found", "no record is of a mailbox of that name", mailbox=name)


def _blind(case: Case) -> Iterator[Limit]:
    """Yield the times in which Binds of a mailbox were not recorded, one after the other joined."""
    rows = case.connection.execute("SELECT mailbox, throttled_at, blind_until FROM blind ORDER BY ALL").fetchall()
    by_mailbox: dict[str | None, list[Window]] = {}
    for mailbox, start, end in rows:
        by_mailbox.setdefault(mailbox, []).append(Window(start.replace(tzinfo=UTC), end.replace(tzinfo=UTC)))
    for mailbox, windows in by_mailbox.items():
        for one in Stretches(windows).windows:
            text = "blind: the mailbox was throttled, and no Bind of it was recorded"
            yield Limit("blind", text, mailbox=mailbox, start=one.start, end=one.end)


def _left_out(case: Case) -> Iterator[str]:
    """Yield what is not counted because another source has it."""
    if count := case.number("SELECT count(*) FROM left_out"):
        yield (
            f"{count:,} entries of {MAILBOX_LOG} are not counted, for another source is whole for their time and "
            f"should tell of the same; --source {MAILBOX_LOG} shows them"
        )


def _counted_beside(case: Case, prepared: Prepared) -> Iterator[Limit]:
    """Yield what may count twice: entries bear no Id that tells which record of another source is the same."""
    accounts = [tables.account for tables in prepared.tables]
    if counted_beside(accounts) and (count := case.number(_BESIDE)):
        text = f"{count:,} entries stand in where no other source is whole: what one has of the same counts once more"
        yield Limit("counted-beside", text, source=MAILBOX_LOG)


def _unread(case: Case) -> Iterator[Limit]:
    """Yield the lines that could not be read, the first ones by name."""
    named = "SELECT run, source, file, line, reason FROM unread ORDER BY ALL LIMIT ?"
    for run, source, file, line, reason in case.connection.execute(named, [_UNREAD_SHOWN]).fetchall():
        place = f"{file} line {line}" if line else file
        yield Limit("unread", f"{place} could not be read: {reason}", run=run, source=source)
    count = case.number("SELECT count(*) FROM unread")
    if count > _UNREAD_SHOWN:
        yield Limit("unread", f"{count - _UNREAD_SHOWN} more lines could not be read: ask --sql for the view unread")


def _not_shown(case: Case, filters: Filters) -> Iterator[Limit]:
    """Yield what records an answer may leave out, or show less of than there was."""
    for condition, text in _ODD.items():
        if count := case.number(f"SELECT count(*) FROM accesses WHERE {condition}"):  # noqa: S608 - ours
            yield Limit("incomplete-records", f"{count:,} records {text}")
    timeless = case.number("SELECT count(*) FROM in_scope WHERE time IS NULL")
    if varied := case.number("SELECT count(DISTINCT keep) FROM copies WHERE varied"):
        text = (
            f"{varied:,} records stand in contents that differ: their items are united, the fullest one tells the rest"
        )
        yield Limit("variants", text)
    if timeless and (filters.since or filters.until):
        yield Limit("incomplete-records", f"{timeless:,} records show no time, and are in no answer about a period")


def _odd_sign_ins(case: Case, filters: Filters) -> Iterator[Limit]:
    """Yield what sign-ins an answer may leave out, or show less of than their logs tell."""
    if varied := case.number("SELECT count(*) FROM sign_ins WHERE varied"):
        text = f"{varied:,} sign-ins are told of with several users, addresses or sessions: the first of each is shown"
        yield Limit("variants", f"{text}, a filter finds any, and the view sign_in_lines has all")
    timeless = case.number("SELECT count(*) FROM sign_ins WHERE time IS NULL")
    if timeless and (filters.since or filters.until):
        yield Limit("incomplete-records", f"{timeless:,} sign-ins show no time, and are in no answer about a period")


def _settings_of_strangers(case: Case, filters: Filters) -> Iterator[Limit]:
    """Say it where no setting is of a mailbox that was asked for."""
    if filters.mailbox and not case.number("SELECT count(*) FROM settings WHERE mailbox IS NOT NULL"):
        names = ", ".join(filters.mailbox)
        yield Limit("not-found", f"no setting is of a mailbox of that name: {names}")


_BESIDE = f"""
    SELECT CASE WHEN count(DISTINCT source = '{MAILBOX_LOG}') = 2 THEN count_if(source = '{MAILBOX_LOG}') ELSE 0 END
    FROM asked_records"""  # noqa: S608 - ours
"""How many entries count beside records of other sources."""

_ODD = {
    "access IS NULL": "of MailItemsAccessed show neither Bind nor Sync: only contexts and sessions count them",
    "access = 'Bind' AND named = 0": "of a Bind name no message: binds, messages and emails cannot show them",
    "record_id IS NULL": "show no Id: those with the same content count once",
}
"""Records that questions cannot show whole, by a condition on `accesses`."""
