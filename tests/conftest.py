"""What tests note with `tally`, or by the mark `tries`, is summed and printed before pytest's last line."""

import pytest

from tests.tally import Sums, Tally

PROPERTY = "tally"


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "tries(what): the test is one try of this; it is counted in the table of faults")


@pytest.fixture
def tally(record_property) -> Tally:
    """Note what this test tries, while it does."""
    made = Tally()
    record_property(PROPERTY, made.noted)
    return made


@pytest.fixture(autouse=True)
def _tries(request: pytest.FixtureRequest) -> None:
    for mark in request.node.iter_markers("tries"):
        request.getfixturevalue("tally")(*mark.args)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the table; under pytest-xdist the reports of all workers have come here."""
    sums = Sums()
    for outcome in ("passed", "failed"):
        for report in terminalreporter.getreports(outcome):
            if report.when == "call":
                for name, noted in report.user_properties:
                    if name == PROPERTY:
                        sums.add(report.nodeid.partition("::")[0], noted, failed=report.failed)
    if table := sums.table():
        terminalreporter.section("what was tried against it")
        terminalreporter.write_line("\n".join(table))
