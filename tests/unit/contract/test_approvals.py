"""What makes an approval void, and what does not."""

from typing import Any

import pytest

from factories.events import request
from ooda.common.approvals import Ground, same_action
from ooda.common.known_good import KnownGoodSpec
from ooda.common.plans import CONFIG_MAP_PARAMETER
from ooda.common.targets import NodeTarget, ServiceTarget
from ooda.common.taxonomy import ActionKind

TEMPLATE = {"spec": {"containers": [{"name": "app", "image": "shop:1"}]}}
ROLL_BACK = request()
SCALE = request(action=ActionKind.SCALE_TO_KNOWN_GOOD)
RESTART = request(action=ActionKind.RESTART_POD, parameters={"pod": "checkout-1"})


def known(**given: Any) -> KnownGoodSpec:
    usual = {"templates": [TEMPLATE], "replicas": 2, "healthyAt": "2026-11-25T12:00:00Z"}
    return KnownGoodSpec.model_validate({"workloads": {"Deployment/checkout": usual | given}})


WORKLOAD: dict[str, Any] = {
    "metadata": {"uid": "u", "generation": 1, "resourceVersion": "7"},
    "spec": {"replicas": 2, "template": TEMPLATE},
    "status": {"readyReplicas": 0},
}


def ground(**given: Any) -> Ground:
    workload = WORKLOAD
    pod = given.pop("pod", {"metadata": {"uid": "p"}})
    spec = given.pop("known", known())
    changed = {key: workload[key] | each for key, each in given.items()}
    return Ground(workload | changed, spec, pod)


@pytest.mark.parametrize(
    ("change", "void_for"),
    [
        ({"status": {"readyReplicas": 1}}, ()),
        ({"metadata": {"generation": 9, "resourceVersion": "9", "annotations": {"a": "b"}}}, ()),
        ({"known": known(healthyAt="2026-11-25T13:00:00Z")}, ()),
        ({"spec": {"replicas": 7}}, ("scale",)),
        ({"pod": {"metadata": {"uid": "another"}}}, ("restart",)),
        ({"pod": None}, ("restart",)),
        ({"spec": {"template": {}}}, ("roll back", "scale", "restart")),
        ({"spec": {"paused": True}}, ("roll back", "scale", "restart")),
        ({"metadata": {"uid": "another"}}, ("roll back", "scale", "restart")),
        ({"known": known(templates=[{}])}, ("roll back", "scale", "restart")),
        ({"known": known(replicas=3)}, ("roll back", "scale", "restart")),
        ({"known": None}, ("roll back", "scale", "restart")),
    ],
)
def test_what_makes_it_void(change: Any, void_for: tuple[str, ...]) -> None:
    requests = {"roll back": ROLL_BACK, "scale": SCALE, "restart": RESTART}
    changed = tuple(
        name
        for name, each in requests.items()
        if ground(**change).basis(each) != ground().basis(each)
    )
    assert changed == void_for


CONFIG = {"metadata": {"uid": "c", "resourceVersion": "1"}, "data": {"A": "bad"}}
BACK_TO_CONFIG = request(
    action=ActionKind.ROLL_BACK_CONFIG_MAP, parameters={CONFIG_MAP_PARAMETER: "shop"}
)


@pytest.mark.parametrize(
    ("change", "good", "void"),
    [
        ({"metadata": {"uid": "c", "resourceVersion": "2"}}, {"A": "1"}, False),
        ({"metadata": {"uid": "another"}}, {"A": "1"}, True),
        ({"data": {"A": "worse"}}, {"A": "1"}, True),
        ({"binaryData": {"B": "eA=="}}, {"A": "1"}, True),
        ({}, {"A": "2"}, True),
    ],
)
def test_a_config_map_that_is_named_counts(
    change: dict[str, Any], good: dict[str, str], *, void: bool
) -> None:
    before = Ground(
        WORKLOAD, KnownGoodSpec(config_maps={"shop": ({"data": {"A": "1"}},)}), None, CONFIG
    )
    known = KnownGoodSpec(config_maps={"shop": ({"data": good},)})
    after = Ground(WORKLOAD, known, None, CONFIG | change)
    assert (after.basis(BACK_TO_CONFIG) != before.basis(BACK_TO_CONFIG)) is void
    assert after.basis(ROLL_BACK) == before.basis(ROLL_BACK), "it names no ConfigMap"


@pytest.mark.parametrize(
    ("change", "void"),
    [
        ({"spec": {"selector": {"a": "x"}}}, True),
        ({"metadata": {"uid": "another"}}, True),
        ({"status": {"loadBalancer": {}}}, False),
    ],
)
def test_a_service_counts_with_what_was_good_of_it(change: dict[str, Any], *, void: bool) -> None:
    service = {"metadata": {"uid": "s"}, "spec": {"selector": {"a": "b"}}}
    known = KnownGoodSpec(services={"front": ({"selector": {"a": "c"}},)})
    back = request(
        action=ActionKind.ROLL_BACK_SERVICE, target=ServiceTarget(namespace="shop", name="front")
    )
    before = Ground(service, known).basis(back)
    assert before is not None
    assert (Ground(service | change, known).basis(back) != before) is void
    assert Ground(service, KnownGoodSpec()).basis(back) != before


@pytest.mark.parametrize(
    ("change", "void"),
    [
        ({"spec": {"taints": [{"key": "node.kubernetes.io/unreachable"}]}}, False),
        ({"status": {"conditions": [{"type": "Ready", "status": "Unknown"}]}}, False),
        ({"spec": {"unschedulable": True}}, True),
        ({"metadata": {"uid": "another"}}, True),
    ],
)
def test_a_node_counts_with_whether_it_takes_pods(change: dict[str, Any], *, void: bool) -> None:
    node = {"metadata": {"uid": "n"}, "spec": {"podCIDR": "10.0.0.0/24"}}
    cordon = request(action=ActionKind.CORDON_NODE, target=NodeTarget(name="n"))
    before = Ground(node).basis(cordon)
    assert before is not None
    assert (Ground(node | change).basis(cordon) != before) is void


def test_without_an_identity_there_is_nothing_to_approve() -> None:
    assert Ground({"spec": {}}).basis(ROLL_BACK) is None


def test_another_attempt_at_the_same_is_the_same_action() -> None:
    assert same_action(ROLL_BACK, request(action_id="another"))
    assert not same_action(ROLL_BACK, SCALE)
    assert not same_action(RESTART, RESTART.model_copy(update={"parameters": {"pod": "other"}}))
