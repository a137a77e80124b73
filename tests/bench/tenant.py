"""`python -m tests.bench.tenant`: a tenant that costs next to nothing to ask, so that what is measured is who asks.

Each page is rendered and compressed once; the same question in another session gets the same bytes. Prints a line of
JSON that says where it is, and serves until its standard input ends.
"""

import argparse
import json
import sys
import threading
from dataclasses import replace
from typing import Any

from isal import igzip

from collector.simulator import SECRET_VARIABLE, SimulatedTenant
from collector.simulator.wire import Reply, Request
from tests.bench.story import heavy


class QuickTenant(SimulatedTenant):
    """The simulated tenant with its pages kept, by question and page of the session."""

    def __init__(self, *arguments: Any, **more: Any) -> None:
        self._kept: dict[tuple[str, int], Reply] = {}
        self._asked: dict[str, int] = {}
        self._one_at_a_time = threading.Lock()
        super().__init__(*arguments, **more)

    def _answer(self, request: Request) -> Reply:
        if not request.path.endswith("/InvokeCommand"):
            return super()._answer(request)
        call = json.loads(request.body)
        session = call["CmdletInput"]["Parameters"].pop("SessionId")
        question = json.dumps(call, sort_keys=True)
        with self._one_at_a_time:
            page = self._asked[session] = self._asked.get(session, 0) + 1
            if (question, page) not in self._kept:
                self._kept[question, page] = self._rendered(request, call, question)
            return self._kept[question, page]

    def _rendered(self, request: Request, call: dict[str, Any], question: str) -> Reply:
        """Ask the simulated tenant itself, under one session for all who ask this question."""
        call["CmdletInput"]["Parameters"]["SessionId"] = question
        reply = super()._answer(replace(request, body=json.dumps(call).encode()))
        headers = {**reply.headers, "Content-Encoding": "gzip"}
        return replace(reply, body=igzip.compress(reply.body, compresslevel=1), headers=headers)


def main() -> None:
    """Serve."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--records", type=int, required=True)
    parser.add_argument("--latency", type=float, required=True)
    given = parser.parse_args()
    with QuickTenant(heavy(given.records), latency=given.latency) as tenant:
        line = {"engagement": tenant.engagement(), "environment": {SECRET_VARIABLE: tenant.client_secret}}
        sys.stdout.write(json.dumps(line) + "\n")
        sys.stdout.flush()
        sys.stdin.read()


if __name__ == "__main__":
    main()
