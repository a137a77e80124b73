"""The CronJob and what it needs, judged by the schemas of Kubernetes, and its engagement file by the collector."""

import copy
from pathlib import Path

import kubernetes_validate
import pytest

from collector.config import load
from tests.config.files import NOW
from tests.schedulers.files import kubernetes_command, kubernetes_objects, pod

OBJECTS = kubernetes_objects()
OLDEST = "1.27"  # the first in which a CronJob's time zone is settled


def check(resource: dict, version: str) -> None:
    """Raise kubernetes_validate.ValidationError for what that version does not know."""
    kubernetes_validate.validate(resource, version, strict=True)


def mounted() -> dict[str, dict]:
    """The volumes of the container, by the place where they are mounted."""
    volumes = {volume["name"]: volume for volume in pod()["volumes"]}
    (container,) = pod()["containers"]
    return {mount["mountPath"]: volumes[mount["name"]] for mount in container["volumeMounts"]}


def engagement(folder: Path):
    """The engagement file of the ConfigMap, as the collector reads it."""
    name = Path(kubernetes_command()[2]).name
    path = folder / name
    path.write_text(OBJECTS["ConfigMap"]["data"][name], encoding="utf-8")
    return load(path, now=NOW).engagement


@pytest.mark.parametrize("version", [OLDEST, kubernetes_validate.latest_version()])
@pytest.mark.parametrize("kind", OBJECTS)
def test_kubernetes_takes_each_object(kind: str, version: str) -> None:
    check(OBJECTS[kind], version)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        pytest.param(("concurrencyPolice",), "Forbid", id="a misspelt key"),
        pytest.param(("schedule",), None, id="no schedule"),
        pytest.param(("jobTemplate", "spec", "backoffLimit"), "none", id="text where a number belongs"),
        pytest.param(("jobTemplate", "spec", "template", "spec", "containers"), [{}], id="a container without a name"),
    ],
)
def test_kubernetes_refuses_a_broken_object(path: tuple[str, ...], value: object) -> None:
    broken = copy.deepcopy(OBJECTS["CronJob"])
    *folders, key = path
    place = broken["spec"]
    for folder in folders:
        place = place[folder]
    place[key] = value
    with pytest.raises(kubernetes_validate.ValidationError):
        check(broken, OLDEST)


def test_where_it_runs_already_nothing_happens() -> None:
    spec = OBJECTS["CronJob"]["spec"]
    assert spec["concurrencyPolicy"] == "Forbid"
    # Kubernetes gives up after a hundred starts that it passed over, if it has to count them from the last one.
    assert spec["startingDeadlineSeconds"] < 100 * 15 * 60
    assert (spec["jobTemplate"]["spec"]["backoffLimit"], pod()["restartPolicy"]) == (0, "Never")


def test_it_runs_with_no_more_rights_than_it_needs() -> None:
    (container,) = pod()["containers"]
    assert pod()["securityContext"]["runAsNonRoot"]
    assert not pod()["automountServiceAccountToken"]
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert "env" not in container


def test_all_objects_bear_the_name_of_the_engagement(tmp_path: Path) -> None:
    name = f"collector-{engagement(tmp_path).engagement}"
    assert {each["metadata"]["name"] for each in OBJECTS.values()} == {name}
    (volume,) = (volume for volume in mounted().values() if "projected" in volume)
    assert volume["projected"]["sources"] == [{"configMap": {"name": name}}, {"secret": {"name": name}}]


def test_its_engagement_file_loads_and_puts_the_evidence_on_the_volume(tmp_path: Path) -> None:
    volume = mounted()[str(engagement(tmp_path).evidence.folder)]
    assert volume["persistentVolumeClaim"]["claimName"] == OBJECTS["PersistentVolumeClaim"]["metadata"]["name"]


def test_its_secret_is_a_file_beside_the_engagement_file(tmp_path: Path) -> None:
    assert "projected" in mounted()[str(Path(kubernetes_command()[2]).parent)]
    assert str(engagement(tmp_path).auth.client_secret) == f"file:{tmp_path / 'secret'}"
