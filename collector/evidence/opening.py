"""The opening of a run: its folder, and what custody/ holds before anything is asked.

Invariant: the journal, whose first line names the other files with their hashes, is written last; a folder without
one is no run.
"""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from collector.clock import Clock
from collector.evidence.chunks import Compression
from collector.evidence.journal import TOOL, Follows, Opened, encode
from collector.evidence.layout import (
    CUSTODY,
    DATA,
    ENGAGEMENT,
    ENVIRONMENT,
    JOURNAL,
    PLAN,
    REQUESTS,
    STAGING,
    free_name,
    make_engagement_folder,
)
from collector.evidence.store import Store
from collector.model import Plan


class Opening(msgspec.Struct, frozen=True):
    """What a run is opened with; `engagement` is the engagement file's text, with references and no secrets.

    `chunk_bytes` is the uncompressed size at which a chunk is full. `follows` is the run that this one takes over from.
    """

    plan: Plan
    engagement: bytes
    environment: Mapping[str, Any]
    compression: Compression
    chunk_bytes: int
    follows: Follows | None = None


def begin(engagement_folder: Path, opening: Opening, *, store: Store, clock: Clock) -> Path:
    """Make the folder of a new run, named for the time, and return it; raises DiskError."""
    path = free_name(engagement_folder, clock.now())
    make_engagement_folder(engagement_folder, store)
    for folder in (CUSTODY, DATA, STAGING):
        store.make_folder(path / folder, within=engagement_folder)
    files = {
        PLAN: msgspec.json.format(msgspec.json.encode(opening.plan)) + b"\n",
        ENVIRONMENT: msgspec.json.format(msgspec.json.encode(opening.environment)) + b"\n",
        ENGAGEMENT: opening.engagement,
    }
    for name, data in (*files.items(), (REQUESTS, b"")):
        store.write_whole(path / name, data)
    line = encode(
        Opened(
            at=clock.now(),
            run_id=f"{engagement_folder.name}/{path.name}",
            tool=TOOL,
            compression=opening.compression,
            chunk_bytes=opening.chunk_bytes,
            files={name: hashlib.sha256(data).hexdigest() for name, data in files.items()},
            follows=opening.follows,
        )
    )
    store.write_whole(path / JOURNAL, line + b"\n")
    return path
