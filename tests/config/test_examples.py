"""The examples in config/ are what `collector init` writes, load as they stand, and show the defaults truly."""

from itertools import chain
from pathlib import Path

import pytest
from msgspec.structs import replace

from collector.config import Limits, Rate, UnifiedAuditLog, load
from collector.config.preset import IF_NEEDED, MAILBOX_CASE
from collector.config.template import METHODS, permissions, render
from tests.config.files import GOOD, NOW, read

CONFIG = Path(__file__).parents[2] / "config"


def test_there_is_an_example_for_each_sign_in_method_and_no_other() -> None:
    assert sorted(path.name for path in CONFIG.glob("*.*")) == sorted(f"{method}.yaml" for method in METHODS)


@pytest.mark.parametrize("method", METHODS)
def test_an_example_is_what_init_writes_and_loads(method: str) -> None:
    path = CONFIG / f"{method}.yaml"
    assert path.read_bytes().decode() == render(method)
    loaded = load(path, now=NOW)
    assert loaded.text == path.read_bytes()
    assert loaded.document["auth"]["method"] == method
    assert loaded.engagement.sources.names == ("unified-audit-log", "message-trace", "tenant-settings")


@pytest.mark.parametrize("method", METHODS)
def test_an_example_writes_out_the_defaults(method: str, tmp_path: Path) -> None:
    example, bare = load(CONFIG / f"{method}.yaml", now=NOW).engagement, read(tmp_path, GOOD)
    for key in ("cloud", "attacker", "case", "network"):
        assert getattr(example, key) == getattr(bare, key)
    assert example.limits_of("unified-audit-log") == Limits()
    assert example.limits_of("message-trace") == Limits(rate=Rate(requests=100, period=300.0))
    assert example.evidence.chunk_bytes == bare.evidence.chunk_bytes
    of_preset = UnifiedAuditLog(operations=tuple(chain.from_iterable(MAILBOX_CASE.values())))
    assert example.sources.unified_audit_log == of_preset
    assert replace(of_preset, operations=("MailItemsAccessed",)) == bare.sources.unified_audit_log


def test_the_preset_has_a_reason_for_each_operation_and_none_twice() -> None:
    named = [operation for operations in (*MAILBOX_CASE.values(), IF_NEEDED) for operation in operations]
    assert len(named) == len(set(named))
    assert all(reason for operations in (*MAILBOX_CASE.values(), IF_NEEDED) for reason in operations.values())
    assert {"MailItemsAccessed", "UserLoggedIn", "UserLoginFailed", "Set-MailboxAuditBypassAssociation"} <= set(named)


def test_an_operation_that_is_commented_out_is_asked_for_when_the_comment_is_taken_away(tmp_path: Path) -> None:
    file = tmp_path / "engagement.yaml"
    file.write_text(render("device-code").replace("      # - HardDelete", "      - HardDelete"), encoding="utf-8")
    asked = load(file, now=NOW).engagement.sources.unified_audit_log
    assert asked
    assert asked.operations[-1] == "HardDelete"


@pytest.mark.parametrize("line", [line for line in render("certificate").splitlines() if "# window:" in line])
def test_a_commented_window_works_when_the_comment_is_taken_away(line: str, tmp_path: Path) -> None:
    text = "\n".join(each for each in GOOD.splitlines() if not each.startswith("window"))
    assert read(tmp_path, f"{text}\n{line.replace('# window', 'window').strip()}\n").window


def test_the_least_permissions_name_the_role_that_looks_like_others() -> None:
    assert "dc50a0fb-09a3-484d-be87-e023b12c6440" in permissions()
    assert "View-Only Audit Logs" in permissions()


def test_the_least_permissions_name_what_graph_needs_and_what_must_exist_first() -> None:
    for name in ("AuditLogsQuery-Exchange.Read.All", "AuditLogsQuery-Entra.Read.All", "ExchangeMessageTrace.Read.All"):
        assert name in permissions()
    assert "az ad sp create --id 8bd644d1-64a1-4d4b-ae52-2e0cbf64e373" in permissions()
