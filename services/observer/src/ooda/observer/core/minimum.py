"""How few replicas of a workload are too few."""

import math

from ooda.common.known_good import workload_key
from ooda.observer.core.graph import labels_of, selects
from ooda.observer.core.parsing import MINIMUM_ANNOTATION
from ooda.observer.core.state import Namespace
from ooda.observer.core.views import Budget, Key, Workload

REPLICAS_LIMIT = 100_000
PERCENT = 100


def minimum(namespace: Namespace, key: Key, workload: Workload) -> int:
    """Return the minimum viable count: PodDisruptionBudget, else annotation, else one.

    Percentages and ``maxUnavailable`` are of the replicas that are wanted now, as the API server
    reads them. A workload that was healthy never has a minimum of less than one, one that never
    was has none.
    """
    floor = 1 if was_healthy(namespace, key) else 0
    labels = labels_of(namespace, key)
    declared = [
        value
        for budget in namespace.budgets.values()
        if selects(budget.selector, labels)
        if (value := _of_budget(budget, workload.desired)) is not None
    ]
    if not declared:
        annotation = workload.meta.annotations.get(MINIMUM_ANNOTATION, "")
        declared = [int(annotation)] if _is_number(annotation) else []
    return min(max([floor, *declared]), REPLICAS_LIMIT)


def was_healthy(namespace: Namespace, key: Key) -> bool:
    """Return whether a workload is known to have been healthy, with replicas or on nodes."""
    return workload_key(*key) in namespace.known.workloads


def known_replicas(namespace: Namespace, key: Key) -> int:
    """Return the last healthy number of replicas, 0 if it is not known."""
    known = namespace.known.workloads.get(workload_key(*key))
    return (known.replicas or 0) if known else 0


def _of_budget(budget: Budget, desired: int) -> int | None:
    if budget.min_available is not None:
        return _resolve(budget.min_available, desired)
    if budget.max_unavailable is not None:
        unavailable = _resolve(budget.max_unavailable, desired)
        return None if unavailable is None else max(desired - unavailable, 0)
    return None


def _resolve(amount: int | str, desired: int) -> int | None:
    """Return a number, or a percentage of the replicas, rounded up as the API server does."""
    if isinstance(amount, int):
        return max(amount, 0)
    digits = amount.removesuffix("%")
    if not amount.endswith("%") or not _is_number(digits):
        return None
    return math.ceil(int(digits) * desired / PERCENT)


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) < len(str(REPLICAS_LIMIT))
