"""Brings kustomizations into the cluster: secrets first, then the objects, then waits for pods."""

import base64
import json
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import yaml

from ooda.testbed.errors import CommandFailed, Unready
from ooda.testbed.kubectl import Kubectl
from ooda.testbed.layout import CONTEXT
from ooda.testbed.workloads.manifests import Object, with_images

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


def read_secrets(kubectl: Kubectl, namespace: str) -> dict[str, dict[str, str]]:
    """Return the values of all Secrets of a namespace, by name."""
    return {
        each["metadata"]["name"]: _decoded(each)
        for each in kubectl.items("-n", namespace, "secrets")
    }


def read_secret(kubectl: Kubectl, namespace: str, name: str) -> dict[str, str]:
    """Return the values of a Secret. Raises CommandFailed if it is not there."""
    return _decoded(json.loads(kubectl("-n", namespace, "get", "secret", name, "-o", "json")))


def rendered(kubectl: Kubectl, folder: Path) -> list[Object]:
    """Return the objects of a kustomization. Raises CommandFailed."""
    return [each for each in yaml.safe_load_all(kubectl("kustomize", str(folder))) if each]


def apply_folder(
    kubectl: Kubectl, folder: Path, images: Mapping[str, str] = MappingProxyType({})
) -> None:
    """Apply a kustomization, server-side, with some of its images by another name."""
    kubectl.apply(*with_images(rendered(kubectl, folder), images), deadline=60)


def await_rollouts(
    kubectl: Kubectl, namespace: str, deadline: float, which: str = _ROLLOUT_KINDS
) -> None:
    """Wait until workloads of a namespace (all, or those named) are rolled out.

    `deadline` is in seconds.

    Raises Unready, with what the unready pods say.
    """
    end = time.monotonic() + deadline
    names = kubectl("-n", namespace, "get", which, "-o", "name").split()
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


def await_jobs(kubectl: Kubectl, namespace: str, names: list[str], deadline: float) -> None:
    """Wait until Jobs are done; all of them together have `deadline` seconds.

    Raises Unready, with the last words of the Job that is not.
    """
    end = time.monotonic() + deadline
    for name in names:
        left = max(1.0, end - time.monotonic())
        try:
            kubectl(
                "-n", namespace, "wait", f"job/{name}", "--for=condition=Complete",
                f"--timeout={left:.0f}s", deadline=left + 5,
            )  # fmt: skip
        except CommandFailed as failure:
            raise Unready(
                f"{namespace}: job {name} is not done after {deadline:.0f} s.\n"
                f"{_why(kubectl, namespace)}\n{_last_words(kubectl, namespace, name)}"
            ) from failure


def _last_words(kubectl: Kubectl, namespace: str, job: str) -> str:
    try:
        return kubectl("-n", namespace, "logs", f"job/{job}", "--tail=10")
    except CommandFailed as failure:
        return str(failure)


def _why(kubectl: Kubectl, namespace: str) -> str:
    try:
        pods = kubectl.items("-n", namespace, "pods")
    except CommandFailed as failure:
        return str(failure)
    return "\n".join(f"  {pod['metadata']['name']}: {why}" for pod in pods for why in _waits(pod))


def _waits(pod: dict[str, Any]) -> Iterator[str]:
    """Why a pod is not running: it was not placed, or a container waits."""
    for condition in pod["status"].get("conditions", []):
        if condition["type"] == "PodScheduled" and condition["status"] != "True":
            yield f"{condition.get('reason', '')} {condition.get('message', '')}"[:200]
    for container in pod["status"].get("containerStatuses", []):
        if waiting := container["state"].get("waiting"):
            yield f"{waiting.get('reason', '')} {waiting.get('message', '')}"[:200]


def _decoded(secret: Object) -> dict[str, str]:
    values: dict[str, str] = secret.get("data") or {}
    return {key: base64.b64decode(value).decode() for key, value in values.items()}


def _encoded(value: str) -> str:
    return base64.b64encode(value.encode()).decode()
