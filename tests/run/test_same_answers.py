"""Every road to the same records gives the same answers, alone and beside another; one record counts once."""

import io
import json
from pathlib import Path
from typing import Any

import pytest

from collector.analysis.filters import Filters
from collector.analysis.investigation import Investigation, investigate
from collector.analysis.prepare import Prepared
from collector.analysis.questions import NAMES, question
from collector.simulator.cast import MEGAN
from tests.analysis.cases import ask, ready
from tests.analysis.feeds import ASKED
from tests.run.tenants import collect, engagement_file, tenant

BY_CMDLET: dict[str, Any] = {"unified-audit-log": {"operations": []}, "message-trace": {}}
BY_GRAPH: dict[str, Any] = {"purview-audit-query": {"operations": []}, "graph-message-trace": {}}
NARROWINGS: list[dict[str, Any]] = [
    {"mailbox": [MEGAN.upn]},
    {"ip": ["203.0.113.0/24"]},
    {"user": [MEGAN.upn.upper()]},
]
Roads = dict[str, Prepared]


@pytest.fixture(scope="module")
def roads(tmp_path_factory: pytest.TempPathFactory) -> Roads:
    """Collect the same tenant on one road, on the other, and on both at once."""
    with tenant() as served:
        runs: dict[str, Path] = {}
        for name, sources in {"cmdlet": BY_CMDLET, "graph": BY_GRAPH, "both": {**BY_CMDLET, **BY_GRAPH}}.items():
            folder = tmp_path_factory.mktemp(name)
            runs[name] = collect(engagement_file(served, folder, sources=sources)).path
    roads = {
        "cmdlet": [runs["cmdlet"]],
        "graph": [runs["graph"]],
        "both in a run": [runs["both"]],
        "a run of each": [runs["cmdlet"], runs["graph"]],
        "all of them": [*runs.values()],
    }
    return {name: ready(of) for name, of in roads.items()}


def answers(road: Prepared, name: str, **narrowing: Any) -> list[dict[str, Any]]:
    """Return an answer without what names the sources it was found in."""
    rows = ask(road, name, **narrowing)
    return [{column: value for column, value in row.items() if column != "sources"} for row in rows]


ASKED_HERE = tuple(name for name in NAMES if name != "settings")


@pytest.mark.parametrize("name", ASKED_HERE)
def test_every_road_gives_the_same_answer(roads: Roads, name: str) -> None:
    expected = answers(roads["cmdlet"], name)
    assert expected or name == "throttling"
    for road, prepared in roads.items():
        assert answers(prepared, name) == expected, road


@pytest.mark.parametrize("narrowing", NARROWINGS, ids=lambda one: next(iter(one)))
@pytest.mark.parametrize("name", ["contexts", "messages", "signins"])
def test_what_narrows_an_answer_narrows_that_of_graph(roads: Roads, name: str, narrowing: dict[str, Any]) -> None:
    expected = answers(roads["cmdlet"], name, **narrowing)
    assert expected
    assert answers(roads["graph"], name, **narrowing) == expected


@pytest.mark.parametrize("name", ["binds", "emails", "signins"])
def test_graph_alone_leaves_nothing_uncovered_that_the_cmdlets_cover(roads: Roads, name: str) -> None:
    def uncovered(road: Prepared) -> set[str]:
        with investigate(road, question(name), Filters(), ASKED) as found:
            return {limit.kind for limit in found.limits} - {"narrowed"}

    assert uncovered(roads["graph"]) == uncovered(roads["cmdlet"])


def test_what_graph_may_not_have_shown_of_sign_ins_is_said(roads: Roads) -> None:
    with investigate(roads["graph"], question("signins"), Filters(), ASKED) as found:
        assert any("Entra" in limit.text for limit in found.limits if limit.source == "purview-audit-query")


@pytest.mark.parametrize("road", ["graph", "both in a run", "all of them"])
def test_a_message_that_both_traces_tell_of_counts_once(roads: Roads, road: str) -> None:
    counted = "SELECT count(*) AS traces FROM traces"
    with (
        investigate(roads["cmdlet"], counted, Filters(), ASKED) as expected,
        investigate(roads[road], counted, Filters(), ASKED) as found,
    ):
        assert rows_of(found) == rows_of(expected)


def rows_of(found: Investigation) -> list[dict[str, Any]]:
    output = io.BytesIO()
    found.answer.write(output, "json")
    rows: list[dict[str, Any]] = json.loads(output.getvalue())
    return rows


@pytest.mark.parametrize("road", ["graph", "both in a run"])
def test_records_of_one_road_can_be_asked_for_by_its_name(roads: Roads, road: str) -> None:
    expected = answers(roads["cmdlet"], "binds")
    assert answers(roads[road], "binds", source=["purview-audit-query"]) == expected
