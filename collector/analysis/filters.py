"""What narrows a question: values of one filter are joined with or, filters with and (design 1.5).

Invariants: names are compared without case; the operator's words are values that are bound, never a part of the SQL.
"""

from collections.abc import Iterator
from datetime import datetime
from typing import NamedTuple

from collector.analysis.access_record import message_key
from collector.analysis.addresses import Network

_SCOPE = {
    "mailbox": """row_id IN (SELECT row_id FROM shown_as WHERE mailbox_key IN (
        SELECT mailbox_key FROM mailboxes JOIN wanted ON value IN (guid, upn, mailbox_key) WHERE filter = 'mailbox'
    ))""",
    "user": "row_id IN (SELECT row_id FROM shown_as JOIN wanted ON lower(user_id) = value WHERE filter = 'user')",
    "session": """row_id IN (
        SELECT row_id FROM shown_as JOIN wanted ON lower(session_id) = value WHERE filter = 'session'
    )""",
    "app": "row_id IN (SELECT row_id FROM apps JOIN wanted ON app = value WHERE filter = 'app')",
    "ip": """row_id IN (
        SELECT row_id FROM addresses JOIN wanted ON address BETWEEN value AND last WHERE filter = 'ip'
    )""",
    "message_id": """row_id IN (
        SELECT row_id FROM items JOIN wanted ON lower(message) = value WHERE filter = 'message_id'
    )""",
}
"""What a record must be to pass each filter; of lines that vary it is enough that one is so."""

_BEARERS = """SELECT upn FROM mailboxes WHERE mailbox_key IN (
        SELECT mailbox_key FROM mailboxes JOIN wanted ON value IN (guid, upn, mailbox_key) WHERE filter = 'mailbox'
    ) UNION ALL SELECT value FROM wanted WHERE filter = 'mailbox'"""
"""All names of the mailboxes that are asked for."""

_OWN_NAMES = "('UserPrincipalName', 'PrimarySmtpAddress', 'WindowsEmailAddress', 'MicrosoftOnlineServicesID')"
_SAME = f"""
    SELECT lower(unnest([mailbox, CASE WHEN setting IN {_OWN_NAMES} THEN value END]))
    FROM line_settings
    WHERE cmdlet = 'Get-Mailbox' AND (run, row_id) IN (
        SELECT run, row_id
        FROM line_settings AS told JOIN wanted ON filter = 'mailbox' AND (
            lower(told.mailbox) = wanted.value
            OR (setting IN {_OWN_NAMES} AND lower(told.value) = wanted.value)
            OR (setting = 'EmailAddresses' AND contains(lower(told.value), ':' || wanted.value || '"'))
        )
        WHERE cmdlet = 'Get-Mailbox'
    )"""  # noqa: S608 - ours
"""All names that settings themselves show of the mailboxes that are asked for: they are asked of by any of them."""

_SIGN_IN = {
    "mailbox": f"lower(user_id) IN ({_BEARERS})",
    "user": "lower(user_id) IN (SELECT value FROM wanted WHERE filter = 'user')",
    "session": "lower(session_id) IN (SELECT value FROM wanted WHERE filter = 'session')",
    "app": "lower(app_id) IN (SELECT value FROM wanted WHERE filter = 'app')",
    "ip": "EXISTS (FROM wanted WHERE filter = 'ip' AND address BETWEEN value AND last)",
}
"""What a sign-in must be to pass each filter: it is no mailbox's, so that of its owner stands for it."""

_MESSAGES = "lower(items.message) IN (SELECT value FROM wanted WHERE filter = 'message_id')"


class Filters(NamedTuple):
    """What a question is narrowed to; () is no narrowing. `since` is inclusive, `until` exclusive, both UTC."""

    mailbox: tuple[str, ...] = ()
    user: tuple[str, ...] = ()
    ip: tuple[Network, ...] = ()
    session: tuple[str, ...] = ()
    app: tuple[str, ...] = ()
    message_id: tuple[str, ...] = ()
    source: tuple[str, ...] = ()
    since: datetime | None = None
    until: datetime | None = None

    def wanted(self) -> Iterator[tuple[str, str, str]]:
        """Yield the rows of the table `wanted`: filter, value, and the last of a range that begins with the value.

        The database makes small letters of them, as it does of what they are compared with.
        """
        for name in ("mailbox", "user", "session", "app", "source"):
            yield from ((name, value, value) for value in getattr(self, name))
        for message_id in self.message_id:
            key = message_key(message_id.strip()) or ""
            yield "message_id", key, key
        yield from (("ip", network.first, network.last) for network in self.ip)

    def scope(self) -> str:
        """Return the condition on records, in the words of views.sql."""
        return " AND ".join(self._clauses()) or "TRUE"

    def mailboxes(self) -> str:
        """Return the condition on mailboxes alone, in the words of views.sql."""
        return _SCOPE["mailbox"] if self.mailbox else "TRUE"

    def sources(self) -> str:
        """Return the condition on lines, in the words of views.sql."""
        return "source IN (SELECT value FROM wanted WHERE filter = 'source')" if self.source else "TRUE"

    def sign_ins(self) -> str:
        """Return the condition on sign-ins, in the words of views.sql."""
        return " AND ".join(clause for name, clause in _SIGN_IN.items() if getattr(self, name)) or "TRUE"

    def settings(self) -> str:
        """Return the condition on settings, in the words of views.sql: those of the whole tenant bear on each."""
        return f"(mailbox IS NULL OR lower(mailbox) IN ({_BEARERS} UNION ALL {_SAME}))" if self.mailbox else "TRUE"

    def messages(self) -> str:
        """Return the condition on items, in the words of views.sql."""
        return _MESSAGES if self.message_id else "TRUE"

    def _clauses(self) -> list[str]:
        return [clause for name, clause in _SCOPE.items() if getattr(self, name)]


class AnyOf(Filters):
    """Filters of which it is enough to pass one, as with what is known of an attacker."""

    __slots__ = ()

    def scope(self) -> str:
        """Return the condition on records, in the words of views.sql."""
        return f"({' OR '.join(self._clauses()) or 'TRUE'})"
