"""The injector without the agent: what is there, and that nothing of the loop is."""

from pathlib import Path
from typing import Any

import pytest

from servers.kubectl import kustomize

ROOT = Path(__file__).parents[3]
Objects = list[dict[str, Any]]
LOOP = ("observer", "orienter", "decider", "actor")


@pytest.fixture(scope="module")
def alone() -> Objects:
    return kustomize(ROOT / "k8s/overlays/injector-only")


def _named(objects: Objects, kind: str) -> dict[str, dict[str, Any]]:
    return {each["metadata"]["name"]: each for each in objects if each["kind"] == kind}


def test_it_has_its_servers_the_recorder_and_nothing_of_the_loop(alone: Objects) -> None:
    assert set(_named(alone, "StatefulSet")) == {"nats", "postgres"}
    assert set(_named(alone, "Deployment")) == {"injector", "reaper", "recorder"}
    assert set(_named(alone, "DaemonSet")) == {"fault-agent"}
    assert set(_named(alone, "Job")) == {"bootstrap", "migrate"}


def test_nobody_of_the_loop_has_a_right(alone: Objects) -> None:
    assert not set(LOOP) & set(_named(alone, "ServiceAccount"))
    for kind in ("RoleBinding", "ClusterRoleBinding"):
        for name, each in _named(alone, kind).items():
            assert not {s["name"] for s in each["subjects"]} & set(LOOP), name


def test_what_is_there_is_as_it_is_beside_the_agent(
    alone: Objects, injector: Objects, agent: Objects, platform: Objects
) -> None:
    beside = injector + agent + platform
    for kind in ("Deployment", "DaemonSet", "StatefulSet", "Job"):
        known = _named(beside, kind)
        for name, each in _named(alone, kind).items():
            assert _containers(each) == _containers(known[name]), name


def test_in_kind_it_is_reached_from_the_host_and_stays_on_the_control_plane() -> None:
    found = kustomize(ROOT / "k8s/overlays/kind/injector-only")
    ports = {name for name, each in _named(found, "Service").items() if _is_node_port(each)}
    assert ports == {"nats-host", "postgres-host"}
    for each in _named(found, "Deployment").values():
        selector = each["spec"]["template"]["spec"]["nodeSelector"]
        assert selector == {"node-role.kubernetes.io/control-plane": ""}


def _containers(workload: dict[str, Any]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = workload["spec"]["template"]["spec"]["containers"]
    return found


def _is_node_port(service: dict[str, Any]) -> bool:
    return bool(service["spec"].get("type") == "NodePort")
