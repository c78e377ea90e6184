"""The configuration that kind gets, and the key by which a running cluster is known to have it."""

from pathlib import Path
from typing import Any

import yaml

from ooda.testbed.cluster import disks
from ooda.testbed.images.keys import key_of
from ooda.testbed.layout import API_PORT, CLUSTER, NODE_PORTS, WORKERS

# Lower than kubelet's defaults where a test would otherwise wait for minutes.
_KUBELET = {
    "kind": "KubeletConfiguration",
    "apiVersion": "kubelet.config.k8s.io/v1beta1",
    "failCgroupV1": False,
    "evictionHard": {
        "nodefs.available": "15%", "nodefs.inodesFree": "1%",
        "imagefs.available": "1%", "memory.available": "100Mi",
    },
    "evictionPressureTransitionPeriod": "15s",
}  # fmt: skip

# A test cluster may lose its last second when the machine loses power.
_CLUSTER = {
    "kind": "ClusterConfiguration",
    "apiVersion": "kubeadm.k8s.io/v1beta4",
    "etcd": {"local": {"extraArgs": [{"name": "unsafe-no-fsync", "value": "true"}]}},
}


def kind_config(node_image: str, disk_folder: Path) -> dict[str, Any]:
    """One control plane with the fixed local ports, two workers with a file system of their own."""
    control_plane = {
        "role": "control-plane",
        "image": node_image,
        "extraPortMappings": [
            {"hostPort": host, "containerPort": node, "listenAddress": "127.0.0.1"}
            for host, node in NODE_PORTS.values()
        ],
    }
    return {
        "kind": "Cluster",
        "apiVersion": "kind.x-k8s.io/v1alpha4",
        "name": CLUSTER,
        "networking": {
            "apiServerAddress": "127.0.0.1", "apiServerPort": API_PORT, "kubeProxyMode": "nftables",
        },
        "kubeadmConfigPatches": [yaml.safe_dump(_KUBELET), yaml.safe_dump(_CLUSTER)],
        "nodes": [control_plane, *(_worker(node_image, disk_folder, name) for name in WORKERS)],
    }  # fmt: skip


def config_key(config: dict[str, Any], node_image_id: str, *, egress: bool) -> str:
    """Key of everything that a cluster can only get when it is created."""
    return key_of(yaml.safe_dump(config), node_image_id, egress)


def _worker(node_image: str, disk_folder: Path, name: str) -> dict[str, Any]:
    point = disks.mount_point(disk_folder, name)
    return {
        "role": "worker",
        "image": node_image,
        "extraMounts": [
            {"hostPath": str(point / disks.KUBELET), "containerPath": "/var/lib/kubelet"},
            {
                "hostPath": str(point / disks.VOLUMES),
                "containerPath": "/var/local-path-provisioner",
            },
        ],
    }
