"""What one run says must not be taken for what another leaves open; what a path looks like must not matter."""

import json
from pathlib import Path

import pytest

from collector.analysis.filters import Filters
from collector.analysis.investigation import investigate
from collector.analysis.prepare import Prepared
from collector.analysis.questions import question
from collector.errors import UsageError
from collector.model import Status
from tests.analysis.cases import ask, trace
from tests.analysis.damaged import DAY, read_all, row_of_bind, small
from tests.analysis.feeds import ASKED, SHAREPOINT, Piece, audit_log, collect, feed, row, row_of


@pytest.mark.parametrize("name", ["source=m365", "row_id=7"])
def test_a_folder_whose_name_means_something_to_the_database_changes_nothing(tmp_path: Path, name: str) -> None:
    (tmp_path / "ab").mkdir()
    rows = [row_of_bind(f"b{number}", number, f"<m{number}@x>") for number in range(2)]
    plain, odd = (ask(read_all(small(tmp_path / folder, *rows)), "binds") for folder in ("ab", name))
    assert plain == odd
    assert len(odd) == 2


@pytest.mark.parametrize("name", ["a*", "a?c", "[x]"])
def test_a_folder_whose_name_is_a_pattern_has_its_tables_elsewhere(tmp_path: Path, name: str) -> None:
    run = small(tmp_path / name)
    with pytest.raises(UsageError, match="pattern") as error:
        ask(read_all(run), "binds")
    assert "--tables" in error.value.remedy
    assert len(ask(read_all(run, elsewhere=tmp_path / "tables"), "binds")) == 2


@pytest.mark.parametrize("number", range(6))
def test_a_sync_is_not_lost_to_a_poorer_variant_of_it(tmp_path: Path, number: int) -> None:
    sync = {"OperationProperties": [{"Name": "MailAccessType", "Value": "Sync"}], "Item": {"Id": "f"}}
    rows = [row(f"s{number}", 1, **sync), row(f"s{number}", 1)]
    assert len(ask(read_all(small(tmp_path, *rows)), "syncs")) == 1


def test_an_access_without_operation_is_shown(tmp_path: Path) -> None:
    assert len(ask(read_all(small(tmp_path, row_of_bind("b1", 1, "<m@x>", Operation=None))), "binds")) == 1


def test_two_records_without_an_id_are_two(tmp_path: Path) -> None:
    rows = [row_of(json.dumps({"Operation": "Set-Mailbox", "Forward": to})) for to in ("a", "b")]
    assert counted(read_all(small(tmp_path, *rows)), "records") == 2


def test_rows_of_a_trace_that_differ_stay_when_another_run_is_read_too(tmp_path: Path) -> None:
    rows = [json.dumps({"MessageTraceId": "t", "MessageId": "<m@x>", "Subject": one}).encode() for one in ("a", "b")]
    runs = [collect(tmp_path, trace(Piece(DAY, rows))), collect(tmp_path, audit_log(Piece(DAY)))]
    for given in (runs[:1], runs):
        assert counted(read_all(*given), "traces") == 2


def test_a_feed_that_carries_no_mail_is_no_search(tmp_path: Path) -> None:
    run = collect(tmp_path, feed(Piece(DAY, part=SHAREPOINT, status=Status.EMPTY)))
    with investigate(read_all(run), question("binds"), Filters(), ASKED) as found:
        assert [one.kind for one in found.limits] == ["not-collected"]


def test_a_gap_at_one_tenant_is_not_filled_by_another(tmp_path: Path) -> None:
    runs = [
        collect(tmp_path / "a", audit_log(Piece(DAY, status=Status.GAP)), tenant="contoso.example.org"),
        collect(tmp_path / "b", audit_log(Piece(DAY)), tenant="fabrikam.example.org"),
    ]
    with investigate(read_all(*runs), question("binds"), Filters(), ASKED) as found:
        assert [one.kind for one in found.limits] == ["gap"]


def test_a_message_is_not_missing_from_the_trace_of_another_tenant(tmp_path: Path) -> None:
    runs = [
        collect(tmp_path / "a", audit_log(Piece(DAY, [row_of_bind("b1", 1, "<m@x>")])), tenant="contoso.example.org"),
        collect(tmp_path / "b", trace(Piece(DAY)), tenant="fabrikam.example.org"),
    ]
    assert [one["trace"] for one in ask(read_all(*runs), "emails")] == ["out-of-reach"]


def counted(prepared: Prepared, view: str) -> int:
    with investigate(prepared, f"SELECT count(*) AS n FROM {view}", Filters(), ASKED) as found:
        ((number,),) = found.answer.first(1)
        return int(number)
