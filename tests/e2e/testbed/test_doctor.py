"""The doctor on the cluster that `make shop` gives."""

import json
import os
import subprocess
import sys
from pathlib import Path

from e2e.live.kube import Kube


def test_the_doctor_reaches_the_platform(kube: Kube) -> None:
    done = subprocess.run(
        [Path(sys.executable).parent / "ooda", "doctor", "--output", "json"],
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
        env={**os.environ, "KUBECONFIG": str(kube.kubectl.kubeconfig)},
    )
    assert done.returncode == 0, done.stdout + done.stderr
    told = json.loads(done.stdout)
    assert told["ok"] is True
    assert set(told["servers"]) == {"nats", "postgres", "kubernetes"}
    identity = kube.get("Namespace", "kube-system").metadata.uid
    assert told["servers"]["kubernetes"]["facts"]["identity"] == identity
