"""Evidence on disk (design 1.3): what came, as it came, hashed as it is written, committed slice by slice and sealed.

Invariants: I1 a journal line speaks only of bytes that are durable under their final name. I2 a file in data/ without
a journal line is not evidence. I3 a torn last line of the journal is cut off, any other break of the chain is an
integrity failure and is never repaired. I4 manifests come from the journal and the re-read bytes. I5 where bagit.txt
stands, all before it is durable. I6 nothing under data/ is ever written again.
"""

from collector.evidence.account import Account, read
from collector.evidence.across import Across
from collector.evidence.chain import chained, last_line, links
from collector.evidence.chunks import lines
from collector.evidence.coverage import Coverage, SliceCoverage, cover, encode, ended, remaining
from collector.evidence.index import Index
from collector.evidence.journal import Commit
from collector.evidence.layout import INDEX, find_runs, lock
from collector.evidence.opening import Opening
from collector.evidence.run import Brought, RunFolder
from collector.evidence.staging import StagedRow, Staging, Stretch
from collector.evidence.store import Store, disk_errors
from collector.evidence.twins import FETCHED, Known, SeenBlob, Standing
from collector.evidence.verify import Verification, verify

__all__ = [
    "FETCHED",
    "INDEX",
    "Account",
    "Across",
    "Brought",
    "Commit",
    "Coverage",
    "Index",
    "Known",
    "Opening",
    "RunFolder",
    "SeenBlob",
    "SliceCoverage",
    "StagedRow",
    "Staging",
    "Standing",
    "Store",
    "Stretch",
    "Verification",
    "chained",
    "cover",
    "disk_errors",
    "encode",
    "ended",
    "find_runs",
    "last_line",
    "lines",
    "links",
    "lock",
    "read",
    "remaining",
    "verify",
]
