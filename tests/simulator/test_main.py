"""`python -m collector.simulator` says where it serves, and leaves nothing behind."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.skipif(sys.platform == "win32", reason="Ctrl-C is sent as a signal")
def test_it_tells_where_it_serves_and_ctrl_c_leaves_nothing_behind() -> None:
    asked = [sys.executable, "-m", "collector.simulator", "--records", "10", "--traces", "5", "--days", "1"]
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])}
    with subprocess.Popen(asked, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment) as process:
        assert process.stdout is not None
        told = json.loads(process.stdout.readline())
        assert Path(told["ca_bundle"]).exists()
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=30)
    assert (process.returncode, said) == (0, b"")
    assert not Path(told["ca_bundle"]).exists()
    assert told["engagement"]["cloud"]["exchange"] == told["address"]
    assert told["engagement"]["auth"]["client_secret"].removeprefix("env:") in told["environment"]
