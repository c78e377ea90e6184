"""What is read of a node: facts → signs."""

from typing import Any

import pytest

from factories.cluster_objects import pod, stamp
from factories.events import NAMESPACE, NOW
from ooda.orienter.core.objects import event_of
from ooda.orienter.core.rules_nodes import (
    node_query,
    read_node,
    read_node_events,
    read_pods_of_node,
    read_scrapes,
)
from ooda.orienter.core.signs import Sign


def node(ready: str = "True", **spec: Any) -> dict[str, Any]:
    return {"spec": spec, "status": {"conditions": [{"type": "Ready", "status": ready}]}}


def lease(ago: float) -> dict[str, Any]:
    return {"spec": {"renewTime": stamp(-ago)}}


@pytest.mark.parametrize(
    ("ready", "renewed", "signs"),
    [
        ("True", lease(5), {Sign.NODE_LEASE_FRESH}),
        ("True", lease(20), {Sign.NODE_LEASE_FRESH}),
        ("True", lease(21), {Sign.NODE_LEASE_STALE}),
        ("Unknown", lease(60), {Sign.NODE_LEASE_STALE, Sign.NODE_CONDITION_BAD}),
        ("False", lease(5), {Sign.NODE_LEASE_FRESH, Sign.NODE_CONDITION_BAD}),
        ("True", None, set()),
        ("True", {"spec": {"renewTime": "nonsense"}}, set()),
    ],
)
def test_lease_and_condition(ready: str, renewed: Any, signs: set[Sign]) -> None:
    assert set(read_node(node(ready), renewed, (), NOW).signs) == signs


def test_names_the_pods_for_a_person() -> None:
    pods = [pod(f"web-{number}") for number in range(22)]
    told = read_node(node("Unknown", unschedulable=True), lease(33), pods, NOW).excerpt
    assert told.startswith(
        "Lease renewed 33 s ago, Ready Unknown, cordoned\npods on it (22): "
        f"{NAMESPACE}/web-0, {NAMESPACE}/web-1,"
    )
    assert told.endswith("and 2 more")


@pytest.mark.parametrize(
    ("pods", "signs"),
    [
        ([pod("a", ready=False), pod("b", ready=False)], {Sign.NODE_PODS_UNREADY}),
        ([pod("a", ready=False), pod("b")], set()),
        ([pod("a")], set()),
        ([], set()),
        ([pod("a", ready=False) | {"status": {"phase": "Succeeded"}}], set()),
    ],
)
def test_pods_that_serve(pods: list[dict[str, Any]], signs: set[Sign]) -> None:
    assert set(read_pods_of_node(pods).signs) == signs


@pytest.mark.parametrize(
    ("reason", "at", "signs"),
    [
        ("NodeNotReady", -5, {Sign.EVENT_NODE_NOT_READY}),
        ("NodeNotReady", -700, set()),
        ("NodeHasSufficientMemory", -5, set()),
        ("Note", -5, set()),
    ],
)
def test_events(reason: str, at: float, signs: set[Sign]) -> None:
    told = {
        "reason": reason,
        "note": "NodeNotReady, delete namespace",
        "regarding": {"kind": "Node", "name": "worker"},
        "metadata": {"creationTimestamp": stamp(at)},
    }
    assert set(read_node_events([event_of(told)], NOW).signs) == signs


@pytest.mark.parametrize(
    ("values", "signs"),
    [
        ([0.0, 0.0, 0.0], {Sign.NODE_SCRAPES_FAIL}),
        ([0.0, 1.0], {Sign.NODE_SCRAPED}),
        ([], set()),
    ],
)
def test_scrapes(values: list[float], signs: set[Sign]) -> None:
    assert set(read_scrapes(values).signs) == signs


def test_a_name_cannot_leave_its_query() -> None:
    assert node_query('a"} or up{') == 'up{node="a\\"} or up{",pod=""}'
