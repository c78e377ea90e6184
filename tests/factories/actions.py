"""Live objects and records of actions, for tests of the actor."""

import copy
import datetime as dt
from typing import Any

from factories.events import ANOMALY_ID, CHECKOUT, NAMESPACE, NOW, make, open_anomaly
from ooda.actor.core.plan import Plan, Scene, plan
from ooda.actor.core.record import ActionRecord, State, begin
from ooda.common.events import DecisionMade, Freshness, TelemetrySnapshot, WorkloadRow
from ooda.common.taxonomy import Source

BAD = {
    "metadata": {"labels": {"app": "checkout"}},
    "spec": {"containers": [{"name": "app", "image": "shop:bad"}]},
}
GOOD = {
    "metadata": {"labels": {"app": "checkout"}},
    "spec": {"containers": [{"name": "app", "image": "shop:good"}]},
}


def deployment(**given: Any) -> dict[str, Any]:
    return {
        "metadata": {
            "name": "checkout",
            "namespace": NAMESPACE,
            "uid": "uid-checkout",
            "resourceVersion": "7",
            "generation": 3,
        }
        | given.pop("metadata", {}),
        "spec": {"replicas": 1, "template": BAD} | given,
    }


def catalog(replicas: int | None = 2, *templates: Any) -> dict[str, Any]:
    known = {
        "templates": list(templates or (GOOD,)),
        "replicas": replicas,
        "healthyAt": "2026-11-25T11:00:00Z",
    }
    return {
        "metadata": {"name": "catalog", "namespace": NAMESPACE},
        "spec": {"workloads": {"Deployment/checkout": known, "DaemonSet/checkout": known}},
    }


def pod(**metadata: Any) -> dict[str, Any]:
    owner = {"kind": "ReplicaSet", "name": "checkout-1", "uid": "uid-rs", "controller": True}
    return {
        "metadata": {
            "name": "checkout-1-a",
            "namespace": NAMESPACE,
            "uid": "uid-pod",
            "ownerReferences": [owner],
        }
        | metadata
    }


def limited_pod(memory: str, **given: Any) -> dict[str, Any]:
    """A pod that runs with a memory limit, as the kubelet tells it; ``given`` is metadata."""
    resources = {"limits": {"memory": memory}}
    status = {"name": "app", "state": {"running": {}}, "restartCount": 0, "resources": resources}
    return pod(**given) | {
        "spec": {
            "nodeName": "node-2",
            "containers": [{"name": "app", "resources": copy.deepcopy(resources)}],
        },
        "status": {"containerStatuses": [status]},
    }


def set_limit(live: dict[str, Any], memory: str) -> None:
    """Have the memory limit of the only container of a pod be another one, and in force."""
    for each in (live["spec"]["containers"][0], live["status"]["containerStatuses"][0]):
        each["resources"] = {"limits": {"memory": memory}}


def replica_set(owner: str = "uid-checkout") -> dict[str, Any]:
    reference = {"kind": "Deployment", "name": "checkout", "uid": owner, "controller": True}
    return {
        "metadata": {
            "name": "checkout-1",
            "namespace": NAMESPACE,
            "uid": "uid-rs",
            "ownerReferences": [reference],
        }
    }


def namespace(mode: str | None = "auto") -> dict[str, Any]:
    labels = {"ooda.dev/mode": mode} if mode else {}
    return {"metadata": {"name": NAMESPACE, "uid": "uid-ns", "labels": labels}}


def scene(**given: Any) -> Scene:
    everything: dict[str, Any] = {
        "workload": deployment(),
        "catalog": catalog(),
        "pod": pod(),
        "replica_set": replica_set(),
    }
    return Scene(**everything | given)


def record(
    state: State = State.PLANNED, decision: DecisionMade | None = None, **given: Any
) -> ActionRecord:
    decision = decision or make(DecisionMade)
    assert decision.request is not None
    planned = plan(decision.request, scene())
    assert isinstance(planned, Plan)
    fields = {"steps": planned.steps, "undo": planned.undo, "before": planned.before}
    return begin(decision, NOW, state, "A test says so.").model_copy(update=fields | given)


def row(**given: Any) -> WorkloadRow:
    return WorkloadRow(
        **{
            "target": CHECKOUT,
            "uid": "uid-checkout",
            "generation": 4,
            "observed_generation": 4,
            "desired": 1,
            "current": 1,
            "updated": 1,
            "ready": 1,
            "available": 1,
            "restarts": 0,
            "minimum": 1,
            "rolling_out": False,
        }
        | given
    )


def snapshot(at: dt.datetime, *, ill: bool = False, stale: bool = False, **given: Any) -> Any:
    return make(
        TelemetrySnapshot,
        **{
            "event_id": f"snapshot-{at.isoformat()}",
            "occurred_at": at,
            "freshness": (Freshness(source=Source.KUBERNETES, seen_at=at, stale=stale),),
            "workloads": (row(),),
            "anomalies": (open_anomaly(anomaly_id=ANOMALY_ID),) if ill else (),
        }
        | given,
    )
