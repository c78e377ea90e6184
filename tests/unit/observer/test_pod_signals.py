"""Pods that fit on no node, and pods that run and do not become ready."""

from typing import Any

import pytest

from factories.objects import at, container, deployment, node, node_lease, pod, replica_set
from factories.observed import Observed, healthy
from ooda.common.taxonomy import Signal

NO_SUCH_NODE = "0/3 nodes are available: 3 node(s) didn't match Pod's node affinity/selector."
NO_ROOM = "0/3 nodes are available: 3 Insufficient cpu."
PROBED = {
    "containers": [{"name": "app", "image": "shop:2", "readinessProbe": {"periodSeconds": 5}}]
}


def homeless(message: str, **more: Any) -> dict[str, Any]:
    """A pod of the second revision that the scheduler has no node for."""
    body = pod("checkout-2-a", created=0, revision="2", containers=[], ready=False, phase="Pending")
    placed = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable"}
    placed |= {"message": message, "lastTransitionTime": at(0)} | more
    body["status"]["conditions"].append(placed)
    return body


def running(name: str = "checkout-2-a", *, since: float = 0, **more: Any) -> dict[str, Any]:
    """A pod that runs and is not ready; its start may take 45 s."""
    states = [container(image="shop:2", ready=False, started=since)]
    given: dict[str, Any] = {
        "created": since,
        "revision": "2",
        "ready_since": since,
        "spec": PROBED,
    } | more
    return pod(name, containers=states, **given)


@pytest.mark.parametrize(
    ("message", "seconds", "flagged"),
    [
        pytest.param(NO_SUCH_NODE, 0, True, id="no-node-has-what-it-selects"),
        pytest.param(NO_ROOM, 15, False, id="room-may-come"),
        pytest.param(NO_ROOM, 30, True, id="room-did-not-come"),
        pytest.param(f"{NO_SUCH_NODE} 1 Insufficient cpu.", 15, False, id="either"),
        pytest.param("3 node(s) had untolerated taint", 15, False, id="taint-of-a-new-node"),
        pytest.param(f"{NO_ROOM} 1 node(s) were unschedulable.", 200, False, id="drained"),
        pytest.param(f"{NO_ROOM} 1 node(s) were unschedulable.", 310, True, id="left-cordoned"),
        pytest.param("", 30, True, id="no-words"),
    ],
)
def test_a_pod_that_fits_on_no_node(message: str, seconds: float, *, flagged: bool) -> None:
    observed = Observed(*healthy())
    observed.tell(homeless(message), "added")
    observed.wait(seconds)
    assert observed.signals == ([Signal.CONTAINER_STUCK] if flagged else [])
    if flagged:
        assert observed.flags[0].observed["reason"] == "Unschedulable"
        assert observed.flags[0].pod == "checkout-2-a"


@pytest.mark.parametrize(
    "changed",
    [{"reason": "SchedulingGated"}, {"status": "True"}],
    ids=["held back on purpose", "has a node"],
)
def test_a_pod_that_the_scheduler_does_not_give_up(changed: dict[str, str]) -> None:
    observed = Observed(*healthy())
    observed.tell(homeless(NO_SUCH_NODE, **changed), "added")
    observed.wait(30)
    assert observed.flags == []


def test_it_is_over_when_the_pod_is_gone() -> None:
    observed = Observed(*healthy())
    observed.tell(homeless(NO_SUCH_NODE), "added")
    observed.tell(homeless(NO_SUCH_NODE), "deleted")
    observed.wait(10)
    assert observed.clears == [Signal.CONTAINER_STUCK]


def test_a_pod_of_a_rollout_that_never_becomes_ready_is_flagged_after_its_budget() -> None:
    observed = Observed(*healthy())
    observed.tell(running(), "added")
    observed.wait(40)
    assert observed.flags == []
    observed.wait(20)
    [flag] = observed.flags
    assert (flag.signal, flag.observed["reason"]) == (Signal.CONTAINER_STUCK, "NotReady")
    assert flag.summary == (
        "checkout (Deployment) runs container app of pod checkout-2-a and it is not ready, "
        "though it had 45 s for it"
    )


@pytest.mark.parametrize(
    ("took", "flagged_after"),
    [
        pytest.param(10, 45, id="its own budget is longer"),
        pytest.param(80, 160, id="a program that is slow"),
        pytest.param(3000, 45, id="one that lost its readiness after its start"),
    ],
)
def test_a_start_may_take_twice_as_long_as_that_of_its_siblings(
    took: float, flagged_after: float
) -> None:
    observed = Observed(*healthy(2))
    for name in ("checkout-1-a", "checkout-1-b"):
        states = [container(started=-5000)]
        body = pod(name, created=-5000, containers=states, ready_since=took - 5000, revision="1")
        observed.tell(body)
    observed.tell(running(), "added")
    observed.wait(flagged_after - 5)
    assert observed.flags == []
    observed.wait(10)
    assert observed.signals == [Signal.CONTAINER_STUCK]


def test_one_that_was_ready_has_its_budget_to_come_back() -> None:
    observed = Observed(*healthy(2))
    observed.tell(running("checkout-1-a", since=-3600, ready_since=0, revision="1"))
    observed.wait(40)
    assert observed.flags == []
    observed.wait(20)
    assert observed.signals == [Signal.CONTAINER_STUCK]


def starting_up(*, started: bool, ready_since: float = 0) -> dict[str, Any]:
    """A pod whose start-up probe allows 60 s, and whose readiness probe 6."""
    probes = {
        "startupProbe": {"periodSeconds": 1, "failureThreshold": 60},
        "readinessProbe": {"periodSeconds": 3, "failureThreshold": 2},
    }
    spec = {"containers": [{"name": "app", "image": "shop:2", **probes}]}
    body = running(ready_since=ready_since, spec=spec)
    body["status"]["containerStatuses"][0]["started"] = started
    return body


def test_once_its_start_up_probe_has_passed_only_the_readiness_probe_has_time() -> None:
    observed = Observed(*healthy())
    observed.tell(starting_up(started=False), "added")
    observed.wait(50)
    observed.tell(starting_up(started=True))
    observed.wait(18)
    assert observed.flags == []
    observed.wait(8)
    [flag] = observed.flags
    assert flag.observed["reason"] == "NotReady"
    assert flag.summary.endswith("though it had 21 s for it")


def test_one_that_was_ready_after_its_start_keeps_the_longer_time() -> None:
    observed = Observed(*healthy())
    observed.tell(starting_up(started=True), "added")
    observed.wait(5)
    observed.tell(starting_up(started=True, ready_since=5))
    observed.wait(60)
    assert observed.flags == []
    observed.wait(50)
    assert observed.signals == [Signal.CONTAINER_STUCK]


def test_what_is_short_already_is_not_told_a_second_time() -> None:
    observed = Observed(*healthy())
    observed.wait(35)
    observed.tell(pod(ready=False, ready_since=35))
    observed.wait(100)
    assert observed.signals == [Signal.REPLICAS_SHORT]
    assert observed.clears == []


def test_it_is_not_over_while_the_next_pod_only_runs() -> None:
    observed = Observed(*healthy())
    observed.tell(pod("checkout-1-a"), "deleted")
    observed.tell(running(owner=("ReplicaSet", "checkout-1")), "added")
    observed.wait(60)
    observed.tell(running(), "deleted")
    observed.tell(running("checkout-2-b", since=60), "added")
    observed.wait(20)
    assert Signal.CONTAINER_STUCK not in observed.clears


@pytest.mark.parametrize(
    "others",
    [
        [deployment(ready=0, created=0), replica_set(), running()],
        [*healthy(), running(deleted=10)],
        [*healthy(), node_lease(-100), node_lease(0, "other"), running()],
    ],
    ids=["never was ready", "on its way out", "its node is silent"],
)
def test_what_is_not_flagged(others: list[dict[str, Any]]) -> None:
    observed = Observed(node(), *others)
    observed.wait(100)
    assert Signal.CONTAINER_STUCK not in observed.signals
