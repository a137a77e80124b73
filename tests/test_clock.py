"""A clock for a part of the work: it stops alone, and with the whole."""

import pytest

from collector.clock import PartClock
from collector.errors import Interrupted
from tests.fakes import FakeClock


def test_it_shows_the_time_of_the_whole() -> None:
    whole = FakeClock()
    part = PartClock(whole)
    part.sleep(2.5)
    assert (part.now(), part.monotonic()) == (whole.now(), 2.5)
    part.sleep(0)
    part.sleep(-1)
    assert part.monotonic() == 2.5


def test_what_is_stopped_is_the_part_and_not_the_whole() -> None:
    whole = FakeClock()
    part = PartClock(whole)
    part.check()
    part.stop()
    assert part.stopped
    assert not whole.stopped
    with pytest.raises(Interrupted):
        part.check()
    with pytest.raises(Interrupted):
        part.sleep(0)
    PartClock(whole).check()


def test_the_whole_stops_its_parts() -> None:
    whole = FakeClock()
    part = PartClock(whole)
    whole.stop()
    assert part.stopped
    with pytest.raises(Interrupted):
        part.check()
    with pytest.raises(Interrupted):
        part.sleep(1)


def test_a_long_wait_ends_within_a_second_of_the_stop() -> None:
    class Stopping(FakeClock):
        def sleep(self, seconds: float) -> None:
            super().sleep(seconds)
            if self.monotonic() >= 3:
                part.stop()

    whole = Stopping()
    part = PartClock(whole)
    with pytest.raises(Interrupted):
        part.sleep(3600)
    assert whole.monotonic() <= 4
