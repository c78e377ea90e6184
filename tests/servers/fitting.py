"""What a target on paper needs so that the faults in a container fit it."""

import json
from pathlib import PurePosixPath

from ooda.common.cluster.kinds import Kind
from servers.breakable import TARGET, Breakable
from servers.control_plane import ControlPlane
from servers.pods import VOLUME
from servers.waiting import until

CLOCK = PurePosixPath("/mnt/clock/skew")
"""The file that says how far off the clock is."""
VOLUME_NAME = "work"
LIMIT_MIB = 32
"""Of its memory."""


def fit(plane: ControlPlane, namespace: str, deployment: str) -> None:
    """Give a Deployment a clock that can be put off, and a volume that can be filled."""
    container = {
        "name": "app",
        "env": [
            {"name": "LD_PRELOAD", "value": "/opt/libclockskew.so"},
            {"name": "CLOCK_SKEW_FILE", "value": str(CLOCK)},
        ],
        "volumeMounts": [{"name": VOLUME_NAME, "mountPath": str(VOLUME)}],
        "resources": {"limits": {"memory": f"{LIMIT_MIB}Mi"}},
    }
    volumes = [{"name": VOLUME_NAME, "emptyDir": {}}]
    patch = {"spec": {"template": {"spec": {"containers": [container], "volumes": volumes}}}}
    plane.kubectl("-n", namespace, "patch", "deployment", deployment, "-p", json.dumps(patch))


async def fit_one(breakable: Breakable) -> str:
    """Fit its target, leave it one pod, and return the UID of that one."""
    plane, namespace = breakable.plane, breakable.namespace
    plane.kubectl("-n", namespace, "scale", "deployment", TARGET, "--replicas=1")
    fit(plane, namespace, TARGET)
    await until(breakable.healthy, 30)
    uids: list[str] = []

    async def one() -> bool:
        pods = await breakable.api.list(Kind.POD, namespace, labels={"app": TARGET})
        uids[:] = [each["metadata"]["uid"] for each in pods]
        return len(uids) == 1

    await until(one, 30)
    return uids[0]
