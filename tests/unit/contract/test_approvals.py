"""What makes an approval void, and what does not."""

from typing import Any

import pytest

from factories.events import request
from ooda.common.approvals import Ground, same_action
from ooda.common.known_good import KnownGoodSpec
from ooda.common.targets import NodeTarget
from ooda.common.taxonomy import ActionKind

TEMPLATE = {"spec": {"containers": [{"name": "app", "image": "shop:1"}]}}
ROLL_BACK = request()
SCALE = request(action=ActionKind.SCALE_TO_KNOWN_GOOD)
RESTART = request(action=ActionKind.RESTART_POD, parameters={"pod": "checkout-1"})


def known(**given: Any) -> KnownGoodSpec:
    usual = {"templates": [TEMPLATE], "replicas": 2, "healthyAt": "2026-11-25T12:00:00Z"}
    return KnownGoodSpec.model_validate({"workloads": {"Deployment/checkout": usual | given}})


def ground(**given: Any) -> Ground:
    workload = {
        "metadata": {"uid": "u", "generation": 1, "resourceVersion": "7"},
        "spec": {"replicas": 2, "template": TEMPLATE},
        "status": {"readyReplicas": 0},
    }
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


def test_without_an_identity_there_is_nothing_to_approve() -> None:
    assert Ground({"spec": {}}, None, None).basis(ROLL_BACK) is None
    node = request(target=NodeTarget(name="n"))
    assert ground().basis(node) is None


def test_another_attempt_at_the_same_is_the_same_action() -> None:
    assert same_action(ROLL_BACK, request(action_id="another"))
    assert not same_action(ROLL_BACK, SCALE)
    assert not same_action(RESTART, RESTART.model_copy(update={"parameters": {"pod": "other"}}))
