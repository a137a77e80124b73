"""What an engagement asks about that its earlier evidence names (design 1.2, `for`), for `run` and `plan`.

Invariants: all runs of the engagement count, and only if they are intact; what the list rests on, and what it may lack
for that, is said.
"""

from collector.analysis import sought
from collector.analysis.addresses import network
from collector.analysis.filters import AnyOf
from collector.analysis.questions import NEEDED
from collector.cli import answered, investigating
from collector.clock import SystemClock
from collector.config import Engagement
from collector.errors import IntegrityError
from collector.evidence import find_runs
from collector.model import Sought
from collector.run.engage import engagement_folder


def seek(engagement: Engagement) -> Sought:
    """Look into all runs of an engagement; raises IntegrityError where one is damaged, DiskError."""
    folder = engagement_folder(engagement)
    runs = find_runs(folder) if folder.is_dir() else ()
    if not runs:
        return Sought()
    try:
        prepared = investigating.prepared_runs(runs, elsewhere=None, unverified=False, needed=NEEDED)
    except IntegrityError as error:
        remedy = f"`collector verify` names all that is wrong; what is asked next rests on all runs in {folder}"
        raise IntegrityError(error.message, remedy=remedy) from None
    found = sought.seek(prepared, _interest(engagement), SystemClock().now())
    ids, rows = len(found.sought.message_ids), len(found.sought.traced)
    answered.say(f"looked into {folder}: {ids:,} messages accessed, details wanted of {rows:,} rows of traces")
    answered.not_covered(found.limits)
    return found.sought


def _interest(engagement: Engagement) -> sought.Interest:
    known = engagement.attacker
    ips = tuple(network(one) for one in known.ips)
    attacker = AnyOf(ip=ips, session=known.sessions, app=known.apps)
    detail = engagement.sources.message_trace_detail
    return sought.Interest(attacker, engagement.mailboxes, detail.audience if detail else None)
