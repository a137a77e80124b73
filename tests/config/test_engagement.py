"""What a good engagement file comes to mean."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest

from collector.config import CLOUDS, Cloud, Limits, ManagementActivity, Rate, UnifiedAuditLog, differences, load
from collector.config.yamlfile import parse
from collector.model import Window
from tests.config.files import GOOD, NOW, read, with_, written


def test_what_is_absent_is_the_documented_default(tmp_path: Path) -> None:
    engagement = read(tmp_path, GOOD)
    assert engagement.sources.unified_audit_log == UnifiedAuditLog(operations=("MailItemsAccessed",))
    assert engagement.sources.message_trace is None
    assert engagement.cloud == CLOUDS["commercial"]
    assert engagement.network.read_timeout == 600.0
    assert engagement.limits_of("unified-audit-log") == Limits()


@pytest.mark.parametrize("evidence", [" {}", " {compression: none}"])
def test_evidence_goes_beside_the_file_where_no_folder_is_named(tmp_path: Path, evidence: str) -> None:
    assert read(tmp_path, with_("evidence", evidence)).evidence.folder == tmp_path / "evidence"


def test_no_patience_and_no_settling_are_spans_too(tmp_path: Path) -> None:
    limits = read(tmp_path, with_("limits", " {default: {patience: 0s, settle: 0s}}")).limits_of("default")
    assert (limits.patience, limits.settle) == (0.0, 0.0)


def test_no_operations_at_all_are_not_the_default_ones(tmp_path: Path) -> None:
    source = read(tmp_path, with_("sources", " {unified-audit-log: {operations: []}}")).sources.unified_audit_log
    assert source is not None
    assert source.operations == ()


def test_a_sources_own_limits_stand_over_the_default_and_the_default_over_the_quota(tmp_path: Path) -> None:
    limits = "\n  default: {attempts: 3, first_wait: 250ms, settle: 1.5h}\n  message-trace: {attempts: 9}"
    engagement = read(tmp_path, with_("limits", limits))
    assert engagement.limits_of("message-trace") == Limits(
        attempts=9, first_wait=0.25, settle=5400.0, rate=Rate(requests=100, period=300.0)
    )
    assert engagement.limits_of("unified-audit-log").rate is None
    assert engagement.limits_of("default") == engagement.limits_of("unified-audit-log")
    slower = read(tmp_path, with_("limits", " {default: {rate: 10/1m}}"))
    assert slower.limits_of("message-trace").rate == Rate(requests=10, period=60.0)


def test_details_go_by_the_rate_of_the_traces_whose_quota_they_share_and_by_their_own_attempts(tmp_path: Path) -> None:
    limits = "{message-trace: {rate: 50/5m, attempts: 9}, message-trace-detail: {attempts: 2}}"
    engagement = read(tmp_path, with_("limits", f" {limits}"))
    detail = engagement.limits_of("message-trace-detail")
    assert (detail.rate, detail.attempts) == (Rate(requests=50, period=300.0), 2)
    assert read(tmp_path, GOOD).limits_of("message-trace-detail").rate == Rate(requests=100, period=300.0)


def test_an_own_limit_that_equals_the_built_in_one_still_stands_over_the_default(tmp_path: Path) -> None:
    engagement = read(tmp_path, with_("limits", " {default: {attempts: 3}, message-trace: {attempts: 6}}"))
    assert engagement.limits_of("message-trace").attempts == 6


def test_a_window_that_ends_now_is_frozen_to_whole_seconds(tmp_path: Path) -> None:
    frozen = read(tmp_path, GOOD).freeze(None, NOW)
    end = datetime(2026, 11, 21, 5, 0, 0, tzinfo=UTC)
    assert frozen == Window(end - timedelta(days=30), end)


def test_a_sources_own_window_stands_over_the_engagements(tmp_path: Path) -> None:
    own = "window: {start: 2026-10-01T00:00:00Z, end: '2026-10-02T00:00:00.000Z'}"
    engagement = read(tmp_path, with_("sources", f" {{unified-audit-log: {{{own}}}, message-trace: {{}}}}"))
    spec = engagement.sources.of("unified-audit-log").window
    assert engagement.freeze(spec, NOW).start == datetime(2026, 10, 1, tzinfo=UTC)
    assert engagement.freeze(engagement.sources.of("message-trace").window, NOW).length == timedelta(days=30)


def test_relative_paths_start_at_the_files_own_folder(tmp_path: Path) -> None:
    network = with_("network", " {ca_bundle: ca.pem}")
    engagement = read(tmp_path, network)
    assert engagement.evidence.folder == tmp_path / "evidence"
    assert engagement.network.ca_bundle == tmp_path / "ca.pem"


def test_an_absolute_path_stays(tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    assert read(tmp_path, with_("evidence", f" {{folder: '{elsewhere.as_posix()}'}}")).evidence.folder == elsewhere


@pytest.mark.parametrize("name", CLOUDS)
def test_each_cloud_is_known_by_its_name(name: str, tmp_path: Path) -> None:
    cloud = read(tmp_path, with_("cloud", f" {name}")).cloud
    assert cloud == CLOUDS[name]
    addresses = [cloud.authority, cloud.exchange, cloud.management, *([cloud.graph] if cloud.graph else [])]
    assert all(address and address.startswith("https://") and not address.endswith("/") for address in addresses)


def test_an_audit_query_has_the_keys_of_the_audit_log_and_their_defaults(tmp_path: Path) -> None:
    keys = "{operations: [Send], users: [adele@contoso.com], record_types: [ExchangeItem], free_text: x}"
    sources = read(tmp_path, with_("sources", f" {{unified-audit-log: {keys}, purview-audit-query: {keys}}}")).sources
    log, query = sources.unified_audit_log, sources.purview_audit_query
    assert log
    assert query
    assert msgspec.structs.asdict(log) == msgspec.structs.asdict(query)
    bare = read(tmp_path, with_("sources", " {purview-audit-query: {}}")).sources.purview_audit_query
    assert bare
    assert bare.operations == ("MailItemsAccessed",)


def test_graphs_trace_has_a_quota_and_a_window_of_its_own(tmp_path: Path) -> None:
    engagement = read(tmp_path, with_("sources", " {graph-message-trace: {for: mailboxes, window: {last: 7d}}}"))
    asked = engagement.sources.graph_message_trace
    assert asked
    assert (asked.audience, engagement.freeze(asked.window, NOW).length) == ("mailboxes", timedelta(days=7))
    assert engagement.limits_of("graph-message-trace").rate == Rate(requests=100, period=300.0)
    assert engagement.limits_of("purview-audit-query").rate is None


def test_graph_has_audit_queries_and_traces_in_the_global_cloud_only() -> None:
    assert {name for name, cloud in CLOUDS.items() if cloud.graph} == {"commercial", "gcc"}


def test_a_cloud_of_ones_own_needs_only_what_the_sources_need(tmp_path: Path) -> None:
    mapping = " {authority: 'https://127.0.0.1:8443/', exchange: 'https://[2001:db8::1]:8443/x/'}"
    assert read(tmp_path, with_("cloud", mapping)).cloud == Cloud(
        authority="https://127.0.0.1:8443", exchange="https://[2001:db8::1]:8443/x"
    )


@pytest.mark.parametrize("tenant", ["contoso.com", "contoso.onmicrosoft.com", "CONTOSO.COM"])
def test_a_tenant_may_be_a_domain(tenant: str, tmp_path: Path) -> None:
    assert read(tmp_path, with_("tenant", f" {tenant}")).tenant == tenant


@pytest.mark.parametrize(("written", "size"), [("1024", 1024), ("64MB", 64_000_000), ("64MiB", 2**26), ("1GiB", 2**30)])
def test_sizes_are_bytes(written: str, size: int, tmp_path: Path) -> None:
    assert read(tmp_path, with_("evidence", f" {{folder: e, chunk_bytes: {written}}}")).evidence.chunk_bytes == size


@pytest.mark.parametrize("word", ["no", "on", "off", "yes", "NULL", "0o17", "0x1f", "017", "12:30", "1e3", ".inf", "="])
def test_what_yaml_would_turn_into_something_else_stays_text(word: str) -> None:
    assert parse(f"operator: {word}".encode(), "f").values == {"operator": word}


@pytest.mark.parametrize("written", ["2026-10-01", "2026-10-01T00:00:00Z", "'1'", '"true"', "'null'"])
def test_dates_and_what_is_quoted_stay_text(written: str) -> None:
    assert parse(f"operator: {written}".encode(), "f").values == {"operator": written.strip("'\"")}


def test_plain_words_and_numbers_are_what_they_say() -> None:
    text = b"\xef\xbb\xbf[null, ~, true, False, -1, 0, 1.5, 9999999999999999999]"
    assert parse(b"a: " + text.removeprefix(b"\xef\xbb\xbf"), "f").values["a"] == [
        None, None, True, False, -1, 0, 1.5, "9999999999999999999",
    ]  # fmt: skip


def test_a_byte_order_mark_and_windows_line_ends_are_taken(tmp_path: Path) -> None:
    data = b"\xef\xbb\xbf" + GOOD.replace("\n", "\r\n").encode()
    loaded = load(written(tmp_path, data), now=NOW)
    assert loaded.engagement == read(tmp_path, GOOD)
    assert loaded.text == data


def documents(tmp_path: Path, *texts: str) -> list[dict[str, object]]:
    """Return the plain values of some files."""
    return [load(written(tmp_path, text), now=NOW).document for text in texts]


def test_order_comments_and_sign_in_do_not_make_another_question(tmp_path: Path) -> None:
    turned = "# a comment\n" + "\n".join(reversed(GOOD.splitlines())).replace("device-code", "interactive")
    assert differences(*documents(tmp_path, GOOD, turned)) == []


def test_what_would_be_asked_differently_is_named(tmp_path: Path) -> None:
    changed = with_("window", " {last: 7d}").replace("{unified-audit-log: {}}", "{message-trace: {for: tenant}}")
    assert differences(*documents(tmp_path, GOOD, changed)) == [
        "window.last: 30d -> 7d",
        'sources.message-trace: (absent) -> {"for": "tenant"}',
        "sources.unified-audit-log: {} -> (absent)",
    ]


def test_the_activity_feed_asks_for_mailbox_records_and_starts_nothing_unless_told(tmp_path: Path) -> None:
    engagement = read(tmp_path, with_("sources", " {management-activity: {}}"))
    assert engagement.sources.management_activity == ManagementActivity(("Audit.Exchange",), start_subscriptions=False)
    assert engagement.sources.names == ("management-activity",)
    assert engagement.limits_of("management-activity").rate == Rate(requests=2000, period=60.0)


def test_all_content_types_of_the_activity_feed_can_be_named(tmp_path: Path) -> None:
    kinds = ("Audit.AzureActiveDirectory", "Audit.Exchange", "Audit.SharePoint", "Audit.General", "DLP.All")
    asked = f" {{management-activity: {{content_types: [{', '.join(kinds)}], start_subscriptions: true}}}}"
    source = read(tmp_path, with_("sources", asked)).sources.management_activity
    assert source == ManagementActivity(kinds, start_subscriptions=True)


def test_the_activity_feed_has_a_window_of_its_own(tmp_path: Path) -> None:
    engagement = read(tmp_path, with_("sources", " {management-activity: {window: {last: 7d}}}"))
    source = engagement.sources.management_activity
    assert source is not None
    frozen = engagement.freeze(source.window, NOW)
    assert frozen.end - frozen.start == timedelta(days=7)
