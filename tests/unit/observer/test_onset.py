"""Since when something deviates: the cluster's own times, where it has any."""

import datetime as dt
from typing import Any

import pytest

from factories.objects import NOW, at, container, ended, event, pod, waiting
from factories.observed import Observed, healthy
from ooda.common.taxonomy import Signal
from ooda.observer.core.state import OCCURRENCES_LIMIT


def prepared(seconds: float) -> dict[str, Any]:
    steps = ("PodScheduled", "PodReadyToStartContainers")
    return {
        "conditions": [
            {"type": each, "status": "True", "lastTransitionTime": at(seconds)} for each in steps
        ]
    }


BAD = [waiting("ErrImagePull", image="shop:brokn")]
AGAIN = [waiting("ErrImagePull", lastState=ended(1, 10))]
AFTER_INIT = {"init": [container(ready=False, state=ended(0, 9)) | {"name": "first"}]}


@pytest.mark.parametrize(
    ("shown", "events", "since"),
    [
        pytest.param({}, (), 0, id="nothing said: the pod's creation"),
        pytest.param({"status": prepared(2)}, (), 2, id="its network was ready"),
        pytest.param({}, (event("Failed", 12),), 12, id="the first failure"),
        pytest.param({}, (event("Failed", 12, 15),), 12, id="not the last one"),
        pytest.param({}, (event("Failed", 12, uid="another"),), 0, id="of a pod before it"),
        pytest.param(
            {}, (event("Failed", 12, field="spec.containers{b}"),), 0, id="of another container"
        ),
        pytest.param({}, (event("Unhealthy", 12),), 0, id="of another reason"),
        pytest.param(
            {}, (event("Failed", 12, reportingController="ooda.dev/actor"),), 0, id="our own word"
        ),
        pytest.param({}, (event("Failed", -9),), 0, id="never before the pod"),
        pytest.param({}, (event("Failed", 900),), 20, id="never later than now"),
        pytest.param({}, (event("Failed", 12, about="checkout-1-y"),), 0, id="of another pod"),
        pytest.param(
            {"containers": AGAIN}, (event("Failed", 3, 14),), 14, id="counted on after a run"
        ),
        pytest.param({"containers": AGAIN}, (event("Failed", 3),), 10, id="from before a run"),
        pytest.param(AFTER_INIT, (), 9, id="after what runs before it"),
        pytest.param(
            {},
            (event("Failed", 12, eventTime=at(11), series={"lastObservedTime": at(13)}),),
            11,
            id="in the new API",
        ),
    ],
)
def test_an_image_that_cannot_be_pulled(
    shown: dict[str, Any], events: tuple[dict[str, Any], ...], since: float
) -> None:
    observed = Observed(*healthy())
    observed.tell(pod("checkout-1-x", created=0, containers=[waiting("ContainerCreating")]))
    observed.seconds = 20
    for each in events:
        observed.tell(each, "added")
    observed.tell(pod("checkout-1-x", created=0, **{"containers": BAD} | shown))
    [flag] = observed.flags
    assert flag.since == NOW + dt.timedelta(seconds=since)


def test_a_container_that_cannot_be_made_and_a_volume_that_is_not_there() -> None:
    observed = Observed(*healthy())
    observed.seconds = 8
    observed.tell(event("Failed", 3), "added")
    stuck = [waiting("CreateContainerConfigError")]
    observed.tell(pod("checkout-1-x", created=0, containers=stuck), "added")
    creating = [waiting("ContainerCreating") | {"name": "late"}]
    observed.tell(pod("checkout-1-y", created=0, containers=creating), "added")
    observed.tell(event("FailedMount", 4, about="checkout-1-y", field=""), "added")
    observed.wait(20)
    assert observed.signals == [Signal.CONTAINER_STUCK, Signal.CONTAINER_STUCK]
    assert [(each.since - NOW).total_seconds() for each in observed.flags] == [3, 4]


def test_events_that_are_listed_before_the_pods_count() -> None:
    bad = pod("checkout-1-x", created=-60, containers=BAD)
    observed = Observed(event("Failed", -50), *healthy(), bad)
    assert observed.flags[0].since == NOW - dt.timedelta(seconds=50)


def test_a_crash_loop_began_with_the_first_end_that_is_known() -> None:
    observed = Observed(*healthy())
    for count, end in ((1, 5.0), (2, 30.0)):
        observed.wait(end + 2 - observed.seconds)
        again = container(restarts=count, ready=False, started=end, lastState=ended(1, end))
        observed.tell(pod(containers=[again]))
    assert observed.flags[0].since == NOW + dt.timedelta(seconds=5)


def test_a_lost_pod_was_lost_when_its_deletion_was_asked_for() -> None:
    observed = Observed(*healthy(2))
    observed.seconds = 3
    observed.tell(pod(deleted=1))
    observed.wait(1)
    assert observed.flags[0].since == NOW + dt.timedelta(seconds=1)


def test_events_are_forgotten_with_their_pod_and_kept_in_small_number() -> None:
    observed = Observed(*healthy(), event("Failed", 0, about="never-there"))
    for number in range(40):
        body = event("Failed", number)
        body["metadata"]["name"] = f"one-{number}"
        observed.tell(body, "added")
    assert len(observed.namespace.occurrences["checkout-1-x"]) == OCCURRENCES_LIMIT
    observed.tell(pod("checkout-1-x"), "added")
    observed.wait(6)
    assert set(observed.namespace.occurrences) == {"checkout-1-x"}
    observed.tell(pod("checkout-1-x"), "deleted")
    assert observed.namespace.occurrences == {}
