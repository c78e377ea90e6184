"""Pods of the tests' own."""

from typing import Any

from ooda.testbed.layout import layout
from ooda.testbed.pins import read_pins
from ooda.testbed.workloads.shop import shop_image

FOLDERS = layout()
BUSYBOX = "busybox:1.36"
PYTHON = shop_image(FOLDERS, read_pins(FOLDERS.images))
"""Both are in every node: nothing is pulled."""

SLEEP = "exec sleep 3600"


def pod(
    name: str,
    script: str = SLEEP,
    *,
    image: str = BUSYBOX,
    limits: dict[str, str] | None = None,
    **spec: Any,
) -> dict[str, Any]:
    """A pod with one container that runs a shell script; `spec` are more fields of its spec."""
    container = {
        "name": "main",
        "image": image,
        "imagePullPolicy": "Never",
        "command": ["sh", "-c", script],
        "resources": {"limits": limits, "requests": limits} if limits else {},
        **spec.pop("container", {}),
    }
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "labels": {"app": name}},
        "spec": {
            "terminationGracePeriodSeconds": 0,
            "restartPolicy": "Never",
            "containers": [container],
            **spec,
        },
    }


def on(node: str) -> dict[str, Any]:
    """Fields that place a pod on a node, by way of the scheduler."""
    return {"nodeSelector": {"kubernetes.io/hostname": node}}


def scratch() -> dict[str, Any]:
    """Fields that give a pod an emptyDir at /scratch."""
    return {
        "volumes": [{"name": "scratch", "emptyDir": {}}],
        "container": {"volumeMounts": [{"name": "scratch", "mountPath": "/scratch"}]},
    }


def service(name: str, port: int) -> dict[str, Any]:
    """A Service in front of the pod of the same name."""
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": name},
        "spec": {"selector": {"app": name}, "ports": [{"port": port}]},
    }
