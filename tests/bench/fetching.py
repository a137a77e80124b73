"""`python -m tests.bench.fetching FILE REQUESTS`: the bare threaded fetch that the collector is held against.

The same questions, as many in flight, each body read to its end and thrown away. Signing in is outside the time.
"""

import json
import os
import sys
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import requests
import yaml
from requests.adapters import HTTPAdapter

from collector.simulator import SECRET_VARIABLE

BLOCK = 1 << 16


def questions(log: Path) -> list[tuple[str, bytes]]:
    """Return address and body of what a run asked, under sessions of our own."""
    sessions: dict[str, str] = {}
    found = []
    for entry in map(json.loads, log.read_bytes().splitlines()):
        if "cmdlet" not in entry:
            continue
        parameters = entry["parameters"]
        parameters["SessionId"] = sessions.setdefault(parameters["SessionId"], str(uuid.uuid4()))
        body = {"CmdletInput": {"CmdletName": entry["cmdlet"], "Parameters": parameters}}
        found.append((entry["address"], json.dumps(body).encode()))
    return found


def session_for(engagement: dict[str, Any], pool: int) -> requests.Session:
    """Return a session that is signed in and trusts the tenant's CA whatever the environment says."""
    session = requests.Session()
    session.trust_env = False
    session.verify = engagement["network"]["ca_bundle"]
    session.mount("https://", HTTPAdapter(pool_maxsize=pool))
    form = {
        "client_id": engagement["auth"]["client_id"],
        "client_secret": os.environ[SECRET_VARIABLE],
        "grant_type": "client_credentials",
        "scope": f"{engagement['cloud']['exchange']}/.default",
    }
    address = f"{engagement['cloud']['authority']}/{engagement['tenant']}/oauth2/v2.0/token"
    token = session.post(address, data=form).json()["access_token"]
    session.headers.update({"Authorization": f"Bearer {token}", "Content-Type": "application/json"})
    return session


def fetch(file: Path, log: Path) -> dict[str, object]:
    """Ask all of it; return the seconds it took and how many bytes came, after their content-encoding."""
    engagement = yaml.safe_load(file.read_text())
    concurrency = engagement["limits"]["default"]["concurrency"]
    session = session_for(engagement, concurrency)

    def one(question: tuple[str, bytes]) -> int:
        with session.post(question[0], data=question[1], stream=True) as answer:
            answer.raise_for_status()
            return sum(len(block) for block in answer.iter_content(BLOCK))

    asked = questions(log)
    started = time.monotonic()
    with ThreadPoolExecutor(concurrency) as threads:
        size = sum(threads.map(one, asked))
    return {"seconds": time.monotonic() - started, "requests": len(asked), "bytes": size}


if __name__ == "__main__":
    sys.stdout.write(json.dumps(fetch(Path(sys.argv[1]), Path(sys.argv[2]))) + "\n")
