"""The shop as a customer sees it, and what makes it whole."""

from dataclasses import dataclass
from functools import partial
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


def lasting_pods(kube: Kube) -> list[Any]:
    """All pods but the tests' own, and those that only do a Job."""
    return [
        pod
        for pod in kube.items("Pod")
        if not pod.metadata.namespace.startswith("e2e-")
        and not any(owner.kind == "Job" for owner in pod.metadata.ownerReferences or [])
    ]


def what_is_not_ready(kube: Kube) -> list[str]:
    """Nodes and pods that are not as they should be."""
    nodes = [f"node {n.metadata.name}" for n in kube.items("Node") if _is_ill(n)]
    pods = [
        f"{p.metadata.namespace}/{p.metadata.name}: {p.status.phase}"
        for p in lasting_pods(kube)
        if not is_ready(p)
    ]
    return nodes + pods


def _is_ill(node: Any) -> bool:
    """Whether a node is not Ready, or keeps pods away for another fault of its own."""
    faults = [t.key for t in node.spec.taints or [] if t.key.startswith("node.kubernetes.io/")]
    return bool(faults) or not is_ready(node)


def is_whole(kube: Kube) -> bool:
    """Whether all nodes and pods are Ready and all Deployments of shop and load complete."""
    complete = all(
        each.status.availableReplicas == each.spec.replicas
        for namespace in (SHOP, LOAD)
        for each in kube.items("Deployment", namespace)
    )
    return complete and not what_is_not_ready(kube)


def wait_until_whole(kube: Kube, seconds: float = 90) -> None:
    """Wait until the cluster and the shop are whole."""
    try:
        wait_until(partial(is_whole, kube), "everything Ready", seconds)
    except AssertionError as late:
        raise AssertionError(f"not Ready: {what_is_not_ready(kube)}") from late


def places(kube: Kube) -> dict[str, dict[str, str]]:
    """For each Deployment of the shop with several replicas: its pods and their nodes."""
    several = {d.metadata.name for d in kube.items("Deployment", SHOP) if d.spec.replicas > 1}
    found: dict[str, dict[str, str]] = {name: {} for name in several}
    for pod in kube.items("Pod", SHOP):
        name = pod.metadata.labels["app.kubernetes.io/name"]
        if name in several and pod.status.phase == "Running":
            found[name][pod.metadata.name] = pod.spec.nodeName
    return found


def restore(kube: Kube) -> None:
    """Have the cluster as it was before a node was ill: whole, spread, without dead pods."""

    def settled() -> bool:
        for pod in lasting_pods(kube):
            if pod.status.phase in ("Failed", "Succeeded"):
                kube.delete("Pod", pod.metadata.name, pod.metadata.namespace)
        return is_whole(kube)

    wait_until(settled, "everything Ready", seconds=90)
    for pods in places(kube).values():
        if len(set(pods.values())) == 1:  # nothing moves a pod back by itself
            kube.delete("Pod", next(iter(pods)), SHOP)
    wait_until_whole(kube)
