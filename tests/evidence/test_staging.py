"""Rows that are not committed: each once, their bytes in a file that goes with its last user."""

from pathlib import Path

import pytest

from collector.errors import IntegrityError
from collector.evidence import Staging, Store
from collector.evidence.layout import data_folder, folder_name
from collector.evidence.lines import LONGEST_LINE, split
from collector.evidence.staging import Spool
from collector.model import Row
from tests.evidence.engagement import row, rows


@pytest.fixture
def staging(tmp_path: Path) -> Staging:
    return Staging(Spool(Store(), tmp_path / "spool"))


def text(staging: Staging) -> list[bytes]:
    return b"".join(stretch.lines for stretch in staging.read(staging.rows)).splitlines()


def test_a_second_attempt_adds_only_what_is_new(staging: Staging) -> None:
    assert staging.add(rows(0, 4), "first") == 4
    assert staging.add(rows(2, 6), "second") == 2
    assert staging.duplicates == 2
    assert text(staging) == [row(number).raw for number in range(6)]
    assert [staged.request for staged in staging.rows] == ["first"] * 4 + ["second"] * 2
    assert staging.identities == {row(number).identity for number in range(6)}
    staging.release()


def test_a_page_that_repeats_itself(staging: Staging) -> None:
    assert staging.add([row(1), row(1), row(1, says="otherwise")], "first") == 2
    staging.release()


def test_halves_share_the_file_and_both_go_on(staging: Staging, tmp_path: Path) -> None:
    staging.add([row(number, at=float(number)) for number in range(6)] + [row(0)], "whole")
    early, late = staging.part(lambda staged: (staged.at or 0.0) < 3)
    assert (early.duplicates, late.duplicates) == (1, 0)
    assert late.add([row(6), row(5)], "late") == 1
    assert early.add([row(7)], "early") == 1
    early.release()
    early.release()
    assert text(late) == [row(number).raw for number in (3, 4, 5, 6)]
    late.release()
    assert list(tmp_path.iterdir()) == []


def test_a_staging_without_rows_has_no_file(staging: Staging, tmp_path: Path) -> None:
    assert staging.add([], "empty") == 0
    assert text(staging) == []
    assert list(tmp_path.iterdir()) == []
    staging.release()


def test_a_row_of_two_lines_is_refused(staging: Staging) -> None:
    with pytest.raises(ValueError, match="one line"):
        staging.add([Row(b"{\n}", b"1", b"1", None)], "pretty")


def test_lines_are_split_at_line_feeds_alone() -> None:
    data = "a\r\x0b\x0c\x85\u2028b\n\n".encode()
    assert list(split([data[:3], b"", data[3:], b"c", b"d"])) == [data[:-1], b"\n", b"cd"]


def test_a_line_without_end_is_refused() -> None:
    block = bytes(1 << 20)
    with pytest.raises(IntegrityError, match="longer than"):
        list(split(block for _ in range(LONGEST_LINE // len(block) + 1)))


PARTS = (
    *("Audit.Exchange", "audit.exchange", "AUDIT.EXCHANGE", "a b", "a_b", "a-b", "a/b", "a\\b", "a:b", "<a@b>"),
    *("con", "CON.txt", "nul.tar", "unread", "", ".", "..", "../x", "x.", "x ", "x" * 300),
    *("\N{LATIN SMALL LETTER E WITH ACUTE}", "e\N{COMBINING ACUTE ACCENT}", "\ud800"),
)


def test_parts_have_folders_that_are_safe_everywhere_and_never_shared() -> None:
    names = [folder_name(part) for part in PARTS]
    assert len({name.casefold() for name in names}) == len(PARTS)
    for name in names:
        assert not set(name) & set('<>:"/\\|?* %')
        assert name == name.rstrip(". ")
        assert len(name) <= 80
        assert name.split(".")[0] not in {"con", "nul", "unread", ""}


def test_a_part_has_its_folder_below_the_source() -> None:
    assert data_folder("unified-audit-log", None) == "data/unified-audit-log"
    assert data_folder("message-trace", "adele@contoso.example.org") == "data/message-trace/adele@contoso.example.org"
