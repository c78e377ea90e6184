"""Faults of what runs already: no pod is replaced, and one that is made meanwhile escapes. Pure."""

from collections.abc import Mapping
from typing import Any

from ooda.common.cluster.interface import Object
from ooda.common.cluster.kinds import Kind
from ooda.common.fault_runs import ChangeStep, Step
from ooda.common.quantities import millicores_of
from ooda.injector.faults.scene import NotApplicableError, Scene, change


class CpuLimit:
    """Less CPU for each of its pods than it may use now."""

    reads = frozenset({Kind.POD})

    def plan(self, scene: Scene, parameters: Mapping[str, str]) -> tuple[Step, ...]:
        """See Fault."""
        pods = scene.pods()
        if not pods:
            raise NotApplicableError("it has no pods")
        name = str(scene.container["name"])
        return tuple(_lowered(each, name, int(parameters["millicores"])) for each in pods)


def _lowered(pod: Object, name: str, wanted: int) -> ChangeStep:
    resources = next(
        each.get("resources") or {} for each in pod["spec"]["containers"] if each["name"] == name
    )
    limit, request = _cpu(resources, "limits"), _cpu(resources, "requests")
    if limit is None or limit <= wanted:
        raise NotApplicableError("its first container has no CPU limit above that")
    within = f"/spec/containers/name={name}/resources"
    values: dict[str, Any] = {f"{within}/limits/cpu": f"{wanted}m"}
    # What a pod is guaranteed (its QoS class) cannot change while it runs: a request that was the
    # limit has to stay it, and no other may become it. None may be above it.
    if request == limit:
        values[f"{within}/requests/cpu"] = f"{wanted}m"
    elif request is not None and request >= wanted:
        values[f"{within}/requests/cpu"] = f"{wanted - 1}m"
    return change(Kind.POD, pod, values)


def _cpu(resources: Mapping[str, Any], what: str) -> int | None:
    return millicores_of((resources.get(what) or {}).get("cpu"))
