"""Each way to get the engagement file wrong: one message with key, place and remedy."""

from pathlib import Path

import pytest

from collector.config import load
from collector.errors import ExitCode, UsageError
from tests.config.files import GOOD, GUID, NOW, read, told, with_

SOURCE = " {unified-audit-log: {%s}}"
WRONG = {
    # typing slips
    "unknown key": (with_("mailbox", " []"), "8:1: key mailbox:", "nearest is mailboxes"),
    "unknown key below": (with_("network", " {prox: null}"), "8:17: key network.prox:", "nearest is proxy"),
    "unknown limit": (
        with_("limits", "\n  default:\n    atempts: 3"),
        "10:14: key limits.default.atempts",
        "attempts",
    ),
    "unknown source": (
        with_("sources", " {message-tracing: {}}"),
        "key sources.message-tracing:",
        "message-trace",
    ),
    "source of a later version": (
        with_("sources", " {entra-sign-ins: {}}"),
        "key sources.entra-sign-ins:",
        "known here: unified-audit-log, mailbox-audit-log, message-trace, message-trace-detail, historical-search,",
    ),
    "no content type": (
        with_("sources", " {management-activity: {content_types: []}}"),
        "key sources.management-activity.content_types",
        "",
    ),
    "content type in another case": (
        with_("sources", " {management-activity: {content_types: [audit.exchange]}}"),
        "key sources.management-activity.content_types[0]:",
        "the nearest is Audit.Exchange",
    ),
    "content type twice": (
        with_("sources", " {management-activity: {content_types: [Audit.General, Audit.General]}}"),
        "key sources.management-activity.content_types[1]:",
        "named twice",
    ),
    "activity without an address": (
        with_(
            "sources",
            ' {management-activity: {}}\ncloud: {authority: "https://login.example.org", exchange: "https://exchange.example.org"}',
        ),
        "key sources.management-activity:",
        "add `management` to `cloud`",
    ),
    "graph outside of the global cloud": (
        with_("sources", " {graph-message-trace: {}}\ncloud: gcc-high"),
        "key sources.graph-message-trace:",
        "in the global cloud only",
    ),
    "queries outside of the global cloud": (
        with_(
            "sources",
            ' {purview-audit-query: {}}\ncloud: {authority: "https://login.example.org", exchange: "https://exchange.example.org"}',
        ),
        "key sources.purview-audit-query:",
        "add `graph` to `cloud`",
    ),
    "graph's trace of accessed messages": (
        with_("sources", " {graph-message-trace: {for: accessed}}"),
        "key sources.graph-message-trace.for:",
        "tenant, mailboxes",
    ),
    "limits of an unknown source": (with_("limits", " {graph: {}}"), "key limits.graph:", "default, unified-audit-log"),
    "unknown method": (
        with_("auth", f" {{method: certificat, client_id: {GUID}}}"),
        "3:16: key auth.method:",
        "certificate",
    ),
    "key of another method": (
        with_("auth", f" {{method: device-code, client_id: {GUID}, certificate: a.pfx}}"),
        "key auth.certificate: unknown key",
        "known here: method, client_id",
    ),
    "no method": (with_("auth", f" {{client_id: {GUID}}}"), "3:1: key auth.method:", "is missing"),
    "no tenant": (GOOD.replace("tenant", "#"), "1:1: key tenant:", "is missing"),
    "no wait at all": (
        with_("limits", " {default: {first_wait: 0s}}"),
        "key limits.default.first_wait:",
        "out of range",
    ),
    "unknown cloud": (with_("cloud", " gcchigh"), "8:8: key cloud:", "nearest is gcc-high"),
    "cloud without exchange": (with_("cloud", " {authority: 'https://example.org'}"), "key cloud.exchange:", "missing"),
    # types
    "name as a number": (with_("engagement", " 20261101"), "1:13: key engagement:", "in quotes"),
    "tenant as a number": (with_("tenant", " 123"), "2:9: key tenant:", "in quotes"),
    "text for a list": (with_("mailboxes", " adele@contoso.com"), "5:12: key mailboxes:", "a list"),
    "number in a list": (with_("mailboxes", " [1]"), "5:13: key mailboxes[0]:", "in quotes"),
    "list for one value": (with_("evidence", " {folder: [a]}"), "key evidence.folder:", "one value"),
    "text for a mapping": (with_("attacker", " none"), "8:11: key attacker:", "keys with values"),
    "nothing where a value is due": (with_("evidence", " {folder: }"), "key evidence.folder:", "no value"),
    "nothing for a text": (with_("tenant", ""), "2:8: key tenant:", "no value"),
    "word for a switch": (with_("sources", SOURCE % "high_completeness: no"), "high_completeness:", "true or false"),
    "text for a whole number": (
        with_("limits", " {default: {attempts: six}}"),
        "limits.default.attempts:",
        "whole number",
    ),
    "no attempts": (with_("limits", " {default: {attempts: 0}}"), "limits.default.attempts:", ">= 1"),
    "too many at once": (with_("limits", " {default: {concurrency: 65}}"), "limits.default.concurrency:", "<= 64"),
    "chunks too small": (with_("evidence", " {folder: e, chunk_bytes: 1023}"), "evidence.chunk_bytes:", ">= 1024"),
    "no time, text needed": (with_("network", " {connect_timeout: null}"), "network.connect_timeout:", "no value"),
    # units
    "span without unit": (with_("network", " {read_timeout: 600}"), "8:25: key network.read_timeout:", "10s"),
    "span of nothing": (with_("window", " {last: 0s}"), "4:16: key window.last:", "more than none"),
    "span of aeons": (with_("window", " {last: 36501d}"), "key window.last:", "at most 36500d"),
    "size in letters": (with_("evidence", " {folder: e, chunk_bytes: 64 megs}"), "evidence.chunk_bytes:", "64MiB"),
    "rate without period": (with_("limits", " {message-trace: {rate: 100}}"), "limits.message-trace.rate:", "100/5m"),
    "rate of nothing": (with_("limits", " {default: {rate: 0/5m}}"), "limits.default.rate:", "100/5m"),
    "rate of a shared quota": (
        with_("limits", " {message-trace-detail: {rate: 100/5m}}"),
        "key limits.message-trace-detail.rate:",
        "give the rate under message-trace",
    ),
    # times
    "local time": (
        with_("window", " {start: 2026-10-01T00:00:00, end: 2026-10-02T00:00:00Z}"),
        "4:17: key window.start:",
        "no zone",
    ),
    "offset": (with_("window", " {start: '2026-10-01T00:00:00+02:00', end: 2026-10-02T00:00:00Z}"), "start:", "with Z"),
    "date only": (with_("window", " {start: 2026-10-01, end: 2026-10-02T00:00:00Z}"), "start:", "without a time"),
    "US form": (with_("window", " {start: 10/01/2026 12:00 AM, end: 2026-10-02T00:00:00Z}"), "start:", "not ISO"),
    "no such day": (with_("window", " {start: 2026-02-30T00:00:00Z, end: 2026-10-02T00:00:00Z}"), "start:", "calendar"),
    "start after end": (
        with_("window", " {start: 2026-10-02T00:00:00Z, end: 2026-10-01T00:00:00Z}"),
        "4:17: key window.start:",
        "after its end",
    ),
    "first year": (
        with_("window", " {start: 0001-01-01T00:00:00Z, end: 2026-10-01T00:00:00Z}"),
        "key window.start:",
        "before there were any records",
    ),
    "start at end": (
        with_("window", " {start: 2026-10-02T00:00:00Z, end: 2026-10-02T00:00:00Z}"),
        "key window.start:",
        "at or after",
    ),
    "end in the future": (
        with_("window", " {start: 2026-10-02T00:00:00Z, end: 2026-11-21T05:00:01Z}"),
        "4:44: key window.end:",
        "in the future",
    ),
    "fraction of a second": (
        with_("window", " {start: 2026-10-02T00:00:00.5Z, end: 2026-11-21T05:00:00Z}"),
        "key window.start:",
        "whole seconds",
    ),
    "last of a fraction": (with_("window", " {last: 1500ms}"), "key window.last:", "whole seconds"),
    "both forms": (with_("window", " {last: 30d, start: 2026-10-02T00:00:00Z}"), "4:1: key window:", "either"),
    "half a form": (with_("window", " {start: 2026-10-02T00:00:00Z}"), "key window.end:", "is missing"),
    "slip in a window": (with_("window", " {lasts: 30d}"), "key window.lasts: unknown key", "nearest is last"),
    "window of a source": (
        with_("sources", SOURCE % "window: {start: 2026-10-02T00:00:00Z, end: 2026-12-01T00:00:00Z}"),
        "key sources.unified-audit-log.window.end:",
        "in the future",
    ),
    "no window at all": (GOOD.replace("window", "#"), "6:11: key sources.unified-audit-log.window:", "no window"),
    # what is asked for
    "no source": (with_("sources", " {}"), "6:1: key sources:", "at least one"),
    "source with nothing after it": (with_("sources", " {message-trace: }"), "key sources.message-trace:", "{}"),
    "trace of an investigation": (
        with_("sources", " {message-trace: {for: accessed}}"),
        "key sources.message-trace.for:",
        "under `attacker`",
    ),
    "trace of nobody": (
        with_("mailboxes", " []").replace("unified-audit-log: {}", "message-trace: {for: mailboxes}"),
        "key sources.message-trace.for:",
        "under `mailboxes`",
    ),
    "signing": (with_("evidence", " {folder: e, sign_with: key.pem}"), "evidence.sign_with:", "does not sign yet"),
    "timestamping": (
        with_("evidence", " {folder: e, timestamp_authority: 'http://tsa.example.org'}"),
        "evidence.timestamp_authority:",
        "does not sign yet",
    ),
    "name that is a path": (with_("engagement", " ../contoso"), "1:13: key engagement:", "letters, digits"),
    "name that Windows keeps": (with_("engagement", " NUL"), "key engagement:", "Windows"),
    "name too long": (with_("engagement", " " + "a" * 65), "key engagement:", "1 to 64"),
    "tenant in words": (with_("tenant", " Contoso Ltd"), "key tenant:", "domains"),
    "tenant as an address": (with_("tenant", " 192.0.2.1"), "key tenant:", "GUID nor a domain"),
    "client id in words": (with_("auth", " {method: device-code, client_id: app}"), "key auth.client_id:", "GUID"),
    "mailbox without domain": (with_("mailboxes", " [adele]"), "5:13: key mailboxes[0]:", "name@domain"),
    "mailbox twice": (with_("mailboxes", " [a@contoso.com, A@Contoso.com]"), "5:28: key mailboxes[1]:", "twice"),
    "attacker's address": (with_("attacker", " {ips: [192.0.2.300]}"), "key attacker.ips[0]:", "192.0.2.0/24"),
    "plain http": (with_("cloud", " {authority: 'http://example.org', exchange: x}"), "key cloud.authority:", "https"),
    "query in a base": (with_("cloud", " {authority: 'https://example.org/?a=b'}"), "key cloud.authority:", "https"),
    "no host": (with_("cloud", " {authority: 'https://'}"), "key cloud.authority:", "https://host"),
    "port out of range": (
        with_("cloud", " {authority: 'https://example.org:99999'}"),
        "cloud.authority:",
        "https://host",
    ),
    "proxy of another kind": (with_("network", " {proxy: 'socks5://example.org:1080'}"), "network.proxy:", "http://"),
    # YAML
    "empty": ("", "engagement.yaml:", "is empty"),
    "only comments": ("# nothing\n", "engagement.yaml:", "is empty"),
    "null": ("---\n...\n", "engagement.yaml:", "is empty"),
    "not a mapping": ("- a\n", "1:1:", "keys with values"),
    "tab": ("auth:\n\tmethod: device-code\n", "2:1:", "replace tabs by spaces"),
    "bracket left open": (GOOD + "attacker: {ips: [\n", ":9:1:", "is not YAML"),
    "no space after the colon": (GOOD + "network:null\n", ":9:1:", "is not YAML"),
    "escape beyond Unicode": (with_("tenant", ' "\\UFFFFFFFF"'), "engagement.yaml:", "is not YAML"),
    "twice": (GOOD + "tenant: contoso.com\n", "8:1: key tenant:", "twice"),
    "anchor": (with_("mailboxes", " &a [x]"), "5:12: key mailboxes:", "anchors"),
    "alias": (with_("mailboxes", " *a"), "key mailboxes:", "aliases"),
    "merge": (GOOD + "attacker: {<<: {ips: []}}\n", "8:12: key attacker:", "merge keys"),
    "tag": (with_("tenant", " !!python/name:os.system"), "2:9: key tenant:", "tags"),
    "key that is a list": (GOOD + "? [a]\n: b\n", "8:3:", "not a word"),
    "key with a blank": (GOOD + "net work: null\n", "8:1: key net…:", "not the name of a key"),
    "second document": (GOOD + "---\na: b\n", "8:1:", "second document"),
    "bomb of brackets": ("a: " + "[" * 5000, "1:", "nested deeper"),
    "control character": (with_("tenant", ' "contoso\\x07.com"'), "2:9: key tenant:", "control character"),
    "raw control character": (with_("tenant", " conto\x07so.com"), "2:14:", "control character"),
    "lone surrogate": (with_("tenant", ' "\\ud800"'), "key tenant:", "control character"),
    "several lines": (with_("case", "\n  operator: |\n    a\n    b\n"), "key case.operator:", "one line"),
    "empty text": (with_("case", " {operator: ''}"), "8:18: key case.operator:", "is empty text"),
    "not UTF-8": (GOOD.encode() + b"# \xff", "engagement.yaml:8:", "UTF-8"),
    "UTF-16": (GOOD.encode("utf-16"), "engagement.yaml:", "UTF-8"),
    "too large": (GOOD + "#" * 2**20, "engagement.yaml:", "1 MiB"),
}


@pytest.mark.parametrize("case", WRONG)
def test_each_wrong_file_gets_one_message_with_key_place_and_remedy(case: str, tmp_path: Path) -> None:
    text, where, words = WRONG[case]
    with pytest.raises(UsageError) as caught:
        read(tmp_path, text)
    assert caught.value.exit_code is ExitCode.USAGE
    assert caught.value.remedy
    assert "\n" not in caught.value.message + caught.value.remedy
    assert caught.value.message.startswith(str(tmp_path))
    assert where in caught.value.message
    assert words in told(caught.value)


def test_the_file_that_is_spoilt_above_is_good(tmp_path: Path) -> None:
    assert read(tmp_path, GOOD).engagement == "contoso-2026-11"


@pytest.mark.parametrize("name", ["none.yaml", "."])
def test_a_missing_file_and_a_folder_are_usage_errors(name: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be read") as caught:
        load(tmp_path / name, now=NOW)
    assert caught.value.remedy


def test_a_huge_value_does_not_fill_the_screen(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as caught:
        read(tmp_path, with_("tenant", " " + "a " * 100_000))
    assert len(told(caught.value)) < 1000
