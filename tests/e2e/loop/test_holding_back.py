"""Faults that the agent leaves alone: expected to mend, not understood, not allowed, stopped."""

from collections.abc import Callable

import pytest

from e2e.live.incidents import Scene, asked, decided
from e2e.live.kube import Kube
from e2e.live.ooda import Ooda
from e2e.live.shop import SHOP
from e2e.live.waiting import wait_until
from e2e.live.workloads import NO_SUCH_IMAGE, Workload, without_its_key
from ooda.common.events import ActionExecuted, DiagnosisReady
from ooda.common.taxonomy import (
    ActionKind,
    Closure,
    FailureClass,
    Mode,
    Outcome,
    Signal,
    Verdict,
)

Record = Callable[[str, object], None]

pytestmark = pytest.mark.timeout(180)


def test_a_killed_pod_is_left_to_its_controller(
    kube: Kube, scene: Scene, ooda: Ooda, record_property: Record
) -> None:
    workload = Workload(kube, "Deployment", "cart")
    pod = workload.pods()[0].metadata.name
    # The snapshots are heard only to know that it listens.
    subjects = ("--subject", "anomaly.>", "--subject", "telemetry.>")
    with ooda.started("events", *subjects, "--output", "table") as said:
        assert said.stdout
        assert "telemetry.snapshot" in said.stdout.readline()
        kube.delete("Pod", pod, SHOP)
        incident = scene.incident(workload.kind, workload.name, Signal.POD_LOST)
        line = next(each for each in said.stdout if "anomaly.flagged" in each)
    assert f"cart (Deployment) lost pod {pod}" in line
    assert incident.next(DiagnosisReady, 10).failure_class is FailureClass.POD_KILLED
    assert decided(incident).verdict is Verdict.STAND_DOWN
    assert incident.closed().closure is Closure.CLEARED
    assert scene.actions() == []
    record_property("killed pod", incident.timings())


def test_a_pod_that_lacks_its_configuration_is_a_question_to_a_person(
    kube: Kube, scene: Scene, ooda: Ooda, record_property: Record
) -> None:
    with without_its_key(kube) as workload:
        incident = scene.incident(workload.kind, workload.name, Signal.CONTAINER_STUCK)
        review = asked(incident)
        assert review.failure_class in (FailureClass.CONFIG_ERROR, FailureClass.UNKNOWN)
        assert review.proposal is None
        wait_until(
            lambda: [
                each
                for each in ooda.json("review", "list")
                if each["review_id"] == review.review_id and each["question"] == review.question
            ],
            "the list has the question",
            seconds=10,
        )
        assert review.review_id[:8] in ooda("review", "list")
        assert workload.read()["metadata"]["generation"] == 1
    assert incident.closed().closure is Closure.HANDED_OVER
    assert scene.actions() == []
    record_property("missing configuration", f"{review.failure_class}, {incident.timings()}")


def test_where_it_may_only_propose_it_proposes(
    kube: Kube, scene: Scene, set_mode: Callable[[str | None], None]
) -> None:
    workload = Workload(kube, "Deployment", "auth")
    before = workload.read()
    set_mode("propose")
    workload.set_container(image=NO_SUCH_IMAGE, imagePullPolicy="Never")
    incident = scene.incident(workload.kind, workload.name, Signal.IMAGE_PULL)
    review = asked(incident)
    assert review.proposal
    assert review.proposal.action is ActionKind.ROLL_BACK_WORKLOAD
    assert review.proposal.target == incident.flag.target
    assert (decided(incident).verdict, decided(incident).mode) == (Verdict.REVIEW, Mode.PROPOSE)
    workload.put_back(before)
    assert incident.closed().closure is Closure.HANDED_OVER
    assert scene.actions() == []


def test_while_it_is_stopped_nothing_is_written(kube: Kube, scene: Scene, ooda: Ooda) -> None:
    workload = Workload(kube, "Deployment", "shipping")
    before = workload.read()
    ooda("stop", "--reason", "a test of the stop")
    workload.set_container(image=NO_SUCH_IMAGE, imagePullPolicy="Never")
    incident = scene.incident(workload.kind, workload.name, Signal.IMAGE_PULL)
    executed = incident.next(ActionExecuted, seconds=30)
    assert (executed.outcome, executed.wrote) == (Outcome.REFUSED, False), executed.reason
    asked(incident)
    ooda("resume")
    broken = workload.read()
    assert broken["metadata"]["generation"] == before["metadata"]["generation"] + 1
    assert broken["spec"]["template"]["spec"]["containers"][0]["image"] == NO_SUCH_IMAGE
    workload.put_back(before)
    assert incident.closed().closure is Closure.HANDED_OVER
    assert not any(each.wrote for each in incident.told(ActionExecuted))
