"""From what the attacker accessed to who wrote it and what became of it: MIA's third step as commands."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from collector.simulator import Fault, Kind, Quotas, cmdlet
from collector.simulator.cast import ATTACKER_SESSIONS, STAFF
from tests.end_to_end.conftest import Staging
from tests.end_to_end.stage import QUICK, STORY, Ended, Stage, Switch, lines_of

WIDE = Quotas(trace_requests=100_000)
TRACE = "Get-MessageTraceV2"
LOG = {"unified-audit-log": {"operations": ["MailItemsAccessed"]}}
ATTACKER = {"ips": ["203.0.113.0/24"], "sessions": list(ATTACKER_SESSIONS)}
ACCESSED: dict[str, Any] = {"message-trace": {"for": "accessed"}}
DETAILS: dict[str, Any] = {"message-trace-detail": {}}


def asking(stage: Stage, **sources: Any) -> None:
    stage.write(attacker=ATTACKER, sources=sources)


def answer(stage: Stage, *words: str | Path) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = json.loads(stage.collector("investigate", *words, "--format", "json").out)
    return rows


def ids_in(plan: Path) -> list[str]:
    """The ids of messages that a run's plan holds."""
    (source,) = json.loads((plan / "custody/plan.json").read_text(encoding="utf-8"))["sources"]
    return [one for ids in source["question"]["message-ids"].values() for one in ids]


def done(ended: Ended) -> None:
    assert ended.code == 0, ended


def test_what_the_attacker_accessed_is_traced_by_its_ids_and_found_and_then_what_became_of_it(staged: Staging) -> None:
    stage = staged(sources=LOG)
    done(stage.run())
    accessed = {
        row["internet_message_id"] for row in answer(stage, "messages", stage.evidence, "--ip", "203.0.113.0/24")
    }
    asking(stage, **ACCESSED)
    done(stage.run())
    ids = ids_in(stage.runs[-1])
    assert accessed <= set(ids)
    assert len(ids) == len(set(ids))
    held = {row.message_id for row in STORY.traces}
    assert {row["MessageId"] for row in lines_of(stage.runs[-1], "message-trace")} == held & set(ids)
    emails = answer(stage, "emails", stage.evidence, "--ip", "203.0.113.0/24")
    assert {row["internet_message_id"] for row in emails if row["trace"] == "found"} == held & accessed != set()
    assert {row["trace"] for row in emails} == {"found", "not-found"}
    others = answer(stage, "emails", stage.evidence)
    assert {row["trace"] for row in others if row["internet_message_id"] not in {*held, *ids}} == {"out-of-reach"}

    asking(stage, **DETAILS)
    done(stage.run())
    traced = Counter((row.message_trace_id, row.recipient) for row in STORY.traces if row.message_id in ids)
    sql = stage.folder / "details.sql"
    sql.write_text("SELECT message_trace_id, recipient, count(*) AS events FROM details GROUP BY ALL", encoding="utf-8")
    events = answer(stage, "--sql", sql, stage.evidence)
    assert {(row["message_trace_id"], row["recipient"]) for row in events} == set(traced)
    assert {row["events"] for row in events} == {2}
    done(stage.collector("verify", stage.evidence))


def test_an_open_run_goes_on_with_the_list_that_it_was_begun_with_and_looks_for_no_other(staged: Staging) -> None:
    down = Switch(on=False)
    limits = {"default": QUICK, "message-trace": {"rate": "1000/1s"}}
    stage = staged(
        Fault(Kind.STATUS, down, times=None, status=503), tenant={"quotas": WIDE}, limits=limits, sources=LOG
    )
    done(stage.run())
    asking(stage, **ACCESSED)
    down.on = True
    begun = stage.run()
    assert (begun.code, "looked into" in begun.err) == (5, True)
    ids = ids_in(stage.runs[-1])
    down.on = False
    ended = stage.run()
    assert (ended.code, "looked into" in ended.err) == (0, False)
    assert ids_in(stage.runs[-1]) == ids
    assert len(stage.runs) == 2


@pytest.mark.parametrize(
    ("sources", "remedy"),
    [(ACCESSED, "collect unified-audit-log first"), (DETAILS, "collect message-trace first")],
    ids=["messages", "details"],
)
@pytest.mark.parametrize("command", ["run", "plan"])
def test_without_evidence_that_names_anything_the_way_to_it_is_told(
    command: str, sources: dict[str, Any], remedy: str, staged: Staging
) -> None:
    stage = staged()
    asking(stage, **sources)
    refused = stage.collector(command, stage.file)
    assert (refused.code, remedy in refused.err) == (2, True)
    assert stage.runs == []


def test_evidence_that_was_tampered_with_names_nothing(staged: Staging) -> None:
    stage = staged(sources=LOG)
    done(stage.run())
    chunk = next((stage.run_folder / "data").rglob("*.gz"))
    chunk.chmod(0o600)
    chunk.write_bytes(chunk.read_bytes()[:-9] + b"tampered!")
    asking(stage, **ACCESSED)
    for command in ("plan", "run"):
        refused = stage.collector(command, stage.file)
        assert (refused.code, "--unverified" in refused.err) == (6, False)
    assert len(stage.runs) == 1


def test_a_forecast_tells_the_time_of_both_sources_together_and_many_parts_in_one_line(staged: Staging) -> None:
    stage = staged()
    done(stage.run())
    sources = {**ACCESSED, "message-trace-detail": {"for": "mailboxes"}}
    stage.write(attacker=ATTACKER, mailboxes=[person.upn for person in STAFF], sources=sources)
    shown = stage.collector("plan", stage.file).out
    (line,) = [line for line in shown.splitlines() if line.startswith("message-trace-detail")]
    assert " parts, the first: " in line
    assert "message-trace and message-trace-detail share 100 requests in 5 min" in shown
    told = stage.collector("plan", stage.file, "--json")
    (shared,) = told.of_type("shared-quota")
    requests = sum(one["requests"] for one in told.of_type("plan"))
    assert (shared["requests"], round(shared["seconds"], 6)) == (requests, requests * 3)


def test_a_gap_of_the_trace_leaves_what_it_would_hold_out_of_reach(staged: Staging) -> None:
    refused = Fault(Kind.STATUS, cmdlet(TRACE), times=None, status=400)
    stage = staged(refused, sources=LOG)
    done(stage.run())
    asking(stage, **ACCESSED)
    assert stage.run().code == 3
    emails = answer(stage, "emails", stage.evidence, "--ip", "203.0.113.0/24")
    assert {row["trace"] for row in emails} == {"out-of-reach"}
    assert all("has gaps" in row["reason"] for row in emails)
