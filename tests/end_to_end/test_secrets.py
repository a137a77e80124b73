"""No secret and no token stands in any file or output, whatever went wrong; and only reading cmdlets were sent."""

import base64
import gzip
import json
import re
import signal
from pathlib import Path

from collector.simulator import SECRET_VARIABLE, Fault, Kind, chance, nth, page
from tests.end_to_end.conftest import Staging
from tests.end_to_end.stage import Stage, Tripwire, assert_collected, ended, kill

TOKEN = re.compile(rb"eyJ[A-Za-z0-9_-]{10,}")
READING = {"Search-UnifiedAuditLog", "Get-MessageTraceV2"}


def everything_below(folder: Path) -> dict[Path, bytes]:
    """Every file, as it lies there and, where it is gzip, as it reads."""
    return {path: path.read_bytes() + _unpacked(path) for path in folder.rglob("*") if path.is_file()}


def _unpacked(path: Path) -> bytes:
    try:
        return gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else b""
    except (OSError, EOFError):
        return b""


def assert_nothing_leaked(stage: Stage, *outputs: str) -> None:
    secret = stage.environment[SECRET_VARIABLE].encode()
    forms = (secret, base64.b64encode(secret), secret[:16])
    told = {Path("(output)"): "".join(outputs).encode(), **everything_below(stage.folder)}
    assert len(told) > 5
    for where, data in told.items():
        assert not any(form in data for form in forms), where
        assert not TOKEN.search(data), where


def test_the_search_finds_a_token_when_there_is_one() -> None:
    head = base64.urlsafe_b64encode(json.dumps({"alg": "HS256", "typ": "JWT"}).encode())
    assert TOKEN.search(b"Bearer " + head)


def test_a_quiet_run_leaks_nothing(staged: Staging) -> None:
    stage = staged()
    done = stage.run("--verbose")
    shown = [stage.collector(word, stage.evidence) for word in ("status", "verify")]
    assert_nothing_leaked(stage, *(one.out + one.err for one in (done, *shown)))


def test_a_run_with_refused_tokens_odd_answers_and_a_kill_leaks_nothing(staged: Staging) -> None:
    wire = Tripwire()
    stage = staged(
        Fault(Kind.STATUS, wire),
        Fault(Kind.UNAUTHORIZED, nth(3)),
        Fault(Kind.CLAIMS, nth(8)),
        Fault(Kind.HTML, nth(5), status=200),
        Fault(Kind.BROKEN_GZIP, nth(6)),
        Fault(Kind.CUT, nth(9)),
        Fault(Kind.TWICE, page(1)),
        Fault(Kind.STATUS, chance(0.1), times=None, text="Bearer eyJhbGciOiJub25lIn0.eyJzdWIiOiJ4In0.c2ln"),
    )
    with stage.running() as process:
        wire.set(10, lambda: kill(process, signal.SIGKILL))
        first = ended(process)
    second = stage.run("--verbose", "--json")
    assert_nothing_leaked(stage, first.out, first.err, second.out, second.err)


def test_a_wrong_secret_is_never_shown(staged: Staging) -> None:
    stage = staged()
    stage.environment[SECRET_VARIABLE] = "a-wrong-secret-of-forty-characters-and-more-still"
    done = stage.run("--json")
    assert done.code == 4
    assert_nothing_leaked(stage, done.out, done.err)


def test_a_secret_in_the_engagement_file_is_refused_unseen(staged: Staging) -> None:
    stage = staged()
    auth = {"method": "client-secret", "client_id": stage.tenant.client_id, "client_secret": "Abc8Q~literal-secret"}
    stage.write(auth=auth)
    done = stage.run()
    assert done.code == 2
    assert "env:" in done.err
    assert "literal-secret" not in done.out + done.err


def test_the_tenant_saw_reading_cmdlets_only(staged: Staging) -> None:
    stage = staged(Fault(Kind.STATUS, chance(0.1), times=None))
    stage.run()
    assert_collected(stage.run_folder)
    asked = stage.tenant.requests
    assert {one.cmdlet for one in asked if one.path.startswith("/adminapi")} == READING
    others = {(one.method, one.path.rpartition("/")[2]) for one in asked if not one.path.startswith("/adminapi")}
    assert others == {("GET", "openid-configuration"), ("POST", "token")}
