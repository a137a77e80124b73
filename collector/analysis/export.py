"""The tables of a case for other tools: Parquet, CSV, JSON lines, and the JSON lines that Timesketch takes.

Invariants: each record Id stands once, with the run, file and line that it was read from; a folder is there whole or
not at all; what a timeline cannot hold is counted.
"""

from pathlib import Path
from typing import Literal, NamedTuple

from collector.analysis.answers import Answer
from collector.analysis.case import Case

Format = Literal["parquet", "csv", "jsonl", "timesketch"]

TABLES = ("records", "items", "addresses", "apps", "traces", "details", "sign_ins", "settings", "raw", "unread")
"""The views of views.sql that are written, each a file."""

_EVENTS = {
    "records": """
        SELECT
            concat_ws(' ', operation, access, 'in', mailbox, 'by', user_id, 'from', client_ip) AS message,
            time AS datetime,
            'Audit record' AS timestamp_desc,
            records.* EXCLUDE (time, row_id, mailbox_key, user_name, is_access, context),
            coalesce(named.internet_message_ids, []) AS internet_message_ids
        FROM records LEFT JOIN (
            SELECT
                row_id,
                list_sort(list_distinct(list(coalesce(internet_message_id, item_id)))) AS internet_message_ids
            FROM items
            GROUP BY row_id
        ) AS named USING (row_id)
        WHERE time IS NOT NULL
        ORDER BY time, record_id NULLS LAST""",
    "traces": """
        SELECT
            concat_ws(' ', 'Message', status, 'from', sender, 'to', recipient, 'about', subject) AS message,
            received AS datetime,
            'Message received' AS timestamp_desc,
            traces.* EXCLUDE (received, row_id, message)
        FROM traces
        WHERE received IS NOT NULL
        ORDER BY received, message_trace_id NULLS LAST, recipient NULLS LAST""",
    "details": """
        SELECT
            concat_ws(' ', 'Message', message_id, event, action, 'for', recipient) AS message,
            date AS datetime,
            'Message event' AS timestamp_desc,
            details.* EXCLUDE (date, row_id, message)
        FROM details
        WHERE date IS NOT NULL
        ORDER BY date, message_trace_id NULLS LAST, recipient NULLS LAST""",
    "sign_ins": """
        SELECT
            concat_ws(' ', CASE WHEN succeeded THEN 'Sign-in' ELSE 'Attempt to sign in' END, 'by', user_id, 'from',
                client_ip, error) AS message,
            time AS datetime,
            'Sign-in' AS timestamp_desc,
            sign_ins.* EXCLUDE (time, row_id)
        FROM sign_ins
        WHERE time IS NOT NULL
        ORDER BY time, record_id NULLS LAST""",
}
"""The events of a timeline: message, datetime and timestamp_desc are what Timesketch asks for; the rest is its own."""

_TIMELESS = """
    SELECT (SELECT count(*) FROM records WHERE time IS NULL) + (SELECT count(*) FROM traces WHERE received IS NULL)
        + (SELECT count(*) FROM details WHERE date IS NULL) + (SELECT count(*) FROM sign_ins WHERE time IS NULL)"""


class Exported(NamedTuple):
    """A file that was written and its rows."""

    name: str
    rows: int


def export(case: Case, folder: Path, format_: Format) -> tuple[tuple[Exported, ...], int]:
    """Write the tables of a case into a folder that exists; returns the files, and the events left out of a timeline.

    Raises OSError where a file cannot be written.
    """
    if format_ == "timesketch":
        return (_timeline(case, folder / "timeline.jsonl"),), case.number(_TIMELESS)
    return tuple(_table(case, name, folder / f"{name}.{format_}", format_) for name in TABLES), 0


def _table(case: Case, name: str, file: Path, format_: Literal["parquet", "csv", "jsonl"]) -> Exported:
    answer = Answer(case, f"FROM {name}")
    with file.open("xb") as output:
        return Exported(file.name, answer.write(output, format_))


def _timeline(case: Case, file: Path) -> Exported:
    with file.open("xb") as output:
        rows = sum(Answer(case, sql).write(output, "jsonl") for sql in _EVENTS.values())
    return Exported(file.name, rows)
