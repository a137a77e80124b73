"""Threads that work on tasks which lead to more tasks.

Invariants: the first failure, or the operator, stops all; a thread that still waits for a slow answer then is left
behind after a grace (it is a daemon, and what it would bring is refused), so that Ctrl-C ends in seconds; no other
thread outlives its work.
"""

import queue
import threading
from collections.abc import Callable, Sequence
from typing import Generic, NamedTuple, TypeVar

from collector.clock import Clock
from collector.errors import PRECEDENCE, CollectorError, ExitCode, Interrupted

GRACE = 5.0
"""Seconds that threads are given to end once the run is stopped."""

_GLANCE = 0.2

T = TypeVar("T")


class Gang(NamedTuple, Generic[T]):
    """Tasks of one kind: what is done with each, and by how many threads. `work` returns the tasks that follow."""

    work: Callable[[T], Sequence[T]]
    threads: int
    tasks: Sequence[T]


class _Done(NamedTuple, Generic[T]):
    todo: "queue.SimpleQueue[T | None]"
    following: Sequence[T]
    error: BaseException | None


def run_all(gangs: Sequence[Gang[T]], clock: Clock) -> None:
    """Work until no task is left; raises the gravest error there was, Interrupted only where nothing else was."""
    done: queue.SimpleQueue[_Done[T]] = queue.SimpleQueue()
    left = 0
    todos: list[tuple[queue.SimpleQueue[T | None], int]] = []
    for gang in gangs:
        todo: queue.SimpleQueue[T | None] = queue.SimpleQueue()
        todos.append((todo, gang.threads))
        left += _put(todo, gang.tasks)
        for _ in range(gang.threads):
            threading.Thread(target=_work, args=(gang.work, todo, done), daemon=True).start()
    errors = _gather(done, left, clock)
    for todo, threads in todos:
        _put(todo, [None] * threads)
    if errors:
        raise min(errors, key=_gravity)


def _put(todo: "queue.SimpleQueue[T | None]", tasks: Sequence[T | None]) -> int:
    for task in tasks:
        todo.put(task)
    return len(tasks)


def _work(
    work: Callable[[T], Sequence[T]], todo: "queue.SimpleQueue[T | None]", done: "queue.SimpleQueue[_Done[T]]"
) -> None:
    while (task := todo.get()) is not None:
        try:
            done.put(_Done(todo, work(task), None))
        except BaseException as error:  # noqa: BLE001 - handed to the thread that runs the crew
            done.put(_Done(todo, (), error))


def _gather(done: "queue.SimpleQueue[_Done[T]]", left: int, clock: Clock) -> list[BaseException]:
    errors: list[BaseException] = []
    stopped_at: float | None = None
    while left:
        if clock.stopped and stopped_at is None:
            stopped_at = clock.monotonic()
        if stopped_at is not None and clock.monotonic() - stopped_at > GRACE:
            return errors or [Interrupted("stopped by the operator", remedy="run the same command again to go on")]
        try:
            one = done.get(timeout=_GLANCE)
        except queue.Empty:
            continue
        left -= 1
        if one.error is not None:
            errors.append(one.error)
            clock.stop()
        elif stopped_at is None:
            left += _put(one.todo, one.following)
    return errors


def _gravity(error: BaseException) -> tuple[bool, int]:
    """Order errors by what the operator must hear first; an interruption is mostly our own, after another error."""
    code = error.exit_code if isinstance(error, CollectorError) else ExitCode.FAULT
    return isinstance(error, Interrupted), PRECEDENCE.index(code)
