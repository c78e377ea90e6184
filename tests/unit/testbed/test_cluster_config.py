from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from ooda.testbed.cluster.config import config_key, kind_config
from ooda.testbed.layout import API_PORT, NODE_PORTS, WORKERS

DISKS = Path("/state/disks")
IMAGE = "kindest/node:v1"


@pytest.fixture
def config() -> dict[str, Any]:
    return kind_config(IMAGE, DISKS)


def test_one_control_plane_and_two_workers_of_the_same_image(config: dict[str, Any]) -> None:
    assert [node["role"] for node in config["nodes"]] == ["control-plane", "worker", "worker"]
    assert {node["image"] for node in config["nodes"]} == {IMAGE}


def test_ports_are_open_to_this_machine_only(config: dict[str, Any]) -> None:
    networking = config["networking"]
    assert (networking["apiServerAddress"], networking["apiServerPort"]) == ("127.0.0.1", API_PORT)
    mappings = [m for node in config["nodes"] for m in node.get("extraPortMappings", [])]
    assert {m["listenAddress"] for m in mappings} == {"127.0.0.1"}
    assert [(m["hostPort"], m["containerPort"]) for m in mappings] == list(NODE_PORTS.values())


def test_no_two_services_share_a_port() -> None:
    host, node = zip(*NODE_PORTS.values(), strict=True)
    assert len({*host, API_PORT}) == len(host) + 1
    assert len(set(node)) == len(node)
    assert all(30000 <= port <= 32767 for port in node)  # Kubernetes' range of node ports


def test_each_worker_has_its_own_file_system(config: dict[str, Any]) -> None:
    mounts = [
        {mount["containerPath"]: mount["hostPath"] for mount in node["extraMounts"]}
        for node in config["nodes"]
        if node["role"] == "worker"
    ]
    assert mounts == [
        {
            "/var/lib/kubelet": f"/state/disks/{worker}/kubelet",
            "/var/local-path-provisioner": f"/state/disks/{worker}/volumes",
        }
        for worker in WORKERS
    ]


def test_kubelet_evicts_before_its_small_disk_is_full(config: dict[str, Any]) -> None:
    patches = [yaml.safe_load(patch) for patch in config["kubeadmConfigPatches"]]
    kubelet = next(patch for patch in patches if patch["kind"] == "KubeletConfiguration")
    assert kubelet["evictionHard"]["nodefs.available"] == "15%"
    assert {patch["kind"] for patch in patches} == {"KubeletConfiguration", "ClusterConfiguration"}


def test_the_same_input_has_the_same_key() -> None:
    keys = {config_key(kind_config(IMAGE, DISKS), "sha256:1", egress=False) for _ in range(2)}
    assert len(keys) == 1


@pytest.mark.parametrize(
    "other",
    [
        pytest.param(
            lambda: config_key(kind_config("kindest/node:v2", DISKS), "sha256:1", egress=False),
            id="name of the node image",
        ),
        pytest.param(
            lambda: config_key(kind_config(IMAGE, DISKS), "sha256:2", egress=False),
            id="content of the node image",
        ),
        pytest.param(
            lambda: config_key(kind_config(IMAGE, DISKS), "sha256:1", egress=True),
            id="way out of the machine",
        ),
        pytest.param(
            lambda: config_key(kind_config(IMAGE, Path("/other")), "sha256:1", egress=False),
            id="folder of the disks",
        ),
    ],
)
def test_each_input_changes_the_key(other: Callable[[], str]) -> None:
    assert other() != config_key(kind_config(IMAGE, DISKS), "sha256:1", egress=False)
