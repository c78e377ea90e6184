"""DaemonSets, StatefulSets, Jobs, CronJobs and bare pods: what is said of each, and what is not."""

from typing import Any

import pytest

from factories.objects import (
    at,
    container,
    cron_job,
    daemon_set,
    ended,
    event,
    job,
    node,
    pod,
    refused,
    stateful_set,
    waiting,
)
from factories.observed import Observed
from ooda.common.targets import PodTarget, WorkloadTarget
from ooda.common.taxonomy import Signal

DENIED = 'pods "x" is forbidden: exceeded quota: small, requested: pods=1, used: pods=2'
ELSEWHERE = {"nodeSelector": {"disk": "none"}}


def daemon(name: str, **more: Any) -> dict[str, Any]:
    return pod(name, owner=("DaemonSet", "agent"), node=f"node-{name[-1]}", **more)


def daemons(*pods: dict[str, Any]) -> Observed:
    """Return a DaemonSet on two nodes that is known to be good."""
    nodes = [node("node-a"), node("node-b")]
    both = pods or (daemon("agent-a"), daemon("agent-b"))
    observed = Observed(*nodes, daemon_set(), *both)
    observed.wait(40)
    assert observed.flags == []
    return observed


def test_a_daemon_set_that_is_told_to_run_nowhere_is_flagged() -> None:
    observed = daemons()
    observed.tell(daemon_set(placing=ELSEWHERE, generation=2, observed=1))
    observed.tell(daemon_set(placing=ELSEWHERE, generation=2, desired=0))
    for each in ("agent-a", "agent-b"):
        observed.tell(daemon(each, deleted=observed.seconds), "deleted")
    observed.wait(5)
    [flag] = observed.flags
    assert (flag.signal, flag.observed["reason"]) == (Signal.REPLICAS_SHORT, "ScheduledNowhere")
    assert flag.summary == "agent (DaemonSet) is to run on no node, since its template says where"
    observed.tell(daemon_set(generation=3))
    observed.wait(5)
    assert observed.clears == [Signal.REPLICAS_SHORT]


@pytest.mark.parametrize(
    "now",
    [
        daemon_set(desired=0),
        daemon_set(desired=0, image="shop:2", generation=2),
        daemon_set(desired=1, placing=ELSEWHERE, generation=2),
    ],
    ids=["the nodes are gone", "a release while there are no nodes", "fewer nodes are meant"],
)
def test_a_daemon_set_on_fewer_nodes_is_nothing(now: dict[str, Any]) -> None:
    observed = daemons()
    observed.tell(now)
    observed.tell(daemon("agent-a", deleted=observed.seconds), "deleted")
    observed.wait(30)
    assert observed.flags == []


def test_a_rolling_update_of_a_daemon_set_is_nothing() -> None:
    observed = daemons()
    observed.tell(daemon_set(image="shop:2", generation=2, updated=0))
    for each in ("agent-a", "agent-b"):
        observed.tell(daemon(each, deleted=observed.seconds), "deleted")
        observed.tell(daemon_set(image="shop:2", generation=2, ready=1, updated=1))
        observed.wait(10)
        new = [container(image="shop:2", started=observed.seconds)]
        observed.tell(daemon(f"new-{each}", containers=new, created=observed.seconds), "added")
    observed.tell(daemon_set(image="shop:2", generation=2))
    observed.wait(30)
    assert observed.flags == []


@pytest.mark.parametrize("late", [0.0, 0.5], ids=["pods first", "the DaemonSet first"])
@pytest.mark.parametrize("after", [None, 5.0], ids=["its own", "one that was killed after it"])
def test_a_rolling_update_that_is_over_within_a_moment(late: float, after: float | None) -> None:
    observed = daemons(daemon("agent-a"), daemon("agent-b"))
    observed.tell(daemon_set(image="shop:2", generation=2, updated=0))
    for each in ("agent-a", "agent-b"):
        new = [container(image="shop:2", started=observed.seconds)]
        fresh = daemon(f"new-{each}", containers=new, created=observed.seconds)
        if not late:
            observed.tell(daemon(each, deleted=observed.seconds), "deleted")
        observed.tell(fresh, "added")
        if each == "agent-b":
            observed.tell(daemon_set(image="shop:2", generation=2))
        if late:
            observed.wait(late)
            observed.tell(daemon(each, deleted=observed.seconds), "deleted")
    observed.wait(after or 10)
    assert observed.flags == []
    if after is not None:
        observed.tell(daemon("new-agent-a", deleted=observed.seconds), "deleted")
        observed.wait(1)
        assert observed.signals == [Signal.POD_LOST]


def test_a_daemon_that_is_not_ready_any_more_is_flagged_after_a_restart_of_the_observer_too() -> (
    None
):
    observed = daemons()
    known = observed.remembered[-1].spec.model_dump(mode="json", by_alias=True)
    catalog = {"kind": "KnownGood", "metadata": {"name": "catalog"} | {
        "namespace": observed.namespace.name, "uid": "uid-catalog"}, "spec": known}  # fmt: skip
    unready = container(ready=False, started=0)
    again = Observed(node("node-a"), catalog, daemon_set(desired=1, ready=0),
                     daemon("agent-a", containers=[unready], ready_since=0))  # fmt: skip
    again.wait(60)
    assert Signal.CONTAINER_STUCK in again.signals


def test_a_daemon_waits_for_the_room_on_its_own_node() -> None:
    words = "0/2 nodes are available: 1 node(s) had untolerated taint {a: b}, 1 node(s) didn't "
    words += "match Pod's node affinity/selector."
    homeless = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable"}
    homeless |= {"message": words, "lastTransitionTime": at(40)}
    status = {"phase": "Pending", "conditions": [homeless], "containerStatuses": []}
    observed = daemons()
    observed.tell(daemon("agent-c", created=40, status=status, spec={"nodeName": ""}), "added")
    observed.wait(15)
    assert observed.flags == []
    observed.wait(10)
    assert observed.signals == [Signal.CONTAINER_STUCK]


@pytest.mark.parametrize(
    ("kind", "name", "workload"),
    [
        ("DaemonSet", "agent", daemon_set(ready=1)),
        ("StatefulSet", "ledger", stateful_set(replicas=2, ready=1)),
    ],
)
def test_a_quota_that_only_events_tell_of(kind: str, name: str, workload: dict[str, Any]) -> None:
    left = pod(f"{name}-0", owner=(kind, name), node="node-a")
    observed = Observed(node("node-a"), node("node-b"), workload, left)
    observed.tell(refused(name, kind, 0, DENIED), "added")
    observed.wait(15)
    assert observed.flags == []
    observed.tell(refused(name, kind, 15, DENIED, number=2), "added")
    observed.wait(10)
    [flag] = observed.flags
    assert (flag.signal, flag.observed["message"]) == (Signal.REPLICAS_SHORT, DENIED)
    observed.tell(pod(f"{name}-1", owner=(kind, name), node="node-b", created=25), "added")
    observed.wait(5)
    assert observed.clears == [Signal.REPLICAS_SHORT]


def test_a_refusal_before_the_newest_pod_was_made_is_over() -> None:
    observed = daemons()
    observed.tell(refused("agent", "DaemonSet", -100, DENIED), "added")
    observed.tell(daemon("agent-a", deleted=40), "deleted")
    observed.tell(daemon_set(ready=1))
    again = daemon("agent-c", created=41, containers=[container(started=41)])
    observed.tell(again, "added")
    observed.tell(daemon("agent-b", deleted=42), "deleted")
    observed.wait(60)
    assert not [each for each in observed.flags if "message" in each.observed]


QUIET = {
    "a pod that failed and is tried again": (
        job(),
        pod("report-a", owner=("Job", "report"), phase="Failed",
            containers=[container(ready=False, state=ended(1, 0))]),
        pod("report-b", owner=("Job", "report"), containers=[container(ready=False)]),
    ),
    "a container that is restarted in place, with its back-off": (
        job(),
        pod("report-a", owner=("Job", "report"), containers=[
            waiting("CrashLoopBackOff", restarts=4, lastState=ended(1, 0))]),
    ),
    "complete": (
        job(finished="Complete"),
        pod("report-a", owner=("Job", "report"), phase="Succeeded",
            containers=[container(ready=False, state=ended(0, 0, reason="Completed"))]),
    ),
    "suspended": (job(suspend=True), refused("report", "Job", -900, DENIED)),
    "many pods at once": (
        job(),
        *(pod(f"report-{each}", owner=("Job", "report")) for each in "abc"),
    ),
    "a pod that is never ready": (
        job(),
        pod("report-a", owner=("Job", "report"), created=-900, ready_since=-900,
            containers=[container(ready=False, started=-900)]),
    ),
    "one of a CronJob that was followed by a good one": (
        cron_job(),
        job("nightly-1", owner=("CronJob", "nightly"), finished="Failed", ended_at=-60),
        job("nightly-2", owner=("CronJob", "nightly"), finished="Complete"),
    ),
    "one that failed long ago": (job(finished="Failed", ended_at=-4000),),
}  # fmt: skip


@pytest.mark.parametrize("objects", QUIET.values(), ids=QUIET)
def test_a_job_that_goes_its_way_is_nothing(objects: tuple[dict[str, Any], ...]) -> None:
    observed = Observed(node(), *objects)
    observed.wait(30)
    assert observed.flags == []


HOMELESS = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable"}
HOMELESS |= {"lastTransitionTime": at(0)}


def queued(words: str) -> dict[str, Any]:
    conditions = [HOMELESS | {"message": f"0/2 nodes are available: {words}."}]
    status = {"phase": "Pending", "conditions": conditions, "containerStatuses": []}
    owner = ("Job", "report")
    return pod("report-a", owner=owner, created=0, status=status, spec={"nodeName": ""})


TOLD = {
    "retries used up": (
        (job(finished="Failed", reason="BackoffLimitExceeded", backoff_limit=2),),
        Signal.CRASH_LOOP,
        "failed after 2 retries",
    ),
    "too late": (
        (job(finished="Failed", reason="DeadlineExceeded"),),
        Signal.CRASH_LOOP,
        "ran into its deadline",
    ),
    "another reason": (
        (job(finished="Failed", reason="PodFailurePolicy"),),
        Signal.CRASH_LOOP,
        "failed: PodFailurePolicy",
    ),
    "an image that does not come": (
        (job(), pod("report-a", owner=("Job", "report"), containers=[waiting("ErrImagePull")])),
        Signal.IMAGE_PULL,
        "cannot pull image shop:1",
    ),
    "a key that is missing": (
        (
            job(),
            pod("report-a", owner=("Job", "report"),
                containers=[waiting("CreateContainerConfigError")]),
        ),
        Signal.CONTAINER_STUCK,
        "cannot start container app",
    ),
    "a node that there is none of": (
        (job(), queued("2 node(s) didn't match Pod's node affinity/selector")),
        Signal.CONTAINER_STUCK,
        "fits on no node",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("objects", "signal", "words"), TOLD.values(), ids=TOLD)
def test_a_job_that_will_not_get_on(
    objects: tuple[dict[str, Any], ...], signal: Signal, words: str
) -> None:
    observed = Observed(node(), *objects)
    observed.wait(5)
    [flag] = observed.flags
    assert flag.signal is signal
    assert flag.target == WorkloadTarget(
        namespace=flag.namespace or "", workload_kind="Job", name="report"
    )
    assert words in flag.summary


@pytest.mark.parametrize(
    "objects",
    [
        (job(created=0), queued("2 Insufficient cpu")),
        (job(created=0), refused("report", "Job", 0, DENIED)),
    ],
    ids=["room", "quota"],
)
def test_a_job_may_wait_its_turn_for_ten_minutes(objects: tuple[dict[str, Any], ...]) -> None:
    observed = Observed(node(), *objects)
    observed.wait(590)
    assert observed.flags == []
    observed.wait(20)
    assert len(observed.flags) == 1


def test_a_job_whose_pods_are_refused_as_they_are_does_not_wait_for_that() -> None:
    words = 'Error creating: pods "report-" is forbidden: service account "none" not found'
    observed = Observed(node(), job(created=0), refused("report", "Job", 0, words))
    observed.wait(25)
    [flag] = observed.flags
    assert flag.observed["message"] == words


def test_a_bare_pod_that_fits_nowhere_is_its_own_target() -> None:
    conditions = [HOMELESS | {"message": "0/2 nodes are available: 2 Insufficient cpu."}]
    status = {"phase": "Pending", "conditions": conditions, "containerStatuses": []}
    alone = pod("alone", owner=None, created=0, status=status, spec={"nodeName": ""})
    observed = Observed(node(), alone, event("Pulled", 0, about="alone"))
    observed.wait(25)
    [flag] = observed.flags
    assert flag.target == PodTarget(namespace=flag.namespace or "", name="alone")
