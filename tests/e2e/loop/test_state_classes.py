"""More of what the state of objects proves, on the real kubelet and scheduler; and an approval."""

from collections.abc import Callable
from typing import Any

import pytest

from e2e.live.incidents import Incident, Scene, asked, decided
from e2e.live.kube import Kube
from e2e.live.ooda import Ooda
from e2e.live.shop import SHOP
from e2e.live.workloads import NO_SUCH_IMAGE, Workload, hoarder
from ooda.common.events import ActionExecuted, ActionStarted, DecisionMade, DiagnosisReady
from ooda.common.targets import ServiceTarget
from ooda.common.taxonomy import ActionKind, Closure, FailureClass, Outcome

Record = Callable[[str, object], None]

pytestmark = pytest.mark.timeout(300)

SMALL = {"requests": {"memory": "16Mi"}, "limits": {"memory": "24Mi"}}
CLOSED_PORT = {"tcpSocket": {"port": 9}, "periodSeconds": 2, "failureThreshold": 2}
NOTICED = 150.0
"""Seconds. Until the probes' start-up time is over, and 30 s more, a slow start is no failure."""


def healed(incident: Incident, failure: FailureClass, action: ActionKind) -> None:
    diagnosis = incident.next(DiagnosisReady, seconds=10)
    assert diagnosis.failure_class is failure, diagnosis.summary
    decision = decided(incident)
    assert decision.request, decision.reason
    assert decision.request.action is action
    closed = incident.closed(150)
    executed = incident.next(ActionExecuted, 0)
    assert (executed.outcome, closed.closure) == (Outcome.KEPT, Closure.RESOLVED), executed.reason


@pytest.mark.parametrize(
    ("name", "change", "failure"),
    [
        pytest.param("shipping", {"resources": SMALL}, FailureClass.OOM_KILLED, id="memory limit"),
        pytest.param(
            "auth", {"readinessProbe": CLOSED_PORT}, FailureClass.PROBE_FAILURE, id="probe"
        ),
    ],
)
def test_a_release_is_rolled_back(
    kube: Kube,
    scene: Scene,
    record_property: Record,
    name: str,
    change: dict[str, Any],
    failure: FailureClass,
) -> None:
    workload = Workload(kube, "Deployment", name)
    workload.set_container(**change)
    incident = scene.first_incident(NOTICED)
    healed(incident, failure, ActionKind.ROLL_BACK_WORKLOAD)
    assert workload.complete()
    record_property(failure, incident.flag.summary)


def in_force(workload: Workload) -> dict[str, str]:
    """Return the memory limits of its pods as the kubelet tells them, by the UIDs of the pods."""
    return {
        each.metadata.uid: each.status.containerStatuses[0].resources.limits.memory
        for each in workload.pods()
    }


def test_more_memory_in_place_where_nothing_changed(
    kube: Kube, scene: Scene, record_property: Record
) -> None:
    with hoarder(kube) as workload:
        workload.wait_until_complete()
        workload.wait_until_known()
        before = in_force(workload)
        assert set(before.values()) == {"80Mi"}
        for pod in workload.pods():
            kube.run_in(SHOP, pod.metadata.name, "touch", "/scratch/grow")
        incident = scene.first_incident(NOTICED)
        healed(incident, FailureClass.OOM_KILLED, ActionKind.RAISE_MEMORY_LIMIT)
        started = incident.next(ActionStarted, 0)
        assert {each.kind for each in started.steps} == {"resize"}, started.summary
        assert in_force(workload) == dict.fromkeys(before, "120Mi")
        follow_up = incident.closed(0).follow_up
        assert (
            f"set resources deployment/{workload.name} -c main --limits=memory=120Mi" in follow_up
        )
        assert workload.read()["metadata"]["generation"] == 1
        record_property("in place", started.summary)


def test_a_selector_that_no_node_matches_is_rolled_back(kube: Kube, scene: Scene) -> None:
    workload = Workload(kube, "Deployment", "recommendation")
    nowhere = {"spec": {"template": {"spec": {"nodeSelector": {"disk": "no-such-disk"}}}}}
    kube.patch("Deployment", workload.name, SHOP, nowhere)
    healed(
        scene.first_incident(NOTICED),
        FailureClass.UNSCHEDULABLE,
        ActionKind.ROLL_BACK_WORKLOAD,
    )
    assert workload.complete()


def test_a_service_that_selects_nobody_is_rolled_back(kube: Kube, scene: Scene) -> None:
    before = kube.get("Service", "payment", SHOP).to_dict()["spec"]["selector"]
    kube.patch("Service", "payment", SHOP, {"spec": {"selector": {"release": "none"}}})
    try:
        incident = scene.first_incident(NOTICED)
        assert incident.flag.target == ServiceTarget(namespace=SHOP, name="payment")
        healed(incident, FailureClass.SERVICE_MISROUTED, ActionKind.ROLL_BACK_SERVICE)
        assert kube.get("Service", "payment", SHOP).to_dict()["spec"]["selector"] == before
    finally:
        kube.patch("Service", "payment", SHOP, {"spec": {"selector": {"release": None, **before}}})


def test_what_a_person_approves_is_done_where_it_may_only_propose(
    kube: Kube, scene: Scene, ooda: Ooda, set_mode: Callable[[str | None], None]
) -> None:
    workload = Workload(kube, "Deployment", "catalog")
    set_mode("propose")
    workload.set_container(image=NO_SUCH_IMAGE, imagePullPolicy="Never")
    incident = scene.first_incident()
    review = asked(incident)
    assert "acting" in ooda("review", "approve", review.review_id, "--comment", "as tested")
    assert incident.closed(150).closure is Closure.RESOLVED
    assert workload.complete()
    people = [each.approval.person for each in incident.told(DecisionMade) if each.approval]
    assert people == ["operator"]
