"""Rows that the script of a plan wrote are read as if they had been collected."""

import json
from typing import Any

import pytest

from collector.analysis.readers import Gathered, read_line
from collector.analysis.rows import Place

PLACE = Place(1, "import", "data/import/a.jsonl/000001.jsonl", 1)


def rows_of(source: Any, part: Any, row: Any) -> Gathered:
    into = Gathered(1)
    told = {"file": "a.jsonl", "kind": "plan-script", "line": 1, "row": {"source": source, "part": part, "row": row}}
    read_line(json.dumps(told).encode(), PLACE, into)
    return into


def test_settings_are_told_with_the_cmdlet_and_the_mailbox_that_they_were_asked_of() -> None:
    into = rows_of("tenant-settings", "Get-InboxRule lee@contoso.com", {"Name": "x", "ForwardTo": "\ud800@x"})
    assert [(one.cmdlet, one.mailbox, one.object, one.setting) for one in into.rows["settings"]] == [
        ("Get-InboxRule", "lee@contoso.com", "x", "Name"),
        ("Get-InboxRule", "lee@contoso.com", "x", "ForwardTo"),
    ]
    assert len(into.rows["raw"]) == 1
    assert into.part is None


def test_what_happened_to_a_message_is_told_with_its_recipient() -> None:
    row = {"MessageTraceId": "1", "MessageId": "<a@x>", "Date": "2026-11-20T10:00:00.0000000Z", "Event": "Deliver"}
    (detail,) = rows_of("message-trace-detail", "1 lee@contoso.com", row).rows["details"]
    assert (detail.recipient, detail.event, detail.message) == ("lee@contoso.com", "Deliver", "a@x")


def test_a_mailbox_s_own_log_does_not_count_beside_the_audit_log_and_is_named_as_unread() -> None:
    into = rows_of("mailbox-audit-log", "lee@contoso.com", {"Operation": "MailItemsAccessed"})
    assert not into.rows["records"]
    assert len(into.rows["raw"]) == 1
    (unread,) = into.rows["unread"]
    assert unread.reason == "a.jsonl line 1: rows of mailbox-audit-log are not read from the script of a plan"


@pytest.mark.parametrize("row", [None, "text", [1]])
def test_a_row_that_is_none_is_named(row: Any) -> None:
    into = rows_of("tenant-settings", "Get-InboxRule lee@contoso.com", row)
    assert len(into.rows["unread"]) == 1
    assert not into.rows["settings"]
    assert into.part is None


@pytest.mark.parametrize("source", [None, 7, [], {}, "none"])
def test_a_row_of_a_source_that_nobody_knows_is_kept_and_named_as_unread(source: Any) -> None:
    into = rows_of(source, 7, {})
    assert len(into.rows["raw"]) == len(into.rows["unread"]) == 1
