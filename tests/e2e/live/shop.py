"""The shop as a customer sees it, and what makes it whole."""

from dataclasses import dataclass
from typing import Any

import httpx

from e2e.live.kube import Kube, is_ready
from e2e.live.waiting import wait_until

SHOP, LOAD = "fault-injection-shop", "shop-load"
SKU = "assam"


@dataclass(frozen=True)
class Customer:
    """A customer who is logged in."""

    http: httpx.Client
    token: str

    def call(self, method: str, path: str, body: Any = None) -> httpx.Response:
        """Make one call; a transport error is raised, a bad status is returned."""
        headers = {"Authorization": f"Bearer {self.token}"}
        return self.http.request(method, path, json=body, headers=headers)


def log_in(http: httpx.Client, password: str) -> Customer:
    """Log in as a customer whom the load generator does not play."""
    credentials = {"username": "customer-500", "password": password}
    answer = http.post("/login", json=credentials).raise_for_status()
    return Customer(http, answer.json()["token"])


def what_is_not_ready(kube: Kube) -> list[str]:
    """Nodes and pods that are not as they should be; pods that only do a Job do not count."""
    nodes = [f"node {n.metadata.name}" for n in kube.items("Node") if not is_ready(n)]
    pods = [
        f"{p.metadata.namespace}/{p.metadata.name}: {p.status.phase}"
        for p in kube.items("Pod")
        if not p.metadata.namespace.startswith("e2e-") and not _does_a_job(p) and not is_ready(p)
    ]
    return nodes + pods


def remove_evicted(kube: Kube) -> None:
    """Delete what remains of evicted pods; their owners have long made others."""
    for pod in kube.items("Pod"):
        if pod.status.reason == "Evicted":
            kube.delete("Pod", pod.metadata.name, pod.metadata.namespace)


def _does_a_job(pod: Any) -> bool:
    return any(owner.kind == "Job" for owner in pod.metadata.ownerReferences or [])


def wait_until_whole(kube: Kube, seconds: float = 90) -> None:
    """Wait until all nodes and pods are Ready, and the shop's Deployments are complete."""

    def whole() -> bool:
        incomplete = [
            d.metadata.name
            for namespace in (SHOP, LOAD)
            for d in kube.items("Deployment", namespace)
            if d.status.availableReplicas != d.spec.replicas
        ]
        return not incomplete and not what_is_not_ready(kube)

    try:
        wait_until(whole, "everything Ready", seconds)
    except AssertionError as late:
        raise AssertionError(f"not Ready: {what_is_not_ready(kube)}") from late
