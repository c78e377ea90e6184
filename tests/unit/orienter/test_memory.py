"""The use of memory against the limits: facts → signs."""

from typing import Any

import pytest

from factories.cluster_objects import container_status, deployment, pod, template
from factories.diagnosis import WEIGHTS
from factories.events import NOW
from ooda.common.quantities import MIB
from ooda.orienter.core.objects import pod_of, workload_of
from ooda.orienter.core.rules_memory import (
    Use,
    memory_limits,
    memory_query,
    memory_uses,
    read_memory,
)
from ooda.orienter.core.rules_state import WorkloadState, inspect_state
from ooda.orienter.core.signs import Sign

ROOM = 100.0 * MIB


@pytest.mark.parametrize(
    ("used", "signs"),
    [
        ({"app": 99, "sidecar": 10}, {Sign.MEMORY_AT_LIMIT}),
        ({"app": 90}, {Sign.MEMORY_AT_LIMIT}),
        ({"app": 70, "sidecar": 10}, set()),
        ({"app": 50, "sidecar": 10}, {Sign.MEMORY_LOW}),
        ({}, set()),
    ],
)
def test_the_most_that_was_used_against_the_limit(used: dict[str, int], signs: set[Sign]) -> None:
    uses = [Use(name, size * float(MIB), ROOM) for name, size in used.items()]
    assert set(read_memory(uses, WEIGHTS).signs) == signs


def test_says_how_much_it_was() -> None:
    uses = [Use("app", 99.0 * MIB, ROOM), Use("app", 120.0 * MIB, 2 * ROOM)]
    assert read_memory(uses, WEIGHTS).excerpt == "app: at most 99 of 100 MiB (99%)"


def test_a_pod_that_was_resized_is_measured_by_its_own_limit() -> None:
    limited = template(resources={"limits": {"memory": "100Mi"}})
    resized = pod("checkout-1")
    resized["spec"]["containers"] = [{"name": "app", "resources": {"limits": {"memory": "150Mi"}}}]
    answer = [
        ({"pod": "checkout-1", "container": "app"}, 120.0 * MIB),
        ({"pod": "checkout-0", "container": "app"}, 60.0 * MIB),
        ({"pod": "checkout-1", "container": "other"}, 99.0 * MIB),
        ({}, 99.0 * MIB),
    ]
    assert memory_uses(limited, [resized], answer) == [
        Use("app", 120.0 * MIB, 150.0 * MIB),
        Use("app", 60.0 * MIB, ROOM),
    ]


def test_reads_the_limits_that_there_are() -> None:
    limited = template(resources={"limits": {"memory": "100Mi", "cpu": "1"}})
    assert memory_limits(limited) == {"app": 100 * MIB}
    assert memory_limits(template()) == {}
    assert memory_limits({"spec": {"containers": [{"resources": {"limits": 3}}]}}) == {}


def test_asks_for_the_pods_of_the_workload() -> None:
    query = memory_query("checkout", "shop")
    assert 'namespace="shop",pod=~"checkout-[a-z0-9-]+"' in query


@pytest.mark.parametrize(
    ("resources", "sign"),
    [
        ({"limits": {"memory": "64Mi"}}, Sign.OOM_KILLED),
        ({"limits": {"cpu": "1"}}, Sign.OOM_WITHOUT_LIMIT),
        ({}, Sign.OOM_WITHOUT_LIMIT),
    ],
)
def test_tells_the_limit_of_a_container_from_a_node_without_memory(
    resources: dict[str, Any], sign: Sign
) -> None:
    status = container_status(waiting="CrashLoopBackOff", ended=137, reason="OOMKilled")
    shown = pod("a", status, ready=False)
    shown["spec"]["containers"] = [{"name": "app", "image": "shop:1", "resources": resources}]
    state = WorkloadState(workload_of("Deployment", deployment()), [pod_of(shown)], NOW, 1)
    assert sign in inspect_state(state).signs
