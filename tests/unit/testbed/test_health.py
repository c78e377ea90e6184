from dataclasses import replace
from typing import Any

import pytest

from ooda.testbed.cluster.health import Facts, not_ready, why_not_usable
from ooda.testbed.layout import CONTROL_PLANE, NODES, WORKERS

WHOLE = Facts(dict.fromkeys(NODES, "running"), disks_mounted=True, key="k1", revived=False)


@pytest.mark.parametrize(
    ("facts", "why"),
    [
        pytest.param(WHOLE, None, id="whole"),
        pytest.param(replace(WHOLE, containers={}), "there is none", id="no container"),
        pytest.param(
            replace(WHOLE, containers={**WHOLE.containers, WORKERS[0]: "exited"}),
            f"its nodes do not run: {WORKERS[0]}",
            id="a node stopped",
        ),
        pytest.param(
            replace(WHOLE, containers={CONTROL_PLANE: "running"}),
            f"its nodes do not run: {', '.join(WORKERS)}",
            id="creation killed half-way",
        ),
        pytest.param(
            replace(WHOLE, disks_mounted=False), "file system is not mounted", id="disk lost"
        ),
        pytest.param(replace(WHOLE, key=None), "never completed", id="no mark"),
        pytest.param(replace(WHOLE, revived=True), "started again", id="revived by Docker"),
        pytest.param(replace(WHOLE, key=""), "has changed", id="empty mark"),
        pytest.param(replace(WHOLE, key="k2"), "has changed", id="other input"),
        pytest.param(
            replace(WHOLE, containers={}, disks_mounted=False, key=None),
            "there is none",
            id="the first reason counts",
        ),
    ],
)
def test_why_not_usable(facts: Facts, why: str | None) -> None:
    found = why_not_usable(facts, "k1")
    assert found == why if why is None else why in (found or "")


def node(name: str, ready: str = "True") -> dict[str, Any]:
    conditions = [
        {"type": "DiskPressure", "status": "False"},
        {"type": "Ready", "status": ready},
    ]
    return {"kind": "Node", "metadata": {"name": name}, "status": {"conditions": conditions}}


def workload(kind: str, replicas: int = 0, **status: int) -> dict[str, Any]:
    return {
        "kind": kind,
        "metadata": {"name": "x"},
        "spec": {"replicas": replicas},
        "status": status,
    }


READY = [node(name) for name in NODES]


@pytest.mark.parametrize(
    ("objects", "waiting"),
    [
        pytest.param(READY, [], id="all nodes"),
        pytest.param([], [f"node {name}" for name in NODES], id="nothing was read"),
        pytest.param(READY[:2], [f"node {NODES[2]}"], id="a node is missing"),
        pytest.param(
            [*READY[:2], node(NODES[2], "False")], [f"node {NODES[2]}"], id="a node is not ready"
        ),
        pytest.param(
            [*READY[:2], node(NODES[2], "Unknown")], [f"node {NODES[2]}"], id="a node fell silent"
        ),
        pytest.param(
            [{"kind": "Node", "metadata": {"name": name}} for name in NODES],
            [f"node {name}" for name in NODES],
            id="nodes without a status",
        ),
        pytest.param(
            [*READY, workload("Deployment", 2, availableReplicas=2)], [], id="deployment available"
        ),
        pytest.param(
            [*READY, workload("Deployment", 2, availableReplicas=1)],
            ["deployment x"],
            id="a replica is missing",
        ),
        pytest.param([*READY, workload("Deployment", 1)], ["deployment x"], id="no status yet"),
        pytest.param([*READY, workload("Deployment", 0)], [], id="none wanted"),
        pytest.param(
            [*READY, workload("DaemonSet", desiredNumberScheduled=3, numberAvailable=3)],
            [],
            id="daemon set available",
        ),
        pytest.param(
            [*READY, workload("DaemonSet", desiredNumberScheduled=3, numberAvailable=2)],
            ["daemonset x"],
            id="a daemon is missing",
        ),
        pytest.param(
            [*READY, workload("DaemonSet", desiredNumberScheduled=0)],
            ["daemonset x"],
            id="daemon set not looked at yet",
        ),
    ],
)
def test_not_ready(objects: list[dict[str, Any]], waiting: list[str]) -> None:
    assert not_ready(objects) == waiting
