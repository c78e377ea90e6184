"""What a PodDisruptionBudget forbids, as the eviction API judges it. Pure."""

from collections.abc import Iterable
from typing import Any

from ooda.common.cluster.interface import Object


def forbids(budget: Object, pod: Object, pods: Iterable[Object]) -> bool:
    """Return whether evicting the pod would leave fewer ready ones than the budget asks for.

    ``minAvailable`` is a number here. A pod that runs nothing is evicted whatever the budget says.
    """
    asked, labels = budget["spec"]["minAvailable"], budget["spec"]["selector"]["matchLabels"]
    if not (_same_place(budget, pod) and _has(pod, labels) and _runs(pod)):
        return False
    ready = sum(
        _same_place(budget, each) and _has(each, labels) and _is_ready(each) for each in pods
    )
    return bool(ready - _is_ready(pod) < asked)


def _same_place(budget: Object, pod: Object) -> bool:
    return bool(budget["metadata"].get("namespace") == pod["metadata"].get("namespace"))


def _has(pod: Object, labels: dict[str, str]) -> bool:
    return labels.items() <= (pod["metadata"].get("labels") or {}).items()


def _status(pod: Object) -> dict[str, Any]:
    return pod.get("status") or {}


def _runs(pod: Object) -> bool:
    return _status(pod).get("phase") == "Running"


def _is_ready(pod: Object) -> bool:
    conditions = _status(pod).get("conditions") or ()
    return _runs(pod) and any(
        each["type"] == "Ready" and each["status"] == "True" for each in conditions
    )
