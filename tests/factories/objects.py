"""Kubernetes objects in the API server's JSON, so that a test names only what it is about."""

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any

NOW = dt.datetime(2026, 11, 25, 12, 0, tzinfo=dt.UTC)
NAMESPACE = "fault-injection-shop"
LONG_AGO = -3600.0

Raw = dict[str, Any]


def at(seconds: float) -> str:
    """Return the time so many seconds after NOW, as the API server writes it."""
    return (NOW + dt.timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%SZ")


def meta(
    name: str,
    *,
    version: int = 1,
    uid: str | None = None,
    owner: tuple[str, str] | None = None,
    created: float = LONG_AGO,
    deleted: float | None = None,
    **more: Any,
) -> Raw:
    found: Raw = {
        "name": name,
        "namespace": NAMESPACE,
        "uid": uid or f"uid-{name}",
        "resourceVersion": str(version),
        "creationTimestamp": at(created),
        "generation": 1,
    }
    if owner:
        found["ownerReferences"] = [{"kind": owner[0], "name": owner[1], "controller": True}]
    if deleted is not None:
        found |= {"deletionTimestamp": at(deleted + 30), "deletionGracePeriodSeconds": 30}
    return found | more


def container(
    *,
    image: str = "shop:1",
    ready: bool = True,
    restarts: int = 0,
    started: float = LONG_AGO,
    **more: Any,
) -> Raw:
    return {
        "name": "app",
        "image": image,
        "ready": ready,
        "restartCount": restarts,
        "state": {"running": {"startedAt": at(started)}},
    } | more


def ended(code: int, finished: float, *, ran: float = 1.0, reason: str = "Error") -> Raw:
    return {
        "terminated": {
            "exitCode": code,
            "reason": reason,
            "startedAt": at(finished - ran),
            "finishedAt": at(finished),
        }
    }


def waiting(reason: str, *, image: str = "shop:1", restarts: int = 0, **more: Any) -> Raw:
    state = {"waiting": {"reason": reason, "message": f"{reason}: no"}}
    return container(image=image, ready=False, restarts=restarts) | {"state": state} | more


def pod(
    name: str = "checkout-1-a",
    *,
    ready: bool | None = None,
    ready_since: float = LONG_AGO,
    node: str = "ooda-worker",
    phase: str = "Running",
    containers: Sequence[Raw] | None = None,
    init: Sequence[Raw] = (),
    owner: tuple[str, str] | None = ("ReplicaSet", "checkout-1"),
    revision: str = "1",
    spec: Mapping[str, Any] | None = None,
    status: Mapping[str, Any] | None = None,
    **more: Any,
) -> Raw:
    states = [container()] if containers is None else list(containers)
    is_ready = all(each["ready"] for each in states) if ready is None else ready
    labels = {"app": "checkout", "pod-template-hash": revision}
    return {
        "kind": "Pod",
        "metadata": meta(name, owner=owner, labels=labels, **more),
        "spec": {
            "nodeName": node,
            "containers": [{"name": each["name"], "image": each["image"]} for each in states],
        }
        | dict(spec or {}),
        "status": {
            "phase": phase,
            "conditions": [
                {
                    "type": "Ready",
                    "status": "True" if is_ready else "False",
                    "lastTransitionTime": at(ready_since),
                }
            ],
            "containerStatuses": states,
            "initContainerStatuses": list(init),
        }
        | dict(status or {}),
    }


def template(image: str = "shop:1") -> Raw:
    return {
        "metadata": {"labels": {"app": "checkout"}},
        "spec": {"containers": [{"name": "app", "image": image}]},
    }


def deployment(
    name: str = "checkout",
    *,
    replicas: int = 1,
    ready: int | None = None,
    updated: int | None = None,
    current: int | None = None,
    generation: int = 1,
    observed: int | None = None,
    image: str = "shop:1",
    conditions: Sequence[Raw] = (),
    kind: str = "Deployment",
    **more: Any,
) -> Raw:
    count = replicas if ready is None else ready
    return {
        "kind": kind,
        "metadata": meta(name, **more) | {"generation": generation},
        "spec": {"replicas": replicas, "template": template(image)},
        "status": {
            "observedGeneration": generation if observed is None else observed,
            "replicas": replicas if current is None else current,
            "updatedReplicas": replicas if updated is None else updated,
            "readyReplicas": count,
            "availableReplicas": count,
            "conditions": list(conditions),
        },
    }


def replica_set(name: str = "checkout-1", *, replicas: int = 1, **more: Any) -> Raw:
    owner = more.pop("owner", ("Deployment", name.rsplit("-", 1)[0]))
    return deployment(name, replicas=replicas, kind="ReplicaSet", owner=owner, **more)


def evicted(body: Raw, reason: str = "EvictionByEvictionAPI") -> Raw:
    """Return a pod that has been told that it will be deleted, and why."""
    told = {"type": "DisruptionTarget", "status": "True", "reason": reason}
    status = body["status"]
    return body | {"status": status | {"conditions": [*status["conditions"], told]}}


def stateful_set(name: str = "ledger", *, image: str = "shop:1", **counts: Any) -> Raw:
    return deployment(name, kind="StatefulSet", image=image, **counts)


def daemon_set(
    name: str = "agent",
    *,
    desired: int = 2,
    ready: int | None = None,
    updated: int | None = None,
    generation: int = 1,
    observed: int | None = None,
    image: str = "shop:1",
    placing: Mapping[str, Any] | None = None,
) -> Raw:
    count = desired if ready is None else ready
    made = template(image)
    return {
        "kind": "DaemonSet",
        "metadata": meta(name) | {"generation": generation},
        "spec": {"template": made | {"spec": made["spec"] | dict(placing or {})}},
        "status": {
            "observedGeneration": generation if observed is None else observed,
            "desiredNumberScheduled": desired,
            "currentNumberScheduled": desired,
            "updatedNumberScheduled": desired if updated is None else updated,
            "numberReady": count,
            "numberAvailable": count,
        },
    }


def cron_job(name: str = "nightly") -> Raw:
    return {"kind": "CronJob", "metadata": meta(name), "spec": {}, "status": {}}


def job(
    name: str = "report",
    *,
    backoff_limit: int = 6,
    finished: str = "",
    reason: str = "",
    ended_at: float = 0,
    suspend: bool = False,
    **more: Any,
) -> Raw:
    end = {"type": finished, "status": "True", "reason": reason, "lastTransitionTime": at(ended_at)}
    done = [end] if finished else []
    return {
        "kind": "Job",
        "metadata": meta(name, **more),
        "spec": {"backoffLimit": backoff_limit, "suspend": suspend, "template": template()},
        "status": {"active": 0 if finished else 1, "conditions": done},
    }


def node(name: str = "ooda-worker", *, cordoned: bool = False, **more: Any) -> Raw:
    return {
        "kind": "Node",
        "metadata": meta(name, **more),
        "spec": {"unschedulable": True} if cordoned else {},
        "status": {"conditions": [{"type": "Ready", "status": "True"}]},
    }


def service(name: str = "checkout", *, to: str = "checkout", **more: Any) -> Raw:
    spec = {"selector": {"app": to}, "ports": [{"port": 80}]}
    return {"kind": "Service", "metadata": meta(name, **more), "spec": spec}


def config_map(name: str = "checkout", data: Mapping[str, str] | None = None, **more: Any) -> Raw:
    content = dict(data or {"mode": "fast"})
    return {"kind": "ConfigMap", "metadata": meta(name, **more), "data": content}


def budget(name: str = "checkout", *, app: str = "checkout", **spec: Any) -> Raw:
    selector = {"matchLabels": {"app": app}}
    return {
        "kind": "PodDisruptionBudget",
        "metadata": meta(name),
        "spec": {"selector": selector} | spec,
    }


def endpoint_slice(
    name: str = "checkout-x",
    *,
    to: str = "checkout",
    ready: Sequence[str] = (),
    unready: Sequence[str] = (),
    **more: Any,
) -> Raw:
    return {
        "kind": "EndpointSlice",
        "metadata": meta(name, labels={"kubernetes.io/service-name": to}, **more),
        "endpoints": [
            {"targetRef": {"kind": "Pod", "name": each}, "conditions": {"ready": serves}}
            for names, serves in ((ready, True), (unready, False))
            for each in names
        ],
    }


def refused(about: str, kind: str, at_: float, note: str, *, number: int = 1) -> Raw:
    """Return an Event by which a controller says that it may not make a pod."""
    return {
        "kind": "Event",
        "metadata": meta(f"{about}.{number}", created=at_),
        "reason": "FailedCreate",
        "note": note,
        "deprecatedFirstTimestamp": at(at_),
        "deprecatedLastTimestamp": at(at_),
        "regarding": {"kind": kind, "name": about, "uid": f"uid-{about}"},
    }


def node_lease(renewed: float, name: str = "ooda-worker") -> Raw:
    return {
        "kind": "Lease",
        "metadata": meta(name) | {"namespace": "kube-node-lease"},
        "spec": {"leaseDurationSeconds": 40, "renewTime": at(renewed)},
    }


def event(
    reason: str,
    first: float,
    last: float | None = None,
    *,
    about: str = "checkout-1-x",
    field: str = "spec.containers{app}",
    uid: str | None = None,
    **more: Any,
) -> Raw:
    """Return an Event of the kubelet, which still writes the old API."""
    return {
        "kind": "Event",
        "metadata": meta(f"{about}.{reason}", created=first),
        "reason": reason,
        "note": f"{reason}: no",
        "eventTime": None,
        "deprecatedFirstTimestamp": at(first),
        "deprecatedLastTimestamp": at(first if last is None else last),
        "regarding": {
            "kind": "Pod",
            "name": about,
            "uid": uid or f"uid-{about}",
            "fieldPath": field,
        },
    } | more
