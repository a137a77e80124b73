"""Engagement files of many shapes: what was asked for is what the tenant was asked, and what is kept."""

import re
from datetime import timedelta
from pathlib import Path

import pytest
import yaml

from collector.clock import SystemClock
from collector.errors import ExitCode
from collector.model import iso
from collector.simulator import Scenario
from tests.end_to_end.conftest import Staging
from tests.end_to_end.stage import (
    ROOT,
    STORY,
    assert_collected,
    assert_sealed_and_sound,
    audit_in,
    audit_of,
    collector,
    coverage_of,
    traces_in,
    traces_of,
)

METHODS = ("certificate", "client-secret", "device-code", "interactive", "managed-identity")
MEGAN, NOAH = (mailbox.upn for mailbox in STORY.mailboxes[:2])


@pytest.mark.parametrize("method", METHODS)
def test_what_init_writes_can_be_planned_after_editing(method: str, tmp_path: Path) -> None:
    assert collector("init", "case.yaml", "--method", method, cwd=tmp_path).code == 0
    file = tmp_path / "case.yaml"
    text = (
        file.read_text(encoding="utf-8").replace("{last: 30d}", "{last: 3d}").replace("contoso-2026-11", "fabrikam_1")
    )
    file.write_text(text, encoding="utf-8")
    planned = collector("plan", "case.yaml", cwd=tmp_path)
    assert (planned.code, planned.err) == (0, "")
    assert "unified-audit-log" in planned.out
    assert "message-trace" in planned.out


@pytest.mark.parametrize("method", METHODS)
def test_each_example_can_be_planned(method: str, tmp_path: Path) -> None:
    assert collector("plan", ROOT / "config" / f"{method}.yaml", cwd=tmp_path).code == 0


def test_init_writes_nothing_over(tmp_path: Path) -> None:
    file = tmp_path / "engagement.yaml"
    file.write_text("mine", encoding="utf-8")
    done = collector("init", cwd=tmp_path)
    assert done.code == ExitCode.USAGE
    assert file.read_text(encoding="utf-8") == "mine"


def test_init_prints_the_least_permissions(tmp_path: Path) -> None:
    done = collector("init", cwd=tmp_path)
    assert "Exchange.ManageAsApp" in done.out
    assert yaml.safe_load((tmp_path / "engagement.yaml").read_text(encoding="utf-8"))["auth"]["method"] == "certificate"


def test_init_names_no_command_that_there_is_not(tmp_path: Path) -> None:
    done = collector("init", cwd=tmp_path)
    commands = set(re.findall(r"^│ (\w+)  ", collector("--help", cwd=tmp_path).out, re.MULTILINE))
    written = (tmp_path / "engagement.yaml").read_text(encoding="utf-8") + done.out
    assert set(re.findall(r"`collector (\w+)", written)) <= commands


def test_a_tenant_with_nothing_is_empty_and_complete(staged: Staging) -> None:
    nothing = Scenario.of(window=STORY.window)
    stage = staged(story=nothing)
    assert stage.run().code == ExitCode.COMPLETE
    coverage = coverage_of(stage.run_folder)
    assert {one["status"] for one in coverage["slices"]} == {"empty"}
    assert coverage["complete"] is True
    assert_sealed_and_sound(stage, stage.run_folder)


def test_traces_of_mailboxes_are_asked_as_sender_and_as_recipient(staged: Staging) -> None:
    stage = staged(mailboxes=[MEGAN, NOAH], sources={"message-trace": {"for": "mailboxes"}})
    assert stage.run().code == ExitCode.COMPLETE
    assert traces_of(stage.run_folder) == traces_in(STORY, MEGAN, NOAH)
    parts = {one["part"] for one in coverage_of(stage.run_folder)["slices"]}
    assert len(parts) == 4
    assert_sealed_and_sound(stage, stage.run_folder)


def test_every_operation_can_be_asked_for(staged: Staging) -> None:
    stage = staged(sources={"unified-audit-log": {"operations": []}})
    assert stage.run().code == ExitCode.COMPLETE
    assert audit_of(stage.run_folder).total() == len(STORY.audit_rows)


def test_users_and_record_types_narrow_the_question_and_nothing_else(staged: Staging) -> None:
    asked = {"operations": [], "users": [MEGAN], "record_types": ["ExchangeItemAggregated", "ExchangeItem"]}
    stage = staged(sources={"unified-audit-log": asked})
    assert stage.run().code == ExitCode.COMPLETE
    wanted = {row.identity for row in STORY.audit_rows if row.user == MEGAN and row.record_type in (2, 50)}
    assert {identity for identity, _ in audit_of(stage.run_folder)} == wanted
    assert wanted
    searches = [seen for seen in stage.tenant.requests if seen.cmdlet]
    assert {seen.parameters["RecordType"] for seen in searches} == {"ExchangeItemAggregated", "ExchangeItem"}
    assert all(seen.parameters["UserIds"] in (MEGAN, [MEGAN]) for seen in searches)


def test_free_text_reaches_the_tenant(staged: Staging) -> None:
    stage = staged(sources={"unified-audit-log": {"free_text": "AADSessionId"}})
    assert stage.run().code == ExitCode.COMPLETE
    searches = [seen for seen in stage.tenant.requests if seen.cmdlet]
    assert {seen.parameters.get("FreeText") for seen in searches} == {"AADSessionId"}


def test_a_cloud_of_ones_own_may_end_in_a_slash(staged: Staging) -> None:
    stage = staged()
    clouds = ("authority", "exchange", "management", "graph")
    stage.write(cloud=dict.fromkeys(clouds, f"{stage.tenant.address}/"))
    assert stage.run().code == ExitCode.COMPLETE
    assert_collected(stage.run_folder)


def test_a_tenant_may_be_named_by_its_domain(staged: Staging) -> None:
    stage = staged(tenant={})
    stage.write(tenant="contoso.example.org")
    done = stage.run()
    assert done.code == ExitCode.COMPLETE, done
    assert_collected(stage.run_folder)


@pytest.mark.parametrize("form", ["pem", "pfx"])
def test_a_certificate_signs_in(form: str, staged: Staging) -> None:
    stage = staged()
    auth = {"method": "certificate", "client_id": stage.tenant.client_id}
    if form == "pem":
        auth |= {"certificate": str(stage.tenant.certificate)}
    else:
        stage.environment["PFX_PASSWORD"] = stage.tenant.certificate_password
        auth |= {"certificate": str(stage.tenant.certificate_pfx), "certificate_password": "env:PFX_PASSWORD"}
    stage.write(auth=auth)
    assert stage.run().code == ExitCode.COMPLETE
    assert_collected(stage.run_folder)


def test_a_device_code_is_shown_where_somebody_may_sit(staged: Staging) -> None:
    stage = staged()
    stage.write(auth={"method": "device-code", "client_id": stage.tenant.client_id})
    done = stage.run("--json")
    assert done.code == ExitCode.COMPLETE
    assert "/device" in done.err
    assert "/device" in done.of_type("notice")[0]["text"]


def test_evidence_may_be_kept_without_compression(staged: Staging) -> None:
    stage = staged(evidence={"folder": "./evidence", "compression": "none", "chunk_bytes": "64KiB"})
    assert stage.run().code == ExitCode.COMPLETE
    assert not list(stage.run_folder.rglob("*.gz"))
    files = stage.run_folder.glob("data/unified-audit-log/*.jsonl")
    assert sum(path.read_bytes().count(b"\n") for path in files) == audit_in(STORY).total()
    assert_sealed_and_sound(stage, stage.run_folder)


def test_what_may_still_come_late_is_named(staged: Staging) -> None:
    late = SystemClock().now().replace(minute=0, second=0, microsecond=0) - timedelta(hours=2)
    window = {"start": iso(late - timedelta(hours=4)), "end": iso(late)}
    stage = staged(window=window, sources={"unified-audit-log": {}})
    done = stage.run()
    assert done.code == ExitCode.COMPLETE
    assert f"not settled from {window['start']} on" in done.out
    assert f"not settled from {window['start']} on" in stage.collector("status", stage.evidence).out
    assert not any(one["settled"] for one in coverage_of(stage.run_folder)["slices"])
