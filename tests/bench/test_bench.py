"""The bench itself, small and without latency, so that it cannot rot."""

from tests.bench.collect import bench


def test_the_bench_measures_both_over_the_same_questions() -> None:
    report = bench(records=300, concurrency=2, rounds=1, latency=0.0)
    assert report.records == 300
    assert report.requests > 0
    assert report.ratio > 0
    assert [len(report.collector), len(report.bare)] == [1, 1]
