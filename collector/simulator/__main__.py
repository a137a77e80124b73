"""`python -m collector.simulator` serves the story until Ctrl-C, and prints one JSON line that says where."""

import argparse
import json
import sys
import threading
from contextlib import suppress
from datetime import timedelta

from collector.clock import SystemClock
from collector.simulator import SECRET_VARIABLE, SimulatedTenant, takeover


def main() -> None:
    """Serve a story that ends an hour ago. The tenant is a toy; its secret is printed with the rest."""
    parser = argparse.ArgumentParser(prog="python -m collector.simulator", description=__doc__)
    parser.add_argument("--records", type=int, default=2000, help="audit records in the story")
    parser.add_argument("--traces", type=int, default=1000, help="message trace rows in the story")
    parser.add_argument("--days", type=int, default=7, help="length of the story")
    parser.add_argument("--seed", type=int, default=1, help="another seed, another story")
    parser.add_argument("--sign-ins", action="store_true", help="a sign-in for every session, and failed attempts")
    asked = parser.parse_args()
    end = SystemClock().now().replace(minute=0, second=0, microsecond=0) - timedelta(hours=1)
    scenario = takeover(
        seed=asked.seed,
        start=end - timedelta(days=asked.days),
        days=asked.days,
        records=asked.records,
        traces=asked.traces,
        sign_ins=asked.sign_ins,
    )
    with SimulatedTenant(scenario) as tenant:
        line = {
            "address": tenant.address,
            "ca_bundle": str(tenant.ca_bundle),
            "engagement": tenant.engagement(),
            "environment": {SECRET_VARIABLE: tenant.client_secret},
        }
        with suppress(KeyboardInterrupt):
            sys.stdout.write(json.dumps(line) + "\n")
            sys.stdout.flush()
            threading.Event().wait()


if __name__ == "__main__":
    main()
