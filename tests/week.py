"""When the stories end of tests that run by the real clock: what one holds depends on the weekday and the hour."""

from datetime import datetime, timedelta

from collector.clock import SystemClock

WEDNESDAY = 2


def last_wednesday() -> datetime:
    """Return the last noon of a Wednesday that is three days past, so that all of a story is settled."""
    past = SystemClock().now() - timedelta(days=3)
    noon = past.replace(hour=12, minute=0, second=0, microsecond=0)
    days = (noon.weekday() - WEDNESDAY) % 7
    return noon - timedelta(days=days if noon - timedelta(days=days) <= past else 7)
