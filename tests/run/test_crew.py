"""Threads: every task and what follows from it is done, and the first failure stops all."""

import threading

import pytest

from collector.clock import SystemClock
from collector.errors import AccessError, DiskError, Interrupted, TemporaryError
from collector.run.crew import Gang, run_all


def test_every_task_is_done_once_and_so_is_what_follows_from_it():
    done: list[int] = []

    def work(task: int) -> list[int]:
        done.append(task)
        return [task * 2, task * 2 + 1] if task < 50 else []

    run_all([Gang(work, 4, [1])], SystemClock())
    assert sorted(done) == list(range(1, 100))


def test_nothing_to_do_ends_at_once():
    run_all([Gang(lambda task: [], 2, [])], SystemClock())


def test_the_gravest_error_is_raised_and_the_rest_is_stopped():
    clock = SystemClock()
    started = threading.Barrier(3)

    def work(task: int) -> list[int]:
        if task > 2:
            clock.check()
            return []
        started.wait()
        raise (DiskError("full"), AccessError("no"), TemporaryError("away"))[task]

    with pytest.raises(DiskError):
        run_all([Gang(work, 3, list(range(1000)))], clock)
    assert clock.stopped


def test_an_interruption_is_raised_where_nothing_worse_happened():
    clock = SystemClock()
    clock.stop()

    def work(task: int) -> list[int]:
        clock.check()
        return []

    with pytest.raises(Interrupted):
        run_all([Gang(work, 2, [1, 2, 3])], clock)


def test_a_fault_of_ours_is_not_hidden_by_the_interruption_it_causes():
    clock = SystemClock()

    def work(task: int) -> list[int]:
        if task == 0:
            raise KeyError("ours")
        clock.sleep(60)
        return []

    with pytest.raises(KeyError):
        run_all([Gang(work, 4, [0, 1, 2, 3])], clock)
