"""How far a job of the service has come."""

from datetime import timedelta


def stage(*, polls: int, quiet: int, elapsed: timedelta, takes: timedelta) -> int:
    """Return 0 for a job that waits, 1 for one that runs, 2 for one that ended.

    It waits in the first `quiet` answers that tell of it and runs in as many more; it also takes `takes`, a quarter of
    it waiting. By `polls` and by the clock, whichever is less.
    """
    polled = (polls > quiet) + (polls > 2 * quiet)
    ran = (elapsed >= takes / 4) + (elapsed >= takes)
    return min(polled, ran)
