"""Objects as the API server has them in JSON, so that a test names only what it is about."""

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any

from factories.events import NAMESPACE, NOW

Json = dict[str, Any]


def stamp(seconds: float = 0) -> str:
    """Return the time so many seconds after NOW, as the API server writes it."""
    return (NOW + dt.timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%SZ")


def template(image: str = "shop:1", **container: Any) -> Json:
    return {
        "metadata": {"labels": {"app.kubernetes.io/name": "checkout"}},
        "spec": {"containers": [{"name": "app", "image": image, **container}]},
    }


def container_status(
    *,
    image: str = "shop:1",
    waiting: str | None = None,
    ended: int | None = None,
    reason: str = "Error",
    restarts: int = 0,
    ended_at: float = -5,
) -> Json:
    status: Json = {
        "name": "app",
        "image": image,
        "restartCount": restarts,
        "ready": waiting is None and ended is None,
        "state": {"waiting": {"reason": waiting}} if waiting else {"running": {}},
    }
    if ended is not None:
        finished = {"exitCode": ended, "reason": reason, "finishedAt": stamp(ended_at)}
        status["lastState"] = {"terminated": finished}
    return status


def pod(
    name: str = "checkout-1",
    *statuses: Json,
    app: str = "checkout",
    node: str | None = "worker",
    ready: bool = True,
    template_hash: str = "new",
    unschedulable: bool = False,
) -> Json:
    conditions = [{"type": "Ready", "status": "True" if ready else "False"}]
    if unschedulable:
        conditions.append({"type": "PodScheduled", "status": "False", "reason": "Unschedulable"})
    return {
        "kind": "Pod",
        "metadata": {
            "name": name,
            "namespace": NAMESPACE,
            "uid": f"uid-{name}",
            "labels": {"app.kubernetes.io/name": app, "pod-template-hash": template_hash},
        },
        "spec": {"nodeName": node} if node else {},
        "status": {
            "phase": "Running",
            "conditions": conditions,
            "containerStatuses": list(statuses) or [container_status()],
        },
    }


def deployment(
    name: str = "checkout",
    *,
    replicas: int = 1,
    ready: int | None = None,
    updated: int | None = None,
    total: int | None = None,
    pod_template: Json | None = None,
    managed: Sequence[Json] = (),
    conditions: Sequence[Json] = (),
) -> Json:
    return {
        "kind": "Deployment",
        "metadata": {
            "name": name,
            "namespace": NAMESPACE,
            "uid": f"uid-{name}",
            "generation": 2,
            "managedFields": list(managed),
        },
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": {"app.kubernetes.io/name": name}},
            "template": pod_template or template(),
        },
        "status": {
            "observedGeneration": 2,
            "replicas": replicas if total is None else total,
            "updatedReplicas": replicas if updated is None else updated,
            "readyReplicas": replicas if ready is None else ready,
            "conditions": list(conditions),
        },
    }


def replica_set(
    revision: int, pod_template: Json, *, made: float, owner: str = "checkout", hashed: str = "new"
) -> Json:
    meta = pod_template["metadata"]
    labels = {**meta["labels"], "pod-template-hash": hashed}
    return {
        "kind": "ReplicaSet",
        "metadata": {
            "name": f"{owner}-{hashed}",
            "namespace": NAMESPACE,
            "uid": f"uid-{owner}-{hashed}",
            "labels": labels,
            "annotations": {"deployment.kubernetes.io/revision": str(revision)},
            "creationTimestamp": stamp(made),
            "ownerReferences": [{"kind": "Deployment", "name": owner, "uid": f"uid-{owner}"}],
        },
        "spec": {"template": {**pod_template, "metadata": {**meta, "labels": labels}}},
    }


def event(reason: str, note: str, *, about: str = "Pod/checkout-1", at: float = -5) -> Json:
    kind, name = about.split("/")
    return {
        "kind": "Event",
        "metadata": {
            "name": f"{name}.{abs(hash((reason, note))):x}",
            "namespace": NAMESPACE,
            "creationTimestamp": stamp(at),
        },
        "reason": reason,
        "note": note,
        "regarding": {"kind": kind, "name": name, "namespace": NAMESPACE},
    }


def service(name: str = "checkout", selector: Mapping[str, str] | None = None) -> Json:
    return {
        "kind": "Service",
        "metadata": {"name": name, "namespace": NAMESPACE, "uid": f"uid-service-{name}"},
        "spec": {"selector": dict(selector or {"app.kubernetes.io/name": name})},
    }


def endpoint_slice(name: str = "checkout", *, ready: int = 1, unready: int = 0) -> Json:
    return {
        "kind": "EndpointSlice",
        "metadata": {
            "name": f"{name}-abc",
            "namespace": NAMESPACE,
            "labels": {"kubernetes.io/service-name": name},
        },
        "endpoints": [
            {"addresses": [f"10.0.0.{n}"], "conditions": {"ready": n < ready}}
            for n in range(ready + unready)
        ],
    }


def owns(field: str, at: float, *, subresource: str = "", manager: str = "kubectl") -> Json:
    """Return an entry of managedFields that owns ``spec.<field>``."""
    entry: Json = {
        "manager": manager,
        "operation": "Update",
        "time": stamp(at),
        "fieldsV1": {"f:spec": {f"f:{field}": {}}},
    }
    return entry | ({"subresource": subresource} if subresource else {})
