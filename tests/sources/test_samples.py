"""Records that others have published, where they lie beside the checkout: each byte passes, none passes for another."""

import json
from pathlib import Path

import pytest

from collector.http.cut import cut
from collector.sources.unified_audit_log import read_rows

SAMPLES = Path(__file__).parents[3] / "shared" / "samples" / "mail-items-accessed"
ROW = "inv_search_unified_audit_log_row.json"

pytestmark = pytest.mark.skipif(not SAMPLES.is_dir(), reason=f"no published records at {SAMPLES}")


def samples() -> list[bytes]:
    return [path.read_bytes().strip() for path in sorted(SAMPLES.glob("*.json")) if path.name != ROW]


def one_line(text: bytes) -> bytes:
    return text.replace(b"\r", b"").replace(b"\n", b"")


def as_row(record: bytes) -> bytes:
    """Write a record as Search-UnifiedAuditLog does, its AuditData a text."""
    return json.dumps({"Identity": json.loads(record)["Id"], "AuditData": record.decode()}).encode()


def test_published_records_pass_without_a_changed_byte() -> None:
    records = samples()
    assert len(records) >= 13
    rows = cut(b'{"@adminapi.warnings":[],"value":[%b]}' % b",".join(records)).rows
    assert list(rows) == [one_line(record) for record in records]
    assert [json.loads(row) for row in rows] == [json.loads(record) for record in records]


def test_published_records_pass_as_audit_data_too() -> None:
    wrapped = [as_row(record) for record in samples()]
    rows, _ = read_rows(cut(b'{"value":[%b]}' % b",".join(wrapped)).rows)
    assert [row.raw for row in rows] == wrapped
    assert [json.loads(row.raw)["AuditData"].encode() for row in rows] == samples()


def test_published_records_are_told_from_each_other() -> None:
    rows, _ = read_rows(tuple(as_row(record) for record in samples()))
    assert len({row.identity for row in rows}) == len({row.content for row in rows}) == len(rows)


def test_the_published_row_of_the_cmdlet_is_read() -> None:
    raw = (SAMPLES / ROW).read_bytes().strip()
    (row,), (seen,) = read_rows(cut(b'{"value":%b}' % raw).rows)
    assert row.raw == one_line(raw.removeprefix(b"[").removesuffix(b"]")).strip()
    assert seen.result_index is not None
    assert seen.result_count is not None
    assert row.at is None  # it went through Export-Csv, whose dates are nobody's
    (same,), _ = read_rows((as_row((SAMPLES / "inv01_bind_rest_restsystem_ipv6.json").read_bytes()),))
    assert same.identity == row.identity
