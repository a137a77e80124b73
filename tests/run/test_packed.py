"""Files packed by gzip or zip, damaged and hostile ones too: each is read in bounds, or it is said why not."""

import gzip
import hashlib
import io
import json
import time
import zipfile
from pathlib import Path
from typing import Any

import pytest

from collector.errors import UsageError
from collector.evidence import find_runs, lines, read, verify
from collector.model import Status
from collector.run import packed
from collector.run.engage import Result
from collector.run.importing import bring_in
from collector.run.packed import Broken, members
from tests.run.test_importing import seams
from tests.sources.exported import Line, portal_rows, table, ual_rows

RECORDS: list[Line] = [
    {
        "CreationTime": "2026-11-10T08:00:00",
        "Id": f"r{n}",
        "Operation": "MailItemsAccessed",
        "RecordType": 50,
        "UserId": "u",
    }
    for n in range(3)
]
LOG, PORTAL = table(ual_rows(RECORDS)), table(portal_rows(RECORDS))


def zipped(*files: tuple[str, bytes], how: int = zipfile.ZIP_DEFLATED) -> bytes:
    output = io.BytesIO()
    with zipfile.ZipFile(output, "w", how) as archive:
        for name, data in files:
            archive.writestr(name, data)
    return output.getvalue()


def brought(folder: Path, data: bytes, name: str = "case.zip") -> Result:
    (folder / name).write_bytes(data)
    return bring_in(folder / "contoso", [folder / name], seams())


def said(result: Result) -> list[tuple[str, str, int]]:
    found = [
        json.loads(one) for commit in result.commits for chunk in commit.chunks for one in lines(result.path, chunk)
    ]
    return [(line["file"], line["kind"], line["line"]) for line in found]


def unread(result: Result) -> list[dict[str, Any]]:
    chunks = [chunk for commit in result.commits for chunk in commit.unread]
    return [json.loads(line) for chunk in chunks for line in (result.path / chunk.path).read_bytes().splitlines()]


def whole(path: Path, place: int = 0) -> bytes:
    with members(path) as found:
        return b"".join(found[place].blocks())


def test_a_packed_file_is_kept_as_it_came_and_read_as_what_is_in_it(tmp_path):
    for name, data in (
        ("log.csv.gz", gzip.compress(LOG)),
        ("more.gz", gzip.compress(PORTAL[:50]) + gzip.compress(PORTAL[50:])),
    ):
        result = brought(tmp_path, data, name)
        assert {(file, number) for file, _, number in said(result)} == {(name, 2), (name, 3), (name, 4)}
        original = result.commits[0].original
        assert original is not None
        assert (result.path / original.path).read_bytes() == data
        assert verify(result.path).problems == ()


def test_each_file_of_a_zip_is_read_as_what_it_is(tmp_path):
    result = brought(
        tmp_path, zipped(("a/log.csv", LOG), ("b/log.json", json.dumps(RECORDS).encode()), ("p.csv", PORTAL))
    )
    assert [(file, kind) for file, kind, _ in said(result)][::3] == [
        ("case.zip/a/log.csv", "unified-audit-log"),
        ("case.zip/b/log.json", "audit-records"),
        ("case.zip/p.csv", "purview-audit-log"),
    ]
    (slice_,) = result.coverage.slices
    assert (slice_.status, slice_.records, slice_.part) == (Status.GAP, 9, "case.zip")
    assert (
        slice_.reason == "not-known: 1 of its 3 files hold all that one question found, but which one it does not tell"
    )
    assert verify(result.path).problems == ()


def test_what_a_single_export_shows_of_its_question_is_said_and_it_stays_a_gap(tmp_path):
    for number, (data, shown) in enumerate(
        [(LOG, True), (LOG + LOG, False), (LOG[: LOG.rindex(b'"2026')], False), (table(ual_rows(RECORDS)[1:]), False)]
    ):
        (slice_,) = brought(tmp_path, data, f"{number}.csv").coverage.slices
        assert slice_.status is Status.GAP
        assert slice_.reason is not None
        assert slice_.reason.startswith("not-known")
        assert ("it holds all that one question found" in slice_.reason) is shown


def test_files_of_a_zip_that_are_no_exports_are_named_and_the_others_are_read(tmp_path):
    result = brought(
        tmp_path,
        zipped(
            ("LogFile.txt", b"[INFO] done"),
            ("log.csv", LOG),
            ("in.zip", zipped(("x", LOG))),
            ("x.gz", gzip.compress(LOG)),
        ),
    )
    assert {file for file, _, _ in said(result)} == {"case.zip/log.csv"}
    assert [(one["file"], one["line"]) for one in unread(result)] == [
        (f"case.zip/{name}", 0) for name in ("LogFile.txt", "in.zip", "x.gz")
    ]
    assert [one["why"] for one in unread(result) if "archive within" in one["why"]]
    assert "3 rows or files cannot be read" in (result.coverage.slices[0].reason or "")


def test_what_is_in_front_of_the_files_of_a_zip_is_named(tmp_path):
    result = brought(tmp_path, zipped(("a.csv", PORTAL)) + zipped(("b.csv", LOG)))
    assert {file for file, _, _ in said(result)} == {"case.zip/b.csv"}
    (named,) = unread(result)
    assert named["file"] == "case.zip/"
    assert "bytes before the first file are in no directory" in named["why"]


def test_the_name_of_a_member_is_only_a_name(tmp_path):
    names = ["../../out.csv", "/etc/out.csv", "C:\\out.csv", "out.csv", "out.csv"]
    with pytest.warns(UserWarning, match="Duplicate"):
        data = zipped(*((name, LOG.replace(b"r0", b"x%d" % number)) for number, name in enumerate(names)))
    folder = tmp_path / "deep" / "er"
    folder.mkdir(parents=True)
    result = brought(folder, data)
    assert list(dict.fromkeys(file for file, _, _ in said(result))) == [
        f"case.zip/{name}" for name in (*names[:4], "out.csv (2)")
    ]
    assert not list(tmp_path.rglob("out.csv*"))
    assert verify(result.path).problems == ()


def test_what_cannot_be_unpacked_to_its_end_is_named_and_what_came_before_is_kept(tmp_path):
    many = table(
        ual_rows(
            [
                one | {"Id": f"{n}-{one['Id']}", "Noise": hashlib.sha256(f"{n}{one}".encode()).hexdigest()}
                for n in range(9000)
                for one in RECORDS
            ]
        )
    )
    data = gzip.compress(many)
    result = brought(tmp_path, data[: len(data) * 2 // 3], "log.gz")
    assert 1000 < len(said(result)) < 27_000
    (last,) = unread(result)
    assert "cannot be unpacked to its end" in last["why"]
    assert last["line"] == said(result)[-1][2]
    spoilt = bytearray(zipped(("a.csv", many), ("b.csv", LOG)))
    spoilt[len(spoilt) // 2] ^= 0xFF
    result = brought(tmp_path, bytes(spoilt))
    assert {"case.zip/a.csv"} == {one["file"] for one in unread(result)}
    assert ("case.zip/b.csv", "unified-audit-log", 4) in said(result)


@pytest.mark.parametrize(
    "data",
    [
        gzip.compress(b"name,value\n1,2\n"),
        gzip.compress(gzip.compress(LOG)),
        gzip.compress(LOG)[:5],
        b"\x1f\x8bnothing",
        b"PK\x03\x04 a zip",
        zipped(),
        zipped(("folder/", b"")),
        zipped(("a.txt", b"hello")),
        zipped(("log.csv", LOG))[:-40],
    ],
)
def test_what_holds_no_export_is_refused_and_nothing_is_written(data, tmp_path):
    with pytest.raises(UsageError):
        brought(tmp_path, data)
    assert find_runs(tmp_path) == ()


def test_a_bomb_is_not_read_on(tmp_path, monkeypatch):
    monkeypatch.setattr(packed, "_FREE", 1 << 20)
    bomb = LOG + b"x" * (64 << 20)
    result = brought(tmp_path, gzip.compress(bomb), "bomb.gz")
    assert len(said(result)) == 3
    assert "out of all proportion" in unread(result)[-1]["why"]
    with pytest.raises(UsageError, match="more bytes than a zip of logs"):
        brought(tmp_path, zipped(("bomb.csv", bomb)))
    monkeypatch.setattr(packed, "_UNPACKED", 100)
    with pytest.raises(UsageError, match="more bytes"):
        brought(tmp_path, zipped(("log.csv", LOG)))


def test_a_zip_with_too_many_files_or_too_long_a_directory_is_refused(tmp_path, monkeypatch):
    data = zipped(*((f"{number}.csv", LOG) for number in range(30)))
    monkeypatch.setattr(packed, "_MEMBERS", 29)
    with pytest.raises(UsageError, match="holds 30 files"):
        brought(tmp_path, data)
    monkeypatch.setattr(packed, "_DIRECTORY", 1000)
    with pytest.raises(UsageError, match="directory is too long"):
        brought(tmp_path, data)


def test_many_files_cost_no_more_than_they_are(tmp_path):
    begun = time.process_time()
    result = brought(tmp_path, zipped(*((f"{number}.txt", b"hello") for number in range(4000)), ("log.csv", LOG)))
    assert time.process_time() - begun < 20
    assert (len(said(result)), len(unread(result))) == (3, 4000)


def test_a_member_that_says_less_than_it_holds_is_broken(tmp_path):
    data = bytearray(zipped(("log.csv", LOG)))
    at = data.rindex(b"PK\x01\x02")
    data[at + 24 : at + 28] = (100).to_bytes(4, "little")
    (tmp_path / "x.zip").write_bytes(data)
    with pytest.raises(Broken, match="CRC"):
        whole(tmp_path / "x.zip")


@pytest.mark.parametrize(
    ("at", "value", "why"), [(8, 1, "encrypted"), (10, 99, "way that is not read"), (10, 12, "way that")]
)
def test_what_is_encrypted_or_packed_in_other_ways_is_not_tried(at, value, why, tmp_path):
    data = bytearray(zipped(("log.csv", LOG)))
    data[data.rindex(b"PK\x01\x02") + at] = value
    (tmp_path / "x.zip").write_bytes(data)
    with pytest.raises(Broken, match=why):
        whole(tmp_path / "x.zip")


def test_members_that_lie_outside_of_their_zip_are_broken(tmp_path):
    data = bytearray(zipped(("a.csv", LOG), ("b.csv", PORTAL)))
    data[data.rindex(b"PK\x01\x02") + 42 : data.rindex(b"PK\x01\x02") + 46] = b"\xff\xff\xff\x7f"
    (tmp_path / "x.zip").write_bytes(data)
    assert whole(tmp_path / "x.zip") == LOG
    with pytest.raises(Broken):
        whole(tmp_path / "x.zip", 1)


@pytest.mark.parametrize("cut", range(0, 120, 7))
def test_a_zip_with_any_byte_of_its_directory_changed_ends_in_rows_or_a_reason(cut, tmp_path):
    data = bytearray(zipped(("a.csv", LOG), ("b.csv", PORTAL)))
    data[data.index(b"PK\x01\x02") + cut] ^= 0xA5
    try:
        result = brought(tmp_path, bytes(data))
    except UsageError:
        return
    assert len(said(result)) + len(unread(result)) > 0
    assert len(said(result)) == 6 or unread(result)
    assert verify(result.path).problems == ()


def test_all_files_of_a_zip_are_what_they_are_said_to_be(tmp_path):
    (tmp_path / "x.zip").write_bytes(zipped(("log.csv", LOG), ("p.csv", PORTAL)))
    result = bring_in(tmp_path / "contoso", [tmp_path / "x.zip"], seams(), kind="purview-audit-log")
    assert {kind for _, kind, _ in said(result)} == {"purview-audit-log"}
    assert [one["file"] for one in unread(result)] == ["x.zip/log.csv"]
    assert read(result.path).sealed
