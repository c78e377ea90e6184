"""Whether the cluster that runs is the one we want, and if not, why: a pure reading of facts."""

from dataclasses import dataclass
from typing import Any

from ooda.testbed.layout import NODES


@dataclass(frozen=True)
class Facts:
    """What was read of a cluster."""

    containers: dict[str, str]
    """Node container → Docker's state ("running", "exited", ...)."""
    disks_mounted: bool
    key: str | None
    """The key that a completed creation left in the cluster; None if it cannot be read."""
    revived: bool
    """The node containers were started again since then."""


def why_not_usable(facts: Facts, wanted_key: str) -> str | None:
    """Why the cluster has to be created again; None when only time can be missing, or nothing."""
    down = [name for name in NODES if facts.containers.get(name) != "running"]
    reasons = (
        (not facts.containers, "there is none"),
        (bool(down), f"its nodes do not run: {', '.join(down)}"),
        (not facts.disks_mounted, "a worker's file system is not mounted"),
        (facts.revived, "its nodes were started again, or it was never completed"),
        (facts.key is None, "its API server does not answer, or it was never completed"),
        (facts.key != wanted_key, "its configuration or its node image has changed"),
    )
    return next((reason for applies, reason in reasons if applies), None)


def not_ready(objects: list[dict[str, Any]]) -> list[str]:
    """Name what is not ready yet, by kind and name; missing nodes count."""
    nodes = {o["metadata"]["name"]: o for o in objects if o["kind"] == "Node"}
    waiting = [f"node {name}" for name in NODES if name not in nodes or not _is_ready(nodes[name])]
    workloads = (o for o in objects if o["kind"] != "Node")
    waiting += [
        f"{item['kind'].lower()} {item['metadata']['name']}"
        for item in workloads
        if not _is_available(item)
    ]
    return waiting


def _is_available(workload: dict[str, Any]) -> bool:
    status = workload.get("status", {})
    if workload["kind"] == "Deployment":
        return bool(status.get("availableReplicas", 0) >= workload["spec"]["replicas"])
    wanted = max(1, status.get("desiredNumberScheduled", 0))
    return bool(status.get("numberAvailable", 0) >= wanted)


def _is_ready(node: dict[str, Any]) -> bool:
    conditions = node.get("status", {}).get("conditions", [])
    return any(c["type"] == "Ready" and c["status"] == "True" for c in conditions)
