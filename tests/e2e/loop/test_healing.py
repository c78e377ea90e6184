"""Faults that the agent repairs: what it says at each stage, and that the repair is right."""

from collections.abc import Callable

import pytest

from e2e.live.incidents import ACTION_GATE, Incident, Scene, decided
from e2e.live.kube import Kube
from e2e.live.ooda import Ooda
from e2e.live.waiting import wait_until
from e2e.live.workloads import NO_SUCH_IMAGE, Workload
from ooda.common.events import ActionApplied, ActionExecuted, DiagnosisReady
from ooda.common.taxonomy import ActionKind, Closure, FailureClass, Outcome, Signal, Verdict

Record = Callable[[str, object], None]

pytestmark = pytest.mark.timeout(240)

SQL = """
SELECT i.closure, i.failure_class, a.action, a.outcome, a.wrote
FROM incidents AS i JOIN actions AS a USING (incident_id) WHERE incident_id = '{}'
"""
CHAIN = (
    "anomaly.flagged",
    "diagnosis.started",
    "diagnosis.ready",
    "decision.made",
    "action.started",
    "action.recorded",
    "action.applied",
    "action.executed",
    "incident.closed",
)


def healed(incident: Incident, failure: FailureClass, action: ActionKind) -> str:
    """Follow an incident to its good end; return how long the stages took."""
    diagnosis = incident.next(DiagnosisReady, seconds=10)
    assert (diagnosis.failure_class, diagnosis.component) == (failure, incident.flag.target)
    decision = decided(incident)
    assert decision.verdict is Verdict.ACT, decision.reason
    assert decision.request
    assert decision.request.action is action
    incident.next(ActionApplied, seconds=ACTION_GATE)
    closed = incident.closed()
    executed = incident.next(ActionExecuted, seconds=0)
    assert (executed.outcome, executed.wrote) == (Outcome.KEPT, True), executed.reason
    assert (closed.closure, closed.failure_class) == (Closure.RESOLVED, failure)
    return incident.timings()


def recorded(incident: Incident, action: ActionKind, ooda: Ooda) -> None:
    """Find the whole incident in the database: as a view, and as a story."""
    row = {
        "closure": "resolved",
        "failure_class": str(incident.next(DiagnosisReady, 0).failure_class),
        "action": str(action),
        "outcome": "kept",
        "wrote": True,
    }
    query = SQL.format(incident.incident_id)
    wait_until(lambda: ooda.json("audit", "query", query) == [row], "the views have it", 10)
    subjects = [each["subject"] for each in ooda.json("show", incident.incident_id)]
    assert [each for each in CHAIN if each not in subjects] == []
    assert incident.flag.summary in ooda("show", incident.incident_id[:8])


def good_template(workload: Workload) -> object:
    return workload.known_good()["templates"][-1]


def test_a_deployment_whose_image_does_not_exist_is_rolled_back(
    kube: Kube, scene: Scene, ooda: Ooda, record_property: Record
) -> None:
    workload = Workload(kube, "Deployment", "catalog")
    workload.set_container(image=NO_SUCH_IMAGE)
    incident = scene.incident(workload.kind, workload.name, Signal.IMAGE_PULL)
    took = healed(incident, FailureClass.IMAGE_PULL_FAILURE, ActionKind.ROLL_BACK_WORKLOAD)
    assert workload.read()["spec"]["template"] == good_template(workload)
    assert workload.complete()
    recorded(incident, ActionKind.ROLL_BACK_WORKLOAD, ooda)
    record_property("image pull failure", took)


def test_a_stateful_set_whose_image_does_not_exist_is_rolled_back(
    scene: Scene, idle_set: Workload, record_property: Record
) -> None:
    idle_set.set_container(image=NO_SUCH_IMAGE)
    incident = scene.incident(idle_set.kind, idle_set.name, Signal.IMAGE_PULL)
    took = healed(incident, FailureClass.IMAGE_PULL_FAILURE, ActionKind.ROLL_BACK_WORKLOAD)
    assert idle_set.read()["spec"]["template"] == good_template(idle_set)
    assert idle_set.complete()
    record_property("image pull failure of a StatefulSet", took)


def test_a_release_that_crashes_is_rolled_back(
    kube: Kube, scene: Scene, record_property: Record
) -> None:
    workload = Workload(kube, "Deployment", "recommendation")
    workload.set_container(command=["python3", "-m", "shop.no_such_module"])
    incident = scene.incident(workload.kind, workload.name, Signal.CRASH_LOOP)
    took = healed(incident, FailureClass.CRASH_LOOP, ActionKind.ROLL_BACK_WORKLOAD)
    assert workload.read()["spec"]["template"] == good_template(workload)
    assert workload.complete()
    record_property("crash loop of a release", took)


def test_a_container_that_crashes_without_a_change_gets_a_new_pod(
    kube: Kube, scene: Scene, record_property: Record
) -> None:
    workload = Workload(kube, "Deployment", "payment-fallback")
    template, pod = workload.read()["spec"]["template"], workload.pods()[0].metadata.uid
    began = workload.restarts()
    workload.kill()
    wait_until(lambda: workload.restarts() > began, "it runs again", seconds=60)
    assert scene.flags() == []
    workload.kill()
    incident = scene.incident(workload.kind, workload.name, Signal.CRASH_LOOP)
    took = healed(incident, FailureClass.CRASH_LOOP, ActionKind.RESTART_POD)
    assert [each.metadata.uid == pod for each in workload.pods()] == [False]
    assert workload.read()["spec"]["template"] == template
    record_property("crash loop without a change", took)


def test_a_service_scaled_to_nothing_gets_its_replicas_back(
    kube: Kube, scene: Scene, record_property: Record
) -> None:
    workload = Workload(kube, "Deployment", "payment")
    known = workload.known_good()["replicas"]
    workload.scale(0)
    incident = scene.incident(workload.kind, workload.name, Signal.REPLICAS_SHORT)
    took = healed(incident, FailureClass.REPLICA_SHORTFALL, ActionKind.SCALE_TO_KNOWN_GOOD)
    assert workload.read()["spec"]["replicas"] == known
    assert workload.complete()
    record_property("replica shortfall", took)
