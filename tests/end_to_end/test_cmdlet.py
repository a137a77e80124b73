"""One cmdlet from the command line: how its parameters are typed, what is shown, what is refused."""

import json

import pytest

from collector.cli.given import parameters
from collector.errors import UsageError


def test_json_is_taken_as_it_is_and_all_else_is_text():
    given = [
        "Mailbox=adele@contoso.com",
        "IncludeHidden=true",
        "ResultSize=5",
        'Identity="2026"',
        "Filter=Name -eq 'x'",
    ]
    assert parameters(given) == {
        "Mailbox": "adele@contoso.com",
        "IncludeHidden": True,
        "ResultSize": 5,
        "Identity": "2026",
        "Filter": "Name -eq 'x'",
    }


def test_a_parameter_that_is_given_more_than_once_is_a_list_and_so_is_json():
    assert parameters(["Operations=Send", "Operations=SendAs"]) == {"Operations": ["Send", "SendAs"]}
    assert parameters(['Operations=["Send"]']) == {"Operations": ["Send"]}


def test_a_value_may_hold_the_sign_that_parts_it_from_its_name():
    assert parameters(["Filter=a=b"]) == {"Filter": "a=b"}


@pytest.mark.parametrize(
    "word", ["Mailbox", "=adele", "-Mailbox=adele", "Mail box=adele", "", "Name=\udcff", "Name=a\n"]
)
def test_what_is_no_parameter_is_refused_with_the_way_to_write_one(word):
    with pytest.raises(UsageError) as refused:
        parameters([word])
    assert "-p Key=Value" in refused.value.remedy


@pytest.mark.parametrize("word", ["NaN", "Infinity", "-Infinity", "[" * 100_000])
def test_what_json_itself_does_not_know_is_text(word):
    assert parameters([f"Filter={word}"]) == {"Filter": word}


def test_a_cmdlet_is_asked_into_a_run_of_its_own_and_its_call_is_on_record(staged):
    stage = staged()
    ended = stage.collector("cmdlet", stage.file, "Get-Mailbox", "-p", "ResultSize=Unlimited", "--json")
    assert ended.code == 0
    (summary,) = ended.of_type("summary")
    assert summary["records"] > 5
    plan = json.loads((stage.run_folder / "custody/plan.json").read_text(encoding="utf-8"))
    call = plan["sources"][0]["question"]["calls"]["Get-Mailbox"]
    assert call == {"cmdlet": "Get-Mailbox", "parameters": {"ResultSize": "Unlimited"}}


def test_a_cmdlet_that_writes_is_exit_2_and_nothing_is_sent(staged):
    stage = staged()
    ended = stage.collector("cmdlet", stage.file, "Set-Mailbox", "-p", "Identity=adele")
    assert ended.code == 2
    assert "only reads" in ended.err
    assert not stage.tenant.requests


def test_a_cmdlet_that_starts_a_job_has_a_source_of_its_own(staged):
    stage = staged()
    ended = stage.collector("cmdlet", stage.file, "Start-HistoricalSearch", "-p", "ReportTitle=x")
    assert ended.code == 2
    assert "historical-search" in ended.err
    assert not stage.tenant.requests
