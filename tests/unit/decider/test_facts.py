from typing import Any

import pytest

from factories.events import CHECKOUT, NOW
from ooda.common.approvals import Ground
from ooda.common.findings import Change
from ooda.common.known_good import KnownGoodSpec
from ooda.common.targets import NodeTarget
from ooda.common.taxonomy import Mode
from ooda.decider.core.facts import (
    Facts,
    config_map_named,
    facts_of,
    facts_of_node,
    facts_of_service,
)


@pytest.mark.parametrize(
    ("spec", "limited"),
    [
        ({"containers": [{"resources": {"limits": {"memory": "64Mi"}}}]}, True),
        ({"initContainers": [{"resources": {"limits": {"memory": "64Mi"}}}]}, True),
        ({"containers": [{"resources": {"limits": {"cpu": "1"}}}, {}]}, False),
        ({"containers": [{"resources": {"requests": {"memory": "64Mi"}}}]}, False),
        ({}, False),
    ],
)
def test_whether_there_is_a_memory_limit_to_raise(spec: dict[str, Any], *, limited: bool) -> None:
    workload = {"spec": {"template": {"spec": spec}}}
    assert facts_of(Mode.AUTO, CHECKOUT, Ground(workload, None, None), []).memory_limited is limited


def node(name: str, ready: str = "True", mode: str = "auto", **spec: Any) -> dict[str, Any]:
    return {
        "metadata": {"name": name, "labels": {"ooda.dev/mode": mode}},
        "spec": spec,
        "status": {"conditions": [{"type": "Ready", "status": ready}]},
    }


@pytest.mark.parametrize(
    ("others", "enough"),
    [
        pytest.param([node("b"), node("c")], True, id="two of three"),
        pytest.param([node("b"), node("c", "Unknown")], False, id="one of three"),
        pytest.param([node("b")], True, id="one of two"),
        pytest.param([node("b"), node("c", unschedulable=True)], False, id="one is cordoned"),
        pytest.param([], False, id="it is the only one"),
    ],
)
def test_a_node_is_given_up_only_if_enough_are_left(
    others: list[dict[str, Any]], *, enough: bool
) -> None:
    facts = facts_of_node(NodeTarget(name="a"), [node("a", "Unknown"), *others])
    assert (facts.exists, facts.schedulable, facts.others_ready) == (True, True, enough)


@pytest.mark.parametrize("label", list(Mode))
def test_the_label_of_a_node_says_how_far_to_go_with_it(label: Mode) -> None:
    assert facts_of_node(NodeTarget(name="a"), [node("a", mode=label)]).mode is label
    assert facts_of_node(NodeTarget(name="a"), [{"metadata": {"name": "a"}}]).mode is Mode.PROPOSE


def test_a_node_that_is_gone_or_cordoned_is_no_place_to_act() -> None:
    assert not facts_of_node(NodeTarget(name="a"), [node("b")]).exists
    cordoned = [node("a", unschedulable=True), node("b")]
    assert not facts_of_node(NodeTarget(name="a"), cordoned).schedulable


@pytest.mark.parametrize(("name", "found"), [("checkout", "h"), ("cart", None)])
def test_an_autoscaler_counts_for_the_workload_that_it_scales(name: str, found: Any) -> None:
    scaler = {
        "metadata": {"name": "h"},
        "spec": {"scaleTargetRef": {"kind": "Deployment", "name": name}},
    }
    facts = facts_of(Mode.AUTO, CHECKOUT, Ground({"spec": {}}, None, None), [scaler])
    assert (facts.autoscaler, facts.replicas, facts.known_replicas) == (found, 1, None)


KNOWN = KnownGoodSpec(
    config_maps={"shop": ({"data": {"A": "1"}},), "shop.data": ({"data": {"B": "1"}},)}
)


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        (("configmap/shop.data.A",), "shop"),
        (("configmap/shop.binaryData.A", "spec.template.spec.volumes"), "shop"),
        (("configmap/other.data.A",), None),
        (("configmap/shop.data.data.B",), None),
        (("spec.replicas",), None),
        ((), None),
    ],
    ids=["one", "one of more fields", "not known", "names that cannot be told apart", "no", "none"],
)
def test_a_change_names_a_config_map_only_if_there_is_no_doubt(
    fields: tuple[str, ...], named: str | None
) -> None:
    change = Change(target=CHECKOUT, fields=fields, changed_at=NOW, known_good=True)
    assert config_map_named(change, KNOWN) == named


@pytest.mark.parametrize(("data", "found"), [({}, "shop"), ({"A": "1"}, None)])
def test_a_config_map_counts_if_known_good_has_another_content(
    data: dict[str, str], found: str | None
) -> None:
    live = {"metadata": {"name": "shop"}, "data": data}
    assert Facts(Mode.AUTO).with_config_map(live, KNOWN).config_map == found
    assert Facts(Mode.AUTO).with_config_map(live, None).config_map is None


@pytest.mark.parametrize(
    ("change", "led_elsewhere"),
    [({"selector": {"app": "b"}}, True), ({"ports": []}, True), ({"type": "NodePort"}, False)],
)
def test_of_a_service_only_where_it_leads_counts(
    change: dict[str, Any], *, led_elsewhere: bool
) -> None:
    good = {"selector": {"app": "a"}, "ports": [{"port": 80}]}
    known = KnownGoodSpec(services={"front": (good,)})
    live = {"metadata": {"labels": {}}, "spec": good | change}
    facts = facts_of_service(Mode.AUTO, "front", live, known)
    assert (facts.exists, facts.known_service) == (True, led_elsewhere)
    assert not facts_of_service(Mode.AUTO, "front", live, None).known_service
