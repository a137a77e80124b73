"""Both roads over Graph as a stranger takes them: planned, collected, verified and asked."""

from pathlib import Path

import pytest

from collector.simulator import SimulatedTenant
from tests.end_to_end.stage import STORY, Stage, assert_sealed_and_sound, lines_of

ROADS = {"sources": {"purview-audit-query": {"window": {"last": "179d"}}, "graph-message-trace": {}}}


@pytest.fixture
def stage(tmp_path: Path):
    with SimulatedTenant(STORY) as tenant:
        yield Stage(tenant, tmp_path, ROADS)


def test_a_plan_says_how_many_queries_of_the_day_it_takes(stage):
    ended = stage.collector("plan", stage.file)
    assert ended.code == 0
    assert "begins 6 of the 200 queries" in " ".join(ended.out.split())


def test_what_graph_has_is_collected_sealed_and_answers(stage):
    stage.write(sources={"purview-audit-query": {}, "graph-message-trace": {}})
    ended = stage.run()
    assert ended.code == 0, ended
    assert_sealed_and_sound(stage, stage.run_folder)
    ids = sorted(record["id"] for record in lines_of(stage.run_folder, "purview-audit-query"))
    assert ids == sorted(row.identity for row in STORY.audit_rows if row.operation == "MailItemsAccessed")
    assert len(lines_of(stage.run_folder, "graph-message-trace")) == len(STORY.traces)
    answer = stage.collector("investigate", "emails", stage.run_folder)
    assert answer.code == 0
    assert "found" in answer.out


def test_a_watch_takes_no_query_that_is_made_once(stage):
    ended = stage.collector("watch", stage.file, "--for", "1m")
    assert ended.code == 2
    assert "purview-audit-query is asked once" in ended.err
