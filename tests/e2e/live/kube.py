"""The cluster as the tests see it: objects by the official client, programs in pods by kubectl."""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kubernetes import client, config
from kubernetes.dynamic import DynamicClient
from kubernetes.dynamic.exceptions import NotFoundError

from e2e.live.waiting import wait_until
from ooda.testbed.errors import CommandFailed
from ooda.testbed.kubectl import Kubectl
from ooda.testbed.layout import CONTEXT

_VERSIONS = {
    "KnownGood": "ooda.dev/v1alpha1",
    "Deployment": "apps/v1",
    "StatefulSet": "apps/v1",
    "Job": "batch/v1",
    "CronJob": "batch/v1",
    "NetworkPolicy": "networking.k8s.io/v1",
    "Role": "rbac.authorization.k8s.io/v1",
    "NodeMetrics": "metrics.k8s.io/v1beta1",
    "PodMetrics": "metrics.k8s.io/v1beta1",
    "PriorityClass": "scheduling.k8s.io/v1",
}
_MERGE = "application/merge-patch+json"
_STRATEGIC = "application/strategic-merge-patch+json"


@dataclass(frozen=True)
class Kube:
    """Reads and writes objects; attributes of an object that are not set read as None."""

    client: DynamicClient
    kubectl: Kubectl

    def kind(self, kind: str) -> Any:
        """Everything that can be done with a kind of objects."""
        return self.client.resources.get(kind=kind, api_version=_VERSIONS.get(kind, "v1"))

    def get(self, kind: str, name: str, namespace: str | None = None) -> Any:
        """An object. Raises NotFoundError."""
        return self.kind(kind).get(name=name, namespace=namespace)

    def items(self, kind: str, namespace: str | None = None) -> list[Any]:
        """The objects of a kind, of all namespaces if none is named."""
        return list(self.kind(kind).get(namespace=namespace).items)

    def exists(self, kind: str, name: str, namespace: str | None = None) -> bool:
        """Whether an object is there."""
        try:
            self.get(kind, name, namespace)
        except NotFoundError:
            return False
        return True

    def create(self, manifest: dict[str, Any], namespace: str | None = None) -> Any:
        """Create an object."""
        return self.kind(manifest["kind"]).create(body=manifest, namespace=namespace)

    def delete(self, kind: str, name: str, namespace: str | None = None) -> None:
        """Delete an object and what it owns, without waiting; does nothing where it is gone."""
        try:
            # Where nothing is said, a Job leaves its pods behind.
            self.kind(kind).delete(name=name, namespace=namespace, propagation_policy="Background")
        except NotFoundError:
            return

    def patch(self, kind: str, name: str, namespace: str, body: dict[str, Any]) -> None:
        """Merge fields into an object."""
        self.kind(kind).patch(name=name, namespace=namespace, body=body, content_type=_MERGE)

    def start(self, namespace: str, *pods: dict[str, Any]) -> None:
        """Create pods and wait until all of them are Ready."""
        for pod in pods:
            self.create(pod, namespace)
        names = {pod["metadata"]["name"] for pod in pods}
        wait_until(
            lambda: names <= {p.metadata.name for p in self.items("Pod", namespace) if is_ready(p)},
            f"pods {', '.join(sorted(names))} Ready",
            seconds=45,
        )

    def run_in(self, namespace: str, pod: str, *argv: str, deadline: float = 15) -> str:
        """Run a program in a pod and return its output. Raises CommandFailed."""
        return self.kubectl("--namespace", namespace, "exec", pod, "--", *argv, deadline=deadline)

    def resize(self, namespace: str, pod: str, container: str, resources: dict[str, Any]) -> None:
        """Change a running container's resources, through the pod's own subresource for it."""
        body = {"spec": {"containers": [{"name": container, "resources": resources}]}}
        self.kind("Pod").subresources["resize"].patch(
            name=pod, namespace=namespace, body=body, content_type=_STRATEGIC
        )

    def output_of(self, namespace: str, pod: str, *argv: str) -> str | None:
        """What a program in a pod wrote; None where it failed."""
        try:
            return self.run_in(namespace, pod, *argv)
        except CommandFailed:
            return None

    @contextmanager
    def namespace(self) -> Iterator[str]:
        """A throw-away namespace that pods can be created in."""
        name = f"e2e-{secrets.token_hex(3)}"
        self.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
        try:
            # Pods are refused until the controller has made it.
            wait_until(
                lambda: self.exists("ServiceAccount", "default", name), "the default account", 20
            )
            yield name
        finally:
            self.delete("Namespace", name)


@contextmanager
def connected(kubectl: Kubectl, folder: Path) -> Iterator[Kube]:
    """Reach the cluster of a kubeconfig; what is discovered of it is kept in the folder."""
    configuration = client.Configuration()
    config.load_kube_config(
        str(kubectl.kubeconfig), context=CONTEXT, client_configuration=configuration
    )
    with client.ApiClient(configuration) as api:
        yield Kube(DynamicClient(api, cache_file=str(folder / "cache.json")), kubectl)


def condition(item: Any, kind: str) -> str:
    """The status of a condition of an object: True, False or Unknown; also Unknown if not set."""
    found = [c.status for c in item.status.conditions or [] if c.type == kind]
    return found[0] if found else "Unknown"


def is_ready(item: Any) -> bool:
    """Whether a pod or a node is Ready."""
    return condition(item, "Ready") == "True"
