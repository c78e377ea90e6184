"""What a target on paper needs so that the faults in a container fit it."""

import json
from pathlib import PurePosixPath

from servers.control_plane import ControlPlane
from servers.pods import VOLUME

CLOCK = PurePosixPath("/mnt/clock/skew")
"""The file that says how far off the clock is."""
VOLUME_NAME = "work"


def fit(plane: ControlPlane, namespace: str, deployment: str) -> None:
    """Give a Deployment a clock that can be put off, and a volume that can be filled."""
    container = {
        "name": "app",
        "env": [
            {"name": "LD_PRELOAD", "value": "/opt/libclockskew.so"},
            {"name": "CLOCK_SKEW_FILE", "value": str(CLOCK)},
        ],
        "volumeMounts": [{"name": VOLUME_NAME, "mountPath": str(VOLUME)}],
    }
    volumes = [{"name": VOLUME_NAME, "emptyDir": {}}]
    patch = {"spec": {"template": {"spec": {"containers": [container], "volumes": volumes}}}}
    plane.kubectl("-n", namespace, "patch", "deployment", deployment, "-p", json.dumps(patch))
