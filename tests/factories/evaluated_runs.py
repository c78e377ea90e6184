"""A fault run with every field filled in, so that a test names only what it is about."""

import datetime as dt
from typing import Any

from ooda.common.fault_runs import (
    ChangeStep,
    FaultRun,
    GroundTruth,
    Phase,
    StepRecord,
)
from ooda.common.plans import FieldChange, ObjectRef
from ooda.common.targets import WorkloadTarget
from ooda.common.taxonomy import ActionKind, FailureClass

NOW = dt.datetime(2026, 11, 25, 12, 0, tzinfo=dt.UTC)
NAMESPACE = "fault-injection-shop"
CHECKOUT = WorkloadTarget(namespace=NAMESPACE, workload_kind="Deployment", name="checkout")
WORKLOAD = ObjectRef(kind="Deployment", namespace=NAMESPACE, name="checkout", uid="u")
IMAGE = "/spec/template/spec/containers/name=app/image"
CHANGE = ChangeStep(
    object=WORKLOAD, changes=(FieldChange(path=IMAGE, before="shop:1", after="shop:2"),)
)


def after(seconds: float) -> dt.datetime:
    return NOW + dt.timedelta(seconds=seconds)


def fault_run(**given: Any) -> FaultRun:
    """Return a run that is over: injected after 1 s, taken back after 60 s."""
    fields: dict[str, Any] = {
        "run_id": "image-pull-failure-1",
        "request_id": "request-1",
        "sequence": 1,
        "cluster_id": "cluster-1",
        "namespace": NAMESPACE,
        "namespace_uid": "n",
        "scenario": "image-pull-failure",
        "target": "checkout",
        "workload": WORKLOAD,
        "duration_seconds": 60.0,
        "recovery_seconds": 100.0,
        "truth": GroundTruth(
            failure_class=FailureClass.IMAGE_PULL_FAILURE,
            component=CHECKOUT,
            accepted=(ActionKind.ROLL_BACK_WORKLOAD,),
        ),
        "steps": (StepRecord(step=CHANGE, done=True),),
        "leases": ("run-x",),
        "baseline": {},
        "phase": Phase.ENDED,
        "expires_at": after(60),
        "times": {
            "requested": NOW,
            "admitted": after(0.5),
            "armed": after(0.9),
            "mutated": after(1),
            "active": after(1.1),
            "reverting": after(60),
            "holding": after(61),
            "verifying": after(63),
            "releasing": after(65),
            "ended": after(65.5),
        },
    }
    return FaultRun.model_validate(fields | given)
