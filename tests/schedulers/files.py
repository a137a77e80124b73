"""The files of config/schedulers, and the command line that each of them starts, as a list of words."""

import re
import shlex
from pathlib import Path

import yaml
from lxml import etree

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "config" / "schedulers"
SERVICE, TIMER = FOLDER / "collector@.service", FOLDER / "collector@.timer"
CRONTAB = FOLDER / "collector.crontab"
TASK = FOLDER / "collector-task.xml"
CRONJOB = FOLDER / "collector-cronjob.yaml"
PROGRAM = "/opt/collector/bin/collector"


def only(pattern: str, text: str) -> str:
    """What the first group of a pattern matches, at its only place in a text; `^` and `$` match at lines."""
    (found,) = re.findall(pattern, text, re.MULTILINE)
    return found


def cron_entry(text: str) -> tuple[str, str]:
    """The schedule and the shell command of the only entry of a user's crontab."""
    *schedule, command = only(r"^([^#\n].*)$", text).split(maxsplit=5)
    return " ".join(schedule), command


def task_value(name: str, task: str) -> str:
    """The text of the only element of a name in a Windows task."""
    (element,) = etree.fromstring(task).iter(f"{{*}}{name}")
    return element.text


def kubernetes_objects() -> dict[str, dict]:
    """The objects of the manifest, by their kind."""
    objects = list(yaml.safe_load_all(CRONJOB.read_text(encoding="utf-8")))
    by_kind = {each["kind"]: each for each in objects}
    assert len(by_kind) == len(objects)
    return by_kind


def pod() -> dict:
    """The pod that the CronJob starts."""
    return kubernetes_objects()["CronJob"]["spec"]["jobTemplate"]["spec"]["template"]["spec"]


def systemd_command() -> list[str]:
    return shlex.split(only(r"^ExecStart=(.+)$", SERVICE.read_text(encoding="utf-8")))


def cron_command() -> list[str]:
    command = cron_entry(CRONTAB.read_text(encoding="utf-8"))[1]
    return shlex.split(only(r"\$\((.+?) 2>&1\)", command))


def windows_command() -> list[str]:
    task = TASK.read_text(encoding="utf-8")
    return [task_value("Command", task), *task_value("Arguments", task).split()]


def kubernetes_command() -> list[str]:
    (container,) = pod()["containers"]
    return container["command"]


COMMANDS = {
    SERVICE: systemd_command,
    CRONTAB: cron_command,
    TASK: windows_command,
    CRONJOB: kubernetes_command,
}
