"""The gate: a quota that is never passed, however many threads ask and however time runs."""

import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.config import Rate
from collector.errors import Interrupted
from collector.http.limiter import Gate
from tests.fakes import FakeClock

START = 0.9
"""A moment to which 300 seconds can be added and not taken away again: rounding leaves less than there was."""


def gate(clock: FakeClock | None = None, *, concurrency: int = 4, rate: Rate | None = None) -> Gate:
    return Gate(concurrency=concurrency, rate=rate, clock=clock or FakeClock(), waiting=lambda why, seconds: None)


def test_never_more_in_flight_than_allowed() -> None:
    made, lock = gate(concurrency=3), threading.Lock()
    now, most = Counter[str](), Counter[str]()
    together = threading.Barrier(3)

    def pass_through(number: int) -> None:
        with made.passage():
            with lock:
                now["in"] += 1
                most["in"] = max(most["in"], now["in"])
            if number < 3:
                together.wait(timeout=10)  # three of them really are in flight at once
            with lock:
                now["in"] -= 1

    with ThreadPoolExecutor(16) as pool:
        list(pool.map(pass_through, range(60)))
    assert most["in"] == 3


@given(
    st.integers(1, 8),
    st.floats(0.5, 900),
    st.lists(st.tuples(st.floats(0, 50), st.floats(0, 900)), min_size=1, max_size=60),
)
def test_never_more_than_the_rate_in_any_period(requests: int, period: float, steps: list[tuple[float, float]]) -> None:
    clock = FakeClock()
    made = gate(clock, rate=Rate(requests, period))
    arrived: list[float] = []
    for takes, pause in steps:
        with made.passage():
            arrived.append(clock.monotonic() + takes)  # the latest at which the service may count it
            clock.move(takes)
        clock.move(pause)
    assert all(later - first >= period - 1e-6 for first, later in zip(arrived, arrived[requests:], strict=False))


def test_the_rate_holds_for_threads_that_share_a_clock() -> None:
    clock, lock = FakeClock(), threading.Lock()
    made = gate(clock, concurrency=8, rate=Rate(10, 300.0))
    arrived: list[float] = []

    def pass_through(_: int) -> None:
        with made.passage(), lock:
            arrived.append(clock.monotonic())

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(pass_through, range(45)))
    arrived.sort()
    assert all(later - first >= 300.0 - 1e-6 for first, later in zip(arrived, arrived[10:], strict=False))
    assert arrived[-1] == pytest.approx(1200.0)


def test_a_place_that_rounding_alone_would_free_is_not_given_twice() -> None:
    clock = FakeClock()
    clock.move(START)
    made = gate(clock, rate=Rate(2, 300.0))
    for _ in range(2):
        with made.passage():
            pass
    passed = []
    for _ in range(4):
        with made.passage():
            passed.append(clock.monotonic())
    assert passed[0] >= START + 300.0
    assert passed[2] >= passed[0] + 300.0


def test_what_is_under_way_counts_for_the_rate() -> None:
    clock = FakeClock()
    made = gate(clock, concurrency=4, rate=Rate(2, 300.0))

    def third() -> float:
        with made.passage():
            return clock.monotonic()

    with ThreadPoolExecutor(1) as pool:
        with made.passage(), made.passage():
            waiting = pool.submit(third)
            while len(clock.slept) < 10:
                assert not waiting.done()
            freed = clock.monotonic()
        assert waiting.result(timeout=10) >= freed + 300.0


def test_throttling_halves_and_answers_win_back() -> None:
    made = gate(concurrency=8)
    widths = []
    for _ in range(5):
        made.throttled(0.0)
        widths.append(made.allowed)
    assert widths == [4, 2, 1, 1, 1]
    for _ in range(200):
        made.answered()
        widths.append(made.allowed)
    assert widths[-1] == 8
    assert sorted(widths[4:]) == widths[4:]


def test_one_request_is_always_allowed() -> None:
    made = gate(concurrency=1)
    for _ in range(50):
        made.throttled(0.0)
    with made.passage():
        assert made.allowed == 1


def test_a_retry_after_closes_the_gate_for_all() -> None:
    clock = FakeClock()
    made = gate(clock)
    made.throttled(30.0)
    made.throttled(5.0)
    with made.passage():
        assert clock.monotonic() == 30.0


def test_a_place_is_given_back_when_the_request_fails() -> None:
    made = gate(concurrency=1)
    for _ in range(3):
        with pytest.raises(KeyError), made.passage():
            raise KeyError
    with made.passage():
        pass


def test_a_thread_that_waits_for_a_place_can_be_stopped() -> None:
    clock = FakeClock()
    made = gate(clock, concurrency=1)
    with made.passage(), ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(lambda: made.passage().__enter__())
        clock.stop()
        assert isinstance(waiting.exception(timeout=10), Interrupted)
