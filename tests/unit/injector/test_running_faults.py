"""What less CPU for pods that run plans: a limit, and the request where it has to follow."""

from collections.abc import Mapping
from typing import Any

import pytest

from ooda.common.cluster.kinds import Kind
from ooda.common.fault_runs import ChangeStep
from ooda.injector.faults.running import CpuLimit
from ooda.injector.faults.scene import NotApplicableError, Scene

LABELS = {"app": "cart"}


def pod(number: int, resources: Mapping[str, Any]) -> dict[str, Any]:
    meta = {"namespace": "fault-injection-shop", "resourceVersion": "1", "labels": LABELS}
    own = {"name": f"cart-{number}", "uid": f"u{number}"}
    others = {"name": "proxy", "resources": {"limits": {"cpu": "2"}}}
    return {
        "metadata": meta | own,
        "spec": {"containers": [others, {"name": "app", "resources": resources}]},
    }


def scene(*pods: dict[str, Any]) -> Scene:
    workload = {
        "metadata": {"name": "cart", "namespace": "fault-injection-shop"},
        "spec": {
            "selector": {"matchLabels": LABELS},
            "template": {"spec": {"containers": [{"name": "app"}]}},
        },
    }
    return Scene(workload, {Kind.POD: pods})


@pytest.mark.parametrize(
    ("resources", "changed"),
    [
        ({"limits": {"cpu": "1"}}, {"limits/cpu": ("1", "20m")}),
        (
            {"limits": {"cpu": "500m"}, "requests": {"cpu": "50m"}},
            {"limits/cpu": ("500m", "20m"), "requests/cpu": ("50m", "19m")},
        ),
        (
            {"limits": {"cpu": "500m"}, "requests": {"cpu": "20m"}},
            {"limits/cpu": ("500m", "20m"), "requests/cpu": ("20m", "19m")},
        ),
        (
            {"limits": {"cpu": "500m"}, "requests": {"cpu": "10m"}},
            {"limits/cpu": ("500m", "20m")},
        ),
        (
            {"limits": {"cpu": "0.5"}, "requests": {"cpu": "500m"}},
            {"limits/cpu": ("0.5", "20m"), "requests/cpu": ("500m", "20m")},
        ),
    ],
)
def test_each_pod_is_given_less(
    resources: Mapping[str, Any], changed: Mapping[str, tuple[str, str]]
) -> None:
    steps = CpuLimit().plan(scene(pod(1, resources), pod(2, resources)), {"millicores": "20"})
    assert [each.object.uid for each in steps] == ["u1", "u2"]
    for step in steps:
        assert isinstance(step, ChangeStep)
        within = "/spec/containers/name=app/resources/"
        told = {each.path.removeprefix(within): (each.before, each.after) for each in step.changes}
        assert told == changed


@pytest.mark.parametrize(
    ("pods", "words"),
    [
        ([], "has no pods"),
        ([pod(1, {})], "no CPU limit above"),
        ([pod(1, {"requests": {"cpu": "1"}})], "no CPU limit above"),
        ([pod(1, {"limits": {"cpu": "20m"}})], "no CPU limit above"),
        ([pod(1, {"limits": {"cpu": "1"}}), pod(2, {})], "no CPU limit above"),
    ],
)
def test_what_cannot_be_given_less(pods: list[dict[str, Any]], words: str) -> None:
    with pytest.raises(NotApplicableError, match=words):
        CpuLimit().plan(scene(*pods), {"millicores": "20"})
