"""What the faults of quotas plan."""

from typing import Any

from ooda.common.cluster.interface import Object
from ooda.common.cluster.kinds import Kind
from ooda.common.fault_runs import ChangeStep, CreateStep, DeletePodStep
from ooda.injector.faults.policies import Quota
from ooda.injector.faults.scene import Scene

HERE = "fault-injection-shop"


def named(name: str, **more: Any) -> dict[str, Any]:
    return {
        "metadata": {"name": name, "namespace": HERE, "uid": name, "resourceVersion": "1", **more}
    }


def pod(name: str, app: str, phase: str = "Running") -> Object:
    return named(name, labels={"app": app}) | {"status": {"phase": phase}}


CART: Object = named("cart") | {"spec": {"selector": {"matchLabels": {"app": "cart"}}}}
PODS = [
    pod("cart-0", "cart", "Failed"),
    pod("cart-1", "cart"),
    pod("web-1", "web"),
    pod("web-2", "web", "Pending"),
    pod("report-1", "report", "Succeeded"),
    pod("report-2", "report", "Failed"),
]


def test_a_quota_counts_no_pods_that_are_over() -> None:
    scene = Scene(CART, {Kind.POD: PODS, Kind.RESOURCE_QUOTA: []})

    made, lost = Quota().plan(scene, {})

    assert isinstance(made, CreateStep)
    assert made.spec == {"hard": {"pods": "2"}}
    assert isinstance(lost, DeletePodStep)
    assert lost.object.name == "cart-1"


def test_a_quota_that_is_there_is_lowered() -> None:
    quota = named("compute") | {"spec": {"hard": {"cpu": "4", "pods": "20"}}}
    scene = Scene(CART, {Kind.POD: PODS, Kind.RESOURCE_QUOTA: [quota]})

    lowered, _ = Quota().plan(scene, {})

    assert isinstance(lowered, ChangeStep)
    assert [(each.path, each.before, each.after) for each in lowered.changes] == [
        ("/spec/hard/pods", "20", "2")
    ]
