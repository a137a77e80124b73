"""The project's own fixtures, record shapes and hostile pages, come out of the whole chain byte for byte."""

import json
import re
from pathlib import Path

import pytest

from collector.http.cut import cut
from collector.sources.unified_audit_log import key, read_rows

FIXTURES = Path(__file__).parents[2] / "fixtures"
PAGES = sorted((FIXTURES / "hostile-pages").glob("*.json"))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_the_rows_of_a_hostile_page_are_bytes_of_the_page(page):
    body = page.read_bytes()
    rows = cut(body).rows
    assert len(rows) == 2
    without_breaks = body.translate(None, b"\r\n")
    assert all(row in without_breaks and b"\n" not in row for row in rows)
    assert b"".join(rows).count(b"00000000-0000-4000-8000-") == 2


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_the_rows_of_a_hostile_page_are_told_apart_and_counted(page):
    rows, seen = read_rows(cut(page.read_bytes()).rows)
    assert [one.result_index for one in seen] == [1, 2]
    assert [one.result_count for one in seen] == [2, 2]
    assert len({row.identity for row in rows}) == 2
    assert [key(row.raw) for row in rows] == [(row.identity, row.content) for row in rows]


def test_every_shape_of_record_is_told_apart_and_unharmed():
    texts = (FIXTURES / "audit-records.jsonl").read_text("utf-8").rstrip("\n").split("\n")
    rows = [{"Identity": json.loads(text)["Id"], "AuditData": text, "ResultIndex": 1} for text in texts]
    body = json.dumps({"value": rows}).encode()
    read, _ = read_rows(cut(body).rows)
    assert [json.loads(row.raw)["AuditData"] for row in read] == texts
    assert len({row.content for row in read}) == len(texts)


def test_the_fixtures_name_nobody_real():
    text = (FIXTURES / "audit-records.jsonl").read_text("utf-8")
    hosts = set(re.findall(r"@([a-z0-9.]+)", text))
    assert hosts <= {"contoso.example.org", "fabrikam.example.org"}
