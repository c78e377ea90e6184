"""What flags nothing: planned changes, slow starts, single restarts, and what is not seen."""

import pytest

from factories.objects import (
    NAMESPACE,
    config_map,
    container,
    deployment,
    ended,
    job,
    meta,
    node,
    pod,
    replica_set,
    service,
    waiting,
)
from factories.observed import RULES, Observed, healthy
from ooda.common.cluster.interface import Alive
from ooda.common.cluster.kinds import Kind
from ooda.common.targets import WorkloadTarget
from ooda.common.taxonomy import Signal
from ooda.observer.core.inputs import ActionNotice, Blind, Tick
from ooda.observer.core.state import Rules

CHECKOUT = WorkloadTarget(namespace=NAMESPACE, workload_kind="Deployment", name="checkout")


def test_a_healthy_rolling_update() -> None:
    observed = Observed(*healthy(2))
    observed.wait(45)
    observed.tell(deployment(replicas=2, updated=0, generation=2, observed=1, image="shop:2"))
    observed.tell(replica_set("checkout-2", replicas=1), "added")
    for index, letter in enumerate("ab"):
        now = observed.seconds
        owner = ("ReplicaSet", "checkout-2")
        new = f"checkout-2-{letter}"
        starting = [container(ready=False, started=now)]
        observed.tell(
            pod(new, owner=owner, created=now, revision="2", containers=starting), "added"
        )
        observed.wait(5)
        observed.tell(pod(new, owner=owner, created=now, revision="2", ready_since=now + 5))
        observed.tell(pod(f"checkout-1-{letter}", deleted=observed.seconds))
        observed.tell(replica_set("checkout-1", replicas=1 - index))
        observed.wait(2)
        observed.tell(pod(f"checkout-1-{letter}"), "deleted")
    observed.tell(deployment(replicas=2, generation=2, image="shop:2"))
    observed.wait(60)
    assert observed.flags == []
    assert len(observed.remembered[-1].spec.workloads["Deployment/checkout"].templates) == 2


def test_a_drain() -> None:
    observed = Observed(*healthy(2))
    observed.tell(node(cordoned=True))
    for letter in "ab":
        observed.tell(pod(f"checkout-1-{letter}", deleted=0))
        created = pod(f"checkout-1-{letter}2", created=0, containers=[waiting("ContainerCreating")])
        observed.tell(created, "added")
    observed.wait(20)
    assert observed.flags == []


def test_a_workload_that_is_deleted() -> None:
    observed = Observed(*healthy(2))
    observed.tell(pod(deleted=0))
    observed.tell(deployment(replicas=2), "deleted")
    observed.tell(pod(), "deleted")
    observed.wait(10)
    assert observed.flags == []


def test_a_namespace_that_is_deleted() -> None:
    observed = Observed(*healthy(2))
    ending = {"kind": "Namespace", "metadata": meta(NAMESPACE, deleted=0) | {"namespace": ""}}
    observed.tell(pod(deleted=0))
    observed.tell(ending)
    observed.wait(10)
    assert observed.flags == []


def test_what_the_agent_does_itself() -> None:
    observed = Observed(*healthy(2))
    observed.give(ActionNotice("one", CHECKOUT, over=False))
    observed.tell(pod(deleted=0))
    observed.wait(2)
    observed.give(ActionNotice("one", None, over=True))
    observed.tell(pod("checkout-1-b", deleted=2))
    observed.wait(10)
    assert observed.flags == []
    observed.tell(pod("checkout-1-c", created=12), "added")
    observed.wait(40)
    observed.tell(pod("checkout-1-c", deleted=52))
    observed.wait(1)
    assert observed.signals == [Signal.POD_LOST]


def restart(observed: Observed, code: int, count: int, name: str = "checkout-1-a") -> None:
    """Tell of an end and of the start after it, which the kubelet does not put off."""
    end = ended(code, observed.seconds)
    over = container(ready=False, restarts=count - 1, state=end)
    observed.tell(pod(name, ready=False, containers=[over]))
    observed.wait(1)
    now = observed.seconds
    again = container(ready=False, restarts=count, started=now, lastState=end)
    observed.tell(pod(name, ready=False, containers=[again]))
    observed.wait(9)
    observed.tell(pod(name, ready_since=observed.seconds, containers=[again | {"ready": True}]))


@pytest.mark.parametrize("code", [1, 137])
@pytest.mark.parametrize("replicas", [1, 2])
def test_a_single_restart(code: int, replicas: int) -> None:
    observed = Observed(*healthy(replicas))
    observed.wait(45)
    restart(observed, code, 1)
    observed.wait(60)
    assert observed.flags == []


def test_one_restart_of_each_of_two_pods() -> None:
    observed = Observed(*healthy(2))
    observed.wait(45)
    for letter in "ab":
        restart(observed, 1, 1, f"checkout-1-{letter}")
    observed.wait(60)
    assert observed.flags == []


def test_a_second_restart_after_the_kubelet_forgot_the_first() -> None:
    observed = Observed(*healthy())
    observed.wait(45)
    restart(observed, 1, 1)
    observed.wait(660)
    restart(observed, 1, 2)
    observed.wait(60)
    assert observed.flags == []


def test_a_slow_start_within_its_budget() -> None:
    probe = {"startupProbe": {"periodSeconds": 10, "failureThreshold": 9}}
    spec = {"containers": [{"name": "app", "image": "shop:1"} | probe]}
    slow = pod(created=0, spec=spec, containers=[container(ready=False, started=1)])
    observed = Observed(node(), deployment(ready=0, created=0), replica_set())
    observed.tell(slow, "added")
    observed.wait(110)
    assert observed.flags == []


def test_a_job_that_is_retried() -> None:
    observed = Observed(node(), job())
    for letter in "abc":
        failed = container(ready=False, state=ended(1, observed.seconds))
        name = f"report-{letter}"
        observed.tell(pod(name, owner=("Job", "report")), "added")
        observed.tell(pod(name, owner=("Job", "report"), phase="Failed", containers=[failed]))
        observed.wait(10)
    observed.tell(job(finished="Complete"))
    observed.wait(10)
    assert observed.flags == []


@pytest.mark.parametrize(
    "rules",
    [
        Rules("cluster", own_namespace=NAMESPACE),
        Rules("cluster", own_namespace="x", excluded=frozenset({NAMESPACE})),
        Rules("cluster", own_namespace="x", namespaces=frozenset({"another"})),
    ],
)
def test_namespaces_that_are_not_watched(rules: Rules) -> None:
    observed = Observed(pod(containers=[waiting("ErrImagePull")]), rules=rules)
    assert observed.flags == []


def test_stale_data_neither_flags_nor_clears() -> None:
    observed = Observed(*healthy(2), pod("checkout-1-x", containers=[waiting("ErrImagePull")]))
    assert observed.signals == [Signal.IMAGE_PULL]
    observed.wait(100, alive=False)
    assert any(isinstance(each, Blind) and each.kinds for each in observed.said)
    assert observed.snapshot.event.freshness[0].stale
    observed.tell(pod("checkout-1-x", deleted=observed.seconds))
    observed.tell(pod("checkout-1-x"), "deleted")
    observed.wait(10, alive=False)
    assert observed.clears == []
    for kind in Kind:
        observed.give(Alive(kind))
    observed.give(Tick())
    observed.wait(10)
    assert observed.clears == [Signal.IMAGE_PULL]


def test_nothing_is_known_good_before_it_settled_or_with_an_anomaly() -> None:
    observed = Observed(*healthy(), service(), config_map())
    observed.wait(25)
    assert observed.remembered == []
    observed.tell(pod("checkout-1-x", containers=[waiting("ErrImagePull")]), "added")
    observed.wait(60)
    assert observed.remembered == []


def test_what_a_healthy_workload_uses_is_remembered_with_it() -> None:
    observed = Observed(
        node(), deployment(), replica_set(), pod(spec=MOUNTED), service(), config_map()
    )
    observed.wait(45)
    [remember] = observed.remembered
    assert remember.spec.config_maps["checkout"] == ({"data": {"mode": "fast"}},)
    assert "checkout" in remember.spec.services
    assert remember.spec.workloads["Deployment/checkout"].replicas == 1
    moved = service()
    moved["spec"]["ports"] = [{"port": 81}]
    observed.tell(moved)
    observed.wait(20)
    assert len(observed.remembered) == 1
    observed.wait(20)
    assert len(observed.remembered[-1].spec.services["checkout"]) == 2


MOUNTED = {"volumes": [{"configMap": {"name": "checkout"}}]}
FAST, SLOW = {"data": {"mode": "fast"}}, {"data": {"mode": "slow"}}


def mounting() -> Observed:
    """Return an observer of a pod that mounts a ConfigMap which was changed under it."""
    observed = Observed(node(), deployment(), replica_set(), pod(spec=MOUNTED), config_map())
    observed.wait(45)
    observed.tell(config_map(data=SLOW["data"]))
    return observed


def test_what_is_mounted_is_not_good_because_pods_that_never_read_it_go_on() -> None:
    observed = mounting()
    observed.wait(3600)
    assert [each.spec.config_maps["checkout"] for each in observed.remembered] == [(FAST,)]


@pytest.mark.parametrize(("later", "good"), [(5, (FAST,)), (119, (FAST,)), (130, (FAST, SLOW))])
def test_a_container_that_starts_again_may_read_the_old_files_for_a_while(
    later: float, good: tuple[object, ...]
) -> None:
    observed = mounting()
    observed.wait(later)
    states = [container(started=observed.seconds, restarts=1)]
    observed.tell(pod(spec=MOUNTED, containers=states, ready_since=observed.seconds))
    observed.wait(300)
    assert observed.remembered[-1].spec.config_maps["checkout"] == good


def test_a_pod_that_was_made_after_the_change_has_started_with_it() -> None:
    observed = mounting()
    observed.wait(2)
    observed.tell(pod(spec=MOUNTED), "deleted")
    now = observed.seconds
    states = [container(started=now)]
    observed.tell(
        pod("checkout-1-b", spec=MOUNTED, containers=states, created=now, ready_since=now), "added"
    )
    observed.wait(45)
    assert observed.remembered[-1].spec.config_maps["checkout"] == (FAST, SLOW)


def test_an_environment_is_good_only_once_a_pod_has_started_with_it() -> None:
    reads = {"name": "app", "image": "shop:1", "envFrom": [{"configMapRef": {"name": "checkout"}}]}
    spec = {"containers": [reads]}
    observed = Observed(node(), deployment(), replica_set(), pod(spec=spec), config_map())
    observed.wait(45)
    observed.tell(config_map(data={"mode": "slow"}))
    observed.wait(120)
    assert observed.remembered[-1].spec.config_maps["checkout"] == ({"data": {"mode": "fast"}},)
    states = [container(started=observed.seconds + 1, restarts=1)]
    observed.tell(pod(spec=spec, containers=states, ready_since=observed.seconds + 2))
    observed.wait(45)
    assert len(observed.remembered[-1].spec.config_maps["checkout"]) == 2


def test_a_restart_flags_no_anomaly_again_and_clears_what_ended_meanwhile() -> None:
    bad = pod("checkout-1-x", containers=[waiting("ErrImagePull")])
    [flag] = Observed(*healthy(), bad).flags
    same = Observed(*healthy(), bad, flagged=(flag,))
    same.wait(10)
    assert (same.flags, same.clears) == ([], [])
    over = Observed(*healthy(), flagged=(flag,))
    over.wait(10)
    assert (over.flags, over.clears) == ([], [Signal.IMAGE_PULL])
    gone = Observed(flagged=(flag,), rules=RULES)
    gone.wait(10)
    assert gone.clears == [Signal.IMAGE_PULL]
