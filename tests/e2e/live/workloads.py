"""Workloads of the shop: how they are, how they were, and how a person breaks them."""

import json
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

from e2e.live.kube import Kube, is_ready
from e2e.live.pods import BUSYBOX, PYTHON, SLEEP
from e2e.live.shop import SHOP
from e2e.live.waiting import wait_until
from ooda.common.known_good import workload_key
from ooda.testbed.commands import run
from ooda.testbed.errors import CommandFailed

KINDS = ("Deployment", "StatefulSet")
NO_SUCH_IMAGE = "ooda-shop:no-such-release"
KNOWN_SECONDS = 90.0
ROLLOUT_SECONDS = 60.0


@dataclass(frozen=True)
class Workload:
    """One workload of the shop."""

    kube: Kube
    kind: str
    name: str

    @property
    def key(self) -> str:
        """Its name among what is known to be good."""
        return workload_key(self.kind, self.name)

    def read(self) -> dict[str, Any]:
        """Return it as the API server has it."""
        found: dict[str, Any] = self.kube.get(self.kind, self.name, SHOP).to_dict()
        return found

    def pods(self) -> list[Any]:
        """Return its pods that are not on their way out."""
        labels = self.read()["spec"]["selector"]["matchLabels"]
        selector = ",".join(f"{key}={value}" for key, value in labels.items())
        found = self.kube.kind("Pod").get(namespace=SHOP, label_selector=selector).items
        return [each for each in found if each.metadata.deletionTimestamp is None]

    def set_container(self, **fields: Any) -> None:
        """Change fields of its first container, as `kubectl patch --type=json` does."""
        changes = [
            {"op": "add", "path": f"/spec/template/spec/containers/0/{field}", "value": value}
            for field, value in fields.items()
        ]
        self._kubectl("patch", f"{self.kind}/{self.name}", "--type=json", "-p", json.dumps(changes))

    def scale(self, replicas: int) -> None:
        """Tell it how many replicas to have."""
        self._kubectl("scale", f"{self.kind}/{self.name}", f"--replicas={replicas}")

    def restart(self) -> None:
        """Replace its pods, one by one."""
        self._kubectl("rollout", "restart", f"{self.kind}/{self.name}")

    def complete(self) -> bool:
        """Return whether all that it is to be is there and ready."""
        read = self.read()
        status, wanted = read.get("status", {}), read["spec"]["replicas"]
        # A StatefulSet names no revision to update from once it is whole.
        mixed = status.get("updateRevision") != status.get("currentRevision")
        counts = ("replicas", "updatedReplicas", "readyReplicas", "availableReplicas")
        return (
            status.get("observedGeneration") == read["metadata"]["generation"]
            and not (self.kind == "StatefulSet" and mixed)
            and all(status.get(count, 0) == wanted for count in counts if count != "updatedReplicas"
                    or self.kind == "Deployment")
        )  # fmt: skip

    def wait_until_complete(self, seconds: float = ROLLOUT_SECONDS) -> None:
        """Wait for it to be whole."""
        wait_until(self.complete, f"{self.key} is complete", seconds)

    def known_good(self) -> dict[str, Any]:
        """Return what the agent knows to be good of it; empty if that is nothing."""
        if not self.kube.exists("KnownGood", "catalog", SHOP):
            return {}
        spec = self.kube.get("KnownGood", "catalog", SHOP).to_dict()["spec"]
        known: dict[str, Any] = spec.get("workloads", {}).get(self.key, {})
        return known

    def is_as_known(self) -> bool:
        """Return whether it is as it is known to be good."""
        spec, known = self.read()["spec"], self.known_good()
        return bool(known) and (
            known["templates"][-1] == spec["template"] and known["replicas"] == spec["replicas"]
        )

    def wait_until_known(self) -> None:
        """Wait until the agent knows this state of it as good."""
        wait_until(self.is_as_known, f"{self.key} is known to be good", KNOWN_SECONDS)

    def kill(self) -> None:
        """Kill its first container from the node, as nobody inside can kill process 1."""
        pod = self.pods()[0]
        container = pod.status.containerStatuses[0].containerID.partition("://")[2]
        with suppress(CommandFailed):  # it has just ended
            run(
                "docker", "exec", pod.spec.nodeName, "ctr", "--namespace", "k8s.io",
                "tasks", "kill", "--signal", "SIGKILL", container,
            )  # fmt: skip

    def restarts(self) -> int:
        """Return how often its first pod's container was started again, if it runs ready."""
        pod = self.pods()[0]
        return int(pod.status.containerStatuses[0].restartCount) if is_ready(pod) else 0

    def put_back(self, before: dict[str, Any]) -> None:
        """Have the template and the replicas of an earlier reading again, where they differ."""
        now = self.read()["spec"]
        changes = [
            {"op": "replace", "path": f"/spec/{field}", "value": before["spec"][field]}
            for field in ("replicas", "template")
            if now[field] != before["spec"][field]
        ]
        if changes:
            patch = json.dumps(changes)
            self._kubectl("patch", f"{self.kind}/{self.name}", "--type=json", "-p", patch)

    def _kubectl(self, *argv: str) -> None:
        self.kube.kubectl("-n", SHOP, *argv)


def workloads(kube: Kube) -> list[Workload]:
    """Return all Deployments and StatefulSets of the shop."""
    return [
        Workload(kube, kind, each.metadata.name)
        for kind in KINDS
        for each in kube.items(kind, SHOP)
    ]


def _idle(kind: str, name: str, container: dict[str, Any], **spec: Any) -> dict[str, Any]:
    labels = {"app": name}
    main = {"name": "main", "image": BUSYBOX, "imagePullPolicy": "Never",
            "command": ["sh", "-c", SLEEP], **container}  # fmt: skip
    return {
        "apiVersion": "apps/v1",
        "kind": kind,
        "metadata": {"name": name},
        "spec": {
            "replicas": 1,
            "selector": {"matchLabels": labels},
            "template": {
                "metadata": {"labels": labels},
                "spec": {"terminationGracePeriodSeconds": 0, "containers": [main]},
            },
            **spec,
        },
    }


@contextmanager
def keeper(kube: Kube) -> Iterator[Workload]:
    """A StatefulSet of the tests' own, that does nothing."""
    # The pods of one that was just deleted are no loss of the next one.
    name = f"e2e-keeper-{secrets.token_hex(3)}"
    kube.create(_idle("StatefulSet", name, {}, serviceName=name), SHOP)
    try:
        yield Workload(kube, "StatefulSet", name)
    finally:
        kube.delete("StatefulSet", name, SHOP)


@contextmanager
def without_its_key(kube: Kube) -> Iterator[Workload]:
    """A Deployment that never ran: it needs a key of a ConfigMap that is not there."""
    name = "e2e-misconfigured"
    missing = {"configMapKeyRef": {"name": "circuit-breakers", "key": "no-such-key"}}
    kube.create(_idle("Deployment", name, {"env": [{"name": "LEVEL", "valueFrom": missing}]}), SHOP)
    try:
        yield Workload(kube, "Deployment", name)
    finally:
        kube.delete("Deployment", name, SHOP)


_HOARDER = """
import os, time
while not os.path.exists("/scratch/grow"):
    time.sleep(0.5)
os.remove("/scratch/grow")
hoard = ["x" * (58 * 2**20)]
while True:
    time.sleep(3)
    hoard.append("x" * 2**20)
"""
"""Once told it takes 58 MiB, then one more every 3 s, slowly enough to be seen near its limit.
Started again it waits to be told."""


@contextmanager
def hoarder(kube: Kube) -> Iterator[Workload]:
    """A Deployment of two replicas that need more memory than they may have, if they are told."""
    name = f"e2e-hoarder-{secrets.token_hex(3)}"
    container = {
        "image": PYTHON,
        "command": ["python3", "-c", _HOARDER],
        "resources": {"requests": {"memory": "16Mi"}, "limits": {"memory": "80Mi"}},
        "volumeMounts": [{"name": "scratch", "mountPath": "/scratch"}],
    }
    made = _idle("Deployment", name, container, replicas=2)
    made["spec"]["template"]["spec"]["volumes"] = [{"name": "scratch", "emptyDir": {}}]
    kube.create(made, SHOP)
    try:
        yield Workload(kube, "Deployment", name)
    finally:
        kube.delete("Deployment", name, SHOP)
