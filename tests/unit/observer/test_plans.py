"""Named plans of people and of controllers, each as the watches tell it: nothing is flagged."""

from collections.abc import Callable
from typing import Any

import pytest

from factories.objects import (
    budget,
    container,
    cron_job,
    daemon_set,
    deployment,
    ended,
    evicted,
    job,
    meta,
    node,
    pod,
    replica_set,
    stateful_set,
    waiting,
)
from factories.observed import Observed, healthy
from ooda.common.taxonomy import Signal

Plan = Callable[[Observed], None]
LEDGER = ("StatefulSet", "ledger")
AGENT = ("DaemonSet", "agent")


def known(*objects: dict[str, Any]) -> Observed:
    """Return an observer to which a healthy workload is known well."""
    observed = Observed(*objects)
    observed.wait(45)
    assert observed.flags == []
    return observed


def begin(observed: Observed, name: str, **given: Any) -> None:
    """Tell of a new pod that starts, and is ready three seconds later."""
    now = observed.seconds
    observed.tell(pod(name, created=now, containers=[waiting("ContainerCreating")], **given))
    observed.wait(3)
    run = [container(started=now + 2)]
    observed.tell(pod(name, created=now, ready_since=now + 3, containers=run, **given))


def leave(observed: Observed, name: str, **given: Any) -> None:
    """Tell of a pod that is asked to go, and is gone two seconds later."""
    observed.tell(pod(name, deleted=observed.seconds, **given))
    observed.wait(2)
    observed.tell(pod(name, **given), "deleted")


def drain(observed: Observed) -> None:
    observed.tell(node(cordoned=True))
    for letter in "ab":
        old = pod(f"checkout-1-{letter}", deleted=observed.seconds)
        observed.tell(evicted(pod(f"checkout-1-{letter}")))
        observed.tell(evicted(old))
    for letter in "cd":
        begin(observed, f"checkout-1-{letter}", node="other")
    for letter in "ab":
        observed.tell(pod(f"checkout-1-{letter}"), "deleted")


def drain_told_late(observed: Observed) -> None:
    """The evictions are seen seconds before the cordon: the watches know no common order."""
    for letter in "ab":
        observed.tell(evicted(pod(f"checkout-1-{letter}", deleted=observed.seconds)))
        observed.wait(2)
    observed.tell(node(cordoned=True))


def drain_by_deletion(observed: Observed) -> None:
    """``kubectl drain --disable-eviction``."""
    observed.tell(pod(deleted=observed.seconds))
    observed.wait(0.25)
    observed.tell(node(cordoned=True))


def drain_within_a_budget(observed: Observed) -> None:
    observed.tell(budget(maxUnavailable=1))
    observed.tell(node(cordoned=True))
    for letter, successor in (("a", "c"), ("b", "d")):
        observed.wait(30)
        observed.tell(evicted(pod(f"checkout-1-{letter}", deleted=observed.seconds)))
        begin(observed, f"checkout-1-{successor}", node="other")
        observed.tell(pod(f"checkout-1-{letter}"), "deleted")


def eviction_alone(observed: Observed) -> None:
    observed.tell(evicted(pod(deleted=observed.seconds)))
    begin(observed, "checkout-1-c")


def node_taken_away(observed: Observed) -> None:
    observed.tell(node(), "deleted")
    for letter in "ab":
        gone = pod(f"checkout-1-{letter}", deleted=observed.seconds)
        observed.tell(evicted(gone, "DeletionByPodGC"))
        observed.tell(pod(f"checkout-1-{letter}"), "deleted")
    for letter in "cd":
        begin(observed, f"checkout-1-{letter}", node="other")


def node_tainted(observed: Observed) -> None:
    for letter in "ab":
        gone = pod(f"checkout-1-{letter}", deleted=observed.seconds)
        observed.tell(evicted(gone, "DeletionByTaintManager"))
        begin(observed, f"checkout-1-{letter}2", node="other")


def rollout_restart(observed: Observed) -> None:
    again = deployment(replicas=2, updated=0, generation=2)
    again["spec"]["template"]["metadata"]["annotations"] = {"restartedAt": "now"}
    observed.tell(again)
    observed.tell(replica_set("checkout-2", replicas=1), "added")
    new: dict[str, Any] = {"owner": ("ReplicaSet", "checkout-2"), "revision": "2"}
    for left, (old, letter) in enumerate((("b", "c"), ("a", "d"))):
        begin(observed, f"checkout-2-{letter}", **new)
        # The pod goes before the watch of ReplicaSets tells why.
        observed.tell(pod(f"checkout-1-{old}", deleted=observed.seconds))
        observed.wait(1.5)
        observed.tell(replica_set("checkout-1", replicas=1 - left))
        observed.wait(1)
        observed.tell(pod(f"checkout-1-{old}"), "deleted")
    done = deployment(replicas=2, generation=2)
    done["spec"] = again["spec"]
    observed.tell(done)


def scale_down(observed: Observed) -> None:
    """By hand or by a HorizontalPodAutoscaler: both change the number of replicas."""
    observed.tell(deployment(replicas=1, ready=2, current=2, updated=2, generation=2))
    observed.tell(pod("checkout-1-b", deleted=observed.seconds))
    observed.wait(1.5)
    observed.tell(replica_set(replicas=1))
    observed.wait(2)
    observed.tell(pod("checkout-1-b"), "deleted")
    observed.tell(deployment(replicas=1, generation=2))


def deployment_deleted(observed: Observed) -> None:
    """In the background: the owner is gone first, then the garbage collector comes."""
    observed.tell(deployment(replicas=2), "deleted")
    observed.tell(replica_set(replicas=2), "deleted")
    for letter in "ab":
        leave(observed, f"checkout-1-{letter}")


def deployment_deleted_in_the_foreground(observed: Observed) -> None:
    observed.tell(deployment(replicas=2, deleted=observed.seconds))
    observed.tell(replica_set(replicas=2, deleted=observed.seconds))
    for letter in "ab":
        leave(observed, f"checkout-1-{letter}")
    observed.tell(replica_set(replicas=2), "deleted")
    observed.tell(deployment(replicas=2), "deleted")


def namespace_deleted(observed: Observed) -> None:
    """Its contents go in any order, pods before their owners too."""
    name = observed.namespace.name
    ending = meta(name, deleted=observed.seconds) | {"namespace": ""}
    observed.tell({"kind": "Namespace", "metadata": ending})
    for letter in "ab":
        leave(observed, f"checkout-1-{letter}")
    observed.tell(replica_set(replicas=2), "deleted")
    observed.tell(deployment(replicas=2), "deleted")
    observed.tell({"kind": "Namespace", "metadata": ending}, "deleted")


@pytest.mark.parametrize(
    "plan",
    [
        drain,
        drain_told_late,
        drain_by_deletion,
        drain_within_a_budget,
        eviction_alone,
        node_taken_away,
        node_tainted,
        rollout_restart,
        scale_down,
        deployment_deleted,
        deployment_deleted_in_the_foreground,
        namespace_deleted,
    ],
)
def test_a_plan_for_a_deployment(plan: Plan) -> None:
    observed = known(*healthy(2), node("other"))
    plan(observed)
    observed.wait(25)
    assert observed.flags == []


def test_a_rolling_update_of_a_stateful_set() -> None:
    """One pod at a time; its successor has the same name and another UID."""
    before = [pod(f"ledger-{number}", owner=LEDGER) for number in range(3)]
    observed = known(node(), stateful_set(replicas=3), *before)
    rolling: dict[str, Any] = {"replicas": 3, "image": "shop:2", "generation": 2}
    observed.tell(stateful_set(updated=0, observed=1, **rolling))
    for done, number in enumerate((2, 1, 0)):
        name = f"ledger-{number}"
        leave(observed, name, owner=LEDGER)
        observed.tell(stateful_set(updated=done, ready=2, **rolling))
        begin(observed, name, owner=LEDGER, revision="2", uid=f"uid-{name}-new")
        observed.tell(stateful_set(updated=done + 1, **rolling))
        observed.wait(10)
    observed.wait(25)
    assert observed.flags == []
    observed.tell(pod("ledger-0", owner=LEDGER, uid="uid-ledger-0-new", deleted=observed.seconds))
    observed.wait(1)
    assert observed.signals == [Signal.POD_LOST]


def test_a_successor_of_the_same_name_that_is_seen_before_the_deletion_is_one_update() -> None:
    before = [pod(f"ledger-{number}", owner=LEDGER) for number in range(2)]
    observed = known(node(), stateful_set(replicas=2), *before)
    rolling: dict[str, Any] = {"replicas": 2, "image": "shop:2", "generation": 2}
    now = observed.seconds
    observed.tell(pod("ledger-1", owner=LEDGER, uid="uid-new", created=now, ready_since=now))
    observed.wait(0.25)
    observed.tell(stateful_set(updated=1, **rolling))
    observed.wait(25)
    assert observed.flags == []


def test_a_stateful_set_that_is_scaled_down() -> None:
    before = [pod(f"ledger-{number}", owner=LEDGER) for number in range(3)]
    observed = known(node(), stateful_set(replicas=3), *before)
    observed.tell(stateful_set(replicas=1, ready=3, current=3, updated=3, generation=2))
    for number in (2, 1):
        leave(observed, f"ledger-{number}", owner=LEDGER)
    observed.tell(stateful_set(replicas=1, generation=2))
    observed.wait(25)
    assert observed.flags == []


def test_an_update_of_a_daemon_set() -> None:
    nodes = [node(f"node-{number}") for number in range(2)]
    before = [pod(f"agent-{number}", owner=AGENT, node=f"node-{number}") for number in range(2)]
    observed = known(*nodes, daemon_set(), *before)
    observed.tell(daemon_set(updated=0, image="shop:2", generation=2))
    for number in range(2):
        place = f"node-{number}"
        leave(observed, f"agent-{number}", owner=AGENT, node=place)
        begin(observed, f"agent-{number}2", owner=AGENT, node=place, revision="2")
        observed.tell(daemon_set(updated=number + 1, image="shop:2", generation=2))
    observed.wait(25)
    assert observed.flags == []


def test_a_node_that_a_daemon_set_has_to_leave() -> None:
    nodes = [node(f"node-{number}") for number in range(2)]
    before = [pod(f"agent-{number}", owner=AGENT, node=f"node-{number}") for number in range(2)]
    observed = known(*nodes, daemon_set(), *before)
    observed.tell(daemon_set(desired=1, ready=2))
    leave(observed, "agent-1", owner=AGENT, node="node-1")
    observed.tell(daemon_set(desired=1))
    observed.wait(25)
    assert observed.flags == []


def attempt(observed: Observed, name: str, owner: tuple[str, str], code: int) -> None:
    """Tell of one pod of a Job, from its start to its end."""
    begin(observed, name, owner=owner)
    over = container(ready=False, state=ended(code, observed.seconds))
    phase = "Failed" if code else "Succeeded"
    observed.tell(pod(name, owner=owner, phase=phase, ready=False, containers=[over]))
    observed.wait(5)


def test_a_job_that_is_retried_and_completes_and_is_taken_away() -> None:
    observed = known(node(), job())
    for letter, code in (("a", 1), ("b", 1), ("c", 0)):
        attempt(observed, f"report-{letter}", ("Job", "report"), code)
    observed.tell(job(finished="Complete"))
    observed.wait(5)
    observed.tell(job(finished="Complete"), "deleted")
    for letter in "abc":
        leave(observed, f"report-{letter}", owner=("Job", "report"))
    observed.wait(10)
    assert observed.flags == []


def test_a_cron_job_that_runs_again_and_forgets_what_is_old() -> None:
    observed = known(node(), cron_job())
    for number in range(4):
        name = f"nightly-{number}"
        observed.tell(job(name, owner=("CronJob", "nightly")), "added")
        attempt(observed, f"{name}-a", ("Job", name), 0)
        observed.tell(job(name, owner=("CronJob", "nightly"), finished="Complete"))
        if number > 2:
            observed.tell(job("nightly-0", owner=("CronJob", "nightly")), "deleted")
            leave(observed, "nightly-0-a", owner=("Job", "nightly-0"))
    observed.wait(25)
    assert observed.flags == []


def test_a_pod_that_goes_during_a_rollout_and_is_not_charged_to_it_is_lost() -> None:
    observed = known(*healthy(2))
    observed.tell(deployment(replicas=2, updated=0, generation=2, image="shop:2"))
    observed.tell(replica_set("checkout-2", replicas=1), "added")
    observed.tell(pod(deleted=observed.seconds))
    observed.wait(1)
    assert observed.flags == []
    observed.wait(2)
    assert observed.signals == [Signal.POD_LOST]


@pytest.mark.parametrize("reason", ["", "TerminationByKubelet", "PreemptionByScheduler"])
def test_a_pod_that_goes_for_another_reason_is_lost(reason: str) -> None:
    observed = known(*healthy(2))
    gone = pod(deleted=observed.seconds)
    observed.tell(evicted(gone, reason) if reason else gone)
    observed.wait(1)
    assert observed.signals == [Signal.POD_LOST]
