"""The bench itself, small and without latency, so that it cannot rot."""

from collector.analysis.questions import NAMES
from tests.bench import questions
from tests.bench.collect import bench


def test_the_bench_measures_both_over_the_same_questions() -> None:
    report = bench(records=300, concurrency=2, rounds=1, latency=0.0)
    assert report.records == 300
    assert report.requests > 0
    assert report.ratio > 0
    assert [len(report.collector), len(report.bare)] == [1, 1]


def test_the_bench_of_the_questions_asks_each_in_both_forms() -> None:
    report = questions.bench(records=300, rounds=1)
    assert len(report.asked) == 2 * len(NAMES)
    assert all(asked.bytes > 0 for asked in report.asked.values())
    assert report.reading > 0
