"""The doctor on the cluster that `make cluster platform` gives."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.cluster


def test_the_doctor_reaches_the_platform() -> None:
    done = subprocess.run(
        [Path(sys.executable).parent / "ooda", "doctor", "--output", "json"],
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    told = json.loads(done.stdout)
    assert told["ok"] is True
    assert set(told["servers"]) == {"nats", "postgres", "kubernetes"}
    identity = subprocess.run(
        ["kubectl", "--request-timeout=10s", "get", "namespace", "kube-system",
         "--output=jsonpath={.metadata.uid}"],
        capture_output=True,
        text=True,
        check=True,
    )  # fmt: skip
    assert told["servers"]["kubernetes"]["facts"]["identity"] == identity.stdout
