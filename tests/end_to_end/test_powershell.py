"""`plan --powershell`: a script alone on standard output, and nothing asked of the tenant."""

from tests.end_to_end.conftest import Staging
from tests.run.shell import calls, faults, parsed


def test_the_plan_is_printed_as_a_script_and_nothing_else(staged: Staging) -> None:
    stage = staged()
    done = stage.collector("plan", "--powershell", stage.file)
    assert (done.code, done.err) == (0, "")
    tree = parsed(done.out)
    assert faults(tree) == []
    forecast = stage.collector("plan", "--json", stage.file).of_type("plan")
    assert len(calls(tree, "Save-Slice")) == sum(
        one["slices"] for one in forecast if one["source"] != "management-activity"
    )


def test_a_script_and_json_are_not_asked_for_together(staged: Staging) -> None:
    stage = staged()
    done = stage.collector("plan", "--powershell", "--json", stage.file)
    assert done.code == 2
    assert [one["message_type"] for one in done.messages] == ["error"]
    assert "exclude each other" in done.out
