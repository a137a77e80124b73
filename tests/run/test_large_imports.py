"""Exports of hundreds of megabytes: every row stands, in memory that does not grow with the file."""

import gzip
import json
import os
import subprocess
import sys
import zipfile
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any, BinaryIO

import pytest

from collector.evidence import find_runs, read
from tests.sources.exported import mes_json, office_rows, table, ual_rows

BYTES = 200 << 20
MOST = 300 << 20
"""Bytes of memory, the interpreter among them."""
RECORDS = [
    {
        "CreationTime": "2026-11-10T08:00:00",
        "Id": f"{number:08}",
        "Operation": "MailItemsAccessed",
        "RecordType": 50,
        "UserId": "megan@contoso.example.org",
        "Folders": [{"Path": "\\Inbox", "FolderItems": [{"InternetMessageId": f"<{n}@x>"} for n in range(60)]}],
    }
    for number in range(500)
]

FORMS: dict[str, Callable[[], tuple[bytes, bytes]]] = {
    "csv": lambda: _headed(table(ual_rows(RECORDS))),
    "json": lambda: (b"", mes_json(RECORDS)),
    "office-csv": lambda: _headed(table(office_rows(RECORDS), encoding="utf-16-le"), "\n".encode("utf-16-le")),
}


def _headed(data: bytes, end: bytes = b"\n") -> tuple[bytes, bytes]:
    at = data.index(end) + len(end)
    return data[:at], data[at:]


def written(output: BinaryIO, form: str) -> int:
    """Write an export of BYTES at least; returns its rows."""
    header, rows = FORMS[form]()
    output.write(header)
    times = BYTES // len(rows) + 1
    output.writelines(rows for _ in range(times))
    return times * len(RECORDS)


def packed(path: Path, form: str, packing: str) -> int:
    with ExitStack() as stack:
        file: Any = stack.enter_context(path.open("wb"))
        if packing == "gz":
            file = stack.enter_context(gzip.GzipFile(fileobj=file, mode="wb", compresslevel=1))
        if packing == "zip":
            archive = stack.enter_context(zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=1))
            file = stack.enter_context(archive.open("export", "w", force_zip64=True))
        return written(file, form)


@pytest.mark.soak
@pytest.mark.timeout(900)
@pytest.mark.parametrize(("form", "packing"), [("csv", "csv"), ("json", "gz"), ("office-csv", "zip")])
def test_a_large_export_is_read_whole_in_little_memory(form: str, packing: str, tmp_path: Path) -> None:
    path = tmp_path / f"export.{packing}"
    rows = packed(path, form, packing)
    words = [sys.executable, "-m", "collector", "import", str(tmp_path / "contoso"), str(path), "--quiet"]
    process = subprocess.Popen(words, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 3
    (run,) = find_runs(tmp_path)
    (slice_,) = read(run).coverage.slices
    assert (slice_.records, json.dumps(slice_.reason)) == (rows, '"not-known"')
    assert usage.ru_maxrss * 1024 < MOST
