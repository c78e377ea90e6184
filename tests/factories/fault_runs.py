"""Fault runs as tests need them: one pod with a fault on its node unless stated."""

import datetime as dt
from typing import Any

from ooda.common.fault_runs import FaultRun, GroundTruth, NodeStep, Phase, StepRecord
from ooda.common.node_means import Contact, PacketFault
from ooda.common.plans import ObjectRef
from ooda.common.targets import WorkloadTarget
from ooda.common.taxonomy import FailureClass

T0 = dt.datetime(2026, 1, 1, 12, tzinfo=dt.UTC)
NAMESPACE = "fault-injection-shop"
NODE = "worker-1"
WORKLOAD = ObjectRef(kind="Deployment", namespace=NAMESPACE, name="cart", uid="w")


def node_step(pod: str = "cart-1", node: str = NODE, **fault: Any) -> NodeStep:
    means = PacketFault.model_validate(
        {"fault": fault or {"kind": "partition"}, "traffic": {"direction": "incoming"}}
    )
    where = ObjectRef(kind="Pod", namespace=NAMESPACE, name=pod, uid=f"uid-of-{pod}")
    return NodeStep(object=where, node=node, means=means)


def contact_step(pod: str = "web-1", node: str = NODE) -> NodeStep:
    """Return a step that only asks."""
    means = Contact.model_validate({"asks": [{"address": "10.96.0.7", "port": 80}]})
    return node_step(pod, node).model_copy(update={"means": means})


def fault_run(*steps: StepRecord, **given: Any) -> FaultRun:
    """Return a run, armed for a minute from T0 unless stated."""
    fields: dict[str, Any] = {
        "run_id": "run-1",
        "request_id": "q",
        "sequence": 1,
        "cluster_id": "c",
        "namespace": NAMESPACE,
        "namespace_uid": "n",
        "scenario": "network-cut",
        "target": "cart",
        "workload": WORKLOAD,
        "duration_seconds": 60.0,
        "recovery_seconds": 100.0,
        "truth": GroundTruth(
            failure_class=FailureClass.NETWORK_PARTITION,
            component=WorkloadTarget(namespace=NAMESPACE, workload_kind="Deployment", name="cart"),
            accepted=(),
        ),
        "steps": steps or (StepRecord(step=node_step()),),
        "leases": ("run-x",),
        "baseline": {},
        "phase": Phase.ARMED,
        "expires_at": T0 + dt.timedelta(seconds=60),
        "times": {"admitted": T0, "armed": T0},
    }
    return FaultRun.model_validate(fields | given)
