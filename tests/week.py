"""When the stories end of tests that run by the real clock: what one holds depends on the weekday and the hour."""

from datetime import datetime, timedelta

from collector.clock import SystemClock

SATURDAY = 5


def last_saturday() -> datetime:
    """Return the beginning of the last Saturday that is three days past, so that all of a story is settled."""
    midnight = SystemClock().now().replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=3)
    return midnight - timedelta(days=(midnight.weekday() - SATURDAY) % 7)
