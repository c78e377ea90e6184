"""What the status of each kind of workload says of its pods."""

from collections.abc import Mapping
from typing import Any

import pytest

from ooda.injector.core.workloads import (
    Counts,
    counts_of,
    is_refused,
    leaves_first_seconds,
    settled,
)

REPLICAS = {"replicas": 2, "readyReplicas": 2, "updatedReplicas": 2}
ON_NODES = {
    "desiredNumberScheduled": 2,
    "currentNumberScheduled": 2,
    "numberReady": 2,
    "updatedNumberScheduled": 2,
}


def live(kind: str, status: Mapping[str, Any], **spec: Any) -> dict[str, Any]:
    asks = {} if kind == "DaemonSet" else {"replicas": 2}
    return {
        "kind": kind,
        "metadata": {"name": "x", "generation": 3},
        "spec": asks | {"template": {"spec": spec}},
        "status": {"observedGeneration": 3, **status},
    }


@pytest.mark.parametrize(
    ("kind", "status"),
    [("Deployment", REPLICAS), ("StatefulSet", REPLICAS), ("DaemonSet", ON_NODES)],
)
def test_one_is_settled_with_all_of_its_pods(kind: str, status: Mapping[str, int]) -> None:
    assert counts_of(live(kind, status)) == Counts(2, 2, 2, 2)
    assert settled(live(kind, status))
    assert not settled(live(kind, {**status, "observedGeneration": 2}))
    for each in status:
        for other in (0, 1):
            assert not settled(live(kind, {**status, each: other})), each


def test_one_of_which_nothing_is_known_is_not_settled() -> None:
    assert not settled({"kind": "StatefulSet", "metadata": {"generation": 1}, "spec": {}})


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (live("StatefulSet", REPLICAS | {"readyReplicas": 1}), False),
        (live("StatefulSet", REPLICAS | {"replicas": 1}), True),
        (live("DaemonSet", ON_NODES | {"currentNumberScheduled": 1}), True),
        (live("Deployment", REPLICAS | {"replicas": 1}), False),
    ],
)
def test_a_pod_that_is_not_made_is_refused(found: dict[str, Any], *, expected: bool) -> None:
    assert is_refused(found) is expected


def test_only_a_deployment_makes_a_pod_before_another_is_gone() -> None:
    assert leaves_first_seconds(live("Deployment", {})) == 0
    assert leaves_first_seconds(live("StatefulSet", {})) == 30
    assert leaves_first_seconds(live("DaemonSet", {}, terminationGracePeriodSeconds=5)) == 5
