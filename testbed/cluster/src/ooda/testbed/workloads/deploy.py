"""Brings kustomizations into the cluster: secrets first, then the objects, then waits for pods."""

import base64
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from ooda.testbed.errors import CommandFailed, Unready
from ooda.testbed.kubectl import Kubectl
from ooda.testbed.layout import CONTEXT

_ROLLOUT_KINDS = "deployments,statefulsets,daemonsets"


@dataclass(frozen=True)
class Credential:
    """A Secret (or a public ConfigMap) that the set-up makes, once, if it is absent."""

    namespace: str
    name: str
    values: Mapping[str, str]
    kind: str = "Secret"


def ensure_namespaces(kubectl: Kubectl, *names: str) -> None:
    """Have namespaces; leaves the labels of those that exist alone."""
    for name in names:
        kubectl.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})


def exists(kubectl: Kubectl, kind: str, namespace: str, name: str) -> bool:
    """Whether an object is there."""
    found = kubectl("-n", namespace, "get", kind, name, "--ignore-not-found", "-o", "name")
    return bool(found.strip())


def create_credentials(kubectl: Kubectl, *credentials: Credential) -> None:
    """Create what credentials hold. The values go through standard input, never an argument."""
    for credential in credentials:
        kubectl.apply(
            {
                "apiVersion": "v1",
                "kind": credential.kind,
                "metadata": {"name": credential.name, "namespace": credential.namespace},
                "data": {
                    key: _encoded(value) if credential.kind == "Secret" else value
                    for key, value in credential.values.items()
                },
            }
        )


def read_secret(kubectl: Kubectl, namespace: str, name: str) -> dict[str, str]:
    """Return the values of a Secret. Raises CommandFailed if it is not there."""
    found = json.loads(kubectl("-n", namespace, "get", "secret", name, "-o", "json"))
    values: dict[str, str] = found.get("data") or {}
    return {key: base64.b64decode(value).decode() for key, value in values.items()}


def apply_folder(kubectl: Kubectl, folder: Path) -> None:
    """Apply a kustomization, server-side."""
    rendered = kubectl("kustomize", str(folder))
    kubectl("apply", "--server-side", "--force-conflicts", "-f", "-", stdin=rendered, deadline=60)


def await_rollouts(kubectl: Kubectl, namespace: str, deadline: float) -> None:
    """Wait until every workload of a namespace is rolled out; `deadline` in seconds.

    Raises Unready, with what the unready pods say.
    """
    end = time.monotonic() + deadline
    names = kubectl("-n", namespace, "get", _ROLLOUT_KINDS, "-o", "name").split()
    for name in names:
        left = max(1.0, end - time.monotonic())
        try:
            kubectl(
                "-n", namespace, "rollout", "status", name, f"--timeout={left:.0f}s",
                deadline=left + 5,
            )  # fmt: skip
        except CommandFailed as failure:
            raise Unready(
                f"{namespace}: {name} is not ready after {deadline:.0f} s.\n"
                f"{_why(kubectl, namespace)}\nLook with: kubectl --context {CONTEXT} "
                f"-n {namespace} describe pods"
            ) from failure


def until(condition: Callable[[], bool], deadline: float, otherwise: str) -> None:
    """Wait for a condition. Raises Unready with the sentence `otherwise` after `deadline` s."""
    end = time.monotonic() + deadline
    while not condition():
        if time.monotonic() > end:
            raise Unready(otherwise)
        time.sleep(0.2)


def _why(kubectl: Kubectl, namespace: str) -> str:
    lines = []
    for pod in kubectl.items("-n", namespace, "pods"):
        for container in pod["status"].get("containerStatuses", []):
            waiting = container["state"].get("waiting")
            if waiting:
                reason, message = waiting.get("reason"), waiting.get("message", "")
                lines.append(f"  {pod['metadata']['name']}: {reason} {message}"[:200])
    return "\n".join(lines)


def _encoded(value: str) -> str:
    return base64.b64encode(value.encode()).decode()
