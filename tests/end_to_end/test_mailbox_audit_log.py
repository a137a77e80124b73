"""What the old store of mailbox audit entries adds to a case: answers, and what is said of them."""

import json
from pathlib import Path
from typing import Any

from collector.errors import ExitCode
from collector.simulator import Behaviour, Fault, Kind, OldStore, cmdlet
from collector.simulator.cast import MEGAN
from tests.end_to_end.conftest import Staging
from tests.end_to_end.stage import Stage, assert_sealed_and_sound, coverage_of

OLD, UNIFIED = {"mailbox-audit-log": {}}, {"unified-audit-log": {"operations": ["MailItemsAccessed"]}}
BINDS = ("time", "mailbox", "internet_message_id", "folder", "client_ip", "client_info", "app_id", "size")
"""Columns of binds that both tell; an entry has no AppAccessContext, whose session an audit record may name alone."""
SYNCS = ("time", "mailbox", "folder", "client_ip", "client_info", "client_process", "client_version", "session_id")


def told(stage: Stage, question: str, *words: str) -> tuple[list[dict[str, Any]], str]:
    answer = stage.collector(
        "investigate", question, stage.evidence, "--format", "json", "--mailbox", MEGAN.upn, *words
    )
    assert answer.code == 0, answer
    return json.loads(answer.out), answer.err


def only(rows: list[dict[str, Any]], names: tuple[str, ...]) -> list[tuple[Any, ...]]:
    return sorted((tuple(row[name] for name in names) for row in rows), key=repr)


def collected(stage: Stage) -> Path:
    assert stage.run().code == ExitCode.COMPLETE
    return stage.run_folder


def test_the_old_store_alone_tells_of_the_same_accesses_as_the_unified_log(staged: Staging) -> None:
    old = staged(sources=OLD, mailboxes=[MEGAN.upn])
    unified = staged(sources=UNIFIED)
    assert_sealed_and_sound(old, collected(old))
    collected(unified)
    for question, columns in (("binds", BINDS), ("syncs", SYNCS)):
        rows, said = told(old, question)
        assert rows
        assert only(rows, columns) == only(told(unified, question)[0], columns)
        assert f"it was asked only of some mailboxes: {MEGAN.upn}" in said


def test_beside_a_whole_unified_log_it_counts_only_where_it_is_asked_for(staged: Staging) -> None:
    both = staged(sources={**OLD, **UNIFIED}, mailboxes=[MEGAN.upn])
    unified = both.beside(1)
    unified.write(sources=UNIFIED)
    collected(both)
    collected(unified)
    rows, said = told(both, "binds")
    assert rows == told(unified, "binds")[0]
    assert "entries of mailbox-audit-log are not counted" in said
    asked, said = told(both, "binds", "--source", "mailbox-audit-log")
    assert only(asked, BINDS) == only(rows, BINDS)
    assert not {row["record_id"] for row in asked} & {row["record_id"] for row in rows}
    assert "are not counted" not in said


def test_where_the_unified_log_has_a_gap_it_stands_in(staged: Staging) -> None:
    lost = Fault(Kind.CANCELLED, cmdlet("Search-UnifiedAuditLog"), times=None)
    stage = staged(lost, sources={**OLD, **UNIFIED}, mailboxes=[MEGAN.upn])
    assert stage.run().code == ExitCode.GAPS
    whole = staged(sources=UNIFIED)
    collected(whole)
    assert only(told(stage, "binds")[0], BINDS) == only(told(whole, "binds")[0], BINDS)


def test_a_tenant_without_the_cmdlet_is_told_so_and_not_that_a_role_is_missing(staged: Staging) -> None:
    stage = staged(
        sources={**OLD, **UNIFIED}, mailboxes=[MEGAN.upn], tenant={"behaviour": Behaviour(old_store=OldStore.GONE)}
    )
    ended = stage.run()
    assert ended.code == ExitCode.GAPS
    assert "the old store is retired in this tenant" in ended.out + ended.err
    reasons = {one["reason"] for one in coverage_of(stage.run_folder)["slices"] if one["status"] == "gap"}
    assert [reason.partition(":")[0] for reason in reasons] == ["cmdlet-gone"]
    assert "cmdlet-gone" in told(stage, "binds")[1]
