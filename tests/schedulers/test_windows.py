"""The task for Windows, judged by the structure that [MS-TSCH] 2.5 documents."""

from pathlib import Path

import pytest
from lxml import etree

from tests.schedulers.files import TASK, task_value

SCHEMA = etree.XMLSchema(file=Path(__file__).with_name("task.xsd"))
TEXT = TASK.read_text(encoding="ascii")


def test_windows_would_take_the_task() -> None:
    SCHEMA.assertValid(etree.fromstring(TEXT))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        pytest.param("StartWhenAvailable>", "StartIfAvailable>", id="a setting that there is not"),
        pytest.param("IgnoreNew", "Ignore", id="a policy that there is not"),
        pytest.param("PT15M", "15m", id="a span that is none"),
        pytest.param("PT15M", "PT15S", id="repeated too often"),
        pytest.param("2026-01-01T00:00:00Z", "2026-01-01", id="a start without an hour"),
        pytest.param("StopIfGoingOnBatteries>false", "StopIfGoingOnBatteries>no", id="neither true nor false"),
        pytest.param('Context="Collector"', 'Context="Author"', id="a principal that it does not name"),
        pytest.param('version="1.2"', 'version="12"', id="a version that there is not"),
        pytest.param("2004/02/mit", "2004/02", id="another namespace"),
        pytest.param("<Enabled>true</Enabled>", "<RandomDelay>PT1M</RandomDelay>", id="a trigger in disorder"),
        pytest.param("TimeTrigger>", "DailyTrigger>", id="a trigger that there is not"),
    ],
)
def test_a_broken_task_is_refused(old: str, new: str) -> None:
    assert old in TEXT
    assert not SCHEMA.validate(etree.fromstring(TEXT.replace(old, new)))


def test_it_can_be_registered_as_text() -> None:
    assert "encoding" not in TEXT.partition("?>")[0]


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("Interval", "PT15M"),
        ("MultipleInstancesPolicy", "IgnoreNew"),
        ("DisallowStartIfOnBatteries", "false"),
        ("StopIfGoingOnBatteries", "false"),
        ("StartWhenAvailable", "true"),
        ("ExecutionTimeLimit", "PT0S"),  # none; without the setting it is three days
        ("RunLevel", "LeastPrivilege"),
    ],
)
def test_it_is_kept_alive_with_the_least_rights(setting: str, value: str) -> None:
    assert task_value(setting, TEXT) == value
