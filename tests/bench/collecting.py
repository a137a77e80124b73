"""`python -m tests.bench.collecting FILE`: the collector, timed from its first question to the seal."""

import json
import sys
from pathlib import Path

from collector import network
from collector.clock import SystemClock
from collector.config import Network
from collector.config.reading import load
from collector.evidence import Commit, Store
from collector.http.transport import Received, RequestsTransport, Sent, Transport
from collector.model import Slice
from collector.run.engage import Seams, run


class Quiet:
    """An observer that shows nothing."""

    def planned(self, slices: int) -> None:
        pass

    def rows(self, slice_: Slice, count: int) -> None:
        pass

    def waiting(self, why: str, seconds: float) -> None:
        pass

    def committed(self, commit: Commit) -> None:
        pass

    def notice(self, text: str) -> None:
        pass


class Started:
    """A transport that notes when the first question left."""

    def __init__(self, transport: Transport, clock: SystemClock) -> None:
        self._transport = transport
        self._clock = clock
        self.at: float | None = None

    def send(self, sent: Sent) -> Received:
        self.at = self.at or self._clock.monotonic()
        return self._transport.send(sent)


def collect(file: Path) -> dict[str, object]:
    """Run the engagement; return the seconds it took, the run's folder and how many records it holds."""
    clock = SystemClock()
    made: list[Started] = []

    def transport(settings: Network, connections: int) -> Transport:
        session = network.session(settings, pool=connections)
        made.append(Started(RequestsTransport(session, clock=clock, deadline=600), clock))
        return made[-1]

    seams = Seams(clock, Store(), transport, input, Quiet())
    result = run(load(file, now=clock.now()), seams, new=True)
    seconds = clock.monotonic() - (made[0].at or 0.0)
    records = sum(commit.records for commit in result.commits)
    return {"seconds": seconds, "run": str(result.path), "records": records, "exit_code": int(result.exit_code)}


if __name__ == "__main__":
    sys.stdout.write(json.dumps(collect(Path(sys.argv[1]))) + "\n")
