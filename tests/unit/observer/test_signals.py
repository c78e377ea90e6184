"""What is flagged: one named case per signal and reason."""

from typing import Any

import pytest

from factories.objects import (
    at,
    budget,
    container,
    deployment,
    ended,
    event,
    job,
    node,
    pod,
    replica_set,
    waiting,
)
from factories.observed import Observed, healthy
from ooda.common.targets import PodTarget, WorkloadTarget
from ooda.common.taxonomy import Signal

IMAGE_REASONS = [
    "ErrImagePull",
    "ImagePullBackOff",
    "InvalidImageName",
    "ErrImageNeverPull",
    "RegistryUnavailable",
]
STUCK_REASONS = [
    "CreateContainerConfigError",
    "CreateContainerError",
    "RunContainerError",
    "CreatePodSandboxError",
]


@pytest.mark.parametrize("reason", IMAGE_REASONS)
@pytest.mark.parametrize("init", [False, True])
def test_an_image_that_cannot_be_pulled_is_flagged_at_once(reason: str, *, init: bool) -> None:
    observed = Observed(*healthy())
    bad = waiting(reason, image="shop:brokn")
    shown = (
        pod(
            "checkout-2-a",
            ready=False,
            created=0,
            init=[bad],
            containers=[waiting("PodInitializing")],
        )
        if init
        else pod("checkout-2-a", created=0, containers=[bad])
    )
    observed.tell(shown, "added")
    [flag] = observed.flags
    assert flag.signal is Signal.IMAGE_PULL
    assert flag.observed["reason"] == reason
    assert flag.pod == "checkout-2-a"


def test_an_image_pull_is_about_the_deployment_and_says_so_in_one_sentence() -> None:
    observed = Observed(*healthy(), replica_set("checkout-2"))
    observed.tell(
        pod(
            "checkout-2-a",
            created=0,
            owner=("ReplicaSet", "checkout-2"),
            revision="2",
            containers=[waiting("ErrImagePull", image="shop:brokn")],
        ),
        "added",
    )
    [flag] = observed.flags
    assert flag.target == WorkloadTarget(
        namespace=flag.namespace or "", workload_kind="Deployment", name="checkout"
    )
    assert flag.summary == (
        "checkout (Deployment) cannot pull image shop:brokn (ErrImagePull), "
        "pod checkout-2-a on node ooda-worker"
    )
    assert flag.observed["revision"] == "2"
    assert flag.since <= observed.now


def test_a_pod_without_owner_is_its_own_target() -> None:
    observed = Observed(node(), pod("alone", owner=None, containers=[waiting("ErrImagePull")]))
    assert isinstance(observed.flags[0].target, PodTarget)


@pytest.mark.parametrize("reason", STUCK_REASONS)
def test_a_container_that_cannot_be_started_is_flagged_at_once(reason: str) -> None:
    observed = Observed(*healthy())
    observed.tell(pod("checkout-1-z", created=0, containers=[waiting(reason)]), "added")
    assert observed.signals == [Signal.CONTAINER_STUCK]


def test_what_the_kubelet_says_is_masked_before_it_is_cut() -> None:
    words = f"{'x' * 280} redis://:hunter2-{'y' * 60}@carts:6379"
    observed = Observed(*healthy())
    bad = waiting("RunContainerError")
    bad["state"]["waiting"]["message"] = words
    observed.tell(pod("checkout-1-z", created=0, containers=[bad]), "added")
    [flag] = observed.flags
    assert "hunter2" not in flag.observed["message"]


def test_what_an_event_says_is_masked_before_it_is_cut() -> None:
    words = f"{'x' * 280} redis://:hunter2-{'y' * 60}@carts:6379"
    observed = Observed(*healthy())
    bad = pod("checkout-1-x", created=0, containers=[waiting("ContainerCreating")])
    observed.tell(bad, "added")
    observed.tell(event("FailedMount", 4, field="", note=words), "added")
    observed.wait(30)
    flag = next(each for each in observed.flags if each.signal is Signal.CONTAINER_STUCK)
    assert "hunter2" not in flag.observed["message"]


def test_a_crash_loop_back_off_is_flagged_at_once() -> None:
    observed = Observed(*healthy())
    loop = waiting("CrashLoopBackOff", restarts=3, lastState=ended(1, -1))
    observed.tell(pod(containers=[loop]))
    [flag] = observed.flags
    assert flag.signal is Signal.CRASH_LOOP
    assert flag.observed["exit_code"] == "1"


def test_the_first_back_off_is_the_second_crash() -> None:
    """The kubelet starts at once after the first one, and waits after the second."""
    observed = Observed(*healthy())
    first, second = ended(1, 1), ended(1, 3)
    for seconds, shown in (
        (1, container(ready=False, state=first)),
        (2, container(ready=False, restarts=1, started=2, lastState=first)),
    ):
        observed.wait(seconds - observed.seconds)
        observed.tell(pod(ready=False, containers=[shown]))
    assert observed.flags == []
    observed.wait(1)
    observed.tell(pod(containers=[waiting("CrashLoopBackOff", restarts=1, lastState=second)]))
    [flag] = observed.flags
    assert flag.observed["restarts"] == "1"
    assert (flag.occurred_at - flag.since).total_seconds() == 2


def test_two_restarts_with_an_error_within_ten_minutes_are_a_loop() -> None:
    observed = Observed(*healthy())
    for count, end in ((1, 1.0), (2, 30.0)):
        observed.wait(end - observed.seconds)
        again = container(restarts=count, ready=False, started=end, lastState=ended(137, end))
        observed.tell(pod(containers=[again]))
    assert observed.signals == [Signal.CRASH_LOOP]


def test_flapping_in_and_out_of_the_back_off_is_one_anomaly() -> None:
    observed = Observed(*healthy())
    for count in range(3, 12):
        now = observed.seconds
        last = ended(1, now, ran=12)
        observed.tell(pod(containers=[waiting("CrashLoopBackOff", restarts=count, lastState=last)]))
        observed.wait(5)
        started = observed.seconds
        run = container(restarts=count + 1, started=started, lastState=last)
        observed.tell(pod(ready_since=started, containers=[run]))
        observed.wait(12)
    assert observed.signals == [Signal.CRASH_LOOP]
    assert observed.clears == []


def test_a_loop_that_runs_ready_long_enough_is_cleared() -> None:
    observed = Observed(*healthy())
    last = ended(1, 0)
    observed.tell(pod(containers=[waiting("CrashLoopBackOff", restarts=3, lastState=last)]))
    observed.wait(5)
    observed.tell(pod(ready_since=5, containers=[container(restarts=4, started=5, lastState=last)]))
    observed.wait(30)
    assert observed.clears == [Signal.CRASH_LOOP]


def test_how_long_it_ran_before_the_loop_does_not_keep_it_in_the_loop() -> None:
    observed = Observed(*healthy())
    for count, end, ran in ((1, 1.0, 3600), (2, 6.0, 4)):
        observed.wait(end - observed.seconds)
        last = ended(137, end, ran=ran)
        again = container(restarts=count, ready=False, started=end, lastState=last)
        observed.tell(pod(containers=[again]))
    assert observed.signals == [Signal.CRASH_LOOP]
    run = container(restarts=2, started=7, lastState=last)
    observed.tell(pod(ready_since=7, containers=[run]))
    observed.wait(20)
    assert observed.clears == [Signal.CRASH_LOOP]


def test_the_only_crash_of_an_older_pod_is_no_part_of_the_loop_of_a_newer_one() -> None:
    observed = Observed(*healthy())
    once = container(restarts=1, started=2, lastState=ended(137, 1, ran=900))
    observed.wait(2)
    observed.tell(pod(ready_since=2, containers=[once]))
    observed.wait(20)
    observed.tell(replica_set("checkout-2"))
    loop = waiting("CrashLoopBackOff", restarts=1, lastState=ended(1, 20))
    newer = pod(
        "checkout-2-a",
        created=15,
        owner=("ReplicaSet", "checkout-2"),
        revision="2",
        containers=[loop],
    )
    observed.tell(newer, "added")
    assert observed.signals == [Signal.CRASH_LOOP]
    observed.tell(newer, "deleted")
    observed.wait(10)
    assert observed.clears == [Signal.CRASH_LOOP]


@pytest.mark.parametrize("gone", [False, True])
def test_a_pod_that_was_ready_and_goes_without_a_plan_is_lost(*, gone: bool) -> None:
    observed = Observed(*healthy(2))
    if gone:
        observed.tell(pod(), "deleted")
    else:
        observed.tell(pod(deleted=0))
    observed.wait(1)
    assert observed.signals == [Signal.POD_LOST]
    assert observed.flags[0].pod == "checkout-1-a"
    assert observed.clears == []
    observed.tell(pod("checkout-1-c", created=2, ready_since=2), "added")
    observed.wait(6)
    assert observed.clears == [Signal.POD_LOST]


def test_a_pod_that_ends_with_success_is_no_success_of_a_deployment() -> None:
    observed = Observed(*healthy())
    over = container(ready=False, state=ended(0, 0, reason="Completed"))
    observed.tell(pod(phase="Succeeded", containers=[over]))
    observed.wait(1)
    assert observed.signals == [Signal.POD_LOST]


def known(replicas: int, *more: dict[str, Any]) -> Observed:
    observed = Observed(*healthy(replicas), *more)
    observed.wait(45)
    assert observed.remembered
    assert observed.flags == []
    return observed


@pytest.mark.parametrize(
    ("before", "after", "more", "flagged"),
    [
        pytest.param(3, 0, (), True, id="to none"),
        pytest.param(3, 1, (), False, id="to one, which is the minimum"),
        pytest.param(3, 1, (budget(minAvailable=2),), True, id="below a number"),
        pytest.param(3, 2, (budget(minAvailable=2),), False, id="to a number"),
        pytest.param(4, 0, (budget(minAvailable="50%"),), True, id="below a percentage"),
        pytest.param(3, 2, (budget(maxUnavailable=1),), False, id="within what may be away"),
        pytest.param(3, 1, (budget(app="other", minAvailable=2),), False, id="of others"),
    ],
)
def test_replicas_below_the_minimum(before: int, after: int, more: Any, *, flagged: bool) -> None:
    observed = known(before, *more)
    observed.tell(deployment(replicas=after, ready=before, current=before, generation=2))
    assert observed.signals == ([Signal.REPLICAS_SHORT] if flagged else [])
    observed.tell(replica_set(replicas=after))
    for letter in "abcdefghij"[after:before]:
        observed.tell(pod(f"checkout-1-{letter}", deleted=observed.seconds))
        observed.tell(pod(f"checkout-1-{letter}"), "deleted")
    observed.tell(deployment(replicas=after, generation=2))
    observed.wait(30)
    assert observed.signals == ([Signal.REPLICAS_SHORT] if flagged else [])
    if flagged:
        observed.tell(deployment(replicas=before, generation=3))
        for letter in "klmnopq"[: before - after]:
            observed.tell(pod(f"checkout-1-{letter}", created=observed.seconds), "added")
        observed.wait(5)
        assert observed.clears == [Signal.REPLICAS_SHORT]


def test_an_annotation_names_the_minimum() -> None:
    more: dict[str, Any] = {"annotations": {"ooda.dev/minimum-replicas": "3"}}
    observed = Observed(*healthy(3, **more))
    observed.wait(45)
    observed.tell(deployment(replicas=2, generation=2, **more))
    assert observed.signals == [Signal.REPLICAS_SHORT]


def test_a_pod_that_ran_for_long_and_is_not_ready_any_more_makes_it_short() -> None:
    observed = known(1)
    observed.tell(pod(ready=False, ready_since=observed.seconds))
    assert observed.signals == [Signal.REPLICAS_SHORT]


def test_a_workload_that_never_was_ready_is_short_after_its_deadline() -> None:
    late = [{"type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded"}]
    young = pod(created=0, containers=[container(ready=False, started=1)])
    observed = Observed(node(), deployment(ready=0, created=0), replica_set(), young)
    observed.wait(120)
    assert observed.flags == []
    observed.tell(deployment(ready=0, created=0, conditions=late))
    assert observed.signals == [Signal.REPLICAS_SHORT]


def test_a_job_that_used_all_its_retries_is_flagged() -> None:
    failed = container(ready=False, state=ended(3, 0))
    observed = Observed(
        node(),
        job(),
        pod("report-a", owner=("Job", "report"), phase="Failed", containers=[failed]),
    )
    assert observed.flags == []
    observed.tell(job(finished="Failed"))
    [flag] = observed.flags
    assert flag.signal is Signal.CRASH_LOOP
    assert flag.observed["exit_code"] == "3"


DENIED = 'pods "checkout-2-x" is forbidden: exceeded quota: small, requested: pods=1'


@pytest.mark.parametrize(
    ("denial", "flagged"),
    [
        ({}, True),
        ({"status": "False"}, False),
        ({"reason": "FailedDelete"}, False),
        ({"lastTransitionTime": None}, False),
    ],
    ids=["denied", "not any more", "something else", "nobody says since when"],
)
def test_a_workload_that_may_make_no_more_pods(denial: dict[str, Any], *, flagged: bool) -> None:
    condition = {"type": "ReplicaFailure", "status": "True", "reason": "FailedCreate"}
    condition |= {"message": DENIED, "lastTransitionTime": at(0)} | denial
    observed = Observed(*healthy(2))
    observed.tell(deployment(replicas=2, conditions=[condition], updated=0, generation=2))
    observed.wait(15)
    assert observed.flags == []
    observed.wait(10)
    assert observed.signals == ([Signal.REPLICAS_SHORT] if flagged else [])
    if flagged:
        assert observed.flags[0].summary == f"checkout (Deployment) may make no more pods: {DENIED}"
