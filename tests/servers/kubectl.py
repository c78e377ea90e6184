"""A kubectl to render manifests with: the cluster's own, else the one on the PATH."""

import shutil
import subprocess
from pathlib import Path
from typing import Any

import yaml

from ooda.testbed.layout import layout
from servers.processes import installed


def kustomize(folder: Path) -> list[dict[str, Any]]:
    """Return the objects of a kustomization; raises ServerMissingError without kubectl."""
    candidates = [
        layout().binaries / "kubectl",
        Path(shutil.which("kubectl") or "/usr/bin/kubectl"),
    ]
    kubectl = installed(candidates, "kubectl, or run: make images")
    done = subprocess.run([kubectl, "kustomize", folder], capture_output=True, check=True)
    return [each for each in yaml.safe_load_all(done.stdout) if each]
