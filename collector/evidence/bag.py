"""The BagIt files of a sealed run (RFC 8493, version 1.0).

Invariants: I4, a manifest line's hash is from bytes read again, and equal to the journal's; I5, bagit.txt is written
when all else is durable. quarantine/ and signatures/ are in no manifest.
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from pathlib import Path

from collector.evidence.journal import TOOL
from collector.evidence.layout import CUSTODY_FILES, SEAL
from collector.evidence.lines import digest
from collector.evidence.store import Store
from collector.model import Chunk

MANIFEST = "manifest-sha256.txt"
TAG_MANIFEST = "tagmanifest-sha256.txt"
BAG_INFO = "bag-info.txt"
TAG_FILES = (SEAL, BAG_INFO, MANIFEST, *CUSTODY_FILES)
"""What the tag manifest names."""

SEAL_TEXT = b"BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n"


def write(run: Path, payload: Sequence[Chunk], bag_info: Mapping[str, str], at: datetime, store: Store) -> None:
    """Write manifests, bag-info.txt and, last, bagit.txt; the caller has compared the payload with its hashes."""
    store.write_whole(run / MANIFEST, manifest((chunk.path, chunk.sha256) for chunk in payload))
    info = {
        **bag_info,
        "Bagging-Date": f"{at:%Y-%m-%d}",
        "Payload-Oxum": oxum(chunk.bytes for chunk in payload),
        "Bag-Software-Agent": TOOL,
    }
    store.write_whole(run / BAG_INFO, _tags(info))
    digests = {path: digest(run / path)[0] for path in TAG_FILES if path != SEAL}
    digests[SEAL] = hashlib.sha256(SEAL_TEXT).hexdigest()
    store.write_whole(run / TAG_MANIFEST, manifest(digests.items()))
    store.sync_tree(run)
    store.write_whole(run / SEAL, SEAL_TEXT)


def manifest(digests: Iterable[tuple[str, str]]) -> bytes:
    """Return a manifest of paths and their SHA-256 (hex), sorted, as `sha256sum -c` reads it."""
    return "".join(f"{sha256}  {path}\n" for path, sha256 in sorted(digests)).encode()


def oxum(sizes: Iterable[int]) -> str:
    """Return the Payload-Oxum of files of these sizes: octets, a dot, their number."""
    known = list(sizes)
    return f"{sum(known)}.{len(known)}"


def _tags(info: Mapping[str, str]) -> bytes:
    """Return tags a line each; whatever breaks a line for any reader becomes a blank."""
    tidy = ((" ".join(label.replace(":", " ").split()), " ".join(value.split())) for label, value in info.items())
    return "".join(f"{label}: {value}\n" for label, value in tidy if value).encode("utf-8", "backslashreplace")
